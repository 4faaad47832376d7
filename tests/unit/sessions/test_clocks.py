"""Architecture §4: two clocks, one function. Either alone brings a session to its end, to the millisecond."""

from datetime import datetime
from typing import Any

import pytest

from chalicelib.operations import handlers
from chalicelib.operations.handlers import tell
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Operation, Page
from chalicelib.sessions import asking, service
from chalicelib.sessions.model.commands import accept, finish, heartbeat, join, leave, reconnect
from chalicelib.sessions.model.session import Side
from tests.support.memory import MemoryTables
from tests.support.reading import SESSION, Stage, add_reader, pay_in, second
from tests.support.worlds import NOON, hand_world


def told(stage: Stage, epoch: int | None = None, session: str = SESSION) -> dict[str, Any]:
    facts = {"kind": "session", "id": session, "epoch": stage.row().epoch if epoch is None else epoch}
    return tell(stage.world, facts)


def wake(stage: Stage) -> float | None:
    return second(service.next_wake(stage.world, service.advance(stage.world, stage.row())))


# --- the clock


def test_accept_start_pause_and_resume_raise_the_epoch_and_start_an_execution_each() -> None:
    stage = Stage()
    stage.asked()
    assert set(stage.executions.started) == {"ses_1-0"}
    stage.reader(accept)
    stage.client(join)
    assert set(stage.executions.started) == {"ses_1-0", "ses_1-1"}
    stage.reader(join)
    stage.at(10).client(leave)
    stage.at(20).client(reconnect)
    stage.reader(reconnect)
    stage.client(finish)
    assert set(stage.executions.started) == {f"ses_1-{epoch}" for epoch in range(5)}


def test_the_clock_is_set_to_the_next_deadline() -> None:
    stage = Stage(credit=2_000)
    stage.asked()
    assert wake(stage) == 180
    stage.at(1).reader(accept)
    assert wake(stage) == 121
    stage.at(2).client(join)
    stage.at(2).reader(join)
    assert wake(stage) == 77  # silence
    stage.beats(300)
    assert wake(stage) == 362  # the warning: 8 minutes paid from 2 s on
    stage.beats(362).noticed()
    assert wake(stage) == 437  # silence
    stage.at(370).client(leave)
    assert wake(stage) == 670
    stage.at(400).client(reconnect)
    assert wake(stage) == 475
    stage.client(finish)
    assert wake(stage) is None


def run_executions(stage: Stage) -> None:
    """What the state machine does: wait for the earliest moment, call, wait again or end."""
    ended: set[str] = set()
    for _ in range(50):
        waiting = {name: at for name, at in stage.executions.started.items() if name not in ended}
        if not waiting:
            return
        name, at = min(waiting.items(), key=lambda each: each[1])
        stage.clock.now = max(stage.clock.now, at)
        answer = told(stage, epoch=int(name.rsplit("-", 1)[1]))
        if answer["done"]:
            ended.add(name)
        else:
            stage.executions.started[name] = millis_of(answer["wake_at"])
    raise AssertionError("the executions do not end")


