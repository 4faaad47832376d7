"""How far long work is: on the error stream, for a person who looks at a terminal.

A program that reads, a pipe and a log file see nothing of it, and the answer itself is never mixed with it.
"""

import io
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chalicelib.runtime.tables import Advance

_A_SECOND: Final = 8
_WRONG: Final = '"level":"error"'


class _Screen(io.TextIOBase):
    """Lines of the services as a person at a terminal wants them: what is wrong, and nothing else."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text) if _WRONG in text else len(text)


def beside() -> TextIO | io.TextIOBase:
    """Where lines of the services go while a verb works: whole into a file or a pipe, what is wrong onto a terminal."""
    return _Screen() if sys.stderr.isatty() else sys.stderr


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
        redirect_stdout=False,
        refresh_per_second=_A_SECOND,
        disable=bool(asked.json) or not sys.stderr.isatty(),
    )
    with drawn:
        task = drawn.add_task(what, total=total)
        yield lambda more: drawn.advance(task, more)
