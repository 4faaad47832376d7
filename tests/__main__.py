"""``make test``: all tests, in two processes.

The end-to-end tests mostly wait, for minutes and deadlines of a stack in real time. The others mostly reckon, so they
run beside them, at the lowest priority: a phone of a story must not miss its beat because a property test wants the
processor. What the others say is shown when all are through.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Final

TESTS: Final = Path(__file__).parent
WAITING: Final = "e2e"
LOWEST_PRIORITY: Final = 19


def main(arguments: list[str]) -> int:
    """Run them with pytest's ``arguments``; the first exit code that is not 0."""
    others = sorted(each.name for each in TESTS.iterdir() if any(each.glob("**/test_*.py")) and each.name != WAITING)
    with tempfile.TemporaryFile("w+") as told:
        reckoning = _pytest(others, arguments, told)
        os.setpriority(os.PRIO_PROCESS, reckoning.pid, LOWEST_PRIORITY)
        try:
            waiting = _pytest([WAITING], arguments).wait()
            _say(f"\n{', '.join(others)}:\n")
            reckoned = reckoning.wait()
        finally:
            reckoning.terminate()
        told.seek(0)
        _say(told.read())
    return waiting or reckoned


def _pytest(folders: list[str], arguments: list[str], told: IO[str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this interpreter, our own tests
        [sys.executable, "-m", "pytest", *(str(TESTS / folder) for folder in folders), *arguments],
        stdout=told,
        stderr=subprocess.STDOUT if told else None,
    )


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
