"""What lies in the dead-letter queue: where it came from, why, and how it is done again. Pure.

Each sender has a form of its own: the queue of the untold a notice, after its tries; Lambda a stretch of a stream that
a function went on failing at, and an asynchronous call that failed; EventBridge a rule's event that it could not
deliver; the pipe that guards the ledger a change that it could not tell of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.kernel.errors import InvalidState


@dataclass(frozen=True, slots=True)
class Notice:
    """A row of the outbox, by its key: it is told again."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of a stream, first and last included: rows of the outbox are told again, others summed again."""

    table: str
    stream: str
    shard: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function, with what it was called with: it is called again."""

    function: str
    payload: Any


Again = Notice | Stretch | Call


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message, as a person reads it."""

    source: str
    """Who failed."""
    what: str
    why: str
    again: Again | None
    """How it is done again; None where that makes no sense."""
    instead: str = ""
    """Why that makes no sense, and what does."""


_UNREADABLE: Final = DeadLetter("unknown", "a message that nobody here writes", "-", None, "Read it in the console.")
_NOTHING_LOST: Final = "Nothing is lost: the next minute's tick does the same work."
_FEED: Final = "Phones read the feed besides, and what was to be told is old by now."
_LEDGER: Final = "An entry of the ledger may have been changed: `ledger trial-balance` and `ledger verify` say so."
_BY_HAND: Final = "It is not known to bear another call: look at what it was."
_SUMS: Final = "rollup"
_REPEATABLE: Final = frozenset({"reconcile", "mail_events", _SUMS})
"""Functions that may be called again with what they were called with."""
_INSTEAD: Final[Mapping[str, str]] = {"billing_tick": _NOTHING_LOST}

_TABLE: Final = re.compile(r":table/soulseer-[a-z]+-([a-z]+)(?:-[0-9]+)?/stream/")
_FUNCTION: Final = re.compile(r":function:soulseer-[a-z]+-([a-z_]+)")
_RULE: Final = re.compile(r":rule/soulseer-[a-z]+-([a-z_]+)")
_LONGEST: Final = 200


def read(body: str, attributes: Mapping[str, str]) -> DeadLetter:
    """The message in ``body``, with what was said beside it."""
    try:
        told: Any = json.loads(body)
        if "notice" in told:
            return _untold(told)
        if "DDBStreamBatchInfo" in told:
            return _of_stream(told)
        if "requestPayload" in told:
            return _of_call(told)
        if "detail-type" in told:
            return _of_rule(told, attributes)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        pass
    return _UNREADABLE


def repeatable(letter: DeadLetter) -> Again:
    """How it is done again. Raises InvalidState where that makes no sense."""
    if letter.again is None:
        raise InvalidState(f"{letter.source}: {letter.instead} `deadletters drop` takes it away.")
    return letter.again


def _untold(told: Any) -> DeadLetter:
    notice = Notice(str(told["notice"]["pk"]), str(told["notice"]["sk"]))
    return DeadLetter("notify", f"{_short(notice.sk)} to {_short(notice.pk)}", _short(told.get("error", "-")), notice)


def _of_stream(told: Any) -> DeadLetter:
    info = told["DDBStreamBatchInfo"]
    first, last = str(info["startSequenceNumber"]), str(info["endSequenceNumber"])
    named = _TABLE.search(info["streamArn"])
    table = named[1] if named else "unknown"
    why = _short((told.get("requestContext") or told.get("context") or {}).get("condition", "-"))
    what = f"{info.get('batchSize', 'some')} changes of the table {table}, from {_short(first)}"
    function = _FUNCTION.search((told.get("requestContext") or {}).get("functionArn", ""))
    if table == "notices" or (function and function[1] == _SUMS):
        source = "notify" if table == "notices" else _SUMS
        return DeadLetter(source, what, why, Stretch(table, info["streamArn"], str(info["shardId"]), first, last))
    source, instead = {"live": ("live_signals", _FEED), "ledger": ("ledger-guard", _LEDGER)}.get(
        table, ("unknown", _BY_HAND)
    )
    return DeadLetter(source, what, why, None, instead)


def _of_call(told: Any) -> DeadLetter:
    context, payload = told["requestContext"], told["requestPayload"]
    named = _FUNCTION.search(context["functionArn"])
    answered = told.get("responsePayload")
    failed = answered.get("errorType") if isinstance(answered, dict) else None
    why = _short(failed or context.get("condition", "-"))
    return _call(named[1] if named else "unknown", "a call that failed", why, payload)


def _of_rule(told: Any, attributes: Mapping[str, str]) -> DeadLetter:
    named = _RULE.search(attributes.get("RULE_ARN", "") or " ".join(told.get("resources", ())))
    why = _short(attributes.get("ERROR_CODE", "-"))
    return _call(named[1] if named else "unknown", f"the rule's event of {_short(told.get('time', '-'))}", why, told)


def _call(function: str, what: str, why: str, payload: Any) -> DeadLetter:
    again = Call(function, payload) if function in _REPEATABLE else None
    return DeadLetter(function, what, why, again, "" if again else _INSTEAD.get(function, _BY_HAND))


def _short(written: object) -> str:
    """On one line, and not longer than a line."""
    text = "".join(each if each.isprintable() else " " for each in str(written))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
