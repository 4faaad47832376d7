"""Readings: living through one, paying it out.

``advance`` brings a session up to date: it is the one function behind both clocks and every request. It decides in
pure code (``model.due``), carries out one step as one conditional write, and looks again, until nothing is due.
Calling it at any moment, twice, late, or from many places at once changes nothing that one call would not.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease, Notice
from chalicelib.kernel.clock import clock_lost
from chalicelib.kernel.errors import (
    NotFound,
    Problem,
    Unavailable,
)
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis, ceil_div
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation, Put
from chalicelib.sessions.costs import cost
from chalicelib.sessions.model import commands, notices
from chalicelib.sessions.model.commands import Command
from chalicelib.sessions.model.due import Charge, Settle, decide, wake_at
from chalicelib.sessions.model.session import Session, Step, Who
from chalicelib.sessions.store import session_rows, shard_of
from chalicelib.wallet import metering
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.funds import Funds

__all__ = ["shard_of"]

_STEPS: Final = 60
"""More than any session can owe at once: a charge is one step however many minutes it posts."""
_TRIES: Final = 30
_PROMISES: Final = 3
_UIDS: Final[dict[Who, int]] = {"client": 1, "reader": 2}
_SIDES: Final[dict[int, Who]] = {uid: who for who, uid in _UIDS.items()}
_REMOVALS: Final = 4
"""At most so many channels are emptied in one go; the rest is owed still, and the next minute's."""


class Snapshot:
    """A session with its wallet at one moment: what every decision and every view is made on.

    The moment is never before what the two have seen, so a fast clock elsewhere cannot make time run backwards. The
    wallet is read when it is first asked for: an ended session does not need it.
    """

    def __init__(self, world: World, session: Session, newest: Entry | None = None) -> None:
        self._world = world
        self._newest = newest
        self.session = session

    def now_as(self, session: Session) -> "Snapshot":
        """The same wallet, with the session as it was just written."""
        return Snapshot(self._world, session, self.__dict__.get("newest", self._newest))

    @cached_property
    def newest(self) -> Entry:
        """The newest entry of the client's credit."""
        return self._newest or wallet.head(self._world, self.session.client.user)

    @cached_property
    def now(self) -> Millis:
        """The moment that decisions are made at."""
        paid_by_wallet = self.session.is_open and self.session.booking is None
        return max(self._world.now(), self.session.at, self.newest.at if paid_by_wallet else 0)

    @property
    def in_step(self) -> bool:
        """Whether session and wallet were read at the same moment of the reading's life."""
        return self.session.booking is not None or self.session.in_step(self.newest.meter)

    @cached_property
    def funds(self) -> Funds:
        """How long the client's credit lasts; where a booking has paid, until its end."""
        session = self.session
        if session.booking:
            left = session.last_moment(self.now, self._world.settings.rules) - self.now
            return Funds(None, session.prepaid or 0, None, None, max(0, left), None)
        minutes = session.max_minutes(self.now, self._world.settings.rules)
        return metering.funds(self._world, self.newest, session.id, session.rate, minutes, self.now)


# --- living through it ---------------------------------------------------------------------------


def perform(world: World, session_id: str, user: str, command: Command) -> Snapshot:
    """Carry out a command of ``user`` on a session that is up to date, and whatever follows from it.

    Raises NotFound, Forbidden, and what the command raises; Unavailable when storage stays contended.
    """

    def step_of(seen: Snapshot) -> Step | None:
        return command(seen.session, seen.session.who(user), seen.funds, seen.now, world.settings.rules)

    session = load(world, session_id)
    session.who(user)
    return _take(world, session, step_of)


def hear(world: World, notice: Notice) -> None:
    """Take Agora's word for who is in a channel. What is old, or of no channel of ours, changes nothing.

    Raises Unavailable when storage stays contended.
    """
    who, session_id = _SIDES.get(notice.uid), notice.channel.rpartition("-")[0]
    session = session_rows(world).get(session_id) if who and session_id else None
    if who is None or session is None or session.channel != notice.channel:
        return

    def step_of(seen: Snapshot) -> Step | None:
        session, rules = seen.session, world.settings.rules
        if session.channel != notice.channel:
            return None
        if notice.joined:
            return notices.entered(session, who, notice.seq, notice.at, seen.funds, seen.now, rules)
        return notices.departed(session, who, notice.seq, notice.at, seen.funds, seen.now, rules)

    _take(world, session, step_of)


