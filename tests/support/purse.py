"""A client with payments by Stripe, on tables in memory: the words of the tests on refunds and disputes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY
from chalicelib.wallet import coins, events, packs, payments, refunds, statement, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.payment import Payment
from chalicelib.wallet.refunds import Progress
from tests.support.duo import chain
from tests.support.events import checkout_event
from tests.support.memory import MemoryTables
from tests.support.worlds import HandClock, OfflinePayments, hand_world

OWNER = "usr_owner"


@dataclass
class Purse:
    """``stripe`` is the vendor, in memory."""

    stripe: OfflinePayments = field(default_factory=OfflinePayments)
    clock: HandClock = field(default_factory=HandClock)
    tables: MemoryTables = field(default_factory=MemoryTables)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = hand_world(self.tables, now=self.clock, payments=self.stripe)

    def pays(self, cents: Cents, name: str = "1") -> str:
        """The owner pays for a top-up; the PaymentIntent."""
        topup = topups.open_topup(self.world, OWNER, f"top_{name}", cents)
        events.apply_event(self.world, checkout_event(f"evt_{name}", "checkout.session.completed", topup))
        self.clock.forward(1_000)
        return f"pi_top_{name}"

    def buys(self, pack: str = "coins_500", name: str = "c1") -> str:
        """The owner pays for a pack of coins on the web; the PaymentIntent."""
        self.tell(self.paid(pack, name))
        self.clock.forward(1_000)
        return f"pi_top_{name}"

    def paid(self, pack: str = "coins_500", name: str = "c1") -> dict[str, Any]:
        """The event that says so."""
        topup = packs.open_checkout(self.world, OWNER, f"top_{name}", pack, "web")
        return checkout_event(f"evt_{name}", "checkout.session.completed", topup)

    def tell(self, *told: dict[str, Any]) -> Purse:
        """Stripe delivers these, in this order."""
        for event in told:
            events.apply_event(self.world, event)
        return self

    def asks(self, amount: Cents | None = None, refund: str = "rfd_1") -> Progress:
        """The owner wants it back."""
        return refunds.request(self.world, OWNER, refund, amount)

    def ticks(self, refund: str = "rfd_1") -> Progress:
        """The minute tick looks at the refund."""
        refunds.advance(self.world, refund)
        return refunds.progress(self.world, refund)

    def spends(self, cents: Cents, key: str = "order:1") -> Entry:
        """On something else."""
        return wallet.spend(self.world, OWNER, "order", cents, "platform:shop", key, "ord_1")

    def days(self, count: float) -> Purse:
        """Time goes by."""
        self.clock.forward(round(count * DAY))
        return self

    @property
    def head(self) -> Entry:
        """The newest entry of the owner's credit."""
        return wallet.head(self.world, OWNER)

    @property
    def balance(self) -> Cents:
        """The owner's credit."""
        return self.head.balance

    @property
    def coins(self) -> int:
        """The owner's coins."""
        return coins.balance(self.world, OWNER)

    @property
    def frozen(self) -> str | None:
        """What the wallet is frozen for."""
        return self.head.frozen

    def payment(self, intent: str) -> Payment:
        """What is known of a payment."""
        found = payments.payment_rows(self.world).get(intent)
        assert found
        return found

    def entries(self) -> list[tuple[str, Cents, str]]:
        """Kind, amount and reference of every entry, oldest first; the chain proves itself."""
        account = wallet.credit_account(OWNER)
        assert statement.verify_chain(self.world, account).broken_at is None
        assert set(statement.trial_balance(self.world).total.values()) <= {0}
        return [(entry.kind, entry.amount, entry.reference) for entry in chain(self.world, account)]

    def coin_entries(self) -> list[tuple[str, int, str]]:
        """As ``entries``, of the coins."""
        account = coins.coins_account(OWNER)
        assert statement.verify_chain(self.world, account).broken_at is None
        assert set(statement.trial_balance(self.world).total.values()) <= {0}
        return [(entry.kind, entry.amount, entry.reference) for entry in chain(self.world, account)]

    def journal(self) -> list[tuple[str, Cents, str]]:
        """What the platform has of coins that were paid by Stripe: fact, amount and counter, by the fact."""
        rows = self.tables.rows["ledger"].values()
        told = [row for row in rows if row["account"].startswith("platform:coins:")]
        return sorted((row["seq"], row["amount"], row["counter"]) for row in told)

    def facts(self) -> set[str]:
        """The keys of all that was posted."""
        return {pk.removeprefix("receipt:") for pk, _ in self.tables.rows["ledger"] if pk.startswith("receipt:")}

    def audited(self) -> list[str]:
        """What the audit log tells of the owner."""
        return sorted(row["action"] for row in self.tables.rows["audit"].values() if row["pk"] == OWNER)

    def noticed(self) -> list[str]:
        """What the owner is told of."""
        return sorted(row["kind"] for row in self.tables.rows["notices"].values() if row["pk"] == OWNER)
