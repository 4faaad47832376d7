"""What crossed the border to Stripe is told by what a person calls it, beside its posting."""

from typing import Any

from chalicelib.wallet import order_payments, payments
from chalicelib.wallet.model.payment import Payment
from infra.local.books import Crossing, crossings
from tests.support.purse import Purse
from tests.support.worlds import NOON


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


def test_what_was_paid_for_an_order_and_what_went_back_of_it_are_told_as_the_shops() -> None:
    purse = Purse()
    payments.credit(purse.world, Payment("pi_order", "usr_1", 2_750, "usd", "order", "ord_1", NOON))
    paid = payments.payment_rows(purse.world).get("pi_order")
    assert paid
    purse.world.tables.write(*order_payments.given_back(purse.world, paid, "ord_1:1", 360))
    assert at_stripe(
        purse,
        moved("2", -360, "refund", id="re_1", metadata={"refund_part": "ord_1:1"}),
        moved("1", 2_750, payment_intent="pi_order", status="succeeded"),
    ) == [
        Crossing("an order, in the shop", 2_750, "topup:pi_order"),
        Crossing("of an order, to the card", -360, "refund:ord_1:1"),
    ]


def test_what_has_no_posting_is_told_all_the_same() -> None:
    assert at_stripe(
        Purse(),
        moved("2", -20, "stripe_fee", id="fee_1"),
        moved("1", 500, payment_intent="pi_unheard", status="succeeded"),
    ) == [Crossing("a top-up", 500, ""), Crossing("stripe_fee", -20, "")]
