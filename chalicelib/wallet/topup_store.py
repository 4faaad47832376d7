"""Top-ups in the table ``wallet``.

``topup#{id}`` / ``topup``
``user#{user}`` / ``open-pages``     what somebody with limits may yet pay on pages that are open
"""

from dataclasses import asdict
from typing import Any

from chalicelib.runtime.tables import Absent, Equals, Key, Put, Tables
from chalicelib.wallet.model.held_page import HeldPage, HeldPages
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

    def held_pages(self, user: str) -> HeldPages:
        """The pages that ``user`` may have open, strongly consistent."""
        item = self._tables.get(self._name, _held(user))
        return HeldPages(tuple(HeldPage(*each) for each in item["pages"]), item["rev"]) if item else HeldPages()

    def hold_pages(self, user: str, held: HeldPages) -> Put:
        """Puts ``held`` in the place of those with the same rev."""
        pages = [[each.id, each.cents, each.ends] for each in held.pages]
        unchanged = Equals("rev", held.rev) if held.rev else Absent("pk")
        return Put(self._name, _held(user) | {"pages": pages, "rev": held.rev + 1}, when=(unchanged,))


def _held(user: str) -> Key:
    return {"pk": f"user#{user}", "sk": "open-pages"}


def _topup_item(topup: TopUp) -> dict[str, Any]:
    return row("topup", topup.id) | asdict(topup)


def _topup(item: dict[str, Any]) -> TopUp:
    return TopUp(**{name: item[name] for name in TopUp.__dataclass_fields__ if name in item})
