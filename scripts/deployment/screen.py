"""What a release shows to a person: the change as tables, its events as lines. Nothing is cut off in a log."""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scripts.deployment.changes import Change, Kind
from scripts.deployment.release import Release, Shown
from scripts.deployment.smoke import Check
from scripts.deployment.stack import Event

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
    console.print(f"[bold]{'A new stack' if shown.kind == 'CREATE' else 'A change'}[/bold]: {said}.")
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
        console.print(
            f"[bold red]Refused[/bold red]: {lost.name} is a {lost.loses} that it would {lost.kind}; what is in it "
            f"would be out of the stage's reach. If that is meant: --allow-replacement {lost.name}"
        )


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
    """Tells events as they come: on a terminal how far it is, in a log a line for each; always what failed, and why."""
    done: set[str] = set()

    def tell(event: Event) -> None:
        if event.status.endswith("FAILED"):
            console.print(Text(f"  {event.resource}: {event.status}: {event.reason}", style="red"))
        elif event.status.endswith("_COMPLETE") and event.resource not in done:
            done.add(event.resource)
            line = f"  {len(done):>3}  {event.resource}"
            if console.is_terminal:
                sys.stdout.write(f"\r\033[K{line}")
                sys.stdout.flush()
            else:
                console.print(line, markup=False, highlight=False)

    return tell


def show_checks(console: Console, checks: Sequence[Check]) -> None:
    """A line each."""
    for each in checks:
        style, sign = ("green", "✓") if each.holds else ("bold red", "✗")
        console.print(Text(f"  {sign}  {each.what}{'' if each.holds else f': {each.found}'}", style=style))


def list_releases(console: Console, found: list[Release]) -> None:
    """The newest first; the first is what stands."""
    table = Table("released", "what", "template", box=None, pad_edge=False)
    for each in found:
        table.add_row(each.at, escape(each.said), each.template_key.rpartition("/")[2][:12])
    console.print(table if found else "Nothing has been released yet.")
