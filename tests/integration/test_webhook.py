"""``stripe_webhook`` as Lambda calls it: real signatures, DynamoDB, a secret from Secrets Manager, and its own world.

The world is the product's, made from the environment; nothing stands in for any of it. DynamoDB's failures are put
in between by botocore's events.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.runtime import aws
from chalicelib.shop.handlers import stripe_webhook
from chalicelib.wallet import service as wallet
from chalicelib.wallet import topups
from chalicelib.wallet.model.topup import TopUp
from chalicelib.wallet.store import Events
from tests.integration.product import STRIPE_WEBHOOK_SECRET as SECRET
from tests.integration.product import forget
from tests.support.duo import assert_whole
from tests.support.events import checkout_event
from tests.support.faults import Send, cancelled, fault, never_answers, never_arrives, refusal

COMPLETED = "checkout.session.completed"


def signed(payload: str, *, secret: str = SECRET, at: int | None = None) -> str:
    """The header that Stripe sends: the moment, and the HMAC-SHA256 of the moment and the payload."""
    moment = int(time.time()) if at is None else at
    return f"t={moment},v1={signature(payload, secret, moment)}"


def signature(payload: str, secret: str, moment: int) -> str:
    return hmac.new(secret.encode(), f"{moment}.{payload}".encode(), hashlib.sha256).hexdigest()


def call(payload: str, header: str | None, *, encoded: bool = False, name: str = "stripe-signature") -> tuple[int, str]:
    """What the function URL is answered: status and result."""
    body = base64.b64encode(payload.encode()).decode() if encoded else payload
    event = {
        "version": "2.0",
        "requestContext": {"http": {"method": "POST"}},
        "headers": {} if header is None else {name: header},
        "body": body,
        "isBase64Encoded": encoded,
    }
    answer = stripe_webhook(event, None)
    assert answer["headers"] == {"content-type": "application/json"}
    return answer["statusCode"], json.loads(answer["body"])["result"]


def delivered(event: dict[str, Any]) -> tuple[int, str]:
    payload = json.dumps(event)
    return call(payload, signed(payload))


STORED = (200, "stored")
REFUSED = (400, "signature")
FAILED = (500, "try again")


@pytest.fixture
def topup(product: World, world: World) -> TopUp:
    """A top-up of $25 whose page is open. The page is no concern of this test, so no vendor is asked for it."""
    own = uuid4().hex[:10]
    return topups.open_topup(world, f"usr_{own}", f"top_{own}", 2_500)


@pytest.fixture
def credit(world: World, topup: TopUp) -> Callable[[], int]:
    """The client's credit, from a chain that proves itself."""
    return lambda: assert_whole(world, wallet.credit_account(topup.user))


@pytest.fixture
def status(world: World, topup: TopUp) -> Callable[[], str]:
    return lambda: topups.topup_of(world, topup.user, topup.id).status


def outcome(world: World, event: dict[str, Any]) -> str | None:
    """What is stored of the event; None where it is not."""
    rows = Events(world.tables, world.settings.tables.wallet)
    if not rows.seen(event["id"]):
        return None
    row = world.tables.get(world.settings.tables.wallet, {"pk": f"event#{event['id']}", "sk": "event"})
    assert row
    assert set(row) == {"pk", "sk", "type", "outcome", "at"}, "an event's content stays with Stripe"
    return str(row["outcome"])


# --- what is believed ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoded", [False, True])
def test_a_paid_page_is_credited_whether_the_body_comes_as_text_or_as_base64(
    topup: TopUp, credit: Any, status: Any, encoded: bool
) -> None:
    payload = json.dumps(checkout_event(f"evt_{topup.id}", COMPLETED, topup), ensure_ascii=False)
    assert call(payload, signed(payload), encoded=encoded) == STORED
    assert (credit(), status()) == (2_500, "paid")


def test_a_body_is_verified_byte_for_byte_also_where_it_is_not_ascii(topup: TopUp, credit: Any) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup, customer_details={"name": "Zoë \N{CRYSTAL BALL}"})
    payload = json.dumps(event, ensure_ascii=False, indent=2) + "\n"
    assert call(payload, signed(payload), encoded=True) == STORED
    assert credit() == 2_500


@pytest.mark.parametrize("name", ["Stripe-Signature", "STRIPE-SIGNATURE", "stripe-signature"])
def test_the_name_of_the_header_may_be_written_in_any_case(topup: TopUp, credit: Any, name: str) -> None:
    payload = json.dumps(checkout_event(f"evt_{topup.id}", COMPLETED, topup))
    assert call(payload, signed(payload), name=name) == STORED
    assert credit() == 2_500


