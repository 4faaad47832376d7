"""Coins bought in the App Store, over HTTP: handed in by the app, told by Apple, refused where they are not ours."""

from __future__ import annotations

import json
import uuid
from typing import Any, Final

import pytest
import requests

from chalicelib.wallet.model.purchase import account_token
from infra.local.apple.chain import make_chain, make_root
from infra.local.phone import Answer, Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, TICK, Stage, refusal

ROUTE: Final = "/v1/coins/apple"
Purchase = dict[str, str]


class AppleDesk:
    """The local App Store as its customers and its test tools see it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def local(self, method: str, path: str, body: Json | None = None) -> Any:
        answer = requests.request(method, f"{self._stage.stack.apple.url}/_local/{path}", json=body, timeout=SOON)
        answer.raise_for_status()
        return answer.json()

    def buy(self, phone: Phone, product: str = "coins_500", **how: Any) -> Purchase:
        """The phone's owner pays; unless ``told``, Apple tells nobody but the app."""
        told = how.pop("told", False)
        body = {"account_token": account_token(phone.id), "product": product, "silently": not told} | how
        bought: Purchase = self.local("POST", "purchases", body)
        return bought

    def hook(self, body: bytes) -> tuple[int, Json]:
        """How the function answers to this body."""
        address = self._stage.stack.addresses.function_urls["apple_webhook"]
        answer = requests.post(address["url"], data=body, headers=address["headers"], timeout=SOON)
        return answer.status_code, answer.json()

    def delivered(self, notification: Json) -> Json:
        """Waits until the function took it."""

        def taken() -> Json | None:
            listed = self.local("GET", "notifications")["data"]
            deliveries = next(each["deliveries"] for each in listed if each["id"] == notification["id"])
            return next((each for each in deliveries if each["state"] == "delivered"), None)

        return until("a delivered notification", taken, seconds=SOON)


@pytest.fixture(scope="module")
def store(stage: Stage) -> AppleDesk:
    return AppleDesk(stage)


def hand_in(phone: Phone, purchase: Purchase, key: str | None = None) -> Answer:
    return phone.api.send("POST", ROUTE, {"signed_transaction": purchase["signed_transaction"]}, key=key or new_key())


def coins(phone: Phone) -> int:
    return int(phone.api.get("/v1/wallet")["coins"]["amount"])


def await_coins(phone: Phone, wanted: int) -> None:
    until(f"{wanted} coins", lambda: coins(phone) == wanted, seconds=SOON)


# --- handed in -----------------------------------------------------------------------------------


def test_a_purchase_that_is_handed_in_gives_its_coins_once(stage: Stage, store: AppleDesk) -> None:
    phone = stage.client()
    purchase, key = store.buy(phone, quantity=2), new_key()
    first = hand_in(phone, purchase, key)
    assert first.status == 201
    assert first.json == {
        "id": f"apple:{purchase['id']}",
        "store": "apple",
        "coins": {"amount": 1_000, "currency": "coins"},
        "status": "standing",
        "at": first.json["at"],
    }
    again, other = hand_in(phone, purchase, key), hand_in(phone, purchase)
    assert (again.json, again.headers["idempotency-replayed"]) == (first.json, "true")
    assert (other.status, other.json) == (201, first.json)
    assert coins(phone) == 1_000
    (entry,) = phone.api.get("/v1/wallet/entries?account=coins")["items"]
    assert (entry["kind"], entry["reference"]) == ("coins_bought", f"apple:{purchase['id']}")


def test_a_purchase_that_no_app_hands_in_gives_its_coins_when_apple_tells_of_it(stage: Stage, store: AppleDesk) -> None:
    phone = stage.client()
    purchase = store.buy(phone, told=True)
    await_coins(phone, 500)
    assert hand_in(phone, purchase).status == 201
    assert coins(phone) == 500


def test_a_refund_takes_back_a_reversal_gives_back_and_a_part_takes_a_part(stage: Stage, store: AppleDesk) -> None:
    phone = stage.client()
    purchase = store.buy(phone)
    assert hand_in(phone, purchase).status == 201
    refund = store.local("POST", f"purchases/{purchase['id']}/refund", {})
    await_coins(phone, 0)
    assert refusal(hand_in(phone, purchase)) == (409, "invalid_state")
    store.delivered(store.local("POST", f"purchases/{purchase['id']}/reverse", {}))
    assert coins(phone) == 500
    store.delivered(store.local("POST", f"purchases/{purchase['id']}/refund", {"percentage": 20_000}))
    store.delivered(store.local("POST", f"purchases/{purchase['id']}/decline", {}))
    assert coins(phone) == 400
    assert hand_in(phone, store.local("GET", f"purchases/{purchase['id']}")).json["status"] == "partly"
    store.local("POST", f"notifications/{refund['id']}/send", {})  # Apple repeats itself
    store.delivered(refund)
    assert coins(phone) == 400


# --- refused -------------------------------------------------------------------------------------


