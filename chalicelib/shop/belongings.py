"""What one person has in the shop: for the file with all of theirs, and to be forgotten."""

from __future__ import annotations

from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, ProviderFailed
from chalicelib.kernel.money import Cents, reader_share
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Key
from chalicelib.shop import checkouts, orders, returns
from chalicelib.shop.model.order import Order, Why
from chalicelib.shop.model.returns import unsent
from chalicelib.shop.returns import Who
from chalicelib.wallet.refunds import PATIENCE

_AT_ONCE: Final = 100
_MOST_PAGES: Final = 100
_LEAVES: Final[Why] = "left"


def call_off(world: World, user: str, *, actor: str, reason: str) -> Cents:
    """Call off what the person has ordered and is neither theirs nor sent; what could not be yet, in cents: a bank is
    paying it, or has taken its money back, or Stripe does not answer. May be repeated. Raises Unavailable.
    """
    held: Cents = 0
    start: Key | None = None
    begun = world.now()
    for _ in range(_MOST_PAGES):
        page, start = orders.page_of_buyer(world, user, _AT_ONCE, start)
        for order in page:
            waits = _waits(order)
            if waits and (world.now() - begun >= PATIENCE or not _called_off(world, order, Who(actor, reason))):
                held += waits
        if start is None:
            return held
    return held


def to_earn(world: World, user: str) -> Cents:
    """What a seller is still to earn of what was paid for and is not sent yet, in cents."""
    share: Cents = 0
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = orders.page_of_seller(world, user, _AT_ONCE, start)
        for order in page:
            due = [each for each in order.items if each.seller == user and each.state == "paid"]
            if due and checkouts.payment_stands(world, order):  # otherwise it is not sent
                share += reader_share(sum(each.kept for each in due))
        if start is None:
            break
    return share


def erase(world: World, user: str, limit: int, start: Key | None) -> Key | None:
    """Keep no longer where a page of the person's orders was sent to; answer where the next page starts. May be
    repeated. Raises Unavailable.
    """
    page, following = orders.page_of_buyer(world, user, limit, start)
    for order in page:
        if order.shipping and order.shipping.address:
            orders.forget(world, order.id)
    return following


def _waits(order: Order) -> Cents:
    """What is paid, or is to be, for what is neither the buyer's nor sent."""
    if order.state == "pending":
        return order.total
    return sum(order.item(name).kept for name in unsent(order))


def _called_off(world: World, order: Order, who: Who) -> bool:
    try:
        returns.call_off(world, order.id, who, _LEAVES)
    except (InvalidState, ProviderFailed) as refused:
        log.warning("order_not_called_off", id=order.id, code=refused.code)
        return False
    return True
