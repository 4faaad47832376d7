"""What a booking is, what people may do with it, what time makes due, and who gets what of its price.

    booked → in_session → completed | no_show_client | no_show_reader | cancelled_by_platform
    booked, in_session before its talk begins → cancelled_by_client | cancelled_by_reader
    booked → booked, at another time

The whole price lies in escrow from the booking on. Closing it divides the price, once: a refund to the client, and of
the rest 70 % to the reader, as of a reading. Moments and spans are milliseconds, prices are cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from chalicelib.kernel.errors import Forbidden, InvalidState
from chalicelib.kernel.money import Cents, part_rounded_up
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND, Millis, rfc3339
from chalicelib.scheduling.model.availability import cells
from chalicelib.sessions.model.session import Modality, Reason, Session, Side, Who
from chalicelib.wallet.model.buckets import Part

State = Literal[
    "booked",
    "in_session",
    "completed",
    "cancelled_by_client",
    "cancelled_by_reader",
    "cancelled_by_platform",
    "no_show_client",
    "no_show_reader",
]

FREE: Final[Millis] = DAY
"""Up to so long before the start, a client cancels for nothing and may still move the booking."""
LATE_PERCENT: Final = 50
"""What a client who cancels later gets back."""
REMINDERS: Final[tuple[Millis, ...]] = (DAY, HOUR, 15 * MINUTE)
"""How long before the start both are reminded."""
MOST_UPCOMING: Final = 50
"""Bookings of one client."""
AGAIN: Final[Millis] = 10 * SECOND
"""What is held up (somebody is still in another reading) is tried again after so long."""
_BY_READER: Final[frozenset[Reason | None]] = frozenset({"reader_left", "reader_ended", "declined"})
_BY_CLIENT: Final[frozenset[Reason | None]] = frozenset({"client_left", "client_ended", "cancelled"})
_REFUNDING: Final[frozenset[Reason | None]] = frozenset({"reader_left", "reader_ended", "network", "admin", "safety"})
"""What ended a talk through no fault of the client's: the time not served is given back."""


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking, as its row in the table holds it. The rate is fixed when it is made."""

    id: str
    client: Side
    reader: Side
    modality: Modality
    rate: Cents
    price: Cents
    minutes: int
    start: Millis
    end: Millis
    buffer: Millis
    """What the reader keeps free after the end: as it was when this was booked."""
    spent: tuple[Part, ...]
    """Where the price came from, in the order of spending."""
    created_at: Millis
    at: Millis
    """The newest moment that this row knows of: time never runs backwards behind it."""
    shard: str
    reminders: int
    """How many of ``REMINDERS`` are behind it, sent or past from the beginning."""
    state: State = "booked"
    reason: Reason | None = None
    """What ended its reading."""
    session: str | None = None
    closed_at: Millis | None = None
    refunded: Cents = 0
    earned: Cents = 0
    """The reader's share, once closed."""
    rev: int = 0
    """Raised by every write, and the condition of the next one."""
    epoch: int = 0
    """Raised when it is moved: names executions of the clock."""
    clock_epoch: int = -1
    clock_turn: int = 0
    clock_at: Millis | None = None
    """When the execution has promised to call; long after it, it is lost."""

    @property
    def is_open(self) -> bool:
        """Its price still lies in escrow."""
        return self.state in ("booked", "in_session")

    @property
    def over_at(self) -> Millis:
        """From when on it counts as past: its end, or the moment at which it was closed before."""
        return self.end if self.closed_at is None else min(self.end, self.closed_at)

    def side(self, who: Who) -> Side:
        """That person's side."""
        return self.client if who == "client" else self.reader

    def who(self, user: str) -> Who:
        """Which side ``user`` is. Raises Forbidden for a stranger."""
        if user == self.client.user:
            return "client"
        if user == self.reader.user:
            return "reader"
        raise Forbidden("You are not part of this booking.")

    def cells(self, rules: Rules) -> set[tuple[str, Millis]]:
        """The quarters that it takes: of the reader with the buffer, of the client without."""
        of_reader = cells(self.start, self.end + self.buffer, rules)
        of_client = cells(self.start, self.end, rules)
        return {(self.reader.user, cell) for cell in of_reader} | {(self.client.user, cell) for cell in of_client}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a booking closes: ``refund`` cents go back to the client, the rest is divided 70/30."""

    state: State
    refund: Cents
    reason: Reason | None = None


# --- what people may do --------------------------------------------------------------------------


def cancelled(booking: Booking, who: Who, now: Millis) -> Outcome:
    """Called off before its reading was opened. Raises InvalidState where it is closed or has begun."""
    if booking.state != "booked":
        raise InvalidState(f"The booking is {booking.state}.")
    if who == "reader":
        return Outcome("cancelled_by_reader", booking.price)
    if now >= booking.start:
        raise InvalidState("The booking has begun.")
    return Outcome("cancelled_by_client", refund_of_client(booking, now))


def refund_of_client(booking: Booking, now: Millis) -> Cents:
    """What a client who cancels at ``now`` gets back: all of it a day ahead, half (rounded up) until the start."""
    if now >= booking.start:
        return 0
    if now <= booking.start - FREE:
        return booking.price
    return part_rounded_up(booking.price, LATE_PERCENT, 100)


def has_cancelled(booking: Booking, who: Who) -> bool:
    """Whether that side has called it off before, in time or not: asking again is no error."""
    if booking.state == f"no_show_{who}":
        return booking.reason in (_BY_CLIENT if who == "client" else _BY_READER)
    return booking.state == f"cancelled_by_{who}"


def moved(booking: Booking, start: Millis, now: Millis) -> Booking:
    """At another time, for the same price. Raises InvalidState less than a day before its start, or where it closed."""
    if booking.state != "booked":
        raise InvalidState(f"The booking is {booking.state}.")
    if now > booking.start - FREE:
        raise InvalidState("A booking can be moved until a day before its start.")
    return replace(
        booking,
        start=start,
        end=start + booking.end - booking.start,
        reminders=reminders_behind(start, now),
        epoch=booking.epoch + 1,
        at=now,
    )


def closed(booking: Booking, outcome: Outcome, earned: Cents, now: Millis) -> Booking:
    """The booking with its price divided."""
    return replace(
        booking,
        state=outcome.state,
        reason=outcome.reason,
        refunded=outcome.refund,
        earned=earned,
        closed_at=now,
        at=now,
    )


def who_hears_of(state: State) -> tuple[Who, ...]:
    """Whom a booking's end is told to: not to who brought it about, and not at all after a reading like any other."""
    match state:
        case "cancelled_by_client":
            return ("reader",)
        case "cancelled_by_reader":
            return ("client",)
        case "cancelled_by_platform" | "no_show_client" | "no_show_reader":
            return ("client", "reader")
        case _:
            return ()


