"""``make test``: all tests, in three processes.

The end-to-end tests mostly wait, for minutes and deadlines of a stack in real time. The others mostly reckon, so they
run beside them, at the lowest priority: a phone of a story must not miss its beat because a property test wants the
processor. What has a local AWS of its own, and waits for it, is one of the others; it does not hold up what only
reckons. What the others say is shown when all are through.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

TESTS: Final = Path(__file__).parent
WAITING: Final = TESTS / "e2e"
STARTING: Final = [WAITING / "test_restarts.py", WAITING / "test_serve.py"]
"""Stacks of their own."""
STORING: Final = TESTS / "integration"
LOWEST_PRIORITY: Final = 19
SLOWEST: Final = ["--durations=10", "--durations-min=5"]
"""What a run tells of itself: time is scarce."""

Running = tuple["subprocess.Popen[bytes]", IO[str]]


def main(arguments: list[str]) -> int:
    """Run them with pytest's ``arguments``; the first exit code that is not 0."""
    folders = {each for each in TESTS.iterdir() if any(each.glob("**/test_*.py"))}
    with ExitStack() as stack:
        reckoning = stack.enter_context(_beside(sorted(folders - {WAITING, STORING}), arguments))
        storing = stack.enter_context(_beside([STORING, *STARTING], arguments))
        codes = [_pytest([WAITING], [*(f"--ignore={each}" for each in STARTING), *arguments]).wait()]
        for process, told in (storing, reckoning):
            codes.append(process.wait())
            told.seek(0)
            _say(told.read())
    return next(filter(None, codes), 0)


@contextmanager
def _beside(paths: Sequence[Path], arguments: Sequence[str]) -> Iterator[Running]:
    """Tests that run in the background, and what they say; ended with the block."""
    with tempfile.TemporaryFile("w+") as told:
        process = _pytest(paths, arguments, told)
        os.setpriority(os.PRIO_PROCESS, process.pid, LOWEST_PRIORITY)
        try:
            yield process, told
        finally:
            process.terminate()


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
