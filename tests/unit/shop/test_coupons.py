"""Coupons on the service: what Stripe says of a code, guessing, and counting uses beside the order."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, ProviderFailed, RateLimited
from chalicelib.runtime.tables import Operation
from chalicelib.shop import coupons
from chalicelib.shop.model import order as model
from chalicelib.shop.model.discount import Line, Uses
from chalicelib.shop.order_store import orders_of
from chalicelib.shop.terms_store import terms_of
from chalicelib.wallet import promos
from tests.support.worlds import NOON, OfflinePayments, hand_world

ADA, BEN = "usr_ada", "usr_ben"
BOOK = (Line("prod_book", 2_000),)


CREDIT, CARD = "credit", "stripe"


@pytest.fixture
def world() -> World:
    return hand_world()


def till(world: World) -> OfflinePayments:
    assert isinstance(world.payments, OfflinePayments)
    return world.payments


def why(refused: pytest.ExceptionInfo[Invalid]) -> str:
    (error,) = refused.value.errors
    assert error["field"] == "coupon"
    return error["message"]


def an_order(world: World, paid_at: int | None, name: str = "ord_1") -> None:
    line = model.Line("prod_book", "Book", "physical", BEN, 1, 2_000, 0)
    made = model.ordered(name, ADA, ("credit", "web"), [line], None, None, 50, NOON)
    world.tables.write(orders_of(world).create(made if paid_at is None else model.paid(made, paid_at)))


def test_a_code_is_looked_up_at_stripe_as_it_is_written(world: World) -> None:
    till(world).offers("SPRING", percent_off=10)
    quoted = coupons.quoted(world, ADA, " spring ", BOOK)
    assert (quoted.promotion, quoted.code, quoted.amount) == ("promo_SPRING", "SPRING", 200)


def test_what_is_no_code_is_not_asked_for(world: World) -> None:
    with pytest.raises(Invalid):
        coupons.quoted(world, ADA, "two words", BOOK)
    assert till(world).asked == 0


def test_ten_wrong_codes_are_all_that_somebody_has_in_an_hour(world: World) -> None:
    till(world).offers("SPRING", percent_off=10)
    for _ in range(10):
        with pytest.raises(Invalid) as refused:
            coupons.quoted(world, ADA, "SUMMER", BOOK)
        assert why(refused) == "There is no such code."
    with pytest.raises(RateLimited):
        coupons.quoted(world, ADA, "SPRING", BOOK)
    with pytest.raises(RateLimited):
        promos.redeem(world, ADA, "prd_1", "WELCOME")
    assert till(world).asked == 10
    assert coupons.quoted(world, BEN, "SPRING", BOOK).amount == 200


def test_of_guesses_that_are_made_at_once_ten_are_looked_up(world: World) -> None:
    till(world).offers("SPRING", percent_off=10)
    made: list[str] = []

    def another() -> None:
        if len(made) < 20:
            made.append("SUMMER")
            with suppress(Invalid, RateLimited):
                coupons.quoted(world, ADA, "SUMMER", BOOK)

    till(world).takes_time = another
    with pytest.raises(Invalid):
        coupons.quoted(world, ADA, "SUMMER", BOOK)
    assert till(world).asked == 10


def test_right_codes_use_no_guesses_up(world: World) -> None:
    till(world).offers("SPRING", percent_off=10)
    for _ in range(9):
        with pytest.raises(Invalid):
            coupons.quoted(world, ADA, "SUMMER", BOOK)
    for _ in range(3):
        assert coupons.quoted(world, ADA, "SPRING", BOOK).amount == 200


def test_a_code_that_is_not_for_this_order_is_no_wrong_guess(world: World) -> None:
    till(world).offers("SPRING", percent_off=10, minimum_amount=2_001)
    for _ in range(11):
        with pytest.raises(Invalid):
            coupons.quoted(world, ADA, "SPRING", BOOK)


def test_where_stripe_is_out_of_reach_nothing_is_said_of_the_code(world: World) -> None:
    till(world).down = True
    for _ in range(11):
        with pytest.raises(ProviderFailed):
            coupons.quoted(world, ADA, "SPRING", BOOK)
    till(world).down = False
    till(world).offers("SPRING", percent_off=10)
    assert coupons.quoted(world, ADA, "SPRING", BOOK).amount == 200


def test_a_first_order_is_one_of_who_has_never_paid_for_any(world: World) -> None:
    till(world).offers("HELLO", percent_off=10, first_time_transaction=True)
    an_order(world, None)
    assert coupons.quoted(world, ADA, "HELLO", BOOK).amount == 200
    an_order(world, NOON, "ord_2")
    with pytest.raises(Invalid) as refused:
        coupons.quoted(world, ADA, "HELLO", BOOK)
    assert why(refused) == "This code is for a first order."


def test_who_has_made_very_many_orders_is_no_new_customer(world: World) -> None:
    till(world).offers("HELLO", percent_off=10, first_time_transaction=True)
    for number in range(500):
        an_order(world, None, f"ord_{number}")
    assert coupons.quoted(world, ADA, "HELLO", BOOK).amount == 200
    an_order(world, None, "ord_500")
    with pytest.raises(Invalid):
        coupons.quoted(world, ADA, "HELLO", BOOK)


def test_of_two_first_orders_at_once_one_has_the_code(world: World) -> None:
    till(world).offers("HELLO", percent_off=10, first_time_transaction=True)
    once, twice = (coupons.quoted(world, ADA, "HELLO", BOOK) for _ in range(2))
    world.tables.write(*coupons.redeemed(world, once, CREDIT))
    with pytest.raises(Invalid) as refused:
        coupons.redeemed(world, twice, CREDIT)
    assert why(refused) == "This code was used up."


def test_a_use_is_counted_with_the_order_and_comes_back_with_it(world: World) -> None:
    till(world).offers("LAST", percent_off=10, max_redemptions=1)
    found = coupons.quoted(world, ADA, "LAST", BOOK)
    world.tables.write(*coupons.redeemed(world, found, CARD))
    with pytest.raises(Invalid) as refused:
        coupons.quoted(world, BEN, "LAST", BOOK)
    assert why(refused) == "This code was used up."
    world.tables.write(*coupons.unredeemed(world, found, CARD))
    assert terms_of(world).uses("promotion#promo_LAST") == Uses("promotion#promo_LAST", rev=2)
    assert coupons.quoted(world, BEN, "LAST", BOOK).amount == 200


def test_what_stripe_counted_counts(world: World) -> None:
    offered = till(world).offers("LAST", percent_off=10, max_redemptions=2)
    offered["times_redeemed"] = 1
    found = coupons.quoted(world, ADA, "LAST", BOOK)
    world.tables.write(*coupons.redeemed(world, found, CREDIT))
    with pytest.raises(Invalid):
        coupons.redeemed(world, found, CREDIT)


def test_what_has_no_limit_is_not_counted(world: World) -> None:
    till(world).offers("SPRING", percent_off=10)
    found = coupons.quoted(world, ADA, "SPRING", BOOK)
    assert coupons.redeemed(world, found, CARD) == []
    assert coupons.unredeemed(world, found, CARD) == []


def test_a_coupons_own_limit_holds_for_all_its_codes(world: World) -> None:
    for code in ("ONE", "TWO"):
        offered = till(world).offers(code, percent_off=10)
        offered["promotion"]["coupon"] |= {"id": "shared", "max_redemptions": 1}
    world.tables.write(*coupons.redeemed(world, coupons.quoted(world, ADA, "ONE", BOOK), CREDIT))
    with pytest.raises(Invalid):
        coupons.quoted(world, BEN, "TWO", BOOK)


def test_of_two_who_write_at_once_one_reads_again(world: World) -> None:
    till(world).offers("FIVE", percent_off=10, max_redemptions=5)
    found = coupons.quoted(world, ADA, "FIVE", BOOK)
    first, second = (coupons.redeemed(world, found, each) for each in (CREDIT, CARD))
    assert world.wrote(*first)
    assert not world.wrote(*second)
    again: list[Operation] = coupons.redeemed(world, found, CARD)
    assert world.wrote(*again)
    assert replace(terms_of(world).uses("promotion#promo_FIVE"), rev=0) == Uses("promotion#promo_FIVE", 1, 1)
