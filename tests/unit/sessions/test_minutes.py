"""Product §3, rules 1, 2, 3 and 6: when a minute is charged, and when none is."""

import pytest

from chalicelib.kernel.time import DAY
from chalicelib.readers import service as readers
from chalicelib.sessions.model.commands import (
    Command,
    accept,
    cancel,
    decline,
    finish,
    heartbeat,
    join,
    leave,
    reconnect,
)
from tests.support.reading import READER, Stage, second


def test_the_rate_is_fixed_when_the_session_is_created() -> None:
    stage = Stage(rate=250)
    stage.asked()
    readers.set_rates(stage.world, READER, {"text": 200})
    stage.reader(accept)
    stage.client(join)
    stage.reader(join)
    assert stage.row().rate == 250
    assert stage.balance == 10_000 - 250


def test_minute_1_is_paid_in_the_write_that_makes_the_session_active() -> None:
    stage = Stage().accepted()
    stage.client(join)
    assert stage.balance == 10_000
    assert stage.reader(join).state == "active"
    assert stage.balance == 9_750
    assert stage.head.meter is not None
    assert stage.head.meter.minute == 1


@pytest.mark.parametrize(
    ("at", "minutes"), [(0, 1), (59.999, 1), (60, 2), (60.001, 2), (119.999, 2), (120, 3), (180, 4), (599.999, 10)]
)
def test_minute_n_is_charged_when_connected_time_reaches_n_minus_1_minutes(at: float, minutes: int) -> None:
    stage = Stage().begun().beats(at)
    stage.noticed()
    assert stage.balance == 10_000 - 250 * minutes


def test_a_minute_noticed_late_is_charged_all_the_same() -> None:
    stage = Stage().begun().beats(50)
    stage.at(124).noticed()
    assert [minute.number for minute in stage.cost().minutes] == [1, 2, 3]


def test_noticing_again_charges_nothing_more() -> None:
    stage = Stage().begun().beats(65)
    for _ in range(3):
        stage.noticed()
    assert stage.balance == 9_500


@pytest.mark.parametrize("who", ["client", "reader"])
@pytest.mark.parametrize("command", [leave, finish])
@pytest.mark.parametrize(("at", "minutes"), [(59.999, 1), (60, 1), (60.001, 2), (120, 2), (120.001, 3)])
def test_at_a_tie_a_stop_comes_before_a_charge(who: str, command: Command, at: float, minutes: int) -> None:
    stage = Stage(rate=250).begun().beats(at)
    session = stage.client(command) if who == "client" else stage.reader(command)
    assert len(stage.cost().minutes) == minutes
    assert session.connected_before == round(at * 1000)


def test_a_minute_charged_at_the_tie_is_taken_back_whole() -> None:
    stage = Stage().begun().beats(60)
    stage.noticed()
    assert stage.balance == 9_500
    stage.client(leave)
    assert stage.balance == 9_750
    assert stage.cost().total == 250


def test_a_pause_keeps_unused_paid_seconds_and_uses_them_first_on_the_return() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    stage.at(100).resumed()
    assert stage.balance == 9_750  # 40 s of minute 1 are left
    stage.beats(139.999).noticed()
    assert stage.balance == 9_750
    stage.at(140).noticed()  # 20 s + 40 s
    assert stage.balance == 9_500


def test_a_pause_stops_the_meter_to_the_second() -> None:
    stage = Stage().begun()
    assert stage.at(31.25).client(leave).connected_before == 31_250
    assert stage.at(299).noticed().connected_before == 31_250
    assert stage.balance == 9_750


def test_leaving_and_coming_back_never_charges_twice_and_never_gains_a_second() -> None:
    stage = Stage().begun()
    for visit in range(6):  # 6 visits of 10 s, 10 s apart
        stage.at(visit * 20 + 10).client(leave)
        stage.at(visit * 20 + 20).resumed()
    assert stage.row().connected_before == 60_000
    assert stage.balance == 9_500  # the seventh visit begins minute 2


def test_coming_back_on_the_minute_pays_the_next_one_in_the_same_write() -> None:
    stage = Stage().begun().beats(60)
    stage.client(leave)
    assert stage.balance == 9_750
    assert stage.at(70).resumed().state == "active"
    assert (stage.head.kind, stage.head.minute, stage.balance) == ("meter_resumed", 2, 9_500)


def test_coming_back_without_staying_costs_nothing() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    stage.at(30).resumed()
    assert stage.client(leave).connected_before == 20_000
    assert stage.balance == 9_750


def test_leaving_in_the_moment_of_the_start_gives_minute_1_back() -> None:
    stage = Stage().begun()
    stage.client(leave)
    assert stage.balance == 10_000


@pytest.mark.parametrize(
    ("command", "who"), [(decline, "reader"), (cancel, "client"), (finish, "client"), (finish, "reader")]
)
def test_a_request_that_comes_to_nothing_is_free(command: Command, who: str) -> None:
    stage = Stage()
    stage.asked()
    session = stage.client(command) if who == "client" else stage.reader(command)
    assert session.state == "finalized"
    assert [entry.kind for entry in stage.entries()] == ["topup"]
    assert stage.cost().total == 0


def test_ring_time_and_waiting_are_free() -> None:
    stage = Stage()
    stage.asked()
    stage.at(179).reader(accept)
    stage.at(290).client(join)
    stage.at(298).reader(join)
    assert stage.balance == 9_750
    assert second(stage.row().started_at) == 298


def test_grace_is_free() -> None:
    stage = Stage().begun()
    stage.at(10).client(leave)
    stage.at(200).client(reconnect)
    assert stage.at(310).noticed().state == "finalized"
    assert stage.cost().total == 250


def test_beats_do_not_move_the_meter() -> None:
    stage = Stage().begun()
    for tenth in range(1, 600):
        stage.at(tenth / 10).client(heartbeat)
        stage.reader(heartbeat)
    assert stage.balance == 9_750


def test_a_reading_of_three_hours_is_180_minutes() -> None:
    stage = Stage(rate=399, credit=180 * 399).begun().beats(10_799)
    session = stage.at(10_800).noticed()
    assert (session.state, session.reason) == ("finalized", "max_duration")
    assert stage.balance == 0
    assert session.earned == 50_274  # 70 % of 71,820


def test_a_clock_that_is_far_behind_does_not_make_time_run_backwards() -> None:
    stage = Stage().begun().beats(61)
    stage.clock.forward(-DAY)
    assert stage.client(leave).connected_before == 61_000
    assert stage.balance == 9_500
