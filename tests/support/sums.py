"""All sums that there should be, by one look at whole tables: written apart from the product."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from chalicelib.gateways import World

Sums = Mapping[tuple[str, int, str], int]
"""By whose, the beginning of a quarter of an hour, and measure."""

QUARTER = 900_000


def expected(world: World) -> Sums:  # noqa: C901 - one case after another, on purpose
    """What was ever added; without where readers stand."""
    found: Counter[tuple[str, int, str]] = Counter()
    names = world.settings.tables
    rows = {name: world.tables.scan(getattr(names, name)).items for name in ("ledger", "accounts", "readers")}
    meters: dict[str, int] = {}

    def add(at: int, measure: str, amount: int, *whose: str) -> None:
        for each in whose:
            found[each, at - at % QUARTER, measure] += amount

    for row in rows["accounts"]:
        if row["sk"] == "profile":
            add(row["created_at"], "people", 1, "platform")
    for row in rows["readers"]:
        if row["sk"] == "profile":
            add(row["created_at"], "readers", 1, "platform")
    for row in rows["ledger"]:
        account, _, rest = row["account"].partition(":")
        if account == "credit":
            _credit(row, rest, meters, add)
        elif account == "coins":
            _coins(row, rest, add)
        elif account == "earnings":
            _earnings(world, row, rest, add)
        elif account == "stream":
            both = f"reader:{_row(world, 'live', rest.partition(':')[0], 'stream')['host']}", "platform"
            add(row["at"], "on_streams", row["amount"], *both)
            if row["kind"] != "stream_settled":
                source = "gift" if row["kind"] == "gift_earned" else "ticket"
                add(row["at"], f"earned.{source}", row["amount"], *both)
        elif account == "platform":
            _journal(world, row, rest, add)
    return {key: amount for key, amount in found.items() if amount}


def _credit(row: Any, user: str, meters: dict[str, int], add: Any) -> None:
    both = f"client:{user}", "platform"
    kind, amount, at = row["kind"], row["amount"], row["at"]
    spent = {
        "booking": "booking",
        "booking_refund": "booking",
        "tip": "tip",
        "reply": "reply",
        "unlock_refund": "reply",
        "order": "product",
        "order_refund": "product",
    }
    if row["counter"].startswith("session:"):
        add(at, "spent.reading", -amount, *both)
    elif kind in spent:
        add(at, f"spent.{spent[kind]}", -amount, *both)
    elif kind in ("topup", "recharge"):
        add(at, "topped_up", amount, *both)
    elif kind.startswith("refund"):
        add(at, "refunded", -amount, *both)
    elif kind.startswith("dispute"):
        add(at, "disputed", -amount, *both)
    elif kind.startswith("order_credit"):
        add(at, "order_credit", amount, *both)
    elif kind == "promo_expired":
        add(at, "promo.expired", -amount, *both)
    else:
        add(at, {"promo_granted": "promo.granted", "guarantee": "guarantees"}.get(kind, "adjusted"), amount, *both)
    before, now = meters.get(user, 0), row["meter"]["minute"] if "meter" in row else 0
    if kind == "meter_started":
        add(at, "readings", 1, *both)
    if kind == "meter_closed":
        now = row.get("kept", before)
    add(at, "minutes", now - before, *both)
    meters[user] = 0 if kind == "meter_closed" else now


def _coins(row: Any, user: str, add: Any) -> None:
    kind, amount = row["kind"], row["amount"]
    both = f"client:{user}", "platform"
    if row["counter"] == "platform:burnt":
        thing = "gift" if kind == "gift" else "ticket" if kind.startswith("ticket") else "product"
        add(row["at"], f"coins.spent.{thing}", -amount, *both)
    elif row["counter"] == "platform:granted":
        add(row["at"], "coins.granted", amount, *both)
    elif kind == "coins_bought":
        add(row["at"], "coins.bought", amount, *both)
    else:
        add(row["at"], "coins.returned", -amount, *both)


def _earnings(world: World, row: Any, user: str, add: Any) -> None:
    kind, amount, at = row["kind"], row["amount"], row["at"]
    both = f"reader:{user}", "platform"
    if row["counter"] == "stripe:transfers":
        add(at, "paid_out", -amount, *both)
    elif kind != "gift_earned":
        source = {"sale": "product", "adjusted": "adjustment"}.get(kind.partition("_")[0], kind.partition("_")[0])
        add(at, f"earned.{source}", amount, *both)
    if kind == "reading_earned":
        session = world.tables.get(world.settings.tables.sessions, {"pk": row["reference"]})
        assert session
        add(at, "readings", 1, f"reader:{user}")
        add(at, "minutes", math.ceil(session["connected_before"] / 60_000), f"reader:{user}")
    if kind == "booking_earned":
        booking = _row(world, "scheduling", row["reference"], "booking")
        if booking["state"] == "completed":
            three = *both, f"client:{booking['client']['user']}"
            add(at, "readings", 1, *three)
            add(at, "minutes", math.ceil((booking["price"] - booking["refunded"]) / booking["rate"]), *three)


def _journal(world: World, row: Any, rest: str, add: Any) -> None:
    journal, (fact, _, name), amount = rest.partition(":")[0], row["seq"].partition(":"), row["amount"]
    who = ["platform"]
    if journal == "fees":
        first = fact.partition("_")[0]
        measure = f"share.{ {'sale': 'product', 'unlock': 'reply'}.get(first, first) }"
    elif journal == "sales":
        measure = "share.shipping" if fact.startswith("shipping") else "share.product"
    elif journal == "guarantees":
        measure = "share.guarantee"
    elif fact in ("order", "order_refund"):
        measure, amount = "spent.product", -amount
        who.append(f"client:{_row(world, 'shop', name.partition(':')[0], 'order')['buyer']}")
    elif fact == "topup":
        measure = f"{journal[:-1]}_sales.paid"
    else:
        measure, amount = f"{journal[:-1]}_sales.{'refunded' if fact.startswith('refund') else 'disputed'}", -amount
    add(row["at"], measure, amount, *who)


def _row(world: World, table: str, thing: str, kind: str) -> Any:
    names = world.settings.tables
    prefixes = (thing, f"{kind}#{thing}")
    found = [world.tables.get(getattr(names, table), {"pk": pk, "sk": kind}) for pk in prefixes]
    return next(each for each in found if each)
