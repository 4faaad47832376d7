"""``make mutate``: the decision code with one small mistake at a time. Each turns a test red, or is explained.

mutmut makes the mistakes and tries them, in a copy of the project below ``build/``. A mistake that no test notices is a
gap in the tests, to be closed; or it is one that nobody could notice, and ``explained.toml`` says why.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).parents[2]
COPY: Final = ROOT / "build" / "mutation"
PARTS: Final = ("app.py", "pyproject.toml", ".chalice", "chalicelib", "infra", "scripts", "tests")
NOTICED: Final = ("killed", "timeout", "segfault")
UNTRIED: Final = "not checked"


@dataclass(frozen=True)
class Mistake:
    """What was changed where; ``fate`` is mutmut's word for what came of it."""

    where: str
    was: str
    became: str
    fate: str
    mutant: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What an explanation names: mutmut's own numbers change with the code around."""
        return self.where, _plain(self.was), _plain(self.became)


def main(arguments: list[str]) -> int:
    """Try the mistakes and tell; 1 where one is neither noticed nor explained, or an explanation has no mistake."""
    parser = argparse.ArgumentParser(prog="make mutate", description="The decision code with one mistake at a time.")
    parser.add_argument("only", nargs="*", help="mutants to try, as in chalicelib.wallet.model.meter.x_due*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False)
    began = time.monotonic()
    _copy()
    trial = [sys.executable, "tests/mutation/trial.py", "--max-children", str(chosen.jobs), *chosen.only]
    if subprocess.run(trial, cwd=COPY, check=False).returncode:  # noqa: S603 - this very program, and mutants' names
        return 1
    console.print(f"\n{(time.monotonic() - began) / 60:.0f} minutes, {chosen.jobs} at once")
    mistakes = [Mistake(**told) for told in json.loads((COPY / "outcome.json").read_text())]
    return _told(console, [mistake for mistake in mistakes if mistake.fate != UNTRIED], whole=not chosen.only)


def _copy() -> None:
    """The tree itself is never changed: others may be at work in it."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, COPY / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, COPY / part)


def _told(console: Console, mistakes: list[Mistake], *, whole: bool) -> int:
    explained = {
        (said["where"], _plain(said["was"]), _plain(became))
        for said in tomllib.loads((Path(__file__).parent / "explained.toml").read_text())["mistake"]
        for became in said["became"]
    }
    # What takes very long counts as a loop without end; of what is explained it only says that the machine was busy.
    survivors = [
        each for each in mistakes if each.fate not in NOTICED or (each.fate == "timeout" and each.key in explained)
    ]
    open_ones = [mistake for mistake in survivors if mistake.key not in explained]
    idle = explained - {mistake.key for mistake in survivors} if whole else set()
    console.print(_table(mistakes, survivors, open_ones))
    for mistake in open_ones:
        console.print(
            f"\n{mistake.mutant}: {mistake.fate}\n- {mistake.was}\n+ {mistake.became}", markup=False, soft_wrap=True
        )
    for where, was, became in sorted(idle):
        console.print(
            f"\nexplained, but not there or noticed: {where}\n- {was}\n+ {became}", markup=False, soft_wrap=True
        )
    return 1 if open_ones or idle else 0


def _table(mistakes: list[Mistake], survivors: list[Mistake], open_ones: list[Mistake]) -> Table:
    table = Table("module", "mistakes", "noticed", "explained", "open", title="Mistakes in the decision code")
    for column in table.columns[1:]:
        column.justify = "right"
    made, left, unexplained = (Counter(_module(each) for each in part) for part in (mistakes, survivors, open_ones))
    for module, count in sorted(made.items()):
        table.add_row(module, *map(str, _row(count, left[module], unexplained[module])))
    table.add_section()
    total = len(mistakes)
    table.add_row("all", *map(str, _row(total, len(survivors), len(open_ones))))
    share = 100 * (total - len(survivors)) / (total - len(survivors) + len(open_ones))
    table.caption = f"Noticed of those that anybody could notice: {share:.1f} %"
    return table


def _row(count: int, left: int, unexplained: int) -> tuple[int, int, int, int]:
    return count, count - left, left - unexplained, unexplained


def _module(mistake: Mistake) -> str:
    return mistake.mutant.rpartition(".")[0].removeprefix("chalicelib.")


def _plain(code: str) -> str:
    return " ".join(code.split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
