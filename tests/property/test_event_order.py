"""Architecture §8: the events of payments, refunds and disputes, each several times and in any order, end in the same
ledger as each once in the order in which things happened.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.shop import advancing
from chalicelib.shop import events as shop
from chalicelib.wallet import events, topups
from tests.support.events import checkout_event, dispute_event, refund_event
from tests.support.pages import COMPLETED, SUCCEEDED, Pages
from tests.support.purse import OWNER, Purse
from tests.support.worlds import hand_world

PAID: Final = (2_000, 3_000)

refund_lives = st.sampled_from(
    [
        [("refund.created", "succeeded")],
        [("refund.created", "pending"), ("refund.updated", "succeeded")],
        [("refund.created", "succeeded"), ("refund.failed", "failed"), ("refund.updated", "failed")],
        [("refund.created", "requires_action"), ("refund.updated", "canceled")],
        [("refund.created", "pending"), ("refund.failed", "failed")],
    ]
)
dispute_lives = st.sampled_from(
    [
        [("created", "warning_needs_response"), ("closed", "warning_closed")],
        [("created", "needs_response"), ("funds_withdrawn", "needs_response")],
        [("created", "needs_response"), ("funds_withdrawn", "needs_response"), ("closed", "lost")],
        [("created", "needs_response"), ("updated", "under_review"), ("funds_reinstated", "won"), ("closed", "won")],
        [("created", "warning_needs_response"), ("funds_withdrawn", "needs_response"), ("closed", "won")],
    ]
)
payment = st.integers(0, len(PAID) - 1)
refunds = st.lists(st.tuples(payment, st.integers(1, 500), refund_lives), max_size=3)
disputes = st.lists(st.tuples(payment, st.integers(1, 2_000), dispute_lives), max_size=3)


def opened() -> Purse:
    """Two top-ups whose pages are open."""
    purse = Purse()
    for number, cents in enumerate(PAID):
        topups.open_topup(purse.world, OWNER, f"top_{number}", cents)
    return purse


def told(purse: Purse, refunded: list[Any], disputed: list[Any]) -> list[dict[str, Any]]:
    """Every event, in the order in which things happened."""
    found = []
    for number in range(len(PAID)):
        topup = topups.topup_of(purse.world, OWNER, f"top_{number}")
        kinds = ("completed", "async_payment_succeeded")
        found += [checkout_event(f"evt_{kind}{number}", f"checkout.session.{kind}", topup) for kind in kinds]
    for number, (place, cents, life) in enumerate(refunded):
        found += [refund_event(kind, f"re_{number}", f"pi_top_{place}", cents, status) for kind, status in life]
    for number, (place, cents, life) in enumerate(disputed):
        found += [dispute_event(kind, f"dp_{number}", f"pi_top_{place}", cents, status) for kind, status in life]
    return found


def came(purse: Purse) -> dict[str, Any]:
    """All that must not depend on the order."""
    rows = purse.tables.rows["wallet"]
    frozen = purse.frozen
    return {
        "entries": sorted(purse.entries()),
        "facts": purse.facts(),
        "balance": purse.balance,
        "frozen": sorted(frozen.removeprefix("dispute:").split(",")) if frozen else None,
        "payments": {
            pk: (row["amount"], dict(sorted(row["refunds"].items())), dict(sorted(row["disputes"].items())))
            for (pk, _), row in rows.items()
            if pk.startswith("payment#")
        },
        "audited": purse.audited(),
        "noticed": purse.noticed(),
        "events": sorted(pk for pk, _ in rows if pk.startswith("event#")),
    }


@settings(max_examples=150)
@given(refunded=refunds, disputed=disputes, data=st.data())
def test_any_order_and_any_number_of_deliveries_end_in_the_same_ledger(
    refunded: list[Any], disputed: list[Any], data: st.DataObject
) -> None:
    straight, mixed = opened(), opened()
    for event in told(straight, refunded, disputed):
        events.apply_event(straight.world, event)
    each = told(mixed, refunded, disputed)
    again = data.draw(st.lists(st.sampled_from(each), max_size=6))
    for event in data.draw(st.permutations(each + again)):
        events.apply_event(mixed.world, event)
    assert came(mixed) == came(straight)


def ordered() -> tuple[Pages, list[dict[str, Any]]]:
    """An order of $20.95 that is being paid, and what Stripe tells of that."""
    pages = Pages(hand_world()).ready()
    pages.opens()
    pages.stripe.pays(pages.page()["id"])
    return pages, [pages.event(COMPLETED), pages.event(SUCCEEDED)]


def ended(pages: Pages) -> dict[str, Any]:
    """All that must not depend on the order."""
    order, payment = pages.order(), pages.payment()
    return {
        "order": (order.state, order.intent, order.look_at),
        "accounts": pages.accounts,
        "journal": pages.journal("orders"),
        "refunds": dict(payment.refunds),
        "disputes": dict(payment.disputes),
        "told": sorted(map(str, pages.told(pages.buyer))),
    }


@settings(max_examples=60)
@given(refunded=refunds, disputed=disputes, data=st.data())
def test_so_do_those_of_a_payment_for_an_order(refunded: list[Any], disputed: list[Any], data: st.DataObject) -> None:
    straight, told_of = ordered()
    mixed, _ = ordered()
    intent = f"pi_{straight.order_id()}"
    for number, (_, cents, life) in enumerate(refunded):
        told_of += [refund_event(kind, f"re_{number}", intent, cents, status) for kind, status in life]
    for number, (_, cents, life) in enumerate(disputed):
        told_of += [dispute_event(kind, f"dp_{number}", intent, cents, status) for kind, status in life]
    for event in told_of:
        shop.apply_event(straight.world, event)
    again = data.draw(st.lists(st.sampled_from(told_of), max_size=6))
    for event in data.draw(st.permutations(told_of + again)):
        shop.apply_event(mixed.world, event)
    assert advancing.advance(mixed.world, mixed.order_id()) is None
    assert ended(mixed) == ended(straight)
