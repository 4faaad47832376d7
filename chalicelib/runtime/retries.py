"""Read, decide, write on condition; when another writer came between, read and decide again."""

import random
from collections.abc import Callable
from typing import Final, TypeVar

from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.tables import ConditionFailed, Contended

T = TypeVar("T")

_TRIES: Final = 8
_LONGEST_PAUSE: Final = 0.2
"""Seconds."""


def undisturbed(sleep: Callable[[float], None], attempt: Callable[[], T], *, tries: int = _TRIES) -> T:
    """The answer of the first attempt that nobody disturbed. Raises Unavailable after ``tries``.

    ``attempt`` reads, decides and writes afresh each time, so one whose write did happen, though storage could not
    say so, must find its own work and answer as if it had just done it.
    """
    for tried in range(tries):
        try:
            return attempt()
        except (ConditionFailed, Contended):
            sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.005 * 2**tried)))  # noqa: S311 - jitter, no secret
    raise Unavailable("Too many changes at once. Try again in a moment.")
