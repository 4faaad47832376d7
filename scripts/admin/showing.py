"""What was found, or would be done: as tables, or as JSON.

One thing is a list of its facts, several are a table; what has facts of its own follows as a section. A list of whole
numbers is a series and drawn as a sparkline. What people wrote is printed inert: never as markup, and never as what a
terminal obeys. Colours are for terminals alone, say nothing that no word says, and NO_COLOR turns them off.
"""

import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final, Literal, TypeGuard

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.admin.asking import Answer, Facts, Plan

_SHOWN: Final = "\n\u200c\u200d"
"""What is not printable, and harmless: ends of lines, and the joiners that words and families are spelled with."""
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z")
"""Its thousandths are for programs."""
_IDENTITY: Final = re.compile(r"arn:aws[\w-]*:(?:iam|sts)::\d{12}:(.+)")
"""Of a stage all are of one account."""
_STEPS: Final = "▁▂▃▄▅▆▇█"
_SHORT: Final = 20
"""Characters of what is not folded: a moment, a state."""
_FOLDED: Final = 12
"""To how many a column is folded at most."""
_GAP: Final = 2
_UNBROKEN: Final = 10_000
_FADED: Final = "dim"
_HEAD: Final = "bold"
_OWED: Final = "color(196)"
_DRAWN: Final = "color(30)"


def show(found: Answer | Plan, asked: Namespace) -> None:
    """Print it on the output, which is whole and valid JSON where that was asked for."""
    if asked.json:
        rows = found.rows if isinstance(found, Answer) else []
        will = list(found.will) if isinstance(found, Plan) else []
        done = isinstance(found, Answer) or not found.will
        say(json.dumps({"done": done, "would": will, "rows": rows}, ensure_ascii=False, indent=2))
        return
    if isinstance(found, Answer) and found.drawn:
        found.drawn()
    elif isinstance(found, Answer):
        _show_rows(found)
    elif found.will:
        say("\n".join(f"Would {each}." for each in found.will))
        print("Nothing was done. Repeat it with --yes.")
    else:
        say(found.otherwise)


def sparkline(values: Sequence[int]) -> str:
    """A step for each value, the lowest for zero or the least below it, the highest for the largest."""
    bottom, top = min([0, *values]), max([0, *values])
    steps = len(_STEPS) - 1
    return "".join(_STEPS[steps * (each - bottom) // (top - bottom) if top > bottom else 0] for each in values)


def inert(text: str) -> str:
    """With what a terminal obeys, or shows nothing of, written out as JSON does: somebody may have sent it."""
    return "".join(each if each.isprintable() or each in _SHOWN else json.dumps(each)[1:-1] for each in text)


def say(text: str) -> None:
    """Print it inert."""
    print(inert(text))


def complain(why: str, errors: tuple[dict[str, str], ...] = ()) -> None:
    """Say on the error stream what was refused, and of a bad input which field of it."""
    print(inert(f"refused: {why}"), file=sys.stderr)
    for each in errors:
        print(inert(f"  {each['field']}: {each['message']}"), file=sys.stderr)


def _show_rows(found: Answer) -> None:
    if not found.rows:
        say(found.otherwise)
        return
    console = _console()
    with console.capture() as drawn:
        if len(found.rows) == 1:
            _show_facts(console, found.rows[0])
        else:
            _print_table(console, found.rows)
    # Rich fills each line up to the width of its table.
    print("\n".join(line.rstrip(" ") for line in drawn.get().splitlines()))


def _show_facts(console: Console, facts: Facts) -> None:
    """The facts, each section, and in one line what there is nothing of."""
    sections = {name: value for name, value in facts.items() if _is_section(value)}
    nothing = [name for name, value in facts.items() if value == []]
    console.print(_list({name: value for name, value in facts.items() if name not in (*sections, *nothing)}))
    for name, value in sections.items():
        console.print(Text(f"\n{inert(name)}", _HEAD))
        if isinstance(value, dict):
            console.print(_list(value))
        else:
            _print_table(console, value)
    if nothing:
        console.print(Text(f"\nnone: {inert(', '.join(nothing))}", _FADED))


def _console() -> Console:
    """As wide as the terminal; a pipe has lines as long as they are, to be searched and cut."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_UNBROKEN if piped else None)


def _print_table(console: Console, rows: list[Facts]) -> None:
    """A table where it fits, its long columns folded; else one list below the other: no short word is ever broken."""
    if _fits(rows, console.width):
        console.print(_table(rows))
        return
    for place, row in enumerate(rows):
        if place:
            console.print()
        console.print(_list(row))


def _fits(rows: list[Facts], width: int) -> bool:
    names = list(dict.fromkeys(name for row in rows for name in row))
    widest = [max(len(name), *(len(_text(row.get(name))) for row in rows)) for name in names]
    return sum(each if each <= _SHORT else _FOLDED for each in widest) + _GAP * (len(names) - 1) <= width


def _is_section(value: object) -> bool:
    """Facts of its own: those of one thing, or a table's."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, dict) for each in value)
    return isinstance(value, dict) and bool(value)


def _list(facts: Facts) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(inert(name)), _text(value))
    return table


def _table(rows: list[Facts]) -> Table:
    table = Table(box=None, pad_edge=False, header_style=_HEAD)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        short = all(len(_text(row.get(name))) <= _SHORT for row in rows)
        justify: Literal["left", "right"] = "right" if _are_numbers(rows, name) else "left"
        table.add_column(Text(inert(name)), overflow="fold", no_wrap=short, justify=justify)
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def _are_numbers(rows: list[Facts], name: str) -> bool:
    values = [value for row in rows if (value := row.get(name)) is not None]
    return bool(values) and all(isinstance(each, int) and not isinstance(each, bool) for each in values)


def _text(value: object) -> Text:
    """Never as markup: a name may hold brackets."""
    if value is None or value in ([], {}):
        return Text("-", _FADED)
    if _is_series(value):
        return Text(sparkline(value), _DRAWN)
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int) and value < 0:
        return Text(str(value), _OWED)
    written = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    if moment := _MOMENT.fullmatch(written):
        return Text(f"{moment[1]}Z")
    return Text(inert(identity[1] if (identity := _IDENTITY.fullmatch(written)) else written))


def _is_series(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(isinstance(each, int) for each in value)