def force_end(world: World, session_id: str, *, actor: str, note: str) -> Snapshot:
    """An admin ends whatever is open, audited. Raises NotFound."""
    return _by_admin(
        world, session_id, "session_force_ended", actor, note, lambda seen: commands.force_end(seen.session, seen.now)
    )


def safety_stop(world: World, session_id: str, *, actor: str, note: str) -> Snapshot:
    """An admin stops a talk for somebody's safety, audited. Raises NotFound."""
    return _by_admin(
        world,
        session_id,
        "session_safety_stopped",
        actor,
        note,
        lambda seen: commands.safety_stop(seen.session, seen.now, world.settings.rules),
    )


def _by_admin(
    world: World, session_id: str, action: str, actor: str, note: str, step_of: Callable[[Snapshot], Step | None]
) -> Snapshot:
    session = load(world, session_id)
    entry = audit.entry(
        world.settings.tables.audit,
        subject=session_id,
        action=action,
        actor=actor,
        reason=note,
        at=world.now(),
        detail={"state": session.state},
    )
    return _take(world, session, step_of, entry)


def _take(world: World, session: Session, step_of: Callable[[Snapshot], Step | None], *beside: Operation) -> Snapshot:
    for _ in range(_TRIES):
        seen = advance(world, session)  # with its clock wound, also where the command is refused
        step = step_of(seen)
        if step is None:
            return seen
        done = _commit(world, seen, step, *beside)
        if done:
            return looked_after(world, _brought_up_to_date(world, done))
        session = load(world, session.id)
    raise Unavailable("The reading is too busy.")


def lease(world: World, seen: Snapshot, user: str) -> Lease | None:
    """A media lease for ``user``, until the money or the session ends (rule 7); None where nothing is funded.

    The command that made ``seen`` has just checked that the person is there.
    """
    session, rules = seen.session, world.settings.rules
    if session.state not in ("waiting", "active", "reconnecting") or seen.funds.frozen or seen.funds.lasts <= 0:
        return None
    until = min(seen.now + rules.lease, seen.now + seen.funds.lasts, session.last_moment(seen.now, rules))
    return world.media.lease(
        channel=session.channel, uid=_UIDS[session.who(user)], user=user, expires_at=until, publisher=True
    )


# --- reading it ----------------------------------------------------------------------------------


def load(world: World, session_id: str) -> Session:
    """The session as stored. Raises NotFound."""
    session = session_rows(world).get(session_id)
    if session is None:
        raise NotFound("There is no such reading.")
    return session


def current(world: World, session_id: str, user: str) -> Snapshot:
    """The session brought up to date, for one of its two people. Raises NotFound, Forbidden."""
    session = load(world, session_id)
    session.who(user)
    return advance(world, session)


def open_session(world: World, user: str) -> Snapshot | None:
    """The one open session that ``user`` is in, brought up to date."""
    rows = session_rows(world)
    found = rows.open_of(user)
    session = rows.get(found) if found else None
    if session is None:
        return None
    seen = advance(world, session)
    return seen if seen.session.is_open else None


def in_none(world: World, user: str) -> Operation:
    """The operation that fails a transaction where ``user`` is in an open session."""
    return session_rows(world).free(user)


def sessions_of(world: World, who: Who, user: str, limit: int, start: Key | None) -> tuple[list[Snapshot], Key | None]:
    """A page of a person's sessions, newest first; the open one is brought up to date."""
    found, following = session_rows(world).page_of_person(who, user, limit, start)
    return [advance(world, session) if session.is_open else Snapshot(world, session) for session in found], following


def stored_of(world: World, who: Who, user: str, limit: int, start: Key | None) -> tuple[list[Session], Key | None]:
    """A page of a person's sessions as they are stored, newest first."""
    return session_rows(world).page_of_person(who, user, limit, start)


def have_met(world: World, reader: str, client: str) -> bool:
    """Whether these two ever talked in a reading."""
    return session_rows(world).have_met(reader, client)


def busy_among(world: World, people: Sequence[str], *, consistent: bool = True) -> set[str]:
    """Which of these people are in an open session; a moment ago, unless ``consistent``."""
    return session_rows(world).among(people, consistent=consistent)


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Session], Key | None]:
    """Sessions that time can still change, for the minute tick. The page may be a moment behind."""
    return session_rows(world).page_of_shard(shard, limit, start)


