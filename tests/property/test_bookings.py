"""Random bookings, cancellations and moves: nobody is in two places, and no cent is lost, whatever is refused."""

from dataclasses import replace
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.kernel.errors import InvalidState, SlotTaken
from chalicelib.kernel.money import reader_share
from chalicelib.kernel.time import DAY, HOUR, Millis
from chalicelib.scheduling import service
from chalicelib.scheduling.model import booking as model
from chalicelib.scheduling.model.booking import Booking
from chalicelib.sessions.model.session import Reason, Session, Side
from tests.support.diary import QUARTER, Diary, days, diary
from tests.support.duo import assert_books_balance
from tests.support.worlds import NOON, hand_world

CLIENTS: Final = 3

acts = st.one_of(
    st.tuples(st.just("book"), st.integers(0, CLIENTS - 1), st.integers(0, 23), st.sampled_from((15, 30, 45, 60))),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("move"), st.integers(0, 30), st.integers(0, 23), st.just(0)),
)


def in_the_way(one: Booking, other: Booking, same_reader: bool) -> bool:
    """The rule, without cells: readers keep their buffers, clients need none."""
    before, after = sorted((one, other), key=lambda booking: booking.start)
    gap = after.start - before.end
    return gap < (before.buffer if same_reader else 0)


class Calendar:
    """Bookings of a few clients with one reader, and what the rule says of the next."""

    def __init__(self, buffer: int) -> None:
        self.stage = Diary(hand_world()).ready(cents=0, buffer=buffer)
        self.people = [self.stage.other(number) for number in range(CLIENTS)]
        self.buffer = buffer
        self.made: list[tuple[Diary, str]] = []

    def live(self) -> list[Booking]:
        rows = [service.load(self.stage.world, booking) for _, booking in self.made]
        return [row for row in rows if row.is_open]

    def clashes(self, wanted: Booking) -> bool:
        others = [row for row in self.live() if row.id != wanted.id]
        same_client = [row for row in others if row.client.user == wanted.client.user]
        return any(in_the_way(wanted, row, True) for row in others) or any(
            in_the_way(wanted, row, False) for row in same_client
        )

    def book(self, person: int, start: Millis, minutes: int) -> None:
        who = self.people[person]
        taken = self.clashes(wanted_booking(who, start, minutes, self.buffer))
        try:
            self.made.append((who, who.book(start, minutes, f"bok_{len(self.made)}").id))
            assert not taken
        except SlotTaken:
            assert taken
            self.made.append((who, who.book(start + 10 * DAY + len(self.made) * HOUR, 15, f"bok_{len(self.made)}").id))

    def cancel(self, booking: int, by_client: int) -> None:
        who, name = self.made[booking % len(self.made)]
        was = service.load(self.stage.world, name)
        try:
            service.cancel(self.stage.world, name, who.client if by_client else who.reader)
        except InvalidState:
            assert not was.is_open

    def move(self, booking: int, start: Millis) -> None:
        who, name = self.made[booking % len(self.made)]
        row = service.load(self.stage.world, name)
        taken = self.clashes(replace(row, start=start, end=start + row.end - row.start))
        try:
            service.reschedule(self.stage.world, name, who.client, start)
            assert not taken
        except SlotTaken:
            assert taken
        except InvalidState:
            assert not row.is_open

    def check(self) -> None:
        assert not any(self.clashes(row) for row in self.live())

    def finish(self) -> None:
        """All that is left is called off by the reader: nothing is lost, and nobody's time is held."""
        held = {row.id for row in self.live()}
        for who, name in self.made:
            assert (self.stage.escrow(name) > 0) == (name in held)
            if name in held:
                who.assert_divided(service.cancel(self.stage.world, name, who.reader))
        assert_books_balance(self.stage.world)
        assert self.stage.cells(self.stage.reader) == []


