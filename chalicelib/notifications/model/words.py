"""What a person reads of a notice, and how sums and moments are written in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.notifications.model.notice import Facts


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads."""

    subject: str
    text: str


Say = Callable[[Facts, ZoneInfo], Words]
"""The words for these facts, moments in that zone."""


def dollars(cents: Cents) -> str:
    """``$12.05``"""
    return f"${cents // 100:,}.{cents % 100:02}"


def when(moment: Millis, zone: ZoneInfo) -> str:
    """``Wed 25 November 2026, 18:30 (Europe/Vienna)``"""
    local = datetime.fromtimestamp(moment / SECOND, UTC).astimezone(zone)
    return f"{local:%a} {local.day} {local:%B %Y, %H:%M} ({zone.key})"
