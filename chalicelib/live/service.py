"""Streams: scheduling one, going live, watching, keeping order, and the end.

``advance`` brings a stream up to date: it ends one whose time is over or whose host is gone, settles it, and empties
its channel. Calling it at any moment, twice, late, or from many places at once changes nothing that one call would not:
each step is one write on the stream as it was read. What is earned is ``settlement``'s; no money is touched here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease, Notice
from chalicelib.kernel.clock import clock_lost
from chalicelib.kernel.errors import (
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    InvalidState,
    NotFound,
    Problem,
    Unavailable,
)
from chalicelib.kernel.time import Millis
from chalicelib.live.gift_store import gift_rows
from chalicelib.live.model import access
from chalicelib.live.model import stream as model
from chalicelib.live.model import viewer as viewers
from chalicelib.live.model.stream import HOST_UID, SPARE, Stream
from chalicelib.live.model.terms import Barred, Reason, Visibility
from chalicelib.live.model.viewer import Viewer
from chalicelib.live.store import REMOVAL, STREAM, Streams, hosted_by, streams_of
from chalicelib.readers import service as readers
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import ConditionFailed, Contended, Key, Operation

_STEPS: Final = 10
"""More than a stream can owe at once."""
_TRIES: Final = 30
_PROMISES: Final = 3
_UIDS: Final = 8
"""Numbers that are tried for one viewer: two people seldom have one."""
_PEAKS: Final = 3
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


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody before a stream, as who keeps order sees them."""

    user: str
    name: str
    moderator: bool
    muted: bool
    banned: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a host asks for. The price is in coins; ``starts_at`` None is now."""

    title: str
    visibility: Visibility
    price: int | None
    starts_at: Millis | None
    invited: tuple[str, ...]


# --- making one ----------------------------------------------------------------------------------


def create(world: World, host: str, stream_id: str, wanted: Wanted) -> Stream:
    """Schedule a stream of a verified reader, who can have one. ``stream_id`` derives from the request.

    Raises Forbidden (not verified), Invalid, InvalidState (has another one), IdempotencyMismatch (the same id was
    derived for another request), Unavailable.
    """
    rows = streams_of(world)
    for _ in range(_TRIES):
        if done := rows.get(stream_id):
            return advance(world, _same(done, wanted))
        reader = readers.reader(world, host)
        if not reader.verified or reader.description is None:
            raise Forbidden("Only verified readers have streams.")
        now = world.now()
        invited = tuple(dict.fromkeys(each for each in wanted.invited if each != host))
        asked = Stream(
            id=stream_id,
            host=host,
            host_name=reader.description.name,
            title=wanted.title,
            visibility=wanted.visibility,
            price=wanted.price,
            starts_at=now if wanted.starts_at is None else wanted.starts_at,
            created_at=now,
            at=now,
        )
        made = model.scheduled(asked, len(invited), now)
        _must_be_people(world, invited, "invited")
        try:
            world.tables.write(*rows.create(made, invited))
        except ConditionFailed as failed:
            if 0 not in failed.found and (lock := failed.found.get(1)):
                _refuse_if_open(world, str(lock["stream"]))
            continue
        except Contended:
            world.breathe()
            continue
        log.info("stream_scheduled", stream=stream_id)
        return advance(world, made)
    raise Unavailable("The stream is too busy.")


def _same(done: Stream, wanted: Wanted) -> Stream:
    """The stream made before under this id, if it was asked for in the same words."""
    same_time = wanted.starts_at in (None, done.starts_at)
    if not same_time or (done.visibility, done.price) != (wanted.visibility, wanted.price):
        raise IdempotencyMismatch
    return done


def _refuse_if_open(world: World, stream_id: str) -> None:
    """Raise InvalidState for a host whose other stream is not over."""
    other = streams_of(world).get(stream_id)
    if other and advance(world, other).is_open:
        raise InvalidState("You have a stream that is live or to come. End it first.")


def invite(world: World, stream_id: str, host: str, users: Sequence[str]) -> Stream:
    """Invite more people to a private stream; who is invited already does not count again.

    Raises NotFound, Forbidden (not the host), Invalid (nobody here), InvalidState (not private, over, too many).
    """
    rows = streams_of(world)
    asked = [each for each in dict.fromkeys(users) if each != host]

    def decide(stream: Stream) -> tuple[Stream, list[Operation]]:
        known = rows.invited(stream_id, asked) if asked else set()
        new = [each for each in asked if each not in known]
        wanted = model.with_invited(stream, len(new), _now(world, stream))
        _must_be_people(world, new, "users")
        return wanted, [*rows.invite(stream, new)]

    return _by_host(world, stream_id, host, decide)


def _must_be_people(world: World, users: Sequence[str], field: str) -> None:
    """Raises Invalid where one of them is nobody, or has left."""
    for user in users:
        try:
            here = not accounts.person(world, user).deleted
        except NotFound:
            here = False
        if not here:
            raise Invalid(errors=({"field": field, "message": f"There is nobody with the id {user}."},))


def appoint(world: World, stream_id: str, host: str, user: str, *, moderator: bool) -> Standing:
    """Make ``user`` a moderator of the stream, or no longer.

    Raises NotFound, Forbidden (not the host), InvalidState (banned, gone, over, more than ten), Blocked.
    """

    def decide(stream: Stream) -> tuple[Stream, list[Operation]]:
        if moderator:
            _must_be_fit(world, stream, person)
        return model.moderated_by(stream, user, _now(world, stream), moderator=moderator), []

    person = accounts.person(world, user)
    return _standing(world, _by_host(world, stream_id, host, decide), user, person.display_name)


def _must_be_fit(world: World, stream: Stream, person: accounts.Person) -> None:
    """Raises InvalidState, Blocked for who cannot be a moderator."""
    if person.deleted:
        raise InvalidState("They have left.")
    if streams_of(world).viewer(stream.id, person.id).banned:
        raise InvalidState("They are banned from this stream.")
    if accounts.is_blocked(world, stream.host, person.id):
        raise access.refusal("blocked")


def _by_host(
    world: World, stream_id: str, host: str, decide: Callable[[Stream], tuple[Stream, list[Operation]]]
) -> Stream:
    """Have the host change the stream, up to date, with what is written beside it."""
    stream = load(world, stream_id)
    stream.must_be_hosts(host)
    for _ in range(_TRIES):
        stream = advance(world, stream)
        wanted, beside = decide(stream)
        if wanted is stream:
            return stream
        if done := _write(world, wanted, stream, *beside):
            return advance(world, done)
        stream = load(world, stream_id)
    raise Unavailable("The stream is too busy.")


# --- going live, and the end ---------------------------------------------------------------------


def start(world: World, stream_id: str, host: str, *beside: Operation) -> tuple[Stream, Lease]:
    """Go live, with a token to publish; what else must hold is ``beside`` it. Repeating it gives another token.

    Raises NotFound, Forbidden (not the host, or no verified reader any more), InvalidState (too early, over),
    ConditionFailed where an operation of ``beside`` does not hold, ProviderFailed, Unavailable.
    """
    stream = load(world, stream_id)
    stream.must_be_hosts(host)
    if not readers.reader(world, host).verified:
        raise Forbidden("Only verified readers have streams.")
    for _ in range(_TRIES):
        stream = advance(world, stream)
        if stream.state == "live":
            return publish(world, stream_id, host)
        wanted = model.started(stream, _now(world, stream), world.settings.rules)
        lease = _publishing(world, wanted)  # where there can be none, nobody goes live
        raised, operations = streams_of(world).replace(wanted, was=stream)
        try:
            world.tables.write(*operations, *beside, *_word_of_start(world, raised))
        except ConditionFailed as failed:
            if 0 not in failed.found:
                raise
        except Contended:
            world.breathe()
        else:
            log.info("stream_started", stream=stream_id)
            return advance(world, raised), lease
        stream = load(world, stream_id)
    raise Unavailable("The stream is too busy.")


def _word_of_start(world: World, live: Stream) -> list[Operation]:
    """For the host's followers: ``notifications`` hands it on to each. A private stream is announced to nobody."""
    if live.visibility == "private":
        return []
    told = outbox.notice(
        world.settings.tables.notices,
        to=live.host,
        kind="stream_live",
        fact=live.id,
        at=live.at,
        facts={"at": live.at, "stream": live.id},
    )
    return [told]


