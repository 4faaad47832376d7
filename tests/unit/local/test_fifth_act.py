"""What the fifth act tells of the shop's money is what buyers paid, by thing; its story holds by the rules alone."""

from typing import Any

from chalicelib.kernel.money import reader_share
from chalicelib.shop.model.discount import allocated
from chalicelib.shop.model.wanted import Terms, written
from infra.local.fifth_act import (
    FILE,
    GUIDE,
    GUIDE_COINS,
    GUIDE_PRICE,
    OTHER,
    PERCENT,
    PRICE,
    Takings,
    takings,
)


def item(name: str, amount: int, state: str = "shipped", currency: str = "usd") -> dict[str, Any]:
    return {"name": name, "quantity": 1, "state": state, "amount": {"amount": amount, "currency": currency}}


def order(*items: dict[str, Any], shipping: int | None = None, refunded: int = 0) -> dict[str, Any]:
    currency = items[0]["amount"]["currency"]
    return {
        "items": list(items),
        "shipping": None if shipping is None else {"amount": {"amount": shipping, "currency": "usd"}},
        "refunded": {"amount": refunded, "currency": currency},
    }


def test_what_came_in_is_told_by_thing_and_the_sending_last() -> None:
    sold = [
        order(item("Deck", 1_995), shipping=595),
        order(item("Deck", 1_795), item("Moons", 360, "fulfilled"), shipping=595),
    ]
    assert takings(sold, {"Moons": 252}, 100) == [
        Takings("Deck", 2, 3_790, 0, 0),
        Takings("Moons", 1, 360, 0, 252),
        Takings("sending", 2, 1_190, 0, 0),
    ]
    assert [each.platform for each in takings(sold, {"Moons": 252}, 100)] == [3_790, 108, 1_190]


def test_what_went_back_is_of_its_thing_and_the_rest_of_the_sending() -> None:
    whole = order(item("Deck", 1_995, "refunded"), shipping=595, refunded=2_590)
    a_file = order(item("Deck", 1_795), item("Moons", 360, "refunded"), shipping=595, refunded=360)
    assert takings([whole], {}, 100) == [Takings("Deck", 1, 1_995, 1_995, 0), Takings("sending", 1, 595, 595, 0)]
    assert takings([a_file], {}, 100)[1:] == [Takings("Moons", 1, 360, 360, 0), Takings("sending", 1, 595, 0, 0)]


def test_coins_are_told_by_what_they_are_worth() -> None:
    assert takings([order(item("Moons", 401, "fulfilled", "coins"))], {"Moons": 140}, 50) == [
        Takings("Moons", 1, 200, 0, 140)
    ]


def test_nothing_that_was_sold_is_nothing_to_tell() -> None:
    assert takings([], {}, 100) == []


def test_the_coupon_takes_a_whole_number_of_cents_off_both_and_its_parts_are_no_even_ones() -> None:
    off = (PRICE + GUIDE_PRICE) * PERCENT
    parts = allocated(round(off / 100), (PRICE, GUIDE_PRICE))
    assert parts == (200, 40)
    assert (reader_share(GUIDE_PRICE - 40), GUIDE_PRICE - 40) == (252, 360)


def test_the_file_may_be_offered_so_and_the_other_is_as_long_and_another() -> None:
    terms = Terms(GUIDE, "A year of moons.", "digital", GUIDE_PRICE, GUIDE_COINS, "usr_1", active=False)
    assert written(terms, 100) == terms
    assert (len(OTHER), OTHER[:5]) == (len(FILE), FILE[:5])
    assert OTHER != FILE
