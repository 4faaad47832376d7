"""What a balance is made of: paid money and promotional lots, in every order of expiry."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.time import DAY
from chalicelib.wallet.model.buckets import MOST_LOTS, PAID, REVIVAL, Buckets, Lot, first_part, last_part

A, B, C = Lot("pro_a", 100, expires_at=1_000), Lot("pro_b", 100, expires_at=2_000), Lot("pro_c", 100, expires_at=3_000)


def granted(*lots: Lot, paid: int = 0) -> Buckets:
    buckets = Buckets(paid)
    for lot in lots:
        buckets = buckets.grant(lot)
    return buckets


@pytest.mark.parametrize("order", list(permutations([A, B, C])))
def test_lots_are_spent_in_the_order_of_their_expiry_however_they_were_granted(order: tuple[Lot, ...]) -> None:
    _, split = granted(*order, paid=100).spend(350, at=0)
    assert split == (("pro_a", 100), ("pro_b", 100), ("pro_c", 100), (PAID, 50))


@pytest.mark.parametrize(
    ("at", "spendable"),
    [(0, 350), (999, 350), (1_000, 250), (1_999, 250), (2_000, 150), (2_999, 150), (3_000, 50)],
)
def test_a_lot_counts_strictly_before_its_expiry(at: int, spendable: int) -> None:
    assert granted(A, B, C, paid=50).spendable(at) == spendable


def test_an_expired_lot_is_passed_over() -> None:
    left, split = granted(A, B, paid=50).spend(120, at=1_500)
    assert split == (("pro_b", 100), (PAID, 20))
    assert left == Buckets(30, (A,))


def test_a_lot_at_its_expiry_is_passed_over_too() -> None:
    assert granted(A, B).spend(50, at=1_000)[1] == (("pro_b", 50),)


def test_what_the_open_meter_touched_stays_so_whatever_else_spends_of_it() -> None:
    metered, _ = granted(A).spend(40, at=0, metered=True)
    (kept,) = metered.spend(60, at=0)[0].lots
    assert (kept.rest, kept.touched) == (0, True)


def test_nothing_is_spendable_below_zero() -> None:
    assert granted(A, paid=-1).spendable(0) == 0


@pytest.mark.parametrize("amount", [351, -1])
def test_more_than_is_spendable_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match=r"^more than is spendable$"):
        granted(A, B, C, paid=50).spend(amount, at=0)


def test_there_are_at_most_four_lots() -> None:
    full = granted(*(Lot(f"pro_{number}", 1, number + 1) for number in range(4)))
    with pytest.raises(ValueError, match=r"^no slot for this lot$"):
        full.grant(Lot("pro_x", 1, 9))


def test_a_lot_is_granted_once() -> None:
    with pytest.raises(ValueError, match=r"^no slot for this lot$"):
        granted(A).grant(A)


def test_an_empty_lot_leaves_its_slot_unless_the_open_meter_touched_it() -> None:
    assert granted(A).spend(100, at=0)[0].lots == ()
    (kept,) = granted(A).spend(100, at=0, metered=True)[0].lots
    assert (kept.rest, kept.touched) == (0, True)
    assert granted(A).spend(100, at=0, metered=True)[0].untouched().lots == ()


def test_an_expired_lot_is_emptied_and_keeps_its_slot_while_the_meter_needs_it() -> None:
    assert granted(A, B).expire(A).lots == (B,)
    spent, _ = granted(A, B).spend(40, at=0, metered=True)
    emptied = spent.expire(spent.lots[0])
    assert [(lot.id, lot.rest) for lot in emptied.lots] == [("pro_a", 0), ("pro_b", 100)]


def test_giving_back_restores_exactly_what_was_spent() -> None:
    before = granted(A, B, paid=100)
    spent, split = before.spend(150, at=0, metered=True)
    assert spent.give_back(split, now=10).untouched() == before


def test_an_expired_lot_that_gets_a_refund_lives_seven_more_days() -> None:
    spent, _ = granted(A, B).spend(100, at=0, metered=True)
    back = spent.give_back((("pro_a", 30),), now=1_000)
    assert [(lot.id, lot.rest, lot.expires_at) for lot in back.lots] == [
        ("pro_b", 100, 2_000),
        ("pro_a", 30, 1_000 + 7 * DAY),
    ]
    assert REVIVAL == 7 * DAY


def test_a_lot_whose_rest_has_yet_to_expire_is_not_revived_by_what_comes_back() -> None:
    """Its expiry is an entry of its own, which takes what came back along; the whole lot would live on otherwise."""
    spent, split = granted(A).spend(30, 5, metered=True)
    late = spent.give_back(split, now=A.expires_at)
    assert late.lots == (replace(A, touched=True),)
    assert spent.give_back(split, now=A.expires_at - 1) == late


def test_a_lot_to_which_nothing_comes_back_keeps_its_expiry() -> None:
    spent, _ = granted(A, B).spend(150, at=0, metered=True)
    back = spent.give_back((("pro_b", 50),), now=1_500)
    assert [(lot.id, lot.rest, lot.expires_at) for lot in back.lots] == [("pro_a", 0, 1_000), ("pro_b", 100, 2_000)]


def test_a_refund_to_a_lot_that_is_gone_is_refused() -> None:
    with pytest.raises(ValueError, match="pro_z"):
        granted(A).give_back((("pro_z", 1),), now=0)


SPLIT = (("pro_a", 100), ("pro_b", 50), (PAID, 100))


@pytest.mark.parametrize(
    ("amount", "part"),
    [
        (0, ()),
        (40, ((PAID, 40),)),
        (100, ((PAID, 100),)),
        (120, ((PAID, 100), ("pro_b", 20))),
        (250, ((PAID, 100), ("pro_b", 50), ("pro_a", 100))),
    ],
)
def test_the_last_part_of_a_split_comes_back_first(amount: int, part: tuple[tuple[str, int], ...]) -> None:
    assert last_part(SPLIT, amount) == part


LOTS = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 100)), max_size=MOST_LOTS)


@given(lots=LOTS, paid=st.integers(0, 1_000), amount=st.integers(0, 2_000), at=st.integers(0, 110))
def test_spending_takes_exactly_the_amount_and_giving_it_back_restores_the_total(
    lots: list[tuple[int, int]], paid: int, amount: int, at: int
) -> None:
    before = granted(*(Lot(f"pro_{place}", rest, until) for place, (rest, until) in enumerate(lots)), paid=paid)
    if amount > before.spendable(at):
        return
    after, split = before.spend(amount, at, metered=True)
    assert before.total - after.total == amount == sum(cents for _, cents in split)
    assert after.spendable(at) == before.spendable(at) - amount
    assert after.give_back(split, at).total == before.total


@given(st.lists(st.tuples(st.sampled_from(["pro_1", "pro_2", PAID]), st.integers(1, 500)), max_size=5), st.data())
def test_what_is_not_in_the_last_part_is_in_the_first(split: list[tuple[str, int]], data: st.DataObject) -> None:
    whole = sum(cents for _, cents in split)
    amount = data.draw(st.integers(0, whole))
    first, last = first_part(tuple(split), whole - amount), last_part(tuple(split), amount)
    assert sum(cents for _, cents in last) == amount
    for bucket in ("pro_1", "pro_2", PAID):
        parts = [cents for name, cents in (*first, *last) if name == bucket]
        assert sum(parts) == sum(cents for name, cents in split if name == bucket)
    assert [bucket for bucket, _ in first] == [bucket for bucket, _ in split][: len(first)]


# --- given back long afterwards ------------------------------------------------------------------


def test_paid_money_and_lots_that_are_still_there_take_back_what_was_theirs() -> None:
    back = granted(A, B, paid=5).take_back(((PAID, 30, 0), ("pro_b", 20, 2_000), ("pro_a", 10, 1_000)), now=500)
    assert back == Buckets(35, (replace(A, rest=110), replace(B, rest=120)))


@pytest.mark.parametrize(("now", "expires"), [(999, 1_000), (1_000, 1_000 + REVIVAL), (5_000, 5_000 + REVIVAL)])
def test_a_lot_that_was_used_up_expires_when_it_would_have_or_seven_days_from_now(now: int, expires: int) -> None:
    back = Buckets(5).take_back((("pro_a", 40, 1_000),), now)
    assert back == Buckets(5, (Lot("pro_a", 40, expires),))


def test_with_all_slots_taken_promotional_credit_joins_the_lot_that_expires_last() -> None:
    full = granted(A, B, C, Lot("pro_d", 100, expires_at=4_000))
    assert len(full.lots) == MOST_LOTS
    back = full.take_back((("pro_e", 40, 9_000),), now=500)
    assert back == Buckets(0, (A, B, C, Lot("pro_d", 140, expires_at=4_000)))


@given(
    parts=st.lists(
        st.tuples(st.sampled_from([PAID, *"abcdef"]), st.integers(1, 500), st.integers(0, 5_000)), max_size=8
    ),
    held=st.sets(st.sampled_from("abcdef"), max_size=MOST_LOTS),
    now=st.integers(0, 4_000),
)
def test_what_comes_back_is_whole_and_never_turns_into_paid_money(
    parts: list[tuple[str, int, int]], held: set[str], now: int
) -> None:
    before = granted(*(Lot(name, 10, now + 1 + place) for place, name in enumerate(sorted(held))), paid=7)
    back = before.take_back(parts, now)
    assert back.total == before.total + sum(amount for _, amount, _ in parts)
    assert back.paid == 7 + sum(amount for bucket, amount, _ in parts if bucket == PAID)
    assert len(back.lots) <= MOST_LOTS
    assert all(lot.expires_at > now for lot in back.lots)
    assert list(back.lots) == sorted(back.lots, key=lambda lot: (lot.expires_at, lot.id))
