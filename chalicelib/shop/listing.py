"""What everybody sees of the shop: products that are on sale, of people who may sell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Key
from chalicelib.shop import catalogue, stock
from chalicelib.shop.model.product import Filters, Product, matches
from chalicelib.shop.model.stock import Stock
from chalicelib.shop.store import products_of
from chalicelib.wallet.model import rails
from chalicelib.wallet.model.rails import Rail

_MOST_QUERIES: Final = 5
_MOST_AT_ONCE: Final = 100
"""Products that one query looks at."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A product as everybody sees it."""

    product: Product
    stock: Stock
    seller: str | None
    """What its seller is called."""
    rails: tuple[Rail, ...]
    """How it may be paid where it is looked at."""


def page(world: World, filters: Filters, limit: int, start: Key | None) -> tuple[list[Shown], Key | None]:
    """A page of what can be bought where it is looked at, the newest first, and where the next one starts.

    A change shows a moment later. No more than 500 products are looked at, so a page may hold fewer than ``limit``, or
    none, and others follow.
    """
    rows, found = products_of(world), list[Shown]()
    at_once = limit
    for _ in range(_MOST_QUERIES):
        looked_at, start = rows.listed("sale", filters.seller, at_once, start)
        fitting = _on_show(world, [each for each in looked_at if matches(each, filters)], filters.where)
        room = limit - len(found)
        found += fitting[:room]
        if len(fitting) > room:
            return found, rows.key_of(found[-1].product, "sale", filters.seller)
        if len(found) == limit or start is None:
            break
        at_once = min(2 * at_once, _MOST_AT_ONCE)
    return found, start


def one(world: World, product_id: str, where: str) -> Shown:
    """A product that is on sale, also where it cannot be bought there. Raises NotFound."""
    found = _shown(world, [catalogue.product(world, product_id)], where)
    if not found:
        raise NotFound("There is no such product.")
    return found[0]


def sellers(world: World, products: Iterable[Product]) -> dict[str, str]:
    """What the sellers of these products are called, by their ids: only those who are in the directory, for nobody
    else sells.
    """
    return readers.names_of(world, {each.seller for each in products if each.seller})


def _on_show(world: World, products: Sequence[Product], where: str) -> list[Shown]:
    """Those of them that can be bought there."""
    return [each for each in _shown(world, products, where) if each.rails]


def _shown(world: World, products: Sequence[Product], where: str) -> list[Shown]:
    """Those of them that are on sale."""
    names = sellers(world, products)
    known = {each.id: each for each in products if each.listed and (each.seller is None or each.seller in names)}
    left = stock.of_products(world, known)
    return [
        Shown(each, left[name], names[each.seller] if each.seller else None, _rails(each, where))
        for name, each in known.items()
    ]


def _rails(product: Product, where: str) -> tuple[Rail, ...]:
    return tuple(sorted(each for each in rails.rails(product.kind, where) if product.on_sale(each)))
