"""The two tables of the wallet: ``ledger``, which is only ever added to, and ``wallet``, for what changes.

ledger   ``credit:{user}`` ``coins:{user}`` ``earnings:{reader}`` / number of the entry   a chain, newest = state
         ``receipt:{key}`` / ``receipt``                                                  a fact that was posted
         ``platform:{kind}:{shard}`` / the fact                                           a journal, not a chain
wallet   ``event#{id}`` / ``event``
         top-ups                                              see ``topup_store``
         payments, refunds                                    see ``payments_store``
         purchases of coins at app stores, packs              see ``purchases_store``
         promotional codes; saved cards and their charges     see ``promo_store``, ``recharge_store``

The index ``due`` of the table wallet lists, by kind and shard, what waits for time.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Absent, Check, Item, Key, Put, Range, Tables
from chalicelib.wallet.model.chain import Entry, Fact, JournalFact, fact_from_item, from_item, genesis, seq_key, to_item

JOURNAL_SHARDS: Final = 16
_PAGE: Final = 100
_SPARE_PAGES: Final = 10
"""A page may end early. How many there can be at most, the range itself says."""


class Ledger:
    """Reads the ledger, and says which operations would write it."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self.name = name

    def head(self, account: str) -> Entry:
        """The newest entry, strongly consistent: one read unit."""
        newest = self._tables.query(self.name, ("account", account), newest_first=True, limit=1).items
        return from_item(newest[0]) if newest else genesis(account)

    def entry(self, account: str, seq: int) -> Entry:
        """Entry ``seq`` of a chain that is at least so long. Raises LookupError for one that is not there."""
        item = self._tables.get(self.name, {"account": account, "seq": seq_key(seq)})
        if item is None:
            raise LookupError(f"{account} has no entry {seq}")
        return from_item(item)

    def newest_first(self, account: str, limit: int, start: Key | None = None) -> tuple[list[Entry], Key | None]:
        """A page of a chain, newest first."""
        page = self._tables.query(self.name, ("account", account), newest_first=True, limit=limit, start=start)
        return [from_item(item) for item in page.items], page.next_key

    def between(self, account: str, first: int, last: int) -> Iterator[Entry]:
        """The entries ``first`` to ``last`` of a chain, oldest first. Raises Unavailable where pages never end."""
        start: Key | None = None
        within = Range("seq", seq_key(first), seq_key(last))
        for _ in range((last - first) // _PAGE + _SPARE_PAGES):
            page = self._tables.query(self.name, ("account", account), within=within, limit=_PAGE, start=start)
            yield from (from_item(item) for item in page.items)
            if page.next_key is None:
                return
            start = page.next_key
        raise Unavailable("The statement is too long to read at once.")

    def facts(self, places: Sequence[tuple[str, str]]) -> list[JournalFact | None]:
        """The facts of journals, by account and key, in that order: at most 100, no two alike. Raises Contended."""
        keys = [{"account": account, "seq": key} for account, key in places]
        return [fact_from_item(item) if item else None for item in self._tables.get_many(self.name, keys)]

    def put(self, entry: Entry) -> Put:
        """Adds the entry; fails when another writer took its number."""
        return Put(self.name, to_item(entry), when=(Absent("account"),))

    def unchanged(self, head: Entry) -> Check:
        """Fails when anything was posted after ``head``: a decision made on it would be stale."""
        key = {"account": head.account, "seq": seq_key(head.seq + 1)}
        return Check(self.name, key, when=(Absent("account"),))

    def receipt(self, key: str) -> Item | None:
        """The fact posted under ``key``, if it was."""
        return self._tables.get(self.name, _receipt_key(key))

    def put_receipt(self, key: str, entry: Entry) -> Put:
        """Adds the fact beside its entry; fails when it was posted before."""
        item = _receipt_key(key) | meaning(entry.account, entry.fact) | {"entry_seq": entry.seq, "at": entry.at}
        return Put(self.name, item, when=(Absent("account"),))

    def journal(self, kind: str, fact: str, amount: Cents, currency: str, counter: str, at: Millis) -> Put:
        """Adds the platform's side of ``fact``, on one of 16 partitions so that no row is hot."""
        item = _journal_key(kind, fact) | {
            "kind": kind,
            "amount": amount,
            "currency": currency,
            "counter": counter,
            "at": at,
        }
        return Put(self.name, item, when=(Absent("account"),))

    def journaled(self, kind: str, fact: str) -> Item | None:
        """The platform's side of ``fact``, if it was posted."""
        return self._tables.get(self.name, _journal_key(kind, fact))

    def journal_once(self, kind: str, key: str, fact: Fact, currency: str, at: Millis) -> list[Put]:
        """Adds the platform's side of ``fact`` with a receipt of its own, as an entry has: for money at Stripe."""
        put = self.journal(kind, key, fact.amount, currency, fact.counter, at)
        item = _receipt_key(key) | meaning(put.item["account"], fact) | {"entry_seq": key, "at": at}
        return [put, Put(self.name, item, when=(Absent("account"),))]


def ledger(world: World) -> Ledger:
    """The ledger of this world."""
    return Ledger(world.tables, world.settings.tables.ledger)


def credit_account(user: str) -> str:
    """The chain of a client's credit."""
    return f"credit:{user}"


def coins_account(user: str) -> str:
    """The chain of a person's coins."""
    return f"coins:{user}"


def owner_of(account: str) -> str:
    """Whose chain it is."""
    return account.partition(":")[2]


def meaning(account: str, fact: Fact) -> Item:
    """What makes two postings of one key the same: account, kind, amount, counter, reference."""
    return {"entry_account": account} | asdict(fact)


def _journal_key(kind: str, fact: str) -> Key:
    shard = int.from_bytes(hashlib.sha256(fact.encode()).digest()[:4], "big") % JOURNAL_SHARDS
    return {"account": f"platform:{kind}:{shard}", "seq": fact}


def _receipt_key(key: str) -> Key:
    return {"account": f"receipt:{key}", "seq": "receipt"}


Stored = Callable[[str], Put]
"""Given the outcome of an event: the operation that stores it, and fails when it was stored before."""


class Events:
    """The webhook events that were applied, in the ``wallet`` table. Their content stays with Stripe."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def seen(self, event: str) -> bool:
        """Whether this event was applied."""
        return self._tables.get(self._name, row("event", event)) is not None

    def seen_among(self, events: Sequence[str]) -> set[str]:
        """Which of these were applied: 100 at most."""
        found = self._tables.get_many(self._name, [row("event", each) for each in events])
        return {event for event, item in zip(events, found, strict=True) if item}

    def stored(self, event: str, kind: str, at: Millis) -> Stored:
        """Adds the event with its outcome."""
        item = row("event", event) | {"type": kind, "at": at}
        return lambda outcome: Put(self._name, item | {"outcome": outcome}, when=(Absent("pk"),))


def bought(user: str, at: Millis, store: str, thing: str) -> Key:
    """Where a purchase of coins stands in its person's list."""
    return {"pk": f"user#{user}", "sk": f"coins#{at:013d}#{store}#{thing}"}


def row(kind: str, thing: str) -> Key:
    """The key of a thing of that kind."""
    return {"pk": f"{kind}#{thing}", "sk": kind}
