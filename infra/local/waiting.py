"""Waiting for a condition, never for a time: each wait has a limit and says what it waits for."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TookTooLong(Exception):
    """What was waited for did not come."""


def until(what: str, condition: Callable[[], T | None], *, seconds: float, every: float = 0.1) -> T:
    """The first answer of ``condition`` that is not None or False; it is asked again ``every`` so many seconds.

    Raises TookTooLong, saying ``what`` did not come, after ``seconds``.
    """
    limit = time.monotonic() + seconds
    while True:
        found = condition()
        if found is not None and found is not False:
            return found
        if time.monotonic() >= limit:
            raise TookTooLong(f"waited {seconds:.0f} s and did not see: {what}")
        time.sleep(every)
