"""Whatever one request does, another may come between any two of its steps.

Two acts on one reading, the second one whole before the first one's 1st, 2nd, 3rd … call to storage: every pair, from
every state, at every place. Real crowds (``test_session_races``) hit a few of these by luck; here each has its turn,
on the tables in memory, which answer as DynamoDB does (``test_tables``).
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.kernel.errors import Problem, Unavailable
from chalicelib.runtime.tables import Item, Operation, Page
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import Command
from chalicelib.wallet import service as wallet
from tests.support.duo import Duo, assert_books_balance
from tests.support.memory import MemoryTables
from tests.support.reading import pay_in
from tests.support.worlds import HandClock, hand_world

Act = Callable[[Duo], object]


def by(side: str, command: Command) -> Act:
    return lambda duo: duo.does(duo.client if side == "client" else duo.reader, command)


MOST_STEPS = 30
COMMANDS = ("accept", "decline", "cancel", "join", "heartbeat", "renew", "leave", "reconnect", "finish")
ACTS: dict[str, Act] = {
    f"{side} {name}": by(side, getattr(commands, name))
    for side in ("client", "reader")
    for name in COMMANDS
    if (side, name) not in {("client", "accept"), ("client", "decline"), ("reader", "cancel")}
} | {
    "tick": lambda duo: sessions.advance(duo.world, duo.row(), stale=True),
    "later tick": lambda duo: sessions.advance(duo.world, duo.forward(1_000).row()),
    "freeze": lambda duo: wallet.freeze(duo.world, duo.client, "dispute"),
    "top up": lambda duo: pay_in(duo.world, duo.client, 700, f"topup:more:{duo.client}"),
    "purchase": lambda duo: wallet.spend(duo.world, duo.client, "order", 60, "platform:shop", "order:1", "ord_1"),
    "force end": lambda duo: sessions.force_end(duo.world, duo.session, actor="admin", note="test"),
    "safety stop": lambda duo: sessions.safety_stop(duo.world, duo.session, actor="admin", note="test"),
}
STATES: dict[str, Act] = {
    "created": lambda duo: duo.created(),
    "waiting": lambda duo: duo.waiting(),
    "half joined": lambda duo: duo.half_joined(),
    "half joined, one minute's credit": lambda duo: duo.half_joined(260),
    "active": lambda duo: duo.active(),
    "active, a minute due": lambda duo: duo.active().talked(60_000),
    "active, minutes late": lambda duo: duo.active().talked(150_000),
    "active, out of credit": lambda duo: duo.active(510).talked(125_000),
    "active, the reader silent": lambda duo: duo.active().talked(50_000).talked(76_000, beating=("client",)),
    "paused": lambda duo: duo.paused(),
    "half back": lambda duo: duo.half_back(),
    "grace just over": lambda duo: duo.paused().forward(300_000),
}


class Interrupted(MemoryTables):
    """Lets ``act`` happen before the call in place ``at``, once."""

    def __init__(self, at: int = -1, act: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.calls = 0
        self.first_write = MOST_STEPS
        self._at = at
        self._act = act

    def _step(self) -> None:
        place, self.calls = self.calls, self.calls + 1
        if place == self._at:
            self._act()

    def get(self, *args: Any, **how: Any) -> Item | None:
        self._step()
        return super().get(*args, **how)

    def query(self, *args: Any, **how: Any) -> Page:
        self._step()
        return super().query(*args, **how)

    def write(self, *operations: Operation) -> None:
        self.first_write = min(self.first_write, self.calls)
        self._step()
        super().write(*operations)


def done(act: Act, duo: Duo) -> str:
    """What came of it: ``ok``, or the code of a refusal. Anything else that is raised is a bug."""
    try:
        act(duo)
    except Unavailable:
        raise
    except Problem as problem:
        return problem.code
    return "ok"


def on(tables: MemoryTables, moment: int) -> Duo:
    return Duo(hand_world(tables, now=HandClock(moment)), "x")


@pytest.mark.parametrize("state", STATES)
def test_whichever_act_comes_between_any_steps_of_another_nobody_is_overcharged_or_left_behind(state: str) -> None:
    base = on(MemoryTables(), HandClock().now)
    STATES[state](base)
    start, moment = rows_of(base), base.world.now()
    known: set[bytes] = set()

    def played(first: str, second: str, at: int) -> int:
        """Play ``second`` before the step ``at`` of ``first``; the number of steps there were."""
        beside = MemoryTables()
        beside.rows = {table: dict(rows) for table, rows in start.items()}  # an item is never changed, only replaced
        other = on(beside, moment)
        tables = Interrupted(at, partial(done, ACTS[second], other))
        tables.rows = beside.rows
        duo = on(tables, moment)
        done(ACTS[first], duo)
        steps = tables.calls
        duo.forward(other.world.now() - moment)
        outcome = pickle.dumps((tables.rows, duo.world.now()))
        if outcome not in known:  # many ways lead to one outcome
            assert_in_step(duo)
            duo.assert_ends_well()
            assert_books_balance(duo.world)
            known.add(outcome)
        return steps

    for first, second in itertools.product(ACTS, ACTS):
        for at in range(MOST_STEPS):
            try:
                if played(first, second, at) <= at:
                    break
            except Exception as error:
                error.add_note(f"{second!r} came before step {at} of {first!r}, from {state!r}")
                raise
        else:
            raise AssertionError(f"{first} takes more than {MOST_STEPS} steps")


def rows_of(duo: Duo) -> dict[str, dict[tuple[Any, ...], Item]]:
    tables = duo.world.tables
    assert isinstance(tables, MemoryTables)
    return tables.rows


def assert_in_step(duo: Duo) -> None:
    """The session and the meter say the same, and an open session has its two people to itself."""
    row, meter = duo.row(), wallet.head(duo.world, duo.client).meter
    if row.state == "active":
        assert meter
        assert meter.run
        assert meter.epoch == row.epoch
    elif row.state in ("paused", "reconnecting"):
        assert meter
        assert meter.run is None
    else:
        assert meter is None
    busy = {duo.client, duo.reader} if row.is_open else set()
    assert sessions.busy_among(duo.world, [duo.client, duo.reader]) == busy


# --- decisions made on the wallet ----------------------------------------------------------------


def between_steps(base: Duo, first: Act, second: Act) -> list[tuple[bool, str, Duo]]:
    """``first`` with ``second`` before each of its steps in turn.

    For each: whether ``second`` came before anything was written, what ``first`` was answered, and the pair after it.
    """
    start, moment = rows_of(base), base.world.now()
    outcomes: list[tuple[bool, str, Duo]] = []
    for at in range(MOST_STEPS):
        beside = MemoryTables()
        beside.rows = {table: dict(rows) for table, rows in start.items()}
        other = on(beside, moment)
        tables = Interrupted(at, partial(done, second, other))
        tables.rows = beside.rows
        duo = on(tables, moment)
        answer = done(first, duo)
        if tables.calls <= at:
            return outcomes
        outcomes.append((at <= tables.first_write, answer, duo))
    raise AssertionError(f"more than {MOST_STEPS} steps")


def test_a_reading_that_cannot_be_paid_begins_after_all_when_credit_comes_before_its_end_is_written() -> None:
    duo = on(MemoryTables(), HandClock().now).half_joined(260)
    wallet.spend(duo.world, duo.client, "order", 20, "platform:shop", "order:1", "ord_1")
    outcomes = between_steps(duo, ACTS["reader join"], ACTS["top up"])
    assert len(outcomes) > 2
    for in_time, _, after in outcomes:
        assert after.row().state == ("active" if in_time else "finalized")


def spends_500(duo: Duo) -> object:
    return wallet.spend(duo.world, duo.client, "order", 500, "platform:shop", "order:2", "ord_2")


def test_who_comes_back_on_credit_that_is_spent_before_it_is_written_is_refused() -> None:
    duo = on(MemoryTables(), HandClock().now).active(510).talked(125_000)
    assert duo.noticed().reason == "low_balance"
    ACTS["top up"](duo)
    outcomes = between_steps(duo, ACTS["client reconnect"], spends_500)
    assert len(outcomes) > 2
    for in_time, answer, _ in outcomes:
        assert answer == ("insufficient_funds" if in_time else "ok")
