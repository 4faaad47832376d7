"""What becomes of what was paid: files are the buyer's at once, things are sent and arrive (product §9).

What is fulfilled or sent is divided in the same transaction: the reader's share is theirs, the rest is the platform's,
out of what was paid; of coins, out of what coins were bought for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.money import Cents, reader_share
from chalicelib.kernel.time import Millis
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Operation
from chalicelib.shop import orders
from chalicelib.shop.model import order as model
from chalicelib.shop.model.order import Item, Order, Shipment
from chalicelib.shop.order_store import orders_of
from chalicelib.wallet import service as wallet

if TYPE_CHECKING:
    from chalicelib.shop import checkouts
else:
    checkouts = on_first_use("chalicelib.shop.checkouts")

COINS: Final = "platform:coins"
"""What coins were bought for: income that is still to be earned."""
SALES: Final = "sales"
"""The journal of the platform's own goods, and of what sending costs."""


def fulfil(world: World, order: Order) -> Order:
    """The order once everything digital in it is the buyer's. Raises Unavailable."""

    def attempt(was: Order) -> Order:
        at = max(world.now(), was.paid_at or 0)
        done = model.fulfilled(was, at)
        if done is was:
            return was
        raised, row = orders_of(world).replace(done, was)
        world.tables.write(row, *divided(world, was, raised, at))
        log.info("order_fulfilled", id=was.id)
        return raised

    return orders.changed(world, order.id, attempt)


def ship(world: World, order_id: str, which: Collection[str], shipment: Shipment, *, actor: str, reason: str) -> Order:
    """Say that those items (none: all that wait) were sent, audited; the buyer is told. What was sent so stays so.

    Raises NotFound, Invalid, InvalidState (nothing to send, or its payment does not stand), Unavailable.
    """
    sent = model.written(shipment)
    chosen = tuple(which) or model.waiting(orders.load(world, order_id), "paid")

    def attempt(was: Order) -> Order:
        if all((each.carrier, each.tracking) == (sent.carrier, sent.tracking) for each in map(was.item, chosen)):
            return was
        if not checkouts.payment_stands(world, was):
            raise InvalidState("Its payment is disputed or was given back: nothing is sent.")
        if was.rail != "stripe" and wallet.head(world, was.buyer).frozen:  # a disputed top-up may have paid for it
            raise InvalidState("The buyer's wallet is frozen: nothing is sent until it is released.")
        at = max(world.now(), was.paid_at or 0)
        raised, row = orders_of(world).replace(model.shipped(was, chosen, sent, at), was)
        facts = {"carrier": sent.carrier, "tracking": sent.tracking}
        words = _words(world, raised, "order_shipped", chosen, at, facts, (actor, reason))
        world.tables.write(row, *divided(world, was, raised, at), *words)
        log.info("order_shipped", id=was.id)
        return raised

    return orders.changed(world, order_id, attempt)


def deliver(world: World, order_id: str, which: Collection[str], *, actor: str, reason: str) -> Order:
    """Say that those items (none: all that were sent) have arrived, audited; the buyer is told. What has arrived stays
    so. Raises NotFound, InvalidState (nothing was sent), Unavailable.
    """
    chosen = tuple(which) or model.waiting(orders.load(world, order_id), "shipped")

    def attempt(was: Order) -> Order:
        if all(each.delivered_at is not None for each in map(was.item, chosen)):
            return was
        at = max(world.now(), *(each.shipped_at or 0 for each in was.items))
        raised, row = orders_of(world).replace(model.delivered(was, chosen, at), was)
        world.tables.write(row, *_words(world, raised, "order_delivered", chosen, at, {}, (actor, reason)))
        log.info("order_delivered", id=was.id)
        return raised

    return orders.changed(world, order_id, attempt)


def divided(world: World, was: Order, now: Order, at: Millis) -> list[Operation]:
    """The operations that divide what is settled ``now`` and was not before, for the transaction that makes it so."""
    source = COINS if now.rail == "coins" else now.clearing
    due = [each for each in now.items if each.settled and not was.item(each.id).settled]
    operations = []
    for seller, items in by_seller(due).items():
        gross = {f"{now.id}.{each.id}": each.kept for each in items}
        if seller is None:
            operations += [platform(world, f"sale:{fact}", cents, source, at) for fact, cents in gross.items() if cents]
            continue
        operations += payouts.sale_earned(world, seller, now.id, gross, source, at)
        operations += [_sold(world, seller, now, each, at) for each in items]
    return operations + postage(world, was, now, at)


def postage(world: World, was: Order, now: Order, at: Millis) -> list[Operation]:
    """The operation that makes what sending costs the platform's, once it is."""
    if now.shipping is None or was.shipping is None or was.shipping.settled or not now.shipping.settled:
        return []
    kept = now.shipping.amount - now.shipping.refunded
    return [platform(world, f"shipping:{now.id}", kept, now.clearing, at)] if kept else []


def platform(world: World, fact: str, amount: Cents, source: str, at: Millis) -> Operation:
    """The operation that posts what is the platform's own of a sale; back to ``source`` where it is below zero."""
    return wallet.journal(world, SALES, fact, amount, source, at)


def by_seller(items: Sequence[Item]) -> dict[str | None, list[Item]]:
    """The items of each reader, for what is posted of theirs is one entry; None is the platform."""
    found = defaultdict[str | None, list[Item]](list)
    for each in items:
        found[each.seller].append(each)
    return found


def _sold(world: World, seller: str, order: Order, item: Item, at: Millis) -> Operation:
    return outbox.notice(
        world.settings.tables.notices,
        to=seller,
        kind="product_sold",
        fact=f"{order.id}.{item.id}",
        at=at,
        facts={"order": order.id, "product": item.product, "amount": reader_share(item.kept)},
    )


def _words(
    world: World,
    order: Order,
    what: str,
    items: Sequence[str],
    at: Millis,
    facts: Mapping[str, str],
    who: tuple[str, str],
) -> list[Operation]:
    """The buyer's word of what became of some items, and the audit log's of ``who`` (and why) did it."""
    actor, reason = who
    which = ".".join(items)
    act = audit.entry(
        world.settings.tables.audit,
        subject=order.id,
        action=what,
        actor=actor,
        reason=reason,
        at=at,
        detail={"items": which, **facts},
    )
    return [orders.told(world, order, what, which, at, **facts), act]
