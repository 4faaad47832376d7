"""The gateway to Google Play, at the local Google over HTTP: what it asks, and whose pushes it believes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from chalicelib.gateways.play import Refused
from chalicelib.gateways.play_answers import Bought, Notification, Voided, bought_of, notification_of, voided_of
from chalicelib.kernel.errors import Malformed, ProviderFailed, Unauthenticated, Unavailable
from infra.local.google import orders, pushes
from infra.local.google.server import GoogleServer
from infra.local.issuer import new_key
from infra.local.store import Thing
from tests.support.play import PACKAGE, Gateway

ACCOUNT = "0190a1b2-c3d4-4e5f-8a9b-0c1d2e3f4a5b"


@pytest.fixture(scope="module")
def google() -> Iterator[GoogleServer]:
    with GoogleServer() as running:
        yield running


@pytest.fixture
def play(google: GoogleServer) -> Gateway:
    return Gateway(google)


def fault(google: GoogleServer, how: str) -> None:
    requests.put(f"{google.url}/_local/fault", json={"how": how, "count": 1}, timeout=60).raise_for_status()


# --- purchases -------------------------------------------------------------------------------------


def test_a_purchase_is_what_google_knows_of_it(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    assert play.purchase(token) == Bought("coins_500", ACCOUNT, "purchased", False, 1, 0, False)


def test_a_purchase_that_is_pending_is_paid_later(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT, pending=True)["id"]
    assert play.purchase(token).state == "pending"
    orders.complete(google.context, token)
    assert play.purchase(token).state == "purchased"


def test_several_at_once_and_a_testers_are_told_apart(google: GoogleServer, play: Gateway) -> None:
    assert play.purchase(google.buy("coins_500", ACCOUNT, quantity=3)["id"]).quantity == 3
    assert play.purchase(google.buy("coins_500", ACCOUNT, test=True)["id"]).test
    assert play.purchase(google.buy("coins_500")["id"]).account_token is None


def test_what_is_consumed_is_acknowledged_and_can_be_consumed_once(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    play.consume("coins_500", token)
    assert play.purchase(token).consumed
    assert orders.found(google.context, token)["acknowledged"]
    with pytest.raises(Refused):
        play.consume("coins_500", token)


def test_google_refuses_what_is_no_purchase(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    with pytest.raises(Refused):
        play.purchase("nobody-has-bought-this")
    with pytest.raises(Refused):
        play.consume("coins_100", token)


def test_what_was_voided_is_listed_page_by_page(google: GoogleServer, play: Gateway) -> None:
    begun = google.context.millis()
    tokens = {google.buy("coins_100", ACCOUNT)["id"] for _ in range(51)}
    for token in tokens:
        orders.void(google.context, token, orders.CHARGEBACK)
    first = play.voided(begun, google.context.millis(), None)
    second = play.voided(begun, google.context.millis(), first.following)
    third = play.voided(begun, google.context.millis(), second.following)
    assert [len(each.tokens) for each in (first, second, third)] == [25, 25, 1]
    assert third.following is None
    assert {*first.tokens, *second.tokens, *third.tokens} == tokens
    with pytest.raises(Refused):
        play.voided(begun, google.context.millis(), "no page of yours")
    with pytest.raises(Refused):
        play.voided(begun - 31 * 24 * 3_600_000, begun, None)


def test_of_several_some_may_be_given_back(google: GoogleServer, play: Gateway) -> None:
    begun = google.context.millis()
    token = google.buy("coins_500", ACCOUNT, quantity=3)["id"]
    orders.refund_part(google.context, token, 1)
    assert (play.purchase(token).quantity, play.purchase(token).refunded) == (3, 1)
    assert token in play.voided(begun, google.context.millis(), None).parts
    orders.void(google.context, token, orders.REMORSE)
    assert token in play.voided(begun, google.context.millis(), None).tokens


def test_what_a_bank_takes_back_still_looks_purchased(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_100", ACCOUNT)["id"]
    orders.void(google.context, token, orders.CHARGEBACK)
    assert play.purchase(token).state == "purchased"


# --- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["refuse", "lose_answer"])
def test_an_answer_that_is_lost_is_an_unknown_outcome_and_google_rests(
    google: GoogleServer, play: Gateway, how: str
) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    play.purchase(token)
    fault(google, how)
    with pytest.raises(Unavailable):
        play.consume("coins_500", token)
    with pytest.raises(Unavailable, match="rests"):
        play.purchase(token)
    assert Gateway(google).purchase(token).consumed is (how == "lose_answer")


def test_a_fault_of_googles_is_an_unknown_outcome(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    play.purchase(token)
    fault(google, "error")
    with pytest.raises(ProviderFailed):
        play.purchase(token)
    assert play.purchase(token).state == "purchased"


def test_a_token_endpoint_that_fails_is_out_of_reach_and_asked_once(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    fault(google, "error")
    with pytest.raises(Unavailable):
        play.purchase(token)
    assert Gateway(google).purchase(token).state == "purchased"  # the one fault was met by one call


def test_an_access_token_is_kept_until_google_refuses_it(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    play.purchase(token)
    kept = play._access_token()
    play.purchase(token)
    assert play._access_token() == kept
    google.api.revoke_tokens()
    with pytest.raises(ProviderFailed, match="not set up"):
        play.purchase(token)
    assert play.purchase(token).state == "purchased"
    assert play._access_token() != kept


def test_a_secret_that_has_changed_is_in_use_at_once(google: GoogleServer, play: Gateway) -> None:
    token = google.buy("coins_500", ACCOUNT)["id"]
    play.purchase(token)
    account = google.secret()["service_account"]
    another = GoogleServer()
    play.held = google.secret() | {
        "service_account": account | {"private_key": another.secret()["service_account"]["private_key"]}
    }
    another.stop()
    with pytest.raises(ProviderFailed, match="not set up"):
        play.purchase(token)
    play.held = google.secret()
    assert play.purchase(token).state == "purchased"


@pytest.mark.parametrize(
    "change",
    [
        {"package_name": ""},
        {"package_name": "another.app"},
        {"service_account": {}},
        {"service_account": "{}"},
        {"service_account": {"client_email": "reader@soulseer.test", "token_uri": "http://127.0.0.1:1/token"}},
    ],
    ids=str,
)
def test_what_is_not_set_up_fails_and_alarms(
    google: GoogleServer, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    play = Gateway(google, google.secret() | change)
    with pytest.raises(ProviderFailed, match="not set up"):
        play.purchase(google.buy("coins_500", ACCOUNT)["id"])
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["event"], line["provider"]) == ("error", "play_not_set_up", "google")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"purchaseStateContext": {"purchaseState": "PURCHASE_STATE_UNSPECIFIED"}, "productLineItem": []},
        {"purchaseStateContext": "PURCHASED", "productLineItem": []},
        {"purchaseStateContext": {"purchaseState": "PENDING"}, "productLineItem": "coins_100"},
        {"purchaseStateContext": {"purchaseState": "PENDING"}, "productLineItem": ["coins_100"]},
        {
            "purchaseStateContext": {"purchaseState": "PENDING"},
            "productLineItem": [{"productId": "coins_100", "productOfferDetails": [1]}],
        },
    ],
    ids=str,
)
def test_what_is_not_understood_is_not_believed(said: dict[str, Any]) -> None:
    with pytest.raises(ProviderFailed, match="understand"):
        bought_of(said)


def test_of_a_purchase_what_is_not_said_is_the_least() -> None:
    said: dict[str, Any] = {
        "purchaseStateContext": {"purchaseState": "PURCHASED"},
        "productLineItem": [{"productId": "coins_100"}],
    }
    assert bought_of(said) == Bought("coins_100", None, "purchased", False, 1, 0, False)
    two = said | {"productLineItem": [{"productId": "coins_100"}, {"productId": "coins_500"}]}
    assert bought_of(two).product is None
    odd = said | {"productLineItem": [{"productId": "../x", "productOfferDetails": {"quantity": "2"}}]}
    assert (bought_of(odd).product, bought_of(odd).quantity) == (None, 0)


@pytest.mark.parametrize(("quantity", "left", "refunded"), [(1, 0, 0), (3, 3, 0), (3, 1, 2), (3, 0, 3), (3, 4, 0)])
def test_only_of_several_a_part_was_given_back(quantity: int, left: int, refunded: int) -> None:
    offer = {"quantity": quantity, "refundableQuantity": left}
    said = {
        "purchaseStateContext": {"purchaseState": "PENDING"},
        "productLineItem": [{"productId": "coins_100", "productOfferDetails": offer}],
    }
    assert bought_of(said).refunded == refunded


@pytest.mark.parametrize("left", [None, True, -1, 2.0, "3", [], {}], ids=repr)
def test_what_is_left_of_several_is_told_or_nothing_is_believed(left: object) -> None:
    offer = {"quantity": 3, "refundableQuantity": left}
    said = {
        "purchaseStateContext": {"purchaseState": "PURCHASED"},
        "productLineItem": [{"productId": "coins_100", "productOfferDetails": offer}],
    }
    with pytest.raises(ProviderFailed, match="understand"):
        bought_of(said)


def test_of_a_list_what_can_be_read_is_read_and_the_rest_counted() -> None:
    entries = [{"purchaseToken": "a"}, 1, {"purchaseToken": "a/b"}, {}, {"purchaseToken": "b", "voidedQuantity": 1}]
    assert voided_of({"voidedPurchases": entries}) == Voided(("a",), ("b",), None, unreadable=3)


def test_a_list_of_what_was_voided_may_be_empty_and_must_be_one() -> None:
    assert voided_of({}) == Voided((), (), None)
    wrong: list[dict[str, Any]] = [
        {"voidedPurchases": {}},
        {"tokenPagination": "page 2"},
        {"tokenPagination": {"nextPageToken": 1}},
    ]
    for said in wrong:
        with pytest.raises(ProviderFailed):
            voided_of(said)


# --- pushes ----------------------------------------------------------------------------------------


def pushed(google: GoogleServer, told: Thing | None = None) -> bytes:
    """The body of a push about a purchase, or of another one."""
    order = google.buy("coins_500", ACCOUNT)
    made = pushes.make(google.context, told) if told else pushes.listed(google.context, order["id"])[-1]
    return pushes.body_of(made, google.context.clock())


def bearer(google: GoogleServer, **claims: Any) -> str:
    return f"Bearer {pushes.bearer(google.context, **claims)}"


def test_a_push_that_google_signed_for_us_is_heard(google: GoogleServer, play: Gateway) -> None:
    order = google.buy("coins_500", ACCOUNT)
    (told,) = pushes.listed(google.context, order["id"])
    body = pushes.body_of(told, google.context.clock())
    heard = play.verified_push(bearer(google), body)
    assert heard == Notification(told["id"], "changed", "oneTimeProductNotification.1", order["id"])
    assert play.verified_push(bearer(google, iss="accounts.google.com"), body) == heard


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.test"},
        {"aud": None},
        {"email": "somebody@else.test"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": None},
        {"nbf": 4_000_000_000},
        {"iss": "https://accounts.google.com.evil.test"},
        {"iss": "https://issuer.test/"},
        {"iss": None},
        {"algorithm": "none"},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": None}},
        {"header": {"alg": "HS256"}},
    ],
    ids=str,
)
def test_a_push_with_another_token_is_not_googles(google: GoogleServer, play: Gateway, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        play.verified_push(bearer(google, **claims), pushed(google))


def test_nobody_else_signs_pushes(google: GoogleServer, play: Gateway) -> None:
    body = pushed(google)
    public = google.context.google.public_pem()
    forged = [
        bearer(google, key=new_key()),
        bearer(google, algorithm="HS256", key=public),
        bearer(google, algorithm="HS256", key=public, header={"alg": "RS256"}),
        bearer(google)[:-4] + "AAAA",
        bearer(google).removeprefix("Bearer "),
        bearer(google).replace("Bearer", "Basic"),
        "Bearer",
        "",
        "Bearer " + "x" * 9_000,
    ]
    for authorization in forged:
        with pytest.raises(Unauthenticated):
            play.verified_push(authorization, body)


def test_while_googles_keys_are_out_of_reach_a_push_is_asked_for_again(google: GoogleServer, play: Gateway) -> None:
    play._certs_url = "http://127.0.0.1:1/certs"
    with pytest.raises(Unavailable):
        play.verified_push(bearer(google), pushed(google))


def envelope(told: object, **message: object) -> bytes:
    data = base64.b64encode(json.dumps(told).encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": "17"} | message, "subscription": "s"}).encode()


VOIDED = {"purchaseToken": "t.1", "orderId": "GPA.1", "productType": 2, "refundType": 1}


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        (
            {"oneTimeProductNotification": {"notificationType": 2, "purchaseToken": "t.1", "sku": "coins_100"}},
            ("changed", "oneTimeProductNotification.2", "t.1"),
        ),
        ({"voidedPurchaseNotification": VOIDED}, ("voided", "voidedPurchaseNotification.1", "t.1")),
        (
            {"voidedPurchaseNotification": VOIDED | {"refundType": 2}},
            ("changed", "voidedPurchaseNotification.2", "t.1"),
        ),
        (
            {"voidedPurchaseNotification": VOIDED | {"refundType": 3}},
            ("changed", "voidedPurchaseNotification.3", "t.1"),
        ),
        (
            {"voidedPurchaseNotification": VOIDED | {"refundType": "1"}},
            ("changed", "voidedPurchaseNotification.0", "t.1"),
        ),
        (
            {"voidedPurchaseNotification": VOIDED | {"productType": 1}},
            ("other", "voidedPurchaseNotification.1", None),
        ),
        ({"testNotification": {"version": "1.0"}}, ("other", "testNotification", None)),
        ({"subscriptionNotification": {}}, ("other", "subscriptionNotification", None)),
        ({"somethingNew": {}}, ("other", "unknown", None)),
    ],
    ids=str,
)
def test_what_a_notification_tells(told: dict[str, Any], heard: tuple[str, str, str | None]) -> None:
    found = notification_of(envelope({"packageName": PACKAGE} | told), PACKAGE)
    assert (found.id, found.what, found.kind, found.token) == ("17", *heard)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b"{}",
        b'{"message": 1}',
        envelope([]),
        envelope({}),
        envelope({"packageName": "another.app", "testNotification": {}}),
        envelope({"packageName": PACKAGE}, data="*"),
        envelope({"packageName": PACKAGE}, data="é"),
        envelope({"packageName": PACKAGE}, data=None),
        envelope({"packageName": PACKAGE}, data=base64.b64encode(b"nothing").decode()),
        envelope({"packageName": PACKAGE}, messageId=17),
        envelope({"packageName": PACKAGE}, messageId=""),
        envelope({"packageName": PACKAGE}, messageId="a#b"),
        envelope({"packageName": PACKAGE, "oneTimeProductNotification": {}}),
        envelope({"packageName": PACKAGE, "oneTimeProductNotification": {"purchaseToken": "a/b"}}),
        envelope({"packageName": PACKAGE, "voidedPurchaseNotification": {"productType": 2, "purchaseToken": 1}}),
    ],
    ids=lambda body: body[:60].decode(),
)
def test_a_body_that_is_no_notification_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notification_of(body, PACKAGE)
