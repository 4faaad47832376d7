"""What people may see of a thing that somebody wrote, as moderators have decided; and the thing as they read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chalicelib.kernel.time import Millis

Standing = Literal["shown", "hidden", "removed"]
"""Who is not shown a thing: nobody, or all but its author and admins. A hidden one waits for a decision, or was taken
out of sight by one; a removed one broke the rules. Nothing is deleted by either.
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing that can be reported, whatever context it is of."""

    id: str
    author: str
    """Whose it is; empty where they are gone."""
    standing: Standing
    text: str
    """What moderators read."""
    attachments: tuple[str, ...] = ()
    """Links to its files, for minutes."""
    where: str | None = None
    """The thread, conversation or reading that it is part of."""
    at: Millis = 0
    """When it was written."""
