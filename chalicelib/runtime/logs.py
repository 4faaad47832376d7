"""One JSON line an event, on standard output, for CloudWatch Logs Insights.

A line holds the fields listed in ``Fields`` and nothing else, so a token, a body, a name or an address has no
place to slip into: what is not listed is dropped, values are scalars and are cut short, and of an exception only
its type and the places it passed are kept, since its message may quote what somebody sent. ``bind`` adds fields
to every line until the next request.

The standard library's ``json`` does this in a page; a logging package would cost each cold start its import.
"""

import json
import sys
import time
import traceback
from contextvars import ContextVar
from typing import Final, TypedDict, Unpack

from chalicelib.kernel.time import SECOND, rfc3339

_LONGEST_VALUE: Final = 200
_MOST_FRAMES: Final = 20
_MOST_CAUSES: Final = 5

Scalar = str | int | float | bool | None


class Fields(TypedDict, total=False):
    """All that a log line may say besides its event, level and time."""

    # The request.
    request_id: str
    method: str
    route: str
    """The template, ``/v1/sessions/{id}``; never the path as it was sent."""
    status: int
    code: str
    duration_ms: int
    caller: str
    # Our own ids and words.
    account: str
    client: str
    reader: str
    session: str
    booking: str
    stream: str
    user: str
    topup: str
    id: str
    kind: str
    state: str
    reason: str
    outcome: str
    action: str
    # Vendors.
    provider: str
    event_id: str
    event_type: str
    # Work done.
    function: str
    execution: str
    epoch: int
    shard: str
    count: int
    failed: int
    attempt: int
    minute: int
    amount: int
    currency: str
    wake_at: str
    table: str
    # A failure, without its message.
    error: str


_ALLOWED: Final = frozenset(Fields.__annotations__)
_bound: ContextVar[dict[str, Scalar] | None] = ContextVar("log_fields", default=None)


class Log:
    """Writes lines. There is one, ``log``."""

    def info(self, event: str, **fields: Unpack[Fields]) -> None:
        """Something happened as it should."""
        _write("info", event, dict(fields))

    def warning(self, event: str, **fields: Unpack[Fields]) -> None:
        """Something was refused or put off; nobody need get up."""
        _write("warning", event, dict(fields))

    def error(self, event: str, **fields: Unpack[Fields]) -> None:
        """Something is wrong; the alarm counts these lines."""
        _write("error", event, dict(fields))

    def exception(self, event: str, raised: BaseException, /, **fields: Unpack[Fields]) -> None:
        """An exception nobody expected: its type, its causes' types and its stack, without their messages."""
        _write("error", event, {**fields, "error": type(raised).__name__}, _trace(raised))


log: Final = Log()


def bind(**fields: Unpack[Fields]) -> None:
    """Add fields to every line of this request."""
    _bound.set({**(_bound.get() or {}), **_kept(dict(fields))})


def unbind() -> None:
    """Forget what was bound: the next request begins."""
    _bound.set(None)


def _write(level: str, event: str, fields: dict[str, object], extra: dict[str, object] | None = None) -> None:
    at = rfc3339(int(time.time() * SECOND))
    line = {"at": at, "level": level, "event": event, **(_bound.get() or {}), **_kept(fields), **(extra or {})}
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def _kept(fields: dict[str, object]) -> dict[str, Scalar]:
    return {name: _scalar(value) for name, value in fields.items() if name in _ALLOWED}


def _scalar(value: object) -> Scalar:
    if isinstance(value, str):
        return value[:_LONGEST_VALUE]
    return value if isinstance(value, int | float | bool | None) else type(value).__name__


def _trace(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause and len(causes) < _MOST_CAUSES:
        causes.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return {"stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames], "causes": causes}
