"""What the shop asks of Stripe: the product's gateway on the local Stripe, and what stands in for both, do the same."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Protocol, cast

import pytest

from chalicelib.gateways.stripe import Payments, Refused
from chalicelib.kernel.errors import ProviderFailed
from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import BANK_FAILS, SUCCESS, Library, call, client_of, post_form
from tests.support.worlds import OfflinePayments

HOUR = 3_600


class Shop(Protocol):
    """Stripe with its dashboard and its buyers."""

    @property
    def payments(self) -> Payments: ...

    def sells(
        self, product: str, amount: int | None = 1_000, *, active: bool = True, shippable: bool = False, **metadata: str
    ) -> object:
        """A product is there, with a default price."""

    def offers(self, code: str, **terms: Any) -> str:
        """A promotion code is there: its id."""

    def pays(self, page: str, url: str) -> None:
        """The buyer pays by card, or takes what costs nothing."""

    def bounces(self, page: str, url: str) -> None:
        """The buyer pays from a bank account, and the bank refuses."""

    def puts_away(self, price: str) -> None:
        """A price is not the default any more, and not active."""

    def loses_an_answer(self) -> None:
        """The next request is carried out, and not answered."""


class OfflineShop:
    def __init__(self) -> None:
        self.offline = OfflinePayments(now=lambda: time.time_ns() // 1_000_000)
        self.payments = cast("Payments", self.offline)
        self.sells = self.offline.sells

    def offers(self, code: str, **terms: Any) -> str:
        return str(self.offline.offers(code, **terms)["id"])

    def pays(self, page: str, url: str) -> None:
        del url
        self.offline.pays(page)

    def bounces(self, page: str, url: str) -> None:
        del url
        self.offline.bounces(page)

    def puts_away(self, price: str) -> None:
        self.offline.prices[price]["active"] = False
        self.offline.catalogue[self.offline.prices[price]["product"]]["default_price"] = None

    def loses_an_answer(self) -> None:
        self.offline.loses_answers = True


class LocalShop:
    def __init__(self, local: StripeServer) -> None:
        self.local = local
        self.payments = Library(local)
        self.client: Any = client_of(local).v1

    def sells(
        self, product: str, amount: int | None = 1_000, *, active: bool = True, shippable: bool = False, **metadata: str
    ) -> object:
        price = {} if amount is None else {"default_price_data": {"unit_amount": amount, "currency": "usd"}}
        told = {"id": product, "name": product, "active": active, "shippable": shippable, "metadata": metadata}
        return self.client.products.create(params=told | price)

    def offers(self, code: str, **terms: Any) -> str:
        names = ("percent_off", "amount_off")
        coupon = {name: terms[name] for name in names if name in terms} | {"currency": "usd", "name": code.title()}
        if "products" in terms:
            coupon["applies_to"] = {"products": terms["products"]}
        asks: dict[str, Any] = {}
        if "minimum_amount" in terms:
            asks |= {"minimum_amount": terms["minimum_amount"], "minimum_amount_currency": "usd"}
        if "first_time_transaction" in terms:
            asks["first_time_transaction"] = True
        promotion = {"type": "coupon", "coupon": self.client.coupons.create(params=coupon).id}
        told: dict[str, Any] = {"code": code, "promotion": promotion, "restrictions": asks}
        told |= {name: terms[name] for name in ("max_redemptions", "expires_at") if name in terms}
        return str(self.client.promotion_codes.create(params=told).id)

    def pays(self, page: str, url: str) -> None:
        free = not self.payments.checkout(page)["amount_total"]
        assert post_form(url, **({"free": "yes"} if free else {"card": SUCCESS}))[0] == 303

    def bounces(self, page: str, url: str) -> None:
        assert post_form(url, card=BANK_FAILS)[0] == 303
        call(self.local, "POST", f"/_local/checkout/sessions/{page}/settle")

    def puts_away(self, price: str) -> None:
        product = self.client.prices.retrieve(price).product
        self.client.products.update(product, params={"default_price": ""})
        self.client.prices.update(price, params={"active": False})

    def loses_an_answer(self) -> None:
        call(self.local, "PUT", "/_local/fault", {"lose_answer": True})


@pytest.fixture(params=["offline", "local"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    if request.param == "offline":
        yield OfflineShop()
        return
    with StripeServer() as local:
        yield LocalShop(local)


def price_of(shop: Shop, product: str) -> str:
    found = shop.payments.product(product)
    assert found
    return str(found["default_price"]["id"])


def opened(shop: Shop, *lines: tuple[str, int], order: str = "ord_1", **other: Any) -> Any:
    asked: dict[str, Any] = {
        "order": order,
        "user": "usr_1",
        "lines": [(price_of(shop, product), quantity) for product, quantity in lines],
        "shipping": None,
        "promotion": None,
        "expires_at": int(time.time()) + HOUR,
        "return_url": "https://app.test/order",
    }
    return shop.payments.open_order(**asked | other)


def refused(shop: Shop, *lines: tuple[str, int], **other: Any) -> str | None:
    with pytest.raises(Refused) as caught:
        opened(shop, *lines, **other)
    return caught.value.code


# pages


def test_a_page_sells_by_the_price_and_tells_the_order(shop: Shop) -> None:
    shop.sells("prd_deck", 1_999, shippable=True)
    shop.sells("prd_course", 500)
    page = opened(shop, ("prd_deck", 2), ("prd_course", 1), shipping=("Post", 595))
    assert (page.subtotal, page.discount, page.shipping, page.total) == (4_498, 0, 595, 5_093)
    told = shop.payments.checkout(page.id)
    assert (told["client_reference_id"], told["metadata"]) == ("ord_1", {"order": "ord_1", "user": "usr_1"})
    assert (told["status"], told["payment_status"], told["amount_total"]) == ("open", "unpaid", 5_093)
    assert (told["shipping_cost"]["amount_total"], told["total_details"]["amount_shipping"]) == (595, 595)


def test_what_is_paid_is_complete_and_cannot_be_closed(shop: Shop) -> None:
    shop.sells("prd_deck")
    page = opened(shop, ("prd_deck", 1))
    shop.pays(page.id, page.url)
    told = shop.payments.checkout(page.id)
    assert (told["status"], told["payment_status"], told["url"]) == ("complete", "paid", None)
    assert told["payment_intent"]["status"] == "succeeded"
    with pytest.raises(Refused) as caught:
        shop.payments.expire_checkout(page.id)
    assert caught.value.code is None


def test_a_page_whose_bank_refused_is_complete_and_says_so_of_its_payment(shop: Shop) -> None:
    shop.sells("prd_deck")
    page = opened(shop, ("prd_deck", 1))
    shop.bounces(page.id, page.url)
    told = shop.payments.checkout(page.id)
    assert (told["status"], told["payment_status"]) == ("complete", "unpaid")
    assert told["payment_intent"]["status"] == "requires_payment_method"
    with pytest.raises(Refused):
        shop.payments.expire_checkout(page.id)


def test_a_page_is_closed_once_and_the_same_answer_comes_again(shop: Shop) -> None:
    shop.sells("prd_deck")
    page = opened(shop, ("prd_deck", 1))
    assert [shop.payments.expire_checkout(page.id)["status"] for _ in range(2)] == ["expired", "expired"]
    assert shop.payments.checkout(page.id)["url"] is None


def test_the_same_words_give_the_first_answer_also_of_a_page_that_is_closed_by_now(shop: Shop) -> None:
    shop.sells("prd_deck")
    expires_at = int(time.time()) + HOUR
    page = opened(shop, ("prd_deck", 1), expires_at=expires_at)
    shop.payments.expire_checkout(page.id)
    assert opened(shop, ("prd_deck", 1), expires_at=expires_at) == page


def test_other_words_for_the_same_order_say_nothing_of_the_first(shop: Shop) -> None:
    shop.sells("prd_deck")
    opened(shop, ("prd_deck", 1))
    with pytest.raises(ProviderFailed):
        opened(shop, ("prd_deck", 2))


def test_a_lost_answer_is_an_unknown_outcome_and_is_found_again(shop: Shop) -> None:
    shop.sells("prd_deck")
    lines, expires_at = [(price_of(shop, "prd_deck"), 1)], int(time.time()) + HOUR
    shop.loses_an_answer()
    with pytest.raises(ProviderFailed):
        opened(shop, lines=lines, expires_at=expires_at)
    if isinstance(shop, OfflineShop):
        shop.offline.loses_answers = False
    page = opened(shop, lines=lines, expires_at=expires_at)
    assert shop.payments.checkout(page.id)["client_reference_id"] == "ord_1"


@pytest.mark.parametrize("ahead", [-HOUR, 29 * 60, 25 * HOUR])
def test_a_page_lives_from_half_an_hour_to_a_day_and_a_refusal_uses_up_no_key(shop: Shop, ahead: int) -> None:
    shop.sells("prd_deck")
    assert refused(shop, ("prd_deck", 1), expires_at=int(time.time()) + ahead) is None
    assert opened(shop, ("prd_deck", 1)).total == 1_000


def test_nothing_is_sold_that_was_put_away_or_is_unknown(shop: Shop) -> None:
    shop.sells("prd_gone", active=False)
    shop.sells("prd_dearer")
    old = price_of(shop, "prd_dearer")
    shop.puts_away(old)
    assert refused(shop, ("prd_gone", 1)) is None
    assert refused(shop, lines=[(old, 1)]) is None
    assert refused(shop, lines=[("price_nobody", 1)]) == "resource_missing"


def test_what_costs_nothing_is_complete_without_a_payment(shop: Shop) -> None:
    shop.sells("prd_deck")
    gift = shop.offers("GIFT", percent_off=100)
    page = opened(shop, ("prd_deck", 1), promotion=gift)
    assert (page.discount, page.total) == (1_000, 0)
    shop.pays(page.id, page.url)
    told = shop.payments.checkout(page.id)
    assert (told["payment_status"], told["payment_intent"]) == ("no_payment_required", None)


def test_less_than_fifty_cents_cannot_be_paid(shop: Shop) -> None:
    shop.sells("prd_deck")
    nearly = shop.offers("NEARLY", amount_off=951)
    assert refused(shop, ("prd_deck", 1), promotion=nearly) == "amount_too_small"
    assert opened(shop, ("prd_deck", 1), promotion=nearly, shipping=("Post", 1)).total == 50


# coupons


@pytest.mark.parametrize(
    ("terms", "off"),
    [
        ({"percent_off": 10}, 350),  # of 3,499: 349.9
        ({"percent_off": 12.5}, 437),  # 437.375
        ({"amount_off": 700}, 700),
        ({"amount_off": 9_000}, 3_499),
        ({"percent_off": 50, "products": ["prd_course"]}, 750),
        ({"amount_off": 2_000, "products": ["prd_course"]}, 1_500),
    ],
)
def test_a_coupon_takes_off_what_it_is_for(shop: Shop, terms: dict[str, Any], off: int) -> None:
    shop.sells("prd_deck", 1_999)
    shop.sells("prd_course", 1_500)
    page = opened(
        shop, ("prd_deck", 1), ("prd_course", 1), promotion=shop.offers("CODE", **terms), shipping=("Post", 100)
    )
    assert (page.discount, page.total) == (off, 3_599 - off)


def test_a_code_is_known_in_any_case_with_its_coupon(shop: Shop) -> None:
    shop.sells("prd_deck")
    promotion = shop.offers("SPRING-5", percent_off=5, products=["prd_deck"], minimum_amount=700)
    found = shop.payments.promotion("spring-5")
    assert found
    coupon = found["promotion"]["coupon"]
    assert (found["id"], found["code"], coupon["percent_off"]) == (promotion, "SPRING-5", 5)
    assert coupon["applies_to"]["products"] == ["prd_deck"]
    assert found["restrictions"]["minimum_amount"] == 700
    assert shop.payments.promotion("SPRING") is None


def test_a_code_is_used_up_by_what_was_paid(shop: Shop) -> None:
    shop.sells("prd_deck")
    once = shop.offers("ONCE", percent_off=10, max_redemptions=1)
    page = opened(shop, ("prd_deck", 1), promotion=once)
    assert shop.payments.promotion("ONCE"), "an open page uses nothing up"
    shop.pays(page.id, page.url)
    assert shop.payments.promotion("ONCE") is None
    refused(shop, ("prd_deck", 1), promotion=once, order="ord_2")


def test_a_code_may_ask_for_a_minimum_or_for_products(shop: Shop) -> None:
    shop.sells("prd_deck", 999)
    shop.sells("prd_course")
    assert refused(shop, ("prd_deck", 1), promotion=shop.offers("MORE", percent_off=10, minimum_amount=1_000)) is None
    other = shop.offers("OTHER", percent_off=10, products=["prd_course"])
    assert refused(shop, ("prd_deck", 1), promotion=other) is None
    assert refused(shop, ("prd_deck", 1), promotion="promo_nobody") == "resource_missing"


def test_a_code_for_a_first_purchase_works_on_a_page_without_a_customer(shop: Shop) -> None:
    shop.sells("prd_deck")
    page = opened(shop, ("prd_deck", 1), promotion=shop.offers("HELLO", percent_off=10, first_time_transaction=True))
    assert page.total == 900
    assert [each["promotion_code"] for each in shop.payments.checkout(page.id)["discounts"]] == [None]


# the catalogue


def put(shop: Shop, key: str, **other: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "name": "Deck",
        "description": "Cards",
        "shippable": True,
        "metadata": {"seller": "usr_ada", "coins": ""},
        "active": False,
    }
    return shop.payments.put_product("prd_1", key=key, **asked | other)


def test_a_product_is_made_under_our_id_and_changed_under_it(shop: Shop) -> None:
    made = put(shop, "1")
    assert (made["id"], made["active"], made["shippable"], made["description"]) == ("prd_1", False, True, "Cards")
    assert made["metadata"] == {"seller": "usr_ada"}
    changed = put(shop, "2", name="Old deck", description="", active=True, metadata={"coins": "300"})
    assert (changed["name"], changed["description"], changed["active"]) == ("Old deck", None, True)
    assert changed["metadata"] == {"seller": "usr_ada", "coins": "300"}
    assert put(shop, "3", metadata={"coins": ""})["metadata"] == {"seller": "usr_ada"}


def test_a_change_that_comes_again_after_another_changes_nothing(shop: Shop) -> None:
    put(shop, "1")
    put(shop, "2", name="Second")
    put(shop, "3", name="Third")
    put(shop, "1")
    put(shop, "2", name="Second")
    found = shop.payments.product("prd_1")
    assert found
    assert found["name"] == "Third"


def test_a_new_price_is_the_default_and_the_only_active_one(shop: Shop) -> None:
    put(shop, "1", active=True)
    first = shop.payments.put_price("prd_1", 1_000, "usd", key="1")
    assert (first["active"], first["unit_amount"], first["type"], first["currency"]) == (True, 1_000, "one_time", "usd")
    second = shop.payments.put_price("prd_1", 1_200, "usd", key="2")
    assert shop.payments.put_price("prd_1", 1_000, "usd", key="1")["id"] == first["id"], "late, and changes nothing"
    assert price_of(shop, "prd_1") == second["id"]
    assert refused(shop, lines=[(first["id"], 1)]) is None
    assert opened(shop, ("prd_1", 1)).total == 1_200


def test_what_is_put_away_keeps_its_price_and_what_is_unknown_is_none(shop: Shop) -> None:
    shop.sells("prd_deck", 1_999, coins="300")
    put_away = shop.payments.put_product(
        "prd_deck", name="Deck", description="", shippable=False, metadata={}, active=False, key="1"
    )
    assert (put_away["active"], put_away["metadata"]) == (False, {"coins": "300"})
    found = shop.payments.product("prd_deck")
    assert found
    assert (found["active"], found["default_price"]["unit_amount"]) == (False, 1_999)
    assert shop.payments.product("prd_nobody") is None


def test_all_products_are_listed_newest_first_a_hundred_at_a_time(shop: Shop) -> None:
    for number in range(102):
        shop.sells(f"prd_{number}", active=number != 5)
    first, more = shop.payments.products(None)
    rest, no_more = shop.payments.products(first[-1]["id"])
    assert (more, no_more) == (True, False)
    assert [each["id"] for each in first + rest] == [f"prd_{number}" for number in reversed(range(102))]
    assert rest[0]["default_price"]["unit_amount"] == 1_000
    json.dumps(rest)


def test_out_of_reach_is_an_unknown_outcome(shop: Shop) -> None:
    if isinstance(shop, OfflineShop):
        shop.offline.down = True
    if isinstance(shop, LocalShop):
        call(shop.local, "PUT", "/_local/fault", {"status": 500, "count": 4})
    for ask in (
        lambda: shop.payments.product("prd_1"),
        lambda: shop.payments.products(None),
        lambda: shop.payments.promotion("CODE"),
        lambda: shop.payments.checkout("cs_test_1"),
    ):
        with pytest.raises(ProviderFailed):
            ask()
