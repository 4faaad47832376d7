"""A top-up by Stripe Checkout, of credit or of coins: our record says who gets how much; Stripe, that it was paid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeGuard

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")

Status = Literal["pending", "paid", "failed", "expired"]


@dataclass(frozen=True, slots=True)
class TopUp:
    """``amount`` in cents. ``checkout`` is the Checkout Session's id once the page exists."""

    id: str
    user: str
    amount: Cents
    currency: str
    status: Status
    created_at: Millis
    checkout: str | None = None
    checkout_url: str | None = None
    payment_intent: str | None = None
    """What paid it."""
    pack: str | None = None
    """Of coins: the pack that is bought. None buys credit."""
    coins: int = 0
    """How many it buys; 0 buys credit."""


@dataclass(frozen=True, slots=True)
class Credit:
    """The payment is real and is the one we asked for: credit the top-up once, under this fact."""

    payment_intent: str


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing was paid, and nothing will be: the top-up ends."""

    status: Status


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing to do, and why. ``alarming`` where money may have moved that we did not ask for."""

    why: str
    alarming: bool = False


def is_id(value: object) -> TypeGuard[str]:
    """Whether this may be an id, ours or Stripe's: what else an event may say would be no key of a table."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def same(topup: TopUp, wanted: TopUp) -> bool:
    """Whether both buy the same: so much credit, or that pack, whose price may have changed meanwhile."""
    return topup.pack == wanted.pack and (topup.pack is not None or topup.amount == wanted.amount)


def judge(event_type: str, checkout: Mapping[str, Any], topup: TopUp | None) -> Credit | Close | Ignore:
    """What an event on a Checkout Session means for the top-up that it names.

    Only what was really paid counts, and only for the amount, currency, user and page of our own record.
    """
    if topup is None:
        return Ignore("no top-up of ours", alarming=checkout.get("payment_status") == "paid")
    if event_type in ("checkout.session.expired", "checkout.session.async_payment_failed"):
        if topup.status != "pending":
            return Ignore(f"already {topup.status}")
        return Close("expired" if event_type == "checkout.session.expired" else "failed")
    if checkout.get("payment_status") != "paid":
        return Ignore("not paid yet")
    intent = checkout.get("payment_intent")
    metadata = checkout.get("metadata")
    if topup.status == "paid":  # both event families may tell of one payment; another payment is money not asked for
        return Ignore("already paid", alarming=intent != topup.payment_intent)
    same = (
        checkout.get("mode") == "payment"
        and checkout.get("amount_total") == topup.amount
        and checkout.get("currency") == topup.currency
        and isinstance(metadata, Mapping)
        and metadata.get("user") == topup.user
        and checkout.get("client_reference_id") == topup.id
        and topup.checkout in (None, checkout.get("id"))
    )
    if not is_id(intent) or not same:
        return Ignore("paid, but not what our record says", alarming=True)
    return Credit(intent)
