"""Refunds of the local Stripe, through the real stripe library."""

from typing import Any

import pytest
import stripe

from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import BANK, SUCCESS, Inbox, call, open_checkout, paid, post_form, until

WAITS = "4000000000007726"
SENDS_BACK = "4000000000005126"


def test_a_refund_succeeds_at_once_and_takes_its_amount_from_the_balance(
    client: stripe.StripeClient, inbox: Inbox
) -> None:
    intent = paid(client)
    refund = client.v1.refunds.create(
        params={"payment_intent": intent, "amount": 1000, "reason": "requested_by_customer", "metadata": {"k": "v"}}
    )

    charge = client.v1.charges.retrieve(str(refund.charge), params={"expand": ["refunds"]})
    booked = client.v1.balance_transactions.retrieve(str(refund.balance_transaction))
    assert (refund.status, refund.amount, refund.payment_intent, refund.reason) == (
        "succeeded",
        1000,
        intent,
        "requested_by_customer",
    )
    assert refund.metadata is not None
    assert refund.metadata["k"] == "v"
    assert (charge.amount_refunded, charge.refunded) == (1000, False)
    assert charge.refunds is not None
    assert [each.id for each in charge.refunds.data] == [refund.id]
    assert (booked.amount, booked.fee, booked.net, booked.type) == (-1000, 0, -1000, "refund")
    assert (booked.source, booked.reporting_category) == (refund.id, "refund")
    inbox.wait(
        lambda: sorted(inbox.kinds("refund.") + inbox.kinds("charge.r")) == ["charge.refunded", "refund.created"]
    )


def test_charge_refunded_tells_the_sum_of_the_refunds(client: stripe.StripeClient, inbox: Inbox) -> None:
    intent = paid(client)
    client.v1.refunds.create(params={"payment_intent": intent, "amount": 1000})
    client.v1.refunds.create(params={"payment_intent": intent})

    inbox.wait(lambda: len(inbox.kinds("charge.refunded")) == 2)
    told = [each["data"]["object"] for each in inbox.received if each["type"] == "charge.refunded"]
    assert sorted((each["amount_refunded"], each["refunded"]) for each in told) == [(1000, False), (2500, True)]


@pytest.mark.parametrize(("amount", "code"), [(None, "charge_already_refunded"), (1, "charge_already_refunded")])
def test_what_is_refunded_cannot_be_refunded_again(client: stripe.StripeClient, amount: int | None, code: str) -> None:
    intent = paid(client)
    client.v1.refunds.create(params={"payment_intent": intent})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"payment_intent": intent} | ({"amount": amount} if amount else {}))  # type: ignore[arg-type]  # a dict of its shape

    assert (refused.value.http_status, refused.value.code) == (400, code)


def test_more_than_is_left_cannot_be_refunded(client: stripe.StripeClient) -> None:
    intent = paid(client)
    client.v1.refunds.create(params={"payment_intent": intent, "amount": 2000})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"payment_intent": intent, "amount": 501})

    assert (refused.value.http_status, refused.value.param) == (400, "amount")
    assert len(client.v1.refunds.list().data) == 1


def test_a_refund_that_was_refused_stays_refused_under_its_key(client: stripe.StripeClient) -> None:
    intent = paid(client)
    client.v1.refunds.create(params={"payment_intent": intent, "amount": 2000})

    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.refunds.create(
                params={"payment_intent": intent, "amount": 501}, options={"idempotency_key": "refund:1"}
            )
    assert refused.value.headers is not None
    assert refused.value.headers["Idempotent-Replayed"] == "true"


def test_an_unpaid_intent_has_nothing_to_refund(client: stripe.StripeClient) -> None:
    session = open_checkout(client)
    post_form(session.url, card="4000000000000002")
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"payment_intent": str(intent)})
    assert refused.value.http_status == 400
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"payment_intent": "pi_nothing"})
    assert refused.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={})
    assert refused.value.code == "parameter_missing"