def test_while_a_secret_is_rolled_one_good_signature_of_two_is_enough(topup: TopUp, credit: Any) -> None:
    payload = json.dumps(checkout_event(f"evt_{topup.id}", COMPLETED, topup))
    now = int(time.time())
    old, new = signature(payload, "whsec_old", now), signature(payload, SECRET, now)
    assert call(payload, f"t={now},v1={old},v1={new}") == STORED
    assert credit() == 2_500


def test_two_bad_signatures_are_none(topup: TopUp, credit: Any) -> None:
    payload = json.dumps(checkout_event(f"evt_{topup.id}", COMPLETED, topup))
    now = int(time.time())
    first, second = signature(payload, "whsec_a", now), signature(payload, "whsec_b", now)
    assert call(payload, f"t={now},v1={first},v1={second}") == REFUSED
    assert credit() == 0


def forgeries(payload: str) -> dict[str, str | None]:
    now = int(time.time())
    good = signature(payload, SECRET, now)
    return {
        "no header": None,
        "an empty header": "",
        "not a header of Stripe's": "hello",
        "another secret": signed(payload, secret="whsec_other"),
        "an empty secret": signed(payload, secret=""),
        "six minutes old": signed(payload, at=now - 360),
        "no moment": f"v1={good}",
        "another moment": f"t={now - 1},v1={good}",
        "no signature": f"t={now}",
        "only the old scheme": f"t={now},v0={good}",
        "of another body": signed(payload.replace("2500", "250000")),
    }


@pytest.mark.parametrize("forgery", forgeries(""))
def test_what_stripe_did_not_sign_now_is_refused_and_changes_nothing(
    world: World, topup: TopUp, credit: Any, status: Any, forgery: str
) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup)
    payload = json.dumps(event)
    assert call(payload, forgeries(payload)[forgery]) == REFUSED
    assert (credit(), status(), outcome(world, event)) == (0, "pending", None)


def test_a_signed_body_that_is_no_json_is_refused(product: World) -> None:
    assert call("{not json", signed("{not json")) == REFUSED


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_that_is_too_large_is_refused_before_it_is_looked_at(topup: TopUp, credit: Any, encoded: bool) -> None:
    payload = json.dumps(checkout_event(f"evt_{topup.id}", COMPLETED, topup, padding="x" * 400_000))
    assert call(payload, signed(payload), encoded=encoded) == (400, "body")
    assert credit() == 0


def test_no_body_or_one_that_is_not_base64_as_it_says_is_refused(product: World) -> None:
    assert call("", signed("")) == (400, "body")
    event = {"headers": {"stripe-signature": signed("x")}, "body": "!not base64!", "isBase64Encoded": True}
    assert stripe_webhook(event, None)["statusCode"] == 400


# --- what is credited ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_total", 2_501),
        ("amount_total", 250_000),
        ("amount_total", "2500"),
        ("amount_total", None),
        ("currency", "eur"),
        ("currency", "USD"),
        ("mode", "subscription"),
        ("metadata", {"user": "usr_somebody_else"}),
        ("metadata", {}),
        ("metadata", None),
        ("id", "cs_test_another_page"),
        ("payment_intent", None),
    ],
)
def test_paid_but_not_what_our_own_record_says_is_stored_and_credits_nothing(
    world: World, topup: TopUp, credit: Any, status: Any, capsys: Any, field: str, value: Any
) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup, **{field: value})
    assert delivered(event) == STORED
    assert (credit(), status()) == (0, "pending")
    assert outcome(world, event) == "paid, but not what our record says"
    alarms = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["level"] == "error"]
    assert [alarm["event"] for alarm in alarms] == ["stripe_event_unexpected"]


def test_paid_for_a_topup_of_nobody_is_stored_and_credits_nobody(world: World, topup: TopUp, credit: Any) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup, client_reference_id="top_of_nobody")
    assert delivered(event) == STORED
    assert (credit(), outcome(world, event)) == (0, "no top-up of ours")


def test_completed_but_not_paid_yet_waits_for_the_payment(world: World, topup: TopUp, credit: Any, status: Any) -> None:
    """A bank transfer: the page is completed days before the money comes."""
    first = checkout_event(f"evt_1{topup.id}", COMPLETED, topup, payment_status="unpaid")
    assert delivered(first) == STORED
    assert (credit(), status(), outcome(world, first)) == (0, "pending", "not paid yet")
    second = checkout_event(f"evt_2{topup.id}", "checkout.session.async_payment_succeeded", topup)
    assert delivered(second) == STORED
    assert (credit(), status(), outcome(world, second)) == (2_500, "paid", "credited")


