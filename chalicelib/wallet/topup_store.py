"""Top-ups in the table ``wallet``: ``topup#{id}`` / ``topup``."""

from dataclasses import asdict
from typing import Any

from chalicelib.runtime.tables import Absent, Equals, Put, Tables
from chalicelib.wallet.model.topup import TopUp
from chalicelib.wallet.store import row


class TopUps:
    """Top-ups, in the ``wallet`` table."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def get(self, topup: str) -> TopUp | None:
        """The top-up, strongly consistent."""
        item = self._tables.get(self._name, row("topup", topup))
        return _topup(item) if item else None

    def create(self, topup: TopUp) -> Put:
        """Adds the top-up; fails when it exists."""
        return Put(self._name, _topup_item(topup), when=(Absent("pk"),))

    def replace(self, topup: TopUp, was: TopUp) -> Put:
        """Changes the top-up; fails when its status is no longer what it was."""
        return Put(self._name, _topup_item(topup), when=(Equals("status", was.status),))


def _topup_item(topup: TopUp) -> dict[str, Any]:
    return row("topup", topup.id) | asdict(topup)


def _topup(item: dict[str, Any]) -> TopUp:
    return TopUp(**{name: item[name] for name in TopUp.__dataclass_fields__ if name in item})
