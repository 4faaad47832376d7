"""Steps become rows of one transaction: of so many at most, each written once with the sum of what it is added."""

from __future__ import annotations

import pytest

from chalicelib.dashboards.model.fold import QUARTER, TOTAL, Place, Plan, Row, Step, by_quarter, changes, hour
from chalicelib.kernel.time import HOUR

AT = 500_000 * HOUR + QUARTER
HOUR_OF = hour(AT)
MARK = Place("client:u", TOTAL)


def step(at: int = AT, seq: int = 1, chain: str = "credit", **sums: int) -> Step:
    return Step(at, {"client:u": sums}, MARK, through={chain: seq})


def test_a_plan_takes_as_many_rows_as_it_may_have_and_not_one_more() -> None:
    plan = Plan(3, 0)
    assert plan.take(step(spent=1))
    assert plan.take(step(AT + HOUR, 2, spent=10))
    assert not plan.take(step(AT + 2 * HOUR, 3, spent=100))
    assert plan.places == {MARK, Place("client:u", HOUR_OF), Place("client:u", hour(AT + HOUR))}
    assert plan.take(step(AT + HOUR, 3, spent=1_000))
    assert plan.new(MARK) == {"spent": 1_011}


def test_what_was_not_taken_has_added_nothing() -> None:
    plan = Plan(1, 0)
    assert not plan.take(step(spent=1))
    assert (plan.places, plan.new(MARK)) == (set(), {})


def test_what_was_summed_once_before_is_added_and_is_not_new() -> None:
    plan = Plan(9, AT)
    plan.take(step(AT, 1, spent=1))
    plan.take(step(AT + 1, 2, spent=10))
    assert plan.new(MARK) == {"spent": 10}
    assert plan.rows(empty(plan))[-1].sums == {"spent": 11}


def test_chains_of_one_owner_are_each_summed_as_far_as_they_are() -> None:
    plan = Plan(9, 0)
    plan.take(step(seq=4, spent=1))
    plan.take(step(seq=2, chain="coins"))
    plan.take(step(seq=5, spent=1))
    before = Row(MARK, {"spent": 7}, {"credit": 3, "earnings": 9}, 6)
    assert plan.rows(empty(plan) | {MARK: before})[-1] == Row(
        MARK, {"spent": 9}, {"credit": 5, "coins": 2, "earnings": 9}, 6
    )


def test_a_measure_that_comes_to_nothing_is_not_kept() -> None:
    plan = Plan(9, 0)
    plan.take(step(spent=-7))
    assert [row.sums for row in plan.rows(empty(plan) | {MARK: Row(MARK, {"spent": 7, "minutes": 1})})] == [
        {"1.spent": -7},
        {"minutes": 1},
    ]


def test_whom_nothing_is_added_to_has_no_row() -> None:
    assert list(changes(Step(AT, {"client:u": {}, "platform": {}}, MARK))) == []


@pytest.mark.usefixtures("far_from_greenwich")
def test_an_hour_is_of_utc_and_its_quarters_begin_where_they_are_read() -> None:
    assert hour(1_795_708_799_999) == "2026-11-26T15"
    rows = [Row(Place("client:u", "2026-11-26T15"), {"0.spent": 1, "3.spent": 2, "3.minutes": 1})]
    assert by_quarter(rows) == {1_795_705_200_000: {"spent": 1}, 1_795_707_900_000: {"spent": 2, "minutes": 1}}


def empty(plan: Plan) -> dict[Place, Row]:
    return {place: Row(place) for place in plan.places}
