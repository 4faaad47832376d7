"""``make bench``: what the program must reach, measured on this machine, and what it costs.

Units and requests are exact, and the same on any engine. Processor time depends on the machine, so whatever has a
target there is a ratio taken within one run: two things in turns, the median of several rounds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from rich.console import Console

from infra.local.ministack import CannotStart
from tests.load import acts, cost, directory, gifts, handlers, ledger, starts, tick
from tests.load.report import Line, Told
from tests.load.stage import Stage, stage

Part = Callable[[Stage], Iterator[Told]]

PARTS: Final[Mapping[str, tuple[str, Part]]] = {
    "starts": ("How a function starts, and what the zip weighs", starts.measure),
    "handlers": ("What a handler adds", handlers.measure),
    "ledger": ("The ledger", ledger.measure),
    "gifts": ("Gifts to one stream", gifts.measure),
    "tick": ("The minute tick, for each open session", tick.measure),
    "directory": ("A page of the directory", directory.measure),
    "acts": ("What DynamoDB charges for each act", acts.measure),
    "cost": ("What a minute costs at AWS", cost.measure),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 where a target was missed or nothing could be measured."""
    chosen = _parser().parse_args(arguments)
    names = [name for name in PARTS if name in (chosen.names or PARTS)]
    begun = time.monotonic()
    missed: list[str] = []
    try:
        with stage() as on:
            for name in names:
                title, measure = PARTS[name]
                if name == "cost" and chosen.write_docs:
                    measure = partial(cost.measure, write=True)
                missed += _told(title, measure(on))
    except CannotStart as problem:
        _say(str(problem), Console(stderr=True))
        return 1
    _say(f"\n{time.monotonic() - begun:.0f} s. Milliseconds are this machine's: compare ratios.")
    for what in missed:
        _say(f"Missed: {what}")
    return 1 if missed else 0


def _told(title: str, lines: Iterator[Told]) -> list[str]:
    """Print the lines as they come; what was missed."""
    _say(f"\n{title}")
    missed = []
    for line in lines:
        _say(line.rendered())
        if isinstance(line, Line) and line.met is False:
            missed.append(line.what.strip())
    return missed


def _say(text: str, console: Console | None = None) -> None:
    (console or Console()).print(text, markup=False, highlight=False, soft_wrap=True)


def _part(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"{name}: one of {', '.join(PARTS)}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.bench",
        description="Measure what the program must reach, and say what is missed.",
        epilog="parts:\n"
        + "".join(f"  {name:<10} {title}\n" for name, (title, _) in PARTS.items())
        + "\nIt starts a local AWS of its own (MINISTACK names its executable). With DYNAMODB_ENDPOINT_URL\n"
        "the ledger, gifts, the tick, the directory and the acts are measured on another engine.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", type=_part, metavar="part", help="only these; all where none is named")
    parser.add_argument(
        "--write-docs", action="store_true", help="write the figures of cost into docs/cost.md and docs/scale.md"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
