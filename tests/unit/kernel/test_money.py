"""Cents: who gets the rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.money import part_rounded_up, reader_share


@pytest.mark.parametrize(
    ("gross", "share"), [(0, 0), (1, 0), (2, 1), (3, 2), (10, 7), (99, 69), (100, 70), (541, 378), (71_820, 50_274)]
)
def test_the_reader_gets_70_percent_rounded_down(gross: int, share: int) -> None:
    assert reader_share(gross) == share


@pytest.mark.parametrize(
    ("price", "part", "refund"),
    [
        (250, 40_000, 167),
        (250, 0, 0),
        (250, 60_000, 250),
        (250, 1, 1),
        (250, 59_999, 250),
        (1, 1, 1),
        (100, 30_000, 50),
    ],
)
def test_a_part_of_a_minute_is_rounded_up(price: int, part: int, refund: int) -> None:
    assert part_rounded_up(price, part, 60_000) == refund


@given(gross=st.integers(0, 10**9))
def test_both_shares_make_the_whole(gross: int) -> None:
    share = reader_share(gross)
    assert 0 <= share <= gross
    assert 10 * share <= 7 * gross < 10 * (share + 1)


@given(price=st.integers(1, 100_000), part=st.integers(0, 60_000))
def test_rounding_up_costs_less_than_a_cent(price: int, part: int) -> None:
    rounded = part_rounded_up(price, part, 60_000)
    assert 0 <= rounded * 60_000 - price * part < 60_000
    assert rounded <= price
