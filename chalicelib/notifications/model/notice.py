"""A notice: that a person is to be told of a fact, and what of such they may wish not to be told of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.accounts.model.preferences import Kind
from chalicelib.kernel.time import Millis

Facts = Mapping[str, Any]

NOBODY: Final = "Somebody who left"
"""Whoever is named in a notice and is not here any more."""
_ID: Final = re.compile(r"[a-z]{3}_[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of the outbox: that person ``to`` is to be told of ``fact``, which came about at ``at``."""

    to: str
    kind: str
    facts: Facts
    fact: str = ""
    at: Millis = 0

    @property
    def about(self) -> Kind | None:
        """What a person may wish not to be told of; None where it keeps their account safe."""
        return ABOUT.get(self.kind)

    @property
    def worthless_after(self) -> Millis | None:
        """From when on nobody need be disturbed for it; None where it stays worth knowing."""
        until = self.facts.get("until", self.facts.get("offered_until"))
        return until if isinstance(until, int) else None


def notice_of(row: Mapping[str, Any]) -> Notice:
    """The notice that a row of the outbox is."""
    return Notice(row["pk"], row["kind"], row["facts"], row["sk"].removeprefix(f"{row['kind']}#"), row["at"])


def things(facts: Facts) -> dict[str, str]:
    """The things that a notice is about, by what they are in it: their ids."""
    return {name: value for name, value in facts.items() if isinstance(value, str) and _ID.fullmatch(value)}


ABOUT: Final[Mapping[str, Kind]] = {
    "booking_made": "bookings",
    "booking_moved": "bookings",
    "booking_reminder": "bookings",
    "booking_closed": "bookings",
    "guarantee_granted": "wallet",
    "guarantee_refused": "wallet",
    "promo_granted": "wallet",
    "recharge_paid": "wallet",
    "refund": "wallet",
    "refund_failed": "wallet",
    "coins_granted": "wallet",
    "reading_refunded": "wallet",
    "favorite_online": "favorites",
    "queue_offer": "favorites",
    "payout_paid": "wallet",
    "report_decided": "community",
    "reading_requested": "readings",
    "reading_missed": "readings",
    "live_started": "favorites",
    "message_received": "messages",
    "reply_unlocked": "wallet",
    "post_replied": "community",
    "order_paid": "orders",
    "order_shipped": "orders",
    "order_delivered": "orders",
    "order_refunded": "orders",
    "order_cancelled": "orders",
    "product_sold": "orders",
    "product_approved": "orders",
    "product_stopped": "orders",
}
"""What a person may wish not to be told of, by the kind of notice. Any other keeps an account safe, and is told."""
