"""An account is a chain of entries; the newest entry *is* its state. Nothing else holds a balance.

Entry *n+1* is put on the condition that it does not exist, so of two writers who read the same newest entry
one wins and the other reads again. Each entry moves ``amount`` from its ``counter`` to the account, so money is
conserved by construction, and carries the hash of the entry before it, so a change in the past shows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.kernel.money import COINS, USD, Cents
from chalicelib.kernel.time import Millis
from chalicelib.wallet.model.buckets import Buckets, Lot, Split

_SEQ_DIGITS: Final = 12
_STRIPE: Final = "stripe:"
"""Counters by which paid money comes in and goes again; towards any other one but the next it is spent."""
ADJUSTMENTS: Final = "platform:adjustments"
"""Where the platform takes from what it gives by hand, and puts what it takes."""
GRANTED: Final = "platform:granted"
"""The same of coins."""
BY_HAND: Final = (ADJUSTMENTS, GRANTED)

NOTHING: Final[Cents] = -1
"""The ceiling of who has excluded themselves."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of connected time. ``until`` and ``reason`` are set where a freeze stood it."""

    since: Millis
    until: Millis | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """The open reading of a wallet. A minute is charged if and only if ``minute`` is the one before it."""

    session: str
    epoch: int
    rate: Cents
    """Cents for one minute."""
    minute: int
    """Minutes paid so far, net of those taken back."""
    connected_before: Millis
    """Connected time of the runs before this one."""
    max_minutes: int
    """No minute beyond this one is ever charged."""
    run: Run | None
    ceiling: Cents | None = None
    """What ``Entry.spent`` may reach by this reading: the person's own limits, as at its start or resume, or when they
    were set last. None is no limit, ``NOTHING`` not even promotional credit.
    """

    def connected(self, at: Millis) -> Millis:
        """Connected time at ``at``; a moment before the run counts as its start."""
        if self.run is None:
            return self.connected_before
        end = at if self.run.until is None else min(at, self.run.until)
        return self.connected_before + max(0, end - self.run.since)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a posting means, wherever in the chain it comes to stand: two under one key must mean the same."""

    kind: str
    amount: Cents
    """Signed: what the account gains."""
    counter: str
    reference: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account, and the account's whole state after it."""

    account: str
    seq: int
    kind: str
    amount: Cents
    """Signed: what the account gained."""
    balance: Cents
    currency: str
    counter: str
    """Where the amount came from, or went to."""
    reference: str
    """The business fact: ``ses_…``, ``pi_…``."""
    at: Millis
    buckets: Buckets
    meter: Meter | None = None
    frozen: str | None = None
    """Why the wallet is frozen; None where it is not."""
    refill: Cents | None = None
    """With less than this the saved card is charged; None where that is off."""
    bounded: bool = False
    """The person has set limits, so whoever decides on this entry must ask for them."""
    closed: bool = False
    """A closed chain refuses every further entry."""
    spent: Cents = 0
    """Paid money ever spent from this account, less what came back: what limits count. Promotional credit is none."""
    minute: int = 0
    """The minute of the reading that this entry charged; 0 for none."""
    kept: int | None = None
    """Minutes above this number were taken back by this entry; None for none."""
    refund: Cents = 0
    """The part of ``amount`` that pays back the unused rest of a minute."""
    split: Split = ()
    """What the charged minute took from which bucket."""
    prev_hash: str = ""
    hash: str = ""

    @property
    def id(self) -> str:
        """What a statement calls it."""
        return f"ent_{self.account.partition(':')[2]}_{self.seq}"

    @property
    def fact(self) -> Fact:
        """What it means."""
        return Fact(self.kind, self.amount, self.counter, self.reference)


@dataclass(frozen=True, slots=True)
class JournalFact:
    """The platform's side of something, as one of its journals has it: no link of a chain, for no balance is kept."""

    account: str
    key: str
    """The fact, as ``tip:{id}``: there is one of it in its journal."""
    kind: str
    """Which journal it is."""
    amount: Cents
    """Signed: what the platform gained."""
    currency: str
    counter: str
    at: Millis


@dataclass(frozen=True, slots=True)
class Draft:
    """What an entry will say, before it has its place in the chain. Fields as in ``Entry``."""

    kind: str
    amount: Cents
    counter: str
    reference: str
    buckets: Buckets
    meter: Meter | None = None
    frozen: str | None = None
    refill: Cents | None = None
    bounded: bool = False
    closed: bool = False
    minute: int = 0
    kept: int | None = None
    refund: Cents = 0
    split: Split = ()


def genesis(account: str) -> Entry:
    """The state of an account that has no entry yet. It is never stored."""
    currency = COINS if account.startswith("coins:") else USD
    return Entry(account, 0, "genesis", 0, 0, currency, "", "", 0, Buckets())


