"""What becomes of a person's orders, and of what they sell, when their account ends; and what is in their file."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.kernel.money import Cents
from chalicelib.operations import exports
from chalicelib.shop import belongings, selling
from chalicelib.shop.store import products_of
from tests.support.counter import HOME, RATE
from tests.support.duo import assert_books_balance
from tests.support.pages import FAILED, SUCCEEDED, Pages
from tests.support.worlds import hand_world

WHO: dict[str, str] = {"actor": "system", "reason": "leaves"}


@pytest.fixture
def pages() -> Pages:
    return Pages(hand_world()).ready(10_000)


def called_off(pages: Pages) -> Cents:
    return belongings.call_off(pages.world, pages.buyer, **WHO)


def addresses(pages: Pages, *names: str) -> list[Any]:
    shippings = [pages.order(name).shipping for name in names]
    return [each and each.address for each in shippings]


def test_what_is_not_paid_or_not_sent_is_called_off_and_what_was_sent_stays(pages: Pages) -> None:
    pages.orders({"deck": 2}, name="waits")
    pages.orders({"book": 1}, name="sent")
    pages.ships(name="sent")
    pages.opens({"deck": 1}, name="pending")
    assert (pages.left("deck"), pages.left("book")) == (7, 9)
    for _ in range(2):
        assert called_off(pages) == 0
        assert [pages.order(each).state for each in ("waits", "sent", "pending")] == [
            "refunded",
            "shipped",
            "cancelled",
        ]
        assert (pages.left("deck"), pages.left("book")) == (10, 9)
    assert pages.order("pending").cancelled_for == "left"
    assert pages.page("pending")["status"] == "expired"
    assert pages.credit == 10_000 - 999 - RATE
    assert pages.order("waits").refunds[0].amount == 3_000 + RATE
    assert_books_balance(pages.world)


def test_of_an_order_in_parts_what_was_not_sent_goes_back_and_the_file_stays(pages: Pages) -> None:
    pages.opens({"deck": 1, "book": 1, "song": 1})
    pages.pays()
    pages.ships("2")
    assert called_off(pages) == 0
    assert [each.state for each in pages.order().items] == ["refunded", "shipped", "fulfilled"]
    assert [each["amount"] for each in pages.stripe.refunds.values()] == [1_500]


def test_an_order_that_a_bank_is_paying_holds_its_buyer_until_the_bank_has_spoken(pages: Pages) -> None:
    pages.opens({"deck": 1})
    pages.pays_by_bank()
    assert called_off(pages) == 1_500 + RATE
    assert pages.order().state == "pending"
    pages.bank_says(FAILED)
    assert called_off(pages) == 0
    pages.opens({"deck": 1}, name="2")
    pages.pays_by_bank("2")
    assert called_off(pages) == 1_500 + RATE
    pages.bank_says(SUCCEEDED, "2")
    assert called_off(pages) == 0
    assert pages.order("2").state == "refunded"


def test_a_disputed_order_holds_its_buyer_until_the_bank_has_decided(pages: Pages) -> None:
    pages.opens({"deck": 1})
    pages.pays()
    pages.disputed("created", "needs_response")
    assert called_off(pages) == 1_500
    pages.disputed("closed", "won")
    assert called_off(pages) == 0


def test_while_stripe_does_not_answer_its_pages_are_not_called_off(pages: Pages) -> None:
    pages.opens({"deck": 1})
    pages.orders({"deck": 1}, name="credit")
    pages.stripe.down = True
    assert called_off(pages) == 1_500 + RATE
    assert (pages.order().state, pages.order("credit").state) == ("pending", "refunded")
    pages.stripe.down = False
    assert called_off(pages) == 0


def test_a_slow_stripe_is_not_asked_for_ever(pages: Pages) -> None:
    for name in ("1", "2", "3"):
        pages.opens({"deck": 1}, name=name)
    pages.stripe.takes_time = lambda: pages.forward(8_000)
    assert called_off(pages) == 2 * (1_500 + RATE)
    assert called_off(pages) == 1_500 + RATE
    assert called_off(pages) == 0


def test_where_things_were_sent_is_forgotten_page_by_page(pages: Pages) -> None:
    pages.orders({"deck": 1}, name="1")
    pages.orders({"song": 1}, "coins", name="2")
    pages.opens({"deck": 1}, name="3")
    assert addresses(pages, "1", "2", "3") == [HOME, None, HOME]
    place, calls = None, 0
    while calls == 0 or place:
        following = belongings.erase(pages.world, pages.buyer, 2, place)
        assert belongings.erase(pages.world, pages.buyer, 2, place) == following
        place, calls = following, calls + 1
    assert calls == 2
    assert addresses(pages, "1", "2", "3") == [None, None, None]
    shipping = pages.order("1").shipping
    assert shipping
    assert (shipping.rate, shipping.amount) == ("standard", RATE)


def test_what_a_seller_is_to_earn_of_what_is_not_sent_is_reckoned_until_it_is_sent(pages: Pages) -> None:
    pages.orders({"book": 3, "deck": 1, "spell": 1}, "stripe")
    assert belongings.to_earn(pages.world, pages.seller) == 0  # nobody has paid
    pages.pays()
    assert belongings.to_earn(pages.world, pages.seller) == 2_097  # 70 % of 29.97; the file is earned
    pages.refunds({"1": 1})
    assert belongings.to_earn(pages.world, pages.seller) == 1_398
    pages.ships("1")
    assert belongings.to_earn(pages.world, pages.seller) == 0
    assert belongings.to_earn(pages.world, pages.buyer) == 0


def test_nothing_is_to_be_earned_of_what_a_bank_took_back(pages: Pages) -> None:
    pages.opens({"book": 1})
    pages.pays()
    assert belongings.to_earn(pages.world, pages.seller) == 699
    pages.disputed("created", "needs_response")
    assert belongings.to_earn(pages.world, pages.seller) == 0


def test_what_a_seller_sold_is_not_sold_any_more_and_may_be_sent(pages: Pages) -> None:
    pages.orders({"book": 1})
    asked = pages.stripe.asked
    for _ in range(2):
        selling.stop_all(pages.world, pages.seller, **WHO)
    assert pages.stripe.asked == asked  # whoever leaves does not wait for Stripe: the tick tells it
    selling.advance(pages.world, pages.id_of("book"))
    assert not pages.stripe.catalogue[pages.id_of("book")]["active"]
    product = products_of(pages.world).product(pages.id_of("book"))
    assert product
    assert (product.state, product.on_sale("credit")) == ("stopped", False)
    assert pages.ships().state == "shipped"
    assert [each for each in pages.told(pages.seller) if each[0] == "product_stopped"] == []


def test_a_file_of_all_that_is_theirs_holds_orders_addresses_products_and_sales(pages: Pages) -> None:
    pages.opens({"book": 1, "spell": 1}, name="1")
    pages.pays()
    pages.ships("1")
    pages.opens({"deck": 1}, name="2")
    pages.forward(1)
    of_buyer = exports.everything(pages.world, pages.buyer)
    assert sorted(each["state"] for each in of_buyer["orders"]) == ["pending", "shipped"]
    assert all("checkout_url" not in each for each in of_buyer["orders"])
    (sent,) = (each for each in of_buyer["orders"] if each["state"] == "shipped")
    assert sent["shipping"]["address"]["line1"] == HOME.line1
    assert [(each["name"], each["downloads"]) for each in sent["items"]] == [("Book", 0), ("Spell", 0)]
    assert of_buyer["products"] == of_buyer["sales"] == []
    of_seller = exports.everything(pages.world, pages.seller)
    assert {each["name"] for each in of_seller["products"]} == {"Book", "Spell"}
    assert sorted((each["name"], each["earned"]["amount"]) for each in of_seller["sales"]) == [
        ("Book", 699),
        ("Spell", 350),
    ]
    assert of_seller["orders"] == []
    assert pages.buyer not in str(of_seller)
    assert HOME.line1 not in str(of_seller)
    assert of_buyer["cut_short"] == of_seller["cut_short"] == []
