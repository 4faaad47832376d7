"""Rows of payouts. They lie in the wallet table, beside the events of Stripe's that change them.

``payee#{reader}`` / ``payee``                   a reader's account at Stripe, and their next turn in the daily run
``account#{acct}`` / ``account``                 whose account it is
``payout#{id}`` / ``payout``                     a payout
``payouts#{reader}`` / ``{at}#{id}``             the payouts of a reader, in the order in which they were made
``payouts`` / ``freeze``                         why nothing is paid out at present; absent while it is

The index ``due`` lists, by kind (``payee``, ``payout``) and shard, what waits for time.
"""

import re
from dataclasses import asdict, replace
from typing import Any, Final, Literal

from chalicelib.kernel.time import Millis
from chalicelib.payouts.model import Payee, Payout
from chalicelib.runtime import due
from chalicelib.runtime.tables import Absent, Check, Delete, Equals, Item, Key, Operation, Put, Tables

_FREEZE: Final[Key] = {"pk": "payouts", "sk": "freeze"}
_MOMENT_DIGITS: Final = 13
PLACE: Final = re.compile(r"[0-9]{13}#[A-Za-z0-9_]{1,64}")
"""A place in a reader's list of payouts."""

Waiting = Literal["payee", "payout"]


class PayoutRows:
    """Reads payees and payouts, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    # payees

    def payee(self, reader: str) -> Payee | None:
        """The reader's account, strongly consistent."""
        item = self._tables.get(self._name, _row("payee", reader))
        return _payee(item) if item else None

    def owner(self, account: str) -> str | None:
        """Whose account this is, strongly consistent."""
        item = self._tables.get(self._name, _row("account", account))
        return str(item["reader"]) if item else None

    def add_payee(self, payee: Payee) -> tuple[Operation, ...]:
        """Adds the reader's account; fails when they have one."""
        owner = _row("account", payee.account) | {"reader": payee.reader}
        return self.keep_payee(payee), Put(self._name, owner, when=(Absent("pk"),))

    def keep_payee(self, payee: Payee) -> Put:
        """Puts the account in the place of the one with the same rev."""
        raised = replace(payee, rev=payee.rev + 1)
        item = _row("payee", payee.reader) | {
            name: value for name, value in asdict(raised).items() if value is not None
        }
        waiting = due.waiting("payee", payee.reader, payee.due_at, self._shards)
        return Put(self._name, item | waiting, when=_unchanged(payee.rev))

    # payouts

    def payout(self, payout_id: str) -> Payout | None:
        """The payout, strongly consistent."""
        item = self._tables.get(self._name, _row("payout", payout_id))
        return _payout(item) if item else None

    def page_of_reader(self, reader: str, limit: int, after: str | None) -> tuple[list[Payout], str | None]:
        """A page of the reader's payouts, newest first. ``after`` is the place of the last one shown."""
        pk = f"payouts#{reader}"
        page = self._tables.query(
            self._name,
            ("pk", pk),
            newest_first=True,
            limit=limit,
            start={"pk": pk, "sk": after} if after else None,
        )
        places = [str(item["sk"]) for item in page.items]
        rows = self._tables.get_many(self._name, [_row("payout", place.partition("#")[2]) for place in places])
        return [_payout(row) for row in rows if row], places[-1] if page.next_key else None

    def add_payout(self, payout: Payout) -> tuple[Operation, ...]:
        """Adds the payout; fails when it was made before."""
        place = {"pk": f"payouts#{payout.reader}", "sk": f"{payout.created_at:0{_MOMENT_DIGITS}d}#{payout.id}"}
        return self.keep_payout(payout), Put(self._name, place, when=(Absent("pk"),))

    def keep_payout(self, payout: Payout) -> Put:
        """Puts the payout in the place of the one with the same rev."""
        raised = replace(payout, rev=payout.rev + 1)
        item = _row("payout", payout.id) | {name: value for name, value in asdict(raised).items() if value is not None}
        waiting = due.waiting("payout", payout.id, payout.due_at, self._shards)
        return Put(self._name, item | waiting, when=_unchanged(payout.rev))

    # what waits

    def due(
        self, kind: Waiting, shard: str, until: Millis, limit: int, start: Key | None
    ) -> tuple[list[Key], Key | None]:
        """A page of keys of what waits for a moment up to ``until``, longest ago first. It may be a moment behind."""
        return due.page(self._tables, self._name, kind, shard, until, limit, start)

    # the freeze

    def freeze(self) -> Item | None:
        """Why nothing is paid out: ``{reason, by, at}``; None while it is."""
        return self._tables.get(self._name, _FREEZE)

    def put_freeze(self, reason: str, by: str, at: Millis) -> Put:
        """Stops payouts; fails where they are stopped."""
        return Put(self._name, _FREEZE | {"reason": reason, "by": by, "at": at}, when=(Absent("pk"),))

    def lift_freeze(self, frozen: Item) -> Delete:
        """Lets payouts go on; fails where this freeze is no longer the one."""
        return Delete(self._name, _FREEZE, when=(Equals("at", frozen["at"]),))

    def not_frozen(self) -> Check:
        """Fails while payouts are stopped."""
        return Check(self._name, _FREEZE, when=(Absent("pk"),))


def _row(kind: str, thing: str) -> Key:
    return {"pk": f"{kind}#{thing}", "sk": kind}


def _unchanged(rev: int) -> tuple[Absent | Equals]:
    return (Equals("rev", rev) if rev else Absent("pk"),)


def _payee(item: dict[str, Any]) -> Payee:
    known = {name: item[name] for name in Payee.__dataclass_fields__ if name in item}
    return Payee(**known | {"requirements": tuple(item["requirements"])})


def _payout(item: dict[str, Any]) -> Payout:
    return Payout(**{name: item[name] for name in Payout.__dataclass_fields__ if name in item})
