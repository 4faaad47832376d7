"""Storage as the money path sees it: conditional writes and transactions on items of plain values.

An operation names its table, its item and the clauses that must hold; ``write`` carries out one as a
plain conditional write and several as one transaction. The vocabulary is small on purpose: a table held in
memory can mean exactly the same, so the tests drive the real services without a database.

Items hold ``str``, ``int``, ``bool``, ``None``, lists and dicts of these. Floats are refused: money is exact.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime import metrics
from chalicelib.runtime.aws import is_passing_fault

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
Key = dict[str, Any]
Advance = Callable[[int], object]
"""Hears how many more are done of a long work: rows that were read, things that were copied."""

MOST_OPERATIONS: Final = 100
"""What one DynamoDB transaction takes."""
MOST_KEYS: Final = 100
"""What one ``get_many`` takes."""
_BATCHES: Final = 5
"""Requests for one ``get_many``: DynamoDB may leave keys for the next."""
_FIRST_PAUSE: Final = 0.02
"""Seconds at most before the second of them; each further one may wait twice as long."""


@dataclass(frozen=True, slots=True)
class Absent:
    """No item has this key. ``name`` is the table's partition key, which every item has."""

    name: str


@dataclass(frozen=True, slots=True)
class Equals:
    """The stored item has this value in this attribute."""

    name: str
    value: str | int


Clause = Absent | Equals


@dataclass(frozen=True, slots=True)
class Put:
    """Store the item whole, in place of what was there, if every clause holds."""

    table: str
    item: Item
    when: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item, if every clause holds."""

    table: str
    key: Key
    when: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing; fail the transaction unless every clause holds."""

    table: str
    key: Key
    when: tuple[Clause, ...]


Operation = Put | Delete | Check


@dataclass(frozen=True, slots=True)
class Page:
    """``next_key`` starts the following page; None on the last."""

    items: list[Item]
    next_key: Key | None


@dataclass(frozen=True, slots=True)
class Range:
    """Sort keys from ``low`` to ``high``, both included."""

    name: str
    low: str | int
    high: str | int


MOST_PAGES: Final = 1_000_000
"""Of a whole table, each of a megabyte."""


class ConditionFailed(Exception):
    """A clause did not hold; nothing was written. ``found[i]`` is what operation *i* met, if it failed."""

    def __init__(self, found: dict[int, Item | None]) -> None:
        super().__init__(f"condition failed on operations {sorted(found)}")
        self.found = found


class Contended(Exception):
    """Storage was too busy or too slow to say that it wrote. Whether it did is unknown: read again."""


class Tables(Protocol):
    """What a service may ask of storage."""

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        """The item, or None. Strongly consistent unless told otherwise."""

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        """The item of each key, or None, in the order of the keys: at most 100, no two alike. Raises Contended.

        Each is read by itself: together they are no snapshot.
        """

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
        """One page of a partition in sort-key order; strongly consistent except on an index."""

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        """One page of the whole table, in no order: for reconciliation and the command line, never for a request."""

    def write(self, *operations: Operation) -> None:
        """All or nothing. Raises ConditionFailed, or Contended where the outcome is unknown."""


def pages(
    tables: Tables, table: str, advance: Advance = lambda _: None, most: int = MOST_PAGES
) -> Iterator[list[Item]]:
    """A whole table, page by page, in no order: for the command line, never for a request.

    Raises Unavailable beyond ``most`` pages.
    """
    start: Key | None = None
    for _ in range(most):
        page = tables.scan(table, start=start)
        yield page.items
        advance(len(page.items))
        start = page.next_key
        if start is None:
            return
    raise Unavailable("There is too much to read at once.")


def whole(tables: Tables, table: str, advance: Advance = lambda _: None, most: int = MOST_PAGES) -> Iterator[Item]:
    """The same, row by row."""
    return chain.from_iterable(pages(tables, table, advance, most))


