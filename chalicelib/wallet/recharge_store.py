"""Saved cards and their charges in the table ``wallet``.

``user#{user}`` / ``auto-recharge``     the card of a person, and when it is charged
``recharge#{id}`` / ``recharge``        one charge; in the index ``due`` while it may have to be asked for again
"""

from dataclasses import asdict, replace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.time import MINUTE, Millis
from chalicelib.runtime import due
from chalicelib.runtime.tables import Absent, Clause, Delete, Equals, Key, Put, Tables
from chalicelib.wallet.model.recharge import AutoRecharge, Card, Recharge

KIND: Final = "recharge"
_AGAIN: Final = MINUTE // 2
"""The tick leaves a charge to the clock for so long."""


class Recharges:
    """Reads saved cards and charges, and says which operations would write them: each fails when another came first."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    def of(self, user: str) -> AutoRecharge:
        """The settings of a person, strongly consistent."""
        item = self._tables.get(self._name, _settings(user))
        return _auto_recharge(item) if item else AutoRecharge(user)

    def keep(self, settings: AutoRecharge, was: AutoRecharge) -> Put:
        """Puts ``settings`` in the place of those that were read."""
        item = _settings(settings.user) | asdict(replace(settings, rev=was.rev + 1))
        return Put(self._name, item, _unchanged(was.rev))

    def forget(self, was: AutoRecharge) -> Delete:
        """Takes the settings away."""
        return Delete(self._name, _settings(was.user), _unchanged(was.rev))

    def get(self, recharge: str) -> Recharge | None:
        """The charge, strongly consistent."""
        item = self._tables.get(self._name, _charge(recharge))
        return Recharge(**{name: item[name] for name in Recharge.__dataclass_fields__}) if item else None

    def add(self, recharge: Recharge) -> Put:
        """Adds the charge."""
        return self.replace(recharge, replace(recharge, rev=0))

    def replace(self, recharge: Recharge, was: Recharge) -> Put:
        """Puts the charge in the place of the one that was read."""
        waits = recharge.created_at + _AGAIN if recharge.status == "pending" else None
        item = _charge(recharge.id) | asdict(replace(recharge, rev=was.rev + 1))
        return Put(self._name, item | due.waiting(KIND, recharge.id, waits, self._shards), _unchanged(was.rev))

    def due(self, shard: str, now: Millis, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
        """A page of keys of the charges whose outcome should be known by now. It may be a moment behind."""
        return due.page(self._tables, self._name, KIND, shard, now, limit, start)


def recharges_of(world: World) -> Recharges:
    """The rows of this world."""
    return Recharges(world.tables, world.settings.tables.wallet, world.settings.tick_shards)


def _settings(user: str) -> Key:
    return {"pk": f"user#{user}", "sk": "auto-recharge"}


def _charge(recharge: str) -> Key:
    return {"pk": f"recharge#{recharge}", "sk": "recharge"}


def _auto_recharge(item: dict[str, Any]) -> AutoRecharge:
    known = {name: item[name] for name in AutoRecharge.__dataclass_fields__}
    card = Card(**known["card"]) if known["card"] else None
    return AutoRecharge(**known | {"card": card, "recent": tuple(tuple(each) for each in known["recent"])})


def _unchanged(rev: int) -> tuple[Clause, ...]:
    return (Equals("rev", rev) if rev else Absent("pk"),)
