"""Purchases of coins and the packs, in the table ``wallet``.

``purchase#{store}#{id}`` / ``purchase``                a purchase at an app store, as it was told last
``user#{user}`` / ``coins#{moment}#{store}#{id}``       a person's, also those by Stripe, oldest first
``packs`` / ``packs``                                   the packs, once an admin has changed them
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Absent, Equals, Key, Put, Range, Tables
from chalicelib.wallet.model import packs as packs_model
from chalicelib.wallet.model.packs import Packs
from chalicelib.wallet.model.purchase import Purchase, from_item, to_item
from chalicelib.wallet.store import bought, row

_PACKS: Final[Key] = {"pk": "packs", "sk": "packs"}


class PurchaseRows:
    """What each store told of each purchase."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def get(self, store: str, purchase: str) -> Purchase | None:
        """The purchase, strongly consistent."""
        item = self._tables.get(self._name, _row(store, purchase))
        return from_item(item) if item else None

    def get_many(self, names: Sequence[tuple[str, str]]) -> list[Purchase]:
        """Those of these purchases, ``(store, id)``, 100 at most, that there are."""
        found = self._tables.get_many(self._name, [_row(store, purchase) for store, purchase in names])
        return [from_item(item) for item in found if item]

    def of_user(
        self, user: str, limit: int, start: Key | None, since: Millis = 0
    ) -> tuple[list[tuple[str, str]], Key | None]:
        """A page of a person's purchases of ``since`` or later, newest first: ``(store, id)``."""
        within = Range("sk", f"coins#{since:013d}", "coins#~")
        page = self._tables.query(
            self._name, ("pk", f"user#{user}"), within=within, newest_first=True, limit=limit, start=start
        )
        names = [str(item["sk"]).split("#") for item in page.items]
        return [(store, purchase) for _, _, store, purchase in names], page.next_key

    def replace(self, purchase: Purchase, was: Purchase | None) -> list[Put]:
        """Adds the purchase, also to its person's list, or changes it if nobody did since ``was``."""
        rev = was.rev if was else 0
        item = _row(purchase.store, purchase.id) | to_item(replace(purchase, rev=rev + 1))
        changed = Put(self._name, item, when=(Equals("rev", rev) if rev else Absent("pk"),))
        if was:
            return [changed]
        place = bought(purchase.user, purchase.heard_at, purchase.store, purchase.id)
        return [changed, Put(self._name, place)]


def purchase_rows(world: World) -> PurchaseRows:
    """The rows of this world's purchases."""
    return PurchaseRows(world.tables, world.settings.tables.wallet)


class PackRows:
    """The packs that are sold."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def get(self) -> Packs:
        """As they are now, strongly consistent."""
        item = self._tables.get(self._name, _PACKS)
        return packs_model.from_item(item) if item else packs_model.DEFAULT

    def replace(self, packs: Packs) -> Put:
        """Puts ``packs`` in the place of those with the same rev."""
        item = _PACKS | packs_model.to_item(replace(packs, rev=packs.rev + 1))
        return Put(self._name, item, when=(Equals("rev", packs.rev) if packs.rev else Absent("pk"),))


def pack_rows(world: World) -> PackRows:
    """The rows of this world's packs."""
    return PackRows(world.tables, world.settings.tables.wallet)


def _row(store: str, purchase: str) -> Key:
    return row("purchase", f"{store}#{purchase}")