def publish(world: World, stream_id: str, host: str) -> tuple[Stream, Lease]:
    """A fresh token for the host of a live stream.

    Raises NotFound, Forbidden, InvalidState, ProviderFailed, Unavailable.
    """

    def attempt() -> tuple[Stream, Lease]:
        stream = load(world, stream_id)
        stream.must_be_hosts(host)
        stream = advance(world, stream)
        wanted = model.renewed(stream, _now(world, stream), world.settings.rules)
        lease = _publishing(world, wanted)
        raised, operations = streams_of(world).replace(wanted, was=stream)
        world.tables.write(*operations)
        live = advance(world, raised)
        live.must_be_live()
        return live, lease

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def _publishing(world: World, stream: Stream) -> Lease:
    return world.media.lease(
        channel=stream.id,
        uid=HOST_UID,
        user=stream.host,
        expires_at=stream.lease_until or stream.at,
        publisher=True,
    )


def end(world: World, stream_id: str, host: str) -> Stream:
    """Over: a live one ends, one to come is called off. Repeating it changes nothing. Raises NotFound, Forbidden."""
    return _by_host(world, stream_id, host, lambda stream: (model.finished(stream, _now(world, stream)), []))


def force_end(world: World, stream_id: str, reason: Reason | None, *, actor: str, note: str) -> Stream:
    """An admin ends what is live or to come, audited; for no other ``reason`` as if its host did. Raises NotFound."""
    stream = load(world, stream_id)
    for _ in range(_TRIES):
        stream = advance(world, stream)
        now = _now(world, stream)
        if not stream.is_open:
            return stream
        entry = audit.entry(
            world.settings.tables.audit,
            subject=stream_id,
            action="stream_force_ended",
            actor=actor,
            reason=note,
            at=now,
            detail={"state": stream.state},
        )
        if done := _write(world, model.finished(stream, now, reason), stream, entry):
            return advance(world, done)
        stream = load(world, stream_id)
    raise Unavailable("The stream is too busy.")


