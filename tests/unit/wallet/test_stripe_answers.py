"""What Stripe's answers mean, through the real library: a definite refusal is one thing, everything else is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.gateways.stripe import Refused, StripePayments
from chalicelib.kernel.errors import ProviderFailed
from infra.local.stripe.server import StripeServer
from tests.support.door import product_on
from tests.support.local_stripe import Library, call, client_of, paid
from tests.support.worlds import hand_world, settings


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with StripeServer() as local:
        yield Library(local)


@pytest.fixture
def intent(library: Library) -> str:
    return paid(client_of(library.local))


def test_a_refund_is_made_once_for_its_part_and_carries_its_name(library: Library, intent: str) -> None:
    made = library.refund(intent=intent, amount=700, part="rfd_1:0")
    assert library.refund(intent=intent, amount=700, part="rfd_1:0")["id"] == made["id"]
    assert (made["amount"], made["status"], made["metadata"]) == (700, "succeeded", {"refund_part": "rfd_1:0"})
    assert [each["id"] for each in library.refunds_of(intent)] == [made["id"]]


def test_what_is_refunded_already_is_refused(library: Library, intent: str) -> None:
    library.refund(intent=intent, amount=2_500, part=f"{intent}:0")
    with pytest.raises(Refused) as refused:
        library.refund(intent=intent, amount=1, part=f"{intent}:1")
    assert refused.value.code == "charge_already_refunded"


def test_a_payment_that_stripe_does_not_know_is_refused(library: Library) -> None:
    with pytest.raises(Refused) as refused:
        library.refund(intent="pi_nobody", amount=1, part="rfd_9:0")
    assert refused.value.code == "resource_missing"


def test_an_account_that_is_not_ours_any_more_is_refused(library: Library) -> None:
    with pytest.raises(Refused) as refused:
        library.payout_account("acct_nobody")
    assert refused.value.code == "account_invalid"


def test_another_amount_under_a_known_key_says_nothing_of_the_first(library: Library, intent: str) -> None:
    library.refund(intent=intent, amount=700, part=f"{intent}:0")
    with pytest.raises(ProviderFailed):
        library.refund(intent=intent, amount=701, part=f"{intent}:0")


@pytest.mark.parametrize("status", [409, 500, 503])
def test_each_call_is_made_once_so_that_a_silent_stripe_takes_no_longer_than_one_time_out(
    library: Library, intent: str, status: int
) -> None:
    gateway = StripePayments(replace(settings(), stripe_api_base=library.local.url))
    with product_on(hand_world(), {gateway._secret_name: {"api_key": "sk_test_x"}}):
        call(library.local, "PUT", "/_local/fault", {"path": "/v1/refunds", "count": 1, "status": status})
        with pytest.raises(ProviderFailed):
            gateway.refund(intent=intent, amount=700, part=f"{intent}:3")
        assert gateway.refund(intent=intent, amount=700, part=f"{intent}:3")["amount"] == 700


@pytest.mark.parametrize(
    "fault",
    [{"status": 401}, {"status": 403}, {"status": 409}, {"status": 429}, {"status": 500}, {"lose_answer": True}],
)
def test_whatever_else_goes_wrong_is_an_unknown_outcome(library: Library, intent: str, fault: dict[str, Any]) -> None:
    call(library.local, "PUT", "/_local/fault", {"path": "/v1/refunds", "count": 1} | fault)
    with pytest.raises(ProviderFailed):
        library.refund(intent=intent, amount=700, part=f"{intent}:2")
    assert library.refund(intent=intent, amount=700, part=f"{intent}:2")["amount"] == 700
    assert len(library.refunds_of(intent)) == 1
