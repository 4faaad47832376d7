"""Transfers, payouts and balances of the local Stripe, through the real stripe library."""

import time
from typing import Any

import pytest
import requests
import stripe

from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import Inbox, call, client_of, new_account, onboarded, paid, until

FAILING_BANK = "000111111116"


def transfer(client: stripe.StripeClient, account: str, amount: int = 1000, key: str = "payout:1") -> stripe.Transfer:
    params: Any = {
        "amount": amount,
        "currency": "usd",
        "destination": account,
        "transfer_group": "pay_1",
        "metadata": {"payout": "pay_1"},
    }
    return client.v1.transfers.create(params=params, options={"idempotency_key": key})


def available(client: stripe.StripeClient, account: str | None = None) -> int:
    options: Any = {"stripe_account": account} if account else {}
    return client.v1.balance.retrieve(options=options).available[0].amount


def kinds_of(client: stripe.StripeClient, account: str | None = None) -> list[tuple[str, int]]:
    """Type and net of every balance transaction, oldest first."""
    options: Any = {"stripe_account": account} if account else {}
    listed = client.v1.balance_transactions.list(params={"limit": 100}, options=options).data
    return [(each.type, each.net) for each in reversed(listed)]


def test_a_transfer_moves_money_between_two_balances(
    local: StripeServer, client: stripe.StripeClient, inbox: Inbox
) -> None:
    paid(client)
    account = onboarded(local, client)
    made = transfer(client, account)

    booked = client.v1.balance_transactions.retrieve(str(made.balance_transaction))
    assert (made.amount, made.destination, made.transfer_group) == (1000, account, "pay_1")
    assert made.metadata["payout"] == "pay_1"
    assert (booked.amount, booked.type, booked.source, booked.reporting_category) == (
        -1000,
        "transfer",
        made.id,
        "transfer",
    )
    assert (available(client), available(client, account)) == (2397 - 1000, 1000)
    assert kinds_of(client, account) == [("payment", 1000)]
    arrived: Any = client.v1.charges.retrieve(str(made.destination_payment), options={"stripe_account": account})
    assert arrived.source_transfer == made.id
    inbox.wait(lambda: inbox.kinds("transfer.") == ["transfer.created"])


def test_a_transfer_is_made_once_under_its_key(local: StripeServer, client: stripe.StripeClient) -> None:
    paid(client)
    account = onboarded(local, client)
    call(local, "PUT", "/_local/fault", {"path": "/v1/transfers", "lose_answer": True})
    with pytest.raises(stripe.APIConnectionError):
        transfer(client, account)

    made = transfer(client, account)
    assert transfer(client, account).id == made.id
    assert [each.id for each in client.v1.transfers.list(params={"transfer_group": "pay_1"}).data] == [made.id]
    assert available(client, account) == 1000


def test_more_than_is_available_cannot_be_transferred_under_that_key(
    local: StripeServer, client: stripe.StripeClient
) -> None:
    account = onboarded(local, client)
    paid(client)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        transfer(client, account, 2398)
    assert (refused.value.http_status, refused.value.code) == (400, "balance_insufficient")

    paid(client)
    with pytest.raises(stripe.InvalidRequestError):
        transfer(client, account, 2398)  # as at Stripe, the key keeps its refusal
    assert transfer(client, account, 2398, key="payout:2").amount == 2398


def test_an_account_that_cannot_be_paid_is_no_destination(local: StripeServer, client: stripe.StripeClient) -> None:
    paid(client)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        transfer(client, new_account(client))
    assert refused.value.code == "insufficient_capabilities_for_transfer"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        transfer(client, "acct_nobody", key="payout:2")
    assert (refused.value.code, refused.value.param) == ("resource_missing", "destination")

    assert (available(client), client.v1.transfers.list().data) == (2397, [])
    assert onboarded(local, client)


