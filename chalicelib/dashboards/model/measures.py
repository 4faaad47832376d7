"""What is summed: which measures an entry of the ledger, or a fact of the platform's journals, adds to whom. Pure.

Amounts are cents, what begins with ``coins.`` is coins, the rest are counts. A measure grows in its ordinary direction
and shrinks by what undoes it, so each may go down, and below zero where more is undone than was done in a while. Every
entry's amount is in one measure, so sums and chains tell the same:

    credit of a client   topped_up - refunded - disputed + order_credit + promo.granted - promo.expired
                         - all of spent. + guarantees + adjusted
    coins of a client    coins.bought - coins.returned + coins.granted - all of coins.spent.
    reader               all of earned. - paid_out - on_streams

The platform has the sums of all clients (readings and minutes too) and of all that readers earned and were paid, and
what is its own: ``share.``, what was paid at Stripe for coins and orders, people and readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from chalicelib.wallet.model.chain import Entry, JournalFact

PLATFORM: Final = "platform"

MEANINGS: Final[Mapping[str, str]] = {
    "topped_up": "Cents paid into credit, by checkouts and by saved cards.",
    "refunded": "Cents of unused credit sent back to cards.",
    "disputed": "Cents of credit taken back by banks, less what was won.",
    "order_credit": "Cents that went back for an order and became credit, because no card took them.",
    "promo.granted": "Cents of promotional credit given.",
    "promo.expired": "Cents of promotional credit that nobody used in time.",
    "guarantees": "Cents given back to clients who were not satisfied with a reading.",
    "adjusted": "Cents by which admins corrected credit.",
    "spent.reading": "Cents paid for minutes of readings, less what was taken back.",
    "spent.booking": "Cents paid for bookings, less what went back.",
    "spent.tip": "Cents of tips.",
    "spent.reply": "Cents paid for replies, less what went back.",
    "spent.product": "Cents paid for orders, by credit or at Stripe, less what went back.",
    "readings": "Readings begun; of a reader, those paid for. A booking counts once its reading has taken place.",
    "minutes": "Paid minutes of readings, less those taken back; of a reader, once the reading is settled.",
    "coins.bought": "Coins bought.",
    "coins.returned": "Bought coins that were taken back, less those given back again.",
    "coins.granted": "Coins that admins gave, less those they took.",
    "coins.spent.gift": "Coins given as gifts.",
    "coins.spent.ticket": "Coins paid for tickets, less what went back.",
    "coins.spent.product": "Coins paid for orders, less what went back.",
    "earned.reading": "Cents that readers earned by readings.",
    "earned.booking": "Cents that readers earned by bookings.",
    "earned.tip": "Cents that readers earned by tips.",
    "earned.reply": "Cents that readers earned by replies, less what went back.",
    "earned.gift": "Cents that readers earned by gifts, when they were given.",
    "earned.ticket": "Cents that readers earned by tickets, when they were bought, less what went back.",
    "earned.product": "Cents that readers earned by their products, less what went back.",
    "earned.guarantee": "Below zero: the readers' part of what clients got back who were not satisfied.",
    "earned.adjustment": "Cents by which admins corrected earnings.",
    "on_streams": "Cents of gifts and tickets of streams that are not settled yet: earned, and in no earnings yet.",
    "paid_out": "Cents paid out to readers, less what came back.",
    "share.reading": "Cents of readings that are the platform's.",
    "share.booking": "Cents of bookings that are the platform's.",
    "share.tip": "Cents of tips that are the platform's.",
    "share.reply": "Cents of replies that are the platform's, less what went back.",
    "share.gift": "Cents of gifts that are the platform's.",
    "share.ticket": "Cents of tickets that are the platform's, less what went back.",
    "share.product": "Cents of orders that are the platform's, less what went back.",
    "share.shipping": "Cents paid for sending, less what went back.",
    "share.guarantee": "Below zero: the platform's part of what clients got back who were not satisfied.",
    "coin_sales.paid": "Cents paid at Stripe for coins. What app stores took is not known here.",
    "coin_sales.refunded": "Cents sent back of what was paid at Stripe for coins.",
    "coin_sales.disputed": "Cents taken back by banks of what was paid at Stripe for coins, less what was won.",
    "order_sales.paid": "Cents paid at Stripe for orders.",
    "order_sales.refunded": "Cents sent back of what was paid at Stripe for orders.",
    "order_sales.disputed": "Cents taken back by banks of what was paid at Stripe for orders, less what was won.",
    "people": "People who came.",
    "readers": "Readers who were invited and came.",
    "standing.invited": "Readers who have no profile yet.",
    "standing.profile": "Readers with a profile who wait to be verified.",
    "standing.verified": "Readers who are verified.",
    "standing.withdrawn": "Readers who were verified, and are not any more.",
    "other": "Entries of a kind that nothing here knows: there should be none.",
}
"""Every measure there is, and what it says."""

SPENT: Final = tuple(name for name in MEANINGS if name.startswith("spent."))
EARNED: Final = tuple(name for name in MEANINGS if name.startswith("earned."))
SHARE: Final = tuple(name for name in MEANINGS if name.startswith("share."))
COINS_SPENT: Final = tuple(name for name in MEANINGS if name.startswith("coins.spent."))
STANDING: Final = tuple(name for name in MEANINGS if name.startswith("standing."))


def client(user: str) -> str:
    """The subject that a person is as a client."""
    return f"client:{user}"


def reader(user: str) -> str:
    """The subject that a person is as a reader."""
    return f"reader:{user}"


Sums = dict[str, int]
Added = Mapping[str, Sums]
"""What is added to whom: by subject, by measure."""


What = Literal["session", "booking", "stream", "order"]


@dataclass(frozen=True, slots=True)
class Thing:
    """What an entry refers to and does not say itself. It stands for good once the entry is there."""

    client: str = ""
    reader: str = ""
    minutes: int = 0
    """Paid minutes of a reading that took place."""


_Kinds = Mapping[str, tuple[str, int] | None]
"""By kind of entry: the measure that it adds its amount to, and its sign there; None where it moves nothing."""

_CREDIT: Final[_Kinds] = {
    "topup": ("topped_up", 1),
    "recharge": ("topped_up", 1),
    "refund": ("refunded", -1),
    "refund_failed": ("refunded", -1),
    "dispute": ("disputed", -1),
    "dispute_won": ("disputed", -1),
    "order_credit": ("order_credit", 1),
    "order_credit_taken": ("order_credit", 1),
    "promo_granted": ("promo.granted", 1),
    "promo_expired": ("promo.expired", -1),
    "guarantee": ("guarantees", 1),
    "adjusted": ("adjusted", 1),
    "meter_started": ("spent.reading", -1),
    "minute": ("spent.reading", -1),
    "meter_resumed": ("spent.reading", -1),
    "meter_stood": ("spent.reading", -1),
    "meter_closed": ("spent.reading", -1),
    "reading_refunded": ("spent.reading", -1),
    "booking": ("spent.booking", -1),
    "booking_refund": ("spent.booking", -1),
    "tip": ("spent.tip", -1),
    "reply": ("spent.reply", -1),
    "unlock_refund": ("spent.reply", -1),
    "order": ("spent.product", -1),
    "order_refund": ("spent.product", -1),
    "freeze": None,
    "unfreeze": None,
    "limits_set": None,
    "recharge_set": None,
}
_COINS: Final[_Kinds] = {
    "coins_bought": ("coins.bought", 1),
    "coins_taken_back": ("coins.returned", -1),
    "coins_given_back": ("coins.returned", -1),
    "coins_granted": ("coins.granted", 1),
    "coins_withdrawn": ("coins.granted", 1),
    "gift": ("coins.spent.gift", -1),
    "ticket": ("coins.spent.ticket", -1),
    "ticket_back": ("coins.spent.ticket", -1),
    "order": ("coins.spent.product", -1),
    "order_refund": ("coins.spent.product", -1),
}
_EARNINGS: Final[_Kinds] = {
    "reading_earned": ("earned.reading", 1),
    "booking_earned": ("earned.booking", 1),
    "tip_earned": ("earned.tip", 1),
    "reply_earned": ("earned.reply", 1),
    "reply_returned": ("earned.reply", 1),
    "sale_earned": ("earned.product", 1),
    "sale_returned": ("earned.product", 1),
    "guarantee_returned": ("earned.guarantee", 1),
    "adjusted": ("earned.adjustment", 1),
    "payout": ("paid_out", -1),
    "payout_returned": ("paid_out", -1),
    "payout_reversed": ("paid_out", -1),
    "gift_earned": None,  # gifts and tickets of a stream that is settled: each was counted on the stream's account
}
_STREAM: Final[_Kinds] = {
    "gift_earned": ("earned.gift", 1),
    "ticket_earned": ("earned.ticket", 1),
    "stream_void": ("earned.ticket", 1),  # nobody gives to a host who never came
    "stream_settled": None,
}
_CHAINS: Final[Mapping[str, _Kinds]] = {"credit": _CREDIT, "coins": _COINS, "earnings": _EARNINGS, "stream": _STREAM}

_STRIPES: Final[_Kinds] = {
    "topup": ("paid", 1),
    "refund": ("refunded", -1),
    "refund_failed": ("refunded", -1),
    "dispute": ("disputed", -1),
    "dispute_won": ("disputed", -1),
}
_JOURNALS: Final[Mapping[str, _Kinds]] = {
    "fees": {
        "reading": ("share.reading", 1),
        "booking": ("share.booking", 1),
        "tip": ("share.tip", 1),
        "reply": ("share.reply", 1),
        "unlock_refund": ("share.reply", 1),
        "gift": ("share.gift", 1),
        "ticket": ("share.ticket", 1),
        "ticket_back": ("share.ticket", 1),
        "sale": ("share.product", 1),
        "sale_returned": ("share.product", 1),
    },
    "guarantees": {"guarantee": ("share.guarantee", 1)},
    "sales": {
        "sale": ("share.product", 1),
        "sale_returned": ("share.product", 1),
        "shipping": ("share.shipping", 1),
        "shipping_returned": ("share.shipping", 1),
    },
    "coins": {name: (f"coin_sales.{each[0]}", each[1]) for name, each in _STRIPES.items() if each},
    "orders": {name: (f"order_sales.{each[0]}", each[1]) for name, each in _STRIPES.items() if each}
    | {"order": ("spent.product", -1), "order_refund": ("spent.product", -1)},
}
"""By journal, and by what the fact's key begins with."""


