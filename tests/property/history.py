"""A history: people, readings, money and clocks on the real services, one act at a time.

``Exact`` does every act on the reference too, and compares outcome and state. ``Rough`` lets calls die, repeat, be
late, meet conflicts and each other, and see clocks that differ by up to two seconds; there the ``Books`` judge.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem, Unavailable
from chalicelib.kernel.settings import Rules
from chalicelib.operations.handlers import tell
from chalicelib.readers import service as readers
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Session, Side
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement, topups
from chalicelib.wallet.model import buckets
from chalicelib.wallet.model.chain import genesis
from tests.property.books import Books
from tests.property.reference import MINUTE, OK, SECOND, WEEK, Lot, Reference, Talk
from tests.property.tables import Crash, FailingTables, SwiftTables
from tests.support.events import checkout_event
from tests.support.reading import add_reader, grant
from tests.support.worlds import Executions, HandClock, hand_world

COMMANDS: Final = ("accept", "decline", "cancel", "join", "heartbeat", "reconnect", "renew", "leave", "finish")
EVENTS: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
RATES: Final = (1, 100, 250, 399)
SKEW: Final = 2 * SECOND


class History:
    """Clients ``usr_c0`` …, readers ``usr_r1`` …; everybody's acts are methods."""

    def __init__(self, clients: int = 3, readers_: int = 2, longest: int = 180 * MINUTE) -> None:
        self.books = Books(longest)
        self.tables = SwiftTables(self.books)
        self.clock = HandClock()
        self.executions = Executions()
        self.world = hand_world(self.tables, Rules(session_max=longest), now=self.clock, clock=self.executions)
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

    def ask(self, client: str, reader: str, session: str) -> str:
        readers.set_presence(self.world, reader, "online")
        if session not in self.asked:
            self.asked.append(session)
        return self.attempt(lambda world: sessions.create(world, Side(client, "Cee"), session, reader, "text"))

    def perform(self, session: str, user: str, command: str) -> str:
        return self.attempt(lambda world: sessions.perform(world, session, user, getattr(commands, command)))

    def look(self, session: str) -> str:
        """A request that only reads."""
        user = self.books.sessions[session].client.user
        return self.attempt(lambda world: sessions.current(world, session, user))

    def tick(self, page: list[Session]) -> str:
        """The minute tick on a page of its listing, which may be old."""
        return self.attempt(lambda world: [sessions.advance(world, row, stale=True) for row in page])

    def tell(self, session: str, epoch: int) -> dict[str, Any]:
        """The clock, of some epoch."""
        answer: dict[str, Any] = {}
        facts = {"kind": "session", "id": session, "epoch": epoch}
        self.attempt(lambda world: answer.update(tell(world, facts)))
        return answer

    def open_topup(self, user: str, cents: int) -> None:
        name = f"top_{len(self.topups)}"
        self.topups.append(topups.open_topup(self.world, user, name, cents))

    def deliver(self, topup: int, kind: str, event: str, **other: Any) -> str:
        """A webhook of Stripe's: ``event`` is its id, so that one can be delivered again."""
        told = checkout_event(event, kind, self.topups[topup], **other)
        return self.attempt(lambda world: topups.apply_event(world, told))

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
        for _ in range(12):
            self.clock.forward(20 * MINUTE)
            for row in self.listing():
                sessions.advance(self.world, row, stale=True)
        assert self.listing() == []
        self.books.check_settled()
        self.check_statements()

    def check_statements(self) -> None:
        """What the program says of its own books is what was watched."""
        said = statement.trial_balance(self.world)
        assert set(said.total.values()) <= {0}
        assert (said.unsettled(), said.drifted) == ({}, ())
        for account in said.chains:
            proof = statement.verify_chain(self.world, account)
            assert (proof.broken_at, proof.balance) == (None, self.books.heads[account].balance)
        for session in self.books.sessions.values():
            receipt = sessions.cost(self.world, session)
            cost = self.books.paid[f"session:{session.id}"]
            assert receipt.total == receipt.by_ledger == cost
            assert [minute.number for minute in receipt.minutes] == list(range(1, self.books.minutes[session.id] + 1))
            assert sum(refund.amount for refund in receipt.refunds) == session.refunded


