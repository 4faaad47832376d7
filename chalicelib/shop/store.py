"""The rows of products in the table of the shop.

``{product}`` / ``product``     the product; the index ``on_sale`` lists those that can be bought below ``sale`` and all
                                others below ``off``, the newest first; ``of_seller`` a reader's
``{product}`` / ``stock``       how many pieces are left; none where nobody said
``{product}`` / ``wanted``      what is still to be put to Stripe; in the index ``due`` as ``product``
``products#{reader}`` / ``products``   how many products a reader made
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final, Literal

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime import due
from chalicelib.runtime.tables import MOST_KEYS, Absent, Clause, Delete, Equals, Item, Key, Put, Tables
from chalicelib.shop.model.file import File
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.stock import Stock
from chalicelib.shop.model.wanted import Terms, Wanted

Listing = Literal["sale", "off"]

_KIND: Final = "product"
"""Of the index ``due``."""
_OWN: Final = ("id", "images", "seller", "file")
"""Fields of a product that are stored in another way."""


class Products:
    """Reads products, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    # products

    def product(self, product_id: str) -> Product | None:
        """The product, strongly consistent."""
        item = self._tables.get(self._name, _product_key(product_id))
        return _product(item) if item else None

    def products(self, product_ids: Iterable[str]) -> dict[str, Product]:
        """Those of them that are known, each strongly consistent, in their order."""
        found = self._many([_product_key(each) for each in dict.fromkeys(product_ids)])
        return {item["pk"]: _product(item) for item in found}

    def listed(
        self, listing: Listing, seller: str | None, limit: int, start: Key | None
    ) -> tuple[list[Product], Key | None]:
        """A page of what is on sale, or of what is not, or of a seller's whether or not; the newest first, each as it
        is now. The list itself may be a moment behind.
        """
        index, place = ("of_seller", ("seller", seller)) if seller else ("on_sale", ("listing", str(listing)))
        page = self._tables.query(self._name, place, index=index, newest_first=True, limit=limit, start=start)
        found = self.products(item["pk"] for item in page.items)
        return list(found.values()), page.next_key

    def key_of(self, product: Product, listing: Listing, seller: str | None) -> Key:
        """Where a page of ``listed`` that follows this product starts."""
        place: Key = (
            {"seller": seller, "created_at": product.created_at}
            if seller
            else {"listing": listing, "listed_at": product.created_at}
        )
        return _product_key(product.id) | place

    def keep(self, product: Product, was: Product | None) -> Put:
        """Keeps a product as it is now; fails when another write came first."""
        return Put(self._name, _product_item(product), when=_unchanged(was.rev if was else 0))

    # stock

    def stocks(self, product_ids: Iterable[str]) -> dict[str, Stock]:
        """What is left of those of them of which somebody said how many there are, each strongly consistent."""
        found = self._many([_stock_key(each) for each in dict.fromkeys(product_ids)])
        return {item["pk"]: Stock(item["pk"], item["left"], item["rev"]) for item in found}

    def keep_stock(self, stock: Stock, was: Stock) -> Put:
        """Keeps what is left; fails when another write came first."""
        item = _stock_key(stock.product) | {"left": stock.left, "rev": stock.rev}
        return Put(self._name, item, when=_unchanged(was.rev))

    # what is to be put to Stripe

    def wanted(self, product_id: str) -> Wanted | None:
        """What is still to be put to Stripe of that product, strongly consistent."""
        item = self._tables.get(self._name, _wanted_key(product_id))
        return _wanted(item) if item else None

    def wants(self, product_ids: Iterable[str]) -> dict[str, Wanted]:
        """What is still to be put to Stripe of those of them of which something is, each strongly consistent."""
        found = self._many([_wanted_key(each) for each in dict.fromkeys(product_ids)])
        return {item["pk"]: _wanted(item) for item in found}

    def want(self, wanted: Wanted, was: Wanted | None) -> Put:
        """Keeps what is wanted in place of ``was``; fails when another write came first."""
        when: tuple[Clause, ...] = (Absent("pk"),)
        if was:
            when = (Equals("name", was.name), Equals("tries", was.tries))
        return Put(self._name, self._wanted_item(wanted), when=when)

    def had(self, wanted: Wanted) -> Delete:
        """Stripe has it. Fails when something else is wanted by now."""
        return Delete(self._name, _wanted_key(wanted.product), when=(Equals("name", wanted.name),))

    def waiting(self, shard: str, now: Millis, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
        """A page of the keys in the index of what should have been put to Stripe by ``now``."""
        return due.page(self._tables, self._name, _KIND, shard, now, limit, start)

    # how many a reader made

    def made_by(self, seller: str) -> int:
        """How many products a reader made; they never go."""
        item = self._tables.get(self._name, _tally_key(seller))
        return int(item["count"]) if item else 0

    def count(self, seller: str, count: int, was: int) -> Put:
        """Counts one more; fails when another came first."""
        when: tuple[Clause, ...] = (Equals("count", was),) if was else (Absent("pk"),)
        return Put(self._name, _tally_key(seller) | {"count": count}, when=when)

    def _many(self, keys: Sequence[Key]) -> list[Item]:
        found: list[Item] = []
        for first in range(0, len(keys), MOST_KEYS):
            page = self._tables.get_many(self._name, keys[first : first + MOST_KEYS])
            found += [item for item in page if item]
        return found

    def _wanted_item(self, wanted: Wanted) -> Item:
        kept = {name: value for name, value in asdict(wanted).items() if name != "product"}
        at = wanted.look_at
        return _wanted_key(wanted.product) | kept | due.waiting(_KIND, wanted.product, at, self._shards)


def products_of(world: World) -> Products:
    """The rows of this world."""
    return Products(world.tables, world.settings.tables.shop, world.settings.tick_shards)


def _unchanged(rev: int) -> tuple[Clause, ...]:
    return (Equals("rev", rev),) if rev else (Absent("pk"),)


def _product_key(product_id: str) -> Key:
    return {"pk": product_id, "sk": "product"}


def _stock_key(product_id: str) -> Key:
    return {"pk": product_id, "sk": "stock"}


def _wanted_key(product_id: str) -> Key:
    return {"pk": product_id, "sk": "wanted"}


def _tally_key(seller: str) -> Key:
    return {"pk": f"products#{seller}", "sk": "products"}


def _product_item(product: Product) -> Item:
    told = {name: value for name, value in asdict(product).items() if name not in _OWN}
    listing: Listing = "sale" if product.listed else "off"
    return (
        _product_key(product.id)
        | told
        | {"images": list(product.images), "file": asdict(product.file) if product.file else None}
        | {"listing": listing, "listed_at": product.created_at}
        | ({"seller": product.seller} if product.seller else {})
    )


def _product(item: Item) -> Product:
    told = {name: item[name] for name in Product.__dataclass_fields__ if name not in _OWN}
    return Product(
        id=item["pk"],
        images=tuple(item["images"]),
        seller=item.get("seller"),
        file=File(**item["file"]) if item["file"] else None,
        **told,
    )


def _wanted(item: Item) -> Wanted:
    told = {name: item[name] for name in Wanted.__dataclass_fields__ if name not in ("product", "terms")}
    return Wanted(product=item["pk"], terms=Terms(**item["terms"]), **told)
