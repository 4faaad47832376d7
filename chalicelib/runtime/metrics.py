"""Numbers for CloudWatch, as lines of the log in its embedded metric format (EMF): it takes them out of the log.

    metrics.add(BillingLateness=now - begins)   where it is surely known: nothing is written yet
    metrics.flush()                             when the call ends: one line for all that was added

Only what ``Measures`` lists can be told, and only numbers, so nothing of a person has a place in it. There is no
dimension: each combination of a name and a dimension's value costs $0.30 a month, and the namespace names the stage.
What comes in moments (``MILLISECONDS``) keeps its single values, so that CloudWatch can tell percentiles; anything else
is added up. What a call adds and does not live to write is lost: the books are the ledger, this is the light beside it.

Powertools' Metrics would be 98 modules and 30 ms of each cold start, for a page (decision 42). A test holds what is
written here against what Powertools would write.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec, TypedDict, TypeVar, Unpack

from chalicelib.kernel.time import SECOND, Millis, rfc3339

P = ParamSpec("P")
T = TypeVar("T")

_MOST_AT_ONCE: Final = 100
"""Values of one metric that one line may hold."""
_MOST_KEPT: Final = 1_000
"""Values of one metric that are kept until they are written; of more, these are told."""


class Measures(TypedDict, total=False):
    """All that is measured. Amounts are in cents; what ends with -Lateness is in milliseconds."""

    # Money, as it was folded from the ledger.
    MinutesCharged: int
    """Minutes of readings, less those that were taken back."""
    CentsCharged: int
    """What readings cost, less what was taken back."""
    CentsToppedUp: int
    CentsRefunded: int
    CentsPaidOut: int
    # Money, where it moves or is refused.
    BillingLateness: Millis
    """From the beginning of a minute until it was charged."""
    ReadingsOpen: int
    """Readings that time can still change, as the minute tick finds them in one shard."""
    InsufficientFunds: int
    SpendingLimitReached: int
    WalletFrozen: int
    CardsDeclined: int
    """Saved cards that the bank refused to charge."""
    # Health.
    RateLimited: int
    IdempotencyReplays: int
    """Answers that were given again to a phone that had lost them."""
    StorageContended: int
    """Writes and reads of which storage could not say that they happened: conflicts of transactions, throttling."""
    WebhooksRefused: int
    """What came to a webhook without a signature of its vendor's."""
    WebhookLateness: Millis
    """From a vendor's event until its effect was stored."""
    NoticeLateness: Millis
    """From the fact until a person was told of it."""


MILLISECONDS: Final = frozenset(name for name in Measures.__annotations__ if name.endswith("Lateness"))
"""What keeps its single values."""

_REFUSALS: Final[Mapping[str, Measures]] = {
    "insufficient_funds": {"InsufficientFunds": 1},
    "spending_limit_reached": {"SpendingLimitReached": 1},
    "wallet_frozen": {"WalletFrozen": 1},
    "rate_limited": {"RateLimited": 1},
}

_sums: dict[str, int] = {}
_values: dict[str, list[int]] = {}


def add(**measured: Unpack[Measures]) -> None:
    """Have these numbers told with the next ``flush``. A span below zero, of clocks that differ, is zero.

    What is not listed, or is no number, is left out: measuring never fails what is measured.
    """
    for name, value in measured.items():
        if name not in Measures.__annotations__ or not isinstance(value, int):
            continue
        if name in MILLISECONDS:
            kept = _values.setdefault(name, [])
            if len(kept) < _MOST_KEPT:
                kept.append(max(0, value))
        else:
            _sums[name] = _sums.get(name, 0) + value


def refused(code: str) -> None:
    """Count a refusal of the API's, if those with this code are counted."""
    if code in _REFUSALS:
        add(**_REFUSALS[code])


def flush() -> None:
    """Write what was added since the last time, if there is any."""
    sums, values = dict(_sums), dict(_values)
    _sums.clear()
    _values.clear()
    while sums or values:
        some = {name: each[:_MOST_AT_ONCE] for name, each in values.items()}
        sys.stdout.write(json.dumps(_line(sums | some), separators=(",", ":")) + "\n")
        values = {name: each[_MOST_AT_ONCE:] for name, each in values.items() if len(each) > _MOST_AT_ONCE}
        sums = {}


def flushed(handler: Callable[P, T]) -> Callable[P, T]:
    """A function's handler that writes what was measured when a call of it ends, however it ends."""

    @wraps(handler)
    def around(*event: P.args, **context: P.kwargs) -> T:
        try:
            return handler(*event, **context)
        finally:
            flush()

    return around


def _line(measured: dict[str, Any]) -> dict[str, Any]:
    """A line of the log like any other, with what CloudWatch needs to read it."""
    now = int(time.time() * SECOND)
    told = [{"Name": name, "Unit": "Milliseconds" if name in MILLISECONDS else "Count"} for name in measured]
    directive = {"Namespace": f"SoulSeer/{os.environ.get('STAGE', 'none')}", "Dimensions": [[]], "Metrics": told}
    return {
        "at": rfc3339(now),
        "level": "info",
        "event": "metrics",
        **measured,
        "_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]},
    }
