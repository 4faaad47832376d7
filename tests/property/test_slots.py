"""Slots against a reference that knows no cells: every minute asked of the wall clock, in many zones and years."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, MINUTE, Millis
from chalicelib.scheduling.model.availability import BUFFERS, DURATIONS, MIDNIGHT, Availability, Hours, slots

RULES: Final = Rules()
QUARTER: Final[Millis] = RULES.quarter
ZONES: Final = (
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",  # an hour back for Ramadan
    "America/Havana",  # changes at midnight
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",  # until 2019 its clocks went forward at midnight
    "America/St_Johns",  # until 2011 they changed at one minute past midnight, on half hours of UTC
    "Antarctica/Troll",  # by two hours
    "Asia/Kathmandu",  # on quarters of UTC
    "Asia/Tehran",
    "Australia/Lord_Howe",  # by half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # winter is the exception
    "Pacific/Apia",  # left out 30 December 2011
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)


def day_hours() -> st.SearchStrategy[Hours]:
    edges = st.lists(st.integers(0, MIDNIGHT // 15), max_size=6, unique=True).map(sorted)
    return edges.map(lambda cuts: tuple((a * 15, b * 15) for a, b in zip(cuts[::2], cuts[1::2], strict=False)))


def near(zone: str, first: datetime) -> datetime:
    """The next change of the zone's clocks after ``first``, within a year, or ``first`` where there is none."""
    place = ZoneInfo(zone)
    for hours in range(0, 366 * 24, 6):
        here = first + timedelta(hours=hours)
        if here.astimezone(place).utcoffset() != (here + timedelta(hours=6)).astimezone(place).utcoffset():
            return here
    return first


moments = st.datetimes(datetime(1995, 1, 1), datetime(2036, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants naive bounds


def by_the_minute(
    availability: Availability, taken: set[Millis], first: Millis, until: Millis, minutes: int
) -> list[Millis]:
    """The reference: every minute of a slot is offered, and none of it or of its buffer taken."""
    place = ZoneInfo(availability.zone)

    def offered(minute: Millis) -> bool:
        wall = datetime.fromtimestamp(minute // 1000, UTC).astimezone(place)
        hours = availability.overrides.get(wall.date(), availability.weekly[wall.weekday()])
        return any(start <= wall.hour * 60 + wall.minute < end for start, end in hours)

    def free(minute: Millis) -> bool:
        return not any(cell <= minute < cell + QUARTER for cell in taken)

    return [
        start
        for start in range(first, until, MINUTE)
        if start % (15 * MINUTE) == 0
        and all(offered(start + each * MINUTE) for each in range(minutes))
        and all(free(start + each * MINUTE) for each in range(minutes + availability.buffer))
    ]


@settings(max_examples=150)
@given(
    zone=st.sampled_from(ZONES),
    around=moments,
    weekly=st.tuples(*[day_hours()] * 7),
    off=st.dictionaries(st.integers(-1, 3), day_hours(), max_size=2),
    buffer=st.sampled_from(BUFFERS),
    minutes=st.sampled_from(DURATIONS),
    taken=st.sets(st.integers(0, 2 * 96), max_size=12),
)
@example("Pacific/Apia", datetime(2011, 12, 20, tzinfo=UTC), (((0, MIDNIGHT),),) * 7, {}, 0, 60, set())
@example("America/Sao_Paulo", datetime(2018, 10, 1, tzinfo=UTC), (((0, 60),),) * 7, {}, 15, 15, set())
@example("America/St_Johns", datetime(2010, 3, 1, tzinfo=UTC), (((0, 15),),) * 7, {}, 0, 15, set())
@example("Australia/Lord_Howe", datetime(2027, 3, 1, tzinfo=UTC), (((90, 135),),) * 7, {}, 0, 15, set())
def test_slots_are_those_of_a_clock_that_is_asked_every_minute(
    zone: str,
    around: datetime,
    weekly: tuple[Hours, ...],
    off: dict[int, Hours],
    buffer: int,
    minutes: int,
    taken: set[int],
) -> None:
    """Two days around the next change of the clocks."""
    middle = near(zone, around)
    first = int(middle.timestamp()) * 1000 // DAY * DAY - DAY // 2
    here: date = middle.date()
    said = Availability(zone, buffer, weekly, {here + timedelta(days=each): hours for each, hours in off.items()})
    held = {first + place * QUARTER for place in taken}
    found = slots(said, held, first, first + 2 * DAY, minutes, RULES)
    assert found == by_the_minute(said, held, first, first + 2 * DAY, minutes)
