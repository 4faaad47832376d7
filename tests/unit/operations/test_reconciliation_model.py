"""What a movement at Stripe and an entry have to do with each other: the decisions of the reconciliation themselves."""

import hashlib
from typing import Any

import pytest

from chalicelib.kernel.time import DAY
from chalicelib.operations.model.reconciliation import (
    OVERLAP,
    Head,
    Movement,
    account_class,
    digest,
    is_digested,
    is_own,
    movement,
    partner,
    seconds,
    shard_fault,
)


def test_the_order_of_heads_does_not_change_their_digest_and_their_content_does() -> None:
    one, two = Head("credit:a", 1, "ab", 5), Head("credit:b", 1, "cd", 6)
    assert digest([one, two]) == digest([two, one]) != digest([one])
    for other in (
        Head("credit:c", 1, "ab", 5),
        Head("credit:a", 2, "ab", 5),
        Head("credit:a", 1, "ac", 5),
        Head("credit:a", 1, "ab", 6),
    ):
        assert digest([other, two]) != digest([one, two])


def test_a_digest_of_long_ago_was_made_in_the_same_way() -> None:
    lines = b"credit:a 1 ab 5\ncredit:b 12 cd -6\n"
    heads = [Head("credit:b", 12, "cd", -6), Head("credit:a", 1, "ab", 5)]
    assert digest(heads) == hashlib.sha256(lines).hexdigest()


def test_what_gathered_on_a_stream_is_never_less_than_nothing_and_nothing_once_it_is_settled() -> None:
    assert [shard_fault(balance, closed=False) for balance in (-1, 0, 1)] == ["paid_from_nothing", None, None]
    assert [shard_fault(balance, closed=True) for balance in (-1, 0, 1)] == ["paid_from_nothing", None, "left_over"]


def test_stripe_counts_whole_seconds() -> None:
    assert [seconds(moment) for moment in (0, 999, 1_000, 1_999)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("kind", "amount", "source", "keys"),
    [
        ("charge", 5, {"id": "ch_1", "payment_intent": "pi_1"}, ("topup:pi_1",)),
        ("payment", 5, {"id": "py_1", "payment_intent": "pi_1"}, ("topup:pi_1",)),
        ("refund", -5, {"id": "re_1", "metadata": {"refund_part": "rfd:0"}}, ("refund:re_1", "refund:rfd:0")),
        ("payment_refund", -5, {"id": "pyr_1", "metadata": {}}, ("refund:pyr_1",)),
        ("refund", -5, {"metadata": {"refund_part": "rfd:0"}}, ("refund:rfd:0",)),
        ("refund", -5, "re_1", ("refund:re_1",)),
        ("refund_failure", 5, {"id": "re_1", "metadata": None}, ("refund_failed:re_1",)),
        ("adjustment", -5, {"id": "dp_1", "object": "dispute"}, ("dispute:dp_1",)),
        ("adjustment", -1, {"id": "dp_1", "object": "dispute"}, ("dispute:dp_1",)),
        ("adjustment", 5, {"id": "dp_1", "object": "dispute"}, ("dispute_won:dp_1",)),
        ("adjustment", 5, {"id": "x", "object": "other"}, ()),
        ("transfer", -5, {"id": "tr_1", "metadata": {"payout": "pay_1"}}, ("payout:pay_1",)),
        ("transfer_refund", 5, {"id": "trr_1"}, ("payout_reversed:trr_1",)),
        ("transfer_cancel", 5, {"id": "trr_1"}, ("payout_reversed:trr_1",)),
        ("transfer_failure", 5, {"id": "trr_1"}, ("payout_reversed:trr_1",)),
        ("something", 5, "x_1", ()),
        ("payment_failure_refund", -5, {"id": "ch_1"}, ()),
    ],
)
def test_each_movement_names_the_posting_that_it_needs(kind: str, amount: int, source: Any, keys: tuple[str]) -> None:
    moved = movement({"id": "txn_1", "type": kind, "amount": amount, "source": source})
    assert moved == Movement("txn_1", kind, amount, keys)


@pytest.mark.parametrize(("status", "settled"), [("succeeded", True), ("pending", False), ("failed", False)])
def test_only_a_payment_that_came_needs_a_posting(status: str, settled: bool) -> None:
    charge = {"id": "py_1", "payment_intent": "pi_1", "status": status}
    for kind in ("charge", "payment"):
        assert movement({"id": "txn_1", "type": kind, "amount": 5, "source": charge}).settled == settled
    assert movement({"id": "txn_1", "type": "refund", "amount": -5, "source": {"id": "re_1", "status": status}}).settled


@pytest.mark.parametrize("kind", ["reserve_hold", "payout_minimum_balance_release", "connect_collection_transfer"])
def test_what_stripe_moves_between_us_and_itself_needs_no_posting(kind: str) -> None:
    assert is_own(kind)
    assert not is_own("transfer")


def test_what_undoes_what() -> None:
    assert (partner("payout:1"), partner("payout_returned:1")) == ("payout_returned:1", "payout:1")
    assert (partner("refund:a:0"), partner("refund_failed:a:0")) == ("refund_failed:a:0", "refund:a:0")
    assert partner("topup:pi_1") is None


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("credit:usr_1", "credit"),
        ("session:ses_1", "session"),
        ("stripe:payments", "stripe:payments"),
        ("stream:str_1:7", "stream"),
        ("platform:fees:7", "platform:fees"),
        ("platform:promo", "platform:promo"),
    ],
)
def test_accounts_of_one_kind_are_added_up_together(account: str, name: str) -> None:
    assert account_class(account) == name


def test_a_closed_chain_is_in_a_digest_two_days_before_the_end_of_the_last_run() -> None:
    done = 20 * DAY
    assert is_digested(done - 2 * DAY - 1, done - OVERLAP)
    assert not is_digested(done - 2 * DAY, done - OVERLAP)
    assert not is_digested(20_000 * DAY, 0), "before the first run nothing is"
