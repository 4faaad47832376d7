"""Product §3, rule 8: who fell silent, when they left, and what that takes back."""

import pytest

from chalicelib.kernel.errors import InvalidState
from chalicelib.sessions.model.commands import heartbeat, join, leave, reconnect
from chalicelib.sessions.model.session import Session
from tests.support.reading import Stage, second


def talk(client: tuple[float, ...], reader: tuple[float, ...]) -> Stage:
    """A talk from second 0 on, with beats of each side at these seconds."""
    stage = Stage().begun()
    for at, who in sorted([(at, "client") for at in client] + [(at, "reader") for at in reader]):
        (stage.at(at).client if who == "client" else stage.at(at).reader)(heartbeat)
    return stage


def stopped(session: Session) -> tuple[str, str | None, float | None, float]:
    return session.state, session.reason, second(session.paused_at), session.connected_before / 1000


def test_a_reader_silent_for_75_s_has_left_at_the_last_beat() -> None:
    stage = talk(client=(30, 60, 84), reader=(10,))
    assert stage.at(84.999).noticed().state == "active"
    assert stopped(stage.at(85).noticed()) == ("paused", "reader_left", 10, 10)


def test_a_client_silent_for_75_s_has_left_at_the_end_of_the_silence() -> None:
    stage = talk(client=(10,), reader=(30, 60, 84))
    assert stage.at(84.999).noticed().state == "active"
    assert stopped(stage.at(85).noticed()) == ("paused", "client_left", 85, 85)
    assert stage.balance == 9_500


@pytest.mark.parametrize("late", [85, 120, 250])
def test_a_silence_noticed_late_stops_the_talk_at_the_same_moment(late: float) -> None:
    assert stopped(talk(client=(30, 60), reader=(10,)).at(late).noticed()) == ("paused", "reader_left", 10, 10)
    assert stopped(talk(client=(10,), reader=(30, 60)).at(late).noticed()) == ("paused", "client_left", 85, 85)


@pytest.mark.parametrize(
    ("client", "reader", "reason", "effective"),
    [
        (10, 40, "network", 10),  # at 85 the reader has been silent for 45 s
        (10, 40.001, "client_left", 85),
        (40, 10, "network", 10),
        (40.001, 10, "reader_left", 10),
        (20, 20, "network", 20),
        (10, 60, "client_left", 85),
        (60, 10, "reader_left", 10),
    ],
)
def test_network_when_the_other_has_been_silent_for_45_s_at_the_ones_75_s(
    client: float, reader: float, reason: str, effective: float
) -> None:
    session = talk((client,), (reader,)).at(200).noticed()
    assert stopped(session) == ("paused", reason, effective, effective)


def test_minutes_after_a_silence_are_not_even_charged_where_nobody_looked_in_between() -> None:
    stage = talk(client=(30, 59), reader=(10,))
    stage.at(250).noticed()
    assert [entry.minute for entry in stage.entries()] == [0, 1, 0]
    stage = talk(client=(10,), reader=(40.001,))
    stage.at(250).noticed()  # the client left at 85
    assert [entry.minute for entry in stage.entries()] == [0, 1, 2, 0]


def test_a_beat_within_a_second_of_the_last_says_nothing_new() -> None:
    stage = talk(client=(30, 60), reader=(10, 10.999))
    assert stopped(stage.at(85).noticed()) == ("paused", "reader_left", 10, 10)
    stage = talk(client=(30, 60), reader=(10, 11))
    assert stopped(stage.at(86).noticed()) == ("paused", "reader_left", 11, 11)


def test_a_beat_at_exactly_75_s_is_late() -> None:
    stage = talk(client=(30, 60), reader=(10,))
    session = stage.at(85).reader(heartbeat)
    assert stopped(session) == ("paused", "reader_left", 10, 10)
    assert not session.reader.present


def test_a_beat_just_before_75_s_keeps_the_talk_going() -> None:
    stage = talk(client=(30, 60), reader=(10, 84.999))
    assert stage.at(100).noticed().state == "active"


def test_at_a_tie_the_silence_comes_before_the_clients_leave() -> None:
    stage = talk(client=(30, 60), reader=(10,))
    assert stopped(stage.at(85).client(leave)) == ("paused", "reader_left", 10, 10)
    stage = talk(client=(10,), reader=(30, 60))
    assert stopped(stage.at(85).client(leave)) == ("paused", "client_left", 85, 85)


