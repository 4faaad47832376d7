"""Readings booked ahead: booking and calling off, and what becomes of a booking.

``advance`` brings a booking up to date: it reminds, opens the reading at its time, and divides the price once that has
ended. As with a reading, calling it at any moment, twice, late, or from many places at once changes nothing that one
call would not: each step is one transaction on the booking as it was read.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, get_args

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.clock import clock_lost
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    InvalidState,
    NotFound,
    Problem,
    ReaderBusy,
    ReaderUnavailable,
    SessionOpen,
    SlotTaken,
    Unavailable,
)
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis
from chalicelib.payouts import service as payouts
from chalicelib.readers import service as readers
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import ConditionFailed, Contended, Key, Operation
from chalicelib.scheduling.availability import must_fit, rate_of
from chalicelib.scheduling.model import availability as hours
from chalicelib.scheduling.model import booking as model
from chalicelib.scheduling.model.booking import Booking, Look, Open, Outcome, Remind
from chalicelib.scheduling.store import PLACE, Due, When, schedule_of
from chalicelib.sessions import asking, sooner
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands, moves
from chalicelib.sessions.model.session import Booked, Modality, Session, Side, Step, Who
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.funds import Funds

__all__ = ["PLACE", "When"]

_STEPS: Final = 10
"""More than a booking can owe at once."""
_TRIES: Final = 30
_PROMISES: Final = 3
_ROLES: Final[tuple[Who, ...]] = get_args(Who)
# --- booking -------------------------------------------------------------------------------------


def book(
    world: World, booking_id: str, client: Side, reader_slug: str, start: Millis, minutes: int, modality: Modality
) -> Booking:
    """Book a reader and pay the whole price into escrow, in one transaction. ``booking_id`` derives from the request.

    Raises NotFound, Blocked, Invalid (oneself, off the grid), ReaderUnavailable, SlotTaken, InsufficientFunds,
    SpendingLimitReached, WalletFrozen, InvalidState (too many upcoming),
    IdempotencyMismatch (the same id was derived for another request).
    """
    if done := schedule_of(world).get(booking_id):
        return advance(world, _same(world, done, reader_slug, start, minutes, modality))
    reader = readers.by_slug(world, reader_slug)
    if reader.id == client.user:
        raise Invalid("Nobody reads for themselves.", ({"field": "reader", "message": "another person"},))
    rate = rate_of(reader, modality)
    buffer = must_fit(world, reader.id, start, minutes, own=booking_id)
    rules = world.settings.rules

    def beside(entry: Entry) -> list[Operation]:
        now = entry.at
        booking = Booking(
            id=booking_id,
            client=client,
            reader=Side(reader.id, reader.description.name if reader.description else ""),
            modality=modality,
            rate=rate,
            price=rate * minutes,
            minutes=minutes,
            start=start,
            end=start + hours.span(minutes, rules),
            buffer=hours.span(buffer, rules),
            spent=wallet.origin(world, entry),
            created_at=now,
            at=now,
            shard=sessions.shard_of(booking_id, world.settings.tick_shards),
            reminders=model.reminders_behind(start, now),
        )
        _refuse_too_many(world, client.user)
        apart = accounts.unblocked(world, client.user, reader.id)
        return [*schedule_of(world).create(booking), *_told(world, booking, "booking_made", "", now), *apart]

    try:
        wallet.spend(
            world,
            client.user,
            "booking",
            rate * minutes,
            f"escrow:{booking_id}",
            f"booking:{booking_id}",
            booking_id,
            beside,
        )
    except ConditionFailed:
        raise _not_free(world, client.user, reader.id) from None
    log.info("booking_made", booking=booking_id)
    return advance(world, load(world, booking_id))


def _not_free(world: World, client: str, reader: str) -> Problem:
    """Why the two cannot have that time together."""
    if accounts.is_blocked(world, client, reader):
        return Blocked()
    return SlotTaken("That time is no longer free, for the reader or for you.")


def _same(world: World, done: Booking, reader_slug: str, start: Millis, minutes: int, modality: Modality) -> Booking:
    """The booking made before under this id, if it was asked for in the same words. A moved one has another start."""
    if done.reader.user != readers.id_of(world, reader_slug) or (done.minutes, done.modality) != (minutes, modality):
        raise IdempotencyMismatch
    if done.epoch == 0 and done.start != start:
        raise IdempotencyMismatch
    return done


def _refuse_too_many(world: World, client: str) -> None:
    """Two bookings of one client meet on the client's chain, so of two at the limit one is decided again."""
    upcoming, _ = schedule_of(world).page_of_person(
        "client", client, "upcoming", world.now(), model.MOST_UPCOMING, None
    )
    if len(upcoming) >= model.MOST_UPCOMING:
        raise InvalidState(f"You have {model.MOST_UPCOMING} bookings ahead of you, and cannot make more.")


