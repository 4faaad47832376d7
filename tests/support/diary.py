"""A client with credit and a reader with hours: the words in which the tests of bookings are written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.tables import whole
from chalicelib.scheduling import availability, service
from chalicelib.scheduling.model.availability import MIDNIGHT
from chalicelib.scheduling.model.booking import Booking
from chalicelib.scheduling.store import schedule_of
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from tests.support.duo import assert_books_balance, assert_whole
from tests.support.people import person
from tests.support.reading import add_reader, pay_in
from tests.support.worlds import NOON, HandClock, hand_world

RATE: Final[Cents] = 250
QUARTER: Final[Millis] = 15 * MINUTE
TODAY: Final[Millis] = -(-NOON // QUARTER) * QUARTER
"""The first quarter of an hour after the clock's beginning."""


@dataclass(frozen=True)
class Diary:
    """``own`` is what makes their ids their own; ``number`` tells the clients of one reader apart."""

    world: World
    own: str = "1"
    number: int = 0

    @property
    def client(self) -> str:
        return f"usr_c{self.own}{self.number}"

    @property
    def reader(self) -> str:
        return f"usr_r{self.own}"

    @property
    def account(self) -> str:
        return wallet.credit_account(self.client)

    def other(self, number: int, cents: Cents = 100_000) -> Diary:
        """Another client of the same reader, with credit."""
        another = replace(self, number=number)
        pay_in(self.world, another.client, cents, f"topup:{another.client}")
        return another

    def apart(self, blocker: str) -> None:
        """That side blocks the other."""
        sides = [self.client, self.reader] if blocker == "client" else [self.reader, self.client]
        for each in sides:
            person(self.world, each)
        accounts.block(self.world, *sides)

    def ready(self, cents: Cents = 100_000, buffer: int = 0) -> Diary:
        """``cents`` of credit, and a reader to be had at any hour of UTC."""
        if cents:
            pay_in(self.world, self.client, cents, f"topup:{self.client}")
        add_reader(self.world, self.reader, RATE)
        availability.set_weekly(self.world, self.reader, (((0, MIDNIGHT),),) * 7, buffer, "UTC")
        return self

    def clock(self) -> HandClock:
        assert isinstance(self.world.now, HandClock)
        return self.world.now

    def at(self, moment: Millis) -> Diary:
        """Turn the clock to that moment."""
        self.clock().now = moment
        return self

    def book(self, start: Millis, minutes: int = 30, name: str = "bok_1") -> Booking:
        return service.book(self.world, self.id(name), Side(self.client, "Cee"), self.reader, start, minutes, "voice")

    def id(self, name: str = "bok_1") -> str:
        return f"{name}_{self.own}_{self.number}"

    def row(self, name: str = "bok_1") -> Booking:
        """The booking as stored."""
        return service.load(self.world, self.id(name))

    def noticed(self, name: str = "bok_1") -> Booking:
        return service.advance(self.world, self.row(name))

    def cells(self, person: str) -> list[float]:
        """The taken cells of a person, in quarters of an hour since ``TODAY``."""
        rows = schedule_of(self.world).cells_of(person, NOON - DAY, NOON + 70 * DAY)
        return [(cell - TODAY) / QUARTER for cell in rows]

    def credit(self) -> Cents:
        return wallet.head(self.world, self.client).balance

    def earned(self) -> Cents:
        return wallet.ledger(self.world).head(earnings_account(self.reader)).balance

    def escrow(self, booking: str) -> Cents:
        """What lies in the escrow of a booking: all that went in, less all that came out."""
        rows = whole(self.world.tables, self.world.settings.tables.ledger)
        moves = [row for row in rows if not row["account"].startswith("receipt:")]
        return -sum(int(row["amount"]) for row in moves if row["counter"] == f"escrow:{booking}")

    def assert_divided(self, booking: Booking) -> None:
        """The price went to the client, the reader and the platform, whole, and nobody's time is held any more."""
        assert not booking.is_open
        assert self.escrow(booking.id) == 0
        kept = booking.price - booking.refunded
        assert booking.earned == kept * 70 // 100
        assert_whole(self.world, self.account)
        assert_whole(self.world, earnings_account(self.reader))
        assert_books_balance(self.world)
        for whose in (self.client, self.reader):
            held = schedule_of(self.world).cells_of(whose, NOON - DAY, NOON + 70 * DAY)
            assert booking.id not in held.values()


def diary(**more: Any) -> Diary:
    """On tables in memory, ready."""
    return Diary(hand_world()).ready(**more)


def days(count: float) -> Millis:
    return TODAY + round(count * DAY)


def hours(count: float) -> Millis:
    return TODAY + round(count * HOUR)
