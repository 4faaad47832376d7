"""A shop counter: buyers, sellers, products on sale, and their orders; the words of the tests of orders."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.shop import fulfilment, ordering, orders, returns, stock
from chalicelib.shop.model.file import File
from chalicelib.shop.model.order import Order, Shipment
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.shipping import Address
from chalicelib.shop.ordering import Wanted
from chalicelib.shop.returns import Who
from chalicelib.shop.store import products_of
from chalicelib.wallet import coins
from chalicelib.wallet import service as wallet
from tests.support.duo import chain
from tests.support.reading import add_reader, pay_in
from tests.support.worlds import HandClock

HOME = Address("Ada", "1 Main St", "", "Springfield", "IL", "62701", "US")
POST = Shipment("USPS", "9400 1000")
ADMIN = Who("admin@example.com", "asked for")
RATE: Cents = 595
"""What the shipping rate ``standard`` costs, which is there from the beginning."""


@dataclass(frozen=True)
class Counter:
    """``own`` is what makes ids its own, on tables that others use too."""

    world: World
    own: str = "1"
    wants: dict[str, Any] = field(default_factory=dict)

    def person(self, name: str) -> str:
        """The id of somebody, known or not."""
        return accounts.person_id(self.world, f"auth0|{self.own}{name}")

    def known(self, name: str) -> str:
        """Somebody who has signed in; their id."""
        return accounts.sign_in(self.world, Claims(f"auth0|{self.own}{name}", None, name.title())).id

    @property
    def buyer(self) -> str:
        return self.person("buyer")

    @property
    def seller(self) -> str:
        return self.person("seller")

    def forward(self, millis: Millis) -> Self:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    def ready(self, cents: Cents = 10_000, pieces: int = 10) -> Self:
        """A buyer with credit and coins, a reader who sells, and four products: ``deck`` and ``book`` are things,
        ``song`` and ``spell`` files; the second of each is the reader's.
        """
        self.known("buyer")
        self.known("seller")
        with suppress(ConditionFailed):  # known from before
            add_reader(self.world, self.seller)
        if cents:
            pay_in(self.world, self.buyer, cents, f"topup:{self.own}")
            coins.grant(self.world, self.buyer, cents, self.own, actor="admin", reason="test")
        self.sells("deck", "physical", 1_500, left=pieces)
        self.sells("book", "physical", 999, seller=self.seller, left=pieces)
        self.sells("song", "digital", 300, coins=333)
        self.sells("spell", "digital", 500, seller=self.seller, coins=501)
        return self

    def id_of(self, name: str) -> str:
        return f"prd_{self.own}{name}"

    def sells(
        self,
        name: str,
        kind: Any,
        price: Cents | None,
        *,
        coins: int | None = None,
        seller: str | None = None,
        left: int | None = None,
        **more: Any,
    ) -> Product:
        """The product is on sale, or is as it is said to be."""
        rows, product = products_of(self.world), self.id_of(name)
        file = File("fil_1", f"{name}.pdf", "application/pdf", 10, "0" * 64) if kind == "digital" else None
        told = {"price_id": f"price_{name}" if price else None, "active": True, "file": file} | more
        made = Product(
            id=product,
            name=name.title(),
            description="",
            images=(),
            kind=kind,
            price=price,
            coins=coins,
            seller=seller,
            created_at=self.world.now(),
            **told,
        )
        self.world.tables.write(rows.keep(made, None))
        if left is not None:
            stock.count(self.world, made, left, actor="admin", reason="test")
        return made

    def left(self, name: str) -> int | None:
        product = products_of(self.world).product(self.id_of(name))
        assert product
        return stock.of_products(self.world, {product.id: product})[product.id].left

    # what people do

    def wanted(self, items: Mapping[str, int], rail: Any = "credit", **more: Any) -> Wanted:
        """An order of these; what is sent goes home."""
        named = tuple((self.id_of(name), count) for name, count in items.items())
        sends = {"address": HOME, "shipping_rate": "standard"} if {"deck", "book"} & items.keys() else {}
        where = "ios" if rail == "coins" else "web"
        return Wanted(**{"items": named, "rail": rail, "where": where} | sends | more)

    def orders(
        self, items: Mapping[str, int], rail: Any = "credit", name: str = "1", buyer: str | None = None, **more: Any
    ) -> Order:
        return ordering.create(self.world, buyer or self.buyer, self.order_id(name), self.wanted(items, rail, **more))

    def order_id(self, name: str = "1") -> str:
        return f"ord_{self.own}{name}"

    def order(self, name: str = "1") -> Order:
        return orders.load(self.world, self.order_id(name))

    def cancels(self, name: str = "1") -> Order:
        return returns.cancel(self.world, self.buyer, self.order_id(name))

    def ships(self, *items: str, name: str = "1", shipment: Shipment = POST) -> Order:
        return fulfilment.ship(self.world, self.order_id(name), items, shipment, actor="admin", reason="packed")

    def delivers(self, *items: str, name: str = "1") -> Order:
        return fulfilment.deliver(self.world, self.order_id(name), items, actor="admin", reason="arrived")

    def refunds(
        self,
        units: Mapping[str, int],
        refund: str = "r1",
        *,
        name: str = "1",
        shipping: bool = False,
        restock: bool = False,
    ) -> Order:
        return returns.refund(self.world, self.order_id(name), refund, units, ADMIN, shipping=shipping, restock=restock)

    # what is there

    @property
    def credit(self) -> Cents:
        return wallet.head(self.world, self.buyer).balance

    def posted(self, account: str) -> list[tuple[str, int, str]]:
        """What was posted to a chain beside what was paid in: kind, amount, counter."""
        entries = chain(self.world, account)
        return [
            (each.kind, each.amount, each.counter) for each in entries if each.kind not in ("topup", "coins_granted")
        ]

    def spent(self) -> list[tuple[str, int, str]]:
        return self.posted(wallet.credit_account(self.buyer))

    def earned(self) -> list[tuple[str, int, str]]:
        return self.posted(earnings_account(self.seller))

    def journal(self, kind: str) -> dict[str, int]:
        """The platform's postings of that kind, by their fact."""
        book = self.world.settings.tables.ledger
        rows = [
            row
            for shard in range(16)
            for row in self.world.tables.query(book, ("account", f"platform:{kind}:{shard}")).items
        ]
        return {row["seq"]: row["amount"] for row in rows if self.own in row["seq"]}

    def told(self, user: str) -> list[tuple[str, dict[str, Any]]]:
        """What is in the outbox for them, by what it is about."""
        found = self.world.tables.query(self.world.settings.tables.notices, ("pk", user)).items
        return [(each["kind"], each["facts"]) for each in found]