def test_a_minute_charged_after_the_last_beat_is_taken_back_and_the_meter_set_back() -> None:
    stage = talk(client=(30, 60, 90), reader=(50,))
    stage.at(61).noticed()
    assert stage.balance == 9_500
    stage.at(130).noticed()
    assert stage.balance == 9_750
    stage.at(200).resumed()
    stage.at(209.999).noticed()
    assert stage.balance == 9_750
    stage.at(210).noticed()  # 50 s + 10 s
    assert stage.balance == 9_500
    assert [minute.number for minute in stage.cost().minutes] == [1, 2]


def test_a_lot_that_expired_before_anybody_looked_does_not_change_what_stopped_the_talk() -> None:
    stage = Stage(rate=250, credit=231)
    stage.promo(400, until=82)
    stage.begun()  # both silent from here on; minute 2, at 60, could be paid: 150 of the lot and 100
    assert stopped(stage.at(450).noticed())[1] == "grace_expired"
    session = stage.row()
    assert (session.cut, session.connected_before, second(session.ended_at)) == ("network", 0, 300)
    assert stage.head.buckets.paid == 231
    assert stage.cost().total == 0


def test_an_effective_moment_in_the_past_is_clamped_to_the_current_run() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    stage.at(95).client(reconnect)
    stage.at(100).reader(reconnect)
    session = stage.at(180).noticed()  # network, at the client's beat of 95, before the run
    assert stopped(session) == ("paused", "network", 100, 20)
    assert stage.balance == 9_750


def test_a_clients_leave_is_clamped_to_the_current_run_too() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    stage.at(50).reader(reconnect)
    stage.at(90).client(reconnect)
    session = stage.at(96).client(leave)  # the reader's last beat is 46 s old, and before the run
    assert stopped(session) == ("paused", "reader_left", 90, 20)
    assert second(session.grace_until) == 390


def test_a_reader_who_never_beat_after_the_start_gets_nothing() -> None:
    stage = talk(client=(30, 60), reader=())
    session = stage.at(75).noticed()
    assert stopped(session) == ("paused", "reader_left", 0, 0)
    assert stage.balance == 10_000


def test_join_counts_as_presence() -> None:
    stage = Stage().accepted()
    stage.client(join)
    stage.at(70).reader(join)
    assert stage.at(74.999).noticed().state == "active"
    assert stopped(stage.at(75).noticed()) == ("paused", "client_left", 75, 5)


def test_a_stop_clears_both_and_each_comes_back_with_reconnect() -> None:
    stage = Stage().begun()
    session = stage.at(20).reader(leave)
    assert (session.client.present, session.reader.present) == (False, False)
    assert stage.client(reconnect).state == "reconnecting"
    assert stage.reader(reconnect).state == "active"


def test_a_beat_does_not_bring_back_who_has_left() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    assert not stage.client(heartbeat).client.present
    assert stage.row().state == "paused"


def test_who_is_silent_for_75_s_while_waiting_is_not_there() -> None:
    stage = Stage().accepted()
    stage.client(join)
    assert stage.at(75).reader(join).state == "waiting"
    assert stage.client(heartbeat).state == "waiting"
    assert stage.client(join).state == "active"


def test_a_beat_while_waiting_keeps_one_there() -> None:
    stage = Stage().accepted()
    stage.client(join)
    stage.at(60).client(heartbeat)
    assert stage.at(110).reader(join).state == "active"


def test_a_returner_who_falls_silent_is_gone_again() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    stage.at(50).client(reconnect)
    assert stage.at(124.999).noticed().state == "reconnecting"
    assert stage.at(125).noticed().state == "paused"


def test_a_returner_who_beats_stays() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    stage.at(50).client(reconnect)
    stage.at(120).client(heartbeat)
    assert stage.at(190).noticed().state == "reconnecting"
    assert stage.reader(reconnect).state == "active"


def test_after_the_end_there_is_nobody_to_beat() -> None:
    stage = Stage().begun()
    stage.at(10).reader(leave)
    stage.at(400).noticed()
    with pytest.raises(InvalidState):
        stage.client(heartbeat)
