"""A payment by Stripe and what became of it: what Stripe has told so far, and the postings that follow from that.

What is told only ever adds: a refund that was told of is there, its status only moves on; a dispute took the money,
and gave it back. So the order of Stripe's events makes no difference, nor how often each comes: what was learned is
the same, and ``facts`` of it are the postings that must stand. A refund or a dispute may be told before its payment
is; the row then waits, without a user, and posts nothing until it is credited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from chalicelib.kernel.errors import AlreadyDone
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import Millis
from chalicelib.wallet.model.chain import Fact

PAYMENTS: Final = "stripe:payments"
REFUNDS: Final = "stripe:refunds"
DISPUTES: Final = "stripe:disputes"

Source = Literal["topup", "recharge"]


@dataclass(frozen=True, slots=True)
class Refund:
    """A part of a payment that went back to where it came from, or is to."""

    amount: Cents
    status: str
    stripe: str | None = None
    """Stripe's id of it, once it is known."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A payment that the bank took back. It is ``taken`` once, and ``returned`` once if it is won."""

    amount: Cents
    taken: bool = False
    returned: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """One settled payment of a person, in cents. ``reference`` is the top-up, or the recharge, that it paid."""

    intent: str
    user: str | None = None
    """None until it is credited."""
    amount: Cents = 0
    currency: str = USD
    source: Source = "topup"
    reference: str = ""
    at: Millis = 0
    refunds: Mapping[str, Refund] = field(default_factory=dict)
    """By our own name (``{refund}:{part}``), or by Stripe's where it is none of ours."""
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    rev: int = 0


def credited(was: Payment, paid: Payment) -> Payment:
    """The payment once it is credited. Raises AlreadyDone where it was, as something else."""
    if was.user is None:
        return replace(paid, refunds=was.refunds, disputes=was.disputes, rev=was.rev)
    if (was.user, was.amount, was.currency, was.reference) != (paid.user, paid.amount, paid.currency, paid.reference):
        raise AlreadyDone
    return was


def facts(payment: Payment) -> dict[str, Fact]:
    """Every posting that follows from what was told, by its key, in the order in which they are made."""
    if payment.user is None:
        return {}
    return {f"topup:{payment.intent}": Fact(payment.source, payment.amount, PAYMENTS, payment.reference)}


def to_item(payment: Payment) -> dict[str, Any]:
    """The payment as it is stored, without its key."""
    return {name: getattr(payment, name) for name in _PLAIN} | {
        "refunds": {key: [each.amount, each.status, each.stripe] for key, each in payment.refunds.items()},
        "disputes": {
            key: [each.amount, each.taken, each.returned, each.lost] for key, each in payment.disputes.items()
        },
    }


def from_item(item: Mapping[str, Any]) -> Payment:
    """The payment that ``to_item`` stored."""
    return Payment(
        **{name: item[name] for name in _PLAIN},
        refunds={key: Refund(*each) for key, each in item["refunds"].items()},
        disputes={key: Dispute(*each) for key, each in item["disputes"].items()},
    )


_PLAIN: Final = ("intent", "user", "amount", "currency", "source", "reference", "at", "rev")
