"""The whole system on one virtual clock (``tests/soak``): a few of its histories. ``make soak`` plays more."""

import pytest

from tests.soak.histories import Found, play
from tests.soak.judge import _apart, _common
from tests.soak.timeline import Timeline


@pytest.mark.parametrize("seed", range(18))
def test_with_everything_going_wrong_at_once_the_system_keeps_its_promises(seed: int) -> None:
    told, finding = play(seed, 300)
    assert finding is None, Found(seed, told.steps, (), finding).replay
    assert told.readings


@pytest.mark.parametrize("seed", [3, 7])
def test_a_seed_plays_the_same_history_again(seed: int) -> None:
    first, second = play(seed, 150)[0], play(seed, 150)[0]
    assert (first.steps, first.virtual, first.met) == (second.steps, second.virtual, second.met)
    assert (first.readings, first.longest) == (second.readings, second.longest)


def test_what_is_left_out_of_a_replay_does_not_happen() -> None:
    told, finding = play(7, 300, frozenset({"call slow", "tick late"}))
    assert finding is None
    assert told.met["call slow"] == told.met["tick late"] == 0
    assert told.met["throttled"] > 0


def test_a_call_that_takes_time_lets_others_act_and_what_they_do_comes_first() -> None:
    timeline, happened = Timeline(0), list[str]()

    def slow() -> None:
        timeline.pass_time(10)
        happened.append(f"slow ends at {timeline.now}")

    timeline.at(5, slow)
    timeline.at(20, lambda: happened.append("after it"))
    timeline.at(15, lambda: happened.append("in between"))
    timeline.run_until(30)
    assert happened == ["in between", "slow ends at 15", "after it"]
    assert timeline.now == 30


def test_the_judge_weighs_time_together_against_time_paid() -> None:
    together = _common([(0, 10), (20, 50)], [(5, 30), (40, 60)])
    assert together == [(5, 10), (20, 30), (40, 50)]
    assert _apart(together, [(7, 25), (45, 46)]) == [2, 5, 5, 4]
    assert _apart(together, []) == [5, 10, 10]
