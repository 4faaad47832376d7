"""The coins that a person bought, at whichever store: for their limits, for their file, and for the command line. And
what they paid by Stripe for orders, for their limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.money import Cents, part_rounded_up
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Key
from chalicelib.wallet.model.packs import DEFAULT, Packs
from chalicelib.wallet.model.payment import Payment, left_of, rest_of
from chalicelib.wallet.model.purchase import Purchase
from chalicelib.wallet.payments_store import payment_rows
from chalicelib.wallet.purchases_store import pack_rows, purchase_rows

STRIPE: Final = "stripe"
_MOST_COUNTED: Final = 100


@dataclass(frozen=True, slots=True)
class Bought:
    """Coins that a person bought, wherever."""

    store: str
    id: str
    at: Millis
    coins: int
    left: int
    """Of them, what was not taken back."""
    cents: Cents
    """What was paid for those: an app store does not tell us, so it is what the pack costs here."""


def bought_by(
    world: World, user: str, limit: int, start: Key | None, since: Millis = 0
) -> tuple[list[Bought], Key | None]:
    """A page of a person's purchases of coins of ``since`` or later, newest first: 100 at most."""
    rows = purchase_rows(world)
    names, following = rows.of_user(user, limit, start, since)
    paid = payment_rows(world).get_many([name for store, name in names if store == STRIPE])
    told: dict[tuple[str, str], Purchase] = {
        (each.store, each.id): each for each in rows.get_many([each for each in names if each[0] != STRIPE])
    }
    packs = pack_rows(world).get() if told else DEFAULT
    found = [
        _by_stripe(paid[name]) if store == STRIPE else _by_store(told[store, name], packs) for store, name in names
    ]
    return found, following


def bought_since(world: World, user: str, moment: Millis) -> list[tuple[Millis, Cents]]:
    """When, since ``moment``, the person paid how much, that stands, for coins, and by Stripe for orders: of their
    hundred newest purchases of each.
    """
    since = max(0, moment)
    found, _ = bought_by(world, user, _MOST_COUNTED, None, since)
    ordered = payment_rows(world).newest_of(user, _MOST_COUNTED, since, "order")
    return [(each.at, each.cents) for each in found] + [(each.at, rest_of(each)) for each in ordered]


def _by_stripe(payment: Payment) -> Bought:
    cents, coins = left_of(payment)
    return Bought(STRIPE, payment.intent, payment.at, payment.coins, coins, cents)


def _by_store(purchase: Purchase, packs: Packs) -> Bought:
    pack = packs.known(purchase.product)  # of which it may be several
    cents = part_rounded_up(pack.price, purchase.kept, pack.coins) if pack else 0
    return Bought(purchase.store, purchase.id, purchase.heard_at, purchase.coins, purchase.kept, cents)