# --- what people do with it ----------------------------------------------------------------------


def cancel(world: World, booking_id: str, user: str) -> Booking:
    """Call the booking off, by either side. Raises NotFound, Forbidden, InvalidState, Unavailable."""
    booking = load(world, booking_id)
    who = booking.who(user)
    for _ in range(_TRIES):
        booking = advance(world, booking)
        if model.has_cancelled(booking, who):
            return booking
        if booking.state == "in_session":
            sessions.perform(world, str(booking.session), user, _calling_off(booking))
            return advance(world, load(world, booking_id))
        if done := close(world, booking, model.cancelled(booking, who, now_of(world, booking))):
            return done
        booking = load(world, booking_id)
    raise Unavailable("The booking is too busy.")


def decline(world: World, booking_id: str, user: str) -> Booking:
    """Call the booking off, by the reader. Raises as ``cancel`` does."""
    if load(world, booking_id).who(user) != "reader":
        raise Forbidden("That is for the reader to do.")
    return cancel(world, booking_id, user)


def _calling_off(booking: Booking) -> commands.Command:
    """Ending the reading that was opened for it, as long as its talk has not begun; ``verdict`` then says whose act it
    was.
    """

    def command(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
        del funds, rules
        if not session.is_open:
            return None
        if session.started_at is not None or (who == "client" and now >= booking.start):
            raise InvalidState("The booking has begun.")
        return moves.end(session, now, "cancelled" if who == "client" else "declined", now)

    return command


def reschedule(world: World, booking_id: str, user: str, start: Millis) -> Booking:
    """Move the booking to another free slot, at the same price, by the client.

    Raises NotFound, Forbidden, Blocked, Invalid (off the grid), InvalidState (less than a day ahead, or closed),
    SlotTaken, ReaderUnavailable, Unavailable.
    """
    booking = load(world, booking_id)
    if booking.who(user) != "client":
        raise Forbidden("That is for the client to do.")
    for _ in range(_TRIES):
        booking = advance(world, booking)
        if booking.is_open and booking.start == start:
            return booking
        moved = model.moved(booking, start, now_of(world, booking))
        if not readers.reader(world, booking.reader.user).verified:
            raise ReaderUnavailable("The reader takes no bookings at present.")
        buffer = must_fit(world, booking.reader.user, start, booking.minutes, own=booking.id)
        wanted = replace(moved, buffer=hours.span(buffer, world.settings.rules))
        raised, operations = schedule_of(world).replace(wanted, was=booking)
        operations += _told(world, raised, "booking_moved", str(raised.epoch), raised.at)
        operations += accounts.unblocked(world, booking.client.user, booking.reader.user)
        try:
            world.tables.write(*operations)
            log.info("booking_moved", booking=booking_id, epoch=raised.epoch)
            return advance(world, raised)
        except ConditionFailed as failed:
            if 0 not in failed.found:
                raise _not_free(world, booking.client.user, booking.reader.user) from None
        except Contended:
            world.breathe()
        booking = load(world, booking_id)
    raise Unavailable("The booking is too busy.")


def start(world: World, booking_id: str, user: str) -> Booking:
    """Open the reading of a booking whose time has come.

    Raises NotFound, Forbidden, InvalidState (not yet, or over), SessionOpen and ReaderBusy while somebody is still in
    another reading.
    """
    booking = load(world, booking_id)
    booking.who(user)
    booking = advance(world, booking, insist=True)
    if booking.session is None or not booking.is_open:
        raise model.opening_refusal(booking, world.settings.rules)
    return booking


# --- reading it ----------------------------------------------------------------------------------


def load(world: World, booking_id: str) -> Booking:
    """The booking as stored. Raises NotFound."""
    booking = schedule_of(world).get(booking_id)
    if booking is None:
        raise NotFound("There is no such booking.")
    return booking


def current(world: World, booking_id: str, user: str) -> Booking:
    """The booking brought up to date, for one of its two people. Raises NotFound, Forbidden."""
    booking = load(world, booking_id)
    booking.who(user)
    return advance(world, booking)


def bookings_of(
    world: World, who: Who, user: str, when: When, limit: int, after: str | None
) -> tuple[list[Booking], str | None]:
    """A page of a person's bookings, up to date: the upcoming ones soonest first, the past ones newest first."""
    page, following = schedule_of(world).page_of_person(who, user, when, world.now(), limit, after)
    found = (schedule_of(world).get(booking_id) for booking_id in page)
    return [advance(world, booking) for booking in found if booking], following


# --- bringing it up to date ----------------------------------------------------------------------


def advance(world: World, booking: Booking, *, insist: bool = False) -> Booking:
    """Bring the booking up to date, see that its clock runs, and return it as it is then.

    With ``insist``, raises SessionOpen or ReaderBusy where its reading cannot be opened yet.
    """
    rules = world.settings.rules
    for _ in range(_STEPS):
        now = now_of(world, booking)
        match model.due(booking, now, rules):
            case None:
                return _wound(world, booking, now)
            case Remind(behind):
                notices = _told(world, booking, "booking_reminder", f"{booking.epoch}.{behind}", now)
                done = written(world, replace(booking, reminders=behind, at=now), booking, *notices)
            case Open():
                try:
                    done = _opened(world, booking, now)
                except (ReaderBusy, SessionOpen):
                    if insist:
                        raise
                    return _wound(world, booking, now)
            case Look():
                session = sessions.advance(world, sessions.load(world, str(booking.session))).session
                if session.is_open:
                    return _wound(world, booking, now)
                # Settled already: somebody was faster since the booking was read.
                settled = session.state == "finalized"
                done = None if settled else close(world, booking, model.verdict(booking, session), session)
        booking = done or load(world, booking.id)
    raise Unavailable("The booking is too busy.")


def called_by_clock(world: World, booking_id: str, epoch: int, turn: int) -> Millis | None:
    """Bring the booking up to date for that execution of the clock; answer when it must call again, None for never.

    What is answered is kept as its promise. Where that cannot be written, another execution may take over needlessly.
    Raises NotFound, Unavailable.
    """
    for _ in range(_PROMISES):
        booking = advance(world, load(world, booking_id))
        wake = model.wake_at(booking, now_of(world, booking), world.settings.rules)
        if wake is None or (booking.epoch, booking.clock_turn) != (epoch, turn):
            return None
        if written(world, replace(booking, clock_at=wake), booking):
            break
    return wake


def look_after(world: World, booking_id: str) -> Booking:
    """Bring the booking up to date, whatever a listing said of it. Raises NotFound, Unavailable."""
    return advance(world, load(world, booking_id))


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Due], Key | None]:
    """Bookings that are to be looked at now, for the minute tick. The page may be a moment behind."""
    return schedule_of(world).page_of_shard(shard, world.now(), limit, start)