def test_a_reversal_is_the_way_back(local: StripeServer, client: stripe.StripeClient, inbox: Inbox) -> None:
    paid(client)
    account = onboarded(local, client)
    made = transfer(client, account)
    first = client.v1.transfers.reversals.create(made.id, params={"amount": 400, "metadata": {"why": "test"}})
    part = client.v1.transfers.retrieve(made.id)
    client.v1.transfers.reversals.create(made.id)
    whole = client.v1.transfers.retrieve(made.id)

    booked = client.v1.balance_transactions.retrieve(str(first.balance_transaction))
    assert (part.amount_reversed, part.reversed) == (400, False)
    assert (whole.amount_reversed, whole.reversed, len(whole.reversals.data)) == (1000, True, 2)
    assert (booked.type, booked.reporting_category, booked.source) == (
        "transfer_refund",
        "transfer_reversal",
        first.id,
    )
    assert (available(client), available(client, account)) == (2397, 0)
    assert kinds_of(client, account) == [("payment", 1000), ("payment_refund", -400), ("payment_refund", -600)]
    assert client.v1.transfers.reversals.retrieve(made.id, first.id).amount == 400
    assert len(client.v1.transfers.reversals.list(made.id).data) == 2
    inbox.wait(lambda: inbox.kinds("transfer.r") == ["transfer.reversed"] * 2)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.transfers.reversals.create(made.id)
    assert client.v1.refunds.list().data == []


