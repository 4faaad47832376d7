"""Days of a zone against a naive reckoning: every quarter of an hour is asked for its date, one by one."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.dashboards.model.fold import QUARTER
from chalicelib.dashboards.model.series import MOST_DAYS, by_day, days_before, days_until, total
from chalicelib.dashboards.rollups import LONGEST
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
"""All that days can do: quarters off, midnights that come twice or never, a day that is left out."""
FIRST: Final[Millis] = int(datetime.fromisoformat("2011-12-01T00:00Z").timestamp()) * 1_000
LAST: Final[Millis] = int(datetime.fromisoformat("2031-12-01T00:00Z").timestamp()) * 1_000


def date_of(moment: Millis, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(moment / 1_000, zone).date()


MOMENTS: Final = st.one_of(st.integers(FIRST, LAST), st.integers(FIRST, FIRST + 60 * DAY))


@settings(max_examples=60)
@given(st.sampled_from(ZONES), MOMENTS, st.integers(1, 7))
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


@settings(max_examples=60)
@given(st.sampled_from(ZONES), MOMENTS, st.integers(1, MOST_DAYS))
@example("Europe/Berlin", 1_795_733_999_000, MOST_DAYS)  # the last second of a day, a month after one of 25 hours
def test_whatever_days_are_asked_for_are_so_many_and_are_read_at_once(name: str, now: Millis, days: int) -> None:
    span = days_until(now, days, ZoneInfo(name))
    for each in (span, days_before(span)):
        assert len(each.days) == days
        assert each.since % QUARTER == each.until % QUARTER == 0
        assert 0 < each.until - each.since <= LONGEST
