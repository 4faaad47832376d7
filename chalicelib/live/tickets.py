"""Tickets: who pays once, in coins, may watch a premium stream (product §6). Given back if its host never comes."""

from __future__ import annotations

from itertools import count

from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, InvalidState
from chalicelib.live import service as streams
from chalicelib.live import shards, watching
from chalicelib.live.gift_store import Ticket, gift_rows
from chalicelib.live.gifts import must_be_patron
from chalicelib.live.model import gift as model
from chalicelib.live.model.stream import Stream
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import coins
from chalicelib.wallet.model.chain import Entry


def buy(world: World, user: str, stream_id: str, ticket_id: str) -> tuple[Ticket, int]:
    """Buy a ticket, once a person; it, and the coins that are left. ``ticket_id`` derives from the request.

    Raises NotFound, Forbidden, Blocked, AgeRequired, InvalidState (not premium, or over), AlreadyDone (by another
    request), InsufficientFunds, SpendingLimitReached, WalletFrozen, Unavailable.
    """
    rows = gift_rows(world)
    ticket = rows.ticket(stream_id, user)
    if ticket is None:
        stream = streams.advance(world, streams.load(world, stream_id))
        watching.welcome(world, stream, user)
        stream.must_be_open()
        must_be_patron(world, stream, user)
        if stream.price is None:
            raise InvalidState("This stream needs no ticket.")
        _pay(world, stream, user, stream.price, ticket_id)
        ticket = rows.ticket(stream_id, user)
    if ticket is None:
        raise InvalidState("The stream was called off, and your coins are back.")
    if ticket.id != ticket_id:
        raise AlreadyDone("You have a ticket.")
    return ticket, coins.balance(world, user)


def _pay(world: World, stream: Stream, user: str, price: int, ticket_id: str) -> None:
    """One transaction: coins, the reader's and the platform's parts, and the ticket. Done before, it is done."""
    share, fee = model.shares(price, world.settings.cents_per_100_coins)
    tries = count()

    def beside(entry: Entry) -> list[Operation]:
        ticket = Ticket(ticket_id, stream.id, user, price, fee, entry.at)
        earned = shards.earning(world, stream, ("ticket", ticket_id), (share, fee), next(tries), entry.at)
        return [*earned, gift_rows(world).add_ticket(ticket)]

    coins.spend(world, user, "ticket", price, f"ticket:{stream.id}:{user}", stream.id, beside)
    log.info("ticket_bought", stream=stream.id, id=ticket_id, amount=price)