# --- what time makes due -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remind:
    """Tell both; ``behind`` reminders are then behind it. One that was overtaken by the next is not sent."""

    behind: int


@dataclass(frozen=True, slots=True)
class Open:
    """Make it a reading."""


@dataclass(frozen=True, slots=True)
class Look:
    """See how far its reading is."""


def due(booking: Booking, now: Millis, rules: Rules) -> Remind | Open | Look | None:
    """The next thing that time makes due by ``now``."""
    if booking.state == "in_session":
        return Look()
    if booking.state != "booked":
        return None
    if now >= opens_at(booking, rules):
        return Open()
    behind = reminders_behind(booking.start, now)
    return Remind(behind) if behind > booking.reminders else None


def opens_at(booking: Booking, rules: Rules) -> Millis:
    """From when on its two people can join."""
    return booking.start - rules.booking_join


def reminders_behind(start: Millis, now: Millis) -> int:
    """How many reminders of a booking at ``start`` have come by ``now``."""
    return sum(start - ahead <= now for ahead in REMINDERS)


def deadline(booking: Booking, rules: Rules) -> Millis | None:
    """When the tick must look at it, however long ago; None for one that is closed."""
    if not booking.is_open:
        return None
    opens = opens_at(booking, rules)
    if booking.state == "booked" and booking.reminders < len(REMINDERS):
        return min(opens, booking.start - REMINDERS[booking.reminders])
    return opens


