"""The local Stripe, through the real stripe library: what SoulSeer relies on holds here as it does there."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from infra.local.delivery import Retries
from infra.local.stripe.server import StripeServer
from infra.local.web import Request, Response, Server
from tests.support.local_stripe import (
    ASKS,
    ASKS_THEN_FAILS,
    BANK,
    BANK_FAILS,
    DECLINED,
    NO_FUNDS,
    QUICK,
    SECRET,
    SUCCESS,
    Inbox,
    call,
    client_of,
    delivered,
    open_checkout,
    post_form,
    until,
)


def test_a_paid_checkout_completes_with_consistent_objects(client: stripe.StripeClient) -> None:
    session = open_checkout(client)
    status, back, _ = post_form(session.url, card=SUCCESS, email="ada@example.test")

    paid = client.v1.checkout.sessions.retrieve(
        session.id, params={"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    )

    assert (status, back) == (303, f"https://app.test/done?session={session.id}")
    assert (paid.status, paid.payment_status, paid.amount_total, paid.currency) == ("complete", "paid", 2500, "usd")
    assert (paid.to_dict()["metadata"]) == {"topup": "top_1", "user": "usr_1"}
    assert paid.client_reference_id == "top_1"
    intent: Any = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.to_dict()["metadata"]) == (
        "succeeded",
        2500,
        {"topup": "top_1"},
    )
    assert (intent.latest_charge.paid, intent.latest_charge.payment_method_details.card.last4) == (True, "4242")
    booked = intent.latest_charge.balance_transaction
    assert (booked.amount, booked.fee, booked.net) == (2500, 103, 2397)
    assert booked.source == intent.latest_charge.id
    assert paid.line_items is not None
    assert paid.line_items.data[0].amount_total == 2500


def test_a_completed_payment_is_told_by_a_webhook_that_the_library_verifies(
    client: stripe.StripeClient, inbox: Inbox
) -> None:
    session = open_checkout(client)
    post_form(session.url, card=SUCCESS)

    inbox.wait(lambda: inbox.kinds() == ["checkout.session.completed"])

    event = next(event for event in inbox.received if event["type"] == "checkout.session.completed")
    assert event["data"]["object"]["id"] == session.id
    assert event["data"]["object"]["payment_status"] == "paid"
    assert event["data"]["object"]["amount_total"] == 2500
    inbox.wait(lambda: "payment_intent.succeeded" in inbox.kinds("payment_intent."))
    inbox.wait(lambda: set(inbox.kinds("charge.")) == {"charge.succeeded"})
    assert client.v1.events.retrieve(event["id"]).to_dict()["data"] == event["data"]


def test_who_comes_back_from_the_page_finds_the_webhook_delivered(client: stripe.StripeClient, inbox: Inbox) -> None:
    post_form(open_checkout(client).url, card=SUCCESS)

    assert "checkout.session.completed" in inbox.kinds()


@pytest.mark.parametrize(
    ("card", "code"),
    [
        (DECLINED, "generic_decline"),
        (NO_FUNDS, "insufficient_funds"),
        ("4012888888881881", "test_mode_live_card"),
        ("12", None),
    ],
)
def test_a_declined_card_leaves_the_checkout_open_and_unpaid(
    client: stripe.StripeClient, inbox: Inbox, card: str, code: str | None
) -> None:
    session = open_checkout(client)
    status, _, page = post_form(session.url, card=card)

    left = client.v1.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent"]})

    assert status == 402
    assert 'role="alert"' in page
    assert (left.status, left.payment_status) == ("open", "unpaid")
    intent: Any = left.payment_intent
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.to_dict().get("decline_code") == code
    inbox.wait(lambda: inbox.kinds("payment_intent.p") == ["payment_intent.payment_failed"])
    assert inbox.kinds() == []


def test_another_card_may_be_tried_after_a_decline(client: stripe.StripeClient) -> None:
    session = open_checkout(client)
    post_form(session.url, card=DECLINED)

    status, _, _ = post_form(session.url, card=SUCCESS)

    assert status == 303
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert len(client.v1.charges.list().data) == 2


def test_a_paid_checkout_cannot_be_paid_again(client: stripe.StripeClient) -> None:
    session = open_checkout(client)
    post_form(session.url, card=SUCCESS)

    status, _, _ = post_form(session.url, card=SUCCESS)

    assert status == 409
    assert len(client.v1.charges.list().data) == 1


@pytest.mark.parametrize(
    ("card", "answer", "status", "payment"),
    [
        (ASKS, "confirm", 303, "paid"),
        (ASKS, "fail", 402, "unpaid"),
        (ASKS_THEN_FAILS, "confirm", 402, "unpaid"),
    ],
)
def test_a_card_that_asks_pays_only_when_confirmed(
    client: stripe.StripeClient, card: str, answer: str, status: int, payment: str
) -> None:
    session = open_checkout(client)
    asked, _, page = post_form(session.url, card=card)
    unconfirmed = client.v1.checkout.sessions.retrieve(session.id)
    answered, _, _ = post_form(session.url, authentication=answer)

    assert (asked, unconfirmed.payment_status) == (200, "unpaid")
    assert 'value="confirm"' in page
    assert answered == status
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == payment


def test_nothing_can_be_confirmed_that_was_not_asked(client: stripe.StripeClient) -> None:
    session = open_checkout(client)

    assert post_form(session.url, authentication="confirm")[0] == 400
    post_form(session.url, card=DECLINED)
    assert post_form(session.url, authentication="confirm")[0] == 400
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"


@pytest.mark.parametrize(
    ("account", "outcome", "payment"), [(BANK, "succeeded", "paid"), (BANK_FAILS, "failed", "unpaid")]
)
def test_a_bank_payment_completes_unpaid_and_settles_later(
    client: stripe.StripeClient, inbox: Inbox, account: str, outcome: str, payment: str
) -> None:
    session = open_checkout(client)
    status, _, _ = post_form(session.url, card=account)

    inbox.wait(lambda: f"checkout.session.async_payment_{outcome}" in inbox.kinds())

    completed = next(event for event in inbox.received if event["type"] == "checkout.session.completed")
    settled = next(event for event in inbox.received if event["type"].startswith("checkout.session.async"))
    assert status == 303
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    assert settled["data"]["object"]["payment_status"] == payment
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == payment


def test_a_bank_can_be_made_to_answer_at_once_and_answers_once(tmp_path: Path) -> None:
    with StripeServer(tmp_path, settle_seconds=3600) as local:
        client = client_of(local)
        session = open_checkout(client)
        post_form(session.url, card=BANK)
        call(local, "POST", f"/_local/checkout/sessions/{session.id}/settle", {"outcome": "failed"})
        call(local, "POST", f"/_local/checkout/sessions/{session.id}/settle", {"outcome": "succeeded"})

        assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
        kinds = [event.type for event in client.v1.events.list(params={"types": ["checkout.session.*"]}).data]
        assert kinds == ["checkout.session.async_payment_failed", "checkout.session.completed"]


def test_an_open_checkout_can_be_expired_once(client: stripe.StripeClient, inbox: Inbox) -> None:
    session = open_checkout(client)
    expired = client.v1.checkout.sessions.expire(session.id)

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert post_form(session.url, card=SUCCESS)[0] == 409
    inbox.wait(lambda: inbox.kinds() == ["checkout.session.expired"])


def test_a_checkout_expires_by_itself_after_a_day(tmp_path: Path) -> None:
    with StripeServer(tmp_path) as local:
        session = open_checkout(client_of(local))

    with StripeServer(tmp_path, port=local.port, clock=lambda: time.time() + 86_401) as local:
        assert post_form(session.url, card=SUCCESS)[0] == 409
        until(lambda: client_of(local).v1.events.list(params={"type": "checkout.session.expired"}).data)
        assert client_of(local).v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_the_same_idempotency_key_gives_the_same_answer(client: stripe.StripeClient) -> None:
    first = open_checkout(client, key="checkout:top_1")
    again = open_checkout(client, key="checkout:top_1")

    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_an_idempotency_key_refuses_other_parameters(client: stripe.StripeClient) -> None:
    open_checkout(client, key="k")

    with pytest.raises(stripe.IdempotencyError) as refused:
        open_checkout(client, amount=9900, key="k")

    assert refused.value.http_status == 400


def test_an_idempotency_key_refuses_another_endpoint(client: stripe.StripeClient) -> None:
    session = open_checkout(client, key="k")

    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.expire(session.id, options={"idempotency_key": "k"})


def test_a_refused_request_does_not_use_up_its_key(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        open_checkout(client, amount=10, key="k")

    assert open_checkout(client, key="k").status == "open"


def test_a_key_finds_what_a_lost_answer_made(local: StripeServer, client: stripe.StripeClient) -> None:
    call(local, "PUT", "/_local/fault", {"path": "/v1/checkout", "lose_answer": True})
    with pytest.raises(stripe.APIConnectionError):
        open_checkout(client, key="k")

    again = open_checkout(client, key="k")

    assert [each.id for each in client.v1.checkout.sessions.list().data] == [again.id]


def test_a_fault_strikes_as_often_as_it_was_told(local: StripeServer, client: stripe.StripeClient) -> None:
    call(local, "PUT", "/_local/fault", {"path": "/v1/checkout", "count": 2, "status": 503})
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            open_checkout(client)

    assert open_checkout(client).status == "open"


@pytest.mark.parametrize(
    ("wrong", "param", "code"),
    [
        ({"mode": "subscription"}, "mode", None),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"success_url": "nowhere"}, "success_url", "url_invalid"),
        ({"cancel_url": "javascript://x/%0aalert(1)"}, "cancel_url", "url_invalid"),
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"payment_intent_data": {"colour": "red"}}, "payment_intent_data[colour]", "parameter_unknown"),
        ({"metadata": {"k" * 41: "v"}}, f"metadata[{'k' * 40}]", None),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"expires_at": 1}, "expires_at", None),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(
    client: stripe.StripeClient, wrong: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        open_checkout(client, **wrong)

    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)


def test_less_than_fifty_cents_is_too_small(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        open_checkout(client, amount=49)

    assert refused.value.code == "amount_too_small"


def test_what_is_not_there_is_missing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.retrieve("cs_test_nothing")

    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


@pytest.mark.parametrize("key", ["sk_live_secret", "pk_test_public", "nonsense"])
def test_only_a_test_key_opens_the_account(local: StripeServer, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError):
        open_checkout(client_of(local, key))


def test_lists_are_paged_newest_first(client: stripe.StripeClient) -> None:
    made = [open_checkout(client).id for _ in range(5)]

    listed = [each.id for each in client.v1.checkout.sessions.list(params={"limit": 2}).auto_paging_iter()]

    assert listed == made[::-1]


def test_a_webhook_is_tried_again_until_it_succeeds(local: StripeServer, client: stripe.StripeClient) -> None:
    inbox = Inbox(answers=[500, 302, 404])
    with Server("inbox", inbox.answer) as server:
        local.send_webhooks_to("account", server.url, SECRET, enabled_events=("checkout.session.completed",))
        post_form(open_checkout(client).url, card=SUCCESS)
        inbox.wait(lambda: len(inbox.received) == 4)
        assert len({event["id"] for event in inbox.received}) == 1
        (delivery,) = until(lambda: delivered(local))
        assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 302, 404, 200]
        assert client.v1.events.retrieve(delivery["event"]).pending_webhooks == 0


def test_a_webhook_is_given_up_after_its_last_attempt(local: StripeServer, client: stripe.StripeClient) -> None:
    inbox = Inbox(answers=[500] * 50)
    with Server("inbox", inbox.answer) as server:
        local.send_webhooks_to("account", server.url, SECRET, enabled_events=("checkout.session.completed",))
        post_form(open_checkout(client).url, card=SUCCESS)
        (delivery,) = until(lambda: delivered(local, "failed"))

    assert len(delivery["attempts"]) == QUICK.most


def test_the_pause_between_attempts_doubles_up_to_a_bound() -> None:
    retries = Retries(first=0.5, longest=30)

    assert [retries.pause(attempts) for attempts in (1, 2, 3, 7, 20)] == [0.5, 1.0, 2.0, 30.0, 30.0]


def test_an_undelivered_webhook_is_delivered_after_a_restart(tmp_path: Path) -> None:
    slow = Retries(first=0.2, longest=0.2)
    with StripeServer(tmp_path, retries=slow) as local:
        local.send_webhooks_to("account", "http://127.0.0.1:9/nobody", SECRET)
        session = open_checkout(client_of(local))
        post_form(session.url, card=SUCCESS)

    inbox = Inbox()
    with Server("inbox", inbox.answer) as server, StripeServer(tmp_path, retries=slow) as local:
        local.send_webhooks_to("account", server.url, SECRET)
        inbox.wait(lambda: "checkout.session.completed" in inbox.kinds())
        assert client_of(local).v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_an_event_can_be_delivered_again_late_and_forged(local: StripeServer, client: stripe.StripeClient) -> None:
    inbox = Inbox()
    with Server("inbox", inbox.answer) as server:
        local.send_webhooks_to("account", server.url, SECRET, enabled_events=("checkout.session.completed",))
        post_form(open_checkout(client).url, card=SUCCESS)
        event = inbox.received[0]["id"]
        call(local, "POST", f"/_local/events/{event}/resend", {"copies": 3, "delay_seconds": 0.05})
        inbox.wait(lambda: len(inbox.received) == 4)
        call(local, "POST", f"/_local/events/{event}/resend", {"signed_seconds_ago": 301})
        call(local, "POST", f"/_local/events/{event}/resend", {"secret": "whsec_other"})
        inbox.wait(lambda: inbox.refused >= 2)

    assert [each["id"] for each in inbox.received] == [event] * 4


def test_an_endpoint_gets_its_headers_and_only_what_it_wants(local: StripeServer, client: stripe.StripeClient) -> None:
    seen: list[tuple[str, str]] = []

    def answer(request: Request) -> Response:
        seen.append((request.headers["x-extra"], json.loads(request.body)["type"]))
        return Response(200)

    with Server("inbox", answer) as server:
        body = {"url": server.url, "secret": SECRET, "headers": {"x-extra": "yes"}, "enabled_events": ["charge.*"]}
        call(local, "PUT", "/_local/webhooks/account", body)
        post_form(open_checkout(client).url, card=SUCCESS)
        until(lambda: delivered(local))

    assert seen == [("yes", "charge.succeeded")]


def test_the_page_escapes_what_it_shows_and_runs_no_script(client: stripe.StripeClient) -> None:
    session = open_checkout(
        client, customer_email='"><script>alert(1)</script>@x.test', cancel_url='https://app.test/?q="><script>'
    )
    response = requests.get(session.url, timeout=60)

    assert "<script" not in response.text
    assert "$25.00 USD" in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_body_beyond_the_limit_is_refused_unread(local: StripeServer) -> None:
    with socket.create_connection(("127.0.0.1", local.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/checkout/sessions HTTP/1.1\r\nhost: local\r\ncontent-length: 1000001\r\n\r\n")

        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
