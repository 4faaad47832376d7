"""A stream as somebody sees it, and the lists of streams."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.live.model import access
from chalicelib.live.model import stream as model
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.terms import Barred
from chalicelib.live.model.viewer import Viewer
from chalicelib.live.service import advance, load, open_of
from chalicelib.live.store import hosted_by, streams_of
from chalicelib.live.watching import barred
from chalicelib.runtime.tables import Key

_LATELY_OVER: Final = 10
"""Streams of one host, of which one is open at a time: those before were settled long ago."""
List = Literal["live", "upcoming", "past", "invited"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream as somebody sees it: how many watch, the most so far, and why they may not."""

    stream: Stream
    viewers: int
    peak: int
    barred: Barred | None = None
    viewer: Viewer | None = None
    """What is known of them; None for the host and for who is signed out."""
    asked: bool = True
    """Whether it was asked if they may watch: in a list it is not."""


def current(world: World, stream_id: str, user: str | None) -> Seen:
    """The stream brought up to date, as ``user`` sees it, or somebody who is signed out.

    Raises NotFound; Forbidden and Blocked for a private one that they may not watch: it does not show to them.
    """
    seen = as_seen_by(world, advance(world, load(world, stream_id)), user)
    if seen.stream.visibility == "private" and seen.barred not in (None, "not_live"):
        raise access.refusal("not_invited" if seen.barred == "signed_out" else seen.barred)
    return seen


def as_seen_by(world: World, stream: Stream, user: str | None) -> Seen:
    """The stream as it stands, for that person; whoever is signed out is told to sign in.

    Of one that is over just that is told, for nothing they do would let them in. A private one still says who is a
    stranger to it: to them it does not show.
    """
    seen = as_listed(world, stream)
    viewer = None if user in (None, stream.host) else streams_of(world).viewer(stream.id, str(user))
    why: Barred | None = "signed_out" if user is None else None
    if viewer:
        why = barred(world, stream, viewer.user, viewer)
    if stream.state != "live" and (why is None or (not stream.is_open and stream.visibility != "private")):
        why = "not_live"
    return replace(seen, barred=why, viewer=viewer, asked=True)


def as_listed(world: World, stream: Stream) -> Seen:
    """The stream as it stands in a list, for anybody."""
    there, peak = streams_of(world).audience(stream.id) if stream.started_at is not None else (0, 0)
    return Seen(stream, there if stream.state == "live" else 0, peak, asked=False)


def listing(
    world: World, which: List, host: str | None, user: str | None, limit: int, start: Key | None
) -> tuple[list[Stream], Key | None]:
    """A page of streams: live ones newest first, those to come soonest first, one's own that are over, or the private
    ones that one is invited to. A page may be a moment behind, and hold fewer than ``limit``.
    """
    rows, now = streams_of(world), world.now()
    if host is not None and which in ("live", "upcoming"):
        found = open_of(world, host)
        public = found is not None and (found.visibility != "private" or user == host)
        return [found] if found and public and _is(found, which) else [], None
    since = now - world.settings.rules.stream_late if which == "upcoming" else 0
    keys, following = rows.listed(listing_of(which, user), since, limit, start, newest_first=which != "upcoming")
    ids = [str(key["pk"]).removeprefix("invited#") for key in keys]
    page = rows.get_many(ids) if ids else []
    shown = [each for each in page if _is(each, which) and not _over(world, each, now)]
    if which == "invited":  # who was blocked gets no word through by an invitation
        shown = [each for each in shown if not accounts.is_blocked(world, each.host, str(user))]
    return shown, following


def listing_of(which: List, user: str | None) -> str:
    """The partition of the index that holds the list."""
    if which == "invited":
        return f"invited#{user}"
    return hosted_by(user or "") if which == "past" else which


def _is(stream: Stream, which: List) -> bool:
    if which == "invited":
        return stream.is_open
    return {"live": stream.state == "live", "upcoming": stream.state == "scheduled", "past": not stream.is_open}[which]


def _over(world: World, stream: Stream, now: Millis) -> bool:
    """Whether time has ended it, though nobody has noticed yet."""
    over = model.runs_out(stream, world.settings.rules)
    return over is not None and over[0] <= now


def unsettled(world: World, host: str) -> bool:
    """Whether what a stream of that host earned is not theirs yet though it is over, and cannot be settled now. A list
    is asked, which may be a moment behind. Raises Unavailable.
    """
    page, _ = listing(world, "past", None, host, _LATELY_OVER, None)
    return any(advance(world, each).state == "ended" for each in page if each.state == "ended")
