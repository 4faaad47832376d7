"""Coupons (product §9) are Stripe's: a promotion code is asked for there whenever somebody orders with it.

How often one was used is counted here, exactly: a use is written in the transaction that makes the order, and taken
back in the one that calls it off before it is paid. Stripe's own count is of its pages alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import ProviderFailed
from chalicelib.kernel.ids import new_id
from chalicelib.runtime.tables import MOST_KEYS, Key, Operation
from chalicelib.shop.model import discount as model
from chalicelib.shop.model.discount import Discount, Line
from chalicelib.shop.order_store import orders_of
from chalicelib.shop.terms_store import terms_of
from chalicelib.wallet import promos

_MOST_PAGES: Final = 5
"""Orders that are looked through: five hundred."""


def quoted(world: World, buyer: str, code: str, lines: Sequence[Line]) -> Discount:
    """What the code takes off ``lines`` for ``buyer`` now.

    Raises Invalid of the field ``coupon`` (no such code, not for this order, used up), RateLimited (ten wrong ones in
    an hour, those of promotional credit too), ProviderFailed, Unavailable.
    """
    written = model.code_of(code)
    guess = promos.take_guess(world, buyer, new_id("gss", world.now()))
    try:
        promotion = world.payments.promotion(written)
    except Refused:
        promotion = None  # Stripe takes no such words
    except ProviderFailed:
        promos.give_guess_back(world, buyer, guess)
        raise
    if promotion is None:
        model.refuse("There is no such code.")
    promos.give_guess_back(world, buyer, guess)
    first = promotion["restrictions"].get("first_time_transaction")
    found = model.discounted(
        promotion, lines, buyer=buyer, now=world.now(), new_customer=not first or not _has_paid(world, buyer)
    )
    for limit in found.limits:
        model.used(limit, terms_of(world).uses(limit.of), "credit")
    return found


def redeemed(world: World, discount: Discount, rail: str) -> list[Operation]:
    """What counts one use by an order that is paid by ``rail``, for the transaction that makes it. Raises Invalid where
    no more are left.
    """
    rows = terms_of(world)
    return [rows.count(model.used(limit, rows.uses(limit.of), rail)) for limit in discount.limits]


def unredeemed(world: World, discount: Discount, rail: str) -> list[Operation]:
    """What takes the use back, for the transaction that calls the order off before it was paid."""
    rows = terms_of(world)
    return [rows.count(model.unused(rows.uses(limit.of), rail)) for limit in discount.limits]


def _has_paid(world: World, buyer: str) -> bool:
    """Whether they have paid for an order; also where they have made very many. The list may be a moment behind."""
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = orders_of(world).page_of_buyer(buyer, MOST_KEYS, start)
        if any(each.paid_at is not None for each in page):
            return True
        if start is None:
            return False
    return True