def home(account: str) -> str:
    """The subject whose row says how far a chain is summed: whoever it belongs to, or itself for a stream's."""
    kind, _, owner = account.partition(":")
    return {"credit": client, "coins": client, "earnings": reader}.get(kind, lambda _: account)(owner)


def is_known(entry: Entry | JournalFact) -> bool:
    """Whether anything here knows what it is."""
    return _name(entry) in _kinds(entry)


def asked(entry: Entry | JournalFact) -> tuple[What, str] | None:
    """The thing that must be known to tell whose it is, or how much: what kind, and its id."""
    if isinstance(entry, JournalFact):
        _, _, rest = entry.key.partition(":")
        ours = entry.kind == "orders" and _name(entry) in ("order", "order_refund")
        return ("order", rest.partition(":")[0]) if ours else None
    kind, _, owner = entry.account.partition(":")
    if kind == "stream":
        return "stream", owner.partition(":")[0]
    if entry.kind == "reading_earned":
        return "session", entry.reference
    return ("booking", entry.reference) if entry.kind == "booking_earned" else None


def of_entry(entry: Entry, before: Entry, thing: Thing) -> Added:
    """What an entry adds, the one ``before`` it in its chain being that. One of an unknown kind is counted as that."""
    kind, _, owner = entry.account.partition(":")
    own = _own(entry)
    if kind in ("credit", "coins"):
        return _both(client(owner), own | _of_meter(entry, before))
    if kind == "stream":
        return _both(reader(thing.reader), own | ({"on_streams": entry.amount} if entry.amount else {}))
    if kind != "earnings":
        return {PLATFORM: own}
    talked = {"readings": 1, "minutes": thing.minutes} if thing.minutes else {}
    whole = {reader(owner): own | talked, PLATFORM: own}
    if entry.kind != "booking_earned" or not talked:
        return whole
    return whole | {client(thing.client): talked, PLATFORM: own | talked}  # no meter has counted it


