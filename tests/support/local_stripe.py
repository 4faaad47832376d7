"""The local Stripe for tests: the library's client of it, a webhook endpoint, its page and its levers."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
import stripe

from chalicelib.gateways.stripe import StripePayments
from infra.local.delivery import Retries
from infra.local.stripe.server import StripeServer
from infra.local.web import Request, Response
from tests.support.worlds import settings

SECRET = "whsec_test"
SUCCESS = "4242 4242 4242 4242"
DECLINED = "4000000000000002"
NO_FUNDS = "4000000000009995"
ASKS = "4000002760003184"
ASKS_THEN_FAILS = "4000008260003178"
BANK = "000123456789"
BANK_FAILS = "000222222227"
QUICK = Retries(first=0.01, longest=0.05, most=5, timeout=60.0)


@dataclass
class Inbox:
    """A webhook endpoint that verifies every delivery with the library and answers as it is told."""

    answers: list[int] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, request: Request) -> Response:
        signature = request.headers["stripe-signature"]
        with self.changed:
            try:
                event = stripe.Webhook.construct_event(request.body, signature, SECRET)
                self.received.append(event.to_dict())
                status = self.answers.pop(0) if self.answers else 200
            except stripe.SignatureVerificationError:
                self.refused += 1
                status = 400
            self.changed.notify_all()
        return Response(status)

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout=60), [each["type"] for each in self.received]

    def kinds(self, prefix: str = "checkout.session.") -> list[str]:
        return [event["type"] for event in self.received if event["type"].startswith(prefix)]


class Library(StripePayments):
    """The product's own gateway, which asks the local Stripe and tries nothing twice."""

    def __init__(self, local: StripeServer) -> None:
        super().__init__(settings())
        self.local = local

    def _client(self) -> Any:
        return client_of(self.local)


def client_of(local: StripeServer, key: str = "sk_test_anything") -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": local.url}, max_network_retries=0)


def open_checkout(client: stripe.StripeClient, amount: int = 2500, key: str | None = None, **more: Any) -> Any:
    item = {
        "quantity": 1,
        "price_data": {"currency": "usd", "unit_amount": amount, "product_data": {"name": "SoulSeer credit"}},
    }
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [item],
        "success_url": "https://app.test/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://app.test/cancelled",
        "client_reference_id": "top_1",
        "metadata": {"topup": "top_1", "user": "usr_1"},
        "payment_intent_data": {"metadata": {"topup": "top_1"}},
    }
    return client.v1.checkout.sessions.create(
        params=params | more,  # type: ignore[arg-type]  # a dict of the library's own shape
        options={"idempotency_key": key} if key else {},
    )


def post_form(url: str, **fields: str) -> tuple[int, str, str]:
    """Status, the address it sends back to, and the page."""
    response = requests.post(url, data=fields, allow_redirects=False, timeout=60)
    return response.status_code, response.headers.get("location", ""), response.text


def call(local: StripeServer, method: str, path: str, body: Any = None) -> Any:
    response = requests.request(method, f"{local.url}{path}", json=body, timeout=60)
    response.raise_for_status()
    return response.json()


def delivered(local: StripeServer, state: str = "delivered") -> list[Any]:
    return [each for each in call(local, "GET", "/_local/deliveries")["data"] if each["state"] == state]


def until(found: Callable[[], list[Any]]) -> list[Any]:
    """What is found, once something is. Fails after a minute."""
    deadline = time.monotonic() + 60
    while not (result := found()):
        assert time.monotonic() < deadline, "nothing was found in time"
        time.sleep(0.01)
    return result


def paid(client: stripe.StripeClient, card: str = SUCCESS, amount: int = 2500) -> str:
    """A payment made on the page and settled: the PaymentIntent's id."""
    session = open_checkout(client, amount)
    post_form(session.url, card=card)
    intent = str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    until(lambda: [each for each in [client.v1.payment_intents.retrieve(intent)] if each.status == "succeeded"])
    return intent


def new_account(client: stripe.StripeClient) -> str:
    """A connected account that nobody has completed."""
    params: Any = {
        "type": "express",
        "country": "US",
        "email": "reader@example.test",
        "capabilities": {"transfers": {"requested": True}},
        "metadata": {"user": "usr_1"},
    }
    return client.v1.accounts.create(params=params).id


def onboarded(local: StripeServer, client: stripe.StripeClient, bank: str = "000123456789") -> str:
    """A connected account that can be paid."""
    account = new_account(client)
    call(local, "POST", f"/_local/accounts/{account}/onboard", {"bank": bank})
    return account
