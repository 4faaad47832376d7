"""What an order is agreed by beside its products, in the table ``shop``.

``coupon#{what}`` / ``uses``    how often orders used what a limit names: ``promotion#promo_…``, ``coupon#…`` or
                                ``first#{buyer}``; only what has a limit is counted
``shipping`` / ``rates``        the shipping rates, once an admin has changed them
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Final

from chalicelib.gateways import World
from chalicelib.runtime.tables import Absent, Equals, Key, Put, Tables
from chalicelib.shop.model import shipping
from chalicelib.shop.model.discount import Uses
from chalicelib.shop.model.shipping import Rates

_RATES: Final[Key] = {"pk": "shipping", "sk": "rates"}


class Terms:
    """Reads them, and says which operations would write them: each fails when another write came first."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def uses(self, of: str) -> Uses:
        """How often it was used, strongly consistent."""
        item = self._tables.get(self._name, _uses(of))
        return Uses(of, item["credit"], item["stripe"], item["rev"]) if item else Uses(of)

    def count(self, uses: Uses) -> Put:
        """Puts ``uses`` in the place of those with the same rev."""
        told = asdict(replace(uses, rev=uses.rev + 1))
        return Put(self._name, _uses(uses.of) | told, (Equals("rev", uses.rev) if uses.rev else Absent("pk"),))

    def rates(self) -> Rates:
        """As they are now, strongly consistent."""
        item = self._tables.get(self._name, _RATES)
        return shipping.from_item(item) if item else shipping.DEFAULT

    def replace_rates(self, rates: Rates) -> Put:
        """Puts ``rates`` in the place of those with the same rev."""
        item = _RATES | shipping.to_item(replace(rates, rev=rates.rev + 1))
        return Put(self._name, item, (Equals("rev", rates.rev) if rates.rev else Absent("pk"),))


def terms_of(world: World) -> Terms:
    """The rows of this world."""
    return Terms(world.tables, world.settings.tables.shop)


def _uses(of: str) -> Key:
    return {"pk": f"coupon#{of}", "sk": "uses"}
