"""When a reader may be booked. Everything lies on quarters of an hour of UTC; a *cell* is the moment one begins.

Availability is a set of instants: those whose wall clock time, where the reader lives, lies within the hours of that
local day. So a wall clock time that comes twice on the day the clocks go back counts twice, one that the spring leaves
out never comes, and an hour on offer is always an hour long. All present offsets of zones are multiples of 15 minutes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, SECOND, Millis

QUARTER: Final = 15
"""Minutes of a quarter."""
DURATIONS: Final = (15, 30, 45, 60)
"""Minutes a booking may last."""
BUFFERS: Final = (0, 15, 30, 45, 60)
"""Minutes a reader may keep free after each booking."""
HORIZON: Final[Millis] = 60 * DAY
MIDNIGHT: Final = 24 * 60
"""The end of a day in minutes."""
MOST_HOURS: Final = 8
"""Stretches of one day."""
MOST_OVERRIDES: Final = 100
MOST_SLOTS: Final = 31 * 24 * 4

Hours = tuple[tuple[int, int], ...]
"""Stretches of a local day ``(from, to)`` in minutes since its midnight, ``to`` not included; empty is a day off."""


@dataclass(frozen=True, slots=True)
class Availability:
    """``weekly`` has seven days, Monday first; ``overrides`` replace the hours of single days."""

    zone: str = "UTC"
    """Kept here, so that hours which were promised do not move when the reader travels."""
    buffer: int = 0
    """Minutes kept free after each booking."""
    weekly: tuple[Hours, ...] = ((),) * 7
    overrides: Mapping[date, Hours] = field(default_factory=dict)

    def hours(self, day: date) -> Hours:
        """The hours of a local day."""
        return self.overrides.get(day, self.weekly[day.weekday()])


def checked_hours(hours: Collection[tuple[int, int]], name: str) -> Hours:
    """The stretches in order. Raises Invalid, naming ``name``, off the quarters, backwards, overlapping or too many."""
    ordered = tuple(sorted(hours))
    fits = all(0 <= start < end <= MIDNIGHT and start % QUARTER == end % QUARTER == 0 for start, end in ordered)
    apart = all(before[1] <= after[0] for before, after in pairwise(ordered))
    if not (fits and apart and len(ordered) <= MOST_HOURS):
        message = f"At most {MOST_HOURS} stretches a day, from one quarter of an hour to a later one, none overlapping."
        raise Invalid(errors=({"field": name, "message": message},))
    return ordered


def span(minutes: int, rules: Rules) -> Millis:
    """How long a booking or a buffer of so many minutes is."""
    return minutes // QUARTER * rules.quarter


def on_grid(moment: Millis, rules: Rules) -> bool:
    """Whether a booking may begin at this moment of the clock."""
    return moment % rules.quarter == 0


def bookable(now: Millis, rules: Rules) -> tuple[Millis, Millis]:
    """The first and the last moment at which a booking that is made now may begin."""
    return now + rules.booking_notice, now + HORIZON


def cells(start: Millis, end: Millis, rules: Rules) -> range:
    """The cells from ``start`` up to ``end``."""
    return range(start, end, rules.quarter)


def is_open(availability: Availability, zone: ZoneInfo, cell: Millis, rules: Rules) -> bool:
    """Whether the whole quarter lies within the reader's hours: its first moment and, should an offset change within
    it, its last.
    """
    return all(_within(availability, zone, moment) for moment in (cell, cell + rules.quarter - 1))


def slots(
    availability: Availability, taken: Collection[Millis], first: Millis, until: Millis, minutes: int, rules: Rules
) -> list[Millis]:
    """Where a booking of ``minutes`` may start, from ``first`` and before ``until``: within the reader's hours, and,
    with the buffer after it, clear of the ``taken`` cells, which hold the buffers of those before.
    """
    length, buffer = span(minutes, rules), span(availability.buffer, rules)
    zone = ZoneInfo(availability.zone)
    begin = -(-first // rules.quarter) * rules.quarter
    known: dict[Millis, bool] = {}
    found: list[Millis] = []
    for start in range(begin, until, rules.quarter):
        offered = cells(start, start + length, rules)
        for cell in offered:
            if cell not in known:
                known[cell] = is_open(availability, zone, cell, rules)
        if all(known[cell] for cell in offered) and not any(
            cell in taken for cell in cells(start, start + length + buffer, rules)
        ):
            found.append(start)
            if len(found) == MOST_SLOTS:
                break
    return found


def local_time(moment: Millis, zone: str) -> datetime:
    """The moment on the wall clock of ``zone``, with its offset."""
    return datetime.fromtimestamp(moment // SECOND, ZoneInfo(zone))


def _within(availability: Availability, zone: ZoneInfo, moment: Millis) -> bool:
    wall = datetime.fromtimestamp(moment // SECOND, UTC).astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    return any(start <= minute < end for start, end in availability.hours(wall.date()))
