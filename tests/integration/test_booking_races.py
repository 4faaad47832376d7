"""Many at once on one slot, one booking, one door, on a real DynamoDB; and answers that are lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, Problem, SlotTaken
from chalicelib.kernel.time import HOUR, MINUTE, Millis
from chalicelib.runtime.tables import DynamoTables
from chalicelib.scheduling import availability, service
from chalicelib.scheduling.model.booking import Booking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Side
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.diary import QUARTER, RATE, Diary, days
from tests.support.duo import assert_whole, refusals
from tests.support.faults import WRITES, Send, after, fault, never_answers, never_arrives
from tests.support.worlds import NOON, HandClock, hand_world

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

START = days(3)
PRICE = 30 * RATE


@pytest.fixture
def stage(world: World) -> Diary:
    assert isinstance(world.now, HandClock)
    world.now.now = NOON
    return Diary(world, uuid4().hex[:10]).ready(cents=10_000)


Wanted = tuple[str, str, str, Millis, int]
"""Booking, client, reader, start and minutes."""


def book(world: World, place: int, wanted: list[Wanted]) -> Booking:
    booking, client, reader, start, minutes = wanted[place % len(wanted)]
    return service.book(world, booking, Side(client, "Cee"), reader, start, minutes, "voice")


def wanted(stage: Diary, start: Millis = START, minutes: int = 30, name: str = "bok") -> Wanted:
    return stage.id(name), stage.client, stage.reader, start, minutes


def call_off(world: World, place: int, booking: str, people: list[str]) -> Booking:
    return service.cancel(world, booking, people[place % len(people)])


def look(world: World, place: int, booking: str) -> Booking:
    return service.look_after(world, booking)


# --- one slot ------------------------------------------------------------------------------------


def test_of_clients_who_want_one_slot_at_once_one_gets_it_and_the_others_keep_their_money(
    stage: Diary, crowd: Crowd
) -> None:
    people = [stage, *(stage.other(number, 10_000) for number in range(1, 8))]
    found = crowd(8, book, [wanted(each) for each in people])
    assert refusals(found) == {SlotTaken.code: 7}
    assert sorted(each.credit() for each in people) == [10_000 - PRICE, *[10_000] * 7]
    assert [assert_whole(each.world, each.account) for each in people] == [each.credit() for each in people]
    assert len(stage.cells(stage.reader)) == 2
    assert sum(len(each.cells(each.client)) for each in people) == 2


def test_bookings_of_different_lengths_that_overlap_never_stand_together(stage: Diary, crowd: Crowd) -> None:
    availability.set_weekly(stage.world, stage.reader, (((0, 1_440),),) * 7, 15, "UTC")
    people = [stage, *(stage.other(number, 50_000) for number in range(1, 12))]
    shapes = [(place % 5, (15, 30, 45, 60)[place % 4]) for place in range(12)]
    asked = [
        wanted(each, START + first * QUARTER, minutes, "bok")
        for each, (first, minutes) in zip(people, shapes, strict=True)
    ]
    found = crowd(12, book, asked)
    assert set(refusals(found)) <= {SlotTaken.code}
    made = sorted((each for each in found if isinstance(each, Booking)), key=lambda each: each.start)
    assert made
    for one, following in pairwise(made):
        assert following.start >= one.end + one.buffer
    assert len(stage.cells(stage.reader)) == sum(each.minutes // 15 + 1 for each in made)


def test_a_booking_repeated_16_times_at_once_is_one_and_is_paid_once(stage: Diary, crowd: Crowd) -> None:
    found = crowd(16, book, [wanted(stage)])
    assert refusals(found) == Counter()
    assert {each.id for each in found} == {stage.id("bok")}
    assert stage.credit() == 10_000 - PRICE
    assert stage.escrow(stage.id("bok")) == PRICE


def test_a_client_who_books_two_readers_at_once_is_in_one_place(stage: Diary, crowd: Crowd) -> None:
    stage = stage.other(1, 50_000)
    other = Diary(stage.world, uuid4().hex[:10]).ready(cents=0)
    found = crowd(4, book, [wanted(stage), ("bok_" + other.own, stage.client, other.reader, START + QUARTER, 15)])
    made = {each.id for each in found if isinstance(each, Booking)}
    assert len(made) == 1
    assert set(refusals(found)) == {SlotTaken.code}
    assert len(stage.cells(stage.client)) in (1, 2)


def test_credit_for_one_booking_buys_one_of_many_wanted_at_once(stage: Diary, crowd: Crowd) -> None:
    found = crowd(6, book, [wanted(stage, START + n * HOUR, 30, f"bok{n}") for n in range(6)])
    assert refusals(found).total() == 5
    assert stage.credit() == 10_000 - PRICE


# --- one booking ---------------------------------------------------------------------------------


def test_both_calling_it_off_at_once_divide_it_once(stage: Diary, crowd: Crowd) -> None:
    made = stage.book(START)
    found = crowd(12, call_off, made.id, [stage.client, stage.reader])
    assert set(refusals(found)) <= {InvalidState.code}
    done = stage.row()
    assert done.state in ("cancelled_by_client", "cancelled_by_reader")
    assert stage.credit() == 10_000
    stage.assert_divided(done)


def test_half_refunds_of_many_bookings_at_once_all_reach_the_same_reader_and_client(stage: Diary, crowd: Crowd) -> None:
    stage = stage.other(1, 50_000)
    for number in range(4):
        stage.book(START + number * QUARTER, 15, f"bok{number}")
    stage.at(START - HOUR)
    found = crowd(4, call_off_each, [stage.id(f"bok{number}") for number in range(4)], stage.client)
    assert refusals(found) == Counter()
    half = 15 * RATE // 2
    assert stage.credit() == 50_000 - 4 * half
    assert stage.earned() == 4 * (half * 70 // 100)
    for number in range(4):
        stage.assert_divided(stage.row(f"bok{number}"))


def call_off_each(world: World, place: int, bookings: list[str], user: str) -> Booking:
    return service.cancel(world, bookings[place % len(bookings)], user)


def move_or_call_off(world: World, place: int, booking: str, client: str) -> Booking:
    if place % 3 == 0:
        return service.cancel(world, booking, client)
    return service.reschedule(world, booking, client, days(4) + place * HOUR)


def test_moving_and_calling_off_at_once_leave_no_time_held_and_no_cent_lost(stage: Diary, crowd: Crowd) -> None:
    made = stage.book(START)
    found = crowd(9, move_or_call_off, made.id, stage.client)
    assert set(refusals(found)) <= {InvalidState.code}
    stage.assert_divided(stage.row())
    assert stage.cells(stage.reader) == stage.cells(stage.client) == []


def test_two_who_move_into_one_slot_at_once_are_not_both_there(stage: Diary, crowd: Crowd) -> None:
    other = stage.other(1, 10_000)
    pairs = [(stage.book(START).id, stage.client), (other.book(START + HOUR).id, other.client)]
    found = crowd(2, move_to, pairs, days(5))
    assert refusals(found) == {SlotTaken.code: 1}
    assert len(stage.cells(stage.reader)) == 4


def move_to(world: World, place: int, pairs: list[tuple[str, str]], start: Millis) -> Booking:
    booking, client = pairs[place]
    return service.reschedule(world, booking, client, start)


# --- its time ------------------------------------------------------------------------------------


def test_everybody_who_looks_at_its_time_opens_one_reading_and_sends_one_reminder(stage: Diary, crowd: Crowd) -> None:
    made = stage.book(START)
    for ahead in (HOUR, 10 * MINUTE):
        stage.at(START - ahead)
        assert refusals(crowd(8, look, made.id)) == Counter()
    row = stage.row()
    assert row.state == "in_session"
    assert sessions.load(stage.world, str(row.session)).state == "waiting"
    notices = stage.world.tables.query(stage.world.settings.tables.notices, ("pk", stage.client)).items
    assert [each["kind"] for each in notices].count("booking_reminder") == 1


def test_everybody_who_looks_when_nobody_came_divides_it_once(stage: Diary, crowd: Crowd) -> None:
    made = stage.book(START)
    stage.at(START + HOUR)
    found = crowd(8, look, made.id)
    assert refusals(found) == Counter()
    assert {each.state for each in found} == {"no_show_reader"}
    assert stage.credit() == 10_000
    stage.assert_divided(stage.row())


def open_or_call_off(world: World, place: int, booking: str, client: str) -> Booking:
    """Some clocks are ahead of others, so that some see a door that others do not see yet."""
    assert isinstance(world.now, HandClock)
    ahead = replace(world, now=HandClock(world.now.now + (2_000 if place % 2 else 0)))
    return service.look_after(ahead, booking) if place % 2 else service.cancel(world, booking, client)


def test_opening_and_calling_off_at_once_leave_nobody_in_a_reading_of_a_booking_that_is_over(
    stage: Diary, crowd: Crowd
) -> None:
    made = stage.book(START)
    stage.at(START - 10 * MINUTE - 1_000)
    found = crowd(8, open_or_call_off, made.id, stage.client)
    assert refusals(found) == Counter()
    done = stage.row()
    assert (done.state, done.refunded) == ("cancelled_by_client", PRICE // 2)
    assert sessions.busy_among(stage.world, [stage.client, stage.reader]) == set()
    stage.assert_divided(done)


# --- answers that are lost -----------------------------------------------------------------------


@pytest.fixture
def fragile(dynamodb_url: str) -> DynamoDBClient:
    """A client that does not try again by itself, so that a fault reaches us."""
    return dynamodb_client(dynamodb_url, attempts=1)


def act_on(world: World, stage: Diary, what: str) -> None:
    """One act of a booking's life."""
    name = stage.id("bok")
    match what:
        case "book":
            service.book(world, name, Side(stage.client, "Cee"), stage.reader, START, 30, "voice")
        case "move":
            service.reschedule(world, name, stage.client, START + QUARTER)
        case "cancel":
            service.cancel(world, name, stage.client)
        case _:
            service.look_after(world, name)


