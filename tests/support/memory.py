"""Tables held in memory that mean exactly what ``runtime.tables`` says. They pass the same store tests as DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from chalicelib.runtime.tables import (
    MOST_OPERATIONS,
    Absent,
    Clause,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Operation,
    Page,
    Put,
    Range,
    _marshalled,
    _unmarshalled,
    check_keys,
)

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "ledger": ("account", "seq"),
    "wallet": ("pk", "sk"),
    "sessions": ("pk",),
    "accounts": ("pk", "sk"),
    "readers": ("pk", "sk"),
    "scheduling": ("pk", "sk"),
    "live": ("pk", "sk"),
    "messaging": ("pk", "sk"),
    "community": ("pk", "sk"),
    "moderation": ("pk", "sk"),
    "shop": ("pk", "sk"),
    "rollups": ("pk", "sk"),
    "notices": ("pk", "sk"),
    "inbox": ("pk", "sk"),
    "limits": ("pk",),
    "audit": ("pk", "sk"),
    "idempotency": ("id",),
}
INDEXES: Final[dict[str, tuple[str, str]]] = {
    "open": ("open_shard", "pk"),
    "by_client": ("client", "created_at"),
    "by_reader": ("reader", "created_at"),
    "by_name": ("pk", "by_name"),
    "by_rating": ("pk", "by_rating"),
    "by_rate": ("pk", "by_rate"),
    "by_text_rate": ("pk", "by_text_rate"),
    "by_voice_rate": ("pk", "by_voice_rate"),
    "by_video_rate": ("pk", "by_video_rate"),
    "pending": ("pending", "asked_at"),
    "due": ("due_shard", "due_at"),
    "listed": ("listing", "listed_at"),
    "leaders": ("pk", "total"),
    "client_recent": ("client", "recent_at"),
    "reader_recent": ("reader", "recent_at"),
    "in_category": ("category", "active_at"),
    "by_author": ("author", "written_at"),
    "queue": ("queue", "reported_at"),
    "against": ("against", "opened_at"),
    "on_sale": ("listing", "listed_at"),
    "of_seller": ("seller", "created_at"),
    "of_buyer": ("buyer", "created_at"),
    "to_ship": ("shipping", "paid_at"),
    "noted": ("noted_by", "at"),
    "waiting": ("waits", "created_at"),
}
KEYS_ONLY: Final = frozenset(
    {
        "by_client",
        "by_reader",
        "due",
        "listed",
        "client_recent",
        "reader_recent",
        "in_category",
        "by_author",
        "queue",
        "against",
        "on_sale",
        "of_seller",
        "of_buyer",
        "to_ship",
        "noted",
        "waiting",
    }
)
"""Indexes that hold nothing but the keys of the row and their own."""


class MemoryTables:
    """One dict a table, by primary key."""

    witness: ClassVar[Callable[[str, Item], None] | None] = None
    """Told of every row that any of them is given: see tests/support/rows_seen.py."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[Any, ...], Item]] = {table: {} for table in KEYS}

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        del consistent
        found = self.rows[table].get(_key(table, key))
        return found if found is None else _copied(found)

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        check_keys(keys)
        return [MemoryTables.get(self, table, key, consistent=consistent) for key in keys]

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
        names = INDEXES[index] if index else KEYS[table]
        name, value = partition
        if name != names[0]:
            raise ValueError(f"{name} is not the partition key")

        def place(item: Item) -> tuple[Any, ...]:
            return item[names[-1]], _key(table, item)

        found = [item for item in self.rows[table].values() if item.get(name) == value and names[-1] in item]
        if within:
            low: Any = within.low
            if low > within.high:
                raise ValueError("a range must not run backwards")
            found = [item for item in found if low <= item[within.name] <= within.high]
        if start:
            after = place(start)
            found = [item for item in found if (place(item) < after if newest_first else place(item) > after)]
        found.sort(key=place, reverse=newest_first)
        page = found[:limit]
        keys = (*KEYS[table], *names)
        if index in KEYS_ONLY:
            page = [{each: item[each] for each in keys} for item in page]
        more = {each: page[-1][each] for each in keys} if len(found) > limit else None
        return Page([_copied(item) for item in page], more)

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        del start
        return Page([_copied(item) for item in self.rows[table].values()], None)

    def write(self, *operations: Operation) -> None:
        if not 1 <= len(operations) <= MOST_OPERATIONS:
            raise ValueError(f"a write takes 1 to {MOST_OPERATIONS} operations, not {len(operations)}")
        keys = [_key(each.table, each.item if isinstance(each, Put) else each.key) for each in operations]
        if len({(each.table, key) for each, key in zip(operations, keys, strict=True)}) < len(operations):
            raise ValueError("multiple operations on one item")
        failed: dict[int, Item | None] = {}
        for place, (operation, key) in enumerate(zip(operations, keys, strict=True)):
            stored = self.rows[operation.table].get(key)
            if not all(_holds(clause, stored) for clause in operation.when):
                failed[place] = stored if stored is None else _copied(stored)
        if failed:
            only = operations[0]
            if len(operations) == 1 and isinstance(only, Put) and failed[0] == only.item:
                return
            raise ConditionFailed(failed)
        writing = [_copied(each.item) if isinstance(each, Put) else {} for each in operations]
        for operation, key, item in zip(operations, keys, writing, strict=True):
            if isinstance(operation, Put):
                self._put(operation.table, key, item)
            elif isinstance(operation, Delete):
                self.rows[operation.table].pop(key, None)

    def _put(self, table: str, key: tuple[Any, ...], item: Item) -> None:
        self.rows[table][key] = item
        if MemoryTables.witness:
            MemoryTables.witness(table, item)


def _key(table: str, item: Item) -> tuple[Any, ...]:
    key = tuple(item[name] for name in KEYS[table])
    if "" in key:
        raise ValueError("a key cannot be an empty string")
    return key


def _holds(clause: Clause, stored: Item | None) -> bool:
    if isinstance(clause, Absent):
        return stored is None
    return stored is not None and clause.name in stored and stored[clause.name] == clause.value


def _copied(item: Item) -> Item:
    """The item as DynamoDB would give it back; what it cannot hold is refused as there."""
    return _unmarshalled(_marshalled(item))
