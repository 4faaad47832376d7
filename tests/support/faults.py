"""What can go wrong between a client and DynamoDB, put in through botocore's own events: nothing is patched.

MiniStack never throttles and never reports a conflict, and a lost answer cannot be asked for anywhere.
"""

from __future__ import annotations

import io
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

WRITES: Final = ("PutItem", "DeleteItem", "TransactWriteItems")

Send = Callable[[AWSPreparedRequest], AWSResponse | None]
"""In place of sending a request: an answer, an exception, or None to let it go."""


def never_arrives(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request does nothing, and the client sees a time-out."""
    raise ReadTimeoutError(endpoint_url=request.url)


def never_answers(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request takes effect, but its answer never comes: the client sees the same time-out."""
    URLLib3Session().send(request)
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


@contextmanager
def fault(client: Any, send: Send, *operations: str, at: int = 0) -> Iterator[Callable[[], int]]:
    """``send`` in place of request number ``at`` (from 0) of those ``operations``. Yields how many there were."""
    places = itertools.count()
    made = 0
    lock = threading.Lock()

    def handler(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        nonlocal made
        with lock:
            place = next(places)
            made = place + 1
        return send(request) if place == at else None

    with ExitStack() as hooks:
        for operation in operations:
            event = f"before-send.dynamodb.{operation}"
            client.meta.events.register_first(event, handler)
            hooks.callback(client.meta.events.unregister, event, handler)
        yield lambda: made


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _answer(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    headers: Any = HeadersDict({"content-type": "application/x-amz-json-1.0"})
    return AWSResponse(request.url, status, headers, _Body(body))
