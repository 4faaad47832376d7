"""What is left of products: taken and returned within the transactions of orders, counted by who keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation
from chalicelib.shop.model import stock as model
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.stock import Stock
from chalicelib.shop.store import products_of


def taken(world: World, wants: Mapping[str, int]) -> list[Operation]:
    """The operations that take so many pieces of each product, for the transaction of an order: one for each of which
    there is not without end. They fail where another write of it came first. Raises OutOfStock, NotFound.
    """
    return _moved(world, wants, model.taken)


def returned(world: World, wants: Mapping[str, int]) -> list[Operation]:
    """The operations that put so many pieces of each product back, as ``taken`` takes them. Raises NotFound."""
    return _moved(world, wants, model.returned)


def of_products(world: World, products: Mapping[str, Product]) -> dict[str, Stock]:
    """What is left of each of them."""
    said = products_of(world).stocks(products)
    return {name: said.get(name) or model.unsaid(name, each.kind) for name, each in products.items()}


def count(world: World, product: Product, left: int | None, *, actor: str, reason: str) -> Stock:
    """Say that so many are left of it, None without limit, audited. Raises Invalid, Unavailable."""
    rows = products_of(world)

    def attempt() -> Stock:
        was = of_products(world, {product.id: product})[product.id]
        now = model.counted(was, left)
        if now != was:
            said = audit.entry(
                world.settings.tables.audit,
                subject=product.id,
                action="stock_counted",
                actor=actor,
                reason=reason,
                at=world.now(),
                detail={"before": was.left, "after": now.left},
            )
            world.tables.write(rows.keep_stock(now, was), said)
        return now

    return undisturbed(world.sleep, attempt)


def _moved(world: World, wants: Mapping[str, int], move: Callable[[Stock, int], Stock]) -> list[Operation]:
    rows = products_of(world)
    before = rows.stocks(wants)
    unsaid = rows.products(name for name in wants if name not in before)
    operations: list[Operation] = []
    for name, quantity in wants.items():
        if name not in before and name not in unsaid:
            raise NotFound("There is no such product.")
        was = before.get(name) or model.unsaid(name, unsaid[name].kind)
        now = move(was, quantity)
        if now != was:
            operations.append(rows.keep_stock(now, was))
    return operations