class Exact(History):
    """No faults and one clock: after every act, everything is as the reference says."""

    def __init__(self, clients: int = 3, readers_: int = 2, longest: int = 180 * MINUTE) -> None:
        super().__init__(clients, readers_, longest)
        self.reference = Reference(longest)
        self.credited: set[int] = set()

    @property
    def now(self) -> int:
        return self.clock.now

    def talk(self, session: str) -> Talk:
        return self.reference.talks[session]

    def ask(self, client: str, reader: str, session: str) -> str:
        expected = self.reference.create(session, client, reader, self.readers[reader], self.now)
        assert super().ask(client, reader, session) == expected
        if session not in self.reference.talks:
            self.asked.remove(session)
        return expected

    def perform(self, session: str, user: str, command: str) -> str:
        who = "client" if user == self.talk(session).client else "reader"
        expected = self.reference.command(self.talk(session), who, command, self.now)
        assert super().perform(session, user, command) == expected, command
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

    def tell(self, session: str, epoch: int) -> dict[str, Any]:
        talk = self.talk(session)
        self.reference.look(talk, self.now)
        answer = super().tell(session, epoch)
        next_stop = self.reference.next_stop(talk)
        assert answer["done"] == (next_stop is None or epoch != self.books.sessions[session].epoch)
        if not answer["done"] and next_stop is not None:
            row = self.books.sessions[session]
            wake = self._wake(row)
            assert self.now < wake <= max(next_stop, self.now + 1)
        return answer

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
                assert row.clock_epoch < row.epoch or f"{row.id}-{row.epoch}" in self.executions.started
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
        return replace(self.world, tables=tables, now=lambda: self.clock.now + skew)

    def perform(self, session: str, user: str, command: str) -> str:
        """What the caller is told has happened, unless somebody else acted in between."""

        def act(world: World) -> None:
            raced = self.raced  # of this call; another one may begin within it
            told = sessions.perform(world, session, user, getattr(commands, command)).session
            if not raced:
                stored = self.books.sessions[session]
                assert replace(told, rev=stored.rev, clock_epoch=stored.clock_epoch) == stored

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


# --- making histories up


def chance(seed: int) -> random.Random:
    """The same chance for the same seed."""
    return random.Random(seed)  # noqa: S311 - a source of examples


_NOBODY: Final = genesis("credit:")

STEPS: Final = (0, 1, 999, 1_000, 5_000, 14_999, 15_000, 29_999, 30_000, 44_999, 45_000, 60_000)
LEAPS: Final = (74_999, 75_000, 75_001, 119_999, 120_000, 180_000, 299_999, 300_000, 301_000, 900_000, 10_800_000)


