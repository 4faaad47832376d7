"""Waiting for a condition, never for a time: each wait has a limit and says what it waits for."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
_SOONEST: Final = 0.1
_LATEST: Final = 0.5
"""Seconds until the condition is asked again."""


class TookTooLong(Exception):
    """What was waited for did not come."""


def until(what: str, condition: Callable[[], T | None], *, seconds: float, every: float | None = None) -> T:
    """The first answer of ``condition`` that is not None or False; it is asked again ``every`` so many seconds.

    Where nothing is said of that, the more seldom the longer it has taken: asking costs the machine that it waits for.
    Raises TookTooLong, saying ``what`` did not come, after ``seconds``.
    """
    began = time.monotonic()
    while True:
        found = condition()
        if found is not None and found is not False:
            return found
        waited = time.monotonic() - began
        if waited >= seconds:
            raise TookTooLong(f"waited {seconds:.0f} s and did not see: {what}")
        time.sleep(min(_LATEST, max(_SOONEST, waited / 20)) if every is None else every)