def forget(world: World, session_id: str, who: Who) -> None:
    """Take the name of a deleted person out of their reading; ids, times and money stay. May be repeated.

    Raises NotFound, Unavailable when storage stays contended.
    """

    from chalicelib.accounts.model.person import FORGOTTEN_NAME

    def attempt() -> None:
        session = load(world, session_id)
        nameless = session.with_side(who, name=FORGOTTEN_NAME)
        if nameless != session:
            _, operations = session_rows(world).replace(nameless, was=session)
            world.tables.write(*operations)

    undisturbed(world.sleep, attempt)


# --- bringing it up to date ----------------------------------------------------------------------


def advance(world: World, session: Session, *, stale: bool = False) -> Snapshot:
    """Bring the session up to date, and do what it owes the outside; return it as it is then.

    ``stale`` says that ``session`` comes from a listing: it is read again before any transaction, while a plain
    minute needs nothing but the wallet.
    """
    seen = _brought_up_to_date(world, Snapshot(world, session), stale=stale)
    if stale and seen.session is session and session.owes_removal:
        seen = _reread(world, seen)
    return looked_after(world, seen)


def next_wake(world: World, seen: Snapshot) -> Millis | None:
    """When the clock must call again, if nobody acts; None when it need not."""
    if not seen.session.is_open:
        return None
    return wake_at(seen.session, seen.funds, seen.now, world.settings.rules)


def called_by_clock(world: World, session_id: str, epoch: int, turn: int) -> Millis | None:
    """Bring the session up to date for that execution of the clock; answer when it must call again, None for never.

    What is answered is kept as its promise. Where that cannot be written, another execution may take over needlessly:
    this one then ends at its next call. Raises NotFound, Unavailable.
    """
    for _ in range(_PROMISES):
        seen = advance(world, load(world, session_id))
        wake = next_wake(world, seen)
        if wake is None or (seen.session.epoch, seen.session.clock_turn) != (epoch, turn):
            return None
        _, operations = session_rows(world).replace(replace(seen.session, clock_at=wake), was=seen.session)
        if world.wrote(*operations):
            break
    return wake


def _brought_up_to_date(world: World, seen: Snapshot, *, stale: bool = False) -> Snapshot:
    for _ in range(_STEPS):
        if seen.session.state == "finalized":
            return seen
        if seen.session.is_open and not seen.in_step:
            seen = _reread(world, seen)  # it moved on between the two reads
            continue
        due = decide(seen.session, seen.funds, seen.now, world.settings.rules)
        if due is None:
            return seen
        if isinstance(due, Charge):
            seen = Snapshot(world, seen.session, wallet.charge_due(world, seen.newest, due.before))
        elif stale:
            stale = False
            seen = _reread(world, seen)
        else:
            done = _settle(world, seen) if isinstance(due, Settle) else _commit(world, seen, due)
            seen = done or _reread(world, seen)
    raise Unavailable("The reading is too busy.")


def _reread(world: World, seen: Snapshot) -> Snapshot:
    return Snapshot(world, load(world, seen.session.id))


def _commit(world: World, seen: Snapshot, step: Step, *beside: Operation) -> Snapshot | None:
    """Carry out one step as one transaction; None where somebody was faster, or the outcome is unknown."""
    session, extra = step.session, [*beside]
    newest = None if session.booking else seen.newest  # what a booking has paid touches no wallet
    if newest is not None and step.change:
        moved = metering.meter_change(world, seen.newest, step.change, seen.now)
        if moved is None:
            return None
        newest, posting = moved
        extra.append(posting)
        session = _with_entry(session, newest)
    elif newest is not None and step.on_wallet:
        extra.append(wallet.unchanged(world, newest))
    if seen.session.started_at is None and session.started_at is not None:
        extra.append(session_rows(world).meet(session))
    if session.reason == "request_expired":
        extra.append(word_to_reader(world, session, "reading_missed", session.at, {"asked_at": session.created_at}))
    raised, operations = session_rows(world).replace(session, was=seen.session)
    if not world.wrote(*operations, *extra):
        return None
    if newest is not None and step.change:
        wallet.look_after(world, newest)
    if raised.state != seen.session.state:
        log.info("session_moved", session=raised.id, state=raised.state, reason=raised.reason or "")
    return Snapshot(world, raised, newest)


