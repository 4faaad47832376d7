"""The local Google: what it does by itself, and how its pushes go. What the product asks of it: ``test_play.py``."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.gateways.play_answers import Notification
from infra.local.delivery import Retries
from infra.local.google import orders, pushes
from infra.local.google.server import GoogleServer
from infra.local.waiting import until
from infra.local.web import Request, Response, Server
from tests.support.play import Gateway

QUICK = Retries(first=0.01, longest=0.05, most=5, timeout=60.0)
ACCOUNT = "0190a1b2-c3d4-4e5f-8a9b-0c1d2e3f4a5b"


@dataclass
class Clock:
    now: float = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Inbox:
    """A webhook endpoint that keeps what it is pushed, and answers as it is told."""

    answers: list[int] = field(default_factory=list)
    received: list[tuple[str, bytes]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, request: Request) -> Response:
        with self.changed:
            self.received.append((request.headers["authorization"], request.body))
            status = self.answers.pop(0) if self.answers else 204
            self.changed.notify_all()
        return Response(status)

    def wait(self, count: int) -> list[tuple[str, bytes]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, timeout=60)
            return self.received


@pytest.fixture
def google() -> Iterator[GoogleServer]:
    with GoogleServer(retries=QUICK) as running:
        yield running


@pytest.fixture
def inbox(google: GoogleServer) -> Iterator[Inbox]:
    inbox = Inbox()
    with Server("inbox", inbox.answer) as server:
        google.push_to(server.url)
        yield inbox


def call(google: GoogleServer, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = requests.request(method, f"{google.url}/_local/{path}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


def test_what_happens_to_a_purchase_is_pushed_as_the_product_reads_it(google: GoogleServer, inbox: Inbox) -> None:
    token = call(google, "POST", "purchases", {"product": "coins_500", "account_token": ACCOUNT})["id"]
    inbox.wait(1)
    call(google, "POST", f"purchases/{token}/refund")
    heard = [Gateway(google).verified_push(*each) for each in inbox.wait(2)]
    assert [(each.what, each.token) for each in heard] == [("changed", token), ("voided", token)]


def test_a_push_comes_again_with_another_token_until_it_is_taken(google: GoogleServer, inbox: Inbox) -> None:
    inbox.answers = [500, 404]
    google.buy("coins_500", ACCOUNT)
    pushed = [Gateway(google).verified_push(*each) for each in inbox.wait(3)]
    assert pushed == [pushed[0]] * 3
    (told,) = pushes.listed(google.context, None)
    until(
        "it being taken",
        lambda: pushes.listed(google.context, None)[0]["deliveries"][0]["state"] == "delivered",
        seconds=10,
    )
    assert told["id"] == pushed[0].id


def test_pushes_can_be_lost_doubled_sent_by_hand_and_made_up(google: GoogleServer, inbox: Inbox) -> None:
    call(google, "PUT", "notifications/way", {"lost": True})
    token = google.buy("coins_500", ACCOUNT)["id"]
    call(google, "PUT", "notifications/way", {"copies": 2})
    assert inbox.received == []
    (told,) = call(google, "GET", f"notifications?token={token}")["data"]
    call(google, "POST", f"notifications/{told['id']}/send", {"copies": 3})
    assert len(inbox.wait(3)) == 3
    call(google, "POST", "notifications", {"testNotification": {"version": "1.0"}})
    made = [Gateway(google).verified_push(*each) for each in inbox.wait(5)][3:]
    assert made == [Notification(made[0].id, "other", "testNotification")] * 2
    call(google, "DELETE", "notifications/way")


def test_what_nobody_acknowledges_is_given_back_in_three_days() -> None:
    clock = Clock()
    with GoogleServer(clock=clock) as google:
        kept, left = google.buy("coins_500", ACCOUNT)["id"], google.buy("coins_500", ACCOUNT)["id"]
        orders.acknowledge(google.context, "coins_500", kept)
        clock.now += 3 * 24 * 3_600 + 1
        google._store.scheduled.set()
        until("it being given back", lambda: orders.found(google.context, left)["voided_at"], seconds=10)
        assert orders.found(google.context, left)["state"] == "canceled"
        assert orders.found(google.context, kept)["state"] == "purchased"


def test_purchases_and_keys_outlive_a_restart(tmp_path: Path) -> None:
    with GoogleServer(tmp_path) as google:
        token, secret = google.buy("coins_500", ACCOUNT)["id"], google.secret()
        certs = google.context.google.jwks()
    with GoogleServer(tmp_path) as google:
        assert orders.found(google.context, token)["product"] == "coins_500"
        assert google.secret()["service_account"]["private_key"] == secret["service_account"]["private_key"]
        assert google.context.google.jwks() == certs
        assert Gateway(google).purchase(token).state == "purchased"


def test_what_cannot_happen_is_refused(google: GoogleServer) -> None:
    def asked(path: str, body: dict[str, int] | None = None) -> int:
        return requests.post(f"{google.url}/_local/{path}", json=body, timeout=60).status_code

    token = google.buy("coins_500", ACCOUNT)["id"]
    assert asked(f"purchases/{token}/complete") == 400
    assert asked(f"purchases/{token}/refund", {"count": 1}) == 400
    assert asked(f"purchases/{token}/refund") == 200
    assert asked(f"purchases/{token}/refund") == 400
    assert asked("purchases/unknown/refund") == 404
    assert asked("purchases", {}) == 400
    assert asked("notifications/unknown/send") == 404


def test_an_assertion_that_the_service_account_did_not_sign_gets_no_token(google: GoogleServer) -> None:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "e30.e30.AAAA"}
    refused = requests.post(f"{google.url}/token", data=form, timeout=60)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    path = "androidpublisher/v3/applications/local.soulseer/purchases/productsv2/tokens/x"
    for headers in ({}, {"authorization": "Bearer ya29.forged"}):
        answer = requests.get(f"{google.url}/{path}", headers=headers, timeout=60)
        assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (401, 401)
