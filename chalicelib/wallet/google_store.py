"""What we keep of Google Play in the table ``wallet``.

``google#{id}`` / ``google``      a purchase by its token; in the index ``due`` while it is to be consumed
``voided#google`` / ``voided``    how far Google's list of what was voided was looked through; always in the index
"""

from dataclasses import asdict, replace
from typing import Final

from chalicelib.kernel.time import Millis
from chalicelib.runtime import due
from chalicelib.runtime.tables import Absent, Clause, Equals, Key, Put, Tables
from chalicelib.wallet.model.google import STORE, Look, Order
from chalicelib.wallet.store import row

KIND: Final = "purchase"
VOIDED: Final = "voided"


class Orders:
    """Reads what is kept, and says which operations would write it: each fails when another writer came first."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    def get(self, order: str) -> Order | None:
        """The order, strongly consistent."""
        item = self._tables.get(self._name, row(STORE, order))
        return Order(**{name: item[name] for name in Order.__dataclass_fields__}) if item else None

    def replace(self, order: Order, was: Order | None) -> Put:
        """Puts the order in the place of the one that was read."""
        rev = was.rev if was else 0
        item = row(STORE, order.id) | asdict(replace(order, rev=rev + 1))
        return Put(self._name, item | due.waiting(KIND, order.id, order.look_at, self._shards), _unchanged(rev))

    def look(self) -> Look | None:
        """The last look, or the one that goes on; None before the first purchase."""
        item = self._tables.get(self._name, row(VOIDED, STORE))
        return Look(**{name: item[name] for name in Look.__dataclass_fields__}) if item else None

    def keep_look(self, look: Look) -> Put:
        """Puts the look in the place of the one with the same rev."""
        item = row(VOIDED, STORE) | asdict(replace(look, rev=look.rev + 1))
        return Put(self._name, item | due.waiting(VOIDED, STORE, look.look_at, self._shards), _unchanged(look.rev))

    def due(
        self, kind: str, shard: str, now: Millis, limit: int, start: Key | None
    ) -> tuple[list[tuple[str, Key]], Key | None]:
        """A page of ids of that kind that are to be looked at by ``now``, with their places in the index."""
        keys, following = due.page(self._tables, self._name, kind, shard, now, limit, start)
        return [(key["pk"].partition("#")[2], key) for key in keys], following


def _unchanged(rev: int) -> tuple[Clause, ...]:
    return (Equals("rev", rev) if rev else Absent("pk"),)
