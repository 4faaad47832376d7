"""What the local Stripe sells, through the real stripe library: as Stripe refuses, reckons and tells.

What the product asks for itself is in tests/unit/gateways/test_stripe_shop.py.
"""

from typing import Any

import pytest
import requests
import stripe

from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import SUCCESS, Inbox, call, post_form

SOLD = {"mode": "payment", "success_url": "https://app.test/", "payment_intent_data": {"metadata": {"order": "ord_1"}}}


@pytest.fixture
def v1(client: stripe.StripeClient) -> Any:
    return client.v1


def product(v1: Any, id_: str = "prd_deck", amount: int = 1_999, **other: Any) -> Any:
    price = {"unit_amount": amount, "currency": "usd"}
    return v1.products.create(params={"id": id_, "name": id_, "default_price_data": price} | other)


def code(v1: Any, written: str = "SPRING", coupon: dict[str, Any] | None = None, **other: Any) -> Any:
    made = v1.coupons.create(params=coupon or {"percent_off": 10})
    return v1.promotion_codes.create(
        params={"code": written, "promotion": {"type": "coupon", "coupon": made.id}} | other
    )


def opened(v1: Any, price: str, quantity: int = 1, **other: Any) -> Any:
    return v1.checkout.sessions.create(params=SOLD | {"line_items": [{"price": price, "quantity": quantity}]} | other)


def refusal(ask: Any) -> tuple[int | None, str | None, str]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        ask()
    return caught.value.http_status, caught.value.code, str(caught.value.user_message)


def test_an_id_is_taken_once_and_free_again_when_the_product_is_deleted(v1: Any) -> None:
    first = {"id": "prd_1", "name": "Free"}
    v1.products.create(params=first)
    assert refusal(lambda: v1.products.create(params=first))[:2] == (400, "resource_already_exists")
    assert v1.products.delete("prd_1").deleted
    assert refusal(lambda: v1.products.retrieve("prd_1"))[:2] == (404, "resource_missing")
    assert v1.products.create(params=first).active


def test_what_is_made_cannot_be_emptied_and_what_is_changed_can(v1: Any) -> None:
    for nothing in ({"description": ""}, {"metadata": {"seller": "usr_1", "coins": ""}}):
        asked: dict[str, Any] = {"name": "Deck", **nothing}
        assert refusal(lambda asked=asked: v1.products.create(params=asked))[1] == "parameter_invalid_empty"
    product(v1, description="Cards", metadata={"seller": "usr_1", "coins": "3"}, images=["https://app.test/a.png"])
    changed = v1.products.update(
        "prd_deck", params={"description": "", "metadata": {"coins": ""}, "images": "", "default_price": ""}
    )
    assert (changed.description, changed.metadata.to_dict(), changed.images) == (None, {"seller": "usr_1"}, [])
    assert changed.default_price is None
    assert v1.products.update("prd_deck", params={"metadata": ""}).metadata.to_dict() == {}


def test_a_product_with_prices_and_a_default_price_are_only_put_away(v1: Any) -> None:
    made = product(v1)
    assert "user-created prices" in refusal(lambda: v1.products.delete("prd_deck"))[2]
    away = {"active": False}
    assert "default price of its product" in refusal(lambda: v1.prices.update(made.default_price, params=away))[2]
    other = v1.prices.create(params={"product": "prd_deck", "unit_amount": 5, "currency": "usd"})
    v1.products.update("prd_deck", params={"default_price": other.id})
    assert not v1.prices.update(made.default_price, params=away).active
    assert [each.id for each in v1.prices.list(params={"product": "prd_deck"}).data] == [other.id]
    assert [each.id for each in v1.prices.list(params={"active": False}).data] == [made.default_price]
    inactive = {"default_price": made.default_price}
    assert "is inactive" in refusal(lambda: v1.products.update("prd_deck", params=inactive))[2]


def test_products_are_listed_by_what_they_are(v1: Any) -> None:
    product(v1, "prd_1", shippable=True)
    product(v1, "prd_2", active=False)
    listed = [
        [each.id for each in v1.products.list(params=params).data]
        for params in ({}, {"active": True}, {"shippable": True}, {"ids": ["prd_2"]})
    ]
    assert listed == [["prd_2", "prd_1"], ["prd_1"], ["prd_1"], ["prd_2"]]


