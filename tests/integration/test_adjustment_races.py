"""Adjusting by hand under concurrency, on DynamoDB: the limit holds however many are at it, and of those who decide at
once one does.
"""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.operations import adjustments
from tests.support.crowd import at_once
from tests.support.duo import assert_whole, refusals
from tests.support.hands import ANN, BEA, Hands


@pytest.fixture
def hands(world: World) -> Hands:
    return Hands(world, uuid4().hex[:8]).known("ada", "bob")


def operator(number: int) -> str:
    return f"arn:aws:iam::123456789012:user/{uuid4().hex}{number}"


def test_eight_operators_at_once_give_one_person_no_more_than_the_limit(hands: Hands) -> None:
    acts = [partial(hands.makes, 3_000, by=operator(each), ref=f"t{each}") for each in range(8)]
    states = [each.state for each in at_once(acts)]
    assert sorted(states) == ["pending"] * 5 + ["posted"] * 3
    assert assert_whole(hands.world, f"credit:{hands.user()}") == 9_000


def test_one_operator_at_eight_people_at_once_gives_no_more_than_the_limit(hands: Hands) -> None:
    people = [f"p{number}" for number in range(8)]
    hands.known(*people)
    by = operator(0)
    states = [each.state for each in at_once([partial(hands.makes, 3_000, name, by=by) for name in people])]
    assert sorted(states) == ["pending"] * 5 + ["posted"] * 3
    assert sum(hands.balance(name) for name in people) == 9_000


def test_the_same_one_made_twelve_times_at_once_is_one(hands: Hands) -> None:
    by = operator(0)
    assert {each.state for each in at_once([partial(hands.makes, 4_000, by=by)] * 12)} == {"posted"}
    assert assert_whole(hands.world, f"credit:{hands.user()}") == 4_000
    assert hands.makes(6_000, by=by, ref="t2").state == "posted"


def test_of_six_who_approve_and_six_who_reject_at_once_one_decides(hands: Hands) -> None:
    for number in range(6):
        asked = hands.makes(20_000, by=ANN, ref=f"t{number}")
        before = hands.balance()
        outcomes = at_once([partial(hands.approves, asked), partial(hands.rejects, asked)] * 6)
        decided = adjustments.adjustment(hands.world, asked.id).state
        assert refusals(outcomes) == {"already_done": 6}
        assert {each.state for each in outcomes if not isinstance(each, Exception)} == {decided}
        assert hands.balance() - before == (20_000 if decided == "posted" else 0)
    assert_whole(hands.world, f"credit:{hands.user()}")


def test_approved_and_spent_at_once_what_is_there_is_taken_once(hands: Hands) -> None:
    hands.paid(20_000)
    one, other = (hands.makes(-15_000, by=ANN, ref=ref) for ref in ("t1", "t2"))
    outcomes = at_once([partial(hands.approves, each, by=BEA) for each in (one, other)] * 4)
    assert refusals(outcomes) == {"insufficient_funds": 4}
    assert assert_whole(hands.world, f"credit:{hands.user()}") == 5_000
