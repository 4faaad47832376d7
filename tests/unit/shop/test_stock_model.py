"""How many pieces are left: never fewer than none."""

from __future__ import annotations

import pytest

from chalicelib.kernel.errors import Invalid, OutOfStock
from chalicelib.shop.model.stock import Stock, counted, of_kind, returned, taken

TEN = Stock("prd_1", 10, 3)
ENDLESS = Stock("prd_1", None, 3)


def test_pieces_are_taken_and_returned() -> None:
    assert taken(TEN, 4) == Stock("prd_1", 6, 4)
    assert taken(TEN, 10) == Stock("prd_1", 0, 4)
    assert returned(TEN, 4) == Stock("prd_1", 14, 4)


@pytest.mark.parametrize(
    ("left", "said"), [(11, "There are not so many left."), (10, "10 left of prd_1."), (0, "None left of prd_1.")]
)
def test_more_than_there_are_cannot_be_taken_and_how_many_only_a_few_are_told(left: int, said: str) -> None:
    with pytest.raises(OutOfStock, match=f"^{said}$"):
        taken(Stock("prd_1", left), left + 1)


def test_what_has_no_end_stays_as_it_is() -> None:
    assert taken(ENDLESS, 1_000) == ENDLESS
    assert returned(ENDLESS, 1_000) == ENDLESS


@pytest.mark.parametrize("left", [0, 1_000_000, None])
def test_somebody_counts_them(left: int | None) -> None:
    assert counted(TEN, left) == Stock("prd_1", left, 4)


def test_counting_the_same_changes_nothing() -> None:
    assert counted(TEN, 10) == TEN
    assert counted(ENDLESS, None) == ENDLESS


@pytest.mark.parametrize("left", [-1, 1_000_001])
def test_nobody_counts_fewer_than_none_or_more_than_a_million(left: int) -> None:
    with pytest.raises(Invalid) as refused:
        counted(TEN, left)
    assert refused.value.errors == ({"field": "stock", "message": "from 0 to 1000000"},)


def test_of_things_of_which_nobody_said_how_many_there_are_there_are_none() -> None:
    unsaid = Stock("prd_1")
    assert (unsaid.left, unsaid.rev) == (None, 0)
    assert of_kind(ENDLESS, "physical") == Stock("prd_1", 0, 3)
    assert of_kind(ENDLESS, "digital") == ENDLESS
    assert of_kind(TEN, "physical") == TEN
    assert of_kind(TEN, "digital") == TEN


@pytest.mark.parametrize(
    ("left", "available", "few"), [(None, True, None), (0, False, 0), (1, True, 1), (10, True, 10), (11, True, None)]
)
def test_few_are_told_and_none_is_not_available(left: int | None, available: bool, few: int | None) -> None:
    stock = Stock("prd_1", left)
    assert (stock.available, stock.few) == (available, few)