def test_the_lines_of_a_page_share_its_discount_to_the_cent(v1: Any) -> None:
    prices = [product(v1, f"prd_{amount}", amount).default_price for amount in (333, 500, 167)]
    lines = [{"price": price, "quantity": 1} for price in prices]
    promotion = code(v1, coupon={"amount_off": 100, "currency": "usd"}, restrictions={"first_time_transaction": False})
    page = v1.checkout.sessions.create(
        params=SOLD | {"line_items": lines, "discounts": [{"promotion_code": promotion.id}], "expand": ["line_items"]}
    )
    assert (page.amount_subtotal, page.total_details.amount_discount, page.amount_total) == (1_000, 100, 900)
    # 33.3, 50 and 16.7: the largest remainder gets the cent.
    assert [each.amount_discount for each in page.line_items.data] == [33, 50, 17]
    assert [each.amount_total for each in page.line_items.data] == [300, 450, 150]


def test_what_is_sent_costs_what_the_first_rate_says_and_no_coupon_takes_it_off(v1: Any) -> None:
    price = product(v1).default_price
    rates = [
        {
            "shipping_rate_data": {
                "type": "fixed_amount",
                "display_name": f"Post {cents}",
                "fixed_amount": {"amount": cents, "currency": "usd"},
            }
        }
        for cents in (595, 1_200)
    ]
    page = opened(v1, price, 2, shipping_options=rates, discounts=[{"promotion_code": code(v1).id}])
    assert (page.amount_subtotal, page.amount_total) == (3_998, 3_998 - 400 + 595)
    assert page.total_details.to_dict() == {"amount_discount": 400, "amount_shipping": 595, "amount_tax": 0}
    assert [each.shipping_amount for each in page.shipping_options] == [595, 1_200]
    expanded = v1.checkout.sessions.retrieve(page.id, params={"expand": ["shipping_cost.shipping_rate"]})
    assert expanded.shipping_cost.shipping_rate.display_name == "Post 595"
    assert post_form(page.url, card=SUCCESS)[0] == 303
    paid = v1.checkout.sessions.retrieve(page.id, params={"expand": ["payment_intent"]})
    assert (paid.payment_intent.amount_received, paid.payment_intent.metadata.to_dict()) == (4_193, {"order": "ord_1"})


def test_a_page_shows_what_is_bought_and_what_makes_up_the_total(v1: Any) -> None:
    price = product(v1, name="A <deck>").default_price
    promotion = code(v1, coupon={"percent_off": 100})
    rate = {"display_name": "Post", "type": "fixed_amount", "fixed_amount": {"amount": 595, "currency": "usd"}}
    page = opened(
        v1,
        price,
        3,
        shipping_options=[{"shipping_rate_data": rate}],
        discounts=[{"coupon": promotion.promotion.coupon}],
    )
    shown = requests.get(page.url, timeout=60).text
    for part in ("A &lt;deck&gt; × 3", "$59.97 USD", "Discount", "-$59.97 USD", "Shipping", "$5.95 USD", "Total"):
        assert part in shown
    free = opened(v1, price, discounts=[{"promotion_code": promotion.id}])
    assert "Complete order" in requests.get(free.url, timeout=60).text
    assert post_form(free.url, card=SUCCESS)[0] == 400
    assert post_form(free.url, free="yes")[0] == 303
    assert post_form(page.url, free="yes")[0] == 400
    assert v1.payment_intents.list().data == []


def test_a_code_counts_what_was_completed_and_ends_with_its_coupon(v1: Any) -> None:
    price = product(v1).default_price
    twice = code(v1, "TWICE", {"percent_off": 10, "max_redemptions": 2})
    pages = [opened(v1, price, discounts=[{"promotion_code": twice.id}]) for _ in range(3)]
    for page in pages[:2]:
        assert post_form(page.url, card=SUCCESS)[0] == 303
    found = v1.promotion_codes.retrieve(twice.id, params={"expand": ["promotion.coupon"]})
    assert (found.times_redeemed, found.active, found.promotion.coupon.valid) == (2, False, False)
    assert refusal(lambda: opened(v1, price, discounts=[{"promotion_code": twice.id}]))[0] == 400
    assert refusal(lambda: opened(v1, price, discounts=[{"coupon": found.promotion.coupon.id}]))[1] == "coupon_expired"
    other = code(v1, "OTHER")
    v1.coupons.delete(other.promotion.coupon)
    assert v1.promotion_codes.list(params={"code": "other", "active": True}).data == []


