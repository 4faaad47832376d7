"""A history: people, readings, money, clocks and channels on the real services, one act at a time.

``Exact`` does every act on the reference too, and compares outcome and state. ``Rough`` lets calls die, repeat, be
late, meet conflicts and each other, and see clocks that differ by up to two seconds; there the ``Books`` judge.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.agora import Notice
from chalicelib.gateways.clock import execution_name
from chalicelib.kernel.errors import Problem, ProviderFailed, Unavailable
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis
from chalicelib.operations.handlers import tell
from chalicelib.readers import service as readers
from chalicelib.sessions import asking, costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Modality, Session, Side, Who
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement, topups
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model import buckets
from tests.property.books import Books
from tests.property.reference import MINUTE, OK, SECOND, Lot, Reference, Talk
from tests.property.tables import Crash, FailingTables, SwiftTables
from tests.support.events import checkout_event
from tests.support.reading import add_reader, grant
from tests.support.worlds import Executions, HandClock, OfflineAgora, hand_world

COMMANDS: Final = ("accept", "decline", "cancel", "join", "heartbeat", "reconnect", "renew", "leave", "finish")
EVENTS: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
RATES: Final = (1, 100, 250, 399)
SKEW: Final = 2 * SECOND
UIDS: Final[dict[Who, int]] = {"client": 1, "reader": 2}
LOST: Final = 30 * SECOND
"""So long after it should have called, a clock is taken for lost."""
AT_ONCE: Final = 4
"""Channels that one call empties at most; the next one goes on."""


class History:
    """Clients ``usr_c0`` …, readers ``usr_r1`` …; everybody's acts are methods."""

    def __init__(self, clients: int = 3, readers_: int = 2, longest: int = 180 * MINUTE) -> None:
        self.books = Books(longest)
        self.tables = SwiftTables(self.books)
        self.clock = HandClock()
        self.executions = Executions()
        self.agora = OfflineAgora()
        self.world = hand_world(
            self.tables, Rules(session_max=longest), now=self.clock, clock=self.executions, media=self.agora
        )
        self.clients = [f"usr_c{number}" for number in range(clients)]
        self.readers = {f"usr_r{number}": RATES[number % len(RATES)] for number in range(1, readers_ + 1)}
        for reader, rate in self.readers.items():
            add_reader(self.world, reader, rate)
        self.asked: list[str] = []
        self.granted = self.notes = 0
        self.topups: list[Any] = []

    # --- how an act is carried out

    def call(self) -> World:
        """The world that the next call sees."""
        return self.world

    def attempt(self, act: Callable[[World], object]) -> str:
        """``ok``, or the code of the refusal."""
        try:
            act(self.call())
        except Unavailable as problem:
            raise AssertionError("a call gave up") from problem
        except Problem as problem:
            return problem.code
        return OK

    # --- the acts

    def wait(self, millis: int) -> None:
        self.clock.forward(millis)

    def ask(self, client: str, reader: str, session: str, modality: Modality = "text") -> str:
        readers.set_presence(self.world, reader, "online")
        if session not in self.asked:
            self.asked.append(session)
        return self.attempt(lambda world: asking.create(world, Side(client, "Cee"), session, reader, modality))

    def perform(self, session: str, user: str, command: str) -> str:
        return self.attempt(lambda world: sessions.perform(world, session, user, getattr(commands, command)))

    def look(self, session: str) -> str:
        """A request that only reads."""
        user = self.books.sessions[session].client.user
        return self.attempt(lambda world: sessions.current(world, session, user))

    def tick(self, page: list[Session]) -> str:
        """The minute tick on a page of its listing, which may be old."""
        return self.attempt(lambda world: [sessions.advance(world, row, stale=True) for row in page])

    def tell(self, session: str, epoch: int, turn: int = 0) -> dict[str, Any]:
        """The clock: the execution of some epoch and turn."""
        answer: dict[str, Any] = {}
        facts = {"kind": "session", "id": session, "epoch": epoch, "turn": turn}
        self.attempt(lambda world: answer.update(tell(world, facts)))
        return answer

    def hear(self, session: str, channel: int, who: Who, number: int, second: int, *, joined: bool) -> str:
        """Agora's notice ``number`` of that side, of the session's channel of that number."""
        told = Notice(f"{session}-{channel}", UIDS[who], number, second, joined)
        return self.attempt(lambda world: sessions.hear(world, told))

    def turn_agora(self, *, up: bool) -> None:
        """Whether removals work from now on."""
        self.agora.down = not up

    def open_topup(self, user: str, cents: int) -> None:
        name = f"top_{len(self.topups)}"
        self.topups.append(topups.open_topup(self.world, user, name, cents))

    def deliver(self, topup: int, kind: str, event: str, **other: Any) -> str:
        """A webhook of Stripe's: ``event`` is its id, so that one can be delivered again."""
        told = checkout_event(event, kind, self.topups[topup], **other)
        return self.attempt(lambda world: apply_event(world, told))

    def grant(self, user: str, cents: int, expires: int) -> str | None:
        """The id of the lot, or None where all slots are taken."""
        lot = buckets.Lot(f"pro_{self.granted}", cents, expires)
        self.granted += 1
        try:
            self.attempt(lambda world: grant(world, user, lot))
        except ValueError:
            head = self.books.heads[wallet.credit_account(user)]
            assert len(head.buckets.lots) == buckets.MOST_LOTS
            return None
        return lot.id

    def spend(self, user: str, cents: int, key: str) -> str:
        return self.attempt(lambda world: wallet.spend(world, user, "order", cents, "platform:shop", key, "ord_1"))

    def freeze(self, user: str) -> str:
        return self.attempt(lambda world: wallet.freeze(world, user, "dispute"))

    def unfreeze(self, user: str) -> str:
        return self.attempt(lambda world: wallet.unfreeze(world, user, "dispute"))

    def view_wallet(self, user: str) -> str:
        return self.attempt(lambda world: statement.balance(world, user))

    def force_end(self, session: str) -> str:
        note = self.note()
        return self.attempt(lambda world: sessions.force_end(world, session, actor="arn:admin", note=note))

    def safety_stop(self, session: str) -> str:
        note = self.note()
        return self.attempt(lambda world: sessions.safety_stop(world, session, actor="arn:admin", note=note))

    def note(self) -> str:
        """An admin's reason. One act told twice in one millisecond is one audit row, so each has its own."""
        self.notes += 1
        return f"ticket {self.notes}"

    # --- judging

    def listing(self) -> list[Session]:
        """What the tick's index shows at this moment."""
        found: list[Session] = []
        for shard in range(self.world.settings.tick_shards):
            found += sessions.page_of_shard(self.world, str(shard), 1_000, None)[0]
        return found

    def check(self) -> None:
        self.books.check()

    def finish(self) -> None:
        """Let time end everything, by the minute tick alone, and check every cent."""
        self.turn_agora(up=True)
        owed = sum(len(row.abandoned) for row in self.books.sessions.values())
        for _ in range(12 + owed // AT_ONCE):
            self.clock.forward(20 * MINUTE)
            for row in self.listing():
                sessions.advance(self.world, row, stale=True)
        assert self.listing() == []
        self.check_emptied()
        self.books.check_settled()
        check_statements(self.world, self.books)

    def check_emptied(self) -> None:
        """Every channel that was ever open has been emptied."""
        for session in self.books.sessions.values():
            if session.accepted_at is not None:
                for number in range(session.pauses + 1):
                    assert (session.channel_of(number), None) in self.agora.removed


def check_statements(world: World, books: Books) -> None:
    """What the program says of its own books is what was watched."""
    said = statement.trial_balance(world)
    assert set(said.total.values()) <= {0}
    assert (said.unsettled(), said.drifted) == ({}, ())
    for account in said.chains:
        proof = statement.verify_chain(world, account)
        assert (proof.broken_at, proof.balance) == (None, books.heads[account].balance)
    for session in books.sessions.values():
        receipt = costs.cost(world, session)
        cost = books.paid[f"session:{session.id}"]
        assert receipt.total == receipt.by_ledger == cost
        assert [minute.number for minute in receipt.minutes] == list(range(1, books.minutes[session.id] + 1))
        assert sum(refund.amount for refund in receipt.refunds) == session.refunded


@dataclass
class WatchedAgora(OfflineAgora):
    """Nobody is ever put out who may be there."""

    def __init__(self, books: Books) -> None:
        super().__init__()
        self._books = books

    def remove(self, channel: str, uid: int | None, *, bar: Millis = 0) -> None:
        session, _, number = channel.rpartition("-")
        row = self._books.sessions[session]
        if uid is None:
            assert int(number) < row.pauses or not row.is_open
        else:
            who: Who = "client" if uid == UIDS["client"] else "reader"
            assert channel == row.channel
            assert not row.side(who).present
        super().remove(channel, uid, bar=bar)


class Exact(History):
    """No faults and one clock: after every act, everything is as the reference says."""

    def __init__(self, clients: int = 3, readers_: int = 2, longest: int = 180 * MINUTE) -> None:
        super().__init__(clients, readers_, longest)
        self.agora = WatchedAgora(self.books)
        self.world = replace(self.world, media=self.agora)
        self.reference = Reference(longest)
        self.credited: set[int] = set()

    @property
    def now(self) -> int:
        return self.clock.now

    def talk(self, session: str) -> Talk:
        return self.reference.talks[session]

    def ask(self, client: str, reader: str, session: str, modality: Modality = "text") -> str:
        media = modality != "text"
        expected = self.reference.create(session, client, reader, self.readers[reader], self.now, media=media)
        assert super().ask(client, reader, session, modality) == expected
        if session not in self.reference.talks:
            self.asked.remove(session)
        return expected

    def perform(self, session: str, user: str, command: str) -> str:
        who = "client" if user == self.talk(session).client else "reader"
        owed = len(self.books.sessions[session].abandoned)
        expected = self.reference.command(self.talk(session), who, command, self.now)
        assert super().perform(session, user, command) == expected, command
        row = self.books.sessions[session]
        if owed + 2 <= AT_ONCE and not self.agora.down:
            assert not row.owes_removal
        overdue = row.clock_epoch == row.epoch and self.now >= (row.clock_at or self.now) + LOST
        assert not (row.is_open and overdue), "a clock that did not call is replaced by whoever looks"
        return expected

    def look(self, session: str) -> str:
        self.reference.look(self.talk(session), self.now)
        return super().look(session)

    def tick(self, page: list[Session]) -> str:
        """An old page may hide that something is due; the row itself and the wallet tell whether it was noticed."""
        for row in page:
            before = self._trace(row.id)
            assert super().tick([row]) == OK
            if self._trace(row.id) != before or row == self.books.sessions[row.id]:
                self.reference.look(self.talk(row.id), self.now)
        return OK

    def _trace(self, session: str) -> tuple[int, int]:
        row = self.books.sessions[session]
        head = self.books.heads.get(wallet.credit_account(row.client.user))
        return row.rev, head.seq if head else 0

    def tell(self, session: str, epoch: int, turn: int = 0) -> dict[str, Any]:
        talk = self.talk(session)
        self.reference.look(talk, self.now)
        answer = super().tell(session, epoch, turn)
        next_stop = self.reference.next_stop(talk)
        row = self.books.sessions[session]
        assert answer["done"] == (next_stop is None or (epoch, turn) != (row.epoch, row.clock_turn))
        if not answer["done"] and next_stop is not None:
            wake = self._wake(row)
            assert self.now < wake <= max(next_stop, self.now + 1)
            assert row.clock_at == wake, "what is answered is kept"
        return answer

    def hear(self, session: str, channel: int, who: Who, number: int, second: int, *, joined: bool) -> str:
        talk, before = self.talk(session), self.books.sessions[session]
        old = channel != talk.pauses
        self.reference.notice(talk, channel, who, number, second, self.now, joined=joined)
        answer = super().hear(session, channel, who, number, second, joined=joined)
        assert answer == OK
        if old:
            assert self.books.sessions[session] == before, "what is of another channel changes nothing"
        else:
            told, heard = self.books.sessions[session], talk.heard[who]
            assert super().hear(session, channel, who, min(number, heard or number), second, joined=not joined) == OK
            repeated = self.books.sessions[session]
            assert heard is None or apart_from_chores(repeated) == apart_from_chores(told), "what is old, neither"
        return answer

    def turn_agora(self, *, up: bool) -> None:
        super().turn_agora(up=up)
        self.reference.agora_up = up

    def _wake(self, row: Session) -> int:
        moment = sessions.next_wake(self.world, sessions.Snapshot(self.world, row))
        assert moment is not None
        return moment

    def deliver(self, topup: int, kind: str, event: str, **other: Any) -> str:
        row = self.topups[topup]
        paid = kind in EVENTS[:2] and not other
        if paid and topup not in self.credited:
            self.credited.add(topup)
            self.reference.receive(row.user, row.amount, self.now)
        answer = super().deliver(topup, kind, event, **other)
        assert answer == OK
        return answer

    def grant(self, user: str, cents: int, expires: int) -> str | None:
        lot = super().grant(user, cents, expires)
        if lot:
            self.reference.grant(user, Lot(lot, cents, expires), self.now)
        else:
            self.reference.wallet(user).pay_what_is_due(self.now)
        return lot

    def spend(self, user: str, cents: int, key: str) -> str:
        expected = self.reference.spend(user, key, cents, self.now)
        assert super().spend(user, cents, key) == expected
        return expected

    def freeze(self, user: str) -> str:
        self.reference.freeze(user, self.now)
        return super().freeze(user)

    def unfreeze(self, user: str) -> str:
        self.reference.unfreeze(user, self.now)
        return super().unfreeze(user)

    def view_wallet(self, user: str) -> str:
        self.reference.wallet(user).pay_what_is_due(self.now)
        return super().view_wallet(user)

    def force_end(self, session: str) -> str:
        self.reference.force_end(self.talk(session), self.now)
        return super().force_end(session)

    def safety_stop(self, session: str) -> str:
        self.reference.safety_stop(self.talk(session), self.now)
        return super().safety_stop(session)

    def check(self) -> None:
        super().check()
        for talk in self.reference.talks.values():
            row = self.books.sessions[talk.id]
            if talk.is_open or row.is_open:
                self.compare(talk)
                name = execution_name(row.id, row.epoch, row.clock_turn)
                assert row.clock_epoch < row.epoch or name in self.executions.started
        for user in self.clients:
            self.compare_wallet(user)

    def finish(self) -> None:
        super().finish()
        for talk in self.reference.talks.values():
            self.reference.look(talk, self.now)
            if talk.ended is not None and talk.ended < self.now - 240 * MINUTE:
                self.compare(talk)

    def compare(self, talk: Talk) -> None:
        row = self.books.sessions[talk.id]
        said = {
            "state": row.state,
            "reason": row.reason,
            "cut": row.cut,
            "accepted": row.accepted_at,
            "started": row.started_at,
            "ended": row.ended_at,
            "since": row.running_since,
            "connected": row.connected_before,
            "minutes": self.books.minutes[row.id],
            "cost": self.books.paid[f"session:{row.id}"],
            "refunded": row.refunded,
            "client": row.client.beat_at if row.client.present else None,
            "reader": row.reader.beat_at if row.reader.present else None,
            "inside": {"client": row.client.in_channel, "reader": row.reader.in_channel},
            "heard": {"client": row.client.notice_seq, "reader": row.reader.notice_seq},
            "left behind": row.abandoned.stop,
            "paused_at": row.paused_at if row.is_open else talk.paused_at,
            "grace_until": row.grace_until,
            "channel": row.channel,
            "warned": row.warned,
        }
        expected = {
            "state": talk.state,
            "reason": talk.reason,
            "cut": talk.cut,
            "accepted": talk.accepted,
            "started": talk.started,
            "ended": talk.ended,
            "since": talk.since,
            "connected": talk.connected,
            "minutes": len(talk.minutes),
            "cost": len(talk.minutes) * talk.rate - talk.refunded,
            "refunded": talk.refunded,
            "client": talk.beats["client"],
            "reader": talk.beats["reader"],
            "inside": talk.inside,
            "heard": talk.heard,
            "left behind": talk.left_behind(),
            "paused_at": talk.paused_at,
            "grace_until": talk.grace_until,
            "channel": f"{talk.id}-{talk.pauses}",
            "warned": talk.warned,
        }
        assert said == expected

    def compare_wallet(self, user: str) -> None:
        expected = self.reference.wallet(user)
        head = self.books.heads.get(wallet.credit_account(user))
        if head is None:
            assert (expected.paid, expected.lots) == (0, [])
            return
        lots = {
            lot.id: (lot.rest, lot.expires_at) for lot in head.buckets.lots if lot.rest and lot.expires_at > self.now
        }
        assert head.buckets.paid == expected.paid
        assert lots == {lot.id: (lot.rest, lot.expires) for lot in expected.alive(self.now)}
        assert (head.frozen is not None) == expected.frozen


class Rough(History):
    """Calls fail in every way there is; ``somebody`` acts in the middle of others' calls."""

    def __init__(self, rng: random.Random, clients: int = 3, readers_: int = 2, longest: int = 180 * MINUTE) -> None:
        super().__init__(clients, readers_, longest)
        self.rng = rng
        self.somebody: Callable[[], None] = lambda: None
        self.raced = False
        self._depth = 0

    def call(self) -> World:
        rng = self.rng
        plan: dict[int, str] = {}
        if rng.random() < 0.4:
            for _ in range(rng.randint(1, 3)):
                plan[rng.randrange(8)] = rng.choice(("refused", "unknown", "dies", "dies_after", "raced", "raced"))
        skew = rng.randint(-SKEW, SKEW) if rng.random() < 0.5 else 0
        self.executions.broken = rng.random() < 0.05
        self.raced = "raced" in plan.values()
        tables = FailingTables(self.tables, plan, self._interfere)
        media = FailingAgora(self.agora, rng.choice(("refused", "unknown")) if rng.random() < 0.1 else "")
        return replace(self.world, tables=tables, now=lambda: self.clock.now + skew, media=media)

    def perform(self, session: str, user: str, command: str) -> str:
        """What the caller is told has happened, unless somebody else acted in between."""

        def act(world: World) -> None:
            raced = self.raced  # of this call; another one may begin within it
            told = sessions.perform(world, session, user, getattr(commands, command)).session
            if not raced:
                stored = self.books.sessions[session]
                assert apart_from_chores(told) == apart_from_chores(stored)

        return self.attempt(act)

    def _interfere(self) -> None:
        if self._depth < 2:
            self._depth += 1
            try:
                self.somebody()
            finally:
                self._depth -= 1

    def attempt(self, act: Callable[[World], object]) -> str:
        try:
            return super().attempt(act)
        except Crash:
            return "died"

    def check(self) -> None:
        super().check()
        assert self.books.newest_moment <= self.clock.now + SKEW

    def look(self, session: str) -> str:
        return super().look(session) if session in self.books.sessions else OK

    def finish(self) -> None:
        self.executions.broken = False
        super().finish()


def apart_from_chores(session: Session) -> Session:
    """Without what a call does beside its work, and may not know to be stored: clocks wound, channels emptied."""
    calm = replace(session, rev=0, clock_epoch=0, clock_turn=0, clock_at=None, cleared=0)
    return calm.with_side("client", in_channel=False).with_side("reader", in_channel=False)


class FailingAgora(OfflineAgora):
    """For one call: a removal is ``refused``, or done though the answer was lost (``unknown``)."""

    def __init__(self, agora: OfflineAgora, fault: str) -> None:
        super().__init__(agora.removed, agora.down)
        self._fault = fault

    def remove(self, channel: str, uid: int | None, *, bar: Millis = 0) -> None:
        if self._fault == "refused":
            raise ProviderFailed
        super().remove(channel, uid, bar=bar)
        if self._fault == "unknown":
            raise Unavailable
