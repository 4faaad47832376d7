"""Orders over HTTP that are paid on the local Stripe's page: by card, declined, by bank, expired, disputed, given
back in part, and paid for after they were called off. Each is settled in the end, for the books are read last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pytest

from chalicelib.shop.orders import load
from infra.local.phone import Answer, Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, StripeDesk, refusal

CARD: Final = "4242 4242 4242 4242"
DECLINED: Final = "4000 0000 0000 0002"
BANK: Final = "000 123 456 789"
HOME: Final = {
    "name": "Clara",
    "line1": "1 Main St",
    "city": "Springfield",
    "state": "IL",
    "postal_code": "62701",
    "country": "US",
}
WHY: Final = ("--reason", "an end-to-end test", "--yes")
POSTED: Final = ("--carrier", "USPS", "--tracking", "9400")
PIECES: Final = 10
PRICE: Final = 1_500
POSTAGE: Final = 595


@dataclass
class Shopper:
    """Somebody who buys decks of cards, and the desk of Stripe."""

    stage: Stage
    desk: StripeDesk
    phone: Phone
    product: str

    def asks(self, quantity: int = 1) -> Answer:
        items = [{"product": self.product, "quantity": quantity}]
        body = {"items": items, "rail": "stripe", "where": "web", "address": HOME, "shipping_rate": "standard"}
        return self.phone.api.send("POST", "/v1/orders", body, key=new_key())

    def orders(self, quantity: int = 1) -> Json:
        answer = self.asks(quantity)
        assert answer.status == 201, answer.text
        made: Json = answer.json
        return made

    def order(self, order: Json) -> Json:
        found: Json = self.phone.api.get(f"/v1/orders/{order['id']}")
        return found

    def becomes(self, order: Json, state: str) -> Json:
        until(f"the order being {state}", lambda: self.order(order)["state"] == state, seconds=SOON)
        return self.order(order)

    def pays(self, order: Json, card: str = CARD) -> Json:
        assert self.desk.pay(order, card) == 303
        return self.becomes(order, "paid")

    def cancels(self, order: Json) -> Answer:
        return self.phone.api.send("POST", f"/v1/orders/{order['id']}/cancel")

    def admin(self, *verb: str) -> Any:
        return self.stage.admin(*verb, *WHY, by="ann-checkout")

    def refunds(self, order: Json) -> list[tuple[int, str]]:
        """What Stripe gave back, the first first."""
        intent = load(self.stage.world, order["id"]).intent
        found = self.desk.v1.refunds.list(params={"payment_intent": intent}).data
        return [(each.amount, each.status) for each in reversed(found)]

    @property
    def left(self) -> int:
        return int(self.phone.api.get(f"/v1/products/{self.product}")["left"])


@pytest.fixture(scope="module")
def shopper(stage: Stage) -> Shopper:
    desk, phone = StripeDesk(stage.stack), stage.client()
    product = desk.sells("A deck of cards", PRICE, f"prd_{uuid4().hex[:20]}", shippable=True)
    until(
        "the product being known", lambda: phone.api.send("GET", f"/v1/products/{product}").status == 200, seconds=SOON
    )
    stage.admin("products", "stock", product, "--left", str(PIECES), *WHY)
    return Shopper(stage, desk, phone, product)


def test_an_order_is_paid_by_card_and_given_back_in_part(shopper: Shopper) -> None:
    order = shopper.orders(3)
    total = 3 * PRICE + POSTAGE
    assert (order["state"], order["total"]["amount"], shopper.left) == ("pending", total, PIECES - 3)
    assert shopper.desk.pay(order, DECLINED) == 402
    assert shopper.order(order)["state"] == "pending"
    assert shopper.pays(order)["checkout_url"] is None
    shopper.admin("orders", "refund", order["id"], "--item", "1:1", "--ref", "t1")
    assert shopper.refunds(order) == [(PRICE, "succeeded")]
    shopper.admin("orders", "ship", order["id"], *POSTED)
    assert shopper.becomes(order, "shipped")["refunded"]["amount"] == PRICE
    assert refusal(shopper.cancels(order)) == (409, "invalid_state")
    assert shopper.left == PIECES - 2  # what had not been sent is on sale again
    shopper.admin("orders", "refund", order["id"], "--item", "1:2", "--shipping", "--restock", "--ref", "t2")
    assert shopper.becomes(order, "refunded")["refunded"]["amount"] == total
    assert shopper.refunds(order) == [(PRICE, "succeeded"), (2 * PRICE + POSTAGE, "succeeded")]
    assert (shopper.left, shopper.phone.credit()) == (PIECES, 0)


def test_while_it_is_disputed_nothing_is_sent_and_nothing_goes_back(shopper: Shopper) -> None:
    order = shopper.pays(shopper.orders())
    (charge,) = shopper.desk.v1.charges.list(
        params={"payment_intent": load(shopper.stage.world, order["id"]).intent}
    ).data
    dispute = shopper.desk.pull("disputes", charge=charge.id)["id"]
    wallet = "/v1/wallet"
    until("the dispute", lambda: shopper.phone.api.get(wallet)["status"] == "frozen", seconds=SOON)
    assert refusal(shopper.cancels(order)) == (409, "invalid_state")
    sent = shopper.stage.office.run("orders", "ship", order["id"], *POSTED, *WHY, "--local", "--json")
    assert sent[0] != 0
    shopper.desk.pull(f"disputes/{dispute}/close", outcome="won")
    until("the dispute being won", lambda: shopper.phone.api.get(wallet)["status"] == "open", seconds=SOON)
    cancelled = shopper.cancels(order)
    assert (cancelled.status, cancelled.json["state"]) == (200, "refunded")
    assert shopper.refunds(order) == [(PRICE + POSTAGE, "succeeded")]


def test_a_page_that_ends_gives_its_stock_back_and_one_that_a_bank_may_pay_does_not(shopper: Shopper) -> None:
    expired, called_off, by_bank = (shopper.orders(2) for _ in range(3))
    assert shopper.left == PIECES - 6
    shopper.desk.v1.checkout.sessions.expire(shopper.desk.checkout_id(expired))
    assert shopper.becomes(expired, "cancelled")["cancelled_for"] == "expired"
    assert shopper.cancels(called_off).json["cancelled_for"] == "buyer"
    assert shopper.desk.pay(called_off, CARD) == 409
    assert shopper.desk.pay(by_bank, BANK) == 303
    assert refusal(shopper.cancels(by_bank)) == (409, "invalid_state")
    assert (shopper.order(by_bank)["state"], shopper.left) == ("pending", PIECES - 2)
    shopper.desk.settle(shopper.desk.checkout_id(by_bank), "failed")
    assert shopper.becomes(by_bank, "cancelled")["cancelled_for"] == "failed"
    assert shopper.left == PIECES


def test_what_is_paid_after_it_was_called_off_goes_back_whole(shopper: Shopper) -> None:
    """Stripe takes nothing on a page that is closed; were it to tell so all the same, no card takes it back here."""
    order = shopper.orders()
    page = shopper.desk.v1.checkout.sessions.retrieve(shopper.desk.checkout_id(order)).to_dict()
    assert shopper.cancels(order).status == 200
    before = shopper.phone.credit()
    paid = {"status": "complete", "payment_status": "paid", "payment_intent": f"pi_{uuid4().hex}", "url": None}
    shopper.desk.emit("checkout.session.completed", page | paid)
    assert shopper.becomes(order, "refunded")["refunds"][0]["done"]
    assert (shopper.phone.credit(), shopper.left) == (before + PRICE + POSTAGE, PIECES)


def test_what_stripe_does_not_sell_any_more_is_refused_and_holds_nothing(shopper: Shopper) -> None:
    shopper.desk.silently(shopper.product, active=False)
    assert refusal(shopper.asks()) == (409, "invalid_state")
    assert refusal(shopper.phone.api.send("GET", f"/v1/products/{shopper.product}")) == (404, "not_found")
