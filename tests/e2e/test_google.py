"""Coins bought in Google Play, on the deployed stack: what the app tells, what Google pushes, and each refusal."""

import json
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests

from chalicelib.wallet.model.purchase import account_token
from infra.local.google import orders, pushes
from infra.local.phone import Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal

ROUTE: Final = "/v1/coins/google"


@dataclass
class GoogleDesk:
    """The local Google, as its console and its test tools see it."""

    stage: Stage

    def local(self, method: str, path: str, body: Json | None = None) -> Any:
        answer = requests.request(method, f"{self.stage.stack.google.url}/_local/{path}", json=body, timeout=SOON)
        answer.raise_for_status()
        return answer.json()

    def buy(self, phone: Phone | None, product: str = "coins_500", *, told: bool = True, **how: Any) -> str:
        """Somebody buys it: the token. Not ``told``, no push comes of its own."""
        self.local("PUT", "notifications/way", {"lost": not told})
        named = {"account_token": account_token(phone.id)} if phone else {}
        token = str(self.local("POST", "purchases", {"product": product} | named | how)["id"])
        self.local("DELETE", "notifications/way")
        self.stage.confided.add("a purchase's token", token)
        return token

    def order(self, token: str) -> Json:
        found: Json = self.local("GET", f"purchases/{token}")
        return found

    def told(self, token: str) -> list[Json]:
        """The notifications about the purchase, oldest first."""
        listed: list[Json] = self.local("GET", f"notifications?token={token}")["data"]
        return listed

    def push(self, notification: Json, **how: Any) -> list[int]:
        """Push once more; how the first attempts were answered."""
        sent = self.local("POST", f"notifications/{notification['id']}/send", how)["deliveries"]

        def answered() -> list[int] | None:
            every = self.local("GET", "notifications")["data"]
            found = [each for told in every for each in told["deliveries"] if each["id"] in sent]
            # An attempt that a slow machine did not answer in time is no answer: another one follows.
            answers = [[attempt["status"] for attempt in each["attempts"] if "status" in attempt] for each in found]
            return [each[0] for each in answers] if len(found) == len(sent) and all(answers) else None

        return until(f"an answer to {notification['id']}", answered, seconds=SOON)


@pytest.fixture
def google(stage: Stage) -> GoogleDesk:
    return GoogleDesk(stage)


def coins(phone: Phone) -> int:
    return int(phone.api.get("/v1/wallet")["coins"]["amount"])


def has(phone: Phone, amount: int) -> None:
    until(f"{amount} coins", lambda: coins(phone) == amount, seconds=SOON)


def entries(phone: Phone) -> list[tuple[str, int]]:
    """Kind and amount, oldest first."""
    listed = phone.api.get("/v1/wallet/entries?account=coins")["items"]
    return [(each["kind"], each["amount"]["amount"]) for each in reversed(listed)]


def asked(phone: Phone, sent: object) -> tuple[int, str]:
    """How it is refused; while Google does not answer, it is asked again, as an app does."""

    def answer() -> tuple[int, str] | None:
        found = refusal(phone.api.send("POST", ROUTE, sent, key=new_key()))
        return None if found[0] == 503 else found

    return until("an answer that is not 503", answer, seconds=SOON)


def body(token: str, product: str = "coins_500") -> Json:
    return {"product_id": product, "purchase_token": token}


def test_coins_are_given_once_and_the_purchase_is_consumed(stage: Stage, google: GoogleDesk) -> None:
    phone = stage.client()
    token = google.buy(phone)
    made = phone.api.post(ROUTE, body(token))
    assert (made["store"], made["coins"], made["status"]) == (
        "google",
        {"amount": 500, "currency": "coins"},
        "standing",
    )
    assert phone.api.post(ROUTE, body(token)) == made
    until("the push being heard", lambda: google.told(token)[0]["deliveries"][0]["attempts"], seconds=SOON)
    assert entries(phone) == [("coins_bought", 500)]
    assert (coins(phone), google.order(token)["consumed"]) == (500, True)


def test_a_key_that_is_sent_again_replays_the_answer(stage: Stage, google: GoogleDesk) -> None:
    phone, key = stage.client(), new_key()
    sent = body(google.buy(phone, told=False))
    first, second = (phone.api.send("POST", ROUTE, sent, key=key) for _ in range(2))
    assert (first.status, second.status, second.headers.get("idempotency-replayed")) == (201, 201, "true")
    other = phone.api.send("POST", ROUTE, body(google.buy(phone, told=False)), key=key)
    assert refusal(other) == (422, "idempotency_mismatch")


def test_google_alone_is_enough(stage: Stage, google: GoogleDesk) -> None:
    phone = stage.client()
    token = google.buy(phone, "coins_100", quantity=2)
    has(phone, 200)
    until("it being consumed", lambda: google.order(token)["consumed"], seconds=SOON)


