"""Credit comes by a signed webhook, once, and only for what was really paid."""

import hmac
import json
import time
import uuid

import pytest
import requests

from infra.local.phone import Json, Phone
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, StripeDesk, refusal

COMPLETED = "checkout.session.completed"


def opened(phone: Phone, cents: int = 1_000) -> Json:
    topup: Json = phone.api.post("/v1/wallet/topups", {"amount": cents})
    assert topup["status"] == "pending"
    return topup


def status(phone: Phone, topup: Json) -> str:
    return str(phone.api.get(f"/v1/wallet/topups/{topup['id']}")["status"])


def credited(phone: Phone, cents: int) -> None:
    until(f"{cents} cents of credit", lambda: phone.credit() == cents, seconds=SOON)


def hook(stage: Stage, body: bytes, signature: str) -> requests.Response:
    address = stage.stack.addresses.function_urls["stripe_webhook"]
    headers = {**address["headers"], "content-type": "application/json", "stripe-signature": signature}
    return requests.post(address["url"], data=body, headers=headers, timeout=SOON)


def signed(body: bytes, secret: str, at: int) -> str:
    return f"t={at},v1={hmac.digest(secret.encode(), f'{at}.'.encode() + body, 'sha256').hex()}"


def paid_event(phone: Phone, topup: Json, desk: StripeDesk, **changes: object) -> bytes:
    """The event that would credit the top-up, with fields of the Checkout Session changed."""
    checkout = {
        "id": desk.checkout_id(topup),
        "object": "checkout.session",
        "mode": "payment",
        "client_reference_id": topup["id"],
        "metadata": {"user": phone.id, "topup": topup["id"]},
        "amount_total": topup["amount"]["amount"],
        "currency": "usd",
        "payment_status": "paid",
        "payment_intent": f"pi_{uuid.uuid4().hex}",
    }
    event = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "type": COMPLETED,
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": checkout | changes},
    }
    return json.dumps(event).encode()


def test_a_paid_page_credits_its_amount_once(stage: Stage, desk: StripeDesk) -> None:
    client = stage.client()
    topup = opened(client)
    assert client.credit() == 0
    assert desk.pay(topup, "4242 4242 4242 4242") == 303
    credited(client, 1_000)
    assert status(client, topup) == "paid"
    (entry,) = client.api.get("/v1/wallet/entries")["items"]
    assert (entry["kind"], entry["amount"]["amount"], entry["reference"]) == ("topup", 1_000, topup["id"])


@pytest.mark.parametrize("card", ["4000 0000 0000 0002", "4000 0000 0000 9995", "4000 0000 0000 0069"])
def test_a_declined_card_credits_nothing_and_another_card_may_pay(stage: Stage, desk: StripeDesk, card: str) -> None:
    client = stage.client()
    topup = opened(client)
    assert desk.pay(topup, card) == 402
    assert (client.credit(), status(client, topup)) == (0, "pending")
    assert desk.pay(topup, "4242 4242 4242 4242") == 303
    credited(client, 1_000)


def test_a_completed_page_that_is_not_paid_yet_credits_when_the_bank_has_paid(stage: Stage, desk: StripeDesk) -> None:
    client = stage.client()
    topup = opened(client)
    assert desk.pay(topup, "000 123 456 789") == 303
    completed = desk.event(COMPLETED, desk.checkout_id(topup))
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    desk.settle(desk.checkout_id(topup), "succeeded")
    credited(client, 1_000)
    desk.delivered(completed["id"])
    assert len(client.api.get("/v1/wallet/entries")["items"]) == 1


def test_a_completed_page_whose_bank_refuses_credits_nothing(stage: Stage, desk: StripeDesk) -> None:
    client = stage.client()
    topup = opened(client)
    assert desk.pay(topup, "000 222 222 227") == 303
    desk.delivered(desk.event(COMPLETED, desk.checkout_id(topup))["id"])
    assert client.credit() == 0
    desk.settle(desk.checkout_id(topup), "failed")
    until("the top-up failing", lambda: status(client, topup) == "failed", seconds=SOON)
    assert client.credit() == 0


