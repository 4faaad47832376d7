"""Product §1: what is stricter acts at once, what is looser after 24 hours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.model.limits import LONGEST, MOST, WAIT, Limits, Setting, Wanted, changed
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.time import DAY, HOUR
from tests.support.worlds import NOON

NOTHING = Wanted(None, None, None, None)


def day(cents: int | None) -> Wanted:
    return Wanted(cents, None, None, None)


def excluded(until: int | None) -> Wanted:
    return Wanted(None, None, None, until)


def test_who_has_set_nothing_has_no_limit() -> None:
    held = Limits().at(NOON)
    assert (held.day, held.week, held.month, held.self_excluded_until) == (Setting(), Setting(), Setting(), Setting())


def test_a_first_limit_and_a_lower_one_act_at_once() -> None:
    first = changed(Limits(), day(5_000), NOON)
    assert first.day == Setting(5_000)
    assert changed(first, day(4_999), NOON).day == Setting(4_999)
    assert changed(first, day(0), NOON).day == Setting(0)


@pytest.mark.parametrize("looser", [5_001, MOST, None])
def test_a_higher_limit_or_none_acts_after_24_hours_and_not_a_moment_before(looser: int | None) -> None:
    asked = changed(changed(Limits(), day(5_000), NOON), day(looser), NOON)
    assert asked.day == Setting(5_000, looser, NOON + WAIT)
    assert asked.at(NOON + WAIT - 1).day.value == 5_000
    assert asked.at(NOON + WAIT).day == Setting(looser)


def test_asking_again_does_not_begin_the_wait_anew_and_asking_for_another_rise_does() -> None:
    asked = changed(changed(Limits(), day(5_000), NOON), day(6_000), NOON)
    assert changed(asked, day(6_000), NOON + HOUR) == asked
    assert changed(asked, day(7_000), NOON + HOUR).day == Setting(5_000, 7_000, NOON + HOUR + WAIT)


@pytest.mark.parametrize("cents", [5_000, 3_000])
def test_asking_for_what_holds_or_for_less_takes_a_pending_rise_back(cents: int) -> None:
    asked = changed(changed(Limits(), day(5_000), NOON), day(6_000), NOON)
    assert changed(asked, day(cents), NOON + HOUR).day == Setting(cents)


def test_each_limit_waits_for_itself() -> None:
    held = changed(Limits(), Wanted(1_000, 2_000, 3_000, None), NOON)
    asked = changed(held, Wanted(500, 4_000, 3_000, None), NOON)
    assert (asked.day, asked.week, asked.month) == (Setting(500), Setting(2_000, 4_000, NOON + WAIT), Setting(3_000))


def test_an_exclusion_and_a_longer_one_act_at_once() -> None:
    first = changed(Limits(), excluded(NOON + DAY), NOON)
    assert first.self_excluded_until == Setting(NOON + DAY)
    assert changed(first, excluded(NOON + DAY + 1), NOON).self_excluded_until == Setting(NOON + DAY + 1)


@pytest.mark.parametrize("until", [NOON + 8 * DAY, None])
def test_a_shorter_exclusion_or_none_acts_after_24_hours(until: int | None) -> None:
    asked = changed(changed(Limits(), excluded(NOON + 9 * DAY), NOON), excluded(until), NOON)
    assert asked.at(NOON + WAIT - 1).self_excluded_until.value == NOON + 9 * DAY
    assert asked.at(NOON + WAIT).self_excluded_until.value == until


def test_an_exclusion_ends_at_its_moment_and_takes_what_was_pending_with_it() -> None:
    asked = changed(changed(Limits(), excluded(NOON + HOUR), NOON), NOTHING, NOON)
    assert asked.at(NOON + HOUR - 1).self_excluded_until == Setting(NOON + HOUR, None, NOON + WAIT)
    assert asked.at(NOON + HOUR).self_excluded_until == Setting()


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted(-1, None, None, None), "day"),
        (Wanted(None, MOST + 1, None, None), "week"),
        (Wanted(None, None, -1, None), "month"),
        (excluded(NOON), "self_excluded_until"),
        (excluded(NOON + LONGEST + 1), "self_excluded_until"),
    ],
)
def test_what_cannot_be_a_limit_is_named(wanted: Wanted, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        changed(Limits(), wanted, NOON)
    assert [each["field"] for each in refused.value.errors] == [field]


pauses = st.integers(0, 2 * DAY) | st.sampled_from([WAIT - 1, WAIT])


@given(st.lists(st.tuples(st.none() | st.integers(0, 3), pauses), max_size=8))
def test_a_limit_is_looser_only_when_just_that_was_asked_for_24_hours_ago_and_nothing_else_since(
    asks: list[tuple[int | None, int]],
) -> None:
    limits, now = Limits(), NOON
    told: list[tuple[int, int | None]] = []
    for cents, pause in asks:
        limits = changed(limits, day(cents), now)
        told.append((now, cents))
        held, later = limits.at(now).day.value, limits.at(now + pause).day.value
        assert held is None or cents is None or held <= cents
        if later != held:
            assert held is not None
            assert later is None or later > held
            long_ago = [wish for at, wish in told if at + WAIT <= now + pause]
            since = [wish for at, wish in told if at + WAIT > now + pause]
            assert long_ago[-1:] == [later]
            assert set(since) <= {later}
        now += pause
