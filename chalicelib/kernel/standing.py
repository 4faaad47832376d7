"""Where something that a person wrote stands, and what a moderator must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chalicelib.kernel.time import Millis

Standing = Literal["shown", "hidden", "removed"]
"""Hidden until somebody looked at it; removed by who did. Either is seen by its author and by admins alone."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that was reported, as its context knows it."""

    id: str
    author: str
    """Who answers for it."""
    standing: Standing
    text: str
    """What moderators read of it."""
    attachments: tuple[str, ...]
    """Links to what came with it."""
    where: str | None
    """The thread, conversation or reader that it belongs to."""
    at: Millis