class Player:
    """Makes one history up, an act at a time, from a source of chance. Mostly what people do, sometimes what not."""

    def __init__(self, history: History, rng: random.Random) -> None:
        self.history = history
        self.rng = rng
        self.old_pages: list[list[Session]] = [[]]
        self.deliveries: list[tuple[int, str, str]] = []
        self.orders = self.events = 0
        for client in history.clients:
            self._money(client)

    def step(self) -> None:
        """One act, of somebody, somewhere; or a while in which everybody talks on."""
        chance = self.rng.random()
        if chance < 0.13:
            self.wait()
        elif chance < 0.3:
            self.talk_on()
        elif chance < 0.76:
            self.people()
        elif chance < 0.87:
            self.clocks()
        else:
            self.money()

    def somebody(self) -> None:
        """An act that takes no time."""
        self.rng.choice((self.people, self.people, self.clocks, self.money))()

    # --- time

    def wait(self) -> None:
        chance = self.rng.random()
        if chance < 0.4:
            self.history.wait(self.rng.choice(STEPS))
        elif chance < 0.5:
            self.history.wait(self.rng.randrange(90_000))
        elif chance < 0.52:
            self.history.wait(self.rng.choice(LEAPS))
        else:
            self.to_a_tie()

    def talk_on(self) -> None:
        """Everybody who is there beats every half a minute or so; some beats are lost."""
        lost = self.rng.choice((0.0, 0.0, 0.0, 0.2, 0.5))
        for _ in range(self.rng.randint(1, 4)):
            self.history.wait(self.rng.choice((30_000, 30_000, 29_999, 20_000, 40_000)))
            for row in [row for row in self.history.books.sessions.values() if row.is_open]:
                for side in (row.client, row.reader):
                    if side.present and self.rng.random() >= lost:
                        self.history.perform(row.id, side.user, "heartbeat")

    def to_a_tie(self) -> None:
        """To a moment at which something is decided, mostly the next one, or a millisecond beside it."""
        now = self.history.clock.now
        moments = [
            moment
            for row in self.history.books.sessions.values()
            if row.is_open
            for moment in self.moments(row)
            if moment > now
        ]
        if moments:
            moment = min(moments) if self.rng.random() < 0.7 else self.rng.choice(moments)
            self.history.wait(moment - now + self.rng.choice((-1, 0, 0, 0, 1)))
            if self.rng.random() < 0.25:  # before anybody looks
                self.money()

    def moments(self, row: Session) -> list[int]:
        """Moments that matter to an open session, roughly."""
        rules = self.history.world.settings.rules
        match row.state:
            case "created":
                return [row.created_at + 3 * MINUTE]
            case "waiting":
                return [(row.accepted_at or 0) + 2 * MINUTE]
            case "paused" | "reconnecting":
                return [row.grace_until or 0, (row.started_at or 0) + rules.session_max]
        minutes = self.history.books.minutes[row.id]
        beats = [side.beat_at for side in (row.client, row.reader) if side.beat_at is not None]
        return [
            (row.started_at or 0) + rules.session_max,
            (row.running_since or 0) + minutes * MINUTE - row.connected_before,
            *(beat + 75 * SECOND for beat in beats),
            *(beat + 45 * SECOND for beat in beats),
        ]

    # --- people

    def people(self) -> None:
        rows = self.history.books.sessions
        open_rows = [row for row in rows.values() if row.is_open]
        chance = self.rng.random()
        if not open_rows or chance < 0.04 + 0.25 * (len(open_rows) < len(self.history.readers)):
            self.ask()
        elif chance < 0.08 and rows:
            self.act(self.rng.choice(list(rows.values())), self.rng.choice(COMMANDS))
        else:
            session = self.rng.choice(open_rows).id
            for _ in range(self.rng.randint(1, 5)):
                row = rows[session]
                self.act(row, self.likely(row))
                if row.state == "active":
                    return
                if self.rng.random() < 0.15:
                    self.history.wait(self.rng.choice((1, 5_000, 20_000, 30_000, 60_000)))

    def ask(self) -> None:
        history = self.history
        if history.asked and self.rng.random() < 0.1:
            session = self.rng.choice(history.asked)  # the request once more
            row = history.books.sessions.get(session)
            if row:
                history.ask(row.client.user, row.reader.user, session)
            return
        session = f"ses_{len(history.books.sessions)}_{self.rng.randrange(10**9)}"
        history.ask(self.rng.choice(history.clients), self.rng.choice(list(history.readers)), session)

    def act(self, row: Session, command: str) -> None:
        user = self.rng.choice((row.client.user, row.reader.user))
        if self.rng.random() < 0.85:
            user = self.fitting(row, command) or user
        times = 2 if self.rng.random() < 0.06 else 1
        for _ in range(times):
            if command == "look":
                self.history.look(row.id)
            elif command == "force_end":
                self.history.force_end(row.id)
            elif command == "safety_stop":
                self.history.safety_stop(row.id)
            else:
                self.history.perform(row.id, user, command)

    def fitting(self, row: Session, command: str) -> str | None:
        """Whose command it is, if it is one side's."""
        match command:
            case "accept" | "decline":
                return row.reader.user
            case "cancel":
                return row.client.user
            case "join" | "reconnect":
                return next((side.user for side in (row.client, row.reader) if not side.present), None)
            case _:
                return None

    def likely(self, row: Session) -> str:
        chance = self.rng.random()
        if chance < 0.02:
            return self.rng.choice(("force_end", "safety_stop"))
        if chance < 0.06:
            return "look"
        match row.state:
            case "created":
                return "accept" if chance < 0.85 else self.rng.choice(("decline", "cancel", "finish"))
            case "waiting":
                return "join" if chance < 0.9 else self.rng.choice(("leave", "heartbeat", "renew", "finish"))
            case "active":
                return "heartbeat" if chance < 0.78 else self.rng.choice(("leave",) * 6 + ("renew", "join", "finish"))
            case _:
                return (
                    "reconnect"
                    if chance < 0.8
                    else self.rng.choice(("leave", "leave", "heartbeat", "renew", "renew", "finish"))
                )

    # --- the clocks

    def clocks(self) -> None:
        history = self.history
        chance = self.rng.random()
        if chance < 0.35:
            history.tick(history.listing())
        elif chance < 0.5:
            history.tick(self.rng.choice(self.old_pages))
        elif chance < 0.6:
            self.old_pages.append(history.listing())
            del self.old_pages[:-5]
        else:
            rows = list(history.books.sessions.values())
            if rows:
                row = self.rng.choice(rows[-4:])
                epoch = row.epoch if self.rng.random() < 0.7 else self.rng.randrange(row.epoch + 1)
                history.tell(row.id, epoch)

    # --- money

    def money(self) -> None:
        talking = [row.client.user for row in self.history.books.sessions.values() if row.state == "active"]
        self._money(self.rng.choice(talking if talking and self.rng.random() < 0.5 else self.history.clients))

    def _money(self, client: str) -> None:
        chance = self.rng.random()
        if self.history.books.heads.get(wallet.credit_account(client), _NOBODY).frozen and chance < 0.6:
            self.history.unfreeze(client)
        elif chance < 0.4:
            self.history.open_topup(client, self.rng.choice((500, 500, 501, 777, 1_000, 2_500)))
            self.deliver(len(self.history.topups) - 1, new=True)
        elif chance < 0.5 and self.history.topups:
            self.deliver(self.rng.randrange(len(self.history.topups)), new=self.rng.random() < 0.5)
        elif chance < 0.64:
            lasting = self.rng.choice((1, 30_000, 60_000, 61_000, 5 * MINUTE, 60 * MINUTE, WEEK))
            self.history.grant(
                client, self.rng.choice((1, 60, 99, 100, 250, 400, 900)), self.history.clock.now + lasting
            )
        elif chance < 0.84:
            self.spend(client)
        elif chance < 0.92:
            self.history.freeze(client)
        elif chance < 0.96:
            self.history.unfreeze(client)
        else:
            self.history.view_wallet(client)

    def deliver(self, topup: int, *, new: bool) -> None:
        if new or not self.deliveries:
            kind = self.rng.choice((EVENTS[0], EVENTS[0], EVENTS[0], *EVENTS))
            self.events += 1
            if kind == EVENTS[0] and self.rng.random() < 0.1:
                self.history.deliver(topup, kind, f"evt_{self.events}", payment_status="unpaid")
                return
            self.deliveries.append((topup, kind, f"evt_{self.events}"))
            self.history.deliver(*self.deliveries[-1])
        else:
            self.history.deliver(*self.rng.choice(self.deliveries))  # once more, perhaps much later

    def spend(self, client: str) -> None:
        head = self.history.books.heads.get(wallet.credit_account(client))
        spendable = head.buckets.spendable(self.history.clock.now) if head else 0
        cents = self.rng.choice((1, 100, max(1, spendable // 2), max(1, spendable), max(1, spendable - 700)))
        if self.rng.random() < 0.8:
            self.orders += 1
        key = f"order:{client}:{self.orders if self.rng.random() < 0.9 else self.rng.randrange(self.orders + 1)}"
        self.history.spend(client, cents, key)