def now_of(world: World, booking: Booking) -> Millis:
    """Never before what the row has seen, so a fast clock elsewhere cannot make time run backwards."""
    return max(world.now(), booking.at)


def written(world: World, wanted: Booking, was: Booking, *beside: Operation) -> Booking | None:
    """The booking as it was written; None where somebody was faster, or the outcome is unknown."""
    raised, operations = schedule_of(world).replace(wanted, was=was)
    return raised if world.wrote(*operations, *beside) else None


def _opened(world: World, booking: Booking, now: Millis) -> Booking | None:
    """booked → in_session, in one transaction with the reading. Whatever either is in must end by the start.

    Raises SessionOpen, ReaderBusy while either is in another reading.
    """
    session_id = derived_id("ses", booking.id)
    if load(world, booking.id).rev != booking.rev:
        return None  # called off since it was read: nobody's reading has to end for it
    for side in (booking.client, booking.reader):
        sooner.end_by(world, side.user, booking.start, unless=session_id)
    opened = replace(booking, state="in_session", session=session_id, at=now)
    raised, operations = schedule_of(world).replace(opened, was=booking)
    booked = Booked(
        booking=booking.id,
        session=session_id,
        client=booking.client,
        reader=booking.reader,
        modality=booking.modality,
        rate=booking.rate,
        minutes=booking.minutes,
        # Before the end, at which everything is over for another reason: who did not come must be told apart.
        join_by=min(booking.start + world.settings.rules.booking_join, booking.end - 1),
        ends_at=booking.end,
    )
    try:
        asking.open_booked(world, booked, *operations)
    except ConditionFailed:
        return None
    log.info("booking_opened", booking=booking.id, session=session_id)
    return raised


