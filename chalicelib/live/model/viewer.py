"""Somebody before a stream: their place in its channel, whether they are there, and what moderators decided of them.

Who is there, Agora tells; of one number in the channel only what is newer than the last is heard. Who was banned gets
another number once they may come back, for Agora bars numbers and not people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.kernel.errors import Forbidden, InvalidState
from chalicelib.kernel.time import Millis
from chalicelib.live.model.stream import FIRST_UID, SPARE, Stream

_UIDS: Final = 2**32 - FIRST_UID
_MOST_OWED: Final = 8
"""Numbers of one person that are still to be put out: then no further one is given."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """One person before one stream, as their row holds it."""

    stream: str
    user: str
    at: Millis = 0
    """When it was written last."""
    uid: int | None = None
    """Their number in the channel; None before they first join, and after a ban."""
    turn: int = 0
    """How many numbers they had."""
    present: bool = False
    seq: int | None = None
    """The newest that Agora told of their number."""
    joined_at: Millis | None = None
    leased_until: Millis = 0
    """When their newest token ends."""
    muted: bool = False
    banned: bool = False
    owed: tuple[tuple[int, Millis], ...] = ()
    """Numbers that are still to be put out of the channel, each with the end of its token."""
    news: str | None = None
    """What this very write is to be told of: ``muted``, ``unmuted``, ``banned`` or ``unbanned``."""
    rev: int = 0
    """Raised by every write, and the condition of the next one; 0 for one that was never written."""


def uid_of(viewer: Viewer, tried: int) -> int:
    """The number for their present turn, where ``tried`` others of the same turn are somebody else's."""
    digest = hashlib.sha256(f"{viewer.stream}:{viewer.user}:{viewer.turn}:{tried}".encode()).digest()
    return FIRST_UID + int.from_bytes(digest[:8], "big") % _UIDS


def seated(viewer: Viewer, uid: int, until: Millis, now: Millis) -> Viewer:
    """With that number, and a token until then."""
    newly = uid != viewer.uid
    return replace(
        viewer,
        uid=uid,
        seq=None if newly else viewer.seq,
        joined_at=viewer.joined_at if viewer.joined_at is not None else now,
        leased_until=until if newly else max(until, viewer.leased_until),
        at=now,
        news=None,
    )


def told(viewer: Viewer, uid: int, seq: int, now: Millis, *, joined: bool) -> Viewer:
    """As Agora tells of one of their numbers: nothing is heard of one that they have lost."""
    if uid != viewer.uid or (viewer.seq is not None and seq <= viewer.seq):
        return viewer
    return replace(viewer, present=joined, seq=seq, at=now, news=None)


def stepped_out(viewer: Viewer, now: Millis) -> Viewer:
    """They say that they leave."""
    return replace(viewer, present=False, at=now, news=None) if viewer.present else viewer


def must_moderate(stream: Stream, actor: str, user: str) -> None:
    """Raises Forbidden unless ``actor`` may mute or ban ``user``: never the host, and only the host a moderator.

    Raises InvalidState where it is over.
    """
    if actor != stream.host and actor not in stream.moderators:
        raise Forbidden("That is for the host and the moderators to do.")
    if user == stream.host or (user in stream.moderators and actor != stream.host):
        raise Forbidden("Only the host mutes or bans a moderator, and nobody the host.")
    stream.must_be_open()


def muted(viewer: Viewer, now: Millis, *, on: bool) -> Viewer:
    """Who is muted gets no token to write with."""
    if viewer.muted == on:
        return viewer
    return replace(viewer, muted=on, at=now, news="muted" if on else "unmuted")


def banned(viewer: Viewer, now: Millis, *, on: bool) -> Viewer:
    """Who is banned loses their number, which is to be put out for as long as its token lives.

    Raises InvalidState where too many of theirs are still to be put out to let them in again.
    """
    if viewer.banned == on:
        return viewer
    if not on:
        if len(viewer.owed) >= _MOST_OWED:
            raise InvalidState("They are still being put out. Try again later.")
        return replace(viewer, banned=False, at=now, news="unbanned")
    owed = viewer.owed
    if viewer.uid is not None and viewer.leased_until + SPARE > now:
        owed = (*owed, (viewer.uid, viewer.leased_until))
    out = replace(viewer, banned=True, present=False, uid=None, seq=None, leased_until=0, owed=owed)
    return replace(out, turn=viewer.turn + (viewer.uid is not None), at=now, news="banned")


def put_out(viewer: Viewer, uid: int) -> Viewer:
    """That number is out."""
    return replace(viewer, owed=tuple(each for each in viewer.owed if each[0] != uid), news=None)


def to_item(viewer: Viewer) -> dict[str, Any]:
    """The viewer as their row, without its place in the index."""
    fields = ((name, getattr(viewer, name)) for name in Viewer.__dataclass_fields__)
    item = {name: value for name, value in fields if value is not None}
    item["pk"], item["sk"] = f"viewer#{item.pop('stream')}", item.pop("user")
    return item | {"owed": [list(each) for each in viewer.owed]}


def from_item(item: Mapping[str, Any]) -> Viewer:
    """The viewer that ``to_item`` stored."""
    known = {name: item[name] for name in Viewer.__dataclass_fields__ if name in item}
    names = {"stream": item["pk"].partition("#")[2], "user": item["sk"], "news": None}
    return Viewer(**known | names | {"owed": tuple((uid, until) for uid, until in item["owed"])})