def follow(head: Entry, draft: Draft, now: Millis) -> Entry:
    """The entry after ``head``. Raises ValueError when the draft does not add up or the chain is closed."""
    if head.closed:
        raise ValueError(f"{head.account} is closed")
    balance = head.balance + draft.amount
    if balance != draft.buckets.total:
        raise ValueError(f"{draft.kind} does not add up on {head.account}")
    entry = {name: getattr(draft, name) for name in Draft.__dataclass_fields__} | {
        "account": head.account,
        "seq": head.seq + 1,
        "balance": balance,
        "currency": head.currency,
        "spent": _spent(head, draft.counter, draft.buckets),
        "at": max(now, head.at),
        "prev_hash": head.hash,
    }
    unsealed = Entry(**entry)
    return Entry(**entry, hash=_digest(to_item(unsealed)))


def proves(entry: Entry, before: Entry) -> bool:
    """Whether ``entry`` truly follows ``before``: next number, right balance, right hashes."""
    return (
        entry.seq == before.seq + 1
        and entry.account == before.account
        and entry.currency == before.currency
        and entry.balance == before.balance + entry.amount == entry.buckets.total
        and entry.spent == _spent(before, entry.counter, entry.buckets)
        and entry.prev_hash == before.hash
        and entry.hash == _digest(to_item(entry))
    )


def seq_key(seq: int) -> str:
    """The sort key of entry ``seq``: digits of one length sort as numbers do."""
    return f"{seq:0{_SEQ_DIGITS}d}"


def to_item(entry: Entry) -> dict[str, Any]:
    """The entry as it is stored. What is empty is left out, so a plain minute stays small."""
    item: dict[str, Any] = {
        "account": entry.account,
        "seq": seq_key(entry.seq),
        "kind": entry.kind,
        "amount": entry.amount,
        "balance": entry.balance,
        "currency": entry.currency,
        "counter": entry.counter,
        "reference": entry.reference,
        "at": entry.at,
        "paid": entry.buckets.paid,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }
    if entry.buckets.lots:
        item["lots"] = [[lot.id, lot.rest, lot.expires_at, lot.touched] for lot in entry.buckets.lots]
    if entry.meter:
        item["meter"] = _meter_item(entry.meter)
    if entry.split:
        item["split"] = [list(part) for part in entry.split]
    for name in ("kept", "refill"):
        if (value := getattr(entry, name)) is not None:
            item[name] = value
    for name in ("frozen", "bounded", "closed", "spent", "minute", "refund"):
        if value := getattr(entry, name):
            item[name] = value
    return item


def from_item(item: dict[str, Any]) -> Entry:
    """The entry that ``to_item`` stored."""
    meter = item.get("meter")
    return Entry(
        account=item["account"],
        seq=int(item["seq"]),
        kind=item["kind"],
        amount=item["amount"],
        balance=item["balance"],
        currency=item["currency"],
        counter=item["counter"],
        reference=item["reference"],
        at=item["at"],
        buckets=Buckets(item["paid"], tuple(Lot(*lot) for lot in item.get("lots", ()))),
        meter=_meter_from(meter) if meter else None,
        frozen=item.get("frozen"),
        refill=item.get("refill"),
        bounded=item.get("bounded", False),
        closed=item.get("closed", False),
        spent=item.get("spent", 0),
        minute=item.get("minute", 0),
        kept=item.get("kept"),
        refund=item.get("refund", 0),
        split=tuple((bucket, amount) for bucket, amount in item.get("split", ())),
        prev_hash=item["prev_hash"],
        hash=item["hash"],
    )


def fact_from_item(item: dict[str, Any]) -> JournalFact:
    """The fact that is stored so."""
    names = ("account", "kind", "amount", "currency", "counter", "at")
    return JournalFact(key=item["seq"], **{name: item[name] for name in names})


def _spent(head: Entry, counter: str, buckets: Buckets) -> Cents:
    """What is spent once ``buckets`` are what is left of those of ``head``."""
    if not head.account.startswith("credit:") or counter.startswith(_STRIPE) or counter == ADJUSTMENTS:
        return head.spent
    return head.spent + head.buckets.paid - buckets.paid


def _meter_item(meter: Meter) -> dict[str, Any]:
    run = meter.run
    item = {
        "session": meter.session,
        "epoch": meter.epoch,
        "rate": meter.rate,
        "minute": meter.minute,
        "connected_before": meter.connected_before,
        "max_minutes": meter.max_minutes,
        "running_since": run.since if run else None,
    }
    if run and run.until is not None:
        item |= {"stood_at": run.until, "stood_for": run.reason}
    return item if meter.ceiling is None else item | {"ceiling": meter.ceiling}


def _meter_from(item: dict[str, Any]) -> Meter:
    since = item["running_since"]
    return Meter(
        session=item["session"],
        epoch=item["epoch"],
        rate=item["rate"],
        minute=item["minute"],
        connected_before=item["connected_before"],
        max_minutes=item["max_minutes"],
        run=None if since is None else Run(since, item.get("stood_at"), item.get("stood_for")),
        ceiling=item.get("ceiling"),
    )


def _digest(item: dict[str, Any]) -> str:
    """SHA-256 of the item without its own hash, keys sorted: the same on every machine."""
    said = {name: value for name, value in item.items() if name != "hash"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
