"""Counts requests: one conditional write each, in the table ``limits``, a row a bucket of a person or an address.

A row is put on the condition that it is as this instance last saw it. Where it is not, the refusal brings the row as it
is, and the decision is made again; so nothing is read before, and two at once never take one token. What this instance
saw is forgotten at will. An empty bucket is refused without a write: its row cannot have got fuller since.

An address never stands in the table. It is hashed with a key that is replaced every day in the same row; so a row that
outlives its day, until DynamoDB removes it, says nothing any more about whose it was. IPv6 counts by /64: that is what
one customer gets.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from chalicelib.kernel.buckets import Bucket, Draw, Level, draw
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import DAY, MINUTE, SECOND, Millis, ceil_div
from chalicelib.runtime.logs import log
from chalicelib.runtime.rates import Rate
from chalicelib.runtime.tables import Absent, ConditionFailed, Contended, DynamoTables, Equals, Item, Put

if TYPE_CHECKING:
    from chalicelib.kernel.settings import Settings
    from chalicelib.runtime.tables import Tables

_TRIES: Final = 8
_LONGEST_PAUSE: Final = 0.05
"""Seconds."""
_MOST_SEEN: Final = 1_000
"""Rows that an instance remembers."""
_KEPT: Final = MINUTE
"""How long a row is kept after its bucket is full again: nobody's clock is wrong by so much."""
_KEY: Final = "key"
POLICY: Final = "RateLimit-Policy"
SERVICE: Final = "RateLimit"
_SECONDS: Final = 0.5
"""To connect, and to read."""
_ATTEMPTS: Final = 2


class Limiter:
    """Buckets in a table. ``now`` is this machine's clock; ``sleep`` waits that many seconds between tries."""

    def __init__(self, tables: Tables, table: str, now: Callable[[], Millis], sleep: Callable[[float], None]) -> None:
        self._tables = tables
        self._table = table
        self._now = now
        self._sleep = sleep
        self._seen: dict[str, Item] = {}
        self._key: Item | None = None

    def draw(self, rate: Rate, whom: str) -> Draw | None:
        """Take a token of whom a request comes: a user's id, or an address. None where that cannot be counted.

        Raises Unavailable there for what spends money.
        """
        try:
            owner = whom if rate.of == "user" else self._hidden(whom)
            return self._draw(rate.bucket, f"{rate.bucket.name}#{owner}")
        except Contended as fault:
            log.warning("limits_unavailable", kind=rate.bucket.name, error=type(fault.__cause__ or fault).__name__)
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with the count, the API answers
            log.exception("limits_broken", fault, kind=rate.bucket.name)
        if rate.spends:
            raise Unavailable
        return None

    def _draw(self, bucket: Bucket, pk: str) -> Draw:
        for tried in range(_TRIES):
            seen = self._seen.get(pk)
            drawn = draw(bucket, Level(seen["full_at"], seen["at"]) if seen else None, self._now())
            if drawn.level is None:
                return drawn
            # The mark makes each write another one: to storage, a second put of the very same item is the first one's.
            row = {"pk": pk, **drawn.level._asdict(), "mark": secrets.token_hex(8), "expires": _expiry(drawn.level)}
            found = self._put(row, Equals("mark", seen["mark"]) if seen else Absent("pk"))
            self._remember(pk, found)
            if found is row:
                return drawn
            self._sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.002 * 2**tried)))  # noqa: S311 - jitter, no secret
        # So many at once are too many, whatever is left.
        return Draw(None, 0, SECOND)

    def _put(self, row: Item, when: Absent | Equals) -> Item | None:
        """``row`` itself if it was put, otherwise the row that is there."""
        try:
            self._tables.write(Put(self._table, row, when=(when,)))
        except ConditionFailed as failed:
            return failed.found[0]
        return row

    def _remember(self, pk: str, row: Item | None) -> None:
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        if row:
            self._seen[pk] = row
        else:
            self._seen.pop(pk, None)

    def _hidden(self, address: str) -> str:
        """The address as it is written down. Raises Contended."""
        return hashlib.blake2b(_network(address).encode(), key=self._day_key(), digest_size=16).hexdigest()

    def _day_key(self) -> bytes:
        """Today's key, of whoever came first today. A clock that is still in yesterday takes today's."""
        today = self._now() // DAY
        for _ in range(_TRIES):
            if self._key and self._key["day"] >= today:
                return bytes.fromhex(self._key["key"])
            fresh = {"pk": _KEY, "day": today, "key": secrets.token_hex(32)}
            self._key = self._put(fresh, Equals("day", self._key["day"]) if self._key else Absent("pk"))
        raise Contended(_KEY)


@cache
def limiter() -> Limiter | None:
    """The limiter of this function, from its settings."""
    import os

    from chalicelib.kernel.settings import settings_from

    return limiter_of(settings_from(os.environ))


def limiter_of(settings: Settings) -> Limiter | None:
    """None where the settings turn limits off.

    Its client gives up soon: a request must not wait for its count as long as for its answer.
    """
    from chalicelib.runtime.aws import client

    if not settings.rate_limits:
        return None
    quick = client("dynamodb", _ATTEMPTS, read_seconds=_SECONDS)
    return Limiter(DynamoTables(quick), settings.tables.limits, lambda: time.time_ns() // 1_000_000, time.sleep)


def told(bucket: Bucket, drawn: Draw) -> dict[str, str]:
    """The headers of the answer (draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        POLICY: f'"{bucket.name}";q={bucket.size};w={bucket.span // SECOND}',
        SERVICE: f'"{bucket.name}";r={drawn.left};t={ceil_div(drawn.wait, SECOND)}',
    }


def _expiry(level: Level) -> int:
    """Seconds since the epoch."""
    return ceil_div(level.full_at + _KEPT, SECOND)


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one. What is neither is one network of its own."""
    from ipaddress import IPv4Address, IPv6Network, ip_address

    try:
        parsed: Any = ip_address(address)
    except ValueError:
        return "unknown"
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(parsed if isinstance(parsed, IPv4Address) else IPv6Network((int(parsed), 64), strict=False))
