"""Coins over HTTP: what is sold where, bought on the web at the local Stripe, in the statement; each refusal."""

from __future__ import annotations

from typing import Final

import pytest
import requests

from chalicelib.kernel.time import DAY, rfc3339
from chalicelib.wallet.model.purchase import user_of
from infra.local.phone import Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, StripeDesk, refusal

CARD: Final = "4242 4242 4242 4242"
PACKS: Final = "/v1/coins/packs"
CHECKOUT: Final = "/v1/coins/checkout"
WEB: Final = {"pack": "coins_500", "where": "web"}
WHY: Final = ("--reason", "an end-to-end test", "--yes")


def coins_of(phone: Phone) -> int:
    wallet = phone.api.get("/v1/wallet")
    assert wallet["coins"]["currency"] == "coins"
    return int(wallet["coins"]["amount"])


def bought(phone: Phone, desk: StripeDesk, pack: str = "coins_500") -> Json:
    page: Json = phone.api.post(CHECKOUT, {"pack": pack, "where": "web"})
    assert desk.pay(page, CARD) == 303
    paid = f"/v1/wallet/topups/{page['id']}"
    until("the purchase being paid", lambda: phone.api.get(paid)["status"] == "paid", seconds=SOON)
    return page


def at_stripe(stage: Stage, method: str, path: str, **said: str) -> Json:
    """A request of Stripe's API, as its dashboard makes it."""
    answer = requests.request(
        method,
        f"{stage.stack.stripe.url}/v1/{path}",
        params=said if method == "GET" else None,
        data=said if method == "POST" else None,
        headers={"authorization": "Bearer sk_test_desk"},
        timeout=SOON,
    )
    answer.raise_for_status()
    found: Json = answer.json()
    return found


def statement(phone: Phone) -> list[tuple[str, int, int]]:
    items = phone.api.get("/v1/wallet/entries?account=coins")["items"]
    return [(each["kind"], each["amount"]["amount"], each["balance"]["amount"]) for each in items]


@pytest.mark.parametrize(("where", "rails"), [("ios", ["apple"]), ("android", ["google"]), ("web", ["stripe"])])
def test_packs_say_what_they_cost_and_how_they_are_bought_there(stage: Stage, where: str, rails: list[str]) -> None:
    phone = stage.client()
    told = phone.api.get(f"{PACKS}?where={where}")
    assert told["policy_version"] == 1
    assert user_of(told["account_token"]) == phone.id
    assert told["packs"][0] == {
        "id": "coins_100",
        "coins": 100,
        "price": {"amount": 149, "currency": "usd"},
        "rails": rails,
    }
    assert [each["coins"] for each in told["packs"]] == [100, 500, 1_200, 2_500, 6_500]


def test_coins_that_are_paid_are_in_the_wallet_and_in_the_statement(stage: Stage, desk: StripeDesk) -> None:
    phone = stage.client()
    page = bought(phone, desk)
    assert (page["status"], page["amount"]["amount"], page["coins"]) == ("pending", 699, 500)
    assert (coins_of(phone), phone.credit()) == (500, 0)
    (entry,) = phone.api.get("/v1/wallet/entries?account=coins")["items"]
    assert (entry["kind"], entry["description"], entry["reference"]) == ("coins_bought", "Coins bought", page["id"])
    assert (entry["amount"], entry["balance"]) == ({"amount": 500, "currency": "coins"},) * 2
    csv = phone.api.send("GET", "/v1/wallet/entries?account=coins", headers={"Accept": "text/csv"})
    assert b"Coins bought,500,500,coins" in csv.content


def test_the_same_request_again_is_the_same_page_and_other_words_are_refused(stage: Stage) -> None:
    phone, key = stage.client(), new_key()
    first = phone.api.post(CHECKOUT, WEB, key=key)
    assert phone.api.post(CHECKOUT, WEB, key=key) == first
    other = phone.api.send("POST", CHECKOUT, {"pack": "coins_100", "where": "web"}, key=key)
    assert refusal(other) == (422, "idempotency_mismatch")


