"""What waits for time: the sparse index ``due`` of a table, by kind and shard, which the minute tick works through.

A row is in it while it carries what ``waiting`` gives; one without waits for nothing.
"""

import hashlib
from typing import Any, Final

from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Key, Range, Tables

FOREVER: Final[Millis] = 10**13
"""After whatever is due."""
_INDEX: Final = "due"


def partition(kind: str, shard: str) -> str:
    """The partition of the index in which things of that kind and shard wait."""
    return f"{kind}:{shard}"


def waiting(kind: str, thing: str, at: Millis | None, shards: int) -> dict[str, Any]:
    """What puts a row into the index until it is looked at, at ``at`` or later; nothing where ``at`` is None."""
    if at is None:
        return {}
    shard = int.from_bytes(hashlib.sha256(thing.encode()).digest()[:4], "big") % shards
    return {"due_shard": partition(kind, str(shard)), "due_at": at}


def page(
    tables: Tables, table: str, kind: str, shard: str, now: Millis, limit: int, start: Key | None
) -> tuple[list[Key], Key | None]:
    """A page of keys of what time should have moved by ``now``, longest ago first. It may be a moment behind."""
    found = tables.query(
        table,
        ("due_shard", partition(kind, shard)),
        index=_INDEX,
        within=Range("due_at", 0, now),
        limit=limit,
        start=start,
    )
    return found.items, found.next_key
