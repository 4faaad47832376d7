"""Booking, calling off and moving: who gets what, whose time is taken, and what is refused."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    InsufficientFunds,
    Invalid,
    InvalidState,
    NotFound,
    Problem,
    ReaderUnavailable,
    SlotTaken,
    WalletFrozen,
)
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.readers import service as readers
from chalicelib.scheduling import availability, service
from chalicelib.scheduling.model import booking as model
from chalicelib.scheduling.model.availability import MIDNIGHT
from chalicelib.scheduling.model.booking import Booking
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import REVIVAL, Lot
from tests.support.diary import QUARTER, RATE, Diary, days, diary, hours
from tests.support.duo import chain
from tests.support.reading import grant, pay_in
from tests.support.worlds import NOON

PRICE = 30 * RATE


def book_as(stage: Diary, **changed: Any) -> Booking:
    asked: dict[str, Any] = {"reader_slug": stage.reader, "start": days(2), "minutes": 30, "modality": "voice"}
    return service.book(stage.world, stage.id(), Side(stage.client, "Cee"), **(asked | changed))


# --- booking -------------------------------------------------------------------------------------


def test_a_booking_pays_its_whole_price_into_escrow_and_takes_both_peoples_time() -> None:
    stage = diary(buffer=15)
    made = stage.book(hours(3), 30)
    assert (made.state, made.price, made.rate) == ("booked", PRICE, RATE)
    assert stage.credit() == 100_000 - PRICE
    assert stage.escrow(made.id) == PRICE
    assert stage.cells(stage.reader) == [12, 13, 14]
    assert stage.cells(stage.client) == [12, 13]
    (spent,) = [entry for entry in chain(stage.world, stage.account) if entry.kind == "booking"]
    assert (spent.amount, spent.counter, spent.reference) == (-PRICE, f"escrow:{made.id}", made.id)


def test_a_booking_asked_for_again_is_the_same_booking_and_pays_once() -> None:
    stage = diary()
    assert stage.book(days(2)) == stage.book(days(2))
    assert stage.credit() == 100_000 - PRICE


@pytest.mark.parametrize("changed", [{"start": days(3)}, {"minutes": 45}, {"modality": "text"}])
def test_an_id_derived_for_another_booking_is_refused(changed: dict[str, Any]) -> None:
    stage = diary()
    stage.book(days(2))
    with pytest.raises(IdempotencyMismatch):
        book_as(stage, **changed)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"start": days(2) + 1}, Invalid),
        ({"start": days(2) + MINUTE}, Invalid),
        ({"start": hours(2) - QUARTER}, SlotTaken),
        ({"start": days(60)}, SlotTaken),
        ({"start": days(-1)}, SlotTaken),
        ({"reader_slug": "nobody"}, NotFound),
    ],
)
def test_what_is_off_the_grid_too_soon_too_far_or_with_nobody_is_refused_and_costs_nothing(
    changed: dict[str, Any], refusal: type[Problem]
) -> None:
    stage = diary()
    with pytest.raises(refusal):
        book_as(stage, **changed)
    assert stage.credit() == 100_000


def test_two_hours_ahead_and_sixty_days_ahead_are_bookable() -> None:
    stage = diary()
    assert stage.book(hours(2), name="soon").state == "booked"
    assert stage.book(days(60) - QUARTER, name="far").state == "booked"


def test_a_time_outside_the_readers_hours_is_no_slot() -> None:
    stage = diary()
    availability.set_weekly(stage.world, stage.reader, (((9 * 60, 10 * 60),),) * 7, 0, "UTC")
    midnight = days(3) // DAY * DAY
    with pytest.raises(SlotTaken):
        stage.book(midnight + 9 * HOUR + 45 * MINUTE)
    assert stage.book(midnight + 9 * HOUR + 30 * MINUTE).state == "booked"


def test_nobody_books_themselves_and_only_what_is_offered_can_be_booked() -> None:
    stage = diary()
    with pytest.raises(Invalid):
        service.book(stage.world, "bok_x", Side(stage.reader, "R"), stage.reader, days(2), 30, "voice")
    readers.set_rates(stage.world, stage.reader, {"text": RATE})
    with pytest.raises(ReaderUnavailable):
        stage.book(days(2))
    readers.withdraw(stage.world, stage.reader, actor="usr_admin", reason="test")
    with pytest.raises(NotFound):
        stage.book(days(2))


def test_without_credit_or_with_a_frozen_wallet_nothing_is_booked() -> None:
    stage = diary(cents=PRICE - 1)
    with pytest.raises(InsufficientFunds):
        stage.book(days(2))
    rich = stage.other(1)
    wallet.freeze(stage.world, rich.client, "dispute")
    with pytest.raises(WalletFrozen):
        rich.book(days(2))
    assert stage.cells(stage.reader) == stage.cells(stage.client) == []


@pytest.mark.parametrize(("start", "minutes"), [(0, 30), (1, 15), (-1, 30), (-3, 60), (1, 60), (2, 15), (-1, 15)])
def test_bookings_that_overlap_or_leave_less_than_the_buffer_are_refused(start: int, minutes: int) -> None:
    """The one that stands takes quarters 0 and 1, and its buffer 2."""
    stage = diary(buffer=15)
    stage.book(days(2), 30)
    other = stage.other(1)
    with pytest.raises(SlotTaken):
        other.book(days(2) + start * QUARTER, minutes)
    assert other.credit() == 100_000
    assert other.cells(other.client) == []


@pytest.mark.parametrize(("start", "minutes"), [(3, 15), (-2, 15), (-5, 60), (3, 60)])
def test_bookings_with_the_buffer_between_them_are_not(start: int, minutes: int) -> None:
    stage = diary(buffer=15)
    stage.book(days(2), 30)
    assert stage.other(1).book(days(2) + start * QUARTER, minutes).state == "booked"


def test_a_client_is_in_one_booking_at_a_time_whoever_the_reader() -> None:
    stage = diary()
    stage.book(days(2), 30)
    elsewhere = replace(stage, own="2")
    Diary(stage.world, "2").ready(cents=0)
    with pytest.raises(SlotTaken):
        service.book(stage.world, "bok_2", Side(stage.client, "Cee"), elsewhere.reader, days(2) + QUARTER, 15, "voice")
    meets = service.book(
        stage.world, "bok_2", Side(stage.client, "Cee"), elsewhere.reader, days(2) + 2 * QUARTER, 15, "voice"
    )
    assert meets.state == "booked"


def test_a_reader_who_is_a_client_at_that_time_cannot_be_booked() -> None:
    stage = diary()
    other = Diary(stage.world, "2").ready()
    pay_in(stage.world, stage.reader, 100_000, "topup:reader")
    service.book(stage.world, "bok_2", Side(stage.reader, "R"), other.reader, days(2), 30, "voice")
    with pytest.raises(SlotTaken):
        stage.book(days(2) + QUARTER)
    assert stage.book(days(2) + 2 * QUARTER).state == "booked"


def test_a_client_has_fifty_bookings_ahead_at_most() -> None:
    stage = diary(cents=0)
    stage = stage.other(0, 50_000_000)
    for number in range(model.MOST_UPCOMING):
        stage.book(days(2) + number * QUARTER, 15, f"bok_{number}")
    with pytest.raises(InvalidState):
        stage.book(days(30), 15, "bok_more")
    service.cancel(stage.world, stage.id("bok_7"), stage.client)
    assert stage.book(days(30), 15, "bok_more").state == "booked"


# --- slots ---------------------------------------------------------------------------------------


def test_slots_are_what_can_be_booked_now_with_their_price() -> None:
    stage = diary(buffer=15)
    stage.book(hours(3), 30)
    found = availability.slots(stage.world, stage.reader, hours(0), hours(5), 30, "voice")
    assert found.price == PRICE
    assert [(start - hours(0)) / QUARTER for start in found.starts] == [8, 9, 15, 16, 17, 18, 19]


@pytest.mark.parametrize("until", [days(0), days(-1), days(31) + 1])
def test_slots_are_asked_for_31_days_at_most_and_forwards(until: int) -> None:
    stage = diary()
    with pytest.raises(Invalid):
        availability.slots(stage.world, stage.reader, days(0), until, 30, "voice")
    assert len(availability.slots(stage.world, stage.reader, days(0), days(31), 30, "voice").starts) > 2_900


def test_slots_end_at_the_horizon_and_are_none_in_the_past() -> None:
    stage = diary()
    assert availability.slots(stage.world, stage.reader, days(-40), days(-30), 30, "voice").starts == []
    assert availability.slots(stage.world, stage.reader, days(61), days(70), 30, "voice").starts == []
    last = availability.slots(stage.world, stage.reader, days(59), days(70), 30, "voice").starts[-1]
    assert last == (NOON + 60 * DAY) // QUARTER * QUARTER


# --- calling off ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "who", "state", "refund"),
    [
        (DAY, "client", "cancelled_by_client", PRICE),
        (DAY - 1, "client", "cancelled_by_client", PRICE // 2),
        (11 * MINUTE, "client", "cancelled_by_client", PRICE // 2),
        (DAY, "reader", "cancelled_by_reader", PRICE),
        (11 * MINUTE, "reader", "cancelled_by_reader", PRICE),
    ],
)
def test_calling_off_divides_the_price_by_who_and_when(before: int, who: str, state: str, refund: int) -> None:
    stage = diary()
    made = stage.book(days(3))
    stage.at(made.start - before)
    done = service.cancel(stage.world, made.id, getattr(stage, who))
    assert (done.state, done.refunded, done.closed_at) == (state, refund, made.start - before)
    assert stage.credit() == 100_000 - PRICE + refund
    assert stage.earned() == (PRICE - refund) * 70 // 100
    stage.assert_divided(done)


def test_half_of_an_odd_price_is_rounded_up_for_the_client() -> None:
    made = replace(diary().book(days(3)), price=101)
    assert model.refund_of_client(made, made.start - 1) == 51


def test_calling_off_again_is_no_error_and_pays_nothing_more() -> None:
    stage = diary()
    made = stage.book(days(3))
    first = service.cancel(stage.world, made.id, stage.client)
    assert service.cancel(stage.world, made.id, stage.client) == first
    with pytest.raises(InvalidState):
        service.cancel(stage.world, made.id, stage.reader)
    assert stage.credit() == 100_000


def test_a_stranger_calls_nothing_off_and_only_the_reader_declines() -> None:
    stage = diary()
    made = stage.book(days(3))
    for act in (service.cancel, service.decline, service.current, service.start):
        with pytest.raises(Forbidden):
            act(stage.world, made.id, "usr_stranger")
    with pytest.raises(Forbidden):
        service.decline(stage.world, made.id, stage.client)
    assert service.decline(stage.world, made.id, stage.reader).state == "cancelled_by_reader"
    with pytest.raises(NotFound):
        service.cancel(stage.world, "bok_none", stage.client)


def test_the_time_of_what_was_called_off_can_be_booked_again() -> None:
    stage = diary()
    made = stage.book(days(3))
    service.cancel(stage.world, made.id, stage.client)
    assert stage.other(1).book(days(3)).state == "booked"


# --- promotional credit --------------------------------------------------------------------------


def test_promotional_credit_comes_back_as_it_was_and_never_as_paid_money() -> None:
    stage = diary(cents=PRICE)
    grant(stage.world, stage.client, Lot("welcome", 3_000, NOON + 40 * DAY))
    made = stage.book(days(3))
    assert [part[:2] for part in made.spent] == [("welcome", 3_000), ("paid", PRICE - 3_000)]
    service.cancel(stage.world, made.id, stage.reader)
    buckets = wallet.head(stage.world, stage.client).buckets
    assert (buckets.paid, buckets.lots) == (PRICE, (Lot("welcome", 3_000, NOON + 40 * DAY),))


def test_promotional_credit_that_would_have_expired_lives_seven_more_days() -> None:
    stage = diary(cents=PRICE)
    grant(stage.world, stage.client, Lot("welcome", 3_000, NOON + DAY))
    made = stage.book(days(3))
    stage.at(days(2))
    service.cancel(stage.world, made.id, stage.reader)
    buckets = wallet.head(stage.world, stage.client).buckets
    assert (buckets.paid, buckets.lots) == (PRICE, (Lot("welcome", 3_000, days(2) + REVIVAL),))


def test_half_a_refund_is_paid_money_first() -> None:
    stage = diary(cents=PRICE)
    grant(stage.world, stage.client, Lot("welcome", 3_000, NOON + 40 * DAY))
    made = stage.book(days(3))
    stage.at(made.start - HOUR)
    service.cancel(stage.world, made.id, stage.client)
    buckets = wallet.head(stage.world, stage.client).buckets
    assert (buckets.paid, buckets.lots) == (3_000 + PRICE // 2, ())


def test_a_repeated_request_finds_its_booking_also_when_the_reader_has_gone_since() -> None:
    stage = diary()
    made = book_as(stage)
    readers.withdraw(stage.world, stage.reader, actor="admin", reason="because")
    assert book_as(stage).id == made.id
    with pytest.raises(IdempotencyMismatch):
        book_as(stage, minutes=45)


# --- kept apart ------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocker", ["client", "reader"])
def test_of_whom_one_blocked_the_other_neither_books_nor_moves_a_booking(blocker: str) -> None:
    stage = diary()
    made = stage.book(days(3), 30)
    stage.apart(blocker)
    with pytest.raises(Blocked):
        service.book(stage.world, "bok_new", Side(stage.client, "Cee"), stage.reader, days(5), 30, "voice")
    with pytest.raises(Blocked):
        service.reschedule(stage.world, made.id, stage.client, days(4))
    assert (stage.credit(), stage.row().start) == (100_000 - PRICE, days(3))
    assert service.cancel(stage.world, made.id, stage.client).state == "cancelled_by_client"
    assert stage.credit() == 100_000


# --- moving --------------------------------------------------------------------------------------


def test_a_booking_moves_for_nothing_and_frees_its_old_time() -> None:
    stage = diary(buffer=15)
    made = stage.book(days(3), 30)
    done = service.reschedule(stage.world, made.id, stage.client, days(3) + QUARTER)
    assert (done.state, done.start, done.end - done.start) == ("booked", days(3) + QUARTER, 2 * QUARTER)
    assert done.epoch == made.epoch + 1
    assert stage.cells(stage.reader) == [289, 290, 291]
    assert stage.cells(stage.client) == [289, 290]
    assert stage.credit() == 100_000 - PRICE
    assert service.reschedule(stage.world, made.id, stage.client, days(3) + QUARTER) == done
    stage.assert_divided(service.cancel(stage.world, made.id, stage.client))


def test_a_booking_moves_a_day_ahead_at_the_latest_by_its_client_into_a_free_slot() -> None:
    stage = diary()
    made = stage.book(days(3))
    stage.other(1).book(days(4))
    with pytest.raises(SlotTaken):
        service.reschedule(stage.world, made.id, stage.client, days(4) + QUARTER)
    with pytest.raises(Forbidden):
        service.reschedule(stage.world, made.id, stage.reader, days(5))
    with pytest.raises(Invalid):
        service.reschedule(stage.world, made.id, stage.client, days(5) + 1)
    stage.at(made.start - DAY)
    assert service.reschedule(stage.world, made.id, stage.client, days(5)).start == days(5)
    stage.at(days(4) + 1)
    with pytest.raises(InvalidState):
        service.reschedule(stage.world, made.id, stage.client, days(6))
    assert stage.row().start == days(5)


def test_a_booking_that_was_called_off_does_not_move() -> None:
    stage = diary()
    made = stage.book(days(3))
    service.cancel(stage.world, made.id, stage.client)
    with pytest.raises(InvalidState):
        service.reschedule(stage.world, made.id, stage.client, days(5))


def test_a_moved_booking_is_listed_at_its_new_time_only() -> None:
    stage = diary()
    made = stage.book(days(3))
    service.reschedule(stage.world, made.id, stage.client, days(5))
    for who, user in (("client", stage.client), ("reader", stage.reader)):
        upcoming, _ = service.bookings_of(stage.world, who, user, "upcoming", 10, None)  # type: ignore[arg-type]
        assert [each.start for each in upcoming] == [days(5)]


# --- lists ---------------------------------------------------------------------------------------


def test_upcoming_are_soonest_first_and_what_is_over_newest_first() -> None:
    stage = diary()
    for name, start in (("a", days(3)), ("b", days(2)), ("c", days(4)), ("d", days(5))):
        stage.book(start, 15, name)
    service.cancel(stage.world, stage.id("c"), stage.client)
    stage.at(days(1))
    service.cancel(stage.world, stage.id("d"), stage.reader)
    listed = {
        when: [each.id for each in service.bookings_of(stage.world, "client", stage.client, when, 10, None)[0]]
        for when in ("upcoming", "past")
    }
    assert listed == {"upcoming": [stage.id("b"), stage.id("a")], "past": [stage.id("d"), stage.id("c")]}


def test_a_list_goes_on_where_its_page_ended_though_time_has_moved() -> None:
    stage = diary()
    for number in range(5):
        stage.book(days(2) + number * QUARTER, 15, f"bok_{number}")
    first, after = service.bookings_of(stage.world, "reader", stage.reader, "upcoming", 2, None)
    second, end = service.bookings_of(stage.world, "reader", stage.reader, "upcoming", 3, after)
    assert [each.id for each in first + second] == [stage.id(f"bok_{number}") for number in range(5)]
    assert end is None


# --- hours ---------------------------------------------------------------------------------------


def test_hours_are_kept_in_the_zone_they_were_said_in_and_overrides_beside_them() -> None:
    stage = diary()
    said = availability.set_weekly(stage.world, stage.reader, (((0, MIDNIGHT),),) * 7, 30, "Asia/Kathmandu")
    assert (said.zone, said.buffer) == ("Asia/Kathmandu", 30)
    with_days = availability.set_overrides(stage.world, stage.reader, {date(2030, 4, 1): ()})
    assert with_days == replace(said, overrides={date(2030, 4, 1): ()})
    again = availability.set_weekly(stage.world, stage.reader, ((),) * 7, 0, "UTC")
    assert again.overrides == {date(2030, 4, 1): ()}


def test_hours_that_change_leave_what_is_booked() -> None:
    stage = diary()
    made = stage.book(days(3))
    availability.set_weekly(stage.world, stage.reader, ((),) * 7, 0, "UTC")
    assert stage.noticed() == made
    with pytest.raises(NotFound):
        availability.set_weekly(stage.world, stage.client, ((),) * 7, 0, "UTC")