@pytest.mark.parametrize("reason", [orders.REMORSE, orders.CHARGEBACK], ids=["refund", "chargeback"])
def test_what_is_taken_back_leaves_the_wallet(stage: Stage, google: GoogleDesk, reason: int) -> None:
    phone = stage.client()
    token = google.buy(phone)
    has(phone, 500)
    google.local("POST", f"purchases/{token}/refund", {"reason": reason})
    has(phone, 0)
    assert asked(phone, body(token)) == (409, "invalid_state")
    for notification in google.told(token) * 2:
        assert google.push(notification) == [200]
    assert entries(phone) == [("coins_bought", 500), ("coins_taken_back", -500)]


def test_a_pending_purchase_is_given_when_it_is_paid(stage: Stage, google: GoogleDesk) -> None:
    phone = stage.client()
    token = google.buy(phone, pending=True)
    assert asked(phone, body(token)) == (409, "invalid_state")
    assert coins(phone) == 0
    google.local("POST", f"purchases/{token}/complete")
    has(phone, 500)


def test_what_was_refunded_before_anybody_told_is_never_given(stage: Stage, google: GoogleDesk) -> None:
    phone = stage.client()
    token = google.buy(phone, told=False)
    google.local("PUT", "notifications/way", {"lost": True, "token": token})
    google.local("POST", f"purchases/{token}/refund")
    google.local("DELETE", "notifications/way")
    assert asked(phone, body(token)) == (409, "invalid_state")
    assert [google.push(each) for each in google.told(token)] == [[200], [200]]
    assert entries(phone) == []


def test_each_refusal_changes_nothing(stage: Stage, google: GoogleDesk) -> None:
    phone, other = stage.client(), stage.client()
    token = google.buy(phone, told=False)

    assert refusal(phone.api.send("POST", ROUTE, body(token))) == (400, "idempotency_key_required")
    assert refusal(stage.api().send("POST", ROUTE, body(token), key=new_key())) == (401, "unauthenticated")
    assert asked(other, body(token)) == (403, "forbidden")
    assert asked(phone, body(google.buy(None, told=False))) == (403, "forbidden")
    assert asked(phone, body(google.buy(phone, "hat_1", told=False), "hat_1")) == (422, "invalid")
    assert asked(phone, body(google.buy(phone, quantity=11, told=False))) == (422, "invalid")
    assert asked(phone, body(token, "coins_100")) == (422, "invalid")
    for sent in (
        body("unknown"),
        body("../x"),
        body("a/b"),
        body("x" * 2_001),
        body(token, ""),
        {},
        body(token) | {"x": 1},
    ):
        assert asked(phone, sent) == (422, "invalid")
    assert (entries(phone), entries(other)) == ([], [])
    assert not google.order(token)["consumed"]


def test_while_google_is_out_of_reach_the_app_asks_again(stage: Stage, google: GoogleDesk) -> None:
    phone = stage.client()
    token = google.buy(phone, told=False)
    google.local("PUT", "fault", {"how": "refuse"})
    try:
        status, _ = refusal(phone.api.send("POST", ROUTE, body(token), key=new_key()))
        assert status in (502, 503)
        assert google.push(google.told(token)[0]) == [500]
    finally:
        google.local("DELETE", "fault")
    has(phone, 500)  # the push comes again


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.test"},
        {"email": "somebody@else.test"},
        {"email_verified": False},
        {"exp": 1_000_000_000},
        {"iss": "https://issuer.test"},
        {"algorithm": "none"},
    ],
    ids=str,
)
def test_a_push_that_is_not_googles_is_refused_and_changes_nothing(
    stage: Stage, google: GoogleDesk, claims: Json
) -> None:
    phone = stage.client()
    token = google.buy(phone, told=False)
    (told,) = google.told(token)
    assert google.push(told, claims=claims) == [400]
    assert entries(phone) == []
    assert google.push(told) == [200]
    assert entries(phone) == [("coins_bought", 500)]


def test_a_body_that_is_no_notification_is_refused(stage: Stage) -> None:
    hook = stage.stack.addresses.function_urls["google_webhook"]
    context = stage.stack.google.context
    signed = {"authorization": f"Bearer {pushes.bearer(context)}"}
    answers = []
    for headers, sent in (
        (signed, b"{}"),
        (signed, b"no json"),
        ({}, b"{}"),
        (signed, json.dumps({"message": 1}).encode()),
    ):
        answer = requests.post(hook["url"], data=sent, headers=hook["headers"] | headers, timeout=SOON)
        answers.append((answer.status_code, answer.json()["result"]))
    assert answers == [(400, "event"), (400, "event"), (400, "signature"), (400, "event")]


def test_what_is_not_about_purchases_is_taken(stage: Stage, google: GoogleDesk) -> None:
    for told in ({"testNotification": {"version": "1.0"}}, {"subscriptionNotification": {"notificationType": 4}}):
        made = google.local("POST", "notifications", told)
        assert google.push(made) == [200]
