"""The local App Store: what is sold, told and asked there, and that it keeps it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from chalicelib.gateways.appstore import AppleStore, Notification
from infra.local.apple.context import BUNDLE_ID, ISSUER_ID, KEY_ID
from infra.local.apple.server import AppleServer
from infra.local.delivery import Retries
from infra.local.waiting import until
from infra.local.web import Request, Response, Server
from tests.support.apple import held
from tests.support.worlds import settings

TOKEN = "01563e4a-b5b5-3d99-b133-b1f8ea51b0ab"
QUICK = Retries(first=0.01, longest=0.02, most=5)
SECONDS = 10.0


@dataclass
class Inbox:
    """Takes notifications, the first ``busy`` attempts excepted."""

    busy: int = 0
    bodies: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Response:
        with self.lock:
            self.bodies.append(request.body)
            self.busy -= 1
            return Response(500 if self.busy >= 0 else 200)

    def await_bodies(self, count: int) -> list[bytes]:
        until(f"{count} notifications", lambda: len(self.bodies) >= count, seconds=SECONDS)
        return self.bodies


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def store(inbox: Inbox) -> Iterator[AppleServer]:
    with Server("inbox", inbox.answer) as server, AppleServer(retries=QUICK) as store:
        store.send_notifications_to(server.url)
        with held(store.secret()):
            yield store


def local(store: AppleServer, method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(method, f"{store.url}/_local/{path}", json=body, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(store: AppleServer, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = requests.request(method, f"{store.url}/_local/{path}", json=body, timeout=SECONDS)
    return answer.status_code, answer.json()["error"]["code"]


def bought(store: AppleServer, **more: Any) -> str:
    return str(local(store, "POST", "purchases", {"account_token": TOKEN, "product": "coins_500"} | more)["id"])


def heard(body: bytes) -> Notification:
    return AppleStore(settings()).verified_notification(body)


def test_a_purchase_is_told_by_a_notification_that_the_product_believes(store: AppleServer, inbox: Inbox) -> None:
    id_ = bought(store, quantity=3)
    told = heard(inbox.await_bodies(1)[0])
    assert (told.kind, told.transaction and told.transaction.id) == ("ONE_TIME_CHARGE", id_)
    assert told.transaction is not None
    assert (told.transaction.quantity, told.transaction.account_token) == (3, TOKEN)


def test_a_silent_purchase_is_told_by_nobody_but_the_app(store: AppleServer) -> None:
    id_ = bought(store, silently=True)
    shown = local(store, "GET", f"purchases/{id_}")
    assert AppleStore(settings()).verified_transaction(shown["signed_transaction"]).id == id_
    assert local(store, "GET", "notifications")["data"] == []


def test_a_refund_a_part_of_one_and_its_reversal_are_told_and_are_how_it_stands(
    store: AppleServer, inbox: Inbox
) -> None:
    id_ = bought(store, silently=True)
    steps = [("refund", {"percentage": 40_000}), ("refund", {}), ("reverse", {}), ("decline", {}), ("consumption", {})]
    for number, (step, body) in enumerate(steps, 1):
        local(store, "POST", f"purchases/{id_}/{step}", body)
        inbox.await_bodies(number)
    told = [heard(body) for body in inbox.bodies]
    assert [each.kind for each in told] == [
        "REFUND",
        "REFUND",
        "REFUND_REVERSED",
        "REFUND_DECLINED",
        "CONSUMPTION_REQUEST",
    ]
    assert [each.transaction and each.transaction.taken_back for each in told] == [40_000, 100_000, 0, 0, 0]
    assert AppleStore(settings()).verified_transaction(store.signed(id_)).taken_back == 0


def test_a_notification_is_sent_until_it_is_taken_and_says_the_same_each_time(store: AppleServer, inbox: Inbox) -> None:
    inbox.busy = 2
    made = local(store, "POST", "notifications", {"kind": "TEST"})
    told = [heard(body) for body in inbox.await_bodies(3)]
    assert told == [Notification(made["id"], "TEST", made["claims"]["signedDate"], None)] * 3

    def delivered() -> bool:
        (listed,) = local(store, "GET", "notifications")["data"]
        return bool(listed["deliveries"][0]["state"] == "delivered")

    until("a delivery", delivered, seconds=SECONDS)
    local(store, "POST", f"notifications/{made['id']}/send", {})
    assert heard(inbox.await_bodies(4)[3]) == told[0]


def test_what_was_bought_and_is_to_be_told_outlives_a_restart(tmp_path: Path, inbox: Inbox) -> None:
    with AppleServer(tmp_path, retries=Retries(first=60)) as store:  # nobody is to be told yet
        store.send_notifications_to("http://127.0.0.1:9/")
        id_ = bought(store)
        until(
            "an attempt",
            lambda: local(store, "GET", "notifications")["data"][0]["deliveries"][0]["attempts"],
            seconds=SECONDS,
        )
    with Server("inbox", inbox.answer) as server, AppleServer(tmp_path, retries=QUICK) as store, held(store.secret()):
        store.send_notifications_to(server.url)
        (waiting,) = local(store, "GET", "notifications")["data"]
        local(store, "POST", f"notifications/{waiting['id']}/send", {})
        told = heard(inbox.await_bodies(1)[0])
        assert told.transaction is not None
        assert told.transaction.id == AppleStore(settings()).verified_transaction(store.signed(id_)).id == id_


@pytest.mark.parametrize(
    ("body", "lacks"), [({"product": "x"}, "account_token"), ({"account_token": TOKEN}, "product")]
)
def test_what_a_purchase_lacks_is_named(store: AppleServer, body: dict[str, Any], lacks: str) -> None:
    refused = requests.post(f"{store.url}/_local/purchases", json=body, timeout=60)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, f"{lacks} is missing")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "purchases", {"account_token": "ada", "product": "coins_500"}, 400),
        ("POST", "purchases", {"account_token": TOKEN, "product": ""}, 400),
        ("POST", "purchases", {"account_token": TOKEN, "product": "x", "quantity": 11}, 400),
        ("POST", "purchases", {"product": "x"}, 400),
        ("POST", "purchases", [], 400),
        ("GET", "purchases/1", None, 404),
        ("POST", "purchases/1/refund", {}, 404),
        ("POST", "notifications/1/send", {}, 404),
        ("POST", "notifications", {}, 400),
        ("PUT", "certificates", {"are": "odd"}, 400),
        ("PUT", "fault", {"how": "odd"}, 400),
    ],
)
def test_what_cannot_be_meant_is_refused(store: AppleServer, method: str, path: str, body: object, status: int) -> None:
    assert refused(store, method, path, body)[0] == status


# --- the App Store Server API --------------------------------------------------------------------

SAID = {"customerConsented": True, "sampleContentProvided": False, "deliveryStatus": "DELIVERED"}


def bearer(store: AppleServer, key: Any = None, algorithm: str = "ES256", kid: str = KEY_ID, **claims: Any) -> str:
    told = {"iss": ISSUER_ID, "aud": "appstoreconnect-v1", "bid": BUNDLE_ID, "exp": int(time.time()) + 300} | claims
    kept = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(kept, key or store.context.api_key, algorithm, headers={"kid": kid})


def put(store: AppleServer, id_: str, body: object, token: str | None = None) -> tuple[int, int | None]:
    """The status, and Apple's number for what is wrong."""
    answer = requests.put(
        f"{store.url}/inApps/v2/transactions/consumption/{id_}",
        data=json.dumps(body),
        headers={"authorization": f"Bearer {token or bearer(store)}"},
        timeout=SECONDS,
    )
    return answer.status_code, answer.json()["errorCode"] if answer.content else None


