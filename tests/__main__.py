"""``make test``: all tests, in three processes.

The end-to-end tests mostly wait, for minutes and deadlines of a stack in real time. The others run beside them, at
lower priorities, because a phone of a story must not miss its beat when a property test wants the processor: those on a
DynamoDB; and those that reckon alone. Between the latter come those that start stacks of their own: when the first
stack is up, beside which two cores would not start another in time, and long before the others end, for then they would
wait alone. What the others say is shown when all are through.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

TESTS: Final = Path(__file__).parent
WAITING: Final = TESTS / "e2e"
STARTING: Final = [WAITING / "test_restarts.py", WAITING / "test_serve.py"]
"""Stacks of their own."""
STORING: Final = TESTS / "integration"
RECKONING: Final = TESTS / "unit"
"""Those of whatever reckons alone that come first: they take as long as the first stack takes to be up, and more."""
LOWER_PRIORITY: Final = 5
LOWEST_PRIORITY: Final = 19
SLOWEST: Final = ["--durations=10", "--durations-min=5"]
"""What a run tells of itself: time is scarce."""

Part = tuple[list[Path], int]
"""What to run, and at which priority."""


def main(arguments: list[str]) -> int:
    """Run them with pytest's ``arguments``; the first exit code that is not 0."""
    folders = {each for each in TESTS.iterdir() if any(each.glob("**/test_*.py"))}
    rest = sorted(folders - {WAITING, STORING, RECKONING})
    chains: tuple[list[Part], ...] = (
        [([RECKONING], LOWEST_PRIORITY), (STARTING, LOWER_PRIORITY), (rest, LOWEST_PRIORITY)],
        [([STORING], LOWEST_PRIORITY)],
    )
    with ThreadPoolExecutor(len(chains)) as pool:
        beside = [pool.submit(_one_after_another, chain, arguments) for chain in chains]
        codes = [_pytest([WAITING], [*(f"--ignore={each}" for each in STARTING), *arguments]).wait()]
        for chain in beside:
            for code, told in chain.result():
                codes.append(code)
                _say(told)
    return next(filter(None, codes), 0)


def _one_after_another(parts: list[Part], arguments: Sequence[str]) -> list[tuple[int, str]]:
    """The exit code of each part, and what it said."""
    ended = []
    for paths, priority in parts:
        with tempfile.TemporaryFile("w+") as told:
            process = _pytest(paths, arguments, told)
            os.setpriority(os.PRIO_PROCESS, process.pid, priority)
            code = process.wait()
            told.seek(0)
            ended.append((code, told.read()))
    return ended


def _pytest(paths: Sequence[Path], arguments: Sequence[str], told: IO[str] | None = None) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - this interpreter, our own tests
        [sys.executable, "-m", "pytest", *map(str, paths), *SLOWEST, *arguments],
        stdout=told,
        stderr=subprocess.STDOUT if told else None,
    )


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
