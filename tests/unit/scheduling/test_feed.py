"""The calendar behind a secret address: what it shows, to whom, and how it is taken away."""

from datetime import UTC, datetime

import icalendar
import pytest

from chalicelib.accounts.model.person import Status
from chalicelib.kernel.errors import NotFound
from chalicelib.scheduling import calendars, feed, service
from chalicelib.sessions.model.session import Side
from tests.support.diary import Diary, days, diary
from tests.support.people import person
from tests.support.reading import pay_in


def calendar(stage: Diary, secret: str) -> dict[str, icalendar.Event]:
    read = icalendar.Calendar.from_ical(feed.rendered(*calendars.feed(stage.world, secret)))
    return {str(event["uid"]): event for event in read.events}


def test_it_shows_the_bookings_of_both_roles_in_utc_under_names_that_stay() -> None:
    stage = diary()
    made = stage.book(days(3))
    other = Diary(stage.world, "2").ready(cents=0)
    pay_in(stage.world, stage.reader, 100_000, "topup:reader")
    service.book(stage.world, "bok_mine", Side(stage.reader, "R"), other.reader, days(4), 15, "text")
    events = calendar(stage, calendars.new_feed(stage.world, stage.reader))
    assert set(events) == {f"{made.id}@soulseer", "bok_mine@soulseer"}
    event = events[f"{made.id}@soulseer"]
    assert event.start == datetime.fromtimestamp(made.start / 1000, UTC)
    assert event.end == datetime.fromtimestamp(made.end / 1000, UTC)
    assert (event["summary"], event["status"], event["sequence"]) == ("Voice reading with Cee", "CONFIRMED", 0)
    assert b"DTSTART:2030" in event.to_ical()
    assert event.to_ical().split(b"DTSTART:")[1].split(b"\r\n")[0].endswith(b"Z")


def test_a_moved_one_has_its_new_time_and_a_cancelled_one_says_so_under_the_same_name() -> None:
    stage = diary()
    made = stage.book(days(3))
    secret = calendars.new_feed(stage.world, stage.client)
    service.reschedule(stage.world, made.id, stage.client, days(5))
    event = calendar(stage, secret)[f"{made.id}@soulseer"]
    assert event.start == datetime.fromtimestamp(days(5) / 1000, UTC)
    assert (event["status"], event["sequence"]) == ("CONFIRMED", 1)
    service.cancel(stage.world, made.id, stage.client)
    event = calendar(stage, secret)[f"{made.id}@soulseer"]
    assert (event["status"], event["sequence"]) == ("CANCELLED", 2)


def test_a_new_address_revokes_the_old_and_none_is_left_when_it_is_taken_away() -> None:
    stage = diary()
    first = calendars.new_feed(stage.world, stage.client)
    second = calendars.new_feed(stage.world, stage.client)
    assert calendar(stage, second) == {}
    for secret in (first, "no-such-secret"):
        with pytest.raises(NotFound):
            calendars.feed(stage.world, secret)
    for _ in range(2):
        calendars.revoke_feed(stage.world, stage.client)
    with pytest.raises(NotFound):
        calendars.feed(stage.world, second)


def test_no_secret_is_kept() -> None:
    stage = diary()
    secret = calendars.new_feed(stage.world, stage.client)
    assert secret not in repr(stage.world.tables.scan("scheduling").items)


@pytest.mark.parametrize("status", ["suspended", "deleted"])
def test_the_calendar_of_who_is_shut_out_is_not_shown(status: Status) -> None:
    stage = diary()
    secret = calendars.new_feed(stage.world, stage.client)
    person(stage.world, stage.client, status)
    with pytest.raises(NotFound):
        calendars.feed(stage.world, secret)
