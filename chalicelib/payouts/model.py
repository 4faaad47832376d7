"""When earnings may be paid out, to whom, and how a payout goes. Pure.

    reserved → paid | returned

| state | meaning | leaves it |
|---|---|---|
| reserved | taken from the earnings, on its way to Stripe | Stripe made the transfer → paid; it refused → returned |
| paid | transferred to the reader's account at Stripe; what is reversed later goes back to the earnings | never |
| returned | back in the earnings | never |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeGuard

from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis

LEAST: Final[Cents] = 1_500
"""What is paid out at least (product §10)."""
MOST: Final[Cents] = 10_000_000
"""What one payout moves at most; the rest follows with the next."""
TRANSFERS: Final = "stripe:transfers"
"""The counter account of what goes to readers, and of what comes back."""

RUN_AT: Final[Millis] = 6 * HOUR
"""When the daily run is, after midnight UTC."""
WAITS: Final[tuple[Millis, ...]] = (*(MINUTE << doubled for doubled in range(6)), HOUR)
"""How long after each call of unknown outcome the next one is made; the last goes for all that follow."""

_MOST_REQUIREMENTS: Final = 50


# --- earnings ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Earnings:
    """``balance`` is all that is earned and not paid out; ``pending`` the part still held, ``available`` the rest."""

    balance: Cents
    pending: Cents
    available: Cents


def earnings(balance: Cents, recent: Iterable[tuple[Millis, Cents]], now: Millis, hold: Millis) -> Earnings:
    """Split ``balance`` by age. ``recent`` is what was earned of late, ``(at, amount)``, back to ``now - hold``."""
    held = sum(amount for at, amount in recent if amount > 0 and at > now - hold)
    pending = max(0, min(balance, held))
    return Earnings(balance, pending, balance - pending)


Source = Literal["readings", "tips", "replies", "bookings", "gifts", "products", "guarantees", "payouts", "other"]

SOURCES: Final[tuple[Source, ...]] = (
    "readings",
    "tips",
    "replies",
    "bookings",
    "gifts",
    "products",
    "guarantees",
    "other",
    "payouts",
)

_SOURCE_OF: Final[Mapping[str, Source]] = {
    "reading_earned": "readings",
    "tip_earned": "tips",
    "reply_earned": "replies",
    "reply_returned": "replies",
    "booking_earned": "bookings",
    "gift_earned": "gifts",
    "sale_earned": "products",
    "sale_returned": "products",
    "guarantee_returned": "guarantees",
    "payout": "payouts",
    "payout_returned": "payouts",
    "payout_reversed": "payouts",
}


def by_source(postings: Iterable[tuple[str, Cents]]) -> dict[Source, Cents]:
    """What ``(kind, amount)`` postings of an earnings chain add up to, by where they came from or went to."""
    sums: dict[Source, Cents] = {}
    for kind, amount in postings:
        source = _SOURCE_OF.get(kind, "other")
        sums[source] = sums.get(source, 0) + amount
    return sums


# --- the account at Stripe -----------------------------------------------------------------------

Status = Literal["none", "incomplete", "pending", "ready", "restricted"]


@dataclass(frozen=True, slots=True)
class Payee:
    """A reader's account at Stripe, as it was last read there."""

    reader: str
    account: str
    """Stripe's id, ``acct_…``."""
    due_at: Millis | None = None
    """The reader's next turn in the daily run; None for one who was forgotten. The account stays known: what was
    transferred to it may still be reversed.
    """
    submitted: bool = False
    """The reader has filled in what Stripe asked for at first."""
    transfers: bool = False
    """We may transfer to it."""
    payouts_enabled: bool = False
    """Stripe pays out from it to the reader's bank."""
    requirements: tuple[str, ...] = ()
    """What Stripe needs from the reader now, by Stripe's names."""
    verifying: bool = False
    """Stripe is looking at what it was given."""
    read_at: Millis = 0
    """When it was read, or could not be, last."""
    rev: int = 0

    @property
    def status(self) -> Status:
        """``ready`` can be paid out to; ``restricted`` needs the reader again."""
        if self.transfers and self.payouts_enabled:
            return "ready"
        if not self.submitted:
            return "incomplete"
        return "pending" if self.verifying and not self.requirements else "restricted"


