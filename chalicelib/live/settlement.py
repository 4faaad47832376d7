"""The end of a stream's money: what gathered goes to the reader, or, if they never came, every ticket goes back.

One transaction closes all shards and finalizes the stream, so a gift that raced the end is in it, or was refused. Of a
stream whose host was never in its channel the shards are closed first, then each ticket goes back in a transaction of
its own: whoever is cut off in the middle is called again, and finds what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import HOUR
from chalicelib.live import shards
from chalicelib.live.gift_store import Ticket, gift_rows
from chalicelib.live.model.stream import Stream, finalized
from chalicelib.live.store import streams_of
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Contended, Key, Operation
from chalicelib.wallet import coins
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry

_TRIES: Final = 5
_PAGE: Final = 25
_MOST_PAGES: Final = 4
"""Of tickets that one call gives back: a few seconds. The clock calls again ten seconds later."""
_PATIENCE: Final = HOUR
"""After the end: what is not settled by then, somebody must look at."""


def settle(world: World, stream: Stream) -> bool:
    """Bring the money of an ended stream to its end; whether that is done. Where it is not, call again a little later.

    It may be called at any moment, any number of times, from anywhere at once.
    """
    if stream.state != "ended":
        return stream.state == "finalized"
    if _settled(world, stream):
        return True
    if world.now() >= (stream.ended_at or stream.at) + _PATIENCE:
        log.error("stream_not_settled", stream=stream.id)
    return False


def _settled(world: World, stream: Stream) -> bool:
    voided = not stream.came  # of which Agora tells nothing new once it has ended
    if voided and not (_closed(world, stream) and _all_returned(world, stream)):
        return False
    for _ in range(_TRIES):
        fresh = streams_of(world).get(stream.id)
        if fresh is None or fresh.state != "ended":
            return fresh is not None and fresh.state == "finalized"
        newest = [] if voided else shards.heads(world, fresh)
        if any(head.closed for head in newest):
            continue  # somebody has just settled it
        if world.wrote(*_ending(world, fresh, newest, voided=voided)):
            log.info("stream_settled", stream=stream.id)
            return True
    log.warning("stream_settlement_put_off", stream=stream.id)
    return False


def _ending(world: World, stream: Stream, newest: Sequence[Entry], *, voided: bool) -> list[Operation]:
    """The operations that finalize the stream and settle what is on its shards, whose entries are ``newest``."""
    earned = sum(head.balance for head in newest)
    at = max(world.now(), stream.at, *(head.at for head in newest))
    paid: list[Operation] = []
    if earned:
        # All at one moment: whoever adds up the ledger to any moment finds all of it, or nothing.
        entry, posting = payouts.stream_earned(world, stream.host, stream.id, earned, at)
        at, paid = entry.at, [posting]
    closings = shards.closing(newest, "stream_settled", f"gift:{stream.id}", stream.id, at)
    book = wallet.ledger(world)
    said = audit.entry(
        world.settings.tables.audit,
        subject=stream.id,
        action="stream_settled",
        actor="system",
        reason=stream.ended_for or "ended",
        at=at,
        detail={"earned": earned, "came": not voided},
    )
    _, done = streams_of(world).replace(finalized(stream, at), stream)
    return [*done, *map(book.put, closings), *paid, said]


# --- a stream whose host never came --------------------------------------------------------------


def _closed(world: World, stream: Stream) -> bool:
    """Close the shards, so that no ticket comes any more, and take the reader's part of those there are from them."""
    book = wallet.ledger(world)
    for _ in range(_TRIES):
        newest = shards.heads(world, stream)
        if any(head.closed for head in newest):  # all of them were, meanwhile: it is one transaction
            return True
        at = max(world.now(), *(head.at for head in newest))
        closings = shards.closing(newest, "stream_void", shards.COINS, stream.id, at)
        if world.wrote(*map(book.put, closings)):
            return True
    log.warning("stream_settlement_put_off", stream=stream.id)
    return False


def _all_returned(world: World, stream: Stream) -> bool:
    """Give tickets back, page by page; whether none is left. One that cannot be given back now holds up no other."""
    gifts = gift_rows(world)
    start: Key | None = None
    left = False
    for _ in range(_MOST_PAGES):
        page, start = gifts.tickets(stream.id, _PAGE, start)
        for ticket in page:
            try:
                _give_back(world, stream, ticket)
            except (Problem, Contended) as problem:
                log.warning("ticket_not_returned", stream=stream.id, id=ticket.id, error=type(problem).__name__)
                left = True
        if start is None:
            return not left
    return False


def _give_back(world: World, stream: Stream, ticket: Ticket) -> None:
    """Coins, the platform's part and the ticket itself in one transaction, once."""
    gifts = gift_rows(world)
    fact = f"ticket_back:{ticket.stream}:{ticket.user}"

    def beside(entry: Entry) -> list[Operation]:
        told = outbox.notice(
            world.settings.tables.notices,
            to=ticket.user,
            kind="ticket_back",
            fact=stream.id,
            at=entry.at,
            facts={"coins": ticket.coins},
        )
        fees = wallet.journal(world, "fees", fact, -ticket.fee, shards.COINS, entry.at)
        return [fees, gifts.take_ticket(ticket), told]

    coins.give_back(world, ticket.user, "ticket_back", ticket.coins, fact, stream.id, beside)