def test_what_goes_back_at_stripe_takes_its_coins_and_a_dispute_freezes(stage: Stage, desk: StripeDesk) -> None:
    phone = stage.client()
    page = bought(phone, desk)
    intent = desk.event("checkout.session.completed", desk.checkout_id(page))["data"]["object"]["payment_intent"]
    at_stripe(stage, "POST", "refunds", payment_intent=intent, amount="100")
    until("the refund taking its coins", lambda: coins_of(phone) == 428, seconds=SOON)
    (charge,) = at_stripe(stage, "GET", "charges", payment_intent=intent)["data"]
    dispute = desk.pull("disputes", charge=charge["id"])["id"]
    until("the dispute taking the rest", lambda: coins_of(phone) == 0, seconds=SOON)
    assert phone.api.get("/v1/wallet")["status"] == "frozen"
    desk.pull(f"disputes/{dispute}/close", outcome="won")
    until("the coins being back", lambda: coins_of(phone) == 428, seconds=SOON)
    assert phone.api.get("/v1/wallet")["status"] == "open"
    assert statement(phone) == [
        ("coins_given_back", 428, 428),
        ("coins_taken_back", -428, 0),
        ("coins_taken_back", -72, 428),
        ("coins_bought", 500, 500),
    ]
    refund = phone.api.send("POST", "/v1/wallet/refunds", {}, key=new_key())
    assert refusal(refund) == (402, "insufficient_funds")


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"pack": "coins_500", "where": "ios"}, (403, "forbidden")),
        ({"pack": "coins_500", "where": "android"}, (403, "forbidden")),
        ({"pack": "coins_500", "where": "fridge"}, (422, "invalid")),
        ({"pack": "coins_501", "where": "web"}, (404, "not_found")),
        ({"pack": "coins 500", "where": "web"}, (422, "invalid")),
        ({"pack": "coins_500"}, (422, "invalid")),
        ({"where": "web"}, (422, "invalid")),
        ({"pack": "coins_500", "where": "web", "price": 1}, (422, "invalid")),
    ],
)
def test_what_cannot_be_bought_so_is_refused(stage: Stage, body: Json, refused: tuple[int, str]) -> None:
    phone = stage.client()
    assert refusal(phone.api.send("POST", CHECKOUT, body, key=new_key())) == refused
    assert statement(phone) == []


def test_inside_an_app_the_refusal_says_where_instead(stage: Stage) -> None:
    answer = stage.client().api.send("POST", CHECKOUT, {"pack": "coins_500", "where": "ios"}, key=new_key())
    assert "on: web" in answer.json["detail"]


def test_without_a_key_nothing_is_bought(stage: Stage) -> None:
    answer = stage.client().api.send("POST", CHECKOUT, WEB)
    assert refusal(answer) == (400, "idempotency_key_required")


def test_nobody_sees_packs_or_buys_without_signing_in(stage: Stage) -> None:
    nobody = stage.api()
    assert refusal(nobody.send("GET", f"{PACKS}?where=web")) == (401, "unauthenticated")
    assert refusal(nobody.send("POST", CHECKOUT, WEB, key=new_key())) == (401, "unauthenticated")


@pytest.mark.parametrize("query", ["", "?where=", "?where=fridge", "?where=web&limit=3"])
def test_packs_for_nowhere_are_refused(stage: Stage, query: str) -> None:
    assert refusal(stage.client().api.send("GET", f"{PACKS}{query}")) == (422, "invalid")


def test_who_has_excluded_themselves_or_reached_their_limit_buys_no_coins(stage: Stage, desk: StripeDesk) -> None:
    phone = stage.client()
    nothing = {"day": None, "week": None, "month": None, "self_excluded_until": None}
    phone.api.put("/v1/me/limits", nothing | {"day": 800})
    bought(phone, desk)
    limit = phone.api.send("POST", CHECKOUT, {"pack": "coins_100", "where": "web"}, key=new_key())
    assert refusal(limit) == (402, "spending_limit_reached")
    phone.api.put("/v1/me/limits", nothing | {"self_excluded_until": rfc3339(stage.world.now() + DAY)})
    excluded = phone.api.send("POST", CHECKOUT, {"pack": "coins_100", "where": "web"}, key=new_key())
    assert refusal(excluded) == (402, "spending_limit_reached")


def test_an_admin_sees_gives_and_takes_coins_and_stops_a_pack(stage: Stage) -> None:
    phone = stage.client()
    stage.admin("coins", "grant", phone.id, "--coins", "300", "--ref", "ticket-1", *WHY)
    stage.admin("coins", "take", phone.id, "--coins", "100", "--ref", "ticket-1", *WHY)
    assert statement(phone) == [("coins_withdrawn", -100, 200), ("coins_granted", 300, 300)]
    pack = "coins_7777"
    stage.admin("coins", "set-pack", pack, "--coins", "7777", "--price", "9999", *WHY)
    assert phone.api.get(f"{PACKS}?where=web")["packs"][-1]["id"] == pack
    stage.admin("coins", "stop-pack", pack, *WHY)
    assert phone.api.get(f"{PACKS}?where=web")["packs"][-1]["id"] == "coins_6500"
    answer = phone.api.send("POST", CHECKOUT, {"pack": pack, "where": "web"}, key=new_key())
    assert refusal(answer) == (404, "not_found")