@pytest.mark.parametrize("card", [WAITS, BANK])
def test_some_refunds_wait_before_they_succeed(client: stripe.StripeClient, inbox: Inbox, card: str) -> None:
    intent = paid(client, card)
    refund = client.v1.refunds.create(params={"payment_intent": intent})

    assert refund.status == "pending"
    inbox.wait(lambda: "refund.updated" in inbox.kinds("refund."))
    inbox.wait(lambda: "charge.refund.updated" in inbox.kinds("charge.refund."))
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert "refund.failed" not in inbox.kinds("refund.")


def test_a_refund_that_fails_gives_the_money_back(client: stripe.StripeClient, inbox: Inbox) -> None:
    intent = paid(client, SENDS_BACK)
    refund = client.v1.refunds.create(params={"payment_intent": intent})

    inbox.wait(lambda: {"refund.failed", "refund.updated"} <= set(inbox.kinds("refund.")))
    failed = client.v1.refunds.retrieve(refund.id, params={"expand": ["failure_balance_transaction"]})
    back: Any = failed.failure_balance_transaction
    assert (refund.status, failed.status, failed.failure_reason) == ("succeeded", "failed", "expired_or_canceled_card")
    assert (back.amount, back.type, back.reporting_category, back.source) == (
        2500,
        "refund_failure",
        "refund_failure",
        refund.id,
    )
    assert client.v1.charges.retrieve(str(refund.charge)).amount_refunded == 0


def test_a_refund_can_be_settled_at_once_and_fails_once(local: StripeServer, client: stripe.StripeClient) -> None:
    refund = client.v1.refunds.create(params={"payment_intent": paid(client)})

    for outcome in ("failed", "failed", "succeeded"):
        settled = call(local, "POST", f"/_local/refunds/{refund.id}/settle", {"outcome": outcome})

    assert settled["status"] == "failed"
    kinds = client.v1.events.list(params={"type": "refund.failed"}).data
    assert len(kinds) == 1


def test_refunds_are_listed_by_payment_in_pages(client: stripe.StripeClient) -> None:
    other, intent = paid(client), paid(client)
    client.v1.refunds.create(params={"payment_intent": other})
    made = [client.v1.refunds.create(params={"payment_intent": intent, "amount": 100}) for _ in range(3)]

    by_payment = client.v1.refunds.list(params={"payment_intent": intent, "limit": 2})
    by_charge = client.v1.refunds.list(params={"charge": str(made[0].charge)})
    assert [each.id for each in by_payment.auto_paging_iter()] == [each.id for each in reversed(made)]
    assert len(by_charge.data) == 3


def test_a_refund_keeps_what_is_added_to_its_metadata(client: stripe.StripeClient) -> None:
    refund = client.v1.refunds.create(params={"payment_intent": paid(client), "metadata": {"a": "1"}})
    client.v1.refunds.update(refund.id, params={"metadata": {"b": "2"}})

    assert client.v1.refunds.retrieve(refund.id).to_dict()["metadata"] == {"a": "1", "b": "2"}


def test_a_charge_that_pays_a_bank_account_can_be_refunded_only_when_paid(client: stripe.StripeClient) -> None:
    session = open_checkout(client)
    post_form(session.url, card=BANK)
    intent = str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    until(lambda: [each for each in [client.v1.payment_intents.retrieve(intent)] if each.status == "succeeded"])

    refund = client.v1.refunds.create(params={"payment_intent": intent})
    booked = client.v1.balance_transactions.retrieve(str(refund.balance_transaction))

    assert booked.type == "payment_refund"


def test_the_first_refund_is_listed_among_the_balance_transactions(client: stripe.StripeClient) -> None:
    refund = client.v1.refunds.create(params={"payment_intent": paid(client, SUCCESS)})

    listed = client.v1.balance_transactions.list(params={"type": "refund"})

    assert [each.source for each in listed.data] == [refund.id]
