"""Days of a zone against a naive reckoning: every quarter of an hour is asked for its date, one by one."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.dashboards.model.fold import QUARTER
from chalicelib.dashboards.model.series import by_day, days_before, days_until, total
from chalicelib.kernel.time import DAY, Millis

ZONES: Final = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "America/Asuncion",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
)
FIRST: Final[Millis] = int(datetime.fromisoformat("2011-12-01T00:00Z").timestamp()) * 1_000
LAST: Final[Millis] = int(datetime.fromisoformat("2031-12-01T00:00Z").timestamp()) * 1_000


def date_of(moment: Millis, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(moment / 1_000, zone).date()


@settings(max_examples=60)
@given(
    st.sampled_from(ZONES),
    st.one_of(st.integers(FIRST, LAST), st.integers(FIRST, FIRST + 60 * DAY)),
    st.integers(1, 7),
)
def test_days_are_those_of_a_naive_reckoning(name: str, now: Millis, days: int) -> None:
    zone = ZoneInfo(name)
    begin = (now - (2 * days + 3) * DAY) // QUARTER * QUARTER
    seen: dict[date, int] = {}
    quarters: dict[Millis, dict[str, int]] = {}
    for place, quarter in enumerate(range(begin, now + 1, QUARTER)):
        quarters[quarter] = {"worth": place}
        seen[date_of(quarter, zone)] = seen.get(date_of(quarter, zone), 0) + place
    naive = list(seen.items())

    span = days_until(now, days, zone)
    assert [(each.day, each.sums["worth"]) for each in by_day(quarters, span)] == naive[-days:]
    before = days_before(span)
    assert [(each.day, each.sums["worth"]) for each in by_day(quarters, before)] == naive[-2 * days : -days]

    within = {quarter: sums for quarter, sums in quarters.items() if span.since <= quarter < span.until}
    assert total(by_day(within, span)) == total(by_day(quarters, span))
    assert before.until == span.since
    assert span.until - QUARTER <= now < span.until
