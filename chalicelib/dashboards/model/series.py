"""From quarters of an hour to days: what happened on each day as somebody's wall clock has it.

A quarter belongs to the local day of the moment it begins. That is all there is to days of 23 and 25 hours, to zones
half an hour or three quarters off, and to the midnights that come twice or never. All present offsets of zones are
multiples of a quarter. A day that a zone left out (Apia had no 30 December 2011) is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.dashboards.model.fold import QUARTER
from chalicelib.kernel.time import SECOND, Millis

MOST_DAYS: Final = 92
"""What is summed at once: three months."""

Sums = Mapping[str, int]
"""By measure."""


@dataclass(frozen=True, slots=True)
class Span:
    """Local days on end, oldest first, and the moments from ``since`` up to ``until`` that they are, on quarters."""

    zone: ZoneInfo
    days: tuple[date, ...]
    since: Millis
    until: Millis


@dataclass(frozen=True, slots=True)
class Day:
    """What one local day brought; a measure that is absent is zero."""

    day: date
    sums: Sums


def days_until(now: Millis, days: int, zone: ZoneInfo) -> Span:
    """The last ``days`` local days, today among them up to the end of this quarter."""
    until = now // QUARTER * QUARTER + QUARTER
    return _span(_day(until - 1, zone), until, days, zone)


def days_before(span: Span) -> Span:
    """As many days as there are in the span, right before it."""
    return _span(_day(span.since - 1, span.zone), span.since, len(span.days), span.zone)


def by_day(quarters: Mapping[Millis, Sums], span: Span) -> tuple[Day, ...]:
    """Each day of the span, oldest first, with what its quarters add up to. What lies outside of it does not count."""
    sums: dict[date, Counter[str]] = {day: Counter() for day in span.days}
    for quarter, found in quarters.items():
        if (day := _day(quarter, span.zone)) in sums:
            sums[day].update(found)
    return tuple(Day(day, added) for day, added in sums.items())


def total(days: Iterable[Day]) -> dict[str, int]:
    """What the days add up to."""
    added: Counter[str] = Counter()
    for each in days:
        added.update(each.sums)
    return dict(added)


def _span(last: date, until: Millis, days: int, zone: ZoneInfo) -> Span:
    found: list[date] = []
    day = last
    while len(found) < days:
        if _was(day, zone):
            found.append(day)
        day -= timedelta(days=1)
    found.reverse()
    return Span(zone, tuple(found), _begins(found[0], zone), until)


def _begins(day: date, zone: ZoneInfo) -> Millis:
    """The day's first moment: midnight, the first of two, or what the clocks went forward to where there is none."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    return round(midnight) * SECOND // QUARTER * QUARTER


def _was(day: date, zone: ZoneInfo) -> bool:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).astimezone(zone).date() == day


def _day(moment: Millis, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(moment // SECOND, zone).date()
