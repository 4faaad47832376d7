"""What the scheduling endpoints take: moments, days and hours written in one way only."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.kernel.errors import Invalid
from chalicelib.runtime.schemas import millis
from chalicelib.scheduling.model.availability import Availability
from chalicelib.scheduling.schemas import AvailabilityBody, AvailabilityView, NewStart, OverridesBody


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-12-31T18:30:00Z", 1_798_741_800_000),
        ("2026-12-31T19:30:00.000+01:00", 1_798_741_800_000),
        ("2026-12-31T18:30:00.5Z", 1_798_741_800_500),
    ],
)
def test_a_moment_is_rfc_3339_with_its_offset(written: str, moment: int) -> None:
    assert millis(NewStart.model_validate_json(f'{{"start": "{written}"}}').start) == moment


@pytest.mark.parametrize(
    "written",
    [
        "2026-12-31T18:30:00",
        "1798741800",
        "2026-12-31",
        "2026-13-31T18:30:00Z",
        "2026-12-31T25:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-12-31 18:30:00Z",
        "",
    ],
)
def test_any_other_moment_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        NewStart.model_validate_json(f'{{"start": "{written}"}}')


def week(*stretches: tuple[str, str, str], **more: Any) -> AvailabilityBody:
    weekly = [{"day": day, "from": begins, "to": ends} for day, begins, ends in stretches]
    return AvailabilityBody.model_validate({"weekly": weekly, **more})


def test_a_week_is_seven_days_in_order_and_comes_back_as_it_was_sent() -> None:
    body = week(("sunday", "22:00", "24:00"), ("monday", "13:15", "17:00"), ("monday", "09:00", "12:45"))
    assert body.hours() == (((540, 765), (795, 1_020)), (), (), (), (), (), ((1_320, 1_440),))
    view = AvailabilityView.of(Availability("UTC", 15, body.hours()))
    assert view.model_dump(by_alias=True, mode="json")["weekly"] == [
        {"from": "09:00", "to": "12:45", "day": "monday"},
        {"from": "13:15", "to": "17:00", "day": "monday"},
        {"from": "22:00", "to": "24:00", "day": "sunday"},
    ]


@pytest.mark.parametrize("time", ["09:10", "9:00", "24:15", "25:00", "09:00:00", ""])
def test_times_off_the_quarters_are_refused(time: str) -> None:
    with pytest.raises(ValidationError):
        week(("monday", time, "23:45"))


def test_hours_that_overlap_and_zones_that_there_are_not_are_refused() -> None:
    with pytest.raises(Invalid):
        week(("monday", "09:00", "12:00"), ("monday", "11:00", "13:00")).hours()
    for zone in ("Mars/Phobos", "EST5EDT", "posix/Europe/Berlin", "../etc/passwd"):
        with pytest.raises(Invalid):
            week(time_zone=zone).zone()
    assert week(time_zone="Europe/Berlin").zone() == "Europe/Berlin"
    assert week().zone() is None


def overrides(*days: tuple[str, list[dict[str, str]]]) -> OverridesBody:
    return OverridesBody.model_validate({"overrides": [{"date": day, "hours": hours} for day, hours in days]})


def test_a_day_is_off_or_has_other_hours_and_is_given_once() -> None:
    given = overrides(("2026-12-24", []), ("2026-12-31", [{"from": "09:00", "to": "10:00"}]))
    assert given.days() == {date(2026, 12, 24): (), date(2026, 12, 31): ((540, 600),)}
    with pytest.raises(Invalid):
        overrides(("2026-12-24", []), ("2026-12-24", [])).days()
    with pytest.raises(ValidationError):
        overrides(("1766534400", []))
