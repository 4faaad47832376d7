"""What is learned of a payment, and the postings that follow (product §4): the decisions themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, Unavailable
from chalicelib.kernel.time import DAY
from chalicelib.wallet.model.payment import (
    MOST_CENTS,
    MOST_DISPUTES,
    MOST_REFUNDS,
    Dispute,
    Misfit,
    Payment,
    Returned,
    ToldRefund,
    coins_of,
    credited,
    dispute_told,
    disputed,
    facts,
    from_item,
    left_of,
    refund_told,
    refused,
    reserved,
    returned,
    to_item,
    unexplained,
    unknown,
)

PAID = Payment("pi_1", "usr_1", 2_500, "usd", "topup", "top_1", 1_000)
WAITING = Payment("pi_1")


def told(status: str = "succeeded", id_: str = "re_1", amount: int = 700, part: str | None = None) -> ToldRefund:
    return ToldRefund(id_, amount, "usd", status, part)


def amounts(payment: Payment) -> dict[str, int]:
    return {key: fact.amount for key, fact in facts(payment).items()}


def test_a_payment_is_a_posting_of_its_source() -> None:
    assert amounts(PAID) == {"topup:pi_1": 2_500}
    fact = facts(PAID)["topup:pi_1"]
    assert (fact.kind, fact.counter, fact.reference) == ("topup", "stripe:payments", "top_1")


def test_what_nobody_paid_posts_nothing() -> None:
    assert facts(disputed(returned(WAITING, told()), "dp_1", "usd", Dispute(700))) == {}


def test_what_waited_stays_when_the_payment_is_credited() -> None:
    waiting = replace(disputed(returned(WAITING, told()), "dp_1", "usd", Dispute(900)), rev=2)
    now = credited(waiting, PAID)
    assert now == replace(PAID, refunds=waiting.refunds, disputes=waiting.disputes, rev=2)
    assert amounts(now) == {"topup:pi_1": 2_500, "refund:re_1": -700, "dispute:dp_1": -900}


@pytest.mark.parametrize("other", [{"user": "usr_2"}, {"amount": 1}, {"currency": "eur"}, {"reference": "top_2"}])
def test_a_payment_is_credited_as_one_thing_only(other: dict[str, Any]) -> None:
    assert credited(PAID, replace(PAID, at=9)) == PAID
    with pytest.raises(AlreadyDone):
        credited(PAID, replace(PAID, **other))


def test_a_status_only_moves_on() -> None:
    assert returned(returned(PAID, told("succeeded")), told("pending")).refunds["re_1"].status == "succeeded"
    assert returned(returned(PAID, told("failed")), told("succeeded")).refunds["re_1"].status == "failed"


def test_a_refund_that_is_told_again_changes_nothing() -> None:
    once = returned(PAID, told())
    assert returned(once, told()) is once


def test_a_dispute_that_is_told_again_changes_nothing() -> None:
    once = disputed(PAID, "dp_1", "usd", Dispute(700, lost=True))
    for again in (Dispute(700), Dispute(700, lost=True)):
        assert disputed(once, "dp_1", "usd", again) is once


@pytest.mark.parametrize(
    ("status", "dead", "on_its_way"),
    [
        ("reserved", False, True),
        ("requires_action", False, True),
        ("pending", False, True),
        ("succeeded", False, False),
        ("canceled", True, False),
        ("failed", True, False),
        ("refused", True, False),
    ],
)
def test_a_refund_is_on_its_way_until_it_arrived_or_is_dead(status: str, dead: bool, on_its_way: bool) -> None:
    assert (Returned(700, status).dead, Returned(700, status).on_its_way) == (dead, on_its_way)


def test_a_dispute_is_open_until_it_is_won_or_lost() -> None:
    assert Dispute(700).open
    assert not Dispute(700, returned=True).open
    assert not Dispute(700, lost=True).open


def test_what_was_set_aside_is_ours_and_keeps_its_name() -> None:
    now = returned(reserved(PAID, "rfd_1:0", 700), told("pending", part="rfd_1:0"))
    assert dict(now.refunds) == {"rfd_1:0": Returned(700, "pending", "re_1")}
    assert amounts(now) == {"topup:pi_1": 2_500, "refund:rfd_1:0": -700}


def test_what_stripe_refuses_is_dead() -> None:
    now = refused(reserved(PAID, "rfd_1:0", 700), "rfd_1:0")
    assert amounts(now) == {"topup:pi_1": 2_500, "refund:rfd_1:0": -700, "refund_failed:rfd_1:0": 700}
    assert refused(now, "rfd_1:0") is now


def test_what_stripe_told_of_cannot_have_been_refused() -> None:
    now = returned(reserved(PAID, "rfd_1:0", 700), told("pending", part="rfd_1:0"))
    assert refused(now, "rfd_1:0") is now


def test_what_was_refused_and_is_told_of_all_the_same_is_somebody_elses() -> None:
    now = returned(refused(reserved(PAID, "rfd_1:0", 700), "rfd_1:0"), told(part="rfd_1:0"))
    assert now.refunds["re_1"] == Returned(700, "succeeded", "re_1")
    assert sum(amounts(now).values()) == 2_500 - 700


@pytest.mark.parametrize("payment", [PAID, WAITING], ids=["credited", "waiting"])
def test_money_of_another_currency_is_not_of_this_payment(payment: Payment) -> None:
    with pytest.raises(Misfit):
        returned(payment, ToldRefund("re_1", 700, "eur", "succeeded"))
    with pytest.raises(Misfit):
        disputed(payment, "dp_1", "eur", Dispute(700))


def test_a_refund_is_not_larger_than_its_payment() -> None:
    assert returned(PAID, told(amount=2_500)).refunded == 2_500
    with pytest.raises(Misfit, match=r"^larger than its payment$"):
        returned(PAID, told(amount=2_501))
    waiting = returned(returned(WAITING, told(amount=2_501)), told(id_="re_2", amount=2_500))
    assert set(credited(waiting, PAID).refunds) == {"re_2"}


def test_a_refund_has_one_amount() -> None:
    for known in (returned(PAID, told()), returned(reserved(PAID, "rfd_1:0", 700), told(part="rfd_1:0"))):
        for part in (None, "rfd_1:0"):
            with pytest.raises(Misfit):
                returned(known, told(amount=701, part=part))


def test_what_waits_and_finds_no_room_is_to_be_told_again() -> None:
    full = WAITING
    for number in range(5):
        full = disputed(returned(full, told(id_=f"re_{number}")), f"dp_{number}", "usd", Dispute(1))
    assert returned(full, told("failed", "re_0")).refunds["re_0"].dead
    with pytest.raises(Unavailable, match=r"^More waits for this payment than .+\. Tell it again later\.$"):
        returned(full, told(id_="re_more"))
    with pytest.raises(Unavailable):
        disputed(full, "dp_more", "usd", Dispute(1))


def test_a_payment_keeps_so_many_refunds_and_disputes_and_no_more() -> None:
    full = PAID
    for number in range(MOST_REFUNDS):
        full = returned(full, told(id_=f"re_{number}", amount=1))
    assert returned(full, told("failed", "re_0", 1)).refunds["re_0"].dead
    assert full.refundable(2_000) == 0
    with pytest.raises(Misfit, match=r"^more than a payment can keep$"):
        returned(full, told(id_="re_more", amount=1))
    for number in range(MOST_DISPUTES):
        full = disputed(full, f"dp_{number}", "usd", Dispute(1))
    with pytest.raises(Misfit):
        disputed(full, "dp_more", "usd", Dispute(1))


def test_so_much_can_go_back_as_did_not_yet() -> None:
    assert PAID.refundable(1_000) == 2_500
    assert reserved(PAID, "rfd_1:0", 700).refundable(1_000) == 1_800
    assert refused(reserved(PAID, "rfd_1:0", 700), "rfd_1:0").refundable(1_000) == 2_500
    assert returned(PAID, told(amount=2_500)).refundable(1_000) == 0
    assert returned(returned(PAID, told(amount=2_500)), told(id_="re_2")).refundable(1_000) == 0
    assert PAID.refundable(1_000 + 180 * DAY - 1) == 2_500
    assert PAID.refundable(1_000 + 180 * DAY) == 0
    assert disputed(PAID, "dp_1", "usd", Dispute(1, returned=True)).refundable(1_000) == 0
    assert replace(PAID, user=None).refundable(1_000) == 0


def test_what_a_charge_counts_is_known_refund_by_refund_or_not() -> None:
    set_aside = reserved(PAID, "rfd_1:0", 700)
    assert not unknown(PAID, 0)
    assert unknown(set_aside, 700), "what is only set aside was not told of"
    heard = returned(set_aside, told(part="rfd_1:0"))
    assert not unknown(heard, 700)
    assert unknown(heard, 701)
    dead = returned(heard, told("failed", part="rfd_1:0"))
    assert unknown(dead, 700)
    assert not unexplained(dead, 700)
    assert unexplained(dead, 701)
    assert unexplained(set_aside, 1)


def test_a_refund_and_a_dispute_of_the_same_money_take_its_coins_once_though_both_waited_for_the_payment() -> None:
    bought = Payment("pi_1", "usr_1", 699, "usd", "coins", "top_1", 1_000, coins=500)
    twice = disputed(returned(bought, told(amount=699)), "dp_1", "usd", Dispute(699))
    assert coins_of(WAITING, twice, facts(twice)) == {"topup:pi_1": 500, "refund:re_1": -500, "dispute:dp_1": 0}
    assert left_of(twice) == (0, 0)
    assert left_of(bought) == (699, 500)


def test_of_what_goes_back_of_a_payment_for_coins_each_posting_takes_its_part_rounded_up_of_the_whole() -> None:
    bought = Payment("pi_1", "usr_1", 699, "usd", "coins", "top_1", 1_000, coins=500)
    first = returned(bought, told(amount=100))
    second = returned(first, told(amount=99, id_="re_2"))
    rest = returned(second, told(amount=500, id_="re_3"))
    one, two, three = ({key: facts(rest)[key]} for key in ("refund:re_1", "refund:re_2", "refund:re_3"))
    assert coins_of(bought, first, one) == {"refund:re_1": -72}  # 71.5
    assert coins_of(first, second, two) == {"refund:re_2": -71}  # 142.3 are 143
    assert coins_of(second, rest, three) == {"refund:re_3": -357}
    assert coins_of(bought, rest, one | two | three) == {"refund:re_1": -72, "refund:re_2": -71, "refund:re_3": -357}
    assert [left_of(each) for each in (first, second, rest)] == [(599, 428), (500, 357), (0, 0)]


def test_a_payment_for_coins_is_given_back_to_nobody_from_here() -> None:
    assert replace(PAID, source="coins").refundable(1_000) == 0


def test_a_row_is_read_as_it_was_written() -> None:
    assert from_item(to_item(replace(PAID, source="coins", coins=500))).coins == 500
    older = to_item(PAID)
    del older["coins"], older["given"]
    assert from_item(older) == PAID
    whole = disputed(returned(reserved(PAID, "rfd_1:0", 1), told()), "dp_1", "usd", Dispute(9, lost=True))
    assert from_item(to_item(whole)) == whole
    assert from_item(to_item(WAITING)) == WAITING


# --- what Stripe says

REFUND = {"id": "re_1", "amount": 700, "currency": "usd", "status": "succeeded", "metadata": {"refund_part": "rfd_1:0"}}


def test_a_refund_of_stripes_is_read() -> None:
    assert refund_told(REFUND) == told(part="rfd_1:0")
    assert refund_told(REFUND | {"status": "of tomorrow"}) == told("pending", part="rfd_1:0")
    assert refund_told(REFUND | {"amount": MOST_CENTS}) == told(amount=MOST_CENTS, part="rfd_1:0")
    assert refund_told(REFUND | {"status": []}) == told("pending", part="rfd_1:0")
    others: tuple[Any, ...] = (None, {}, [], {"refund_part": 1})
    for metadata in others:
        assert refund_told(REFUND | {"metadata": metadata}) == told()


@pytest.mark.parametrize(
    "other",
    [
        {"id": None},
        {"id": ""},
        {"id": "re 1"},
        {"id": "r" * 65},
        {"amount": 0},
        {"amount": -1},
        {"amount": True},
        {"amount": "700"},
        {"amount": MOST_CENTS + 1},
        {"currency": None},
    ],
    ids=str,
)
def test_what_is_no_refund_is_none(other: dict[str, Any]) -> None:
    assert refund_told(REFUND | other) is None


@pytest.mark.parametrize(
    ("kind", "status", "found"),
    [
        ("created", "needs_response", Dispute(700)),
        ("updated", "under_review", Dispute(700)),
        ("closed", "lost", Dispute(700, lost=True)),
        ("closed", "won", Dispute(700, returned=True)),
        ("funds_withdrawn", "warning_needs_response", Dispute(700)),
        ("funds_reinstated", "under_review", Dispute(700, returned=True)),
        ("created", "warning_needs_response", None),
        ("closed", "warning_closed", None),
        ("updated", "prevented", None),
        ("updated", None, None),
        ("updated", [], None),
    ],
)
def test_a_dispute_takes_the_money_with_the_first_event_that_says_so(kind: str, status: Any, found: Dispute) -> None:
    assert dispute_told(f"charge.dispute.{kind}", {"amount": 700, "status": status}) == found


@pytest.mark.parametrize("amount", [0, -1, None, "700", True, MOST_CENTS + 1])
def test_a_dispute_of_no_amount_is_none(amount: object) -> None:
    assert dispute_told("charge.dispute.created", {"amount": amount, "status": "needs_response"}) is None
