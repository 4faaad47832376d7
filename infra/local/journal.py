"""The memory of DynamoDB that a kill does not take: every acknowledged write, in a file.

MiniStack saves its state when it is asked to stop, and at no other time. So `make serve` has the functions reach
DynamoDB through this: each request is passed on, and of one that wrote, the items as they are now go into the file
before the answer goes back. The next start puts the newest of each back over the state that was saved last. A stop
that saved everything empties the file.

Writes pass one at a time, so the file has them in the order in which they happened. It survives the death of any
process at any moment, not a loss of power: nothing waits for the disk.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import urllib3

from infra.local.ministack import CannotStart
from infra.local.web import Request, Response, Server, json_response

if TYPE_CHECKING:
    import boto3

Json = dict[str, Any]
Call = Callable[[str, Json], Json]
"""An operation of DynamoDB and its parameters, as JSON; its answer."""

_API: Final = "DynamoDB_20120810."
_KEPT: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"})
_REFUSED: Final = frozenset({"ExecuteStatement", "ExecuteTransaction", "BatchExecuteStatement"})
"""They write too, the product uses none of them, and what is not kept must not be acknowledged."""
_OK: Final = 200
_ANSWER_SECONDS: Final = 60.0
_NOT_PASSED_ON: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_PASSED_BACK: Final = frozenset({"content-type", "x-amz-crc32", "x-amzn-requestid"})

log = logging.getLogger("soulseer.local.journal")


class Journal:
    """DynamoDB at ``url``. Whoever calls before ``open`` waits."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._server = Server("journal", self._answer)
        self._upstream = ""
        self._call: Call | None = None
        self._pool = urllib3.PoolManager(maxsize=64, timeout=urllib3.Timeout(_ANSWER_SECONDS), retries=False)
        self._one_at_a_time = Lock()

    @property
    def url(self) -> str:
        return self._server.url

    def open(self, upstream: str, call: Call) -> int:
        """Put back what is kept, then pass requests on to ``upstream``; the number of items that were put back.

        ``call`` reaches ``upstream`` with rights of its own. Raises CannotStart.
        """
        newest: dict[tuple[str, str], Json] = {}
        key_names = cache(lambda table: _key_names(call, table))
        for change in _read(self._file):
            key = change.get("key") or {name: change["item"][name] for name in key_names(change["table"])}
            newest[change["table"], json.dumps(key, sort_keys=True)] = change
        for change in newest.values():
            if "item" in change:
                call("PutItem", {"TableName": change["table"], "Item": change["item"]})
            else:
                call("DeleteItem", {"TableName": change["table"], "Key": change["key"]})
        # Written anew: shorter, and without a last line that a kill cut short.
        fresh = self._file.with_suffix(".new")
        fresh.write_text("".join(f"{json.dumps([change])}\n" for change in newest.values()))
        fresh.chmod(0o600)
        fresh.replace(self._file)
        self._call, self._upstream = call, upstream
        self._server.start()
        return len(newest)

    def close(self) -> None:
        """Pass nothing on any more."""
        self._server.stop()

    def forget(self) -> None:
        """The state with all that was written has been saved."""
        self._file.unlink(missing_ok=True)

    # --- passing on ---------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        operation = request.headers.get("x-amz-target", "").removeprefix(_API)
        if operation in _REFUSED:
            return _fault(400, "UnknownOperationException", f"The journal does not keep {operation}.")
        if operation not in _KEPT:
            return self._passed_on(request)
        with self._one_at_a_time:
            response = self._passed_on(request)
            if response.status == _OK:
                self._keep(self._changed(operation, _done(operation, request, response)))
            return response

    def _passed_on(self, request: Request) -> Response:
        # The host stays the one that the request was signed for.
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED_ON}
        try:
            got = self._pool.request(request.method, f"{self._upstream}/", body=request.body, headers=headers)
        except urllib3.exceptions.HTTPError:
            log.warning("the local AWS did not answer", exc_info=True)
            return _fault(503, "ServiceUnavailable", "The local AWS did not answer.")
        kept = {name.lower(): value for name, value in got.headers.items() if name.lower() in _PASSED_BACK}
        return Response(got.status, got.data, kept)

    def _changed(self, operation: str, asked: Json) -> list[Json]:
        """What a write that went through left behind, item by item."""
        if operation == "PutItem":
            return [{"table": asked["TableName"], "item": asked["Item"]}]
        if operation == "DeleteItem":
            return [{"table": asked["TableName"], "key": asked["Key"]}]
        if operation == "UpdateItem":
            return [self._read_back(asked["TableName"], asked["Key"])]
        if operation == "BatchWriteItem":
            return [
                {"table": table, "item": each["PutRequest"]["Item"]}
                if "PutRequest" in each
                else {"table": table, "key": each["DeleteRequest"]["Key"]}
                for table, requests in asked["RequestItems"].items()
                for each in requests
            ]
        return [
            change
            for each in asked["TransactItems"]
            for name, operation in (("Put", "PutItem"), ("Update", "UpdateItem"), ("Delete", "DeleteItem"))
            if name in each
            for change in self._changed(operation, each[name])
        ]

    def _read_back(self, table: str, key: Json) -> Json:
        assert self._call is not None  # noqa: S101 - a write was passed on, so it is open
        found = self._call("GetItem", {"TableName": table, "Key": key, "ConsistentRead": True})
        return {"table": table, "item": found["Item"]} if "Item" in found else {"table": table, "key": key}

    # --- the file -----------------------------------------------------------------------------------

    def _keep(self, changes: list[Json]) -> None:
        """One line a write: after a kill it is there whole or not at all."""
        line = f"{json.dumps(changes)}\n".encode()
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
            file.write(line)


