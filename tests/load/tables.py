"""Tables in memory for ten thousand sessions, which count what DynamoDB would charge.

``SwiftTables`` finds a chain's entries at once; here a shard's page is found at once too, so that what is measured is
the tick and not the stand-in. Units follow DynamoDB's rules from the size of the items (a read of 4 KB, a write of
1 KB); the part on the local DynamoDB shows that they agree with what DynamoDB itself says.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from chalicelib.runtime.tables import Item, Key, Operation, Page, Put, Range
from tests.property.tables import SwiftTables

_READ: Final = 4_096
_WRITE: Final = 1_024


class CountedTables(SwiftTables):
    """``requests`` and ``units`` are counted until ``reset``."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()
        self.units: defaultdict[str, float] = defaultdict(float)
        self._shards: dict[str, list[Item]] | None = None

    def reset(self) -> None:
        """Count from nought."""
        self.requests.clear()
        self.units.clear()

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        found = super().get(table, key, consistent=consistent)
        self.requests[f"{table} get"] += 1
        self.units[f"{table} read"] += _units(size_of(found or {}), _READ)
        return found

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        found = super().get_many(table, keys, consistent=consistent)
        self.requests[f"{table} get many"] += 1
        whole = sum(_units(size_of(item or {}), _READ) for item in found)
        self.units[f"{table} read"] += whole if consistent else whole / 2
        return found

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
        if index == "open":
            page = self._page_of_shard(partition[1], limit, start)
        else:
            page = super().query(
                table, partition, index=index, within=within, newest_first=newest_first, limit=limit, start=start
            )
        self.requests[f"{index or table} query"] += 1
        whole = _units(sum(size_of(item) for item in page.items), _READ)
        self.units[f"{index or table} read"] += whole / 2 if index else whole  # an index is read eventually consistent
        return page

    def write(self, *operations: Operation) -> None:
        super().write(*operations)
        twice = 2 if len(operations) > 1 else 1
        for operation in operations:
            self.requests[f"{operation.table} write"] += 1
            if isinstance(operation, Put):
                self.units[f"{operation.table} written"] += twice * _units(size_of(operation.item), _WRITE)
            if operation.table == "sessions":
                self._shards = None

    def _page_of_shard(self, shard: str, limit: int, start: Key | None) -> Page:
        if self._shards is None:
            self._shards = defaultdict(list)
            for _, item in sorted(self.rows["sessions"].items()):
                if item.get("open_shard"):
                    self._shards[item["open_shard"]].append(item)
        listed = self._shards.get(shard, [])
        first = bisect_right(listed, start["pk"], key=lambda item: str(item["pk"])) if start else 0
        page = listed[first : first + limit]
        more = {"open_shard": shard, "pk": page[-1]["pk"]} if first + limit < len(listed) else None
        return Page(list(page), more)


def size_of(value: object) -> int:
    """Bytes of an item as DynamoDB counts them: text in UTF-8, a number by its digits, 3 for a list or a map."""
    match value:
        case bool() | None:
            return 1
        case str():
            return len(value.encode())
        case int():
            return (len(str(abs(value))) + 1) // 2 + 1 + (value < 0)
        case dict():
            return 3 + sum(len(name.encode()) + 1 + size_of(each) for name, each in value.items())
        case list() | tuple():
            return 3 + sum(1 + size_of(each) for each in value)
        case _:
            raise TypeError(type(value).__name__)


def _units(size: int, unit: int) -> int:
    return max(1, -(-size // unit))