def end_open(world: World, host: str, reason: Reason | None, *, actor: str, note: str) -> Stream | None:
    """End whatever stream that reader has, for they are shut out or leave; None where they have none."""
    found = open_of(world, host)
    return force_end(world, found.id, reason, actor=actor, note=note) if found else None


# --- watching ------------------------------------------------------------------------------------


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
        if why := _barred(world, live, user, was):
            raise access.refusal(why)
        live.must_be_live()
        now = _now(world, live)
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
        _by_host(world, stream_id, user, lambda now: (model.stepped_out(now, _now(world, now)), []))
    else:
        _change_viewer(world, stream, user, lambda was: viewers.stepped_out(was, _now(world, stream)))
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

    _change_viewer(world, stream, user, told)
    if notice.joined:  # also of what was written before, whose answer was lost
        _raise_peak(world, stream.id)


def _hear_of_host(world: World, stream: Stream, notice: Notice) -> None:
    """Before what time has made due: that the host was there by then may be the very news."""
    for _ in range(_TRIES):
        now, rules = _now(world, stream), world.settings.rules
        if notice.joined:
            wanted = model.host_entered(stream, notice.seq, notice.at, now, rules)
        else:
            wanted = model.host_left(stream, notice.seq, notice.at, now, rules)
        done = stream if wanted is stream else _write(world, wanted, stream)
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


# --- keeping order -------------------------------------------------------------------------------


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
    _change_viewer(world, stream, user, lambda was: decide(was, max(world.now(), was.at)), new=True)
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


