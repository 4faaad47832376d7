"""What a release shows to a person: the change as tables, its events as lines. Nothing is cut off in a log."""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

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
_MOST_EQUAL: Final = 12
"""Resources of one type that are added alike: more are told as a number."""


def show(console: Console, shown: Shown) -> None:
    """The whole change: resources, rights, parameters, and what is refused."""
    of_themselves = [each for each in shown.changes if each.loses or not each.follows]
    counted = {kind: sum(each.kind == kind for each in of_themselves) for kind in _STYLES}
    said = ", ".join(f"{number} to {kind}" for kind, number in counted.items() if number)
    what = "a new stack" if shown.kind == "CREATE" else "a change"
    console.print(f"[bold]{shown.stack}[/bold], {what}: {said}.")
    console.print(Text(f"From {shown.source}.", style="yellow" if "(" in shown.source else ""))
    if shown.kind == "CREATE":
        console.print(_additions(shown.changes))
        return
    console.print(_changes(of_themselves))
    if following := len(shown.changes) - len(of_themselves):
        console.print(f"… and {following} that refer to what changes.")
    if shown.parameters:
        table = Table("parameter", "was", "will be", title="Parameters", title_justify="left", box=None)
        for each in shown.parameters:
            table.add_row(*(escape(text) or "(empty)" for text in each))
        console.print(table)
    if shown.rights:
        console.print("[bold]Who may do what changes:[/bold]")
        for statement in shown.rights:
            sign, style = ("+", "green") if statement.comes else ("-", "red")
            console.print(Text(f"  {sign} {statement.name}: {statement.says}", style=style))
    for lost in shown.refused:
        console.print(Text.assemble(("Refused: ", "bold red"), _refusal(lost)))


def _refusal(lost: Change) -> str:
    """What would be lost, and what to type where that is meant."""
    fate = "would stay at AWS, out of the stage's reach" if lost.stays else "would be gone"
    meant = f"If that is meant: --allow-replacement {lost.name}"
    if lost.is_of_a_new_set:
        meant = "Where a stage is brought back (docs/runbooks/restore.md): --still REASON"
    return f"it would {lost.kind} {lost.name}, a {lost.loses}. What is in it {fate}. {meant}"


def _changes(changes: Sequence[Change]) -> Table:
    table = Table("", "resource", "type", "because of", box=None, pad_edge=False)
    for each in changes:
        style = "bold white on red" if each.loses else _STYLES[each.kind]
        table.add_row(Text(each.kind, style=style), each.name, each.type, ", ".join(each.why))
    return table


def _additions(changes: Sequence[Change]) -> Table:
    """Of a new stack: hundreds of resources, by their types."""
    table = Table("", "", "type", "resources", box=None, pad_edge=False, show_header=False)
    for kind in sorted({each.type for each in changes}):
        names = [each.name for each in changes if each.type == kind]
        more = f" and {len(names) - _MOST_EQUAL} more" if len(names) > _MOST_EQUAL else ""
        table.add_row(Text("add", style=_STYLES["add"]), f"{len(names)}", kind, ", ".join(names[:_MOST_EQUAL]) + more)
    return table


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
            console.print(Text(f"  {event.resource}: {event.status}: {event.reason}", style="red"))
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
        console.print(Text(f"  {sign}  {each.what}{'' if each.holds else f': {each.found}'}", style=style))


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
        table.add_row(stands, each.at, Text(each.became, style=_BECAME[each.became]), Text(_what(each)))
    console.print(table if found else "Nothing has been released yet.")
    if now and (advice := _ADVICE.get(now.became)):
        console.print(Text(advice))


def _what(one: Release) -> str:
    """From which commit, by whom, and why; of old releases some of it is not known."""
    who = one.by.rpartition("/")[2].rpartition(":")[2]
    made = " by ".join(each for each in (one.source, who) if each)
    return ": ".join(each for each in (made, one.said) if each)