@pytest.mark.parametrize("send", [never_answers, never_arrives], ids=["lost answer", "lost request"])
@pytest.mark.parametrize("what", ["book", "move", "cancel", "open", "settle"])
def test_each_write_that_is_lost_in_turn_is_made_up_for_and_never_done_twice(
    stage: Diary, fragile: Any, table_names: dict[str, str], what: str, send: Send
) -> None:
    weak = hand_world(DynamoTables(fragile), settings=stage.world.settings, now=stage.world.now)
    for at in range(6):
        own = replace(stage, number=10 * at + 1).other(10 * at + 1, 10_000)
        own.at(NOON)
        if what != "book":
            own.book(START, 30, "bok")
        own.at({"open": START - 10 * MINUTE, "settle": START + HOUR}.get(what, NOON))
        with fault(fragile, send, *WRITES, at=at) as made:
            act_on(weak, own, what)
        row = own.row("bok")
        then = {"book": "booked", "move": "booked", "cancel": "cancelled_by_client", "open": "in_session"}
        assert row.state == then.get(what, "no_show_reader")
        if row.is_open:
            assert own.escrow(row.id) == PRICE
            assert own.credit() == 10_000 - PRICE
            assert len(own.cells(own.client)) == 2
            service.decline(own.world, row.id, own.reader)
        own.assert_divided(own.row("bok"))
        if made() <= at:
            return
    pytest.fail("an act of more than six writes")


