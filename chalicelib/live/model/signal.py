"""What is told to everybody who watches a stream, of the rows that were written. Pure.

{"type": "gifts", "gifts": [{"id", "gift", "animation", "coins", "sender": {"id", "display_name"}, "at"}, …]}
{"type": "stream", "news": "started" | "ended", "reason"}
{"type": "viewer", "news": "muted" | "unmuted" | "banned" | "unbanned", "user"}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.kernel.time import rfc3339

LARGEST: Final = 30 * 1024
"""Bytes of one message: less than the 32 KB that Agora takes."""
_ROOM: Final = LARGEST - len('{"type":"gifts","gifts":[]}')
"""For gifts, a comma after each."""


@dataclass(frozen=True, slots=True)
class Word:
    """One thing to tell in ``channel``. Gifts that follow each other are told together."""

    channel: str
    kind: str
    what: Mapping[str, Any]


def word(row: Mapping[str, Any], *, new: bool) -> Word | None:
    """What a row of the table tells that is ``new`` or was changed; None for one that is nobody's news."""
    kind, _, stream = str(row["pk"]).partition("#")
    if kind == "gift":
        if not new:
            return None
        sender = {"id": row["user"], "display_name": row["name"]}
        gift = {name: row[name] for name in ("id", "gift", "animation", "coins")}
        return Word(stream, "gifts", gift | {"sender": sender, "at": rfc3339(row["at"])})
    if row.get("news") is None:
        return None
    if kind == "viewer":
        return Word(stream, "viewer", {"news": row["news"], "user": row["sk"]})
    return Word(kind, "stream", {"news": row["news"], "reason": row.get("ended_for")})


def messages(words: Iterable[Word]) -> list[dict[str, Any]]:
    """The messages that say it, in its order, each as large as may be sent."""
    said: list[dict[str, Any]] = []
    room = 0
    for each in words:
        if each.kind != "gifts":
            said.append({"type": each.kind, **each.what})
            room = 0
            continue
        size = len(json.dumps(each.what, ensure_ascii=False, separators=(",", ":")).encode()) + 1
        if size > room:
            said.append({"type": "gifts", "gifts": []})
            room = _ROOM
        said[-1]["gifts"].append(each.what)
        room -= size
    return said