def test_what_was_used_is_taken_and_kept(store: AppleServer) -> None:
    id_ = bought(store, silently=True)
    assert put(store, id_, SAID | {"consumptionPercentage": 50_000}) == (202, None)
    assert local(store, "GET", f"consumptions?transaction={id_}")["data"][0]["body"]["consumptionPercentage"] == 50_000


@pytest.mark.parametrize(
    "change",
    [
        {"customerConsented": False},
        {"customerConsented": None},
        {"sampleContentProvided": None},
        {"deliveryStatus": "LOST"},
        {"consumptionPercentage": 100_001},
        {"consumptionPercentage": "all"},
        {"refundPreference": "PLEASE"},
        {"platform": 1},
    ],
    ids=str,
)
def test_what_apple_would_not_take_is_refused(store: AppleServer, change: dict[str, Any]) -> None:
    id_ = bought(store, silently=True)
    assert put(store, id_, SAID | change) == (400, 4_000_000)
    assert put(store, "1", SAID) == (404, 4_040_010)
    assert store.consumptions(id_) == []


def test_only_a_token_of_the_apps_key_is_let_in(store: AppleServer) -> None:
    id_ = bought(store, silently=True)
    odd = [
        bearer(store, kid="other"),
        bearer(store, key="shared" * 8, algorithm="HS256"),
        bearer(store, aud="other"),
        bearer(store, iss="other"),
        bearer(store, bid="other"),
        bearer(store, bid=None),
        bearer(store, exp=int(time.time()) - 1),
        bearer(store, exp=int(time.time()) + 7_200),
        bearer(store, exp=None),
        "none",
    ]
    assert {put(store, id_, SAID, token) for token in odd} == {(401, 4_010_000)}
    assert store.consumptions(id_) == []


def test_a_stranger_to_the_certificates_is_told_nothing_of_them(store: AppleServer) -> None:
    assert requests.post(f"{store.url}/ocsp", data=b"no question", timeout=SECONDS).status_code == 400