def test_without_a_token_or_a_key_nothing_is_taken(stage: Stage, store: AppleDesk) -> None:
    phone = stage.client()
    body = {"signed_transaction": store.buy(phone)["signed_transaction"]}
    assert refusal(stage.api().send("POST", ROUTE, body, key=new_key())) == (401, "unauthenticated")
    assert refusal(phone.api.send("POST", ROUTE, body)) == (400, "idempotency_key_required")
    assert coins(phone) == 0


def test_somebody_elses_purchase_and_one_for_no_account_are_403(stage: Stage, store: AppleDesk) -> None:
    phone, other = stage.client(), stage.client()
    for purchase in (store.buy(other), store.buy(phone, account_token=None)):
        assert refusal(hand_in(phone, purchase)) == (403, "forbidden")
    assert coins(phone) == coins(other) == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"signed_transaction": ""},
        {"signed_transaction": 7},
        {"signed_transaction": "forged"},
        {"signed_transaction": "e30.e30.AAAA"},
        {"signed_transaction": "x" * 16_385},
        {"signed_transaction": "a.b.c", "coins": 500},
    ],
    ids=lambda body: str(body)[:40],
)
def test_what_apple_did_not_sign_is_422(stage: Stage, body: Json) -> None:
    phone = stage.client()
    assert refusal(phone.api.send("POST", ROUTE, body, key=new_key())) == (422, "invalid")
    assert coins(phone) == 0


def test_what_another_root_signed_another_environment_or_no_pack_is_422(stage: Stage, store: AppleDesk) -> None:
    phone = stage.client()
    context = stage.stack.apple.context
    real = context.store.get("purchase", store.buy(phone)["id"])
    assert real is not None
    claims = real["claims"] | {"signedDate": context.now()}
    forged = make_chain(make_root(), f"{stage.stack.apple.url}/ocsp").sign(claims)
    elsewhere = context.chain.sign(claims | {"environment": "Production"})
    for signed in (forged, elsewhere, store.buy(phone, "a.hat")["signed_transaction"]):
        answer = hand_in(phone, {"signed_transaction": signed})
        assert refusal(answer) == (422, "invalid")
        assert answer.json["errors"][0]["field"] == "signed_transaction"
    assert coins(phone) == 0


def test_a_body_beyond_any_limit_is_413(stage: Stage) -> None:
    body = {"signed_transaction": "x" * 70_000}
    assert refusal(stage.client().api.send("POST", ROUTE, body, key=new_key())) == (413, "too_large")


# --- told ----------------------------------------------------------------------------------------


def test_a_notification_that_is_not_apples_is_400(stage: Stage, store: AppleDesk) -> None:
    phone = stage.client()
    chain = stage.stack.apple.context.chain
    data = {"bundleId": "com.soulseer.local", "environment": "Production"}
    told = {"notificationType": "TEST", "notificationUUID": str(uuid.uuid4()), "signedDate": 1, "data": data}
    forged = make_chain(make_root(), f"{stage.stack.apple.url}/ocsp")
    for signed in (chain.sign(told), forged.sign(told | {"data": data | {"environment": "Sandbox"}}), "a.b.c", None):
        assert store.hook(json.dumps({"signedPayload": signed}).encode()) == (400, {"result": "signature"})
    assert store.hook(b"no json") == (400, {"result": "signature"})
    assert store.hook(b"") == (400, {"result": "body"})
    assert coins(phone) == 0


def test_apples_test_is_taken(store: AppleDesk) -> None:
    store.delivered(store.local("POST", "notifications", {"kind": "TEST"}))


def test_a_purchase_for_nobody_is_taken_and_gives_nobody_anything(store: AppleDesk, stage: Stage) -> None:
    phone = stage.client()
    bought = store.buy(phone, account_token=str(uuid.uuid4()), told=True)
    listed = store.local("GET", "notifications")["data"]
    store.delivered(next(each for each in listed if (each["transaction"] or {}).get("transactionId") == bought["id"]))
    assert coins(phone) == 0


# --- asked ---------------------------------------------------------------------------------------


def test_apple_is_told_what_was_used_by_who_agreed_and_nothing_of_others(stage: Stage, store: AppleDesk) -> None:
    agreed, silent = stage.client(), stage.client()
    agreed.api.post("/v1/me/consents", {"document": "consumption", "version": "1"})
    bought = [store.buy(phone) for phone in (agreed, silent)]
    for phone, purchase in zip((agreed, silent), bought, strict=True):
        assert hand_in(phone, purchase).status == 201
        store.delivered(store.local("POST", f"purchases/{purchase['id']}/consumption", {}))
    apple = stage.stack.apple
    (told,) = until("an answer to Apple", lambda: apple.consumptions(bought[0]["id"]) or None, seconds=TICK)
    assert told["body"] == {
        "customerConsented": True,
        "sampleContentProvided": False,
        "deliveryStatus": "DELIVERED",
        "consumptionPercentage": 0,
    }
    assert apple.consumptions(bought[1]["id"]) == []
