"""What a release shows to a person: the change as tables, its events as lines. Nothing is cut off in a log."""

import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scripts.admin.showing import inert
from scripts.deployment import history
from scripts.deployment.asked import Shown
from scripts.deployment.changes import Change, Kind
from scripts.deployment.events import Event
from scripts.deployment.history import Became, Release
from scripts.deployment.smoke import Check

_STYLES: Final[dict[Kind, str]] = {
    "add": "green",
    "change": "yellow",
    "replace": "bold magenta",
    "may replace": "magenta",
    "remove": "bold red",
}
_SAID: Final[dict[Kind, str]] = {"may replace": "perhaps to replace"}
_MOST_EQUAL: Final = 12
"""Resources of one type that are added to a new stack: more are told as a number."""


def show(console: Console, shown: Shown) -> None:
    """The whole change: resources, rights, parameters, and what is refused."""
    of_themselves = [each for each in shown.changes if each.loses or not each.follows]
    counted = {kind: sum(each.kind == kind for each in of_themselves) for kind in _STYLES}
    said = ", ".join(f"{number} {_SAID.get(kind, f'to {kind}')}" for kind, number in counted.items() if number)
    what = "a new stack" if shown.kind == "CREATE" else "a change"
    console.print(f"[bold]{shown.stack}[/bold], {what}: {said}.")
    console.print(Text(f"From {inert(shown.source)}.", style="yellow" if "(" in shown.source else ""))
    if shown.kind == "CREATE":
        console.print(_changes(of_themselves, _MOST_EQUAL))
        return
    console.print(_changes(of_themselves))
    if following := len(shown.changes) - len(of_themselves):
        console.print(f"… and {following} that refer to what changes.")
    if shown.parameters:
        table = Table("parameter", "was", "will be", title="Parameters", title_justify="left", box=None, pad_edge=False)
        for each in shown.parameters:
            table.add_row(*(escape(inert(text)) or "(empty)" for text in each))
        console.print(table)
    if shown.rights:
        console.print("[bold]Who may do what changes:[/bold]")
        for statement in shown.rights:
            sign, style = ("+", "green") if statement.comes else ("-", "red")
            console.print(Text(f"  {sign} {statement.name}: {statement.says}", style=style))
    for lost in _alike(shown.refused, lambda each: (each.kind, each.loses, each.stays, each.is_of_a_new_set)):
        console.print(Text.assemble(("Refused: ", "bold red"), _refusal(lost)))


def _alike(changes: Sequence[Change], by: Callable[[Change], Hashable]) -> list[list[Change]]:
    """Those that are alike together, in the order of the first of them."""
    found: dict[Hashable, list[Change]] = {}
    for each in changes:
        found.setdefault(by(each), []).append(each)
    return list(found.values())


def _refusal(lost: Sequence[Change]) -> str:
    """What would be lost, and what to type where that is meant."""
    one = lost[0]
    what = f"{one.name}, a {one.loses}" if len(lost) == 1 else f"{len(lost)} {one.loses}s: {_names(lost)}"
    fate = "would stay at AWS, out of the stage's reach" if one.stays else "would be gone"
    meant = f"If that is meant: {' '.join(f'--allow-replacement {each.name}' for each in lost)}"
    if one.is_of_a_new_set:
        meant = "Where a stage is brought back (docs/runbooks/restore.md): --still REASON"
    return f"it would {one.kind} {what}. What is in there {fate}. {meant}"


def _changes(changes: Sequence[Change], most: int | None = None) -> Table:
    """What changes alike on one line, and at most so many names of it."""
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.columns[1].overflow = "fold"
    for each in _alike(changes, lambda change: (change.kind, change.loses, change.type, change.why)):
        one, kind = each[0], each[0].type.removeprefix("AWS::")
        line = Text.assemble((f"{len(each)} {kind}", "bold"), f": {_names(each, most)}")
        if len(each) == 1:
            line = Text.assemble(one.name, f" ({kind})")
        if one.why:
            line.append(f", for its {', '.join(one.why)}" if len(each) == 1 else f"; for their {', '.join(one.why)}")
        table.add_row(Text(one.kind, style="bold white on red" if one.loses else _STYLES[one.kind]), line)
    return table


def _names(changes: Sequence[Change], most: int | None = None) -> str:
    more = f" and {len(changes) - most} more" if most and len(changes) > most else ""
    return ", ".join(each.name for each in changes[:most]) + more


def teller(console: Console) -> Callable[[Event], None]:
    """Tells events as they come: on a terminal how far it is, in a log a line for each; always what failed, and why.

    What failed only because another did is not told.
    """
    done: set[str] = set()

    def over(line: str) -> None:
        """In the place of the line before, on a terminal."""
        sys.stdout.write(f"\r\033[K{line[: console.width - 1]}")
        sys.stdout.flush()

    def tell(event: Event) -> None:
        if console.is_terminal and (event.tells_why or event.is_the_end):
            over("")
        if event.tells_why:
            console.print(Text(f"  {event.resource}: {event.status}: {inert(event.reason)}", style="red"))
        elif event.is_the_end:
            console.print(Text(f"  {event.resource} is {event.status}."))
            done.clear()  # what comes now is another change: the way back
        elif event.status.endswith("_COMPLETE") and event.resource not in done:
            done.add(event.resource)
            line = f"  {len(done):>3}  {event.resource}"
            if console.is_terminal:
                over(line)
            else:
                console.print(line, markup=False, highlight=False)

    return tell


def show_checks(console: Console, checks: Sequence[Check]) -> None:
    """A line each."""
    for each in checks:
        style, sign = ("green", "✓") if each.holds else ("bold red", "✗")
        console.print(Text(f"  {sign}  {each.what}{'' if each.holds else f': {inert(each.found)}'}", style=style))


_BECAME: Final[dict[Became, str]] = {
    "running": "bold cyan",
    "good": "green",
    "unseen": "yellow",
    "failed": "red",
    "went back": "magenta",
    "bad": "bold red",
}


_ADVICE: Final[dict[Became, str]] = {
    "running": "A release runs, or ended in its middle: deploying again finds out whether it stands.",
    "unseen": "What stands has been seen by nobody yet: deploying it again looks whether it answers.",
    "bad": "What stands does not answer as it should: mend it and deploy, or go --back.",
}


def list_releases(console: Console, found: list[Release]) -> None:
    """The newest first, and which of them stands."""
    now = history.standing(found)
    table = Table("", "released", "became", "what", box=None, pad_edge=False)
    for each in history.told(found):
        stands = "▸" if now and each.at == now.at else ""
        table.add_row(stands, each.at, Text(each.became, style=_BECAME[each.became]), Text(inert(_what(each))))
    console.print(table if found else "Nothing has been released yet.")
    if now and (advice := _ADVICE.get(now.became)):
        console.print(Text(advice))


def _what(one: Release) -> str:
    """From which commit, by whom, and why; of old releases some of it is not known."""
    who = one.by.rpartition("/")[2].rpartition(":")[2]
    made = " by ".join(each for each in (one.source, who) if each)
    return ": ".join(each for each in (made, one.said) if each)
