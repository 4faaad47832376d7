"""Orders in the table of the shop.

``{order}`` / ``order``           the order; the index ``of_buyer`` lists those of a person, newest first, ``to_ship``
                                  those of which something is to be sent, ``due`` those that wait for time
``{order}`` / ``sale#{seller}``   that something of a reader's was sold in it; the index ``of_seller`` lists a reader's
                                  sales, newest first, apart from their products
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime import due
from chalicelib.runtime.tables import Absent, Equals, Key, Put, Tables
from chalicelib.runtime.tables import Item as Row
from chalicelib.shop.model import discount as discounts
from chalicelib.shop.model.order import Checkout, Item, Order, Refund, Shipping
from chalicelib.shop.model.shipping import Address

KIND: Final = "order"
_WAITING: Final = "waiting"
_SALE: Final = "sale#"
_OWN: Final = ("id", "items", "discount", "shipping", "checkout", "spent", "refunds", "look_at")
"""Fields of an order that are stored in another way."""


class Orders:
    """Reads orders, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    def get(self, order_id: str) -> Order | None:
        """The order, strongly consistent."""
        row = self._tables.get(self._name, _key(order_id))
        return _order(row) if row else None

    def create(self, order: Order) -> Put:
        """Adds an order; fails when there is one."""
        return Put(self._name, self._row(order), when=(Absent("pk"),))

    def replace(self, order: Order, was: Order) -> tuple[Order, Put]:
        """The order as it is then, and the operation that changes it, which fails when another write came first."""
        raised = replace(order, rev=was.rev + 1)
        return raised, Put(self._name, self._row(raised), when=(Equals("rev", was.rev),))

    def sold(self, order: Order, at: Millis) -> list[Put]:
        """Has each reader whose product is in it find it among their sales."""
        return [
            Put(self._name, {"pk": order.id, "sk": sale_key(seller), "seller": sales(seller), "created_at": at})
            for seller in sorted({each.seller for each in order.items if each.seller})
        ]

    def page_of_buyer(self, user: str, limit: int, start: Key | None) -> tuple[list[Order], Key | None]:
        """A page of a person's orders, newest first, each as it is now. The list itself may be a moment behind."""
        return self._listed(("buyer", user), "of_buyer", limit, start, newest_first=True)

    def page_of_seller(self, user: str, limit: int, start: Key | None) -> tuple[list[Order], Key | None]:
        """A page of orders in which something of that reader's was sold, newest first, as above."""
        return self._listed(("seller", sales(user)), "of_seller", limit, start, newest_first=True)

    def page_to_ship(self, limit: int, start: Key | None) -> tuple[list[Order], Key | None]:
        """A page of orders of which something is to be sent, the one that was paid first first, as above."""
        return self._listed(("shipping", _WAITING), "to_ship", limit, start, newest_first=False)

    def page_of_shard(self, shard: str, now: Millis, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
        """A page of keys of orders that time should have moved by ``now``."""
        return due.page(self._tables, self._name, KIND, shard, now, limit, start)

    def _listed(
        self, partition: tuple[str, str], index: str, limit: int, start: Key | None, *, newest_first: bool
    ) -> tuple[list[Order], Key | None]:
        page = self._tables.query(
            self._name, partition, index=index, newest_first=newest_first, limit=limit, start=start
        )
        return self._all(each["pk"] for each in page.items), page.next_key

    def _all(self, ids: Iterable[str]) -> list[Order]:
        keys = [_key(each) for each in ids]
        return [_order(row) for row in (self._tables.get_many(self._name, keys) if keys else []) if row]

    def _row(self, order: Order) -> Row:
        told = {name: getattr(order, name) for name in Order.__dataclass_fields__ if name not in _OWN}
        return {
            **_key(order.id),
            **{name: value for name, value in told.items() if value is not None},  # no index takes a null
            **({"shipping": _WAITING} if order.to_ship else {}),
            **due.waiting(KIND, order.id, order.look_at, self._shards),
            "items": [asdict(each) for each in order.items],
            "spent": [list(part) for part in order.spent],
            "refunds": [asdict(each) for each in order.refunds],
            "discount": discounts.to_item(order.discount) if order.discount else None,
            "sending": asdict(order.shipping) if order.shipping else None,
            "checkout": asdict(order.checkout) if order.checkout else None,
        }


def sales(seller: str) -> str:
    """The partition of ``of_seller`` in which a reader's sales are; their products are in one of their own."""
    return f"sales#{seller}"


def sale_key(seller: str) -> str:
    """The sort key of a reader's sale, below the order."""
    return f"{_SALE}{seller}"


def orders_of(world: World) -> Orders:
    """The orders of this world."""
    return Orders(world.tables, world.settings.tables.shop, world.settings.tick_shards)


def _key(order_id: str) -> Key:
    return {"pk": order_id, "sk": "order"}


def _order(row: Row) -> Order:
    told = {name: row[name] for name in Order.__dataclass_fields__ if name not in _OWN and name in row}
    sending, discount, checkout = row["sending"], row["discount"], row["checkout"]
    return Order(
        **told,
        id=row["pk"],
        items=tuple(Item(**each) for each in row["items"]),
        spent=tuple((bucket, cents, expires_at) for bucket, cents, expires_at in row["spent"]),
        refunds=tuple(Refund(**each) for each in row["refunds"]),
        discount=discounts.from_item(discount) if discount else None,
        shipping=_shipping(sending) if sending else None,
        checkout=Checkout(**checkout) if checkout else None,
        look_at=row.get("due_at"),
    )


def _shipping(sending: Row) -> Shipping:
    address = sending["address"]
    return Shipping(**sending | {"address": Address(**address) if address else None})
