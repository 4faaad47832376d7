"""Pieces are taken and returned beside an order, and counted by who keeps them."""

from __future__ import annotations

import pytest

from chalicelib.kernel.errors import Invalid, NotFound, OutOfStock
from chalicelib.runtime.tables import ConditionFailed, Put
from chalicelib.shop import stock
from tests.support.stall import WHY, Stall
from tests.support.worlds import hand_world

TAROT, MOON = "prd_1tarot", "prd_1moon"


@pytest.fixture
def stall() -> Stall:
    made = Stall(hand_world()).ready()
    made.sells("tarot", left=3)
    made.draft()
    return made


def test_pieces_are_taken_and_returned_beside_something_else(stall: Stall) -> None:
    stall.world.tables.write(*stock.taken(stall.world, {TAROT: 2, MOON: 1}))
    assert (stall.left("tarot"), stall.left("moon")) == (1, None)
    stall.world.tables.write(*stock.returned(stall.world, {TAROT: 2, MOON: 1}))
    assert stall.left("tarot") == 3


def test_there_is_nothing_to_write_of_what_has_no_end(stall: Stall) -> None:
    assert stock.taken(stall.world, {MOON: 1}) == []
    assert stock.returned(stall.world, {MOON: 1}) == []


def test_more_than_there_are_is_refused(stall: Stall) -> None:
    with pytest.raises(OutOfStock):
        stock.taken(stall.world, {MOON: 1, TAROT: 4})
    assert stall.left("tarot") == 3


def test_of_a_thing_that_nobody_counted_there_is_none(stall: Stall) -> None:
    stall.sells("cup")
    with pytest.raises(OutOfStock):
        stock.taken(stall.world, {"prd_1cup": 1})
    stall.world.tables.write(*stock.returned(stall.world, {"prd_1cup": 1}))
    assert stall.left("cup") == 1


def test_what_is_not_there_cannot_be_taken(stall: Stall) -> None:
    with pytest.raises(NotFound):
        stock.taken(stall.world, {"prd_none": 1})


def test_of_two_who_saw_the_same_pieces_one_takes_them(stall: Stall) -> None:
    first, second = stock.taken(stall.world, {TAROT: 2}), stock.taken(stall.world, {TAROT: 2})
    stall.world.tables.write(*first, Put("shop", {"pk": "ord_1", "sk": "order"}))
    with pytest.raises(ConditionFailed):
        stall.world.tables.write(*second, Put("shop", {"pk": "ord_2", "sk": "order"}))


def test_a_count_is_audited_once(stall: Stall) -> None:
    tarot = stall.row("tarot")
    before = len(stall.audited("tarot"))
    for _ in range(2):
        assert stock.count(stall.world, tarot, 9, **WHY).left == 9
    assert (stall.left("tarot"), len(stall.audited("tarot"))) == (9, before + 1)


def test_a_thing_has_an_end(stall: Stall) -> None:
    with pytest.raises(Invalid):
        stock.count(stall.world, stall.row("tarot"), None, **WHY)
    assert stock.count(stall.world, stall.row(), None, **WHY).left is None


def test_what_was_without_end_and_became_a_thing_has_none(stall: Stall) -> None:
    stock.count(stall.world, stall.row(), 5, **WHY)
    stock.count(stall.world, stall.row(), None, **WHY)
    stall.changes(kind="physical")
    with pytest.raises(OutOfStock):
        stock.taken(stall.world, {MOON: 1})
