"""What is left of products: taken and returned within the transactions of orders, counted by who keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation, Put
from chalicelib.shop.model import stock as model
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.stock import Stock
from chalicelib.shop.store import products_of


def taken(world: World, wants: Mapping[str, int]) -> list[Put]:
    """The operations that take so many pieces of each product, for the transaction of an order: one for each of which
    there is not without end. They fail where another write of it came first; not alone, where two who take alike would
    pass for one. Raises OutOfStock, NotFound.
    """
    return _moved(world, wants, model.taken)


def returned(world: World, wants: Mapping[str, int]) -> list[Put]:
    """The operations that put so many pieces of each product back, as ``taken`` takes them. Raises NotFound."""
    return _moved(world, wants, model.returned)


def of_products(world: World, products: Mapping[str, Product]) -> dict[str, Stock]:
    """What is left of each of them."""
    said = products_of(world).stocks(products)
    return {name: model.of_kind(said.get(name) or Stock(name), each.kind) for name, each in products.items()}


def counted(world: World, product: Product, left: int | None) -> tuple[Stock, list[Operation]]:
    """What is left of it once somebody has counted ``left`` pieces, None without limit, and the operation that keeps
    that; it fails where another write came first. Raises Invalid.
    """
    rows = products_of(world)
    was = rows.stocks([product.id]).get(product.id) or Stock(product.id)
    now = model.counted(was, left)
    return now, [rows.keep_stock(now, was)] if now != was else []


def must_have_an_end(product: Product, left: int | None) -> None:
    """Raises Invalid for any number of a thing."""
    if left is None and product.kind == "physical":
        raise Invalid(errors=({"field": "stock", "message": "say how many there are of a thing"},))


def count(world: World, product: Product, left: int | None, *, actor: str, reason: str) -> Stock:
    """Say that so many are left of it, None without limit, audited. Raises Invalid, Unavailable."""
    must_have_an_end(product, left)

    def attempt() -> Stock:
        now, operations = counted(world, product, left)
        if operations:
            said = audit.entry(
                world.settings.tables.audit,
                subject=product.id,
                action="product_counted",
                actor=actor,
                reason=reason,
                at=world.now(),
                detail={"stock": now.left},
            )
            world.tables.write(*operations, said)
        return model.of_kind(now, product.kind)

    return undisturbed(world.sleep, attempt)


def _moved(world: World, wants: Mapping[str, int], move: Callable[[Stock, int], Stock]) -> list[Put]:
    rows = products_of(world)
    said = rows.stocks(wants)
    stocks = {name: said.get(name) or Stock(name) for name in wants}
    # What has an end, needs no look at what it is.
    products = rows.products(name for name, stock in stocks.items() if stock.left is None)
    operations: list[Put] = []
    for name, was in stocks.items():
        if was.left is None and name not in products:
            raise NotFound("There is no such product.")
        known = was if was.left is not None else model.of_kind(was, products[name].kind)
        now = move(known, wants[name])
        if now != known:
            operations.append(rows.keep_stock(now, was))
    return operations
