"""DynamoDB's protocol over tables in memory, behind a real botocore client: nothing listens, a hook answers.

It understands what ``DynamoTables`` sends, and passes the same store tests as DynamoDB (``tests/integration``).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.retries import standard
from botocore.session import get_session

from chalicelib.runtime.tables import (
    Absent,
    Check,
    Clause,
    ConditionFailed,
    Delete,
    DynamoTables,
    Equals,
    Item,
    Key,
    Operation,
    Page,
    Put,
    Range,
    _marshalled,
    _plain,
    _unmarshalled,
)
from tests.property.tables import SwiftTables
from tests.soak.storage import Shelf, Trouble
from tests.support.memory import _holds

_ATTEMPTS: Final = 3
_KINDS: Final = {"Put": Put, "Delete": Delete, "ConditionCheck": Check}


class Wire:
    """A botocore client on ``tables``. ``trouble`` is that of the call which is under way."""

    def __init__(self, tables: SwiftTables) -> None:
        self.trouble: Trouble | None = None
        self._tables = tables
        self._done: set[str] = set()
        """Tokens of the transactions that took effect: a client repeats one whose answer it did not get."""
        self.client = _client()
        self.client.meta.events.register_first("before-send.dynamodb", self._sent)
        self.client.meta.events.unregister("needs-retry.dynamodb", unique_id="retry-config-dynamodb")
        self._retries = standard.register_retry_handler(self.client, _ATTEMPTS)
        self.client.meta.events.unregister("needs-retry.dynamodb", unique_id="retry-config-dynamodb")
        self.client.meta.events.register("needs-retry.dynamodb", self._tried)

    def _tried(self, **told: Any) -> float | None:
        """The client's own decision to try again; it waits in virtual time."""
        seconds = self._retries.needs_retry(**told)
        if seconds is None:
            return None
        if self.trouble:
            trouble = self.trouble
            trouble.take(round(seconds * 1_000))
            self.trouble = trouble
        return 0

    def _sent(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent: Any = request
        operation = sent.headers["X-Amz-Target"].decode().rpartition(".")[2]
        body = json.loads(sent.body)

        def effect() -> AWSResponse:
            return _response(request.url, *self._answered(operation, body))

        trouble = self.trouble
        if trouble is None:
            return effect()
        try:
            return trouble.around(operation, effect, lambda kind: _refusal(request.url, operation, body, kind))
        finally:
            self.trouble = trouble  # another call may have come in between

    def _answered(self, operation: str, body: Any) -> tuple[int, Any]:
        match operation:
            case "GetItem":
                item = self._tables.get(body["TableName"], _unmarshalled(body["Key"]))
                return 200, {"Item": _marshalled(item)} if item is not None else {}
            case "BatchGetItem":
                ((table, asked),) = body["RequestItems"].items()
                items = self._tables.get_many(table, [_unmarshalled(key) for key in asked["Keys"]])
                return 200, {"Responses": {table: [_marshalled(item) for item in items if item is not None]}}
            case "Query":
                return 200, _rendered(self._query(body))
            case "Scan":
                return 200, _rendered(self._tables.scan(body["TableName"]))
            case "PutItem" | "DeleteItem":
                return self._written(_operation(operation.removesuffix("Item"), body))
            case "TransactWriteItems":
                return self._transacted(body)
        return _error("UnknownOperationException", operation)

    def _query(self, body: Any) -> Page:
        names, values = body["ExpressionAttributeNames"], body["ExpressionAttributeValues"]
        ranged = "#s" in names
        assert body["KeyConditionExpression"] == "#p = :p" + (" AND #s BETWEEN :low AND :high" if ranged else "")
        tables: SwiftTables = self._tables
        if body.get("IndexName") == "open" and isinstance(tables, Shelf) and self.trouble:
            tables = tables.old() if self.trouble.reads_old_page() else tables
        start = body.get("ExclusiveStartKey")
        return tables.query(
            body["TableName"],
            (names["#p"], _plain(values[":p"])),
            index=body.get("IndexName"),
            within=Range(names["#s"], _plain(values[":low"]), _plain(values[":high"])) if ranged else None,
            newest_first=not body["ScanIndexForward"],
            limit=body["Limit"],
            start=_unmarshalled(start) if start else None,
        )

    def _written(self, operation: Put | Delete) -> tuple[int, Any]:
        named = operation.item if isinstance(operation, Put) else operation.key
        stored = self._tables.get(operation.table, named)
        if not all(_holds(clause, stored) for clause in operation.when):
            return _error("ConditionalCheckFailedException", "no", **_found(stored))
        self._tables.write(operation)
        return 200, {}

    def _transacted(self, body: Any) -> tuple[int, Any]:
        if body["ClientRequestToken"] in self._done:
            return 200, {}
        operations = [_operation(kind, told) for each in body["TransactItems"] for kind, told in each.items()]
        try:
            self._tables.write(*operations)
        except ConditionFailed as failed:
            reasons = [
                {"Code": "ConditionalCheckFailed", "Message": "no", **_found(failed.found[place])}
                if place in failed.found
                else {"Code": "None"}
                for place in range(len(operations))
            ]
            return _error("TransactionCanceledException", "no", CancellationReasons=reasons)
        except ValueError as error:
            return _error("ValidationException", str(error))
        self._done.add(body["ClientRequestToken"])
        return 200, {}


class WiredStorage(DynamoTables):
    """``DynamoTables`` for one call, on the wire's client."""

    def __init__(self, wire: Wire, trouble: Trouble) -> None:
        super().__init__(wire.client)
        self._wire = wire
        self._trouble = trouble

    @contextmanager
    def _calling(self) -> Iterator[None]:
        before, self._wire.trouble = self._wire.trouble, self._trouble
        try:
            yield
        finally:
            self._wire.trouble = before

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        with self._calling():
            return super().get(table, key, consistent=consistent)

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        with self._calling():
            return super().get_many(table, keys, consistent=consistent)

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
        with self._calling():
            return super().query(
                table, partition, index=index, within=within, newest_first=newest_first, limit=limit, start=start
            )

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        with self._calling():
            return super().scan(table, start=start)

    def write(self, *operations: Operation) -> None:
        with self._calling():
            super().write(*operations)


def _client() -> Any:
    """The product's, but for the address, which nobody listens at."""
    return get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url="http://dynamodb.invalid",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": _ATTEMPTS}),
    )


