"""How far long work is: on the error stream, for a person who looks at a terminal.

A program that reads, a pipe and a log file see nothing of it, and the answer itself is never mixed with it.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[int], None]
"""Takes how many more are done."""

_A_SECOND: Final = 8


@contextmanager
def bar(asked: Namespace, what: str, total: int | None = None) -> Iterator[Advance]:
    """Show how many of ``total`` are done while the block lasts, or only how many where nobody knows the total."""
    counted = TextColumn("{task.completed:,.0f} of {task.total:,.0f}" if total else "{task.completed:,.0f}")
    drawn = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        counted,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=_A_SECOND,
        disable=bool(asked.json) or not sys.stderr.isatty(),
    )
    with drawn:
        task = drawn.add_task(what, total=total)
        yield lambda more: drawn.advance(task, more)
