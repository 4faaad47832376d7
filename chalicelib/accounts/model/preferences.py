"""Which notices a person wants, by which channel, and at which hours not.

What keeps an account safe (a code, a link that was asked for) goes out whatever is said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.time import SECOND, Millis

Kind = Literal["readings", "bookings", "messages", "favorites", "wallet", "orders", "community", "news"]
Channel = Literal["inbox", "email", "push"]

_HOUR: Final = 60
"""Minutes."""

DEFAULTS: Final[Mapping[Kind, frozenset[Channel]]] = {
    "readings": frozenset({"inbox", "push"}),
    "bookings": frozenset({"inbox", "email", "push"}),
    "messages": frozenset({"inbox", "push"}),
    "favorites": frozenset({"inbox", "email", "push"}),
    "wallet": frozenset({"inbox", "email"}),
    "orders": frozenset({"inbox", "email", "push"}),
    "community": frozenset({"inbox"}),
    "news": frozenset(),
}
"""For who has not chosen. Nobody is sent advertisements unasked."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to before ``end``, minutes of the day in the person's zone; over midnight if it runs backwards."""

    start: int
    end: int

    def hold(self, minute: int) -> bool:
        """Whether that minute of the day is quiet."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True)
class Preferences:
    """``chosen`` holds the kinds that the person decided on; ``rev`` counts the changes."""

    chosen: Mapping[Kind, frozenset[Channel]] = field(default_factory=dict)
    quiet: QuietHours | None = None
    rev: int = 0

    def channels(self, kind: Kind) -> frozenset[Channel]:
        """By which channels the person wants notices of this kind."""
        return self.chosen.get(kind, DEFAULTS[kind])

    def open_channels(self, kind: Kind, time_zone: str, now: Millis) -> frozenset[Channel]:
        """Those of them that may be used now: in quiet hours the inbox alone, which makes no sound."""
        wanted = self.channels(kind)
        return wanted & {"inbox"} if self.is_quiet(time_zone, now) else wanted

    def is_quiet(self, time_zone: str, now: Millis) -> bool:
        """Whether it is one of the quiet hours."""
        return self.quiet is not None and self.quiet.hold(_minute_of_day(time_zone, now))


def changed(
    was: Preferences, chosen: Mapping[Kind, frozenset[Channel]], quiet: QuietHours | None, rev: int
) -> Preferences:
    """The preferences after a change that was made on ``rev``; a kind that is not named stays.

    The same change again is no change. Raises Invalid, InvalidState where somebody else changed them since ``rev``.
    """
    if quiet and quiet.start == quiet.end:
        raise Invalid(errors=({"field": "quiet_hours", "message": "Give two different times, or null."},))
    decided = replace(was, chosen={**was.chosen, **chosen}, quiet=quiet)
    if decided != was and rev != was.rev:
        raise InvalidState("The preferences were changed elsewhere. Read them again.")
    return decided


def _minute_of_day(time_zone: str, now: Millis) -> int:
    local = datetime.fromtimestamp(now / SECOND, UTC).astimezone(ZoneInfo(time_zone))
    return local.hour * _HOUR + local.minute
