"""Product §9: whatever is ordered, paid, told twice or late, called off, sent, given back, and wherever functions die
in between: stock is never below zero and no piece is sold twice, what was paid is either the buyer's or went back,
each reader has 70 % of what stands, and nothing is left on the way.

The real services on tables in memory, with Stripe's part played by its stand-in, which may be silent. What an app was
not answered it asks again, with the same key; what Stripe was not answered it tells again.
"""

from __future__ import annotations

import os
from collections import Counter as Count
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem, Unavailable
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.money import reader_share
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.payouts.service import earnings_account
from chalicelib.shop import advancing, fulfilment, ordering, orders, returns
from chalicelib.shop.events import apply_event
from chalicelib.shop.model.order import Order
from chalicelib.shop.order_store import orders_of
from chalicelib.wallet import coins, statement
from chalicelib.wallet import service as wallet
from tests.property.tables import Change, FailingTables, SwiftTables, trouble
from tests.support.counter import ADMIN, POST, Counter
from tests.support.duo import chain
from tests.support.worlds import HandClock, OfflinePayments, hand_world

STEPS: Final = 45
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "20")))
PIECES: Final = 12
USES: Final = 4
THINGS: Final = ("deck", "book")
FILES: Final = ("song", "spell", "zine")


class Market:
    """A buyer, a reader who sells, an admin, and Stripe."""

    def __init__(self, rng: Random, stripe: OfflinePayments | None = None) -> None:
        self.rng = rng
        self.clock = HandClock()
        self.tables = SwiftTables(self.watches)
        self.stripe = stripe or OfflinePayments()
        self.stripe.now = self.clock
        self.world = hand_world(self.tables, now=self.clock, payments=self.stripe)
        self.restocks = rng.random() < 0.5
        self.gone = Count[str]()
        """Units by product that went back after they were sent, and are not on sale again."""
        self.asked: list[Callable[[World], object]] = []
        self.mail: list[dict[str, Any]] = []
        """What Stripe has to tell, again and again."""
        self.counter = Counter(self.world).ready(60_000, PIECES)
        self.counter.sells("zine", "digital", 700, coins=50, seller=self.counter.seller, left=PIECES)
        self.stripe.offers("TEN", percent_off=10, max_redemptions=USES)
        for name, price in (("deck", 1_500), ("book", 999), ("song", 300), ("spell", 500), ("zine", 700)):
            self.stripe.sells(self.counter.id_of(name), price, shippable=name in THINGS)
            known = self.stripe.catalogue[self.counter.id_of(name)]
            self.stripe.prices[f"price_{name}"] = self.stripe.prices[known["default_price"]]

    # what must hold after every write

    def watches(self, changes: list[Change]) -> None:
        for table, was, now in changes:
            if table != "shop" or now is None:
                continue
            if now["sk"] == "stock":
                assert now["left"] is None or now["left"] >= 0, "no more is sold than there is"
            if now["sk"] == "order" and was:
                self.follows(was, now)

    def follows(self, was: dict[str, Any], now: dict[str, Any]) -> None:
        """What went back after it was sent, or was the buyer's already."""
        assert now["rev"] == was["rev"] + 1
        for before, after in zip(was["items"], now["items"], strict=True):
            settled = before["fulfilled_at"] is not None or before["shipped_at"] is not None
            if settled and not self.restocks:
                self.gone[before["product"]] += after["refunded"] - before["refunded"]

    # what people do

    def orders(self) -> None:
        rail = self.rng.choice(("credit", "coins", "stripe", "stripe"))
        pool = {"credit": THINGS, "coins": FILES, "stripe": (*THINGS, *FILES)}[rail]
        names = self.rng.sample(pool, self.rng.randint(1, min(3, len(pool))))
        items = {name: 1 if name in FILES else self.rng.randint(1, 4) for name in names}
        coupon = "TEN" if rail != "coins" and self.rng.random() < 0.3 else None
        wanted = self.counter.wanted(items, rail, coupon=coupon)
        name = self.counter.order_id(str(len(self.asked)))
        self.asks_for(partial(ordering.create, buyer=self.counter.buyer, order_id=name, wanted=wanted))

    def cancels(self) -> None:
        if order := self.some_order():
            self.asks_for(partial(returns.cancel, user=self.counter.buyer, order_id=order.id))

    def sends(self) -> None:
        if order := self.some_order():
            which = [self.rng.choice(order.items).id] if self.rng.random() < 0.5 else []
            ship = partial(fulfilment.ship, order_id=order.id, which=which, shipment=POST, actor="ops", reason="sent")
            self.called(ship)

    def arrives(self) -> None:
        if order := self.some_order():
            self.called(partial(fulfilment.deliver, order_id=order.id, which=[], actor="ops", reason="arrived"))

    def gives_back(self) -> None:
        if order := self.some_order():
            item = self.rng.choice(order.items)
            units = {item.id: self.rng.randint(1, item.left)} if item.left else {}
            shipping = self.rng.random() < 0.3
            refund = partial(returns.refund, order_id=order.id, refund_id=f"r{len(self.asked)}", units=units)
            self.asks_for(partial(refund, who=ADMIN, shipping=shipping, restock=self.restocks))

    def pays(self) -> None:
        """On a page of Stripe's, of which the event may come whenever."""
        open_pages = [name for name, page in self.stripe.pages.items() if page["status"] == "open"]
        if open_pages:
            self.has_to_tell("checkout.session.completed", self.stripe.pays(self.rng.choice(open_pages)))

    def pages_run_out(self) -> None:
        for name, page in self.stripe.pages.items():
            if page["status"] == "open" and page["expires_at"] * 1_000 <= self.clock.now:
                self.has_to_tell("checkout.session.expired", self.stripe.runs_out(name))

    def banks_answer(self) -> None:
        """What is on its way back arrives, or does not."""
        for name, refund in self.stripe.refunds.items():
            if refund["status"] == "pending" and self.rng.random() < 0.7:
                refund["status"] = self.rng.choice(("succeeded", "succeeded", "failed"))
                self.has_to_tell(f"refund.updated.{name}", dict(refund))

    def has_to_tell(self, kind: str, thing: dict[str, Any]) -> None:
        type_ = "refund.updated" if thing["object"] == "refund" else kind
        event = {
            "id": derived_id("evt", kind, thing["id"]),
            "object": "event",
            "type": type_,
            "data": {"object": thing},
        }
        self.mail.append(event)

    def tells(self) -> None:
        if self.mail:
            self.called(partial(apply_event, event=self.rng.choice(self.mail)))

    # how it goes

    def time_passes(self) -> None:
        self.clock.forward(self.rng.choice((1, MINUTE, 20 * MINUTE, HOUR)))
        self.pages_run_out()

    def ticks(self) -> None:
        for name in self.due():
            self.called(partial(advancing.advance, order_id=name))

    def stripe_is_moody(self) -> None:
        self.stripe.down = self.rng.random() < 0.3
        self.stripe.loses_answers = self.rng.random() < 0.3
        self.stripe.status = self.rng.choice(("succeeded", "pending"))

    def asks_again(self) -> None:
        if self.asked:
            self.called(self.rng.choice(self.asked))

    def asks_for(self, act: Callable[[World], object]) -> None:
        self.asked.append(act)
        self.called(act)

    def called(self, act: Callable[..., object], plan: dict[int, str] | None = None) -> None:
        """A function works on it; it may die anywhere, and others come between."""

        def answered(world: World) -> None:
            try:
                act(world)
            except Unavailable:
                raise
            except Problem:
                pass

        FailingTables(self.tables, trouble(self.rng) if plan is None else plan, self.somebody).call(
            answered, self.world
        )

    def somebody(self) -> None:
        """Somebody else is faster."""
        self.rng.choice((self.orders, self.cancels, self.sends, self.gives_back, self.tells, self.pays))()

    # what there is

    def due(self) -> list[str]:
        rows = orders_of(self.world)
        pages = (rows.page_of_shard(str(shard), self.clock.now, 100, None)[0] for shard in range(16))
        return [key["pk"] for page in pages for key in page]

    def every_order(self) -> list[Order]:
        return orders.page_of_buyer(self.world, self.counter.buyer, 100, None)[0]

    def some_order(self) -> Order | None:
        found = self.every_order()
        return self.rng.choice(found) if found else None

    def comes_to_its_end(self) -> None:
        """Nothing stands in the way any more: pages end, everything is told and sent, and time does the rest."""
        self.stripe.down = self.stripe.loses_answers = False
        self.stripe.status = "succeeded"
        for act in self.asked:
            self.called(act, {})
        for _ in range(3):
            self.clock.forward(DAY)
            self.pages_run_out()
            for refund in self.stripe.refunds.values():
                if refund["status"] == "pending":
                    refund["status"] = "succeeded"
                    self.has_to_tell(f"refund.updated.end.{refund['id']}", dict(refund))
            for event in self.mail:
                self.called(partial(apply_event, event=event), {})
            for name in self.due():
                self.called(partial(advancing.advance, order_id=name), {})
        for order in self.every_order():
            self.called(partial(fulfilment.ship, order_id=order.id, which=[], shipment=POST, actor="o", reason="r"), {})


