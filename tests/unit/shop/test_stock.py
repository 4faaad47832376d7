"""Pieces are taken and returned beside an order, and counted by who keeps them."""

from __future__ import annotations

import pytest

from chalicelib.kernel.errors import Invalid, NotFound, OutOfStock
from chalicelib.runtime.tables import ConditionFailed, Put
from chalicelib.shop import stock
from tests.support.shelf import WHY, Shelf
from tests.support.worlds import hand_world

TAROT, MOON = "prd_1tarot", "prd_1moon"


@pytest.fixture
def shelf() -> Shelf:
    made = Shelf(hand_world()).ready()
    made.sells("tarot", left=3)
    made.draft()
    return made


def test_pieces_are_taken_and_returned_beside_something_else(shelf: Shelf) -> None:
    shelf.world.tables.write(*stock.taken(shelf.world, {TAROT: 2, MOON: 1}))
    assert (shelf.left("tarot"), shelf.left("moon")) == (1, None)
    shelf.world.tables.write(*stock.returned(shelf.world, {TAROT: 2, MOON: 1}))
    assert shelf.left("tarot") == 3


def test_there_is_nothing_to_write_of_what_has_no_end(shelf: Shelf) -> None:
    assert stock.taken(shelf.world, {MOON: 1}) == []
    assert stock.returned(shelf.world, {MOON: 1}) == []


def test_more_than_there_are_is_refused(shelf: Shelf) -> None:
    with pytest.raises(OutOfStock):
        stock.taken(shelf.world, {MOON: 1, TAROT: 4})
    assert shelf.left("tarot") == 3


def test_of_a_thing_that_nobody_counted_there_is_none(shelf: Shelf) -> None:
    shelf.sells("cup")
    with pytest.raises(OutOfStock):
        stock.taken(shelf.world, {"prd_1cup": 1})
    shelf.world.tables.write(*stock.returned(shelf.world, {"prd_1cup": 1}))
    assert shelf.left("cup") == 1


def test_what_is_not_there_cannot_be_taken(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        stock.taken(shelf.world, {"prd_none": 1})


def test_of_two_who_saw_the_same_pieces_one_takes_them(shelf: Shelf) -> None:
    first, second = stock.taken(shelf.world, {TAROT: 2}), stock.taken(shelf.world, {TAROT: 2})
    shelf.world.tables.write(*first, Put("shop", {"pk": "ord_1", "sk": "order"}))
    with pytest.raises(ConditionFailed):
        shelf.world.tables.write(*second, Put("shop", {"pk": "ord_2", "sk": "order"}))


def test_a_count_is_audited_once(shelf: Shelf) -> None:
    tarot = shelf.row("tarot")
    before = len(shelf.audited("tarot"))
    for _ in range(2):
        assert stock.count(shelf.world, tarot, 9, **WHY).left == 9
    assert (shelf.left("tarot"), len(shelf.audited("tarot"))) == (9, before + 1)


def test_a_thing_has_an_end(shelf: Shelf) -> None:
    with pytest.raises(Invalid):
        stock.count(shelf.world, shelf.row("tarot"), None, **WHY)
    assert stock.count(shelf.world, shelf.row(), None, **WHY).left is None


def test_what_was_without_end_and_became_a_thing_has_none(shelf: Shelf) -> None:
    stock.count(shelf.world, shelf.row(), 5, **WHY)
    stock.count(shelf.world, shelf.row(), None, **WHY)
    shelf.changes(kind="physical")
    with pytest.raises(OutOfStock):
        stock.taken(shelf.world, {MOON: 1})
