"""Bringing orders up to date: calling it at any moment, twice, late, or from many places at once changes nothing that
one call would not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime.lazy import on_first_use
from chalicelib.shop import fulfilment, orders
from chalicelib.shop.model import order as model
from chalicelib.shop.model.order import Order

if TYPE_CHECKING:
    from chalicelib.shop import checkouts
else:
    checkouts = on_first_use("chalicelib.shop.checkouts")


def advance(world: World, order_id: str) -> Millis | None:
    """Bring the order up to date, and say when to look again; None where nothing waits.

    Raises NotFound, Unavailable.
    """
    return brought_up(world, orders.load(world, order_id)).look_at


def brought_up(world: World, order: Order) -> Order:
    """The order as it is once all is done that needs nobody to act: its page was looked after, what is digital in it is
    the buyer's, what goes back at Stripe is on its way. Raises Unavailable.
    """
    if order.state == "pending" and _due(world, order):
        order = checkouts.look(world, order)
    if model.digital_due(order):
        order = fulfilment.fulfil(world, order)
    if any(not each.done for each in order.refunds) and _due(world, order):
        order = checkouts.bring_back(world, order)
    return order


def current(world: World, user: str, order_id: str) -> Order:
    """One's own order, brought up to date. Raises as ``orders.mine``."""
    return brought_up(world, orders.mine(world, user, order_id))


def _due(world: World, order: Order) -> bool:
    return order.look_at is not None and order.look_at <= world.now()
