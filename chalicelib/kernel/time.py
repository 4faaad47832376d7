"""Moments are ``int`` milliseconds since the epoch, UTC; spans are ``int`` milliseconds.

Integers keep the meter exact: no rounding hides between two machines. The API speaks RFC 3339.
"""

from datetime import UTC, datetime
from typing import Final

Millis = int

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


def rfc3339(moment: Millis) -> str:
    """``2026-11-22T16:43:59.120Z``: the moment as the API and Step Functions write it."""
    seconds, millis = divmod(moment, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def rfc3339_or_none(moment: Millis | None) -> str | None:
    """The same of a moment that may not be."""
    return None if moment is None else rfc3339(moment)


def ceil_div(number: int, divisor: int) -> int:
    """``number / divisor`` rounded up, exactly, for ``divisor > 0``."""
    return -(-number // divisor)
