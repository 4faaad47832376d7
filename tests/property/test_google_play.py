"""Product §4, in Google Play: in whatever order apps, notifications and the list of what was voided tell of purchases,
however often, with answers lost and functions that die, the coins end as Google's own purchases do, and each purchase
that stands is consumed once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND
from chalicelib.operations.handlers import KINDS
from chalicelib.wallet import coins, google, statement
from chalicelib.wallet.model.google import order_id
from chalicelib.wallet.model.packs import DEFAULT
from infra.local.google import orders
from infra.local.google.context import GoogleError
from tests.property.tables import Crash, FailingTables, SwiftTables
from tests.support.duo import chain
from tests.support.people import person
from tests.support.play import OfflinePlay
from tests.support.worlds import NOON, HandClock, hand_world

OWNERS: Final = (new_id("usr", NOON), new_id("usr", NOON))
COINS: Final = {pack.id: pack.coins for pack in DEFAULT.packs}
PACKS: Final = ("coins_100", "coins_500")
TROUBLE: Final = ("dies", "dies_after", "refused", "unknown", "raced")
STEPS: Final = 60
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "40")))


class Shop:
    """A history of purchases. What Google lets nobody do is no fault."""

    def __init__(self) -> None:
        self.tables = SwiftTables()
        self.clock = HandClock()
        self.play = OfflinePlay(self.clock)
        self.world = hand_world(self.tables, now=self.clock, play=self.play)
        for owner in OWNERS:
            person(self.world, owner)
        self.bought: list[str] = []
        self.spent = 0

    # what happens at Google

    def buys(self, rng: Random) -> None:
        user, product = rng.choice(OWNERS), rng.choice(PACKS)
        pending = rng.random() < 0.3
        self.bought.append(self.play.buy(product, user, pending=pending, quantity=rng.choice((1, 1, 1, 3))))
        self.clock.forward(SECOND)

    def at_google(self, act: Callable[[str], object], rng: Random) -> None:
        if self.bought:
            with suppress(GoogleError):
                act(rng.choice(self.bought))

    # what the product hears

    def app_tells(self, rng: Random) -> None:
        if self.bought:
            token = rng.choice(self.bought)
            order = self.play.order(token)
            owner = next(each for each in OWNERS if self.owns(each, token))
            self.product(rng, lambda world: google.buy(world, owner, order["product"], token))

    def owns(self, owner: str, token: str) -> bool:
        return google._owner(self.play.purchase(token)) == owner

    def google_tells(self, rng: Random) -> None:
        told = self.play.notifications()
        for notification in rng.choices(told, k=rng.randint(1, 4)) if told else ():
            self.product(rng, partial(google.told, notification=notification))

    def ticks(self, rng: Random, passed: int) -> None:
        self.clock.forward(passed)
        for kind in ("purchase", "voided"):
            for shard in range(self.world.settings.tick_shards):
                for thing in KINDS[kind].page(self.world, str(shard), 100, None)[0]:
                    look = google.look_through if kind == "voided" else partial(google.advance, order_id=thing.id)
                    self.product(rng, look)

    def spends(self, rng: Random) -> None:
        self.spent += 1
        with suppress(Problem):
            coins.spend(self.world, rng.choice(OWNERS), "gift", rng.randint(1, 300), f"gift:{self.spent}", "gft_1")

    def product(self, rng: Random, act: Callable[[World], object]) -> None:
        """Something of the product's is called, and may die, and may not reach Google."""
        plan = {rng.randrange(14): rng.choice(TROUBLE) for _ in range(rng.choice((0, 0, 1, 2)))}
        self.play.down = rng.random() < 0.1
        self.play.loses_answers = rng.random() < 0.2
        tables = FailingTables(self.tables, plan, lambda: self.spends(rng))
        with suppress(Crash, Problem):
            act(replace(self.world, tables=tables))
        self.play.down = self.play.loses_answers = False

    # in the end

    def ends(self, rng: Random) -> None:
        """Everything is told, in disorder and some of it twice, or what was voided is only listed; and days go by."""
        told = self.play.notifications()
        if rng.random() < 0.5:
            told = [each for each in told if each.kind.startswith("oneTimeProduct")]
        told += rng.choices(told, k=len(told) // 2)
        rng.shuffle(told)
        for notification in told:
            google.told(self.world, notification)
        for _ in range(3):
            self.clock.forward(DAY + MINUTE)
            for kind in ("purchase", "voided"):
                for shard in range(self.world.settings.tick_shards):
                    for thing in KINDS[kind].page(self.world, str(shard), 100, None)[0]:
                        thing.advance()


Act = Callable[[Shop, Random], object]

HAPPENS: Final[list[tuple[int, Act]]] = [
    (4, Shop.buys),
    (2, lambda shop, rng: shop.at_google(shop.play.complete, rng)),
    (1, lambda shop, rng: shop.at_google(partial(orders.cancel, shop.play.context), rng)),
    (2, lambda shop, rng: shop.at_google(lambda token: shop.play.void(token, orders.REMORSE), rng)),
    (2, lambda shop, rng: shop.at_google(lambda token: shop.play.void(token, orders.CHARGEBACK), rng)),
    (2, lambda shop, rng: shop.at_google(lambda token: orders.refund_part(shop.play.context, token, 1), rng)),
    (6, Shop.app_tells),
    (6, Shop.google_tells),
    (2, lambda shop, rng: shop.ticks(rng, rng.choice((MINUTE, HOUR, DAY)))),
    (3, Shop.spends),
]
"""What happens, and how often beside the others."""


@pytest.mark.parametrize("seed", HISTORIES)
def test_the_coins_end_as_googles_purchases_do(seed: int) -> None:
    rng = Random(f"play {seed}")  # noqa: S311 - it guards nothing
    shop = Shop()
    for act in rng.choices([act for _, act in HAPPENS], [often for often, _ in HAPPENS], k=STEPS):
        act(shop, rng)
    shop.ends(rng)
    assert_same(shop)


def assert_same(shop: Shop) -> None:
    """What stands at Google is what was given here, once, and is consumed, once."""
    posted = {owner: chain(shop.world, coins.coins_account(owner)) for owner in OWNERS}
    moved: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for entry in (entry for entries in posted.values() for entry in entries if entry.kind != "gift"):
        assert entry.kind in ("coins_bought", "coins_taken_back")
        moved[entry.reference] += entry.amount
        given[entry.reference] += entry.kind == "coins_bought"
    for token in shop.bought:
        order, reference = shop.play.order(token), f"google:{order_id(token)}"
        stands = order["state"] == "purchased" and order["voided_at"] is None
        assert moved[reference] == (COINS[order["product"]] * orders.left(order) if stands else 0)
        assert given[reference] <= 1
        if stands:
            assert (order["consumed"], shop.play.consumed.count(token)) == (True, 1)
    for owner in OWNERS:
        assert statement.verify_chain(shop.world, coins.coins_account(owner)).broken_at is None
    books = statement.trial_balance(shop.world)
    assert set(books.total.values()) <= {0}
    assert books.drifted == ()
    assert [row for row in shop.tables.rows["wallet"].values() if row["sk"] == "google" and "due_shard" in row] == []
