"""Payments, what became of them, and refunds, in the table ``wallet``.

``payment#{intent}`` / ``payment``                      a payment and what became of it
``refund#{id}`` / ``refund``                            a refund as it was asked for; until done, in the index ``due``
``user#{user}`` / ``payment#{moment}#{intent}``, ``refund#{moment}#{id}``    a person's, oldest first
``user#{user}`` / ``order#{moment}#{intent}``           their payments for orders
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final, Literal

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime import due
from chalicelib.runtime.tables import Absent, Equals, Key, Put, Range, Tables
from chalicelib.wallet.model.payment import Payment, from_item, to_item
from chalicelib.wallet.model.refund import Refund
from chalicelib.wallet.store import bought, row

_MOMENT_DIGITS: Final = 13
PLACE: Final = re.compile(r"refund#[0-9]{13}#[A-Za-z0-9_]{1,64}")
"""A place in a person's list of refunds."""


class PaymentRows:
    """What Stripe told of each payment, in the ``wallet`` table, and every person's payments by when they were made."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def get(self, intent: str) -> Payment | None:
        """The payment, strongly consistent."""
        item = self._tables.get(self._name, row("payment", intent))
        return from_item(item) if item else None

    def get_many(self, intents: Sequence[str]) -> dict[str, Payment]:
        """The payments by their intents, 100 at most, each read by itself."""
        found = self._tables.get_many(self._name, [row("payment", each) for each in intents])
        return {each: from_item(item) for each, item in zip(intents, found, strict=True) if item}

    def newest_of(
        self, user: str, limit: int, since: Millis, kind: Literal["payment", "order"] = "payment"
    ) -> list[Payment]:
        """A person's payments of ``since`` or later, for credit unless asked for those of an ``order``, newest first:
        ``limit`` at most, 100 if need be.
        """
        intents, _ = _listed(self._tables, self._name, user, kind, limit, None, since)
        return list(self.get_many(intents).values())

    def replace(self, payment: Payment, was: Payment) -> list[Put]:
        """Changes the payment if nobody did since ``was``; what is credited just now joins the person's list."""
        item = row("payment", payment.intent) | to_item(replace(payment, rev=was.rev + 1))
        changed = Put(self._name, item, when=(Equals("rev", was.rev) if was.rev else Absent("pk"),))
        if payment.user is None or was.user:
            return [changed]
        if payment.source == "coins":  # none of those that credit can be given back of
            return [changed, Put(self._name, bought(payment.user, payment.at, "stripe", payment.intent))]
        kind = "order" if payment.source == "order" else "payment"
        place = f"{kind}#{_moment(payment.at)}#{payment.intent}"
        return [changed, Put(self._name, {"pk": f"user#{payment.user}", "sk": place})]


def payment_rows(world: World) -> PaymentRows:
    """The rows of this world's payments."""
    return PaymentRows(world.tables, world.settings.tables.wallet)


class RefundRows:
    """Refunds as they were asked for, in the ``wallet`` table; those that are not done wait in its index."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    def get(self, refund: str) -> Refund | None:
        """The refund, strongly consistent."""
        item = self._tables.get(self._name, row("refund", refund))
        return _refund(item) if item else None

    def create(self, refund: Refund) -> list[Put]:
        """Adds the refund; fails when it exists."""
        place = f"refund#{_moment(refund.created_at)}#{refund.id}"
        return [
            Put(self._name, self._item(refund), when=(Absent("pk"),)),
            Put(self._name, {"pk": f"user#{refund.user}", "sk": place}),
        ]

    def replace(self, refund: Refund) -> Put:
        """Puts the refund in the place of the one with the same rev."""
        item = self._item(replace(refund, rev=refund.rev + 1))
        return Put(self._name, item, when=(Equals("rev", refund.rev),))

    def of_user(self, user: str, limit: int, after: str | None) -> tuple[list[Refund], str | None]:
        """A page of a person's refunds, newest first. ``after`` is the place of the last one shown, as answered."""
        start = {"pk": f"user#{user}", "sk": after} if after else None
        ids, following = _listed(self._tables, self._name, user, "refund", limit, start)
        found = self._tables.get_many(self._name, [row("refund", each) for each in ids])
        return [_refund(item) for item in found if item], str(following["sk"]) if following else None

    def due(self, shard: str, now: Millis, limit: int, start: Key | None) -> tuple[list[tuple[str, Key]], Key | None]:
        """A page of refunds that are to be looked at by ``now``, with their places in the index."""
        keys, following = due.page(self._tables, self._name, "refund", shard, now, limit, start)
        return [(key["pk"].partition("#")[2], key) for key in keys], following

    def _item(self, refund: Refund) -> dict[str, Any]:
        parts = [list(part) for part in refund.parts]
        waiting = due.waiting("refund", refund.id, refund.look_at, self._shards)
        return {**row("refund", refund.id), **asdict(refund), "parts": parts, **waiting}


def _listed(
    tables: Tables, name: str, user: str, kind: str, limit: int, start: Key | None, since: Millis = 0
) -> tuple[list[str], Key | None]:
    """A page of ids of a person's things of one kind, newest first, none of before ``since``."""
    within = Range("sk", f"{kind}#{_moment(since)}", f"{kind}#~")
    page = tables.query(name, ("pk", f"user#{user}"), within=within, newest_first=True, limit=limit, start=start)
    return [str(item["sk"]).rpartition("#")[2] for item in page.items], page.next_key


def _moment(at: Millis) -> str:
    return f"{at:0{_MOMENT_DIGITS}d}"


def _refund(item: dict[str, Any]) -> Refund:
    known = {name: item[name] for name in Refund.__dataclass_fields__}
    return Refund(**known | {"parts": tuple((intent, amount) for intent, amount in item["parts"])})
