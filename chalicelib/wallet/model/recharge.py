"""Auto-recharge (product §4): a saved card is charged when credit gets short.

One charge is in flight at a time, and no more than the daily cap in any 24 hours. A card that cannot pay any more turns
it off at once, and so does a bank that asks for its customer; another refusal the third time in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis
from chalicelib.wallet.model.terms import LEAST, MOST, MOST_A_DAY, OffReason
from chalicelib.wallet.model.topup import Ignore, is_id

CHARGES_A_DAY: Final = 20
DECLINES: Final = 3
"""In a row; then it is off."""
REST: Final[Millis] = 5 * MINUTE
"""After a refusal, before the card is tried again."""
GIVE_UP: Final[Millis] = 20 * HOUR
"""Stripe knows an idempotency key for 24 hours: a call whose outcome is unknown is not made again after so long."""

UNKNOWN: Final = "unknown"
"""Why a charge ends whose outcome nobody told."""

Status = Literal["pending", "sent", "succeeded", "failed", "unknown"]

_UNUSABLE: Final = frozenset(
    {
        *("expired_card", "lost_card", "stolen_card", "pickup_card", "restricted_card", "fraudulent"),
        *("invalid_account", "card_not_supported", "currency_not_supported", "resource_missing"),
        "revocation_of_authorization",
    }
)
"""What another try would not mend (https://docs.stripe.com/declines/codes)."""


@dataclass(frozen=True, slots=True)
class Card:
    """A saved card as its owner knows it. ``at`` is when it was saved, in Stripe's seconds: the newest counts."""

    payment_method: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    at: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for, in cents."""

    enabled: bool
    threshold: Cents
    amount: Cents
    daily_cap: Cents


@dataclass(frozen=True, slots=True)
class AutoRecharge:
    """One person's saved card, and when it is charged."""

    user: str
    customer: str | None = None
    """Stripe's name for the person."""
    card: Card | None = None
    enabled: bool = False
    threshold: Cents = 1_000
    amount: Cents = 2_500
    daily_cap: Cents = 10_000
    off_reason: OffReason | None = None
    """Why it was turned off other than by the person."""
    in_flight: str | None = None
    """The recharge whose outcome is not known yet."""
    recent: tuple[tuple[str, Millis, Cents], ...] = ()
    """Recharges of the last 24 hours that were not refused: id, moment, amount."""
    declines: int = 0
    """In a row."""
    rest_until: Millis = 0
    rev: int = 0


@dataclass(frozen=True, slots=True)
class Recharge:
    """One charge of a saved card."""

    id: str
    user: str
    amount: Cents
    currency: str
    customer: str
    payment_method: str
    created_at: Millis
    status: Status = "pending"
    intent: str | None = None
    code: str | None = None
    """Why it failed, in Stripe's word."""
    rev: int = 0


def asked(was: AutoRecharge, wanted: Wanted) -> AutoRecharge:
    """The settings as their owner wants them. Raises Invalid, InvalidState (no card)."""
    bounds = {
        "threshold": (wanted.threshold, 0, MOST),
        "amount": (wanted.amount, LEAST, MOST),
        "daily_cap": (wanted.daily_cap, max(LEAST, wanted.amount), MOST_A_DAY),
    }
    errors = [
        {"field": name, "message": f"from {least} to {most} cents"}
        for name, (cents, least, most) in bounds.items()
        if not least <= cents <= most
    ]
    if errors:
        raise Invalid(errors=tuple(errors))
    if wanted.enabled and was.card is None:
        raise InvalidState("Save a card first.")
    anew = wanted.enabled and not was.enabled
    return replace(
        was,
        enabled=wanted.enabled,
        threshold=wanted.threshold,
        amount=wanted.amount,
        daily_cap=wanted.daily_cap,
        off_reason=None,
        declines=0 if anew else was.declines,
        rest_until=0 if anew else was.rest_until,
    )


def with_card(was: AutoRecharge, card: Card) -> AutoRecharge:
    """The settings with the card, unless a newer one is there. What was off stays so until its owner says otherwise."""
    if was.card and was.card.at >= card.at:
        return was
    return replace(was, card=card, declines=0, rest_until=0)


def begun(was: AutoRecharge, recharge: str, now: Millis) -> tuple[AutoRecharge, Recharge] | None:
    """A charge of the card, and the settings with it in flight; None where none may begin now."""
    if not was.enabled or was.card is None or was.customer is None or was.in_flight or now < was.rest_until:
        return None
    recent = tuple(each for each in was.recent if each[1] > now - DAY)
    if len(recent) >= CHARGES_A_DAY or sum(each[2] for each in recent) + was.amount > was.daily_cap:
        return None
    charge = Recharge(recharge, was.user, was.amount, USD, was.customer, was.card.payment_method, now)
    return replace(was, in_flight=recharge, recent=(*recent, (recharge, now, was.amount))), charge


def paid(was: AutoRecharge, recharge: str) -> AutoRecharge:
    """The settings once that charge was paid."""
    return replace(was, in_flight=None, declines=0) if was.in_flight == recharge else was


def refused(was: AutoRecharge, recharge: str, code: str, now: Millis) -> AutoRecharge:
    """The settings once that charge was refused for ``code``."""
    if was.in_flight != recharge:
        return was
    if code == UNKNOWN:  # it may have been paid, and then an event will say so: it counts for the day
        return off(replace(was, in_flight=None), "unknown")
    after = replace(
        was,
        in_flight=None,
        recent=tuple(each for each in was.recent if each[0] != recharge),
        declines=was.declines + 1,
        rest_until=now + REST,
    )
    if code == "authentication_required":
        return off(after, "authentication_required")
    if code in _UNUSABLE:
        return off(after, "card_unusable")
    return off(after, "declined") if after.declines >= DECLINES else after


def off(was: AutoRecharge, reason: OffReason) -> AutoRecharge:
    """The settings, turned off by us."""
    return replace(was, enabled=False, off_reason=reason) if was.enabled else was


def judge(event_type: str, intent: Mapping[str, Any], recharge: Recharge | None) -> Literal["paid", "refused"] | Ignore:
    """What an event on a PaymentIntent means for the recharge that it names.

    Only what was really paid counts, and only for the amount, currency, user and customer of our own record.
    """
    succeeded = event_type == "payment_intent.succeeded"
    if recharge is None:
        return Ignore("no recharge of ours", alarming=succeeded)
    same = recharge.intent in (None, intent.get("id"))
    if not succeeded:
        if recharge.status in ("succeeded", "failed") or not same:
            return Ignore(f"already {recharge.status}")
        return "refused"
    if recharge.status == "succeeded":
        return Ignore("already credited", alarming=not same)
    metadata = intent.get("metadata")
    fits = (
        same
        and is_id(intent.get("id"))
        and intent.get("amount") == recharge.amount == intent.get("amount_received")
        and intent.get("currency") == recharge.currency
        and intent.get("customer") == recharge.customer
        and isinstance(metadata, Mapping)
        and metadata.get("user") == recharge.user
    )
    return "paid" if fits else Ignore("paid, but not what our record says", alarming=True)


def why_refused(intent: Mapping[str, Any]) -> str:
    """Stripe's word for why the bank refused a PaymentIntent, the bank's own where there is one."""
    error = intent.get("last_payment_error")
    said = (error.get("decline_code") or error.get("code")) if isinstance(error, Mapping) else None
    return said if is_id(said) else "card_declined"
