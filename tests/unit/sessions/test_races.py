"""Somebody else writes between a reading and a writing: what was decided on is looked at again."""

from collections.abc import Callable

import pytest

from chalicelib.kernel.errors import InsufficientFunds, ReaderBusy
from chalicelib.runtime.tables import Contended, Operation
from chalicelib.sessions import asking, service
from chalicelib.sessions.model.commands import Command, accept, finish, join, leave, reconnect
from chalicelib.sessions.model.session import Side
from tests.support.memory import MemoryTables
from tests.support.reading import CLIENT, READER, SESSION, Stage, pay_in
from tests.support.worlds import hand_world


class Raced(MemoryTables):
    """Tables on which ``act`` happens once, right before the next write."""

    act: Callable[[], object] | None = None

    def write(self, *operations: Operation) -> None:
        act, self.act = self.act, None
        if act:
            act()
        super().write(*operations)


class Lost(MemoryTables):
    """Tables that answer ``refused`` to the next writes: contended, and nothing was written."""

    refused = 0

    def write(self, *operations: Operation) -> None:
        if self.refused:
            self.refused -= 1
            raise Contended("TransactionConflict")
        super().write(*operations)


def raced(stage: Stage, act: Callable[[], object]) -> Stage:
    """The same stage, where ``act`` comes in between the next reading and writing."""
    tables = Raced()
    tables.rows = stage.tables.rows
    tables.act = act
    stage.world = hand_world(tables, now=stage.clock, clock=stage.executions)
    return stage


def beside(stage: Stage) -> Stage:
    """Another caller on the same tables."""
    other = Stage(credit=0)
    other.tables.rows = stage.tables.rows
    other.clock.now = stage.clock.now
    return other


def test_a_top_up_that_comes_before_the_end_for_low_balance_starts_the_talk() -> None:
    stage = Stage(credit=250).accepted()
    stage.client(join)
    stage.spend(1)
    other = beside(stage)
    assert raced(stage, lambda: pay_in(other.world, CLIENT, 1, "topup:raced")).reader(join).state == "active"


def test_spending_that_comes_before_the_creation_refuses_it() -> None:
    stage = Stage(credit=250)
    other = beside(stage)
    stage.asked("text", "ses_0")
    service.perform(stage.world, "ses_0", CLIENT, finish)
    raced(stage, lambda: other.spend(1))
    with pytest.raises(InsufficientFunds):
        asking.create(stage.world, Side(CLIENT, "Cee"), SESSION, READER, "text")
    assert service.busy_among(stage.world, [CLIENT, READER]) == set()


def test_spending_that_comes_before_the_first_return_refuses_it() -> None:
    stage = Stage(credit=500).begun().beats(60)
    stage.client(leave)
    other = beside(stage)
    raced(stage, lambda: other.spend(1))
    with pytest.raises(InsufficientFunds):
        stage.client(reconnect)
    assert stage.row().state == "paused"


def test_spending_that_comes_before_the_start_ends_the_session() -> None:
    stage = Stage(credit=250).accepted()
    stage.client(join)
    other = beside(stage)
    session = raced(stage, lambda: other.spend(1)).reader(join)
    assert (session.state, session.reason) == ("finalized", "low_balance")
    assert stage.balance == 249


def test_of_two_requests_for_one_reader_one_is_refused() -> None:
    stage = Stage()
    pay_in(stage.world, "usr_other", 1_000, "topup:other")
    other = beside(stage)
    stage.asked("text", "ses_0")
    service.perform(stage.world, "ses_0", CLIENT, finish)
    raced(stage, lambda: asking.create(other.world, Side("usr_other", "Oh"), "ses_2", READER, "text"))
    with pytest.raises(ReaderBusy):
        asking.create(stage.world, Side(CLIENT, "Cee"), SESSION, READER, "text")


def test_a_leave_is_never_before_what_another_faster_clock_has_charged() -> None:
    stage = Stage().begun().beats(59)
    other = beside(stage)

    def tick() -> None:
        other.at(61)
        service.advance(other.world, service.load(other.world, SESSION), stale=True)

    session = raced(stage.at(60), tick).client(leave)
    assert (session.state, session.connected_before) == ("paused", 61_000)
    assert stage.cost().total == 500


@pytest.mark.parametrize("command", [accept, finish])
@pytest.mark.parametrize("refused", [1, 3])
def test_what_is_answered_has_been_written_whatever_storage_said_at_first(command: Command, refused: int) -> None:
    stage = Stage()
    stage.asked()
    tables = Lost()
    tables.rows = stage.tables.rows
    tables.refused = refused
    stage.world = hand_world(tables, now=stage.clock, clock=stage.executions)
    answered = stage.reader(command)
    assert stage.row().state == answered.state
    assert answered.state != "created"