def test_what_the_account_has_no_more_is_taken_back_by_force_only(
    local: StripeServer, client: stripe.StripeClient
) -> None:
    paid(client)
    account = onboarded(local, client)
    made = transfer(client, account)
    call(local, "POST", f"/_local/accounts/{account}/payout", {"outcome": "paid"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.reversals.create(made.id)
    assert refused.value.code == "balance_insufficient"

    call(local, "POST", f"/_local/transfers/{made.id}/reverse")
    assert available(client, account) == -1000


@pytest.mark.parametrize(("outcome", "left"), [("paid", 0), ("failed", 1000)])
def test_an_accounts_payout_is_told_on_connect(
    local: StripeServer, client: stripe.StripeClient, connect: Inbox, outcome: str, left: int
) -> None:
    paid(client)
    account = onboarded(local, client)
    transfer(client, account)
    payout = call(local, "POST", f"/_local/accounts/{account}/payout", {"outcome": outcome})

    assert (payout["amount"], payout["status"]) == (1000, outcome)
    assert available(client, account) == left
    connect.wait(lambda: sorted(connect.kinds("payout.")) == sorted(["payout.created", f"payout.{outcome}"]))
    told = next(each for each in connect.received if each["type"] == f"payout.{outcome}")
    assert (told["account"], told["data"]["object"]["id"]) == (account, payout["id"])
    assert client.v1.payouts.list().data == []
    assert len(client.v1.payouts.list(options={"stripe_account": account}).data) == 1


def test_a_bank_that_takes_nothing_gives_the_payout_back(local: StripeServer, client: stripe.StripeClient) -> None:
    paid(client)
    account = onboarded(local, client, FAILING_BANK)
    transfer(client, account)
    options: Any = {"stripe_account": account}
    made = client.v1.payouts.create(params={"amount": 700, "currency": "usd"}, options=options)

    assert (made.status, available(client, account)) == ("pending", 300)
    failed = until(
        lambda: [each for each in [client.v1.payouts.retrieve(made.id, options=options)] if each.status == "failed"]
    )[0]
    assert (failed.failure_code, available(client, account)) == ("no_account", 1000)
    assert kinds_of(client, account)[-2:] == [("payout", -700), ("payout_failure", 700)]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.retrieve(made.id)


def test_what_a_payout_covers_can_be_listed(local: StripeServer, client: stripe.StripeClient) -> None:
    paid(client)
    account = onboarded(local, client)
    transfer(client, account, 300, "1")
    call(local, "POST", f"/_local/accounts/{account}/payout")
    transfer(client, account, 400, "2")
    second = call(local, "POST", f"/_local/accounts/{account}/payout")

    covered = client.v1.balance_transactions.list(
        params={"payout": second["id"]}, options={"stripe_account": account}
    ).data
    assert sorted(each.amount for each in covered) == [-400, 400]


def test_an_account_without_means_is_not_paid_out(local: StripeServer, client: stripe.StripeClient) -> None:
    account = onboarded(local, client)

    for path in (f"/_local/accounts/{account}/payout", "/_local/payout", "/_local/accounts/acct_nobody/payout"):
        assert requests.post(f"{local.url}{path}", timeout=60).status_code in (400, 404)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.create(
            params={"amount": 1, "currency": "usd"}, options={"stripe_account": new_account(client)}
        )


def test_the_platforms_own_payout_leaves_its_balance(local: StripeServer, client: stripe.StripeClient) -> None:
    paid(client)
    call(local, "POST", "/_local/payout", {"amount": 2000})

    assert available(client) == 397
    assert kinds_of(client) == [("charge", 2397), ("payout", -2000)]


def test_the_balance_is_the_sum_of_its_transactions(local: StripeServer, client: stripe.StripeClient) -> None:
    account = onboarded(local, client)
    intent = paid(client, amount=10_000)
    client.v1.refunds.create(params={"payment_intent": intent, "amount": 1_000})
    charge = client.v1.payment_intents.retrieve(intent).latest_charge
    dispute = call(local, "POST", "/_local/disputes", {"charge": charge, "amount": 500})
    call(local, "POST", f"/_local/disputes/{dispute['id']}/close", {"outcome": "won"})
    made = transfer(client, account, 2_000)
    client.v1.transfers.reversals.create(made.id, params={"amount": 300})

    assert kinds_of(client) == [
        ("charge", 10_000 - 320),
        ("refund", -1_000),
        ("adjustment", -2_000),
        ("adjustment", 500),
        ("transfer", -2_000),
        ("transfer_refund", 300),
    ]
    assert available(client) == 9_680 - 1_000 - 2_000 + 500 - 2_000 + 300
    assert available(client, account) == 1_700


def test_balance_transactions_are_listed_by_source_type_and_moment_in_pages(
    local: StripeServer, client: stripe.StripeClient
) -> None:
    account = onboarded(local, client)
    before = int(time.time())
    for _ in range(3):
        paid(client)
    made = transfer(client, account)

    pages = client.v1.balance_transactions.list(
        params={"limit": 2, "created": {"gte": before, "lt": before + 60}, "expand": ["data.source"]}
    )
    everything: list[Any] = list(pages.auto_paging_iter())
    assert [each.source.object for each in everything] == ["transfer", "charge", "charge", "charge"]
    assert [each.source for each in client.v1.balance_transactions.list(params={"source": made.id}).data] == [made.id]
    assert len(client.v1.balance_transactions.list(params={"type": "charge"}).data) == 3
    assert client.v1.balance_transactions.list(params={"created": {"lt": before}}).data == []


def test_what_is_paid_waits_in_the_pending_balance_where_it_was_told_to() -> None:
    now = [1_800_000_000.0]
    with StripeServer(available_seconds=172_800, clock=lambda: now[0]) as local:
        client = client_of(local)
        paid(client)
        account = onboarded(local, client)
        waiting = client.v1.balance_transactions.list().data[0]
        with pytest.raises(stripe.InvalidRequestError) as refused:
            transfer(client, account)
        paid(client, "4000000000000077")
        assert (waiting.status, refused.value.code) == ("pending", "balance_insufficient")
        assert (available(client), client.v1.balance.retrieve().pending[0].amount) == (2397, 2397)
        now[0] += 172_800
        assert available(client) == 2 * 2397
        assert client.v1.balance_transactions.retrieve(waiting.id).status == "available"


def test_a_transfer_keeps_what_is_added_to_its_metadata(local: StripeServer, client: stripe.StripeClient) -> None:
    paid(client)
    made = transfer(client, onboarded(local, client))
    client.v1.transfers.update(made.id, params={"metadata": {"more": "yes"}})

    assert client.v1.transfers.retrieve(made.id).to_dict()["metadata"] == {"payout": "pay_1", "more": "yes"}


def test_an_idempotency_key_is_an_accounts_own(local: StripeServer, client: stripe.StripeClient) -> None:
    paid(client)
    made = []
    for number in ("1", "2"):
        account = onboarded(local, client)
        transfer(client, account, key=number)
        options: Any = {"stripe_account": account, "idempotency_key": "payout"}
        made.append(client.v1.payouts.create(params={"amount": 500, "currency": "usd"}, options=options).id)

    assert len(set(made)) == 2