@pytest.mark.parametrize(
    ("kind", "closed"),
    [("checkout.session.expired", "expired"), ("checkout.session.async_payment_failed", "failed")],
)
def test_a_page_that_expired_or_failed_closes_the_topup_and_one_that_was_paid_stays_paid(
    world: World, topup: TopUp, credit: Any, status: Any, kind: str, closed: str
) -> None:
    ending = checkout_event(f"evt_1{topup.id}", kind, topup)
    assert delivered(ending) == STORED
    assert (credit(), status(), outcome(world, ending)) == (0, closed, closed)
    assert delivered(checkout_event(f"evt_2{topup.id}", COMPLETED, topup)) == STORED
    assert delivered(checkout_event(f"evt_3{topup.id}", kind, topup)) == STORED
    assert (credit(), status()) == (2_500, "paid")


@pytest.mark.parametrize("kind", ["customer.created", "checkout.session.of_the_future", "payment_intent.succeeded"])
def test_an_event_that_is_not_ours_to_handle_is_stored_all_the_same(
    world: World, topup: TopUp, credit: Any, kind: str
) -> None:
    event = checkout_event(f"evt_{topup.id}", kind, topup)
    assert delivered(event) == STORED
    assert (credit(), outcome(world, event)) == (0, "not ours to handle")


def test_an_event_delivered_again_changes_nothing_and_is_thanked_for(topup: TopUp, credit: Any) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup)
    assert [delivered(event) for _ in range(3)] == [STORED] * 3
    assert credit() == 2_500


def test_both_event_families_of_one_payment_credit_once_and_both_are_stored(
    world: World, topup: TopUp, credit: Any
) -> None:
    names = (COMPLETED, "checkout.session.async_payment_succeeded")
    events = [checkout_event(f"evt_{name}{topup.id}", name, topup) for name in names]
    assert [delivered(event) for event in events] == [STORED] * 2
    assert credit() == 2_500
    assert [outcome(world, event) for event in events] == ["credited", "already paid"]


def test_neither_logs_nor_storage_keep_what_a_person_typed(world: World, topup: TopUp, capsys: Any) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup, customer_details={"email": "zoe@example.com"})
    assert delivered(event) == STORED
    assert delivered(event | {"id": f"evt_2{topup.id}"}) == STORED
    assert outcome(world, event) == "credited"
    said = capsys.readouterr()
    assert "zoe@example.com" not in said.out + said.err
    assert "whsec" not in said.out + said.err


# --- when storage fails --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "operation"),
    [
        (refusal("AccessDeniedException"), "TransactWriteItems"),
        (refusal("AccessDeniedException"), "GetItem"),
        (refusal("ResourceNotFoundException"), "Query"),
        (cancelled({"Code": "ValidationError", "Message": "injected"}), "TransactWriteItems"),
    ],
)
def test_what_could_not_be_stored_is_answered_500_and_credited_when_stripe_delivers_it_again(
    topup: TopUp, credit: Any, status: Any, wrong: Send, operation: str
) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup)
    with fault(aws.client("dynamodb"), wrong, operation):
        assert delivered(event) == FAILED
    assert (credit(), status()) == (0, "pending")
    assert delivered(event) == STORED
    assert (credit(), status()) == (2_500, "paid")


@pytest.mark.parametrize(
    "wrong",
    [never_arrives, never_answers, refusal("ThrottlingException"), refusal("InternalServerError", status=500)],
    ids=["lost request", "lost answer", "throttled", "server error"],
)
def test_a_fault_that_passes_is_made_up_for_within_the_delivery_and_credits_once(
    topup: TopUp, credit: Any, status: Any, wrong: Send
) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup)
    with fault(aws.client("dynamodb"), wrong, "TransactWriteItems"):
        assert delivered(event) == STORED
    assert delivered(event) == STORED
    assert (credit(), status()) == (2_500, "paid")


def test_while_the_secret_cannot_be_read_nothing_is_believed_and_stripe_is_asked_to_come_again(
    monkeypatch: pytest.MonkeyPatch, topup: TopUp, credit: Any
) -> None:
    event = checkout_event(f"evt_{topup.id}", COMPLETED, topup)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("STRIPE_SECRET", "soulseer-test/absent")
        forget()
        assert delivered(event) == FAILED
    forget()
    assert credit() == 0
    assert delivered(event) == STORED
    assert credit() == 2_500


def test_a_signature_of_other_letters_is_refused(topup: TopUp, credit: Any) -> None:
    payload = json.dumps(checkout_event("evt_letters", COMPLETED, topup))
    assert call(payload, f"t={int(time.time())},v1=\xe9") == REFUSED


@pytest.mark.parametrize(
    "payload",
    ["[]", "null", "1", "{}", '{"id": "evt_1"}', '{"id": "evt_1", "type": "x", "data": {"object": []}}', "[" * 5_000],
)
def test_what_is_signed_and_is_no_event_is_refused_and_not_asked_for_again(product: World, payload: str) -> None:
    status, _ = call(payload, signed(payload))
    assert status == 400