HAPPENS: Final[list[tuple[int, Callable[[Market], None]]]] = [
    (10, Market.orders),
    (3, Market.cancels),
    (5, Market.sends),
    (2, Market.arrives),
    (8, Market.gives_back),
    (7, Market.pays),
    (7, Market.tells),
    (2, Market.banks_answer),
    (4, Market.time_passes),
    (4, Market.ticks),
    (3, Market.stripe_is_moody),
    (4, Market.asks_again),
]
"""What happens, and how often beside the others."""


@pytest.mark.parametrize("seed", HISTORIES)
def test_what_is_paid_is_the_buyers_or_goes_back_and_nothing_is_sold_twice(seed: int) -> None:
    rng = Random(f"orders {seed}")  # noqa: S311 - it guards nothing
    market = Market(rng)
    for act in rng.choices([act for _, act in HAPPENS], [often for often, _ in HAPPENS], k=STEPS):
        act(market)
    market.comes_to_its_end()
    found = market.every_order()
    assert found
    for order in found:
        assert_finished(order)
    assert sum(order.discount is not None and order.paid_at is not None for order in found) <= USES
    assert_stock(market, found)
    assert_money(market, found)


def assert_finished(order: Order) -> None:
    """Every unit is the buyer's, on its way, given back or was never paid; and every cent of it likewise."""
    assert order.state in ("fulfilled", "shipped", "delivered", "refunded", "cancelled"), order
    assert all(each.done for each in order.refunds), order
    assert order.look_at is None
    assert len({each.id for each in order.refunds}) == len(order.refunds), "asked for twice, it went back once"
    for item in order.items:
        assert item.left == 0 or item.settled
        assert min(item.left, item.refunded, item.cancelled) >= 0
    if order.paid_at is None:
        assert order.refunds == ()
        return
    kept = sum(each.kept for each in order.items)
    postage = order.shipping.amount - order.shipping.refunded if order.shipping else 0
    if order.rail == "coins":
        assert order.coins == sum(each.kept_coins for each in order.items) + sum(each.coins for each in order.refunds)
    else:
        assert order.total == kept + postage + order.returned