@pytest.mark.parametrize(
    ("mine", "theirs", "at"),
    [
        ("book", "book", NOON),
        ("move", "cancel", NOON),
        ("move", "decline", NOON),
        ("cancel", "move", NOON),
        ("cancel", "decline", NOON),
        ("open", "cancel", START - 10 * MINUTE),
        ("cancel", "open", START - 10 * MINUTE),
        ("open", "open", START - 10 * MINUTE),
        ("settle", "settle", START + HOUR),
        ("settle", "decline", START + HOUR),
    ],
)
def test_whatever_somebody_does_between_the_look_and_the_write_the_price_is_divided_once(
    stage: Diary, fragile: Any, mine: str, theirs: str, at: Millis
) -> None:
    weak = hand_world(DynamoTables(fragile), settings=stage.world.settings, now=stage.world.now)
    for place in range(8):
        own = replace(stage, number=10 * place + 1).other(10 * place + 1, 10_000)
        own.at(NOON)
        if mine != "book":
            own.book(START, 30, "bok")
        own.at(at)
        with fault(fragile, after(partial(tolerated, own.world, own, theirs)), *WRITES, at=place) as made:
            tolerated(weak, own, mine)
        if own.row("bok").is_open:
            own.at(NOON)
            service.decline(own.world, own.id("bok"), own.reader)
        row = own.row("bok")
        own.assert_divided(row)
        assert own.credit() == 10_000 - PRICE + row.refunded
        assert sessions.busy_among(own.world, [own.client, own.reader]) == set()
        if made() <= place:
            return
    pytest.fail("an act of more than eight writes")


def tolerated(world: World, stage: Diary, what: str) -> None:
    """The act, or its refusal: what somebody else did may stand in its way."""
    try:
        if what == "decline":
            service.decline(world, stage.id("bok"), stage.reader)
        else:
            act_on(world, stage, what)
    except Problem:
        return
