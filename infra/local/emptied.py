"""All tables of a stack emptied, past the program: what a rehearsal of a restore does first."""

import itertools
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from scripts.backup.export import scanned

_A_BATCH: Final = 25
_AT_ONCE: Final = 4

Rows = dict[str, dict[str, Any]]
"""The items of a table by their keys, as DynamoDB speaks."""


def look(dynamodb: Any, tables: Iterable[str]) -> dict[str, Rows]:
    """All that is in these tables."""

    def rows(table: str) -> Rows:
        names = _key_names(dynamodb, table)
        return {json.dumps([item[name] for name in names]): item for item in _items(dynamodb, table)}

    tables = list(tables)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(tables, pool.map(rows, tables), strict=True))


def empty(dynamodb: Any, tables: Iterable[str]) -> int:
    """Remove every item of these tables; how many there were."""

    def emptied(table: str) -> int:
        names, count = _key_names(dynamodb, table), 0
        for some in _batches(list(_items(dynamodb, table))):
            requests = [{"DeleteRequest": {"Key": {name: item[name] for name in names}}} for item in some]
            dynamodb.batch_write_item(RequestItems={table: requests})
            count += len(some)
        return count

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(emptied, tables))


def _key_names(dynamodb: Any, table: str) -> list[str]:
    return [each["AttributeName"] for each in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]


def _items(dynamodb: Any, table: str) -> Iterator[dict[str, Any]]:
    for told in scanned(dynamodb, table):
        yield from told["Items"]


def _batches(items: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(items)
    while some := list(itertools.islice(iterator, _A_BATCH)):
        yield some
