"""``make test``: all tests, in five processes.

The end-to-end tests mostly wait, for minutes and deadlines of a stack in real time. Those that start stacks of their
own come after them, side by side: to start one takes both cores for half a minute, in which a phone of a story would
miss its beats. Those on a DynamoDB, and those that reckon alone, run beside all that and give way to it. What the
others say is shown when all are through.
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
LAST: Final = 19
"""The niceness of those whom nothing waits for."""
SLOWEST: Final = ["--durations=10", "--durations-min=5"]
"""What a run tells of itself: time is scarce."""


def main(arguments: list[str]) -> int:
    """Run them with pytest's ``arguments``; the first exit code that is not 0."""
    folders = {each for each in TESTS.iterdir() if any(each.glob("**/test_*.py"))}
    reckoning = sorted(folders - {WAITING, STORING})
    with ThreadPoolExecutor() as pool:
        beside = [pool.submit(_beside, paths, arguments, LAST) for paths in ([STORING], reckoning)]
        codes = [_pytest([WAITING], [*(f"--ignore={each}" for each in STARTING), *arguments]).wait()]
        starting = [pool.submit(_beside, [path], arguments, 0) for path in STARTING]
        for code, told in (each.result() for each in (*starting, *beside)):
            codes.append(code)
            _say(told)
    return next(filter(None, codes), 0)


def _beside(paths: Sequence[Path], arguments: Sequence[str], nicer: int) -> tuple[int, str]:
    """The exit code, and what was said."""
    with tempfile.TemporaryFile("w+") as told:
        process = _pytest(paths, arguments, told)
        os.setpriority(os.PRIO_PROCESS, process.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + nicer, LAST))
        code = process.wait()
        told.seek(0)
        return code, told.read()


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
