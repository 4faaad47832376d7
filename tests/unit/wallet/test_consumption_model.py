"""What becomes of Apple's question how much of a purchase was used, to the millisecond."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.time import HOUR, MINUTE
from chalicelib.wallet.model import consumption as model
from chalicelib.wallet.model.consumption import Consumption, State
from tests.support.worlds import NOON

ASKED = Consumption("uuid", "usr_ada", "2000000001", NOON, NOON, rev=2)


def test_what_is_asked_is_looked_at_now() -> None:
    later = NOON + 5
    asked = model.asked("uuid", "usr_ada", "2000000001", NOON, later)
    assert asked == Consumption("uuid", "usr_ada", "2000000001", NOON, later, "asked", 0)


def test_a_question_from_the_future_was_asked_now() -> None:
    asked = model.asked("uuid", "usr_ada", "2000000001", NOON + HOUR, NOON)
    assert (asked.asked_at, asked.look_at) == (NOON, NOON)


def test_after_twelve_hours_nobody_waits_for_the_answer() -> None:
    assert not model.is_late(ASKED, NOON + 12 * HOUR - 1)
    assert model.is_late(ASKED, NOON + 12 * HOUR)


@pytest.mark.parametrize("state", ["answered", "refused", "withdrawn", "too_late"])
def test_what_is_over_is_not_looked_at_again(state: State) -> None:
    assert model.over(ASKED, state) == replace(ASKED, state=state, look_at=None)


@pytest.mark.parametrize(
    ("age", "look_at"),
    [
        (0, MINUTE),
        (MINUTE, 2 * MINUTE),
        (MINUTE + 1, 2 * MINUTE + 2),
        (20 * MINUTE, 40 * MINUTE),
        (HOUR, 2 * HOUR),
        (5 * HOUR, 6 * HOUR),
        (11 * HOUR + 1, 12 * HOUR),
    ],
)
def test_the_longer_apple_does_not_take_it_the_later_is_the_next_try_until_the_window_ends(
    age: int, look_at: int
) -> None:
    assert model.put_off(ASKED, NOON + age) == replace(ASKED, look_at=NOON + look_at)
