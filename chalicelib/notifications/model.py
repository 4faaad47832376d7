"""What a notice says, by its kind. Pure: facts in, words out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from chalicelib.kernel.time import SECOND, Millis

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of the outbox: that person ``to`` is to be told of a fact."""

    to: str
    kind: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads."""

    subject: str
    text: str


def words(notice: Notice, time_zone: str) -> Words | None:
    """The words of ``notice``, its moments in the person's time zone; None for a kind that has none."""
    say = SAID.get(notice.kind)
    return say(notice.facts, ZoneInfo(time_zone)) if say else None


def when(moment: Millis, zone: ZoneInfo) -> str:
    """``Wed 25 November 2026, 18:30 (Europe/Vienna)``"""
    local = datetime.fromtimestamp(moment / SECOND, UTC).astimezone(zone)
    return f"{local:%a} {local.day} {local:%B %Y, %H:%M} ({zone.key})"


def _favorite_online(facts: Facts, _: ZoneInfo) -> Words:
    return Words(f"{facts['slug']} is online", f"{facts['slug']}, one of your favorites, is online now.")


def _queue_offer(facts: Facts, zone: ZoneInfo) -> Words:
    until = when(facts["offered_until"], zone)
    return Words(f"{facts['slug']} is free for you", f"It is your turn: {facts['slug']} is yours to ask until {until}.")


SAID: Final[Mapping[str, Callable[[Facts, ZoneInfo], Words]]] = {
    "favorite_online": _favorite_online,
    "queue_offer": _queue_offer,
}
"""By the kind of notice."""
