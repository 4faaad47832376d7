"""What Stripe's balance and the ledger must say alike, movement by movement. Pure.

Every entry towards ``stripe:…`` has a receipt whose key names the one movement at Stripe that it stands for, and the
other way round. Two entries that undo each other before Stripe moved anything (a payout that was refused, a refund that
was never made) stand for none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND, Millis

MARGIN: Final[Millis] = 2 * HOUR
"""How old a movement at Stripe must be to be missed in the ledger: webhooks may be late."""
OVERLAP: Final[Millis] = 14 * DAY
"""How far each run looks back behind where the last one ended."""
ENTRY_MARGINS: Final = 3
"""How old an entry must be to be missed at Stripe, in margins."""
ENTRY_LEAST: Final[Millis] = MINUTE
"""How old at least, whatever the margin: Stripe counts whole seconds, and a transfer follows its entry."""
FUNDED_WITHIN: Final[Millis] = 10 * MINUTE
"""What goes out of a clearing account came in before, or in the same transaction; its entries may bear moments that
differ by this much at most, as clocks of functions do and the time one takes.
"""
REFUND_PATIENCE: Final[Millis] = 14 * DAY
"""How long a refund may be on its way before Stripe's balance shows it."""

What = Literal[
    "transaction_without_entry",
    "amounts_differ",
    "matched_twice",
    "unknown_transaction",
    "entry_without_transaction",
    "broken_chain",
    "stray_entries",
    "entries_without_receipt",
    "unbalanced",
    "paid_from_nothing",
    "left_over",
    "changed_since_digest",
]


@dataclass(frozen=True, slots=True)
class Movement:
    """A balance transaction of Stripe's, as far as the ledger is concerned. Fees are the platform's."""

    id: str
    kind: str
    amount: Cents
    """Signed and gross: what the balance gained, as the entry does."""
    keys: tuple[str, ...]
    """Receipts that may stand for it, the likeliest first."""
    settled: bool = True
    """False for a payment by bank that is on its way, or never came: nothing is credited for it."""


_OWN: Final = frozenset(
    {
        "advance",
        "advance_funding",
        "connect_collection_transfer",
        "contribution",
        "fee_credit_funding",
        "inbound_transfer",
        "inbound_transfer_reversal",
        "payment_failure_refund",
        "payment_network_reserve_hold",
        "payment_network_reserve_release",
        "payment_unreconciled",
        "payout",
        "payout_cancel",
        "payout_failure",
        "payout_minimum_balance_hold",
        "payout_minimum_balance_release",
        "reserve_hold",
        "reserve_release",
        "reserve_transaction",
        "reserved_funds",
        "stripe_fee",
        "stripe_fx_fee",
        "tax_fee",
        "tax_fund",
        "topup",
        "topup_reversal",
    }
)
"""Movements between the platform and its bank or Stripe, and the end of a payment that never came: no concern of
anybody's credit or earnings.
"""


def is_own(kind: str) -> bool:
    """Whether a movement of this kind is the platform's own business."""
    return kind in _OWN


def movement(transaction: Mapping[str, Any]) -> Movement:
    """The movement that a balance transaction with its ``source`` expanded is."""
    kind, amount = str(transaction["type"]), int(transaction["amount"])
    source = transaction.get("source")
    told: Mapping[str, Any] = source if isinstance(source, Mapping) else {"id": source}
    settled = kind not in _PAYMENTS or told.get("status") not in ("pending", "failed")
    return Movement(str(transaction["id"]), kind, amount, tuple(_keys(kind, amount, told)), settled)


_PAYMENTS: Final = frozenset({"charge", "payment"})


def _keys(kind: str, amount: Cents, source: Mapping[str, Any]) -> list[str]:
    name, named = source.get("id"), source.get("metadata") or {}
    match kind:
        case "charge" | "payment":
            return [f"topup:{source.get('payment_intent')}"]
        case "refund" | "payment_refund" | "refund_failure":
            what = "refund" if kind in ("refund", "payment_refund") else "refund_failed"
            part = named.get("refund_part")
            return [f"{what}:{each}" for each in (name, part) if each]
        case "adjustment" if source.get("object") == "dispute":
            return [f"{'dispute' if amount < 0 else 'dispute_won'}:{name}"]
        case "transfer":
            return [f"payout:{named.get('payout')}"]
        case "transfer_refund" | "transfer_cancel" | "transfer_failure":
            return [f"payout_reversed:{name}"]
    return []


_UNDONE_BY: Final = {"payout": "payout_returned", "refund": "refund_failed"}
_UNDOES: Final = {undoing: kind for kind, undoing in _UNDONE_BY.items()}


def partner(key: str) -> str | None:
    """The key of the receipt that undoes this one, or that this one undoes."""
    kind, _, name = key.partition(":")
    other = _UNDONE_BY.get(kind) or _UNDOES.get(kind)
    return f"{other}:{name}" if other else None


def account_class(account: str) -> str:
    """Accounts of one kind are added up together: ``credit``, ``session``, ``stripe:payments``, ``platform:fees``."""
    kind, _, name = account.partition(":")
    return f"{kind}:{name.partition(':')[0]}" if kind in ("stripe", "platform") else kind


CLEARING: Final = frozenset({"session", "tip", "reply", "unlock_refund", "escrow", "guarantee", "gift", "order"})
"""Classes of accounts that value passes through: never below zero, for nobody is paid what nobody paid."""
AT_ONCE: Final = frozenset({"gift"})
"""Those that it passes through in one transaction and at one moment: nothing may ever be left in them."""


def shard_fault(balance: Cents, *, closed: bool) -> What | None:
    """What is wrong with what gathered on an account of a stream, if anything: nobody is paid what nobody gave, and
    what was given is paid when the account is closed.
    """
    if balance < 0:
        return "paid_from_nothing"
    return "left_over" if closed and balance else None


def is_digested(closed_at: Millis, since: Millis) -> bool:
    """Whether a chain that was closed then is, as it is, in a digest of before a run that looks back to ``since``.

    The last run that ended began later than the overlap after ``since``, and the digest of its day is by a run that
    began a day earlier at most; another day is for clocks that differ. So the first digest that was begun after the
    closing has the chain, and no later one need.
    """
    return closed_at < since + OVERLAP - 2 * DAY


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain."""

    account: str
    seq: int
    hash: str
    balance: Cents

    @property
    def line(self) -> str:
        """As the digest takes it."""
        return f"{self.account} {self.seq} {self.hash} {self.balance}\n"


def digest(heads: Iterable[Head]) -> str:
    """SHA-256 over the heads of all chains, sorted by account: one that changes, comes or goes changes it."""
    lines = sorted(head.line for head in heads)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def seconds(moment: Millis) -> int:
    """As Stripe counts."""
    return moment // SECOND