class DynamoTables:
    """``Tables`` over DynamoDB's low-level client, so that reasons come back in the order of the operations."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        with _mapped_errors():
            answer = self._client.get_item(TableName=table, Key=_marshalled(key), ConsistentRead=consistent)
        return _unmarshalled(answer["Item"]) if "Item" in answer else None

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        check_keys(keys)
        found: list[Item] = []
        left: Any = [_marshalled(key) for key in keys]
        for tried in range(_BATCHES if left else 0):
            if tried:
                time.sleep(random.uniform(0, _FIRST_PAUSE * 2**tried))  # noqa: S311 - spreads retries, guards nothing
            with _mapped_errors():
                answer: Any = self._client.batch_get_item(
                    RequestItems={table: {"Keys": left, "ConsistentRead": consistent}}
                )
            found += [_unmarshalled(item) for item in answer["Responses"].get(table, [])]
            left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if not left:
                break
        if left:
            raise Contended("UnprocessedKeys")
        names = tuple(keys[0]) if keys else ()
        by_key = {tuple(item[name] for name in names): item for item in found}
        return [by_key.get(tuple(key[name] for name in names)) for key in keys]

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
        names = {"#p": partition[0]}
        values = {":p": _value(partition[1])}
        condition = "#p = :p"
        if within:
            names["#s"] = within.name
            values |= {":low": _value(within.low), ":high": _value(within.high)}
            condition += " AND #s BETWEEN :low AND :high"
        request: dict[str, Any] = {
            "TableName": table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
            "Limit": limit,
        }
        if index:
            request["IndexName"] = index
        else:
            request["ConsistentRead"] = True
        if start:
            request["ExclusiveStartKey"] = _marshalled(start)
        with _mapped_errors():
            return _page(self._client.query(**request))

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        begin: dict[str, Any] = {"ExclusiveStartKey": _marshalled(start)} if start else {}
        with _mapped_errors():
            return _page(self._client.scan(TableName=table, ConsistentRead=True, **begin))

    def write(self, *operations: Operation) -> None:
        if not 1 <= len(operations) <= MOST_OPERATIONS:
            raise ValueError(f"a write takes 1 to {MOST_OPERATIONS} operations, not {len(operations)}")
        if len(operations) == 1 and not isinstance(operations[0], Check):
            self._write_one(operations[0])
        else:
            with _mapped_errors():
                self._client.transact_write_items(TransactItems=[_rendered(each) for each in operations])

    def _write_one(self, operation: Put | Delete) -> None:
        kind, request = next(iter(_rendered(operation).items()))
        try:
            with _mapped_errors():
                if kind == "Put":
                    self._client.put_item(**request)
                else:
                    self._client.delete_item(**request)
        except ConditionFailed as failed:
            # The client retries a request whose answer was lost. What it then meets is its own item: done.
            if not (isinstance(operation, Put) and failed.found[0] == operation.item):
                raise


def check_keys(keys: Sequence[Key]) -> None:
    """Raises ValueError for keys that no ``get_many`` takes."""
    if len(keys) > MOST_KEYS:
        raise ValueError(f"a read takes at most {MOST_KEYS} keys, not {len(keys)}")
    if any(key in keys[:place] for place, key in enumerate(keys)):
        raise ValueError("one key is asked for twice")


class _mapped_errors:  # noqa: N801 - reads as the verb it is: ``with _mapped_errors():``
    """Turn botocore's failures into ConditionFailed and Contended; let others (a bug, a denial) through."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        from botocore.exceptions import ClientError

        if is_passing_fault(error):
            metrics.add(StorageContended=1)
            raise Contended(type(error).__name__) from error
        if not isinstance(error, ClientError):
            return
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            found: Any = error.response.get("Item")
            raise ConditionFailed({0: _unmarshalled(found) if found else None}) from None
        if code == "TransactionCanceledException":
            raise _cancelled(error.response.get("CancellationReasons", [])) from None


def _cancelled(reasons: Sequence[Any]) -> Exception:
    """A clause that failed decides; a transaction cancelled only by contention may be tried again."""
    failed = {
        place: _unmarshalled(reason["Item"]) if reason.get("Item") else None
        for place, reason in enumerate(reasons)
        if reason["Code"] == "ConditionalCheckFailed"
    }
    if failed:
        return ConditionFailed(failed)
    codes = sorted({reason["Code"] for reason in reasons} - {"None"})
    if "ValidationError" in codes or "ItemCollectionSizeLimitExceeded" in codes:
        return ValueError(f"the transaction was refused: {codes}")
    metrics.add(StorageContended=1)
    return Contended(", ".join(codes))


def _page(answer: Any) -> Page:
    last = answer.get("LastEvaluatedKey")
    return Page([_unmarshalled(item) for item in answer["Items"]], _unmarshalled(last) if last else None)


def _rendered(operation: Operation) -> Any:
    if isinstance(operation, Put):
        kind, request = "Put", {"TableName": operation.table, "Item": _marshalled(operation.item)}
    else:
        kind = "Delete" if isinstance(operation, Delete) else "ConditionCheck"
        request = {"TableName": operation.table, "Key": _marshalled(operation.key)}
    if operation.when:
        request |= _condition(operation.when)
    return {kind: request}


def _condition(clauses: tuple[Clause, ...]) -> dict[str, Any]:
    """Every name is a placeholder: ``at``, ``hash``, ``counter`` and ``state`` are reserved words."""
    parts = []
    values = {}
    for place, clause in enumerate(clauses):
        if isinstance(clause, Absent):
            parts.append(f"attribute_not_exists(#c{place})")
        else:
            parts.append(f"#c{place} = :c{place}")
            values[f":c{place}"] = _value(clause.value)
    condition: dict[str, Any] = {
        "ConditionExpression": " AND ".join(parts),
        "ExpressionAttributeNames": {f"#c{place}": clause.name for place, clause in enumerate(clauses)},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if values:
        condition["ExpressionAttributeValues"] = values
    return condition


def _marshalled(item: Item) -> dict[str, Any]:
    return {name: _value(value) for name, value in item.items()}


def _value(value: object) -> Any:
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case dict():
            return {"M": _marshalled(value)}
        case list() | tuple():
            return {"L": [_value(each) for each in value]}
        case _:
            raise TypeError(f"an item cannot hold {type(value).__name__}")


def item_of(image: Any) -> Item:
    """The item of a stream record's image."""
    return _unmarshalled(image)


def _unmarshalled(item: Any) -> Item:
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return int(content)
        case "NULL":
            return None
        case "M":
            return _unmarshalled(content)
        case "L":
            return [_plain(each) for each in content]
        case _:
            raise TypeError(f"an item of ours never holds {kind}")
