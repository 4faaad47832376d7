"""A reader who is paid out: their earnings, their account at Stripe, and storage that can fail at any write."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.gateways import World
from chalicelib.kernel.time import DAY, Millis
from chalicelib.payouts import payees, paying
from chalicelib.payouts.model import Payout
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.tables import Contended, Operation
from chalicelib.shop import events
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from tests.support.connect import Connect
from tests.support.memory import MemoryTables
from tests.support.people import person
from tests.support.worlds import HandClock, hand_world

READER = "usr_reader"
ACCOUNT = f"acct_{READER}"


class Crash(BaseException):
    """The function dies here. No code of ours may catch it."""


class Failing(MemoryTables):
    """``fates`` are what becomes of the next writes: ``""``, or ``crash`` or ``lost``, ``before`` or ``after``."""

    def __init__(self) -> None:
        super().__init__()
        self.fates: list[str] = []
        self.writes = 0

    def write(self, *operations: Operation) -> None:
        self.writes += 1
        kind, _, moment = (self.fates.pop(0) if self.fates else "").partition(" ")
        error = Crash() if kind == "crash" else Contended()
        if moment == "before":
            raise error
        super().write(*operations)
        if moment == "after":
            raise error


@dataclass
class Desk:
    """A reader, their earnings and their account at Stripe."""

    tables: Failing = field(default_factory=Failing)
    stripe: Connect = field(default_factory=Connect)
    clock: HandClock = field(default_factory=HandClock)
    world: World = field(init=False)
    reader: str = READER
    told: int = 0

    def __post_init__(self) -> None:
        self.world = hand_world(self.tables, now=self.clock, payments=self.stripe)
        person(self.world, self.reader)

    def ready(self) -> Desk:
        """Their account is made and can be paid out to."""
        payees.open_account(self.world, self.reader)
        self.stripe.onboarded(f"acct_{self.reader}")
        return self.hear()

    def earned(self, cents: int, *, ago: Millis = 4 * DAY, kind: str = "reading_earned") -> Desk:
        """So much was earned that long ago; the clock stands where it stood."""
        number = len(self.tables.rows["ledger"])
        self.clock.forward(-ago)
        session = f"session:{number}"
        paid = wallet.journal(self.world, "clients", session, -cents, session, self.clock.now)
        _, posting = wallet.earn(self.world, earnings_account(self.reader), kind, cents, session, "ses_1")
        self.tables.write(paid, posting)
        self.clock.forward(ago)
        return self

    def hear(self) -> Desk:
        """Every event that was not told yet, in order."""
        for event in self.stripe.events[self.told :]:
            self.tell(event)
        self.told = len(self.stripe.events)
        return self

    def tell(self, event: dict[str, object]) -> None:
        apply = events.apply_connect_event if "account" in event else events.apply_event
        apply(self.world, event)

    def paid_out(self) -> Payout | None:
        return paying.pay_out(self.world, self.reader)

    def tick(self) -> None:
        """What the minute tick does for payouts."""
        for shard in range(self.world.settings.tick_shards):
            for payout, _ in paying.page_of_shard(self.world, "payout", str(shard), 100, None)[0]:
                paying.advance(self.world, payout)

    @property
    def balance(self) -> int:
        """From a chain that proves itself."""
        proof = statement.verify_chain(self.world, earnings_account(self.reader))
        assert proof.broken_at is None
        return proof.balance

    def kinds(self) -> list[str]:
        """Of the entries that payouts made, oldest first."""
        book = wallet.ledger(self.world)
        newest = book.head(earnings_account(self.reader))
        entries = book.between(newest.account, 1, newest.seq) if newest.seq else ()
        return [entry.kind for entry in entries if entry.counter == "stripe:transfers"]

    def notices(self) -> list[str]:
        return [row["kind"] for row in self.tables.rows["notices"].values()]

    def stored(self) -> list[str]:
        """Outcomes of events, in no order."""
        return [row["outcome"] for row in self.tables.rows["wallet"].values() if row["sk"] == "event"]