def as_read(payee: Payee, account: Mapping[str, Any] | None, now: Millis) -> Payee:
    """The payee with what Stripe says of the account; None for one that Stripe does not have any more."""
    told = account or {}
    needs: Any = told.get("requirements") or {}
    capabilities: Any = told.get("capabilities") or {}
    asked = dict.fromkeys((*(needs.get("past_due") or ()), *(needs.get("currently_due") or ())))
    return replace(
        payee,
        submitted=told.get("details_submitted") is True or account is None,
        transfers=capabilities.get("transfers") == "active",
        payouts_enabled=told.get("payouts_enabled") is True,
        requirements=tuple(str(each) for each in asked)[:_MOST_REQUIREMENTS] if payee.due_at is not None else (),
        verifying=bool(needs.get("pending_verification")) or capabilities.get("transfers") == "pending",
        read_at=now,
    )


def forgotten(payee: Payee) -> Payee:
    """The payee without a turn, and without what Stripe wants of them."""
    return replace(payee, due_at=None, requirements=())


def next_run(now: Millis) -> Millis:
    """The first daily run after ``now``."""
    return (now - RUN_AT) // DAY * DAY + DAY + RUN_AT


# --- a payout ------------------------------------------------------------------------------------

State = Literal["reserved", "paid", "returned"]

OURS_TO_MEND: Final = frozenset({"balance_insufficient", "insufficient_funds"})
"""Refusals that are no fault of the reader's: a person must see to our balance at Stripe."""


@dataclass(frozen=True, slots=True)
class Payout:
    """One transfer of earnings to a reader's account at Stripe. Amounts in cents."""

    id: str
    reader: str
    account: str
    amount: Cents
    state: State
    created_at: Millis
    due_at: Millis | None = None
    """When it is looked at again; None once nothing is left to do."""
    currency: str = USD
    tries: int = 0
    """Calls to Stripe that were begun."""
    transfer: str | None = None
    """Stripe's id, ``tr_…``."""
    ended_at: Millis | None = None
    """When it was paid, or returned."""
    why: str | None = None
    """Why it was returned: Stripe's code. See ``said`` for what the reader is told."""
    reversed: Cents = 0
    """What of it was taken back from the account and is in the earnings again."""
    rev: int = 0

    @property
    def said(self) -> str | None:
        """What the reader is told of ``why``: how our own balance stands is no concern of theirs."""
        return "unavailable" if self.why in OURS_TO_MEND else self.why


def payout_id(reader: str, seq: int) -> str:
    """The id of the payout that follows entry ``seq`` of the reader's earnings: of two runs at once both make this."""
    return derived_id("pay", reader, str(seq))


def payable(available: Cents, least: Cents = LEAST) -> Cents:
    """What to pay out of ``available``; 0 where it is too little."""
    return max(0, min(available, MOST)) if available >= least else 0


def tried(payout: Payout, now: Millis) -> Payout:
    """A call to Stripe begins: unless it brings an answer, it is made again later."""
    wait = WAITS[min(payout.tries, len(WAITS) - 1)]
    return replace(payout, tries=payout.tries + 1, due_at=now + wait)


def paid(payout: Payout, transfer: str, now: Millis) -> Payout:
    """Stripe made the transfer."""
    return replace(payout, state="paid", transfer=transfer, ended_at=now, due_at=None)


def returned(payout: Payout, why: str, now: Millis) -> Payout:
    """Stripe refused for good: the money goes back to the earnings."""
    return replace(payout, state="returned", why=why, ended_at=now, due_at=None)


def is_transfer_of(transfer: Mapping[str, Any], payout: Payout) -> bool:
    """Whether what Stripe transferred is what we asked for."""
    back = transfer.get("amount_reversed", 0)
    return (
        is_id(transfer.get("id"))
        and transfer.get("amount") == payout.amount
        and type(back) is int
        and 0 <= back <= payout.amount
        and transfer.get("currency") == payout.currency
        and transfer.get("destination") == payout.account
        and payout.transfer in (None, transfer["id"])
    )


@dataclass(frozen=True, slots=True)
class Reversal:
    """So much of a transfer was taken back. ``id`` is Stripe's, ``trr_…``."""

    id: str
    amount: Cents
    created: int


def reversals(told: object) -> list[Reversal]:
    """What a list of Stripe's says, each once, oldest first; what in it is no reversal is left out."""
    found = {
        each["id"]: Reversal(each["id"], each["amount"], each["created"])
        for each in (told if isinstance(told, list) else ())
        if isinstance(each, Mapping)
        and is_id(each.get("id"))
        and all(type(each.get(name)) is int and each[name] >= 0 for name in ("amount", "created"))
    }
    return sorted(found.values(), key=lambda each: (each.created, each.id))


def is_id(value: object) -> TypeGuard[str]:
    """Whether this may be an id, ours or Stripe's, short enough for an entry of the ledger."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