def _operation(kind: str, told: Any) -> Any:
    thing = _unmarshalled(told["Item" if kind == "Put" else "Key"])
    return _KINDS[kind](told["TableName"], thing, _clauses(told))


def _clauses(told: Any) -> tuple[Clause, ...]:
    names, values = told.get("ExpressionAttributeNames", {}), told.get("ExpressionAttributeValues", {})
    clauses: list[Clause] = []
    for part in filter(None, told.get("ConditionExpression", "").split(" AND ")):
        if part.startswith("attribute_not_exists("):
            clauses.append(Absent(names[part[len("attribute_not_exists(") : -1]]))
        else:
            name, value = part.split(" = ")
            clauses.append(Equals(names[name], _plain(values[value])))
    return tuple(clauses)


def _rendered(page: Page) -> Any:
    answer: dict[str, Any] = {"Items": [_marshalled(item) for item in page.items], "Count": len(page.items)}
    return answer | ({"LastEvaluatedKey": _marshalled(page.next_key)} if page.next_key else {})


def _found(item: Item | None) -> dict[str, Any]:
    return {} if item is None else {"Item": _marshalled(item)}


def _error(code: str, message: str, **more: Any) -> tuple[int, Any]:
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message, **more}


def _refusal(url: str, operation: str, body: Any, kind: str) -> AWSResponse:
    """How DynamoDB, or the way to it, says that."""
    if kind in ("request to storage lost", "answer of storage lost"):
        raise ReadTimeoutError(endpoint_url=url)
    if kind == "storage in error":
        return _response(url, 500, _error("InternalServerError", "injected")[1])
    if operation == "TransactWriteItems":
        code = "TransactionConflict" if kind == "transaction conflict" else "ThrottlingError"
        reasons = [{"Code": code, "Message": "injected"}, *({"Code": "None"} for _ in body["TransactItems"][1:])]
        return _response(url, *_error("TransactionCanceledException", "injected", CancellationReasons=reasons))
    code = "TransactionConflictException" if kind == "transaction conflict" else "ThrottlingException"
    return _response(url, *_error(code, "injected"))


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _response(url: str, status: int, answer: Any) -> AWSResponse:
    headers: Any = HeadersDict({"content-type": "application/x-amz-json-1.0"})
    return AWSResponse(url, status, headers, _Body(json.dumps(answer).encode()))
