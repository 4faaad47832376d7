"""Shipping rates and coupons, over HTTP and on the command line: what an order costs, and the letter of it."""

from __future__ import annotations

import uuid
from typing import Final

import stripe

from infra.local.phone import Json
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal
from tests.e2e.test_leaving import WHY, Mailbox, a_thing, home

RATES: Final = "/v1/shipping-rates"


def half_off(stage: Stage, times: int) -> str:
    """A code that takes half off, so many times."""
    desk = stripe.StripeClient("sk_test_desk", base_addresses={"api": stage.stack.stripe.url}).v1
    coupon = desk.coupons.create(params={"percent_off": 50, "name": "Half off"})
    code = f"HALF-{uuid.uuid4().hex[:8].upper()}"
    promotion = {"type": "coupon", "coupon": coupon.id}
    desk.promotion_codes.create(params={"code": code, "promotion": promotion, "max_redemptions": times})  # type: ignore[typeddict-item]
    return code


def test_shipping_rates_are_offered_where_they_go_and_kept_by_admins(stage: Stage) -> None:
    api = stage.api()
    standard = {
        "id": "standard",
        "name": "Standard shipping",
        "amount": {"amount": 595, "currency": "usd"},
        "countries": ["US"],
    }
    assert standard in api.get(RATES)["items"]
    rate = f"alps_{uuid.uuid4().hex[:8]}"
    stage.admin("shipping", "set", rate, "--name", "Alps", "--amount", "1995", "--countries", "AT", "CH", *WHY)
    assert [each["id"] for each in api.get(f"{RATES}?country=CH")["items"]] == [rate]
    stage.admin("shipping", "stop", rate, *WHY)
    assert api.get(f"{RATES}?country=CH") == {"items": [], "next_cursor": None}
    assert refusal(api.send("GET", f"{RATES}?country=usa")) == (422, "invalid")


def test_a_coupon_takes_its_part_off_as_often_as_it_may_and_the_order_is_told_by_mail(stage: Stage) -> None:
    box = Mailbox(stage)
    box.phone.top_up(5_000)
    until("the credit of the top-up", lambda: box.phone.credit() == 5_000, seconds=SOON)
    api, product, code = box.phone.api, a_thing(stage, 1_500, 5), half_off(stage, 1)
    wanted: Json = {"items": [{"product": product}], "rail": "credit", "where": "web", "shipping_rate": "standard"}
    wanted |= {"address": home(stage), "coupon": code.lower()}

    unknown = api.send("POST", "/v1/orders", wanted | {"coupon": "NO-SUCH-CODE"}, key=str(uuid.uuid4()))
    assert refusal(unknown) == (422, "invalid")
    assert unknown.json["errors"] == [{"field": "coupon", "message": "There is no such code."}]
    abroad = wanted | {"address": wanted["address"] | {"country": "AT"}}
    refused = api.send("POST", "/v1/orders", abroad, key=str(uuid.uuid4()))
    assert [each["field"] for each in refused.json["errors"]] == ["shipping_rate"]

    order = api.post("/v1/orders", wanted)
    assert (order["state"], order["total"]["amount"]) == ("paid", 750 + 595)
    assert (order["discount"]["code"], order["discount"]["amount"]["amount"]) == (code, 750)
    assert box.phone.credit() == 5_000 - 1_345
    again = api.send("POST", "/v1/orders", wanted, key=str(uuid.uuid4()))
    assert again.json["errors"] == [{"field": "coupon", "message": "This code was used up."}]
    assert box.phone.credit() == 5_000 - 1_345

    letter = box.letter("Thank you for your order")
    assert f"Your order {order['id']} is paid: $13.45." in letter
    assert "because you want mail about orders" in letter
    api.post(f"/v1/orders/{order['id']}/cancel")  # nothing is left to be sent when the books are read
    assert box.phone.credit() == 5_000
