"""What crossed the border to Stripe is told by what a person calls it, beside its posting."""

from typing import Any

from infra.local.books import Crossing, crossings
from tests.support.purse import Purse


def moved(name: str, amount: int, kind: str = "charge", **source: Any) -> dict[str, Any]:
    return {"id": f"txn_{name}", "type": kind, "amount": amount, "source": source}


def at_stripe(purse: Purse, *newest_first: dict[str, Any]) -> list[Crossing]:
    listed = (list(newest_first), False)
    purse.world.payments.balance_transactions = lambda **_: listed  # type: ignore[method-assign] # as if
    return crossings(purse.world, 1)


def test_each_movement_is_told_oldest_first_with_its_posting() -> None:
    purse = Purse()
    credit, coins = purse.pays(500), purse.buys("coins_500")
    assert at_stripe(
        purse,
        moved("2", 699, payment_intent=coins, status="succeeded"),
        moved("1", 500, payment_intent=credit, status="succeeded"),
    ) == [
        Crossing("a top-up", 500, f"topup:{credit}"),
        Crossing("coins, on the web", 699, f"topup:{coins}"),
    ]


def test_what_has_no_posting_is_told_all_the_same() -> None:
    assert at_stripe(
        Purse(),
        moved("2", -20, "stripe_fee", id="fee_1"),
        moved("1", 500, payment_intent="pi_unheard", status="succeeded"),
    ) == [Crossing("a top-up", 500, ""), Crossing("stripe_fee", -20, "")]
