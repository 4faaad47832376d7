"""What is believed to be Apple's: signed vectors through Apple's own library, each wrong in one thing."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization

from chalicelib.gateways import appstore
from chalicelib.gateways.appstore import AppleStore, Notification, Transaction
from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import Malformed, ProviderFailed, Unauthenticated, Unavailable
from chalicelib.wallet.model.purchase import account_token
from infra.local.apple import purchases
from infra.local.apple.chain import Chain, make_chain, make_root
from infra.local.apple.context import APP_APPLE_ID
from infra.local.apple.server import AppleServer
from infra.local.web import Response, Server
from tests.support.apple import (
    ADA,
    SIGNED_AT,
    held,
    notification,
    refunded,
    transaction,
)
from tests.support.worlds import settings

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server() -> Iterator[AppleServer]:
    with AppleServer() as server:
        yield server


@pytest.fixture(scope="module")
def chain(server: AppleServer) -> Chain:
    return server.context.chain


@pytest.fixture
def store(server: AppleServer) -> Iterator[AppleStore]:
    with held(server.secret()):
        yield AppleStore(settings())


def body(signed: object) -> bytes:
    return json.dumps({"signedPayload": signed}).encode()


# --- what is Apple's -----------------------------------------------------------------------------


def test_a_transaction_that_apple_signed_is_read(store: AppleStore, chain: Chain) -> None:
    assert store.verified_transaction(chain.sign(transaction(quantity=3))) == Transaction(
        id="2000000000000001",
        product="coins_500",
        type="Consumable",
        quantity=3,
        account_token=account_token(ADA),
        taken_back=0,
        at=SIGNED_AT,
        environment="Sandbox",
    )


@pytest.mark.parametrize(("percentage", "taken_back"), [(None, 100_000), (100_000, 100_000), (33_333, 33_333)])
def test_what_apple_refunded_is_read(store: AppleStore, chain: Chain, percentage: int | None, taken_back: int) -> None:
    assert store.verified_transaction(chain.sign(refunded(percentage=percentage))).taken_back == taken_back


def test_an_account_token_is_read_in_small_letters_and_may_be_missing(store: AppleStore, chain: Chain) -> None:
    capitals = transaction(appAccountToken=account_token(ADA).upper())
    assert store.verified_transaction(chain.sign(capitals)).account_token == account_token(ADA)
    assert store.verified_transaction(chain.sign(transaction(None))).account_token is None


def test_a_notification_is_read_with_its_transaction(store: AppleStore, chain: Chain) -> None:
    told = notification("REFUND", chain.sign(refunded()))
    heard = store.verified_notification(body(chain.sign(told)))
    assert heard == Notification(told["notificationUUID"], "REFUND", SIGNED_AT, heard.transaction)
    assert heard.transaction is not None
    assert heard.transaction.taken_back == 100_000


@pytest.mark.parametrize("kind", ["TEST", "SOMETHING_NEW"])
def test_a_notification_may_be_about_no_purchase_and_of_a_kind_that_nobody_knows(
    store: AppleStore, chain: Chain, kind: str
) -> None:
    heard = store.verified_notification(body(chain.sign(notification(kind, None))))
    assert (heard.kind, heard.transaction) == (kind, None)


def test_in_production_the_app_is_known_by_its_number_too(server: AppleServer, chain: Chain) -> None:
    real: dict[str, Any] = {"environment": "Production"}
    signed = chain.sign(transaction(**real))
    with held(server.secret()):
        store = AppleStore(replace(settings(), stage="prod"))
        assert store.verified_transaction(signed).environment == "Production"
        told = notification("ONE_TIME_CHARGE", signed, **real)
        assert store.verified_notification(body(chain.sign(told))).transaction is not None
        other = notification("ONE_TIME_CHARGE", signed, appAppleId=APP_APPLE_ID + 1, **real)
        with pytest.raises(Unauthenticated, match="another app"):
            store.verified_notification(body(chain.sign(other)))
        with pytest.raises(Unauthenticated, match="another environment"):
            store.verified_transaction(chain.sign(transaction()))


# --- what is not ---------------------------------------------------------------------------------


def odd_chain(server: AppleServer, **odd: Any) -> Chain:
    return make_chain(server.context.chain.root, f"{server.url}/ocsp", **odd)


WRONG: dict[str, Callable[[AppleServer], str]] = {
    "another root": lambda server: make_chain(make_root(), f"{server.url}/ocsp").sign(transaction()),
    "a leaf out of date": lambda server: odd_chain(server, leaf_until=datetime(2026, 1, 1, tzinfo=UTC)).sign(
        transaction()
    ),
    "a leaf that has gone out of date since": lambda server: odd_chain(
        server, leaf_until=datetime(2026, 10, 1, tzinfo=UTC)
    ).sign(transaction()),
    "a leaf for another purpose": lambda server: odd_chain(server, leaf_oid=None).sign(transaction()),
    "an intermediate for another purpose": lambda server: odd_chain(server, intermediate_oid=None).sign(transaction()),
    "two certificates": lambda server: server.context.chain.sign(transaction(), {"x5c": server.context.chain.x5c[:2]}),
    "four certificates": lambda server: server.context.chain.sign(
        transaction(), {"x5c": [*server.context.chain.x5c, server.context.chain.x5c[2]]}
    ),
    "no certificates": lambda server: server.context.chain.sign(transaction(), {"x5c": []}),
    "certificates that are none": lambda server: server.context.chain.sign(transaction(), {"x5c": ["AAAA"] * 3}),
    "certificates that are no texts": lambda server: server.context.chain.sign(transaction(), {"x5c": [[], {}, 1]}),
    "the leaf of another root below ours": lambda server: server.context.chain.sign(
        transaction(), {"x5c": [make_chain(make_root()).x5c[0], *server.context.chain.x5c[1:]]}
    ),
    "no algorithm": lambda server: server.context.chain.sign(transaction(), {"alg": "none"}),
    "no algorithm and no signature": lambda server: jwt.encode(transaction(), "", "none") + "AA",
    "a shared secret": lambda server: hs256(server.context.chain),
    "another bundle": lambda server: server.context.chain.sign(transaction(bundleId="com.other.app")),
    "another environment": lambda server: server.context.chain.sign(transaction(environment="Production")),
    "an environment of Xcode's": lambda server: server.context.chain.sign(transaction(environment="Xcode")),
    "no environment": lambda server: server.context.chain.sign(transaction(environment=None)),
    "another payload": lambda server: tampered(server.context.chain, 1),
    "another header": lambda server: tampered(server.context.chain, 0),
    "another signature": lambda server: tampered(server.context.chain, 2),
    "no JSON": lambda server: "e30.bm8ganNvbg.AAAA",
    "nothing": lambda server: "",
    "one part": lambda server: "AAAA",
    "no text of a signature": lambda server: server.context.chain.sign(transaction()) + "=",
    "too much": lambda server: server.context.chain.sign(transaction(storefront="x" * 20_000)),
}


def hs256(chain: Chain) -> str:
    """Signed with what everybody knows: the public key."""
    pem = chain.leaf.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed, _, _ = chain.sign(transaction(), {"alg": "HS256"}).rpartition(".")
    signature = hmac.digest(pem, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def tampered(chain: Chain, part: int) -> str:
    parts = chain.sign(transaction()).split(".")
    other = chain.sign(transaction(productId="coins_6500"), {"typ": "JWT"}).split(".")
    return ".".join([*parts[:part], other[part], *parts[part + 1 :]])


@pytest.mark.parametrize("what", WRONG)
def test_what_apple_did_not_sign_for_us_is_not_believed(store: AppleStore, server: AppleServer, what: str) -> None:
    signed = WRONG[what](server)
    with pytest.raises(Unauthenticated):
        store.verified_transaction(signed)
    with pytest.raises(Unauthenticated):
        store.verified_notification(body(server.context.chain.sign(notification("ONE_TIME_CHARGE", signed))))


@pytest.mark.parametrize(
    "sent", [b"", b"no json", b"[]", b"{}", b"null", body(None), body(7), body("a.b"), b"[" * 100_000, b"\xff"]
)
def test_a_body_that_is_no_notification_is_not_believed(store: AppleStore, sent: bytes) -> None:
    with pytest.raises(Unauthenticated):
        store.verified_notification(sent)


def test_a_notification_of_another_environment_or_bundle_is_not_believed(store: AppleStore, chain: Chain) -> None:
    changes: list[dict[str, Any]] = [{"environment": "Production"}, {"bundleId": "com.other.app"}]
    for change in changes:
        told = notification("TEST", None, **change)
        with pytest.raises(Unauthenticated):
            store.verified_notification(body(chain.sign(told)))


@pytest.mark.parametrize(
    "change",
    [
        {"transactionId": "2000#1"},
        {"transactionId": "9" * 33},
        {"transactionId": None},
        {"productId": ""},
        {"productId": "coins\ud800"},
        {"productId": None},
        {"type": None},
        {"quantity": 0},
        {"quantity": 11},
        {"quantity": None},
        {"quantity": "many"},
        {"appAccountToken": "ada"},
        {"appAccountToken": ""},
        {"signedDate": None},
        {"signedDate": 0},
        {"signedDate": 2**53},
        {"revocationDate": 0},
        {"revocationDate": "soon"},
        {"revocationDate": SIGNED_AT, "revocationPercentage": -1},
        {"revocationDate": SIGNED_AT, "revocationPercentage": 100_001},
        {"price": [], "quantity": float("nan")},
    ],
    ids=str,
)
def test_what_apple_signed_and_can_be_no_transaction_is_malformed(
    store: AppleStore, chain: Chain, change: dict[str, Any]
) -> None:
    signed = chain.sign(transaction(**change))
    with pytest.raises(Malformed):
        store.verified_transaction(signed)
    with pytest.raises(Malformed):
        store.verified_notification(body(chain.sign(notification("ONE_TIME_CHARGE", signed))))


@pytest.mark.parametrize(
    "change", [{"notificationUUID": "1"}, {"notificationUUID": None}, {"notificationType": "#"}, {"signedDate": None}]
)
def test_what_apple_signed_and_can_be_no_notification_is_malformed(
    store: AppleStore, chain: Chain, change: dict[str, Any]
) -> None:
    with pytest.raises(Malformed):
        store.verified_notification(body(chain.sign(notification("TEST", None) | change)))


# --- whether the certificates hold ---------------------------------------------------------------


@pytest.fixture
def responder() -> Iterator[AppleServer]:
    """A store of its own: what its certificates were said to be is remembered."""
    with AppleServer() as server, held(server.secret()):
        yield server


@pytest.mark.parametrize("are", ["revoked", "silent"])
def test_without_apples_word_that_they_hold_nothing_is_believed_and_it_may_come_again(
    responder: AppleServer, are: str
) -> None:
    store, signed = AppleStore(settings()), responder.context.chain.sign(transaction())
    responder.context.certificates = are
    with pytest.raises(Unavailable):
        store.verified_transaction(signed)
    responder.context.certificates = "good"
    assert store.verified_transaction(signed).id == "2000000000000001"
    responder.context.certificates = are  # Apple's word is good for a quarter of an hour
    assert store.verified_transaction(signed).id == "2000000000000001"


def test_with_nobody_to_ask_it_may_come_again(responder: AppleServer) -> None:
    signed = responder.context.chain.sign(transaction())
    responder.stop()
    with pytest.raises(Unavailable):
        AppleStore(settings()).verified_transaction(signed)


def test_a_look_that_takes_too_long_is_given_up() -> None:
    told, looked = Event(), Event()

    def look() -> None:
        told.wait(60)
        looked.set()

    with pytest.raises(Unavailable):
        appstore._in_time(look, seconds=0.01)
    assert not looked.is_set()
    told.set()


# --- our app -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"bundle_id": None},
        {"root_certificates": []},
        {"root_certificates": None},
        {"root_certificates": ["!"]},
        {"root_certificates": [base64.b64encode(b"none").decode()]},
        {"root_certificates": [7]},
        {"app_apple_id": None},
        {"app_apple_id": "6400000000"},
    ],
    ids=str,
)
def test_nothing_is_believed_while_our_app_is_not_set_up(server: AppleServer, change: dict[str, Any]) -> None:
    signed = server.context.chain.sign(transaction())
    with held(server.secret() | change):
        with pytest.raises(ProviderFailed):
            AppleStore(settings()).verified_transaction(signed)
        with pytest.raises(ProviderFailed):
            AppleStore(settings()).verified_notification(body(signed))


# --- what Apple is told --------------------------------------------------------------------------


@pytest.fixture
def told(responder: AppleServer) -> AppleStore:
    return AppleStore(replace(settings(), apple_api_base=responder.url))


@pytest.fixture
def sold(responder: AppleServer) -> str:
    return str(purchases.buy(responder.context, account_token(ADA), "coins_500", silently=True)["id"])


def test_apple_is_told_how_much_was_used_by_a_token_of_our_key(
    told: AppleStore, responder: AppleServer, sold: str
) -> None:
    assert told.send_consumption(sold, delivered=True, consumed=25_000)
    assert told.send_consumption(sold, delivered=False, consumed=0)
    facts = {"customerConsented": True, "sampleContentProvided": False}
    assert [each["body"] for each in responder.consumptions(sold)] == [
        facts | {"consumptionPercentage": 25_000, "deliveryStatus": "DELIVERED"},
        facts | {"consumptionPercentage": 0, "deliveryStatus": "UNDELIVERED_OTHER"},
    ]


def test_what_apple_refuses_for_good_is_not_asked_again(told: AppleStore, sold: str) -> None:
    assert not told.send_consumption("1", delivered=True, consumed=0)
    assert not told.send_consumption(sold, delivered=True, consumed=100_001)
    assert told.send_consumption(sold, delivered=True, consumed=100_000)


@pytest.mark.parametrize("how", ["refuse", "error", "lose_answer"])
def test_what_apple_does_not_take_now_is_to_be_told_again_after_a_rest(
    told: AppleStore, responder: AppleServer, sold: str, how: str
) -> None:
    responder.faults.set(how, 1)
    for _ in range(2):  # it is asked once, and rests
        with pytest.raises((ProviderFailed, Unavailable)):
            told.send_consumption(sold, delivered=True, consumed=0)
    assert len(responder.consumptions(sold)) == (how == "lose_answer")
    told._breaker = CircuitBreaker()
    assert told.send_consumption(sold, delivered=True, consumed=0)


def test_what_apple_could_not_deliver_is_read_page_by_page_and_nothing_else(
    told: AppleStore, responder: AppleServer
) -> None:
    base = f"{responder.url}/_local"
    requests.put(f"{base}/webhook", json={"url": "http://127.0.0.1:9/"}, timeout=60).raise_for_status()
    made = [requests.post(f"{base}/notifications", json={"kind": "TEST"}, timeout=60).json() for _ in range(23)]
    since, until = made[0]["claims"]["signedDate"], made[-1]["claims"]["signedDate"] + 1

    def listed(
        since: int, until: int, after: str | None = None, *, undelivered: bool = True
    ) -> tuple[list[Notification], str | None]:
        return told.notifications(since=since, until=until, after=after, undelivered=undelivered)

    first, after = listed(since, until)
    rest, end = listed(since, until, after)
    assert (len(first), end) == (20, None)
    assert [each.id for each in first + rest] == [each["id"] for each in made]
    assert listed(until, until + 1) == ([], None)
    assert [each.id for each in listed(since, until, undelivered=False)[0]] == [each.id for each in first]
    with pytest.raises(ProviderFailed):
        listed(until, since)
    for how, refusal in (("error", ProviderFailed), ("refuse", Unavailable)):
        responder.faults.set(how, 1)
        with pytest.raises(refusal):
            listed(since, until)


@pytest.mark.parametrize(("number", "again"), [(4_040_010, False), (4_040_006, True), (4_290_000, True)])
def test_apple_says_itself_whether_to_ask_again(number: int, again: bool) -> None:
    status = number // 10_000
    refusal = Response(status, json.dumps({"errorCode": number, "errorMessage": "no"}).encode(), JSON)
    with Server("refusing", lambda _: refusal) as server, AppleServer() as apple, held(apple.secret()):
        store = AppleStore(replace(settings(), apple_api_base=server.url))
        if again:
            with pytest.raises(ProviderFailed):
                store.send_consumption("1", delivered=True, consumed=0)
        else:
            assert not store.send_consumption("1", delivered=True, consumed=0)


def test_a_key_that_apple_does_not_know_is_put_right_by_a_person_and_tried_again_meanwhile(
    told: AppleStore, responder: AppleServer, sold: str
) -> None:
    with held(responder.secret() | {"key_id": "another"}), pytest.raises(ProviderFailed, match="not set up"):
        told.send_consumption(sold, delivered=True, consumed=0)
    assert responder.consumptions(sold) == []


@pytest.mark.parametrize(
    "change", [{"private_key": "no key"}, {"private_key": None}, {"key_id": 7}, {"issuer_id": None}]
)
def test_apple_is_told_nothing_while_our_key_is_not_set_up(
    told: AppleStore, responder: AppleServer, sold: str, change: dict[str, Any]
) -> None:
    with held(responder.secret() | change), pytest.raises(ProviderFailed):
        told.send_consumption(sold, delivered=True, consumed=0)
