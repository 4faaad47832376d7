"""How far the telling of a notice is, what lies in an inbox, and how much of it is unread. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from chalicelib.accounts.model.preferences import Channel, Preferences
from chalicelib.kernel.ids import dated_id, first_at
from chalicelib.kernel.time import DAY, MINUTE, Millis
from chalicelib.notifications.model.notice import Notice

PREFIX: Final = "ntc"
KEPT_DAYS: Final = 90
HOLD: Final[Millis] = MINUTE
"""How long a notice is in the hands of whoever tells it: longer than any one step takes."""
INBOX: Final[Channel] = "inbox"
EMAIL: Final[Channel] = "email"
PUSH: Final[Channel] = "push"


# --- telling -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Telling:
    """What is left to be told of one notice, step by step, and in whose hands it is. ``rev`` counts its writes.

    A step is ``email``, or ``push#{device}``. What a person did not want at first is no step, whatever they want later.
    """

    left: tuple[str, ...]
    held_by: str
    held_until: Millis
    rev: int = 0

    def is_held(self, by: str, now: Millis) -> bool:
        """Whether another than ``by`` is at it."""
        return self.held_by != by and now < self.held_until

    def taken(self, by: str, now: Millis) -> Telling:
        """In the hands of ``by`` from now on."""
        return replace(self, held_by=by, held_until=now + HOLD)

    def without(self, step: str, now: Millis) -> Telling:
        """One step further, whoever took it; in the same hands for the next."""
        return replace(self, left=tuple(each for each in self.left if each != step), held_until=now + HOLD)

    def let_go(self) -> Telling:
        """In nobody's hands: what is left can be tried again at once."""
        return replace(self, held_until=0)


def channel_of(step: str) -> str:
    """By which channel the step is taken."""
    return step.partition("#")[0]


def channels(
    notice: Notice, wished: Preferences, time_zone: str, now: Millis, *, suspended: bool
) -> frozenset[Channel]:
    """By which channels a person is told of it now.

    What keeps an account safe reaches a suspended person too, and is mailed whatever they wish; only a push keeps
    quiet in quiet hours. Anything else goes where they wish, and when its time is over to the inbox alone.
    """
    if notice.about is None:
        return frozenset({INBOX, EMAIL} if wished.is_quiet(time_zone, now) else {INBOX, EMAIL, PUSH})
    if suspended:
        return frozenset()
    opened = wished.open_channels(notice.about, time_zone, now)
    return opened & {INBOX} if notice.worthless_after is not None and now >= notice.worthless_after else opened


# --- the inbox -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notification:
    """One line of an inbox. The id sorts by ``at``, the moment of what it tells of."""

    id: str
    kind: str
    facts: Mapping[str, Any]
    at: Millis
    read: bool = False

    @property
    def expires(self) -> Millis:
        """When it is gone: with all of its day, so that it is known how many are unread without looking."""
        return (self.at // DAY + KEPT_DAYS + 1) * DAY


def notification_of(notice: Notice) -> Notification:
    """The line that tells of the notice: the same one whenever it is told."""
    return Notification(
        dated_id(PREFIX, notice.at, notice.to, notice.kind, notice.fact), notice.kind, dict(notice.facts), notice.at
    )


def oldest(now: Millis) -> str:
    """What sorts no later than the id of any notification that is still there."""
    return first_at(PREFIX, (now // DAY - KEPT_DAYS) * DAY)


@dataclass(frozen=True, slots=True)
class Unread:
    """How many notifications of each day are unread. ``rev`` counts the writes of a person's whole inbox."""

    days: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """By the day of their ``at``, counted from 1970."""
    rev: int = 0

    def count(self, now: Millis) -> int:
        """All of them."""
        return sum(self._there(now).values())

    def since(self, now: Millis) -> str | None:
        """What sorts no later than the id of any that is unread; None where none is."""
        days = self._there(now)
        return first_at(PREFIX, min(days) * DAY) if days else None

    def with_one(self, added: Notification, now: Millis) -> Unread:
        """After one was added."""
        return self._moved([added], 1, now)

    def without(self, seen: Iterable[Notification], now: Millis) -> Unread:
        """After these, which were unread, were read."""
        return self._moved(seen, -1, now)

    def _moved(self, which: Iterable[Notification], by: int, now: Millis) -> Unread:
        days = Counter(self._there(now))
        for each in which:
            days[each.at // DAY] += by
        return replace(self, days={day: count for day, count in days.items() if count > 0})

    def _there(self, now: Millis) -> dict[int, int]:
        first = now // DAY - KEPT_DAYS
        return {day: count for day, count in self.days.items() if day >= first}
