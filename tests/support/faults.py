"""What can go wrong between a client and DynamoDB, put in through botocore's own events: nothing is patched.

MiniStack never throttles and never reports a conflict, and a lost answer cannot be asked for anywhere.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

WRITES: Final = ("PutItem", "DeleteItem", "TransactWriteItems")

_session: Final = URLLib3Session(max_pool_connections=64)

Send = Callable[[AWSPreparedRequest], AWSResponse | None]
"""In place of sending a request: an answer, an exception, or None to let it go."""


def never_arrives(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request does nothing, and the client sees a time-out."""
    raise ReadTimeoutError(endpoint_url=request.url)


def never_answers(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request takes effect, but its answer never comes: the client sees the same time-out."""
    _session.send(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def refusal(code: str, *, status: int = 400, **more: Any) -> Send:
    """The request does nothing and is answered with this error. ``more`` is what its body says besides."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected", **more})
    return lambda request: _answer(request, status, body.encode())


def answer(body: dict[str, Any]) -> Send:
    """The request does nothing and is answered with this."""
    return lambda request: _answer(request, 200, json.dumps(body).encode())


def cancelled(*reasons: dict[str, Any]) -> Send:
    """The transaction does nothing and is answered with these reasons, one an operation."""
    return refusal("TransactionCanceledException", CancellationReasons=list(reasons))


def broken_gateway(status: int) -> Send:
    """Something in between answers that knows no DynamoDB: a status and some HTML."""
    return lambda request: _answer(request, status, b"<html>oops</html>")


def after(act: Callable[[], object]) -> Send:
    """``act`` happens right before the request goes out: another writer comes between read and write."""

    def send(request: AWSPreparedRequest) -> AWSResponse | None:
        del request
        act()
        return None

    return send


class Made:
    """The requests that there were: called, it says how many."""

    def __init__(self) -> None:
        self._kinds: list[str] = []
        self._lock = threading.Lock()

    def __call__(self) -> int:
        return len(self._kinds)

    def add(self, request: AWSPreparedRequest) -> int:
        """The place of this one, from 0."""
        body: Any = request.body
        with self._lock:
            self._kinds.append(json.dumps(_names(json.loads(body)), sort_keys=True))
            return len(self._kinds) - 1

    def apart(self) -> list[int]:
        """The places of all, but of those in a row that write the same attributes only the first two and the last."""
        kinds = [None, None, *self._kinds, None]
        return [
            at
            for at, (first, second, kind, following) in enumerate(
                zip(kinds, kinds[1:], kinds[2:], kinds[3:], strict=False)
            )
            if len({first, second, kind, following}) > 1
        ]


@contextmanager
def fault(client: Any, send: Send, *operations: str, at: int = 0) -> Iterator[Made]:
    """``send`` in place of request number ``at`` (from 0) of those ``operations``. Yields which there were."""
    made = Made()

    def handler(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        return send(request) if made.add(request) == at else None

    with ExitStack() as hooks:
        for operation in operations:
            event = f"before-send.dynamodb.{operation}"
            client.meta.events.register_first(event, handler)
            hooks.callback(client.meta.events.unregister, event, handler)
        yield made


def _names(value: Any) -> Any:
    """The same with names only: of tables and attributes."""
    if isinstance(value, dict):
        return {name: each if name == "TableName" else _names(each) for name, each in value.items()}
    return [_names(each) for each in value] if isinstance(value, list) else None


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _answer(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    headers: Any = HeadersDict({"content-type": "application/x-amz-json-1.0"})
    return AWSResponse(request.url, status, headers, _Body(body))
