"""Watching a stream: who may, a token to do so, and who is there as Agora tells it."""

from collections.abc import Callable
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease, Notice
from chalicelib.kernel.errors import Unavailable
from chalicelib.live.gift_store import gift_rows
from chalicelib.live.model import access
from chalicelib.live.model import stream as model
from chalicelib.live.model import viewer as viewers
from chalicelib.live.model.stream import HOST_UID, Stream
from chalicelib.live.model.terms import Barred
from chalicelib.live.model.viewer import Viewer
from chalicelib.live.service import advance, by_host, load, now_of, publish, written
from chalicelib.live.store import Streams, streams_of
from chalicelib.runtime.retries import undisturbed

_UIDS: Final = 8
"""Numbers that are tried for one viewer: two people seldom have one."""
_PEAKS: Final = 3
_TRIES: Final = 30


def join(world: World, stream_id: str, user: str) -> tuple[Stream, Lease]:
    """A token to watch a live stream, or another one: everything is checked anew. The host's publishes.

    Whether they are there is Agora's to tell. Raises NotFound, InvalidState (not live), Forbidden (banned, not invited,
    no ticket), Blocked, ProviderFailed, Unavailable.
    """
    stream = load(world, stream_id)
    if user == stream.host:
        return publish(world, stream_id, user)
    rows = streams_of(world)

    def attempt() -> tuple[Stream, Lease]:
        live = advance(world, load(world, stream_id))
        was = rows.viewer(stream_id, user)
        if why := barred(world, live, user, was):
            raise access.refusal(why)
        live.must_be_live()
        now = now_of(world, live)
        uid = was.uid or _free_uid(rows, was)
        until = model.lease_end(live, now, world.settings.rules)
        wanted = viewers.seated(was, uid, until, max(now, was.at))
        lease = world.media.lease(
            channel=stream_id, uid=uid, user=user, expires_at=until, publisher=False, chat=not wanted.muted
        )
        taken = [rows.take_uid(wanted)] if rows.whose(stream_id, uid) is None else []
        world.tables.write(*rows.keep_viewer(wanted, was), *taken)
        return live, lease

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def _free_uid(rows: Streams, viewer: Viewer) -> int:
    """A number that is nobody's, or theirs. Raises Unavailable."""
    for tried in range(_UIDS):
        uid = viewers.uid_of(viewer, tried)
        if rows.whose(viewer.stream, uid) in (None, viewer.user):
            return uid
    raise Unavailable("There is no place in this stream. Try again in a moment.")


def leave(world: World, stream_id: str, user: str) -> None:
    """Say that one leaves, as Agora will tell too; the host is waited for two minutes. Raises NotFound."""
    stream = load(world, stream_id)
    if user == stream.host:
        by_host(world, stream_id, user, lambda now: (model.stepped_out(now, now_of(world, now)), []))
    else:
        change_viewer(world, stream, user, lambda was: viewers.stepped_out(was, now_of(world, stream)))
        advance(world, stream)


def hear(world: World, notice: Notice) -> None:
    """Take Agora's word for who is in the channel of a live stream. What is old, or of nobody, changes nothing.

    Raises Unavailable when storage stays contended.
    """
    stream = streams_of(world).get(notice.channel)
    if stream is None or stream.state != "live":
        return
    if notice.uid == HOST_UID:
        _hear_of_host(world, stream, notice)
        return
    user = streams_of(world).whose(stream.id, notice.uid)
    if user is None:
        return

    def told(was: Viewer) -> Viewer:
        now = max(world.now(), was.at)
        return viewers.told(was, notice.uid, notice.seq, now, joined=notice.joined)

    change_viewer(world, stream, user, told)
    if notice.joined:  # also of what was written before, whose answer was lost
        _raise_peak(world, stream.id)


def _hear_of_host(world: World, stream: Stream, notice: Notice) -> None:
    """Before what time has made due: that the host was there by then may be the very news."""
    for _ in range(_TRIES):
        now, rules = now_of(world, stream), world.settings.rules
        if notice.joined:
            wanted = model.host_entered(stream, notice.seq, notice.at, now, rules)
        else:
            wanted = model.host_left(stream, notice.seq, notice.at, now, rules)
        done = stream if wanted is stream else written(world, wanted, stream)
        if done:
            advance(world, done)
            return
        stream = load(world, stream.id)
    raise Unavailable("The stream is too busy.")


def _raise_peak(world: World, stream_id: str) -> None:
    """Keep the most that were there at once. Where it cannot be written now, the next who comes does it."""
    for _ in range(_PEAKS):
        raised = streams_of(world).raise_peak(stream_id)
        if raised is None or world.wrote(raised):
            return


def change_viewer(
    world: World, stream: Stream, user: str, decide: Callable[[Viewer], Viewer], *, new: bool = False
) -> None:
    """Write what is decided of them. Who was never before the stream stays unknown unless ``new``."""
    rows = streams_of(world)

    def attempt() -> None:
        was = rows.viewer(stream.id, user)
        wanted = decide(was) if was.rev or new else was
        if wanted is not was:
            world.tables.write(*rows.keep_viewer(wanted, was))

    undisturbed(world.sleep, attempt, tries=_TRIES)


def watched(world: World, stream_id: str, user: str) -> Stream:
    """The stream, up to date, for who may watch it, live or not. Raises NotFound, Forbidden, Blocked."""
    stream = advance(world, load(world, stream_id))
    viewer = None if user == stream.host else streams_of(world).viewer(stream_id, user)
    if viewer and (why := barred(world, stream, user, viewer)):
        raise access.refusal(why)
    return stream


def welcome(world: World, stream: Stream, user: str) -> None:
    """Raises Forbidden and Blocked for who may not watch the stream, a ticket aside."""
    viewer = streams_of(world).viewer(stream.id, user)
    why = barred(world, stream, user, viewer)
    if why not in (None, "no_ticket"):
        raise access.refusal(why)


def barred(world: World, stream: Stream, user: str, viewer: Viewer) -> Barred | None:
    """Why ``user``, of whom that is known, may not watch the stream; None where they may."""
    private, premium = stream.visibility == "private", stream.visibility == "premium"
    return access.barred(
        stream,
        user,
        banned=viewer.banned,
        blocked=accounts.is_blocked(world, stream.host, user),
        invited=private and bool(streams_of(world).invited(stream.id, [user])),
        ticket=premium and gift_rows(world).ticket(stream.id, user) is not None,
    )
