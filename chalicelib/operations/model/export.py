"""A file of everything a person has: asked for, made, kept for a week."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.kernel.errors import RateLimited
from chalicelib.kernel.time import DAY, MINUTE, Millis

Status = Literal["pending", "ready", "expired"]

KEPT: Final = 7 * DAY
"""As long as the bucket keeps it."""
MOST: Final = 5
"""In seven days: each reads everything that somebody has."""
AGAIN: Final = MINUTE
"""When the tick looks after one that its clock has not finished."""


@dataclass(frozen=True, slots=True)
class Export:
    """One file. ``mailed`` says that its person was sent a link, or has no address to send one to."""

    id: str
    person: str
    requested_at: Millis
    ready_at: Millis | None = None
    mailed: bool = False
    rev: int = 0

    @property
    def expires_at(self) -> Millis | None:
        """When the file is gone."""
        return None if self.ready_at is None else self.ready_at + KEPT

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        return self.ready_at is not None and self.mailed

    def status(self, now: Millis) -> Status:
        """As its person sees it at ``now``."""
        if self.expires_at is None:
            return "pending"
        return "ready" if now < self.expires_at else "expired"


@dataclass(frozen=True, slots=True)
class Made:
    """A person's exports of the last seven days, ``(id, when asked for)``, oldest first."""

    exports: tuple[tuple[str, Millis], ...] = ()
    rev: int = 0

    @property
    def newest(self) -> str | None:
        """The one asked for last."""
        return self.exports[-1][0] if self.exports else None


def asked(made: Made, export: Export) -> Made:
    """With one more. Raises RateLimited beyond five in seven days."""
    recent = tuple(each for each in made.exports if each[1] > export.requested_at - KEPT)
    if len(recent) >= MOST:
        wait = recent[-MOST][1] + KEPT - export.requested_at
        raise RateLimited(
            "You have asked for this five times in seven days. The files of before are still there.", wait
        )
    return replace(made, exports=(*recent, (export.id, export.requested_at)))
