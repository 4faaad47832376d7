"""The clock's state machine, walked: the local AWS accepts a broken one, and the linter lets some through."""

import json
from pathlib import Path
from typing import Any

import pytest

MACHINE: dict[str, Any] = json.loads((Path(__file__).resolve().parents[3] / "infra" / "clock.asl.json").read_text())
STATES: dict[str, Any] = MACHINE["States"]
ENDS = {name for name, state in STATES.items() if state["Type"] in {"Succeed", "Fail"}}
SIXTY_DAYS_AND_A_READING = 60 * 24 * 3600 + 3 * 3600


def ways_on(name: str) -> set[str]:
    """The states that may follow."""
    state = STATES[name]
    branches = [*state.get("Choices", ()), *state.get("Catch", ()), state]
    return {way for branch in branches for way in (branch.get("Next"), branch.get("Default")) if way}


def reached_from(name: str) -> set[str]:
    found: set[str] = set()
    waiting = {name}
    while waiting:
        found |= waiting
        waiting = {way for each in waiting for way in ways_on(each)} - found
    return found


def test_it_starts_in_a_state_of_its_own() -> None:
    assert MACHINE["StartAt"] in STATES


@pytest.mark.parametrize("name", STATES)
def test_every_way_on_leads_to_a_state(name: str) -> None:
    assert ways_on(name) <= STATES.keys()
    assert ways_on(name) or name in ENDS


def test_every_state_is_reached() -> None:
    assert reached_from(MACHINE["StartAt"]) == STATES.keys()


@pytest.mark.parametrize("name", STATES)
def test_every_state_can_come_to_an_end(name: str) -> None:
    assert reached_from(name) & ENDS


def test_every_choice_has_a_default() -> None:
    assert all("Default" in state for state in STATES.values() if state["Type"] == "Choice")


def test_it_outlives_the_farthest_booking_and_nothing_runs_for_ever() -> None:
    assert SIXTY_DAYS_AND_A_READING < MACHINE["TimeoutSeconds"] < 2 * SIXTY_DAYS_AND_A_READING
    assert all("TimeoutSeconds" in state for state in STATES.values() if state["Type"] == "Task")


def test_a_failing_function_is_tried_again_a_few_times_and_then_the_execution_fails() -> None:
    task = STATES["Advance"]
    retries = task["Retry"]
    assert 1 <= sum(each["MaxAttempts"] for each in retries) <= 5
    # Error names differ between the local AWS and AWS: only the ones that Step Functions itself gives are relied on.
    assert {name for each in retries for name in each["ErrorEquals"]} == {"States.TaskFailed", "States.Timeout"}
    assert [each["ErrorEquals"] for each in task["Catch"]] == [["States.ALL"]]
    assert STATES[task["Catch"][0]["Next"]]["Type"] == "Fail"


def test_a_round_changes_nothing_of_the_input_but_the_moment() -> None:
    written = {state["ResultPath"] for state in STATES.values() if state["Type"] in {"Task", "Pass"}}
    assert written == {"$.answer"}
    assert not any(key in state for state in STATES.values() for key in ("OutputPath", "Parameters", "ResultSelector"))
    assert STATES["Wait"]["TimestampPath"] == "$.answer.wake_at"


def test_a_round_is_three_transitions_for_each_costs_money() -> None:
    assert [STATES["Wait"]["Next"], STATES["Advance"]["Next"], STATES["Done?"]["Default"]] == [
        "Advance",
        "Done?",
        "Wait",
    ]


def test_it_decides_on_plain_booleans() -> None:
    assert STATES["Done?"]["Choices"] == [{"Variable": "$.answer.done", "BooleanEquals": True, "Next": "Done"}]
