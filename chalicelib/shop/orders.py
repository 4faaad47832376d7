"""Orders as they are kept (product §9): whose they are, and what stands beside each change of their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, NotFound
from chalicelib.kernel.time import Millis
from chalicelib.runtime import outbox
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation
from chalicelib.shop import stock
from chalicelib.shop.model import order as model
from chalicelib.shop.model.order import Order, Why
from chalicelib.shop.order_store import orders_of
from chalicelib.wallet import service as wallet

if TYPE_CHECKING:
    from chalicelib.shop import coupons
else:
    coupons = on_first_use("chalicelib.shop.coupons")

RECEIVED: Final = "orders"
"""The journal of what Stripe took for orders, until it is handed on to one."""
TRIES: Final = 30
"""Of one order: who loses has seen others buy, and there is less left."""


def load(world: World, order_id: str) -> Order:
    """The order as stored. Raises NotFound."""
    order = orders_of(world).get(order_id)
    if order is None:
        raise NotFound("There is no such order.")
    return order


def mine(world: World, user: str, order_id: str) -> Order:
    """One's own order. Raises NotFound, Forbidden."""
    order = load(world, order_id)
    if order.buyer != user:
        raise Forbidden("This order is not yours.")
    return order


def waits_for_nothing(world: World, order_id: str) -> bool:
    """Whether nobody is to pay it any more: it is paid, called off, or never was."""
    order = orders_of(world).get(order_id)
    return order is None or order.state != "pending"


def page_of_buyer(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Order], Key | None]:
    """A page of one's orders, newest first."""
    return orders_of(world).page_of_buyer(user, limit, start)


def page_of_seller(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Order], Key | None]:
    """A page of orders in which something of that reader's was sold, newest first; no other item is theirs to see."""
    return orders_of(world).page_of_seller(user, limit, start)


def page_to_ship(world: World, limit: int, start: Key | None) -> tuple[list[Order], Key | None]:
    """A page of orders of which something is to be sent, the one that was paid first first."""
    return orders_of(world).page_to_ship(limit, start)


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
    """Keys of orders that are to be looked at now, for the minute tick. The page may be a moment behind."""
    return orders_of(world).page_of_shard(shard, world.now(), limit, start)


def forget(world: World, order_id: str) -> Order:
    """Keep no longer where it was sent to: its owner leaves, and what waited to be sent was called off."""

    def attempt(was: Order) -> Order:
        if model.forgotten(was) == was:
            return was
        forgotten, row = orders_of(world).replace(model.forgotten(was), was)
        world.tables.write(row)
        return forgotten

    return changed(world, order_id, attempt)


def changed(world: World, order_id: str, attempt: Callable[[Order], Order]) -> Order:
    """What one undisturbed ``attempt`` on the order as it is makes of it. Raises NotFound, and as ``attempt``."""
    return undisturbed(world.sleep, lambda: attempt(load(world, order_id)), tries=TRIES)


# --- what stands beside a change of state ----------------------------------------------------------


def paying(world: World, was: Order, at: Millis, *, intent: str) -> tuple[Order, list[Operation]]:
    """The order once Stripe says that it is paid, and the operations that make it so, for the transaction that credits
    the payment. They fail where it changed meanwhile. Raises InvalidState unless it waits for that.
    """
    paid, row = orders_of(world).replace(model.paid(was, at, intent=intent), was)
    received = wallet.journal(world, RECEIVED, f"order:{paid.id}", -paid.total, paid.clearing, at)
    return paid, [row, received, *on_payment(world, paid, at)]


def calling_off(world: World, was: Order, why: Why) -> tuple[Order, list[Operation]]:
    """The order that nobody will pay any more, and the operations that make it so: its stock is on sale again and its
    coupon unused. They fail where it changed meanwhile. Raises InvalidState once it is paid.
    """
    off, row = orders_of(world).replace(model.cancelled(was, why), was)
    unused = coupons.unredeemed(world, was.discount, was.rail) if was.discount else []
    word = told(world, off, "order_cancelled", "", world.now(), why=off.cancelled_for)
    return off, [row, *stock.returned(world, was.took()), *unused, word]


def told(world: World, order: Order, kind: str, which: str, at: Millis, **facts: str | int | None) -> Operation:
    """The notice to the buyer of what happened to the order; ``which`` tells those of one kind apart."""
    return outbox.notice(
        world.settings.tables.notices,
        to=order.buyer,
        kind=kind,
        fact=f"{order.id}:{which}" if which else order.id,
        at=at,
        facts={"order": order.id, **facts},
    )


def on_payment(world: World, paid: Order, at: Millis) -> list[Operation]:
    """Each reader finds it among their sales, and the buyer is told."""
    amount = {"coins": paid.coins} if paid.rail == "coins" else {"amount": paid.total}
    return [*orders_of(world).sold(paid, at), told(world, paid, "order_paid", "", at, **amount)]
