"""Two clocks, each stopped in turn: a deadline is never lost, whichever is left (architecture §4)."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import pytest

from chalicelib.gateways.clock import execution_name
from chalicelib.kernel.clock import CLOCK_LATE
from chalicelib.kernel.time import SECOND
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, TICK, Pair, Stage

STORY_SECONDS: Final = 400
RULE: Final = "soulseer-dev-billing_tick"
PAIRS: Final = 3


@contextmanager
def no_rule(stage: Stage) -> Iterator[None]:
    """The minute rule of EventBridge does not fire."""
    events = stage.stack.aws("events")
    events.disable_rule(Name=RULE)
    try:
        yield
    finally:
        events.enable_rule(Name=RULE)


@contextmanager
def no_machine(stage: Stage, pair: Pair) -> Iterator[list[str]]:
    """Every execution of the state machine for this reading is stopped as soon as it is there; their names."""
    machine, stopped, over = stage.stack.aws("stepfunctions"), list[str](), Event()
    arn = stage.world.settings.clock_machine_arn

    def stop_all() -> None:
        running = machine.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=1000)["executions"]
        for each in running:
            if each["name"].startswith(pair.id):
                machine.stop_execution(executionArn=each["executionArn"])
                stopped.append(each["name"])

    def keep_stopping() -> None:
        while not over.wait(0.3):
            stop_all()

    stop_all()
    thread = Thread(target=keep_stopping, name="no-machine")
    thread.start()
    try:
        yield stopped
    finally:
        over.set()
        thread.join()


def each_clock_alone_brings_a_silent_reading_to_its_end(stage: Stage) -> None:
    """One story, because the rule is everybody's: while it is off, nobody else may count on it."""
    with no_rule(stage), stage.pair() as pair:
        pair.begin()
        pair.hang_up()
        silent = min(pair.last_signs_of_life().values())
        row = pair.await_state("finalized", (stage.rules.silence + stage.rules.grace) / SECOND + SOON)
        assert (row.cut, row.reason) == ("network", "grace_expired")
        assert row.ended_at == silent + stage.rules.grace
        assert row.review is None
    with stage.pair() as pair:
        pair.ask()
        with no_machine(stage, pair) as stopped:
            until("its execution being stopped", lambda: bool(stopped), seconds=SOON)
            row = pair.await_state("finalized", stage.rules.ring / SECOND + TICK)
        assert (row.reason, row.ended_at) == ("request_expired", row.created_at + stage.rules.ring)


def the_tick_alone_charges_pauses_ends_and_settles(stage: Stage) -> None:
    with stage.pair(500) as pair:
        pair.begin()
        with no_machine(stage, pair):
            pair.await_beats()
            pair.hang_up()
            silent = min(pair.last_signs_of_life().values())
            until_ended = silent + stage.rules.silence + stage.rules.grace
            until(
                "the grace of a reading that nobody looks at being over",
                lambda: stage.world.now() > until_ended,
                seconds=2 * SOON,
            )
            stage.tick()
            row = pair.row
        assert (row.state, row.cut, row.reason) == ("finalized", "network", "grace_expired")
        assert row.paused_at == silent
        assert row.ended_at == silent + stage.rules.grace
        assert len(pair.receipt()["minutes"]) == 1


def with_no_clock_at_all_the_next_request_finds_everything_as_it_should_be(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.ask()
        with no_machine(stage, pair):
            expired_at = pair.row.created_at + stage.rules.ring
            until("the ring being over", lambda: stage.world.now() > expired_at, seconds=SOON)
            view = pair.client.api.get(f"/v1/sessions/{pair.id}")
        assert (view["state"], view["reason"]) == ("finalized", "request_expired")
        assert pair.row.ended_at == expired_at


def an_execution_of_the_clock_that_was_lost_is_replaced_under_another_name(stage: Stage) -> None:
    machine = stage.stack.aws("stepfunctions")
    executions = stage.world.settings.clock_machine_arn.replace(":stateMachine:", ":execution:")
    for _ in range(PAIRS):  # a machine that is too busy for their beats ends a reading before that
        with stage.pair(2_000) as pair:
            pair.begin()
            row = pair.await_row("its execution", lambda row: row.clock_epoch == row.epoch)
            machine.stop_execution(executionArn=f"{executions}:{execution_name(pair.id, row.epoch, 0)}")
            patience = ((row.clock_at or 0) - row.at + CLOCK_LATE) / SECOND + SOON
            row = pair.await_row("another execution", lambda row: row.clock_turn == 1 or not row.is_open, patience)
            if row.clock_turn == 1:
                name = execution_name(pair.id, row.epoch, 1)
                assert machine.describe_execution(executionArn=f"{executions}:{name}")["status"] == "RUNNING"
                return
    raise AssertionError("no reading lived long enough to lose its clock")


STORIES: list[Story] = [
    each_clock_alone_brings_a_silent_reading_to_its_end,
    the_tick_alone_charges_pauses_ends_and_settles,
    with_no_clock_at_all_the_next_request_finds_everything_as_it_should_be,
    an_execution_of_the_clock_that_was_lost_is_replaced_under_another_name,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_clocks(story: Story, stories: dict[Story, "Future[None]"]) -> None:
    stories[story].result(timeout=STORY_SECONDS)