def of_fact(fact: JournalFact, thing: Thing) -> Added:
    """What the platform's side of something adds."""
    own = _own(fact)
    return _both(client(thing.client), own) if thing.client else {PLATFORM: own}


def _own(entry: Entry | JournalFact) -> Sums:
    if not is_known(entry):
        return {"other": 1}
    measure = _kinds(entry)[_name(entry)]
    return {measure[0]: measure[1] * entry.amount} if measure else {}


def _of_meter(entry: Entry, before: Entry) -> Sums:
    """Minutes that the entry charged or took back, and whether it began a reading."""
    taken = before.meter.minute - entry.kept if entry.kept is not None and before.meter else 0
    minutes = (1 if entry.minute else 0) - taken
    counted = {"readings": 1} if entry.kind == "meter_started" else {}
    return counted | ({"minutes": minutes} if minutes else {})


def _both(subject: str, sums: Sums) -> Added:
    return {subject: sums, PLATFORM: sums}


def _kinds(entry: Entry | JournalFact) -> _Kinds:
    if isinstance(entry, JournalFact):
        return _JOURNALS.get(entry.kind, {})
    return _CHAINS.get(entry.account.partition(":")[0], {})


def _name(entry: Entry | JournalFact) -> str:
    return entry.key.partition(":")[0] if isinstance(entry, JournalFact) else entry.kind
