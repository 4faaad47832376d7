"""Product §9: what a promotion takes off, for whom, how many times, and how it is divided. All amounts by hand."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.time import DAY
from chalicelib.shop.model import discount as model
from chalicelib.shop.model.discount import Discount, Limit, Line, Uses, allocated, discounted, priced, unused, used
from tests.support.worlds import NOON

ADA = "usr_ada"
BOOK, CARDS = Line("prod_book", 1_999), Line("prod_cards", 500)
BOTH = (BOOK, CARDS)
TOMORROW = (NOON + DAY) // 1_000


def promotion(**changed: Any) -> dict[str, Any]:
    """Ten per cent off everything, as Stripe has it."""
    coupon: dict[str, Any] = {
        "id": "Z4OV52SU",
        "name": "Ten off",
        "percent_off": 10.0,
        "amount_off": None,
        "currency": None,
    }
    made: dict[str, Any] = {
        "id": "promo_1",
        "code": "SPRING",
        "active": True,
        "customer": None,
        "customer_account": None,
        "expires_at": None,
        "max_redemptions": None,
        "times_redeemed": 0,
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
    }
    restrictions: dict[str, Any] = made["restrictions"]
    for name, value in changed.items():
        where = next((each for each in (made, restrictions) if name in each), coupon)
        where[name] = value
    return made | {"promotion": {"type": "coupon", "coupon": coupon}}


def off(*lines: Line, new_customer: Any = False, now: Any = NOON, **changed: Any) -> int:
    return priced(promotion(**changed), lines or BOTH, now=now, new_customer=new_customer)


def refusal(*lines: Line, new_customer: Any = False, now: Any = NOON, **changed: Any) -> str:
    with pytest.raises(Invalid) as refused:
        off(*lines, new_customer=new_customer, now=now, **changed)
    (error,) = refused.value.errors
    assert error["field"] == "coupon"
    return error["message"]


@pytest.mark.parametrize(
    ("percent", "amount"),
    [
        (10.0, 250),  # of 24.99 it is 2.499
        (50.0, 1_250),  # 12.495: a half goes up
        (33.3, 832),  # 8.32167
        (0.03, 1),  # 0.7497 of a cent
        (100.0, 2_499),
    ],
)
def test_a_percentage_is_reckoned_on_the_sum_and_rounded_half_up(percent: float, amount: int) -> None:
    assert off(percent_off=percent) == amount


def test_half_a_cent_goes_up_to_an_odd_one_too() -> None:
    assert off(Line("prod_book", 2_497), percent_off=50.0) == 1_249  # 12.485


def test_a_code_that_takes_nothing_off_is_refused() -> None:
    assert refusal(percent_off=0.01) == "This code takes nothing off these."


def test_an_amount_is_taken_off_and_never_more_than_there_is() -> None:
    assert off(percent_off=None, amount_off=700, currency="usd") == 700
    assert off(percent_off=None, amount_off=2_499, currency="usd") == 2_499
    assert off(percent_off=None, amount_off=2_500, currency="usd") == 2_499


@pytest.mark.parametrize("changed", [{"amount_off": 700, "currency": "eur"}, {"amount_off": None, "currency": "usd"}])
def test_an_amount_in_another_currency_is_refused(changed: dict[str, Any]) -> None:
    assert refusal(percent_off=None, **changed) == "This code is for another currency."


def test_a_coupon_for_some_products_counts_those_alone() -> None:
    assert off(applies_to={"products": ["prod_cards"]}) == 50
    assert off(percent_off=None, amount_off=700, currency="usd", applies_to={"products": ["prod_cards"]}) == 500
    assert off(applies_to={"products": []}) == 250
    assert refusal(applies_to={"products": ["prod_oil"]}) == "This code is for other products."


def test_a_minimum_is_of_everything_in_the_order() -> None:
    just = {"minimum_amount": 2_499, "minimum_amount_currency": "usd"}
    assert off(applies_to={"products": ["prod_cards"]}, **just) == 50
    assert refusal(**just | {"minimum_amount": 2_500}) == "This code is for orders of 2500 cents or more."
    assert refusal(**just | {"minimum_amount_currency": "eur"}) == "This code is for another currency."


@pytest.mark.parametrize("until", ["expires_at", "redeem_by"])
def test_a_code_is_good_until_its_last_moment(until: str) -> None:
    assert off(now=TOMORROW * 1_000 - 1, **{until: TOMORROW}) == 250
    assert refusal(now=TOMORROW * 1_000, **{until: TOMORROW}) == "This code is no longer valid."


def test_a_code_that_stands_still_is_refused() -> None:
    assert refusal(active=False) == "This code is no longer valid."


@pytest.mark.parametrize("whose", ["customer", "customer_account"])
def test_a_code_of_one_customer_is_for_nobody_else(whose: str) -> None:
    assert refusal(**{whose: "cus_1"}) == "This code is not for you."


def test_a_code_for_a_first_order_is_for_who_has_paid_for_none() -> None:
    assert off(first_time_transaction=True, new_customer=True) == 250
    assert refusal(first_time_transaction=True) == "This code is for a first order."


# --- what is kept of it ----------------------------------------------------------------------------


def kept(**changed: Any) -> Discount:
    return discounted(promotion(**changed), BOTH, buyer=ADA, now=NOON, new_customer=True)


def test_what_is_kept_names_the_promotion_and_what_it_is_called() -> None:
    assert kept() == Discount("promo_1", "SPRING", "Ten off", 250)
    assert kept(applies_to={"products": ["prod_oil", "prod_cards"]}).products == ("prod_cards",)
    assert kept(applies_to=None).products == ()
    assert kept(name=None).name == "SPRING"
    assert kept(name="N" * 41).name == "N" * 40


def test_what_is_over_is_not_kept() -> None:
    with pytest.raises(Invalid):
        discounted(promotion(expires_at=TOMORROW), BOTH, buyer=ADA, now=TOMORROW * 1_000, new_customer=True)


def test_what_has_a_limit_at_stripe_is_counted_and_nothing_else() -> None:
    assert kept(max_redemptions=5).limits == (Limit("promotion#promo_1", 5, 0),)
    assert kept(max_redemptions=5, times_redeemed=2).limits == (Limit("promotion#promo_1", 5, 2),)
    of_coupon = promotion()
    of_coupon["promotion"]["coupon"] |= {"max_redemptions": 9, "times_redeemed": 4}
    found = discounted(of_coupon, BOTH, buyer=ADA, now=NOON, new_customer=True)
    assert found.limits == (Limit("coupon#Z4OV52SU", 9, 4),)
    assert kept(first_time_transaction=True).limits == (Limit("first#usr_ada", 1),)


def test_what_is_kept_is_read_as_it_was_stored() -> None:
    full = Discount("promo_1", "SPRING", "Ten off", 250, ("prod_book",), (Limit("promotion#promo_1", 5, 2),))
    assert model.from_item(model.to_item(full)) == full
    assert model.from_item(model.to_item(kept())) == kept()


# --- how many times --------------------------------------------------------------------------------


def test_a_use_is_counted_by_how_it_is_paid() -> None:
    none = Uses("promotion#promo_1", rev=3)
    limit = Limit("promotion#promo_1", 5)
    assert used(limit, none, "credit") == Uses("promotion#promo_1", 1, 0, 3)
    assert used(limit, none, "stripe") == Uses("promotion#promo_1", 0, 1, 3)


@pytest.mark.parametrize(
    ("credit", "stripe", "told"),
    [(4, 0, 0), (0, 4, 0), (0, 4, 4), (2, 2, 1), (2, 1, 2)],
)
def test_the_last_use_is_given_and_no_more(credit: int, stripe: int, told: int) -> None:
    """What is paid at Stripe is counted there too, and here before: whichever count is larger is true."""
    limit, was = Limit("promotion#promo_1", 5, told), Uses("promotion#promo_1", credit, stripe)
    last = used(limit, was, "credit")
    with pytest.raises(Invalid) as refused:
        used(limit, last, "stripe")
    assert refused.value.errors == ({"field": "coupon", "message": "This code was used up."},)


def test_a_use_comes_back_to_where_it_was_counted_and_never_below_nothing() -> None:
    was = Uses("promotion#promo_1", 2, 1)
    assert unused(was, "credit") == Uses("promotion#promo_1", 1, 1)
    assert unused(was, "stripe") == Uses("promotion#promo_1", 2, 0)
    assert unused(Uses("promotion#promo_1"), "stripe") == Uses("promotion#promo_1")
    assert unused(Uses("promotion#promo_1"), "credit") == Uses("promotion#promo_1")


# --- what it suits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("rail", "total"), [("credit", 0), ("credit", 1), ("stripe", 50)])
def test_an_order_with_a_code_may_cost_nothing_by_credit_and_fifty_cents_by_stripe(rail: str, total: int) -> None:
    model.must_suit(rail, total)


@pytest.mark.parametrize(
    ("rail", "total", "why"),
    [
        ("coins", 1_000, "Codes are not for coins."),
        ("stripe", 49, "With this code less than 50 cents are left to pay, which no card can."),
        ("stripe", 0, "With this code less than 50 cents are left to pay, which no card can."),
    ],
)
def test_codes_are_not_for_coins_and_no_card_pays_less_than_fifty_cents(rail: str, total: int, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        model.must_suit(rail, total)
    assert refused.value.errors == ({"field": "coupon", "message": why},)


@pytest.mark.parametrize("written", ["SPRING", " spring-20 ", "a", "A" * 64])
def test_a_code_is_taken_as_it_is_written(written: str) -> None:
    assert model.code_of(written) == written.strip()


@pytest.mark.parametrize("written", ["", " ", "A" * 65, "SPRING 20", "FRÜHLING", "spring_20", "a\nb", "٣"])
def test_what_can_be_no_code_is_refused(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        model.code_of(written)
    assert refused.value.errors == ({"field": "coupon", "message": "1 to 64 letters, digits and hyphens"},)


# --- how it is divided -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "lines", "parts"),
    [
        (250, (1_999, 500), (200, 50)),  # 199.98 and 50.02
        (100, (1, 1, 1), None),
        (2, (1, 1, 1), (1, 1, 0)),  # two thirds each: the first come first
        (10, (100, 0, 200), (3, 0, 7)),  # 3.33 and 6.67
        (1, (100, 300), (0, 1)),
        (400, (100, 300), (100, 300)),
        (0, (100, 300), (0, 0)),
        (0, (0, 0), (0, 0)),
        (0, (), ()),
        (-1, (100,), None),
        (1, (), None),
    ],
)
def test_a_discount_is_divided_by_what_each_line_costs(
    amount: int, lines: tuple[int, ...], parts: tuple[int, ...] | None
) -> None:
    if parts is None:
        with pytest.raises(ValueError, match="cannot be taken off"):
            allocated(amount, lines)
    else:
        assert allocated(amount, lines) == parts


def test_a_discount_comes_off_what_it_is_good_for() -> None:
    some = Discount("promo_1", "SPRING", "Ten off", 50, ("prod_cards",))
    assert some.over(BOTH) == (0, 50)
    assert Discount("promo_1", "SPRING", "All of them", 500, ("prod_cards",)).over(BOTH) == (0, 500)
    assert Discount("promo_1", "SPRING", "Ten off", 250).over(BOTH) == (200, 50)
    with pytest.raises(ValueError, match="cannot be taken off"):
        Discount("promo_1", "SPRING", "Ten off", 501, ("prod_cards",)).over(BOTH)
