"""What was found, or would be done: as tables, or as JSON.

What people wrote is printed inert: never as markup, and never as what a terminal obeys.
"""

import json
import sys
from argparse import Namespace
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.admin.asking import Answer, Facts, Plan

_SHOWN: Final = "\n\u200c\u200d"
"""What is not printable, and harmless: ends of lines, and the joiners that words and families are spelled with."""


def show(found: Answer | Plan, asked: Namespace) -> None:
    if asked.json:
        rows = found.rows if isinstance(found, Answer) else []
        will = list(found.will) if isinstance(found, Plan) else []
        done = isinstance(found, Answer) or not found.will
        say(json.dumps({"done": done, "would": will, "rows": rows}, ensure_ascii=False, indent=2))
        return
    if isinstance(found, Answer):
        _show_rows(found.rows)
    elif found.will:
        say("\n".join(f"Would {each}." for each in found.will))
        print("Nothing was done. Repeat it with --yes.")
    else:
        say(found.otherwise)


def _show_rows(rows: list[Facts]) -> None:
    """One thing as a list of its facts, several as a table."""
    if not rows:
        print("Nothing found.")
    elif len(rows) == 1:
        _show_facts(rows[0])
    else:
        Console().print(_table(rows))


def _show_facts(facts: Facts) -> None:
    """What has several things in it follows as a table of its own."""
    several = {name: value for name, value in facts.items() if value and _are_facts(value)}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if name not in several:
            table.add_row(name, _text(value))
    Console().print(table)
    for name, rows in several.items():
        print(f"\n{name}")
        Console().print(_table(rows))


def _are_facts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _table(rows: list[Facts]) -> Table:
    table = Table(box=None, pad_edge=False)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def _text(value: object) -> Text:
    """Never as markup: a name may hold brackets."""
    if value is None or value == []:
        return Text("-")
    return Text(inert(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)))


def inert(text: str) -> str:
    """With what a terminal obeys, or shows nothing of, written out as JSON does: somebody may have sent it."""
    return "".join(each if each.isprintable() or each in _SHOWN else json.dumps(each)[1:-1] for each in text)


def say(text: str) -> None:
    print(inert(text))


def complain(why: str, errors: tuple[dict[str, str], ...] = ()) -> None:
    """Say on the error stream what was refused, and of a bad input which field of it."""
    print(inert(f"refused: {why}"), file=sys.stderr)
    for each in errors:
        print(inert(f"  {each['field']}: {each['message']}"), file=sys.stderr)
