"""Rows of adjustments, in the table ``wallet``.

``adjustment#{id}`` / ``adjustment``     one of them
``adjustments`` / ``{asked_at}#{id}``    all of them, in the order in which they were asked for
``alone#{whom}`` / ``alone``             what was done alone of late, by an operator or with a person's money
"""

from dataclasses import asdict, replace
from typing import Any, Final

from chalicelib.kernel.ids import derived_id
from chalicelib.operations.model.adjustment import Adjustment, Tally
from chalicelib.operations.model.operator import person
from chalicelib.runtime.tables import Absent, Delete, Equals, Item, Key, Operation, Put, Tables

_ALL: Final = "adjustments"
_MOMENT_DIGITS: Final = 13


class Adjustments:
    """Reads adjustments and tallies, and says which operations would write them: each fails when another came first."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def get(self, adjustment: str) -> Adjustment | None:
        """The adjustment, strongly consistent."""
        item = self._tables.get(self._name, _row(adjustment))
        return _adjustment(item) if item else None

    def page(self, limit: int, start: Key | None) -> tuple[list[Adjustment], Key | None]:
        """A page of all of them, newest first."""
        page = self._tables.query(self._name, ("pk", _ALL), newest_first=True, limit=limit, start=start)
        keys = [_row(str(item["sk"]).partition("#")[2]) for item in page.items]
        return [_adjustment(row) for row in self._tables.get_many(self._name, keys) if row], page.next_key

    def add(self, adjustment: Adjustment, was: Adjustment | None) -> list[Operation]:
        """Adds the adjustment, or puts it in the place of the one there ``was``."""
        operations: list[Operation] = [self.keep(adjustment), Put(self._name, _place(adjustment))]
        if was and _place(was) != _place(adjustment):
            operations.append(Delete(self._name, _place(was)))
        return operations

    def keep(self, adjustment: Adjustment) -> Put:
        """Puts the adjustment in the place of the one with the same rev."""
        raised = replace(adjustment, rev=adjustment.rev + 1)
        told = {name: value for name, value in asdict(raised).items() if value is not None}
        return Put(self._name, _row(adjustment.id) | told | {"others": list(raised.others)}, _unchanged(adjustment.rev))

    def tally(self, whom: str) -> Tally:
        """What was done alone of late, strongly consistent, by whom ``by_operator`` names, or with a person's money."""
        item = self._tables.get(self._name, _tally_row(whom))
        return Tally(tuple((at, worth) for at, worth in item["acts"]), item["rev"]) if item else Tally()

    def keep_tally(self, whom: str, tally: Tally) -> Put:
        """Puts the tally in the place of the one with the same rev."""
        acts = [list(act) for act in tally.acts]
        return Put(self._name, _tally_row(whom) | {"acts": acts, "rev": tally.rev + 1}, _unchanged(tally.rev))


def by_operator(arn: str) -> str:
    """Where the acts of who is behind that identity are added up."""
    return derived_id("opr", person(arn))


def _row(adjustment: str) -> Key:
    return {"pk": f"adjustment#{adjustment}", "sk": "adjustment"}


def _place(adjustment: Adjustment) -> Key:
    return {"pk": _ALL, "sk": f"{adjustment.asked_at:0{_MOMENT_DIGITS}d}#{adjustment.id}"}


def _tally_row(whom: str) -> Key:
    return {"pk": f"alone#{whom}", "sk": "alone"}


def _unchanged(rev: int) -> tuple[Absent | Equals]:
    return (Equals("rev", rev) if rev else Absent("pk"),)


def _adjustment(item: Item) -> Adjustment:
    known: dict[str, Any] = {name: item[name] for name in Adjustment.__dataclass_fields__ if name in item}
    return Adjustment(**known | {"others": tuple(item["others"])})
