"""Tables for many steps: as ``MemoryTables``, only quick, watched, and able to fail in the ways that DynamoDB can.

``SwiftTables`` hands out what it holds, uncopied, and finds a chain's entries without looking at the others'; a test
compares it with ``MemoryTables``. Every write that takes effect is shown to a ``Watcher``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Final, Protocol

from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.tables import (
    Check,
    ConditionFailed,
    Contended,
    Item,
    Key,
    Operation,
    Page,
    Put,
    Range,
)
from tests.support.memory import KEYS, MemoryTables, _holds, _key

Change = tuple[str, Item | None, Item | None]
"""Table, the item before, the item after."""


class Watcher(Protocol):
    """Looks at what a write changed, all of it at once."""

    def __call__(self, changes: list[Change]) -> None: ...


class SwiftTables(MemoryTables):
    """``_chains`` holds each account's items in the order in which they were put, which is that of their numbers."""

    def __init__(self, watcher: Watcher | None = None) -> None:
        super().__init__()
        self._watcher = watcher
        self._chains: defaultdict[str, list[Item]] = defaultdict(list)

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        del consistent
        return self.rows[table].get(tuple(key[name] for name in KEYS[table]))

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        return [SwiftTables.get(self, table, key, consistent=consistent) for key in keys]

    def query(
        self,
        table: str,
        partition: tuple[str, str],
        *,
        index: str | None = None,
        within: Range | None = None,
        newest_first: bool = False,
        limit: int = 100,
        start: Key | None = None,
    ) -> Page:
        if table != "ledger" or not partition[1].startswith(("credit:", "coins:", "earnings:", "stream:")):
            return super().query(
                table, partition, index=index, within=within, newest_first=newest_first, limit=limit, start=start
            )
        chain = self._chains[partition[1]]
        first, last = 0, len(chain)
        if within:
            first, last = int(within.low) - 1, int(within.high)
        if start and newest_first:
            last = int(start["seq"]) - 1
        elif start:
            first = int(start["seq"])
        first, last = max(0, first), min(len(chain), last)
        page = chain[max(first, last - limit) : last][::-1] if newest_first else chain[first : min(last, first + limit)]
        more = {"account": partition[1], "seq": page[-1]["seq"]} if last - first > limit else None
        return Page(page, more)

    def write(self, *operations: Operation) -> None:
        failed: dict[int, Item | None] = {}
        changes: list[Change] = []
        keys = [_key(each.table, each.item if isinstance(each, Put) else each.key) for each in operations]
        if len({(each.table, key) for each, key in zip(operations, keys, strict=True)}) < len(operations):
            raise ValueError("multiple operations on one item")
        for place, (operation, key) in enumerate(zip(operations, keys, strict=True)):
            stored = self.rows[operation.table].get(key)
            if not all(_holds(clause, stored) for clause in operation.when):
                failed[place] = stored
            elif not isinstance(operation, Check):
                changes.append((operation.table, stored, operation.item if isinstance(operation, Put) else None))
        if failed:
            only = operations[0]
            if len(operations) == 1 and isinstance(only, Put) and failed[0] == only.item:
                return
            raise ConditionFailed(failed)
        for table, stored, item in changes:
            self._change(table, stored, item)
        if self._watcher:
            self._watcher(changes)

    def _change(self, table: str, stored: Item | None, item: Item | None) -> None:
        if item is not None:
            self.rows[table][_key(table, item)] = item
            if table == "ledger" and stored is None:
                self._chains[item["account"]].append(item)
        elif stored is not None:
            del self.rows[table][_key(table, stored)]


class Crash(BaseException):
    """The function died: nothing in it can catch that."""


_TROUBLE: Final = ("dies", "dies_after", "refused", "unknown", "raced")


def trouble(rng: Random) -> dict[int, str]:
    """A plan for ``FailingTables``: at up to two of the first reads and writes of a call, and often at none."""
    places = rng.choices(range(24), k=rng.choice((0, 0, 1, 2)))
    return {place: rng.choice(_TROUBLE) for place in places}


class FailingTables:
    """Wraps tables for one call. ``plan`` says what happens at which of its reads and writes, counted from 0.

    ``refused``: contended, nothing was written. ``unknown``: written, but the answer was lost. ``dies`` and
    ``dies_after``: the function ends before or after the write. ``raced``: somebody else acts first; so at reads.
    """

    def __init__(self, tables: SwiftTables, plan: dict[int, str], somebody: Callable[[], None]) -> None:
        self._tables = tables
        self._plan = plan
        self._somebody = somebody
        self._count = 0

    def call(self, act: Callable[[World], object], world: World) -> None:
        """A function works on these tables, and may end anywhere."""
        with suppress(Crash, Contended, ConditionFailed, Unavailable):
            act(replace(world, tables=self))

    def _next(self) -> str:
        event = self._plan.get(self._count, "")
        self._count += 1
        if event == "raced":
            self._somebody()
        return event

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        self._next()
        return self._tables.get(table, key, consistent=consistent)

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        self._next()
        return self._tables.get_many(table, keys, consistent=consistent)

    def query(
        self,
        table: str,
        partition: tuple[str, str],
        *,
        index: str | None = None,
        within: Range | None = None,
        newest_first: bool = False,
        limit: int = 100,
        start: Key | None = None,
    ) -> Page:
        self._next()
        return self._tables.query(
            table, partition, index=index, within=within, newest_first=newest_first, limit=limit, start=start
        )

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        return self._tables.scan(table, start=start)

    def write(self, *operations: Operation) -> None:
        event = self._next()
        if event == "dies":
            raise Crash
        if event == "refused":
            raise Contended("TransactionConflict")
        self._tables.write(*operations)
        if event == "dies_after":
            raise Crash
        if event == "unknown":
            raise Contended("ReadTimeout")
