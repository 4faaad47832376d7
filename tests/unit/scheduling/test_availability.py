"""When a reader may be booked, across the days on which clocks change."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import MINUTE, Millis
from chalicelib.scheduling.model.availability import (
    MIDNIGHT,
    Availability,
    Hours,
    bookable,
    checked_hours,
    local_time,
    on_grid,
    slots,
)

RULES = Rules()
NINE_TO_TEN: Hours = ((9 * 60, 10 * 60),)


def moment(text: str, zone: str = "UTC", fold: int = 0) -> Millis:
    """A wall clock time as a moment."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1000


def said(found: list[Millis]) -> list[str]:
    return [f"{datetime.fromtimestamp(each // 1000, UTC):%d %H:%M}" for each in found]


def daily(hours: Hours, zone: str = "UTC", buffer: int = 0) -> Availability:
    return Availability(zone, buffer, (hours,) * 7)


def test_a_slot_starts_on_each_quarter_and_lies_within_the_hours() -> None:
    first, until = moment("2026-12-01T00:00"), moment("2026-12-02T00:00")
    assert said(slots(daily(NINE_TO_TEN), (), first, until, 30, RULES)) == ["01 09:00", "01 09:15", "01 09:30"]
    assert said(slots(daily(NINE_TO_TEN), (), first, until, 60, RULES)) == ["01 09:00"]
    assert slots(daily(((540, 585),)), (), first, until, 60, RULES) == []


def test_hours_that_meet_carry_a_booking_across_also_at_midnight() -> None:
    late = daily(((0, 15), (MIDNIGHT - 15, MIDNIGHT)))
    found = slots(late, (), moment("2026-12-01T12:00"), moment("2026-12-02T12:00"), 30, RULES)
    assert said(found) == ["01 23:45"]


def test_slots_begin_at_the_first_moment_asked_and_end_before_the_last() -> None:
    open_all_day = daily(((0, MIDNIGHT),))
    first, until = moment("2026-12-01T09:00") + 1, moment("2026-12-01T09:30")
    assert said(slots(open_all_day, (), first, until, 60, RULES)) == ["01 09:15"]
    assert said(slots(open_all_day, (), first - 1, until + 1, 60, RULES)) == ["01 09:00", "01 09:15", "01 09:30"]


def test_a_taken_cell_is_kept_clear_by_the_booking_and_its_buffer() -> None:
    taken = {moment("2026-12-01T09:45")}
    first, until = moment("2026-12-01T00:00"), moment("2026-12-02T00:00")
    hours = daily(((540, 660),), buffer=15)
    assert said(slots(hours, taken, first, until, 30, RULES)) == ["01 09:00", "01 10:00", "01 10:15", "01 10:30"]
    assert said(slots(daily(((540, 660),)), taken, first, until, 30, RULES))[:2] == ["01 09:00", "01 09:15"]


def test_an_override_replaces_the_hours_of_its_local_day_only() -> None:
    hours = Availability(
        "America/New_York", 0, (NINE_TO_TEN,) * 7, {date(2026, 12, 2): (), date(2026, 12, 3): ((0, 15),)}
    )
    found = slots(hours, (), moment("2026-12-01T00:00"), moment("2026-12-05T00:00"), 15, RULES)
    assert said(found) == [
        *(f"01 14:{quarter:02d}" for quarter in (0, 15, 30, 45)),
        "03 05:00",
        *(f"04 14:{quarter:02d}" for quarter in (0, 15, 30, 45)),
    ]


def test_weekdays_are_those_of_the_readers_place() -> None:
    sundays = Availability("Pacific/Auckland", 0, ((),) * 6 + (NINE_TO_TEN,))
    found = slots(sundays, (), moment("2026-12-01T00:00"), moment("2026-12-08T00:00"), 60, RULES)
    assert [f"{local_time(each, 'Pacific/Auckland'):%A %d %H:%M}" for each in found] == ["Sunday 06 09:00"]


def test_hours_that_the_spring_leaves_out_never_come() -> None:
    night = daily(((60, 180),), "Europe/Berlin")  # 01:00 to 03:00; 02:00 does not exist on 28 March 2027
    found = slots(night, (), moment("2027-03-27T12:00"), moment("2027-03-28T12:00"), 60, RULES)
    assert said(found) == ["28 00:00"]


def test_hours_that_the_autumn_brings_twice_count_twice() -> None:
    night = daily(((120, 180),), "Europe/Berlin")  # 02:00 to 03:00; comes twice on 31 October 2027
    found = slots(night, (), moment("2027-10-30T12:00"), moment("2027-10-31T12:00"), 60, RULES)
    assert said(found) == ["31 00:00", "31 00:15", "31 00:30", "31 00:45", "31 01:00"]


def test_a_shift_of_half_an_hour_counts_too() -> None:
    night = daily(((90, 120),), "Australia/Lord_Howe")  # 01:30 to 02:00 comes twice on 4 April 2027
    found = slots(night, (), moment("2027-04-03T00:00"), moment("2027-04-04T00:00"), 60, RULES)
    assert [f"{local_time(each, 'Australia/Lord_Howe'):%H:%M%z}" for each in found] == ["01:30+1100"]


def test_a_booking_starts_on_the_grid_with_notice_and_within_the_horizon() -> None:
    assert on_grid(moment("2026-12-01T09:15"), RULES)
    assert not on_grid(moment("2026-12-01T09:15") + 1, RULES)
    first, last = bookable(0, RULES)
    assert (first, last) == (120 * MINUTE, 60 * 24 * 60 * MINUTE)


@pytest.mark.parametrize(
    "hours",
    [[(0, 0)], [(30, 15)], [(0, 20)], [(5, 30)], [(-15, 15)], [(0, MIDNIGHT + 15)], [(0, 30), (15, 45)], [(0, 15)] * 2],
)
def test_hours_off_the_quarters_backwards_or_overlapping_are_refused(hours: list[tuple[int, int]]) -> None:
    with pytest.raises(Invalid) as refused:
        checked_hours(hours, "weekly")
    assert refused.value.errors[0]["field"] == "weekly"


def test_hours_are_put_in_order_and_are_eight_stretches_at_most() -> None:
    eight = [(hour * 60, hour * 60 + 15) for hour in range(8)]
    assert checked_hours(reversed(eight), "weekly") == tuple(eight)  # type: ignore[arg-type]
    assert checked_hours([(0, 15), (15, MIDNIGHT)], "weekly") == ((0, 15), (15, MIDNIGHT))
    with pytest.raises(Invalid):
        checked_hours([*eight, (600, 615)], "weekly")
