"""Which quarters of an hour make which local day."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from chalicelib.dashboards.model.fold import QUARTER
from chalicelib.dashboards.model.series import Day, by_day, days_before, days_until, total
from chalicelib.kernel.time import HOUR, Millis

BERLIN = "Europe/Berlin"


def moment(text: str, zone: str = "UTC", fold: int = 0) -> Millis:
    """A wall clock time as a moment."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1000


def hours_of(day: str, zone: str) -> float:
    """How long the local day was, by the quarters that count for it."""
    noon = moment(f"{day}T12:00", zone)
    every = {quarter: {"quarters": 1} for quarter in range(noon - 40 * HOUR, noon + 40 * HOUR, QUARTER)}
    (one,) = by_day(every, days_until(moment(f"{day}T23:59", zone), 1, ZoneInfo(zone)))
    assert one.day.isoformat() == day
    return one.sums["quarters"] / 4


def test_days_come_oldest_first_and_one_without_anything_is_there() -> None:
    now = moment("2026-11-26T12:34")
    quarters = {
        moment("2026-11-24T23:45"): {"spent": 5, "readings": 1},
        moment("2026-11-26T00:00"): {"spent": 7},
        moment("2026-11-26T12:30"): {"spent": 1},
    }
    assert by_day(quarters, days_until(now, 3, ZoneInfo("UTC"))) == (
        Day(date(2026, 11, 24), {"spent": 5, "readings": 1}),
        Day(date(2026, 11, 25), {}),
        Day(date(2026, 11, 26), {"spent": 8}),
    )


def test_what_lies_outside_of_the_days_does_not_count() -> None:
    span = days_until(moment("2026-11-26T12:34"), 1, ZoneInfo("UTC"))
    outside = {moment("2026-11-25T23:45"): {"spent": 5}, moment("2026-11-27T00:00"): {"spent": 7}}
    assert by_day(outside, span) == (Day(date(2026, 11, 26), {}),)


def test_a_span_is_from_the_first_midnight_to_the_end_of_this_quarter() -> None:
    span = days_until(moment("2026-11-26T12:34", BERLIN), 2, ZoneInfo(BERLIN))
    assert (span.since, span.until) == (moment("2026-11-25T00:00", BERLIN), moment("2026-11-26T12:45", BERLIN))


def test_at_midnight_a_new_day_has_begun() -> None:
    span = days_until(moment("2026-11-26T00:00", BERLIN), 1, ZoneInfo(BERLIN))
    assert span.days == (date(2026, 11, 26),)
    assert span.until - span.since == QUARTER


def test_the_days_before_end_where_a_span_begins() -> None:
    span = days_until(moment("2026-11-26T12:34", BERLIN), 3, ZoneInfo(BERLIN))
    before = days_before(span)
    assert before.days == (date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23))
    assert (before.since, before.until) == (moment("2026-11-21T00:00", BERLIN), span.since)
    west = days_until(moment("2026-11-26T12:34"), 1, ZoneInfo("America/New_York"))
    assert days_before(west).days == (date(2026, 11, 25),)


def test_a_day_has_23_or_25_hours_where_clocks_change() -> None:
    assert hours_of("2026-03-29", BERLIN) == 23
    assert hours_of("2026-10-25", BERLIN) == 25
    assert hours_of("2026-10-26", BERLIN) == 24
    assert hours_of("2026-04-05", "Australia/Lord_Howe") == 24.5
    assert hours_of("2026-10-04", "Australia/Lord_Howe") == 23.5


def test_a_midnight_that_comes_twice_begins_the_day_and_one_that_never_comes_ends_the_day_before() -> None:
    assert hours_of("2026-11-01", "America/Havana") == 25  # 01:00 is 00:00 again
    assert hours_of("2026-03-08", "America/Havana") == 23  # 00:00 is 01:00
    assert days_until(moment("2026-11-01T00:10", "America/Havana", fold=1), 1, ZoneInfo("America/Havana")).since == (
        moment("2026-11-01T00:00", "America/Havana", fold=0)
    )


def test_zones_half_an_hour_and_three_quarters_off_have_days_of_their_own() -> None:
    assert hours_of("2026-11-26", "Asia/Kolkata") == hours_of("2026-11-26", "Asia/Kathmandu") == 24
    quarters = {moment("2026-11-25T18:00"): {"n": 1}, moment("2026-11-25T18:15"): {"n": 10}}
    now = moment("2026-11-25T18:20")
    assert [each.sums for each in by_day(quarters, days_until(now, 1, ZoneInfo("Asia/Kathmandu")))] == [{"n": 10}]


def test_a_day_that_a_zone_left_out_is_none() -> None:
    apia = ZoneInfo("Pacific/Apia")
    span = days_until(moment("2012-01-01T09:00", "Pacific/Apia"), 4, apia)
    assert [day.day for day in span.days] == [28, 29, 31, 1]
    before = days_before(days_until(moment("2011-12-31T09:00", "Pacific/Apia"), 1, apia))
    assert before.days == (date(2011, 12, 29),)
    assert before.until - before.since == 24 * HOUR


def test_a_total_is_what_the_days_add_up_to() -> None:
    days = (Day(date(2026, 1, 1), {"a": 1, "b": -2}), Day(date(2026, 1, 2), {}), Day(date(2026, 1, 3), {"a": 3}))
    assert total(days) == {"a": 4, "b": -2}