def close(world: World, booking: Booking, outcome: Outcome, session: Session | None = None) -> Booking | None:
    """Divide the price and let everybody's time go, in one transaction; None where it must be decided again."""
    now = now_of(world, booking)
    kept = booking.price - outcome.refund
    escrow = f"escrow:{booking.id}"
    earned, operations = payouts.booking_earned(world, booking.reader.user, booking.id, kept, now)
    if outcome.refund:
        operations += wallet.give_back(
            world,
            booking.client.user,
            "booking_refund",
            model.refunded_parts(booking, outcome.refund),
            escrow,
            f"booking_refund:{booking.id}",
            booking.id,
        )
    if session:
        operations += sessions.settle_booked(world, session, outcome.refund, earned, now)
    entry = audit.entry(
        world.settings.tables.audit,
        subject=booking.id,
        action="booking_closed",
        actor="system",
        reason=outcome.state,
        at=now,
        detail={"price": booking.price, "refunded": outcome.refund, "earned": earned},
    )
    closed = model.closed(booking, outcome, earned, now)
    notices = _told(world, closed, "booking_closed", "", now, model.who_hears_of(closed.state))
    done = written(world, closed, booking, *operations, entry, *notices)
    if done:
        log.info("booking_closed", booking=booking.id, state=done.state, reason=done.reason or "")
    return done


def _told(
    world: World, booking: Booking, kind: str, which: str, at: Millis, to: Iterable[Who] = ("client", "reader")
) -> list[Operation]:
    """The notices of what happened to a booking; ``which`` tells those of one kind apart."""
    return [
        outbox.notice(
            world.settings.tables.notices,
            to=booking.side(who).user,
            kind=kind,
            fact=f"{booking.id}.{which}" if which else booking.id,
            at=at,
            facts={
                "booking": booking.id,
                "as": who,
                "start": booking.start,
                "minutes": booking.minutes,
                "modality": booking.modality,
                "state": booking.state,
                "price": booking.price,
                "refunded": booking.refunded,
            },
        )
        for who in to
    ]


def _wound(world: World, booking: Booking, now: Millis) -> Booking:
    """See that an execution of the clock runs for the booking's epoch: one that never started, or was lost, is made
    up for here.
    """
    lost = clock_lost(booking, now)
    if not (lost or booking.clock_epoch != booking.epoch):
        return booking
    wake = model.wake_at(booking, now, world.settings.rules)
    if wake is None:
        return booking
    turn = booking.clock_turn + lost
    if not world.wind("booking", booking.id, booking.epoch, wake, turn, lost=lost):
        return booking
    wound = replace(booking, clock_epoch=booking.epoch, clock_turn=turn, clock_at=wake)
    return written(world, wound, booking) or booking
