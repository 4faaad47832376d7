"""What people read about their orders, and readers about what they sell."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts.model.preferences import DEFAULTS
from chalicelib.notifications.letters import ABOUT_WHAT, letter
from chalicelib.notifications.model.notice import ABOUT, Notice
from chalicelib.notifications.model.said import words
from chalicelib.notifications.model.words import Words

ORDER = "ord_01JD0000000000000000000001"
FACTS = {"order": ORDER, "product": "prd_1", "amount": 1_205, "carrier": "UPS", "tracking": "1Z 999", "why": "buyer"}
KINDS = sorted(kind for kind, about in ABOUT.items() if about == "orders")


def said(kind: str, **facts: Any) -> Words:
    found = words(Notice("usr_1", kind, FACTS | facts), "Europe/Vienna")
    assert found
    return found


def test_all_that_becomes_of_an_order_is_told_where_a_person_wishes() -> None:
    assert KINDS == [
        "order_cancelled",
        "order_delivered",
        "order_paid",
        "order_refunded",
        "order_shipped",
        "product_approved",
        "product_sold",
        "product_stopped",
    ]
    assert DEFAULTS["orders"] == {"inbox", "email", "push"}
    assert ABOUT_WHAT["orders"] == "orders"


@pytest.mark.parametrize("kind", [each for each in KINDS if each.startswith("order_")])
def test_each_names_the_order(kind: str) -> None:
    assert f"our order {ORDER} " in said(kind).text.replace(f"{ORDER}:", f"{ORDER} ")


@pytest.mark.parametrize("kind", ["order_paid", "order_refunded"])
def test_what_was_paid_and_goes_back_is_told_in_dollars_or_in_coins(kind: str) -> None:
    assert "$12.05" in said(kind).text
    coins = said(kind, amount=0, coins=1_200).text
    assert "1,200 coins" in coins
    assert "$" not in coins


def test_of_an_order_that_cost_nothing_no_money_is_said_to_go_back() -> None:
    assert said("order_refunded", amount=0).text == f"What was not sent of your order {ORDER} was called off."


def test_what_was_sent_can_be_followed() -> None:
    assert "were sent with UPS. You can follow them there by the number 1Z 999." in said("order_shipped").text


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("buyer", "was called off, as you asked."),
        ("expired", "was called off, because it was not paid in time."),
        ("left", "was called off, because your account ends."),
        ("failed", "was called off, because your bank did not pay it."),
        ("refused", "was called off, because it could not be carried out as you ordered it."),
    ],
)
def test_it_is_told_why_an_order_was_called_off(why: str, told: str) -> None:
    assert told in said("order_cancelled", why=why).text


def test_a_reader_learns_what_they_have_of_a_sale_and_nothing_of_the_buyer() -> None:
    assert "Your share of $12.05 is in your earnings." in said("product_sold", buyer="usr_ada").text
    assert "usr_ada" not in said("product_sold", buyer="usr_ada").text


def test_a_number_to_follow_is_text_and_no_markup() -> None:
    hostile = said("order_shipped", tracking="<script>alert(1)</script>")
    made = letter("ada@example.test", "Ada", hostile, "orders")
    assert made.html
    assert "<script>" not in made.html
    assert "&lt;script&gt;" in made.html
