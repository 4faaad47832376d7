"""Moments and spans."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND, ceil_div, rfc3339


def test_spans_are_milliseconds() -> None:
    assert (SECOND, MINUTE, HOUR, DAY) == (1_000, 60_000, 3_600_000, 86_400_000)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_795_365_839_120, "2026-11-22T16:43:59.120Z"),
        (1_795_365_839_999, "2026-11-22T16:43:59.999Z"),
    ],
)
def test_a_moment_is_written_in_rfc_3339_utc(moment: int, written: str) -> None:
    assert rfc3339(moment) == written


@given(moment=st.integers(0, 4_102_444_800_000))
def test_no_millisecond_is_lost_in_writing(moment: int) -> None:
    assert round(datetime.fromisoformat(rfc3339(moment)).timestamp() * 1000) == moment


@pytest.mark.parametrize(("number", "up"), [(0, 0), (1, 1), (59_999, 1), (60_000, 1), (60_001, 2), (120_000, 2)])
def test_division_rounds_up(number: int, up: int) -> None:
    assert ceil_div(number, 60_000) == up


def test_a_moment_is_written_in_utc_wherever_the_machine_stands(far_from_greenwich: None) -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
