"""Asking for a reading, and opening one that was booked: both people are taken, or nobody is."""

from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    Blocked,
    IdempotencyMismatch,
    Invalid,
    ReaderBusy,
    ReaderUnavailable,
    SessionOpen,
    Unavailable,
)
from chalicelib.kernel.time import Millis
from chalicelib.readers import service as readers
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import ConditionFailed, Contended, Operation, Put
from chalicelib.sessions import queues
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Booked, Modality, Session, Side
from chalicelib.sessions.service import Snapshot, advance, looked_after, open_session, word_to_reader
from chalicelib.sessions.store import session_rows, shard_of
from chalicelib.wallet import service as wallet

_BLOCKS: Final = (4, 5)
"""The places of what fails for a block, in the transaction that makes a session."""
_TRIES: Final = 30


def create(
    world: World,
    client: Side,
    session_id: str,
    reader_id: str,
    modality: Modality,
    *,
    ends_by: Millis | None = None,
) -> Snapshot:
    """Ask ``reader_id`` for a reading and take both people. ``session_id`` derives from the request.

    ``ends_by`` is either side's next booking: the reading must be over by then.
    Raises NotFound, Invalid (oneself), Blocked, ReaderUnavailable, InsufficientFunds, SpendingLimitReached,
    WalletFrozen, SessionOpen, ReaderBusy, IdempotencyMismatch (the same id was derived for another request).
    """
    if client.user == reader_id:
        raise Invalid("Nobody reads for themselves.", ({"field": "reader", "message": "another person"},))
    rows = session_rows(world)
    for _ in range(_TRIES):
        if done := rows.get(session_id):
            if (done.reader.user, done.modality) != (reader_id, modality):
                raise IdempotencyMismatch
            return advance(world, done)
        reader = readers.reader(world, reader_id)
        rate = reader.rates.get(modality)
        now = world.now()
        if rate is None or reader.description is None or reader.presence(now, busy=False) != "online":
            raise ReaderUnavailable
        asked = Session(
            id=session_id,
            client=client,
            reader=Side(reader.id, reader.description.name),
            modality=modality,
            rate=rate,
            created_at=now,
            at=now,
            shard=shard_of(session_id, world.settings.tick_shards),
            ends_by=ends_by,
        )
        seen = Snapshot(world, asked)
        commands.must_pay(seen.funds)
        apart = accounts.unblocked(world, client.user, reader_id)
        in_turn = queues.turn(world, reader, client.user, lambda: open_session(world, reader_id) is not None)
        try:
            world.tables.write(
                *rows.create(asked), wallet.unchanged(world, seen.newest), *apart, in_turn, _ring(world, asked)
            )
        except ConditionFailed as failed:
            _refuse_if_taken(world, failed)
            continue
        except Contended:
            continue
        log.info("session_created", session=session_id)
        return looked_after(world, seen)
    raise Unavailable


def open_booked(world: World, booked: Booked, *beside: Operation) -> Snapshot:
    """The session of a booking whose time has come, in one transaction with what the booking writes ``beside`` it: both
    are taken, and may join. The same one when repeated.

    Raises SessionOpen or ReaderBusy while the client or the reader is in another reading; ConditionFailed where an
    operation of ``beside`` does not hold.
    """
    rows = session_rows(world)
    for _ in range(_TRIES):
        if done := rows.get(booked.session):
            return advance(world, done)
        now = world.now()
        waiting = Session(
            id=booked.session,
            client=booked.client,
            reader=booked.reader,
            modality=booked.modality,
            rate=booked.rate,
            created_at=now,
            at=now,
            shard=shard_of(booked.session, world.settings.tick_shards),
            state="waiting",
            epoch=1,
            accepted_at=now,
            ends_by=booked.ends_at,
            booking=booked.booking,
            prepaid=booked.minutes,
            join_by=booked.join_by,
        )
        own = rows.create(waiting)
        try:
            world.tables.write(*own, *beside)
        except ConditionFailed as failed:
            if any(place >= len(own) for place in failed.found) and 0 not in failed.found:
                raise
            _refuse_if_taken(world, failed)
            continue
        except Contended:
            continue
        log.info("session_booked", session=waiting.id)
        return looked_after(world, Snapshot(world, waiting))
    raise Unavailable


def _refuse_if_taken(world: World, failed: ConditionFailed) -> None:
    """Raise where one blocked the other, and for whoever is in an open reading; a reading whose time is over is ended
    first, and does not count.
    """
    if 0 not in failed.found and not failed.found.keys().isdisjoint(_BLOCKS):
        raise Blocked
    for place, refusal in ((1, SessionOpen), (2, ReaderBusy)):
        if (lock := failed.found.get(place)) and 0 not in failed.found:
            other = session_rows(world).get(str(lock["session"]))
            if other and advance(world, other).session.is_open:
                raise refusal


def _ring(world: World, asked: Session) -> Put:
    until = asked.created_at + world.settings.rules.ring
    return word_to_reader(world, asked, "reading_requested", asked.created_at, {"until": until})
