"""A function may die before and after every write, and before and after every call of Stripe: what is done again ends
as if nothing had happened.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from chalicelib.kernel.time import MINUTE
from chalicelib.wallet import refunds, topups
from tests.support.dying import Death, DyingPayments, DyingTables, insist
from tests.support.events import charge_event, checkout_event, dispute_event, refund_event
from tests.support.purse import OWNER, Purse


def played(at: int) -> tuple[dict[str, Any], int]:
    """Two payments, refunds of ours and others', a dispute that is won: what came of it, and how often it could die."""
    death = Death()
    stripe = DyingPayments(refusing={"pi_top_1"})
    stripe.death = death
    purse = Purse(stripe, tables=DyingTables(death))
    death.at = at
    for name, cents in (("1", 1_000), ("2", 2_500)):
        insist(partial(topups.open_topup, purse.world, OWNER, f"top_{name}", cents))
        topup = topups.topup_of(purse.world, OWNER, f"top_{name}")
        told = checkout_event(f"evt_{name}", "checkout.session.completed", topup)
        insist(partial(purse.tell, told))
        purse.clock.forward(1_000)
    insist(lambda: purse.asks(3_000))
    purse.clock.forward(MINUTE)
    insist(lambda: refunds.advance(purse.world, "rfd_1"))
    stripe.refunds["dashboard"] = stripe.made_at_stripe("re_x", "pi_top_1", 300)
    for event in (
        charge_event("pi_top_1", 300),
        refund_event("refund.created", "re_x", "pi_top_1", 300, "succeeded"),
        refund_event("refund.failed", "re_x", "pi_top_1", 300, "failed"),
        dispute_event("created", "dp_1", "pi_top_1", 1_000, "needs_response"),
        dispute_event("closed", "dp_1", "pi_top_1", 1_000, "won"),
    ):
        insist(partial(purse.tell, event))
    came = {
        "entries": sorted(purse.entries()),
        "facts": purse.facts(),
        "balance": purse.balance,
        "frozen": purse.frozen,
        "refund": refunds.progress(purse.world, "rfd_1").parts,
        "at Stripe": sorted(stripe.refunds),
        "audited": purse.audited(),
        "noticed": purse.noticed(),
        "events": sorted(pk for pk, _ in purse.tables.rows["wallet"] if pk.startswith("event#")),
    }
    return came, death.moments


EXPECTED, MOMENTS = played(-1)


def test_the_story_is_what_it_should_be() -> None:
    assert EXPECTED["refund"] == ("succeeded", "failed")
    assert (EXPECTED["balance"], EXPECTED["frozen"]) == (1_000, None)
    assert EXPECTED["at Stripe"] == ["dashboard", "rfd_1:0"]
    assert MOMENTS > 20


@pytest.mark.parametrize("at", range(MOMENTS))
def test_wherever_it_dies_the_end_is_the_same(at: int) -> None:
    assert played(at)[0] == EXPECTED
