"""When the execution of the clock that looks after a reading or a booking counts as lost."""

from typing import Final, Protocol

from chalicelib.kernel.time import SECOND, Millis

CLOCK_LATE: Final[Millis] = 30 * SECOND
"""An execution that has not called for so long is taken for lost. One that was only late ends at its next call."""


class Clocked(Protocol):
    """What an execution looks after: its epoch, the epoch its execution is of, and when that has promised to call."""

    @property
    def epoch(self) -> int: ...
    @property
    def clock_epoch(self) -> int: ...
    @property
    def clock_at(self) -> Millis | None: ...


def clock_lost(thing: Clocked, now: Millis) -> bool:
    """Whether the execution of this epoch has not called when it should have."""
    promised = thing.clock_at if thing.clock_epoch == thing.epoch else None
    return promised is not None and now >= promised + CLOCK_LATE