def assert_stock(market: Market, found: list[Order]) -> None:
    """What is left, what is the buyers', and what came back without being sold again, is what there was."""
    for name in (*THINGS, "zine"):
        product = market.counter.id_of(name)
        sold = sum(each.left for order in found for each in order.items if each.product == product)
        left = market.counter.left(name)
        assert left is not None
        assert left + sold + market.gone[product] == PIECES, name


def assert_money(market: Market, found: list[Order]) -> None:
    world, counter = market.world, market.counter
    books = statement.trial_balance(world)
    assert set(books.total.values()) <= {0}
    assert (books.drifted, books.unsettled(), books.sum_of("platform:orders")) == ((), {}, 0)
    paid = [order for order in found if order.paid_at is not None]
    mine = [each for order in paid for each in order.items if each.seller]
    assert counter.world is world
    earned = sum(reader_share(each.kept) for each in mine if each.left)
    assert wallet.ledger(world).head(earnings_account(counter.seller)).balance == earned
    burnt = sum(order.coins - sum(each.coins for each in order.refunds) for order in paid)
    assert coins.balance(world, counter.buyer) == 60_000 - burnt
    by_credit = sum(order.total - order.returned for order in paid if order.rail == "credit")
    failed = sum(each["amount"] for each in market.stripe.refunds.values() if each["status"] == "failed")
    assert wallet.head(world, counter.buyer).balance == 60_000 - by_credit + failed
    debits = [each.reference for each in chain(world, wallet.credit_account(counter.buyer)) if each.kind == "order"]
    assert sorted(debits) == sorted(order.id for order in paid if order.rail == "credit")
    by_stripe = [order for order in paid if order.rail == "stripe"]
    complete = {page["client_reference_id"] for page in market.stripe.pages.values() if page["status"] == "complete"}
    assert {order.id for order in by_stripe} == complete, "whatever Stripe took is an order of ours"
    sent_back = sum(each["amount"] for each in market.stripe.refunds.values())
    assert sent_back == sum(order.returned for order in by_stripe)


def test_the_histories_are_rich() -> None:
    """Or the proof above is of nothing: every end that an order can have is among them."""
    ends = Count[tuple[str, str]]()
    for seed in range(12):
        rng = Random(f"orders {seed}")  # noqa: S311 - it guards nothing
        market = Market(rng)
        for act in rng.choices([act for _, act in HAPPENS], [often for often, _ in HAPPENS], k=STEPS):
            act(market)
        market.comes_to_its_end()
        ends.update((order.rail, order.state) for order in market.every_order())
        mine = [each for order in market.every_order() for each in order.items if each.seller and each.settled]
        ends.update(("reader", "partly") for each in mine if each.left and each.refunded)
    wanted = {("credit", "shipped"), ("credit", "refunded"), ("coins", "fulfilled"), ("coins", "refunded")}
    wanted |= {("stripe", end) for end in ("fulfilled", "shipped", "refunded", "cancelled")}
    assert wanted | {("reader", "partly")} <= ends.keys(), ends