@settings(max_examples=60)
@given(buffer=st.sampled_from((0, 15, 45)), steps=st.lists(acts, max_size=40))
def test_nobody_is_ever_in_two_bookings_and_only_what_would_be_so_is_refused(
    buffer: int, steps: list[tuple[str, int, int, int]]
) -> None:
    calendar = Calendar(buffer)
    for kind, one, two, minutes in steps:
        if kind == "book":
            calendar.book(one, days(3) + two * QUARTER, minutes)
        elif calendar.made and kind == "cancel":
            calendar.cancel(one, two)
        elif calendar.made:
            calendar.move(one, days(3) + two * QUARTER)
        calendar.check()
    calendar.finish()


def wanted_booking(who: Diary, start: Millis, minutes: int, buffer: int) -> Booking:
    length = minutes // 15 * QUARTER
    return Booking(
        id="wanted",
        client=Side(who.client, ""),
        reader=Side(who.reader, ""),
        modality="text",
        rate=1,
        price=minutes,
        minutes=minutes,
        start=start,
        end=start + length,
        buffer=buffer // 15 * QUARTER,
        spent=(),
        created_at=NOON,
        at=NOON,
        shard="0",
        reminders=0,
    )


ENDS: Final[tuple[Reason, ...]] = (
    "client_left",
    "reader_left",
    "network",
    "admin",
    "safety",
    "client_ended",
    "reader_ended",
    "declined",
    "cancelled",
    "no_show_client",
    "no_show_reader",
    "grace_expired",
    "max_duration",
)


@given(
    price=st.integers(1, 10_000_000),
    minutes=st.sampled_from((15, 30, 45, 60)),
    ended=st.integers(-20 * 60_000, 90 * 60_000),
    began=st.booleans(),
    paused=st.none() | st.integers(0, 60 * 60_000),
    reason=st.sampled_from(ENDS),
    cut=st.none() | st.sampled_from(ENDS),
    lots=st.lists(st.integers(1, 5_000_000), max_size=4),
)
def test_refund_reader_and_platform_are_the_price_however_it_ends(
    price: int,
    minutes: int,
    ended: int,
    began: bool,
    paused: int | None,
    reason: Reason,
    cut: Reason | None,
    lots: list[int],
) -> None:
    left, spent = price, []
    for number, cents in enumerate(lots):
        if taken := min(cents, left):
            spent.append((f"lot{number}", taken, NOON))
            left -= taken
    if left:
        spent.append(("paid", left, 0))
    plain = wanted_booking(Diary(hand_world()), days(3), minutes, 0)
    booking = replace(plain, price=price, spent=tuple(spent))
    session = Session(
        id="ses_1",
        client=booking.client,
        reader=booking.reader,
        modality="text",
        rate=1,
        created_at=NOON,
        at=NOON,
        shard="0",
        state="ended",
        reason=reason,
        cut=cut if began else None,
        started_at=booking.start if began else None,
        ended_at=booking.start + ended,
        stopped_at=booking.start + paused if began and paused is not None else None,
    )
    outcome = model.verdict(booking, session)
    assert 0 <= outcome.refund <= price
    earned = reader_share(price - outcome.refund)
    assert outcome.refund + earned + (price - outcome.refund - earned) == price
    parts = model.refunded_parts(booking, outcome.refund)
    assert sum(cents for _, cents, _ in parts) == outcome.refund
    gave = {bucket: cents for bucket, cents, _ in booking.spent}
    assert all(0 < cents <= gave[bucket] for bucket, cents, _ in parts)
    if outcome.state == "no_show_client":
        assert outcome.refund == 0
    if outcome.state in ("cancelled_by_reader", "cancelled_by_platform", "no_show_reader"):
        assert outcome.refund == price


@given(price=st.integers(1, 10**9), before=st.integers(-DAY, 3 * DAY))
def test_a_clients_refund_never_falls_short_of_what_the_rule_gives_nor_exceeds_the_price(
    price: int, before: Millis
) -> None:
    booking = replace(wanted_booking(diary(), days(5), 30, 0), price=price)
    refund = model.refund_of_client(booking, booking.start - before)
    if before <= 0:
        assert refund == 0
    elif before < DAY:
        assert price <= 2 * refund <= price + 1
    else:
        assert refund == price
