"""Streams: scheduling one, going live, and the end.

``advance`` brings a stream up to date: it ends one whose time is over or whose host is gone, settles it, and empties
its channel. Calling it at any moment, twice, late, or from many places at once changes nothing that one call would not:
each step is one write on the stream as it was read. What is earned is ``settlement``'s; no money is touched here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease
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
from chalicelib.live.model import stream as model
from chalicelib.live.model.stream import HOST_UID, Stream
from chalicelib.live.model.terms import Reason, Visibility
from chalicelib.live.store import REMOVAL, STREAM, streams_of
from chalicelib.readers import service as readers
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import ConditionFailed, Contended, Key, Operation

_STEPS: Final = 10
"""More than a stream can owe at once."""
_TRIES: Final = 30
_PROMISES: Final = 3


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
        wanted = model.with_invited(stream, len(new), now_of(world, stream))
        _must_be_people(world, new, "users")
        return wanted, [*rows.invite(stream, new)]

    return by_host(world, stream_id, host, decide)


def _must_be_people(world: World, users: Sequence[str], field: str) -> None:
    """Raises Invalid where one of them is nobody, or has left."""
    for user in users:
        try:
            here = not accounts.person(world, user).deleted
        except NotFound:
            here = False
        if not here:
            raise Invalid(errors=({"field": field, "message": f"There is nobody with the id {user}."},))


def by_host(
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
        if done := written(world, wanted, stream, *beside):
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
        wanted = model.started(stream, now_of(world, stream), world.settings.rules)
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
        wanted = model.renewed(stream, now_of(world, stream), world.settings.rules)
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
    return by_host(world, stream_id, host, lambda stream: (model.finished(stream, now_of(world, stream)), []))


def force_end(world: World, stream_id: str, reason: Reason | None, *, actor: str, note: str) -> Stream:
    """An admin ends what is live or to come, audited; for no other ``reason`` as if its host did. Raises NotFound."""
    stream = load(world, stream_id)
    for _ in range(_TRIES):
        stream = advance(world, stream)
        now = now_of(world, stream)
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
        if done := written(world, model.finished(stream, now, reason), stream, entry):
            return advance(world, done)
        stream = load(world, stream_id)
    raise Unavailable("The stream is too busy.")


def end_open(world: World, host: str, reason: Reason | None, *, actor: str, note: str) -> Stream | None:
    """End whatever stream that reader has, for they are shut out or leave; None where they have none."""
    found = open_of(world, host)
    return force_end(world, found.id, reason, actor=actor, note=note) if found else None


# --- looking at it -------------------------------------------------------------------------------


def load(world: World, stream_id: str) -> Stream:
    """The stream as stored. Raises NotFound."""
    stream = streams_of(world).get(stream_id)
    if stream is None:
        raise NotFound("There is no such stream.")
    return stream


def open_of(world: World, host: str) -> Stream | None:
    """The stream that the reader has live or to come, brought up to date."""
    found = streams_of(world).open_of(host)
    stream = streams_of(world).get(found) if found else None
    stream = advance(world, stream) if stream else None
    return stream if stream and stream.is_open else None


# --- bringing it up to date ----------------------------------------------------------------------


def advance(world: World, stream: Stream) -> Stream:
    """Bring the stream up to date, do what it owes the outside, see that its clock runs; return it as it is then."""
    from chalicelib.live import settlement

    for _ in range(_STEPS):
        now = now_of(world, stream)
        over = model.runs_out(stream, world.settings.rules)
        if stream.state == "ended":
            if not settlement.settle(world, stream):
                return _looked_after(world, stream, now)
            stream = load(world, stream.id)
            continue
        if over is None or now < over[0]:
            return _looked_after(world, stream, now)
        at, reason = over
        done = written(world, model.ended(stream, at, reason, now), stream)
        stream = done or load(world, stream.id)
    raise Unavailable("The stream is too busy.")


def called_by_clock(world: World, stream_id: str, epoch: int, turn: int) -> Millis | None:
    """Bring the stream up to date for that execution of the clock; answer when it must call again, None for never.

    What is answered is kept as its promise. Where that cannot be written, another execution may take over needlessly.
    Raises NotFound, Unavailable.
    """
    for _ in range(_PROMISES):
        stream = advance(world, load(world, stream_id))
        wake = model.wake_at(stream, now_of(world, stream), world.settings.rules)
        if wake is None or (stream.epoch, stream.clock_turn) != (epoch, turn):
            return None
        if written(world, replace(stream, clock_at=wake), stream):
            break
    return wake


def look_after(world: World, stream_id: str) -> Stream:
    """Bring the stream up to date, whatever a listing said of it. Raises NotFound, Unavailable."""
    return advance(world, load(world, stream_id))


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
    return written(world, done, stream) or stream


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


def now_of(world: World, stream: Stream) -> Millis:
    """Never before what the row has seen, so a fast clock elsewhere cannot make time run backwards."""
    return max(world.now(), stream.at)


def written(world: World, wanted: Stream, was: Stream, *beside: Operation) -> Stream | None:
    """The stream as it was written; None where somebody was faster, or the outcome is unknown."""
    raised, operations = streams_of(world).replace(wanted, was=was)
    if not world.wrote(*operations, *beside):
        return None
    if raised.state != was.state:
        log.info("stream_moved", stream=raised.id, state=raised.state, reason=raised.ended_for or "")
    return raised
