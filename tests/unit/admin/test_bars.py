"""Bars and columns of text are as long and as high as what they show."""

import pytest

from scripts.admin.charts.bars import bar, columns, spread


@pytest.mark.parametrize(
    ("part", "whole", "drawn"),
    [(0, 4, "░░░░"), (1, 4, "█░░░"), (4, 4, "████"), (9, 4, "████"), (1, 0, "░░░░")],
)
def test_a_bar_is_full_by_its_part_and_never_longer_than_its_width(part: float, whole: float, drawn: str) -> None:
    assert bar(part, whole, "", 4).plain == drawn


def test_the_largest_value_fills_its_column() -> None:
    assert columns([0, 1, 4, 8]) == [" ▁▄█"]


def test_columns_of_several_lines_are_filled_from_below() -> None:
    assert columns([16, 12, 8, 4, 0], height=2) == ["█▄   ", "███▄ "]


def test_whatever_is_above_nothing_can_be_seen() -> None:
    assert columns([1, 1_000]) == ["▁█"]


def test_with_nothing_to_show_there_is_nothing() -> None:
    assert columns([0, 0]) == ["  "]
    assert columns([]) == [""]


def test_values_below_the_most_do_not_fill_their_column() -> None:
    assert columns([2, 4], most=8) == ["▂▄"]
    assert columns([16], most=8) == ["█"]


def test_moments_are_counted_in_their_part_and_the_end_in_the_last() -> None:
    assert spread([10, 10.9, 11, 14, 14.1, 9.9], beginning=10, span=4, parts=4) == [2, 1, 0, 1]
    assert spread([10, 10], beginning=10, span=0, parts=3) == [2, 0, 0]
    assert spread([], beginning=0, span=1, parts=2) == [0, 0]
