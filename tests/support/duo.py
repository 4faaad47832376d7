"""A client and a reader with ids of their own, on tables that others use too, brought to any state of a reading."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.readers import service as readers
from chalicelib.sessions import asking, costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import Command
from chalicelib.sessions.model.session import Session, Side, Who
from chalicelib.sessions.store import session_rows
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from chalicelib.wallet.model.chain import Entry
from tests.support.reading import add_reader, pay_in
from tests.support.worlds import HandClock

RATE: Cents = 250


@dataclass(frozen=True)
class Duo:
    """``own`` is what makes their ids their own; ``number`` tells the clients of one reader apart."""

    world: World
    own: str
    number: int = 0

    @property
    def client(self) -> str:
        return f"usr_c{self.own}{self.number}"

    @property
    def reader(self) -> str:
        return f"usr_r{self.own}"

    @property
    def session(self) -> str:
        return f"ses_{self.own}{self.number}"

    @property
    def account(self) -> str:
        return wallet.credit_account(self.client)

    def forward(self, millis: Millis) -> Duo:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    # the states of a reading

    def ready(self, cents: Cents = 5_000) -> Duo:
        """``cents`` of credit, and a verified reader who is online."""
        pay_in(self.world, self.client, cents, f"topup:{self.client}")
        if self.number == 0:
            add_reader(self.world, self.reader, RATE)
        readers.set_presence(self.world, self.reader, "online")
        return self

    def created(self, cents: Cents = 5_000) -> Duo:
        self.ready(cents)
        asking.create(self.world, Side(self.client, "Cee"), self.session, self.reader, "text")
        return self

    def waiting(self, cents: Cents = 5_000) -> Duo:
        self.created(cents)
        self.does(self.reader, commands.accept)
        return self

    def half_joined(self, cents: Cents = 5_000) -> Duo:
        self.waiting(cents)
        self.does(self.client, commands.join)
        return self

    def active(self, cents: Cents = 5_000) -> Duo:
        self.half_joined(cents)
        self.does(self.reader, commands.join)
        return self

    def paused(self, cents: Cents = 5_000) -> Duo:
        self.active(cents)
        self.forward(10_000)
        self.does(self.client, commands.leave)
        return self

    def half_back(self, cents: Cents = 5_000) -> Duo:
        self.paused(cents)
        self.does(self.reader, commands.reconnect)
        return self

    def ended(self, connected: Millis, cents: Cents = 5_000) -> Session:
        """Talked for ``connected`` ms and ended, and not settled yet."""
        return self.end(self.active(cents).talked(connected).noticed())

    # what happens in it

    def does(self, user: str, command: Command) -> Session:
        return sessions.perform(self.world, self.session, user, command).session

    def talked(self, millis: Millis, beating: tuple[Who, ...] = ("client", "reader")) -> Duo:
        """They talked on and beat, and nobody has noticed a minute, or that the other is silent. The clock is well."""
        self.forward(millis)
        row = self.row()
        alive = replace(row, clock_at=self.world.now())
        for who in beating:
            alive = alive.with_side(who, beat_at=self.world.now())
        _, operations = session_rows(self.world).replace(alive, was=row)
        self.world.tables.write(*operations)
        return self

    def end(self, running: Session) -> Session:
        """The client ends it, and the function dies right after that write."""
        seen = sessions.Snapshot(self.world, running)
        step = commands.finish(running, "client", seen.funds, seen.now, self.world.settings.rules)
        assert step
        done = sessions._commit(self.world, seen, step)
        assert done
        return done.session

    def row(self) -> Session:
        """The session as stored."""
        return sessions.load(self.world, self.session)

    def noticed(self) -> Session:
        return sessions.advance(self.world, self.row()).session

    def minutes(self) -> list[int]:
        """The minutes that were charged, in the order of the chain."""
        return [entry.minute for entry in chain(self.world, self.account) if entry.minute]

    def assert_ends_well(self) -> Session:
        """Let time end the reading: it settles, both are free, and every cent is where the rules say."""
        self.forward(20 * 60_000)
        ended = self.noticed()
        assert (ended.state, ended.review) == ("finalized", None)
        cost = costs.cost(self.world, ended)
        kept = -(-ended.connected_before // self.world.settings.rules.minute)
        assert [minute.number for minute in cost.minutes] == list(range(1, kept + 1))
        assert cost.total == cost.by_ledger == kept * RATE - ended.refunded
        assert ended.earned == cost.total * 70 // 100
        assert_whole(self.world, self.account)
        assert sessions.busy_among(self.world, [self.client, self.reader]) == set()
        assert wallet.head(self.world, self.client).meter is None
        audited = self.world.tables.query(self.world.settings.tables.audit, ("pk", self.session)).items
        assert [entry["action"] for entry in audited].count("session_settled") == 1
        return ended


def chain(world: World, account: str) -> list[Entry]:
    """The entries of an account, oldest first."""
    newest = wallet.ledger(world).head(account)
    return list(wallet.ledger(world).between(account, 1, newest.seq)) if newest.seq else []


def assert_whole(world: World, account: str) -> Cents:
    """The chain proves itself, no balance was ever below zero, and the newest is the sum; that balance."""
    proof = statement.verify_chain(world, account)
    assert proof.broken_at is None
    entries = chain(world, account)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert all(entry.balance >= 0 for entry in entries)
    assert sum(entry.amount for entry in entries) == proof.balance
    return proof.balance


def assert_books_balance(world: World) -> None:
    """No cent came from nowhere, over the whole ledger."""
    books = statement.trial_balance(world)
    assert set(books.total.values()) <= {0}
    assert books.drifted == ()


def refusals(outcomes: list[Any]) -> Counter[str]:
    """How often each refusal was given; an exception that is no answer of ours is raised as it is."""
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, Problem):
            raise outcome
    return Counter(outcome.code for outcome in outcomes if isinstance(outcome, Problem))