def _done(operation: str, request: Request, response: Response) -> Json:
    """What was asked, less what DynamoDB left undone of it."""
    asked: Json = json.loads(request.body)
    if operation == "BatchWriteItem":
        left = json.loads(response.body).get("UnprocessedItems") or {}
        asked["RequestItems"] = {
            table: [each for each in requests if each not in left.get(table, ())]
            for table, requests in asked["RequestItems"].items()
        }
    return asked


def _read(file: Path) -> Iterator[Json]:
    """The changes in their order. A last line that a kill cut short was never acknowledged."""
    for line in file.read_bytes().splitlines(keepends=True) if file.exists() else ():
        if line.endswith(b"\n"):
            yield from json.loads(line)


def _key_names(call: Call, table: str) -> list[str]:
    described = call("DescribeTable", {"TableName": table})
    return [each["AttributeName"] for each in described["Table"]["KeySchema"]]


def _fault(status: int, code: str, message: str) -> Response:
    return json_response(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})


def caller(session: "boto3.Session", url: str) -> Call:
    """Calls DynamoDB at ``url`` in its own words, without botocore's reading of values. Raises CannotStart."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    credentials = session.get_credentials()
    assert credentials is not None  # noqa: S101 - the local stack's session has them

    def call(operation: str, parameters: Json) -> Json:
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"{_API}{operation}"}
        request = AWSRequest("POST", f"{url}/", headers=headers, data=json.dumps(parameters).encode())
        SigV4Auth(credentials, "dynamodb", session.region_name).add_auth(request)
        signed = dict(request.headers.items())
        try:
            got = urllib3.request("POST", f"{url}/", body=request.data, headers=signed)
        except urllib3.exceptions.HTTPError as error:
            raise CannotStart(f"DynamoDB on the local AWS did not answer {operation}: {error}") from error
        if got.status != _OK:
            said = got.data.decode(errors="replace")[:500]
            raise CannotStart(f"DynamoDB on the local AWS refused {operation}: {said}\n--fresh forgets all state.")
        answer: Json = json.loads(got.data)
        return answer

    return call
