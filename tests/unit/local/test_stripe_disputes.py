"""Disputes of the local Stripe, through the real stripe library."""

from typing import Any

import pytest
import requests
import stripe

from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import Inbox, call, paid, until

FRAUDULENT = "4000000000000259"
NOT_RECEIVED = "4000000000002685"
INQUIRY = "4000000000001976"
FAMILY = "charge.dispute."


def disputed(client: stripe.StripeClient, card: str) -> stripe.Dispute:
    intent = paid(client, card)
    (dispute,) = until(lambda: client.v1.disputes.list(params={"payment_intent": intent}).data)
    assert isinstance(dispute, stripe.Dispute)
    return dispute


def balance(client: stripe.StripeClient) -> int:
    return client.v1.balance.retrieve().available[0].amount


@pytest.mark.parametrize(("card", "reason"), [(FRAUDULENT, "fraudulent"), (NOT_RECEIVED, "product_not_received")])
def test_a_dispute_comes_after_the_payment_and_takes_its_amount_and_a_fee(
    client: stripe.StripeClient, inbox: Inbox, card: str, reason: str
) -> None:
    dispute = disputed(client, card)

    (booked,) = dispute.balance_transactions
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", reason, 2500)
    assert (booked.amount, booked.fee, booked.net, booked.type) == (-2500, 1500, -4000, "adjustment")
    assert (booked.reporting_category, booked.source) == ("dispute", dispute.id)
    assert balance(client) == 2500 - 103 - 4000
    assert client.v1.charges.retrieve(str(dispute.charge)).disputed
    inbox.wait(lambda: sorted(inbox.kinds(FAMILY)) == [f"{FAMILY}created", f"{FAMILY}funds_withdrawn"])


@pytest.mark.parametrize(("evidence", "outcome", "back"), [("winning", "won", 2500), ("losing", "lost", 0)])
def test_evidence_decides_a_dispute(
    client: stripe.StripeClient, inbox: Inbox, evidence: str, outcome: str, back: int
) -> None:
    dispute = disputed(client, FRAUDULENT)
    before = balance(client)
    reviewed = client.v1.disputes.update(
        dispute.id, params={"evidence": {"uncategorized_text": f"{evidence}_evidence"}, "submit": True}
    )

    assert (reviewed.status, reviewed.evidence_details.submission_count) == ("under_review", 1)
    inbox.wait(lambda: f"{FAMILY}closed" in inbox.kinds(FAMILY))
    assert client.v1.disputes.retrieve(dispute.id).status == outcome
    assert balance(client) - before == back
    inbox.wait(lambda: (f"{FAMILY}funds_reinstated" in inbox.kinds(FAMILY)) == bool(back))


def test_a_dispute_that_is_given_in_is_lost(client: stripe.StripeClient) -> None:
    dispute = disputed(client, FRAUDULENT)

    assert client.v1.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.close(dispute.id)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "winning_evidence"}})


def test_an_inquiry_takes_no_money_and_closes(local: StripeServer, client: stripe.StripeClient, inbox: Inbox) -> None:
    dispute = disputed(client, INQUIRY)

    assert (dispute.status, dispute.is_charge_refundable) == ("warning_needs_response", True)
    assert balance(client) == 2500 - 103
    closed = call(local, "POST", f"/_local/disputes/{dispute.id}/close", {"outcome": "warning_closed"})
    assert closed["status"] == "warning_closed"
    inbox.wait(lambda: sorted(inbox.kinds(FAMILY)) == [f"{FAMILY}closed", f"{FAMILY}created"])


def test_an_inquiry_that_escalates_takes_the_money_then(
    local: StripeServer, client: stripe.StripeClient, inbox: Inbox
) -> None:
    dispute = disputed(client, INQUIRY)
    call(local, "POST", f"/_local/disputes/{dispute.id}/escalate")

    assert client.v1.disputes.retrieve(dispute.id).status == "needs_response"
    assert balance(client) == 2500 - 103 - 4000
    inbox.wait(lambda: f"{FAMILY}funds_withdrawn" in inbox.kinds(FAMILY))
    assert client.v1.disputes.list().data[0].id == dispute.id


def test_any_charge_can_be_disputed_in_part(local: StripeServer, client: stripe.StripeClient) -> None:
    charge = client.v1.payment_intents.retrieve(paid(client)).latest_charge
    dispute = call(local, "POST", "/_local/disputes", {"charge": charge, "amount": 700, "reason": "duplicate"})

    assert (dispute["amount"], dispute["reason"], dispute["status"]) == (700, "duplicate", "needs_response")
    won = call(local, "POST", f"/_local/disputes/{dispute['id']}/close", {"outcome": "won"})
    (out, back) = won["balance_transactions"]
    assert (out["amount"], back["amount"], back["fee"], back["reporting_category"]) == (
        -700,
        700,
        0,
        "dispute_reversal",
    )


def test_a_disputed_charge_cannot_be_refunded_until_it_is_won(local: StripeServer, client: stripe.StripeClient) -> None:
    dispute = disputed(client, FRAUDULENT)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"charge": str(dispute.charge)})
    assert refused.value.code == "charge_disputed"
    call(local, "POST", f"/_local/disputes/{dispute.id}/close", {"outcome": "won"})
    assert client.v1.refunds.create(params={"charge": str(dispute.charge)}).status == "succeeded"


def test_what_was_refunded_is_not_disputed(local: StripeServer, client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.retrieve(paid(client))
    client.v1.refunds.create(params={"payment_intent": intent.id, "amount": 2400})

    assert post(local, "/_local/disputes", {"charge": intent.latest_charge, "amount": 101}) == 400
    assert post(local, "/_local/disputes", {"charge": intent.id}) == 200, "by the payment"
    assert post(local, "/_local/disputes", {"charge": intent.latest_charge}) == 400
    assert post(local, "/_local/disputes", {"charge": "ch_nothing"}) == 404
    assert post(local, "/_local/disputes", {"charge": "pi_nothing"}) == 404
    assert post(local, "/_local/disputes/dp_nothing/close", {"outcome": "won"}) == 404


@pytest.mark.parametrize("outcome", ["warning_closed", "nonsense"])
def test_an_outcome_must_be_one_of_the_dispute(local: StripeServer, client: stripe.StripeClient, outcome: str) -> None:
    dispute = disputed(client, FRAUDULENT)

    assert post(local, f"/_local/disputes/{dispute.id}/close", {"outcome": outcome}) == 400
    assert client.v1.disputes.retrieve(dispute.id).status == "needs_response"


def post(local: StripeServer, path: str, body: Any) -> int:
    return requests.post(f"{local.url}{path}", json=body, timeout=60).status_code