def millis_of(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def test_the_clock_alone_drives_a_session_to_its_end() -> None:
    stage = Stage(credit=250).begun().beats(50)
    run_executions(stage)
    session = stage.row()
    assert (session.state, session.reason, second(session.ended_at)) == ("finalized", "grace_expired", 360)
    assert second(session.finalized_at) == 360
    assert stage.balance == 0


def test_the_clock_notices_a_silence_the_moment_it_is_full() -> None:
    stage = Stage().begun()
    stage.at(10).reader(heartbeat)
    stage.at(60).client(heartbeat)
    run_executions(stage)
    session = stage.row()
    assert (session.reason, second(session.finalized_at)) == ("grace_expired", 310)
    assert (session.cut, session.refunded) == ("reader_left", 209)


def test_the_clock_answers_with_the_moment_in_rfc_3339() -> None:
    stage = Stage()
    stage.asked()
    assert told(stage) == {"done": False, "wake_at": "2030-03-17T17:49:40.000Z"}


def test_an_execution_of_an_old_epoch_brings_the_session_up_to_date_and_ends() -> None:
    stage = Stage()
    stage.asked()
    stage.reader(accept)
    assert told(stage, epoch=0) == {"done": True}
    stage.at(120)
    assert told(stage, epoch=0) == {"done": True}
    assert stage.row().reason == "no_show_reader"


def test_the_clock_of_something_unknown_ends_quietly() -> None:
    stage = Stage()
    assert tell(stage.world, {"kind": "session", "id": "ses_none", "epoch": 0}) == {"done": True}
    assert tell(stage.world, {"kind": "comet", "id": "x", "epoch": 0}) == {"done": True}


def test_an_execution_that_could_not_be_started_is_started_by_the_next_who_looks() -> None:
    stage = Stage()
    stage.executions.broken = True
    stage.asked()
    assert stage.executions.started == {}
    stage.executions.broken = False
    stage.at(60).noticed()
    assert stage.executions.started == {"ses_1-0": NOON + 180_000}


def test_an_execution_is_started_once_an_epoch() -> None:
    stage = Stage().begun()
    rev = stage.row().rev
    stage.noticed()
    stage.noticed()
    assert stage.row().rev == rev


def kept_promise(stage: Stage, turn: int = 0) -> dict[str, Any]:
    """What that execution of the present epoch is answered."""
    return tell(stage.world, {"kind": "session", "id": SESSION, "epoch": stage.row().epoch, "turn": turn})


def test_an_execution_that_calls_when_it_promised_is_not_replaced() -> None:
    stage = Stage().begun()
    for at in range(60, 1_200, 60):
        stage.beats(at)
        kept_promise(stage)
    assert set(stage.executions.started) == {"ses_1-0", "ses_1-1", "ses_1-2"}


def test_an_execution_that_has_not_called_for_30_s_is_lost_and_replaced_by_whoever_looks_next() -> None:
    stage = Stage().begun()  # it promised to call at second 75, when both would have been silent
    stage.beats(104.999)
    stage.noticed()
    assert "ses_1-2-1" not in stage.executions.started
    stage.at(105).noticed()
    assert stage.executions.started["ses_1-2-1"] == stage.row().clock_at
    assert (stage.row().clock_turn, stage.row().clock_epoch) == (1, 2)
    stage.noticed()
    assert len(stage.executions.started) == 4


def test_the_one_that_was_only_late_ends_and_its_successor_goes_on() -> None:
    stage = Stage().begun().beats(105)
    stage.noticed()
    assert kept_promise(stage, turn=0) == {"done": True}
    assert kept_promise(stage, turn=1)["done"] is False


def test_executions_lost_again_and_again_are_replaced_each_time_under_a_new_name() -> None:
    stage = Stage().begun().beats(1_000)
    lost = [name for name in stage.executions.started if name.startswith("ses_1-2-")]
    assert lost == [f"ses_1-2-{turn}" for turn in range(1, len(lost) + 1)]
    assert len(lost) > 5


def test_the_turn_goes_on_counting_over_a_pause_so_that_no_name_comes_twice() -> None:
    stage = Stage().begun().beats(105)
    stage.noticed()
    stage.client(leave)
    assert "ses_1-3-1" in stage.executions.started


def test_an_execution_started_before_executions_promised_anything_is_never_lost() -> None:
    stage = Stage().begun()
    row = next(row for row in stage.tables.rows["sessions"].values() if row["pk"] == SESSION)
    del row["clock_at"]
    stage.beats(1_000)
    assert len(stage.executions.started) == 3


def test_a_promise_survives_a_beat_in_between() -> None:
    stage = Stage().begun()
    stage.at(60).client(heartbeat)
    stage.reader(heartbeat)
    before = stage.tables.write
    disturbed: list[int] = []

    def write(*operations: Operation) -> None:
        if len(disturbed) < 1:
            disturbed.append(1)
            stage.at(62).client(heartbeat)
        before(*operations)

    stage.tables.write = write  # type: ignore[method-assign]  # one write comes second
    answer = kept_promise(stage)
    assert answer["done"] is False
    assert millis_of(answer["wake_at"]) - 1_000 < (stage.row().clock_at or 0) <= millis_of(answer["wake_at"])


# --- the minute tick


class _Lambda:
    """The context of a function with so much time left."""

    def __init__(self, millis: int = 60_000) -> None:
        self.millis = millis

    def get_remaining_time_in_millis(self) -> int:
        return self.millis


def _never(facts: dict[str, Any]) -> None:
    raise AssertionError(f"there was time enough: {facts}")


def tick(stage: Stage) -> list[dict[str, int]]:
    return [handlers.work(stage.world, {"shard": str(shard)}, _Lambda(), _never) for shard in range(2)]


def test_the_tick_alone_drives_a_session_to_its_end() -> None:
    stage = Stage(credit=250).begun()
    stage.executions.started.clear()
    for minute in range(1, 9):
        stage.at(minute * 60 + 13)
        tick(stage)
    session = stage.row()
    assert (session.state, session.reason, second(session.ended_at)) == ("finalized", "grace_expired", 360)


def test_the_tick_works_on_stale_pages_and_reads_again_before_it_writes() -> None:
    stage = Stage().begun()
    page = stage.row()  # what the listing showed
    stage.beats(70)
    stage.at(76)
    seen = service.advance(stage.world, page, stale=True)  # by the page, both were silent for 75 s
    assert seen.session.state == "active"


def test_the_tick_charges_by_the_wallet_not_by_the_page() -> None:
    stage = Stage().begun()
    page = stage.row()
    stage.at(20).client(leave)
    stage.at(65)
    service.advance(stage.world, page, stale=True)
    assert stage.balance == 9_750
    assert stage.row().state == "paused"


def test_the_tick_forgets_sessions_that_are_finalized() -> None:
    stage = Stage().begun()
    assert sum(done["advanced"] for done in tick(stage)) == 1
    stage.client(finish)
    assert sum(done["advanced"] for done in tick(stage)) == 0


class _OneBrokenWallet(MemoryTables):
    """Tables that cannot read one client's wallet."""

    def query(self, table: str, partition: tuple[str, str], **rest: Any) -> Page:
        if partition == ("account", "credit:usr_c2"):
            raise RuntimeError("an item nobody can read")
        return super().query(table, partition, **rest)


def _many_asked(stage: Stage, count: int) -> None:
    for number in range(count):
        add_reader(stage.world, f"usr_r{number}")
        readers.set_presence(stage.world, f"usr_r{number}", "online")
        pay_in(stage.world, f"usr_c{number}", 1_000, f"topup:c{number}")
        asking.create(stage.world, Side(f"usr_c{number}", "Cee"), f"ses_x{number}", f"usr_r{number}", "text")


def test_a_tick_whose_time_runs_short_hands_on_from_there_and_misses_nobody() -> None:
    class ShortOfTime(_Lambda):
        """Time for two sessions."""

        def get_remaining_time_in_millis(self) -> int:
            self.millis -= 20_000
            return self.millis

    stage = Stage()
    _many_asked(stage, 9)
    stage.at(180)
    calls: list[dict[str, Any]] = [{"shard": "0"}, {"shard": "1"}]
    done = 0
    for _ in range(30):
        if calls:
            done += handlers.work(stage.world, calls.pop(), ShortOfTime(), calls.append)["advanced"]
    assert (done, calls) == (9, [])
    assert {service.load(stage.world, f"ses_x{number}").state for number in range(9)} == {"finalized"}


def test_one_session_that_fails_does_not_hold_up_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    _many_asked(stage, 6)
    broken = _OneBrokenWallet()
    broken.rows = stage.tables.rows
    world = hand_world(broken, now=stage.at(180).clock)
    done = [handlers.work(world, {"shard": str(shard)}, _Lambda(), _never) for shard in range(2)]
    assert sum(each["advanced"] for each in done) == 5
    assert sum(each["failed"] for each in done) == 1
    assert '"event":"not_advanced"' in capsys.readouterr().out
    states = [service.load(stage.world, f"ses_x{number}").state for number in range(6)]
    assert states == ["finalized", "finalized", "created", "finalized", "finalized", "finalized"]


def test_both_clocks_and_everybody_at_once_charge_a_minute_once() -> None:
    stage = Stage().begun().beats(60)
    for _ in range(3):
        tick(stage)
        told(stage)
        stage.client(heartbeat)
        stage.reader(heartbeat)
    assert stage.balance == 9_500


def test_a_plain_minute_writes_one_entry_and_leaves_the_session_row_alone() -> None:
    stage = Stage().begun().beats(50)
    stage.noticed()
    rev, seq = stage.row().rev, stage.head.seq
    stage.at(60)
    tick(stage)
    assert (stage.row().rev, stage.head.seq) == (rev, seq + 1)