def test_duplicates_of_a_webhook_credit_once(stage: Stage, desk: StripeDesk) -> None:
    client = stage.client()
    topup = opened(client)
    desk.pay(topup, "4242 4242 4242 4242")
    credited(client, 1_000)
    event = desk.event(COMPLETED, desk.checkout_id(topup))
    desk.resend(event["id"], copies=5)
    assert len(desk.delivered(event["id"])) == 6
    assert client.credit() == 1_000
    assert len(client.api.get("/v1/wallet/entries")["items"]) == 1


def test_two_events_that_tell_of_one_payment_credit_once(stage: Stage, desk: StripeDesk) -> None:
    client = stage.client()
    topup = opened(client)
    desk.pay(topup, "4242 4242 4242 4242")
    credited(client, 1_000)
    paid = desk.event(COMPLETED, desk.checkout_id(topup))["data"]["object"]
    for kind in (COMPLETED, "checkout.session.async_payment_succeeded"):
        desk.delivered(desk.emit(kind, paid)["id"])
    assert client.credit() == 1_000


def test_a_signature_that_is_not_stripes_is_400_and_credits_nothing(stage: Stage, desk: StripeDesk) -> None:
    client = stage.client()
    topup = opened(client)
    body = paid_event(client, topup, desk)
    secret, now = stage.stack.addresses.stripe_webhook_secret, int(time.time())
    wrong = {
        "another secret": signed(body, "whsec_guess", now),
        "another body": signed(body + b" ", secret, now),
        "too old": signed(body, secret, now - 3_600),
        "another scheme": signed(body, secret, now).replace("v1=", "v0="),
        "no signature": "",
        "nonsense": "t=now,v1=yes",
    }
    assert {name: hook(stage, body, each).status_code for name, each in wrong.items()} == dict.fromkeys(wrong, 400)
    assert (client.credit(), status(client, topup)) == (0, "pending")


def test_a_signed_body_that_is_empty_or_no_event_is_refused(stage: Stage) -> None:
    secret, now = stage.stack.addresses.stripe_webhook_secret, int(time.time())
    for body in (b"", b"{", b"[]", b"null"):
        assert hook(stage, body, signed(body, secret, now)).status_code >= 400, body


def test_the_event_itself_credits_when_stripe_signed_it(stage: Stage, desk: StripeDesk) -> None:
    """The twin of the tests around it: the body that they change is good as it is."""
    client = stage.client()
    body = paid_event(client, opened(client), desk)
    secret = stage.stack.addresses.stripe_webhook_secret
    assert hook(stage, body, signed(body, secret, int(time.time()))).status_code == 200
    assert client.credit() == 1_000


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_total": 100_000},
        {"amount_total": 999},
        {"currency": "jpy"},
        {"payment_status": "unpaid"},
        {"payment_status": "no_payment_required"},
        {"mode": "subscription"},
        {"metadata": {"user": "usr_00000000000000000000000000"}},
        {"id": "cs_test_of_another_page"},
        {"client_reference_id": "top_00000000000000000000000000"},
        {"payment_intent": None},
    ],
    ids=lambda changes: next(f"{name}={value}" for name, value in changes.items()),
)
def test_a_payment_that_is_not_what_our_record_says_credits_nothing(
    stage: Stage, desk: StripeDesk, changes: Json
) -> None:
    client = stage.client()
    body = paid_event(client, opened(client), desk, **changes)
    secret = stage.stack.addresses.stripe_webhook_secret
    assert hook(stage, body, signed(body, secret, int(time.time()))).status_code == 200
    assert client.credit() == 0


def test_somebody_elses_topup_is_403(stage: Stage) -> None:
    topup = opened(stage.client())
    assert refusal(stage.client().api.send("GET", f"/v1/wallet/topups/{topup['id']}")) == (403, "forbidden")
