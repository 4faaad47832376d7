"""A refund of unused credit to where it came from: out of which payments, and how far it has got.

Only paid credit is given back, of the newest payments first; each part is one refund at Stripe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from chalicelib.kernel.errors import InsufficientFunds
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis
from chalicelib.wallet.model.payment import Payment

LEAST: Final[Cents] = 100
"""That a person asks for, unless it is all that can be."""
MOST_PARTS: Final = 10
KEY_LIFE: Final = 20 * HOUR
"""Stripe forgets an idempotency key after a day: from then on it is asked first what became of the part."""
GIVEN_UP: Final = 60 * DAY
"""After so long nobody looks any more of their own accord."""
_SOONEST: Final = MINUTE
_LATEST: Final = DAY

Status = Literal["pending", "succeeded", "failed", "partly"]


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it was asked for, in cents. How far each part has got, its payment says."""

    id: str
    user: str
    asked: Cents | None
    """None is all that can be."""
    currency: str
    created_at: Millis
    parts: tuple[tuple[str, Cents], ...]
    """PaymentIntents, and how much of each."""
    look_at: Millis | None
    """When to look at it again; None once it is done, or given up."""
    rev: int = 0

    @property
    def amount(self) -> Cents:
        """All parts together."""
        return sum(amount for _, amount in self.parts)

    def name(self, number: int) -> str:
        """What that part is called, here and in Stripe's metadata."""
        return f"{self.id}:{number}"


def look_again(created_at: Millis, now: Millis) -> Millis | None:
    """When to look again at what is not done: soon at first, then daily; None once it is given up."""
    age = now - created_at
    return now + min(max(age, _SOONEST), _LATEST) if age < GIVEN_UP else None


def split(
    payments: Iterable[Payment], asked: Cents | None, paid: Cents, now: Millis
) -> tuple[tuple[Payment, Cents], ...]:
    """Out of which payments, newest first, ``asked`` cents of ``paid`` credit go back; all that can be where None.

    Raises InsufficientFunds where there is nothing to give back, or less than was asked for.
    """
    left = paid if asked is None else min(asked, paid)
    parts: list[tuple[Payment, Cents]] = []
    for payment in payments:
        part = min(left, payment.refundable(now))
        if part > 0 and len(parts) < MOST_PARTS:
            parts.append((payment, part))
            left -= part
    found = sum(part for _, part in parts)
    if found < (asked or 1):
        raise InsufficientFunds(f"{found} cents can go back to the cards that paid them; the rest is to be spent.")
    return tuple(parts)


def part_status(payments: Mapping[str, Payment], refund: Refund, number: int) -> Status:
    """How far one part has got."""
    returned = payments[refund.parts[number][0]].refunds[refund.name(number)]
    if returned.dead:
        return "failed"
    return "succeeded" if returned.status == "succeeded" else "pending"


def status(parts: Sequence[Status]) -> Status:
    """How far the refund has got: ``partly`` where some of it could not be given back."""
    if "pending" in parts:
        return "pending"
    if "failed" not in parts:
        return "succeeded"
    return "partly" if "succeeded" in parts else "failed"