def word_to_reader(world: World, session: Session, kind: str, at: Millis, moment: dict[str, Millis]) -> Put:
    """The operation that has the reader told of the client who asks for them, or asked in vain."""
    facts = {"session": session.id, "from": session.client.user, "modality": session.modality}
    return outbox.notice(
        world.settings.tables.notices,
        to=session.reader.user,
        kind=kind,
        fact=session.id,
        at=at,
        facts={**facts, **moment},
    )


def _with_entry(session: Session, entry: Entry) -> Session:
    """The session with what its entry tells: where its meter begins and ends in the chain, and what was refunded."""
    if session.first_seq is None:
        return replace(session, first_seq=entry.seq)
    if session.is_open:
        return session
    return replace(session, last_seq=entry.seq, refunded=entry.refund)


def _settle(world: World, seen: Snapshot) -> Snapshot | None:
    """ended → finalized: what the talk cost must be what the ledger says; then everyone is paid, in one transaction.

    A mismatch pays nobody and marks the session for review (rule 9).
    """
    session, now = seen.session, seen.now
    receipt = cost(world, session)
    minutes = ceil_div(session.connected_before, world.settings.rules.minute)
    owed = minutes * session.rate - session.refunded
    if not owed == receipt.total == receipt.by_ledger:
        log.error("settlement_mismatch", session=session.id, amount=receipt.by_ledger - owed)
        marked = replace(session, review="settlement_mismatch", at=now)
        raised, operations = session_rows(world).replace(marked, was=session)
        return Snapshot(world, raised) if world.wrote(*operations) else None
    earned, postings = payouts.reading_earned(world, session.reader.user, session.id, owed, now)
    settled = replace(session, state="finalized", finalized_at=now, earned=earned, at=now)
    raised, operations = session_rows(world).replace(settled, was=session)
    entry = audit.entry(
        world.settings.tables.audit,
        subject=session.id,
        action="session_settled",
        actor="system",
        reason=session.reason or "",
        at=now,
        detail={"minutes": minutes, "charged": owed, "earned": earned},
    )
    return Snapshot(world, raised) if world.wrote(*operations, *postings, entry) else None


def settle_booked(world: World, session: Session, refunded: Cents, earned: Cents, now: Millis) -> list[Operation]:
    """The session's part of the transaction in which its booking is settled: ended → finalized.

    Raises ValueError for one that is not an ended session of a booking.
    """
    if session.booking is None or session.state != "ended":
        raise ValueError(f"{session.id} is not for a booking to settle")
    settled = replace(session, state="finalized", finalized_at=now, refunded=refunded, earned=earned, at=now)
    _, operations = session_rows(world).replace(settled, was=session)
    return operations


def looked_after(world: World, seen: Snapshot) -> Snapshot:
    """See that a clock runs for the session, and that nobody is where nobody pays. Neither may disturb the session."""
    done = _emptied(world, _wound(world, seen))
    if done is seen.session:
        return seen
    raised, operations = session_rows(world).replace(done, was=seen.session)
    return seen.now_as(raised) if world.wrote(*operations) else seen


def _wound(world: World, seen: Snapshot) -> Session:
    """See that an execution of the clock runs for the session's epoch: one that never started, or was lost, is made up
    for here.
    """
    session = seen.session
    lost = clock_lost(session, seen.now)
    wake = next_wake(world, seen) if lost or session.clock_epoch != session.epoch else None
    if wake is None:
        return session
    turn = session.clock_turn + lost
    if not world.wind("session", session.id, session.epoch, wake, turn, lost=lost):
        return session
    return replace(session, clock_epoch=session.epoch, clock_turn=turn, clock_at=wake)


def _emptied(world: World, session: Session) -> Session:
    """Put out of its channels whoever may not be there any more. What fails is owed still; the tick tries again."""
    try:
        for number in session.abandoned[:_REMOVALS]:
            world.media.remove(session.channel_of(number), None, bar=world.settings.rules.lease)
            session = replace(session, cleared=number + 1)
        for who in session.lingering:
            world.media.remove(session.channel, _UIDS[who])
            session = session.with_side(who, in_channel=False)
    except Problem as problem:
        log.warning("removal_owed", session=session.id, code=problem.code)
    return session
