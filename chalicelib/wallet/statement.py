"""Reading the ledger: a person's balance and statement, and the proofs that nothing is amiss.

The proofs read whole chains or the whole table; they are for the command line and for reconciliation.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Advance, Key, whole
from chalicelib.wallet import metering
from chalicelib.wallet.model.chain import Entry, Meter, from_item, genesis, proves
from chalicelib.wallet.service import charge_due, head, ledger, nothing
from chalicelib.wallet.store import coins_account

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Balance:
    """What a wallet holds at one moment, in cents and coins."""

    paid: Cents
    promo: Cents
    coins: int
    frozen: bool
    meter: Meter | None
    lasts: Millis
    """Connected time that the open meter's reading is funded for."""


def balance(world: World, user: str) -> Balance:
    """The wallet of ``user``, with every minute and expiry that is due by now posted first."""
    newest = charge_due(world, head(world, user))
    coins = ledger(world).head(coins_account(user)).balance
    now = max(world.now(), newest.at)
    meter = newest.meter
    lasts = metering.funds(world, newest, meter.session, meter.rate, 0, now).lasts if meter else 0
    promo = newest.balance - newest.buckets.paid
    return Balance(newest.buckets.paid, promo, coins, newest.frozen is not None, meter, lasts)


def account_of(user: str, kind: str) -> str:
    """The chain that ``kind`` (credit or coins) of a person is."""
    return f"{kind}:{user}"


def page(world: World, account: str, limit: int, start: Key | None) -> tuple[list[Entry], Key | None]:
    """A page of a chain, newest first, with running balances."""
    return ledger(world).newest_first(account, limit, start)


@dataclass(frozen=True, slots=True)
class Proof:
    """A chain read from its first entry to its last. ``broken_at`` is the first entry that does not follow, or None."""

    account: str
    entries: int
    balance: Cents
    broken_at: int | None


def verify_chain(world: World, account: str, seen: Callable[[Entry], object] = nothing) -> Proof:
    """Follow a chain from its beginning: numbers, balances and hashes. Each entry that follows is shown to ``seen``."""
    before = genesis(account)
    newest = ledger(world).head(account)
    for first in range(1, newest.seq + 1, _PAGE):
        for entry in ledger(world).between(account, first, min(first + _PAGE - 1, newest.seq)):
            if not proves(entry, before):
                return Proof(account, newest.seq, newest.balance, entry.seq)
            seen(entry)
            before = entry
    broken = before.seq + 1 if before.seq != newest.seq else None
    return Proof(account, newest.seq, newest.balance, broken)


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every account's sum over the whole ledger, by currency. ``total`` is zero for each, or money leaked.

    ``accounts`` holds the chains and the journals, and the counters that value passed through.
    """

    accounts: dict[tuple[str, str], Cents]
    total: dict[str, Cents]
    chains: tuple[str, ...]
    drifted: tuple[str, ...]
    """Chains whose newest balance is not the sum of their entries."""

    def sum_of(self, prefix: str, currency: str = "usd") -> Cents:
        """The sum of all accounts whose name starts with ``prefix``."""
        return sum(
            amount for (name, money), amount in self.accounts.items() if name.startswith(prefix) and money == currency
        )

    def unsettled(self) -> dict[str, Cents]:
        """Clearing accounts with something left: readings and streams that are not settled yet, tips, escrows."""
        clearing = (
            "session:",
            "tip:",
            "reply:",
            "unlock_refund:",
            "guarantee:",
            "gift:",
            "escrow:",
            "stream:",
            "order:",
        )
        return {name: amount for (name, _), amount in self.accounts.items() if amount and name.startswith(clearing)}


def trial_balance(world: World, advance: Advance = lambda _: None) -> TrialBalance:
    """Add up the whole ledger. Raises Unavailable where it is too large for that."""
    sums: Counter[tuple[str, str]] = Counter()
    newest: dict[str, Entry] = {}
    for item in whole(world.tables, world.settings.tables.ledger, advance):
        name = item["account"]
        if name.startswith("receipt:"):
            continue
        if name.startswith("platform:"):
            name = name.rsplit(":", 1)[0]
        else:
            entry = from_item(item)
            if name not in newest or newest[name].seq < entry.seq:
                newest[name] = entry
        sums[name, item["currency"]] += item["amount"]
        if item["counter"]:
            sums[item["counter"], item["currency"]] -= item["amount"]
    total: Counter[str] = Counter()
    for (_, currency), amount in sums.items():
        total[currency] += amount
    drifted = [name for name, entry in newest.items() if sums[name, entry.currency] != entry.balance]
    return TrialBalance(dict(sums), dict(total), tuple(sorted(newest)), tuple(sorted(drifted)))


def chains(world: World, advance: Advance = lambda _: None) -> list[str]:
    """Every chain of the ledger, by name. Raises Unavailable where there are too many to read."""
    names = {item["account"] for item in whole(world.tables, world.settings.tables.ledger, advance)}
    return sorted(name for name in names if not name.startswith(("receipt:", "platform:")))
