"""A reader who sells, and an admin, on tables that others use too: the words of the tests of products."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.shop import catalogue, selling, stock
from chalicelib.shop.model.file import File
from chalicelib.shop.model.product import Kind, Product
from chalicelib.shop.model.wanted import Changes, Terms
from chalicelib.shop.selling import Own
from chalicelib.shop.store import products_of
from tests.support.reading import add_reader
from tests.support.worlds import HandClock, OfflinePayments

WHY: Mapping[str, Any] = {"actor": "ops", "reason": "a test"}
GUIDE = File("upl_guide", "guide.pdf", "application/pdf", 1_000, "0" * 64)


def terms(price: Cents = 900, coins: int | None = None, kind: Kind = "digital", **changes: Any) -> Terms:
    """Those of a moon calendar."""
    made = Terms("Moon calendar", "A year of moons.", kind, price, coins, None, active=False)
    return replace(made, **changes)


@dataclass(frozen=True)
class Stall:
    """``own`` is what makes their ids their own."""

    world: World
    own: str = "1"

    @property
    def reader(self) -> str:
        return accounts.person_id(self.world, f"auth0|{self.own}reader")

    @property
    def till(self) -> OfflinePayments:
        assert isinstance(self.world.payments, OfflinePayments)
        return self.world.payments

    def forward(self, millis: Millis) -> Self:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    def ready(self) -> Self:
        """A verified reader."""
        accounts.sign_in(self.world, Claims(f"auth0|{self.own}reader", None, "Rosa"))
        with suppress(ConditionFailed):  # known from before
            add_reader(self.world, self.reader)
        return self

    # products

    def name(self, product: str) -> str:
        return f"prd_{self.own}{product}"

    def draft(self, product: str = "moon", stock: Any = None, **changes: Any) -> Own:
        """The reader makes a product."""
        return selling.offer(self.world, self.reader, self.name(product), terms(**changes), Changes(stock=stock))

    def filed(self, product: str = "moon") -> Product:
        """It has a file."""
        rows, was = products_of(self.world), self.row(product)
        now = replace(was, file=GUIDE, rev=was.rev + 1)
        self.world.tables.write(rows.keep(now, was))
        return now

    def approved(self, product: str = "moon", **changes: Any) -> Own:
        """The reader makes a product, and an admin approves it."""
        made = self.draft(product, **changes)
        if made.product.kind == "digital":
            self.filed(product)
        return selling.approve(self.world, made.product.id, **WHY)

    def changes(self, product: str = "moon", **changes: Any) -> Own:
        return selling.change(self.world, self.reader, self.name(product), Changes(**changes))

    def sells(self, product: str, amount: int | None = 1_000, *, left: int = 0, **more: Any) -> Product:
        """The platform sells a thing that was made at Stripe, of which so many are left."""
        name = self.name(product)
        self.till.sells(name, amount, shippable=True, **more)
        seen = catalogue.refresh(self.world, name)
        assert seen
        if left:
            stock.count(self.world, seen, left, **WHY)
        return seen

    def row(self, product: str = "moon") -> Product:
        return catalogue.product(self.world, self.name(product))

    def at_stripe(self, product: str = "moon") -> dict[str, Any]:
        found = self.till.product(self.name(product))
        assert found
        return found

    def left(self, product: str) -> int | None:
        row = self.row(product)
        return stock.of_products(self.world, {row.id: row})[row.id].left

    def audited(self, product: str = "moon") -> list[tuple[str, str]]:
        rows = self.world.tables.query(self.world.settings.tables.audit, ("pk", self.name(product))).items
        return [(row["action"], row["actor"]) for row in rows]

    def told(self) -> list[str]:
        """What the reader was told."""
        rows = self.world.tables.query(self.world.settings.tables.notices, ("pk", self.reader)).items
        return [row["kind"] for row in rows]


def product_event(event: str, kind: str, name: Any, **thing: Any) -> dict[str, Any]:
    """An event on the product of that name, or on a price of it."""
    said: dict[str, Any] = {"id": name, "object": "product"}
    if kind.startswith("price."):
        said = {"id": f"price_of_{name}", "object": "price", "product": name}
    return {"id": event, "object": "event", "type": kind, "data": {"object": said | thing}}
