"""The outbox: what people are to be told, written beside the fact, in its transaction; never told of what was not.

A row is named by person and fact, so the same fact told twice is one row. The function ``notify`` hears of each new
row by the table's stream and tells the person as they wish to be told. Rows go after 90 days.
"""

from collections.abc import Mapping
from typing import Final

from chalicelib.kernel.time import DAY, SECOND, Millis
from chalicelib.runtime.tables import Put

KEPT: Final[Millis] = 90 * DAY


def notice(
    table: str,
    *,
    to: str,
    kind: str,
    fact: str,
    at: Millis,
    facts: Mapping[str, str | int | bool | None] | None = None,
) -> Put:
    """The operation that has person ``to`` told of ``fact`` (an id, or id and moment), as a notice of ``kind``.

    ``facts`` are ids, moments and amounts that its words are made of; personal data has no place in it. It has no
    condition: put again it is the same row, and the stream's second word of it is not told again.
    """
    item = {
        "pk": to,
        "sk": f"{kind}#{fact}",
        "kind": kind,
        "at": at,
        "facts": dict(facts or {}),
        "expires": (at + KEPT) // SECOND,
    }
    return Put(table, item)
