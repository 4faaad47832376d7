"""Keeping order in a stream: its moderators, who is muted, who is banned and put out of the channel."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, Problem
from chalicelib.kernel.time import Millis
from chalicelib.live.model import access
from chalicelib.live.model import stream as model
from chalicelib.live.model import viewer as viewers
from chalicelib.live.model.stream import SPARE, Stream
from chalicelib.live.model.viewer import Viewer
from chalicelib.live.service import advance, by_host, load, now_of
from chalicelib.live.store import streams_of
from chalicelib.live.watching import change_viewer, welcome
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Operation


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody before a stream, as who keeps order sees them."""

    user: str
    name: str
    moderator: bool
    muted: bool
    banned: bool


def appoint(world: World, stream_id: str, host: str, user: str, *, moderator: bool) -> Standing:
    """Make ``user`` a moderator of the stream, or no longer.

    Raises NotFound, Forbidden (not the host), InvalidState (banned, gone, over, more than ten), Blocked.
    """

    def decide(stream: Stream) -> tuple[Stream, list[Operation]]:
        if moderator:
            _must_be_fit(world, stream, person)
        return model.moderated_by(stream, user, now_of(world, stream), moderator=moderator), []

    load(world, stream_id).must_be_hosts(host)  # before it is said whether there is such a person
    person = accounts.person(world, user)
    return _standing(world, by_host(world, stream_id, host, decide), user, person.display_name)


def _must_be_fit(world: World, stream: Stream, person: accounts.Person) -> None:
    """Raises InvalidState, Blocked for who cannot be a moderator."""
    if person.deleted:
        raise InvalidState("They have left.")
    if streams_of(world).viewer(stream.id, person.id).banned:
        raise InvalidState("They are banned from this stream.")
    if accounts.is_blocked(world, stream.host, person.id):
        raise access.refusal("blocked")


def mute(world: World, stream_id: str, actor: str, user: str, *, muted: bool) -> Standing:
    """Give ``user`` no more tokens to write with, or again.

    Raises NotFound, Forbidden, Blocked (host and moderator), InvalidState (over).
    """
    return _moderate(world, stream_id, actor, user, lambda was, now: viewers.muted(was, now, on=muted))


def ban(world: World, stream_id: str, actor: str, user: str, *, banned: bool) -> Standing:
    """Put ``user`` out and let them in no more, or let them in again. Raises as ``mute`` does."""
    found = _moderate(world, stream_id, actor, user, lambda was, now: viewers.banned(was, now, on=banned))
    put_out(world, stream_id, user)
    return found


def _moderate(
    world: World, stream_id: str, actor: str, user: str, decide: Callable[[Viewer, Millis], Viewer]
) -> Standing:
    stream = advance(world, load(world, stream_id))
    viewers.must_moderate(stream, actor, user)
    if actor != stream.host:
        welcome(world, stream, actor)
    name = accounts.person(world, user).display_name
    change_viewer(world, stream, user, lambda was: decide(was, max(world.now(), was.at)), new=True)
    return _standing(world, stream, user, name)


def _standing(world: World, stream: Stream, user: str, name: str) -> Standing:
    viewer = streams_of(world).viewer(stream.id, user)
    return Standing(user, name, user in stream.moderators, viewer.muted, viewer.banned)


def put_out(world: World, stream_id: str, user: str) -> None:
    """Put out of the channel what is owed to be. What fails is owed still; the minute tick tries again."""
    rows = streams_of(world)
    viewer = rows.viewer(stream_id, user)
    done = viewer
    try:
        for uid, until in viewer.owed:
            lasts = until + SPARE - world.now()
            if lasts > 0:
                world.media.remove(stream_id, uid, bar=lasts)
            done = viewers.put_out(done, uid)
    except Problem as problem:
        log.warning("removal_owed", stream=stream_id, code=problem.code)
    if done is not viewer:
        world.wrote(*rows.keep_viewer(done, viewer))