def wake_at(booking: Booking, now: Millis, rules: Rules) -> Millis | None:
    """When the clock must call again, if nobody acts; None when it need not."""
    first = deadline(booking, rules)
    if first is None:
        return None
    then = booking.end if booking.state == "in_session" else booking.start
    return min((moment for moment in (first, then) if moment > now), default=now + AGAIN)


# --- who gets what -------------------------------------------------------------------------------


def verdict(booking: Booking, session: Session) -> Outcome:
    """How a booking closes whose reading has ended.

    A talk that took place is paid whole, but for the time that the reader or the platform did not serve: from the
    moment at which it stopped, refunded by its part of the price, rounded up to a cent. Who ends a reading in which
    nobody has talked yet, cancels before the start and does not show after it.
    """
    ended_at, reason = session.ended_at, session.reason
    if ended_at is None:
        raise ValueError(f"{session.id} has not ended")
    if session.started_at is not None:
        cause = session.cut or reason
        stopped = session.stopped_at if session.stopped_at is not None else ended_at
        if (
            cause not in _REFUNDING and reason in _REFUNDING
        ):  # the reader, or an admin, ended what the client had only left
            cause, stopped = reason, ended_at
        return Outcome("completed", unserved(booking, stopped) if cause in _REFUNDING else 0, cause)
    if reason == "no_show_reader" or (reason in _BY_READER and ended_at >= booking.start):
        return Outcome("no_show_reader", booking.price, reason)
    if reason in _BY_READER:
        return Outcome("cancelled_by_reader", booking.price, reason)
    if reason == "no_show_client" or (reason in _BY_CLIENT and ended_at >= booking.start):
        return Outcome("no_show_client", 0, reason)
    if reason in _BY_CLIENT:
        return Outcome("cancelled_by_client", refund_of_client(booking, ended_at), reason)
    return Outcome("cancelled_by_platform", booking.price, reason)


def unserved(booking: Booking, stopped: Millis) -> Cents:
    """The part of the price for the time from ``stopped`` to the end, rounded up to a cent."""
    left = booking.end - max(booking.start, min(stopped, booking.end))
    return part_rounded_up(booking.price, left, booking.end - booking.start)


def refunded_parts(booking: Booking, refund: Cents) -> tuple[Part, ...]:
    """Where a refund goes back to: the last that was spent comes back first."""
    parts: list[Part] = []
    for bucket, spent, expires_at in reversed(booking.spent):
        back = min(refund, spent)
        if back:
            parts.append((bucket, back, expires_at))
            refund -= back
    if refund:
        raise ValueError(f"{booking.id} would refund {refund} more than was spent")
    return tuple(parts)


def opening_refusal(booking: Booking, rules: Rules) -> InvalidState:
    """Why there is no reading to join yet, or any more."""
    if booking.state == "booked":
        return InvalidState(f"The reading opens at {rfc3339(opens_at(booking, rules))}.")
    return InvalidState(f"The booking is {booking.state}.")


# --- as it is stored -----------------------------------------------------------------------------


def to_item(booking: Booking, rules: Rules) -> dict[str, Any]:
    """The booking as its row. ``due_shard`` is there while the tick must look after it: a sparse index."""
    fields = ((name, getattr(booking, name)) for name in Booking.__dataclass_fields__)
    item = {name: value for name, value in fields if value is not None}
    for who in ("client", "reader"):
        side: Side = item.pop(who)
        item |= {who: side.user, f"{who}_name": side.name}
    item["pk"], item["sk"] = item.pop("id"), "booking"
    item["spent"] = [list(part) for part in booking.spent]
    next_look = deadline(booking, rules)
    if next_look is not None:
        item |= {"due_shard": item["shard"], "due_at": next_look}
    return item


def from_item(item: Mapping[str, Any]) -> Booking:
    """The booking that ``to_item`` stored."""
    known = {name: item[name] for name in Booking.__dataclass_fields__ if name in item}
    return Booking(
        **known
        | {
            "id": item["pk"],
            "client": Side(item["client"], item["client_name"]),
            "reader": Side(item["reader"], item["reader_name"]),
            "spent": tuple((bucket, cents, expires_at) for bucket, cents, expires_at in item["spent"]),
        }
    )