def test_a_code_is_written_once_among_the_active_ones(v1: Any) -> None:
    first = code(v1, "Spring")
    assert refusal(lambda: code(v1, "SPRING"))[0] == 400
    v1.promotion_codes.update(first.id, params={"active": False})
    assert code(v1, "SPRING").active


def test_a_code_for_a_first_purchase_needs_a_customer_who_has_bought_nothing(v1: Any) -> None:
    price = product(v1).default_price
    hello: dict[str, Any] = {
        "discounts": [{"promotion_code": code(v1, "HELLO", restrictions={"first_time_transaction": True}).id}]
    }
    customer = v1.customers.create().id
    assert "prior transactions" in refusal(lambda: opened(v1, price, **hello))[2]
    assert post_form(opened(v1, price, customer=customer, **hello).url, card=SUCCESS)[0] == 303
    assert "prior transactions" in refusal(lambda: opened(v1, price, customer=customer, **hello))[2]


@pytest.mark.parametrize(
    ("kind", "wrong", "param"),
    [
        ("coupons", {}, "percent_off"),
        ("coupons", {"percent_off": 10, "amount_off": 5}, "percent_off"),
        ("coupons", {"percent_off": 100.5}, "percent_off"),
        ("coupons", {"amount_off": 5}, "currency"),
        ("coupons", {"percent_off": 10, "redeem_by": 1}, "redeem_by"),
        ("coupons", {"percent_off": 10, "applies_to": {"products": ["prd_0"]}}, "applies_to[products]"),
        ("promotion_codes", {"promotion": {"type": "coupon", "coupon": "none"}}, "promotion[coupon]"),
        ("prices", {"product": "prd_0", "unit_amount": 5, "currency": "usd"}, "product"),
        ("prices", {"product": "prd_0", "unit_amount": 5, "currency": "usd", "colour": 1}, "colour"),
        ("products", {"name": "Deck", "colour": "red"}, "colour"),
        ("products", {"description": "Cards"}, "name"),
    ],
)
def test_what_is_wrong_is_refused_by_name(v1: Any, kind: str, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        getattr(v1, kind).create(params=wrong)
    assert caught.value.param == param


def test_what_changes_is_told_and_what_a_lever_changes_is_not(local: StripeServer, v1: Any, inbox: Inbox) -> None:
    made = product(v1)
    v1.products.update("prd_deck", params={"name": "Deck"})
    promotion = code(v1)
    told = ["product.created", "price.created", "product.updated", "coupon.created", "promotion_code.created"]
    inbox.wait(lambda: sorted(each["type"] for each in inbox.received) == sorted(told))
    call(local, "PUT", "/_local/products/prd_deck", {"active": False, "unit_amount": 5})
    call(local, "PUT", "/_local/products/prd_new", {"name": "New", "metadata": {"coins": "5"}})
    changed = v1.products.retrieve("prd_deck", params={"expand": ["default_price"]})
    assert (changed.name, changed.active, changed.default_price.unit_amount) == ("Deck", False, 5)
    call(local, "DELETE", "/_local/products/prd_deck")
    assert [each.id for each in v1.products.list().data] == ["prd_new"]
    assert refusal(lambda: v1.prices.retrieve(made.default_price))[0] == 404
    other = product(v1, "prd_3").default_price
    call(local, "DELETE", f"/_local/prices/{other}")
    v1.coupons.delete(promotion.promotion.coupon)
    inbox.wait(lambda: "coupon.deleted" in inbox.kinds("coupon."))
    of_prices = {each["data"]["object"]["id"] for each in inbox.received if each["type"].startswith("price.")}
    assert of_prices == {made.default_price, other}
    assert "price.deleted" in inbox.kinds("price.")
    assert v1.products.retrieve("prd_3").default_price is None