def _change_viewer(
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


# --- looking at it -------------------------------------------------------------------------------


def load(world: World, stream_id: str) -> Stream:
    """The stream as stored. Raises NotFound."""
    stream = streams_of(world).get(stream_id)
    if stream is None:
        raise NotFound("There is no such stream.")
    return stream


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
        why = _barred(world, stream, viewer.user, viewer)
    if stream.state != "live" and (why is None or (not stream.is_open and stream.visibility != "private")):
        why = "not_live"
    return replace(seen, barred=why, viewer=viewer, asked=True)


def as_listed(world: World, stream: Stream) -> Seen:
    """The stream as it stands in a list, for anybody."""
    there, peak = streams_of(world).audience(stream.id) if stream.started_at is not None else (0, 0)
    return Seen(stream, there if stream.state == "live" else 0, peak, asked=False)


def watched(world: World, stream_id: str, user: str) -> Stream:
    """The stream, up to date, for who may watch it, live or not. Raises NotFound, Forbidden, Blocked."""
    stream = advance(world, load(world, stream_id))
    viewer = None if user == stream.host else streams_of(world).viewer(stream_id, user)
    if viewer and (why := _barred(world, stream, user, viewer)):
        raise access.refusal(why)
    return stream


def welcome(world: World, stream: Stream, user: str) -> None:
    """Raises Forbidden and Blocked for who may not watch the stream, a ticket aside."""
    viewer = streams_of(world).viewer(stream.id, user)
    why = _barred(world, stream, user, viewer)
    if why not in (None, "no_ticket"):
        raise access.refusal(why)


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


def open_of(world: World, host: str) -> Stream | None:
    """The stream that the reader has live or to come, brought up to date."""
    found = streams_of(world).open_of(host)
    stream = streams_of(world).get(found) if found else None
    stream = advance(world, stream) if stream else None
    return stream if stream and stream.is_open else None


def _barred(world: World, stream: Stream, user: str, viewer: Viewer) -> Barred | None:
    private, premium = stream.visibility == "private", stream.visibility == "premium"
    return access.barred(
        stream,
        user,
        banned=viewer.banned,
        blocked=accounts.is_blocked(world, stream.host, user),
        invited=private and bool(streams_of(world).invited(stream.id, [user])),
        ticket=premium and gift_rows(world).ticket(stream.id, user) is not None,
    )


# --- bringing it up to date ----------------------------------------------------------------------


def advance(world: World, stream: Stream) -> Stream:
    """Bring the stream up to date, do what it owes the outside, see that its clock runs; return it as it is then."""
    from chalicelib.live import settlement

    for _ in range(_STEPS):
        now = _now(world, stream)
        over = model.runs_out(stream, world.settings.rules)
        if stream.state == "ended":
            if not settlement.settle(world, stream):
                return _looked_after(world, stream, now)
            stream = load(world, stream.id)
            continue
        if over is None or now < over[0]:
            return _looked_after(world, stream, now)
        at, reason = over
        done = _write(world, model.ended(stream, at, reason, now), stream)
        stream = done or load(world, stream.id)
    raise Unavailable("The stream is too busy.")


def called_by_clock(world: World, stream_id: str, epoch: int, turn: int) -> Millis | None:
    """Bring the stream up to date for that execution of the clock; answer when it must call again, None for never.

    What is answered is kept as its promise. Where that cannot be written, another execution may take over needlessly.
    Raises NotFound, Unavailable.
    """
    for _ in range(_PROMISES):
        stream = advance(world, load(world, stream_id))
        wake = model.wake_at(stream, _now(world, stream), world.settings.rules)
        if wake is None or (stream.epoch, stream.clock_turn) != (epoch, turn):
            return None
        if _write(world, replace(stream, clock_at=wake), stream):
            break
    return wake


def look_after(world: World, stream_id: str) -> Stream:
    """Bring the stream up to date, whatever a listing said of it. Raises NotFound, Unavailable."""
    return advance(world, load(world, stream_id))


def unsettled(world: World, host: str) -> bool:
    """Whether what a stream of that host earned is not theirs yet though it is over, and cannot be settled now. A list
    is asked, which may be a moment behind. Raises Unavailable.
    """
    page, _ = listing(world, "past", None, host, _LATELY_OVER, None)
    return any(advance(world, each).state == "ended" for each in page if each.state == "ended")


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
    """Keys of streams that are to be looked at now, for the minute tick. The page may be a moment behind."""
    return streams_of(world).page_of_shard(STREAM, shard, world.now(), limit, start)


def page_of_removals(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
    """Keys of viewers who are to be put out, for the minute tick."""
    return streams_of(world).page_of_shard(REMOVAL, shard, world.now(), limit, start)


def rename(world: World, stream_id: str, name: str) -> None:
    """Show ``name`` as its host's. May be repeated. Raises NotFound, Unavailable."""

    def attempt() -> None:
        stream = load(world, stream_id)
        if stream.host_name != name:
            _, operations = streams_of(world).replace(replace(stream, host_name=name), was=stream)
            world.tables.write(*operations)

    undisturbed(world.sleep, attempt)


def _looked_after(world: World, stream: Stream, now: Millis) -> Stream:
    """See that a clock runs for it, and that nobody is left in its channel. Neither may disturb it."""
    done = _emptied(world, _wound(world, stream, now), now)
    if done is stream:
        return stream
    return _write(world, done, stream) or stream


def _wound(world: World, stream: Stream, now: Millis) -> Stream:
    """See that an execution of the clock runs for the stream's epoch: one that never started, or was lost, is made up
    for here.
    """
    lost = clock_lost(stream, now)
    wake = model.wake_at(stream, now, world.settings.rules)
    if wake is None or not (lost or stream.clock_epoch != stream.epoch):
        return stream
    turn = stream.clock_turn + lost
    if not world.wind(STREAM, stream.id, stream.epoch, wake, turn, lost=lost):
        return stream
    return replace(stream, clock_epoch=stream.epoch, clock_turn=turn, clock_at=wake)


def _emptied(world: World, stream: Stream, now: Millis) -> Stream:
    """Put everybody out of the channel of a stream that is over, for as long as a token lives. What fails is owed, and
    the tick tries again.
    """
    if not stream.owes_removal:
        return stream
    lasts = model.barred_until(stream, world.settings.rules) - now
    try:
        if lasts > 0:
            world.media.remove(stream.id, None, bar=lasts)
    except Problem as problem:
        log.warning("removal_owed", stream=stream.id, code=problem.code)
        return stream
    return replace(stream, cleared=True)


def _now(world: World, stream: Stream) -> Millis:
    """Never before what the row has seen, so a fast clock elsewhere cannot make time run backwards."""
    return max(world.now(), stream.at)


def _write(world: World, wanted: Stream, was: Stream, *beside: Operation) -> Stream | None:
    """None where somebody was faster, or the outcome is unknown."""
    raised, operations = streams_of(world).replace(wanted, was=was)
    if not world.wrote(*operations, *beside):
        return None
    if raised.state != was.state:
        log.info("stream_moved", stream=raised.id, state=raised.state, reason=raised.ended_for or "")
    return raised
