"""A function may die, or hear nothing, before and after every write and every call of Stripe: what is done again ends
as if nothing had happened.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from chalicelib.kernel.time import MINUTE
from chalicelib.shop.model.order import PAGE_LIFE
from tests.support.counter import RATE
from tests.support.dying import Death, DyingPayments, DyingTables, insist
from tests.support.events import refund_event
from tests.support.pages import COMPLETED, EXPIRED, Pages
from tests.support.worlds import HandClock, hand_world

NAMES = ("paid", "dull", "late", "lost")


def played(at: int = -1, *, lost: bool = False) -> tuple[dict[str, Any], int]:
    """Orders that are paid, sent and given back in part, that nobody pays, that are paid for late, and one whose money
    no card takes: what came of them, and how often it could go wrong.
    """
    death, clock = Death(lost=lost), HandClock()
    stripe = DyingPayments(now=clock)
    stripe.death = death
    tables = DyingTables(death)
    pages = Pages(hand_world(tables, now=clock, payments=stripe)).ready()
    stripe.offers("TEN", percent_off=10, max_redemptions=5)
    death.at, death.moments = at, 0
    for name, items, code in (
        ("paid", {"deck": 2, "spell": 1}, "TEN"),
        ("dull", {"deck": 3}, "TEN"),
        ("late", {"book": 2}, None),
        ("lost", {"book": 1}, None),
    ):
        insist(partial(pages.opens, items, name, coupon=code))
    stripe.refusing.add(f"pi_{pages.order_id('lost')}")
    for name in ("paid", "lost"):
        stripe.pays(pages.page(name)["id"])
        insist(partial(pages.tells, pages.event(COMPLETED, name)))
    insist(lambda: pages.ships("1", name="paid"))
    insist(lambda: pages.refunds({"1": 1}, name="paid", restock=True))
    insist(lambda: pages.cancels("lost"))
    insist(lambda: pages.cancels("late"))
    pages.page("late").update(status="open")
    stripe.pays(pages.page("late")["id"])
    insist(partial(pages.tells, pages.event(COMPLETED, "late")))
    clock.forward(PAGE_LIFE)
    for name in NAMES:
        insist(partial(pages.advances, name))
    insist(partial(pages.tells, pages.event(EXPIRED, "dull")))
    (first,) = (each for each in stripe.refunds.values() if each["amount"] == 1_350)
    failed = refund_event(
        "refund.failed", first["id"], first["payment_intent"], 1_350, "failed", metadata=first["metadata"]
    )
    insist(partial(pages.tells, failed))
    clock.forward(MINUTE)
    for name in NAMES:
        pages.advances(name)
    ended = {name: pages.order(name) for name in NAMES}
    return {
        "orders": {name: (each.state, each.cancelled_for, each.look_at) for name, each in ended.items()},
        "done": [each.done for order in ended.values() for each in order.refunds],
        "accounts": pages.accounts,
        "left": {name: pages.left(name) for name in ("deck", "book")},
        "uses": sorted(
            (row["pk"], row["credit"], row["stripe"]) for row in tables.rows["shop"].values() if row["sk"] == "uses"
        ),
        "told": sorted(map(str, pages.told(pages.buyer) + pages.told(pages.seller))),
        "at Stripe": {part: each["amount"] for part, each in sorted(stripe.refunds.items())},
        "events": sorted(pk for pk, _ in tables.rows["wallet"] if pk.startswith("event#")),
    }, death.moments


EXPECTED, MOMENTS = played()


def test_the_story_is_what_it_should_be() -> None:
    """Of 3,500 cents the code takes 350: the decks are 2,700, the spell 450."""
    orders = EXPECTED["orders"]
    assert orders == {
        "paid": ("shipped", None, None),
        "dull": ("cancelled", "expired", None),
        "late": ("refunded", "buyer", None),
        "lost": ("refunded", None, None),
    }
    assert all(EXPECTED["done"])
    assert EXPECTED["left"] == {"deck": 9, "book": 10}
    assert sum(EXPECTED["accounts"].values()) == 0
    assert -EXPECTED["accounts"]["stripe:payments"] == 3_150 + RATE + 1_998 + RATE + 999 + RATE
    credited = next(amount for name, amount in EXPECTED["accounts"].items() if name.startswith("credit:"))
    assert credited == 1_350 + 999 + RATE  # of one deck, once its card did not keep it, and all of the other order
    assert [uses for *_, uses in EXPECTED["uses"]] == [1]
    assert MOMENTS > 40


@pytest.mark.parametrize("lost", [False, True], ids=["dies", "hears nothing"])
@pytest.mark.parametrize("at", range(MOMENTS))
def test_wherever_it_goes_wrong_the_end_is_the_same(at: int, lost: bool) -> None:
    assert played(at, lost=lost)[0] == EXPECTED
