"""The table of moderation.

``case#{item}#{author}`` / ``{round}``   a case; in the index ``queue`` while somebody has to decide, or what it did is
                                         not carried out: by what it waits for, oldest first
                                         in the index ``against`` by whose the thing is, oldest first
``{cas}`` / ``where``                    where the case of that id is
``reports#{user}`` / ``{item}``          what one person reported: one of each thing, for ever
"""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.moderation.model import Appeal, Case, Decision, Report
from chalicelib.moderation.terms import Waiting
from chalicelib.runtime.tables import Absent, Equals, Item, Key, Operation, Put, Tables

PARTITION: Final = re.compile(r"case#[A-Za-z0-9_-]{1,64}#[A-Za-z0-9_-]{0,64}")
ROUND: Final = re.compile(r"[0-9]{6}")
"""What a place in the queue is made of."""
_ROUND_DIGITS: Final = 6
_QUEUE: Final = "queue"
_AGAINST: Final = "against"
_OWING: Final = "owing"


class Cases:
    """Reads cases and reports, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # cases

    def find(self, case_id: str) -> Case | None:
        """The case, strongly consistent: two reads."""
        where = self._tables.get(self._name, _where_key(case_id))
        item = self._tables.get(self._name, {"pk": where["case"], "sk": where["round"]}) if where else None
        return _case(item) if item else None

    def rounds(self, item: str, author: str, limit: int) -> list[Case]:
        """The newest cases of the thing and whose it is, newest first, strongly consistent."""
        page = self._tables.query(self._name, ("pk", _partition(item, author)), newest_first=True, limit=limit)
        return [_case(each) for each in page.items]

    def add(self, case: Case) -> list[Operation]:
        """Adds it; fails where that round was opened before."""
        where = _where_key(case.id) | {"case": _partition(case.item, case.author), "round": _round(case.round)}
        return [
            Put(self._name, _case_item(case), when=(Absent("pk"),)),
            Put(self._name, where, when=(Absent("pk"),)),
        ]

    def replace(self, case: Case, was: Case) -> Put:
        """Changes it; fails when another write came first."""
        return Put(self._name, _case_item(case), when=(Equals("rev", was.rev),))

    def queue(self, which: Waiting, limit: int, start: Key | None) -> tuple[list[Case], Key | None]:
        """A page of those that wait for it, oldest first: it may be a moment behind, and shorter than ``limit``."""
        page = self._tables.query(self._name, (_QUEUE, which), index=_QUEUE, limit=limit, start=start)
        keys = [{"pk": each["pk"], "sk": each["sk"]} for each in page.items]
        found = [_case(each) for each in self._tables.get_many(self._name, keys) if each] if keys else []
        return [each for each in found if each.state == which], page.next_key

    def owing(self, limit: int, start: Key | None) -> tuple[list[tuple[str, Key]], Key | None]:
        """A page of the cases whose suspension is not carried out: each one's id, and its place in the index."""
        page = self._tables.query(self._name, (_QUEUE, _OWING), index=_QUEUE, limit=limit, start=start)
        found = [(self._tables.get(self._name, {"pk": each["pk"], "sk": each["sk"]}), each) for each in page.items]
        return [(str(item["id"]), key) for item, key in found if item], page.next_key

    def against(self, author: str, limit: int) -> list[Case]:
        """The newest cases about things of that person, newest first: it may be a moment behind."""
        page = self._tables.query(self._name, (_AGAINST, author), index=_AGAINST, newest_first=True, limit=limit)
        keys = [{"pk": each["pk"], "sk": each["sk"]} for each in page.items]
        return [_case(each) for each in self._tables.get_many(self._name, keys) if each] if keys else []

    # reports

    def report(self, user: str, item: str) -> Report | None:
        """What the person reported of the thing, strongly consistent."""
        found = self._tables.get(self._name, _report_key(user, item))
        return _report(found) if found else None

    def reports(self, users: Sequence[str], item: str) -> list[Report]:
        """What these people reported of the thing, in their order; 100 at most."""
        keys = [_report_key(each, item) for each in users]
        return [_report(each) for each in self._tables.get_many(self._name, keys) if each] if keys else []

    def reports_by(self, user: str, limit: int, start: Key | None) -> tuple[list[Report], Key | None]:
        """A page of what the person reported, by the things' ids."""
        page = self._tables.query(self._name, ("pk", f"reports#{user}"), limit=limit, start=start)
        return [_report(each) for each in page.items], page.next_key

    def add_report(self, report: Report) -> Put:
        """Adds it; fails where this person reported this thing before."""
        return Put(self._name, _report_key(report.user, report.item) | asdict(report), when=(Absent("pk"),))


def cases(world: World) -> Cases:
    """The rows of this world."""
    return Cases(world.tables, world.settings.tables.moderation)


def _partition(item: str, author: str) -> str:
    return f"case#{item}#{author}"


def _round(number: int) -> str:
    return f"{number:0{_ROUND_DIGITS}d}"


def _where_key(case_id: str) -> Key:
    return {"pk": case_id, "sk": "where"}


def _report_key(user: str, item: str) -> Key:
    return {"pk": f"reports#{user}", "sk": item}


def _case_item(case: Case) -> Item:
    queue = _OWING if case.owing else case.state if case.waits else None
    key = {"pk": _partition(case.item, case.author), "sk": _round(case.round)}
    listed = {_QUEUE: queue, "reported_at": case.waiting_since} if queue else {}
    whose = {_AGAINST: case.author} if case.author else {}
    return key | listed | whose | asdict(case) | {"reporters": list(case.reporters)}


def _case(item: Item) -> Case:
    told: dict[str, Any] = {name: item[name] for name in Case.__dataclass_fields__}
    nested: dict[str, type[Any]] = {"decision": Decision, "review": Decision, "appeal": Appeal}
    made = {name: kind(**told[name]) if told[name] else None for name, kind in nested.items()}
    return Case(**told | made | {"reporters": tuple(told["reporters"])})


def _report(item: Item) -> Report:
    return Report(**{name: item[name] for name in Report.__dataclass_fields__})
