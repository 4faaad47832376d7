"""What becomes of the bookings of somebody whose account ends."""

from chalicelib.kernel.time import HOUR, MINUTE
from chalicelib.scheduling import belongings, calendars, service
from chalicelib.scheduling.model.availability import Availability
from chalicelib.scheduling.store import schedule_of
from chalicelib.sessions.model.session import Side
from tests.support.diary import RATE, Diary, days, diary
from tests.support.duo import assert_books_balance
from tests.support.reading import pay_in

PRICE = 15 * RATE


def test_whatever_is_ahead_is_called_off_in_both_roles_as_if_by_themselves() -> None:
    stage = diary()
    other = Diary(stage.world, "2").ready()
    pay_in(stage.world, stage.reader, 100_000, "topup:reader")
    early, late = stage.book(days(3), 15, "early"), stage.book(days(1), 15, "late")
    own = service.book(stage.world, "bok_own", Side(stage.reader, "R"), other.reader, days(4), 15, "text")
    stage.at(days(1) - HOUR)
    for _ in range(2):
        belongings.call_off_all(stage.world, stage.reader)
    states = {each.id: service.load(stage.world, each.id).state for each in (early, late, own)}
    assert states == {
        early.id: "cancelled_by_reader",
        late.id: "cancelled_by_reader",
        own.id: "cancelled_by_client",
    }
    assert stage.credit() == 100_000
    assert_books_balance(stage.world)


def test_a_client_who_leaves_gets_back_what_a_cancellation_gives() -> None:
    stage = diary()
    stage.book(days(3), 15, "early")
    stage.book(days(1), 15, "late")
    stage.at(days(1) - HOUR)
    belongings.call_off_all(stage.world, stage.client)
    assert stage.credit() == 100_000 - PRICE // 2


def test_a_reading_that_has_begun_is_left_to_its_end() -> None:
    stage = diary()
    stage.book(days(1), 15)
    stage.at(days(1) + MINUTE).noticed()
    belongings.call_off_all(stage.world, stage.client)
    assert stage.row().state == "in_session"


def test_a_name_is_forgotten_on_every_booking_and_hours_and_calendar_are_gone() -> None:
    stage = diary()
    other = stage.other(1)
    stage.book(days(3), 15, "open")
    service.cancel(stage.world, stage.book(days(4), 15, "over").id, stage.client)
    kept = other.book(days(5), 15)
    secret = calendars.new_feed(stage.world, stage.client)
    for _ in range(2):
        belongings.forget(stage.world, stage.client)
        for name in ("open", "over"):
            belongings.rename(stage.world, stage.row(name).id, "client", "Somebody")
    assert {stage.row(name).client.name for name in ("open", "over")} == {"Somebody"}
    assert service.load(stage.world, kept.id) == kept
    assert stage.cells(stage.client) == [3 * 96]
    assert secret
    assert schedule_of(stage.world).feed_of(stage.client) is None
    belongings.forget(stage.world, stage.reader)
    belongings.rename(stage.world, stage.row("open").id, "reader", "Somebody")
    assert stage.row("open").reader.name == "Somebody"
    assert schedule_of(stage.world).availability(stage.reader, lambda: "UTC") == Availability()
