"""Product §3: ringing, joining, grace and the longest reading. An automatic stop comes before a fact at a tie."""

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import GraceExpired, InvalidState
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND
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
from chalicelib.sessions.store import Sessions
from tests.support.reading import Stage, refusal, second
from tests.support.worlds import NOON

# --- ringing and joining


def test_a_request_rings_for_three_minutes() -> None:
    stage = Stage()
    stage.asked()
    assert stage.at(179.999).noticed().state == "created"
    session = stage.at(180).noticed()
    assert (session.reason, second(session.ended_at)) == ("request_expired", 180)


def test_a_request_noticed_late_expired_all_the_same_at_three_minutes() -> None:
    stage = Stage()
    stage.asked()
    assert second(stage.at(4_000).noticed().ended_at) == 180


@pytest.mark.parametrize("command", [accept, decline])
def test_an_answer_at_three_minutes_is_late(command: Command) -> None:
    stage = Stage()
    stage.asked()
    with pytest.raises(InvalidState):
        stage.at(180).reader(command)
    assert stage.row().reason == "request_expired"


def test_the_reader_declines() -> None:
    stage = Stage()
    stage.asked()
    session = stage.at(5).reader(decline)
    assert (session.state, session.reason, second(session.ended_at)) == ("finalized", "declined", 5)


def test_the_client_cancels() -> None:
    stage = Stage()
    stage.asked()
    session = stage.at(5).client(cancel)
    assert (session.state, session.reason, second(session.ended_at)) == ("finalized", "cancelled", 5)


def test_joining_takes_two_minutes_from_the_acceptance() -> None:
    stage = Stage()
    stage.asked()
    stage.at(100).reader(accept)
    assert stage.at(219.999).noticed().state == "waiting"
    assert second(stage.at(220).noticed().ended_at) == 220


@pytest.mark.parametrize(
    ("who_came", "reason"),
    [("reader", "no_show_client"), ("client", "no_show_reader"), ("nobody", "no_show_reader")],
)
def test_who_did_not_come_is_the_no_show(who_came: str, reason: str) -> None:
    stage = Stage().accepted().at(60)
    if who_came == "reader":
        stage.reader(join)
    elif who_came == "client":
        stage.client(join)
    session = stage.at(120).noticed()
    assert (session.state, session.reason) == ("finalized", reason)


def test_a_reader_who_came_and_went_did_not_wait() -> None:
    stage = Stage().accepted()
    stage.reader(join)
    stage.at(30).reader(leave)
    assert stage.at(120).noticed().reason == "no_show_reader"


def test_the_second_to_join_at_two_minutes_is_late() -> None:
    stage = Stage().accepted().at(60)
    stage.client(join)
    with pytest.raises(InvalidState):
        stage.at(120).reader(join)
    assert stage.row().reason == "no_show_reader"
    assert stage.balance == 10_000


# --- grace


def test_grace_is_five_minutes_from_the_effective_moment_of_the_pause() -> None:
    stage = Stage().begun()
    stage.at(10).reader(heartbeat)
    stage.at(60).client(heartbeat)
    session = stage.at(100).noticed()
    assert second(session.paused_at) == 10
    assert second(session.grace_until) == 310
    session = stage.at(310).noticed()
    assert (session.state, session.reason, second(session.ended_at)) == ("finalized", "grace_expired", 310)


def test_a_return_at_the_last_moment_of_grace_is_late() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    stage.at(250).client(reconnect)
    with pytest.raises(GraceExpired) as refused:
        stage.at(320).reader(reconnect)
    assert refusal(refused.value) == "410 grace_expired"
    assert stage.row().state == "finalized"


def test_a_return_just_before_the_end_of_grace_is_in_time() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    assert stage.at(319.999).resumed().state == "active"


def test_coming_back_alone_does_not_prolong_grace() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    for at in (60, 120, 180, 240, 300, 319):
        stage.at(at).client(reconnect)
    session = stage.at(320).noticed()
    assert (session.reason, second(session.ended_at)) == ("grace_expired", 320)


def test_there_are_fifteen_minutes_of_grace_in_all() -> None:
    stage = Stage().begun()
    for visit in range(3):  # pauses of 299 s: 897 s
        stage.at(visit * 309 + 10).client(leave)
        stage.at(visit * 309 + 309).resumed()
    session = stage.at(937).client(leave)
    assert second(session.grace_until) == 940
    assert stage.at(940).noticed().reason == "grace_expired"


def test_unused_grace_of_one_pause_is_there_for_the_next_but_never_more_than_five_minutes() -> None:
    stage = Stage().begun()
    stage.at(10).client(leave)
    stage.at(20).resumed()
    session = stage.at(30).client(leave)
    assert second(session.grace_until) == 330


def test_when_no_grace_is_left_a_pause_ends_the_session() -> None:
    stage = Stage().begun()
    _rewrite(stage, grace_used=900 * SECOND)
    session = stage.at(10).client(leave)
    assert (session.state, second(session.ended_at)) == ("finalized", 10)


def test_leaving_again_while_reconnecting_falls_back_only_when_nobody_is_there() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    stage.at(30).client(reconnect)
    channel = stage.row().channel
    assert stage.at(40).client(leave).state == "paused"
    session = stage.row()
    assert (session.reason, session.channel, second(session.grace_until)) == ("reader_left", channel, 320)


def test_reconnecting_stays_while_one_is_there() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    stage.at(30).client(reconnect)
    assert stage.at(40).reader(leave).state == "reconnecting"
    assert stage.row().client.present


@pytest.mark.parametrize("command", [accept, decline, join, reconnect, leave])
def test_after_another_end_than_graces_a_return_is_409(command: Command) -> None:
    stage = Stage().begun()
    stage.at(20).client(finish)
    with pytest.raises(InvalidState) as refused:
        stage.reader(command)
    assert refusal(refused.value) == "409 invalid_state"


# --- the longest reading


def test_a_session_lasts_three_hours_from_its_first_active_moment() -> None:
    stage = Stage(credit=100_000).begun().beats(10_799.999)
    assert stage.noticed().state == "active"
    session = stage.at(10_800).noticed()
    assert (session.reason, second(session.ended_at)) == ("max_duration", 10_800)
    assert len(stage.cost().minutes) == 180


def test_pauses_count_for_the_longest_reading() -> None:
    stage = Stage(rules=Rules(session_max=100 * SECOND)).begun().beats(90)
    stage.client(leave)
    assert stage.at(99.999).noticed().state == "paused"
    session = stage.at(100).noticed()
    assert (session.reason, second(session.ended_at), session.cut) == ("max_duration", 100, "client_left")
    assert session.refunded == 0


def test_at_a_tie_the_longest_reading_comes_before_a_leave() -> None:
    stage = Stage(rules=Rules(session_max=90 * SECOND)).begun().beats(89)
    with pytest.raises(InvalidState):
        stage.at(90).client(leave)
    assert stage.row().reason == "max_duration"
    assert stage.row().refunded == 125


def test_no_minute_that_begins_at_the_last_moment_is_charged() -> None:
    stage = Stage(rules=Rules(session_max=120 * SECOND)).begun().beats(119)
    stage.at(150).top_up(1)  # posts what is due, however late the end is noticed
    stage.noticed()
    assert stage.cost().total == 500
    assert all(entry.minute <= 2 for entry in stage.entries())


def test_a_session_ends_at_either_sides_next_booking() -> None:
    stage = Stage().begun()
    _rewrite(stage, ends_by=NOON + 90 * SECOND)
    session = stage.beats(89).at(90).noticed()
    assert (session.state, session.reason, second(session.ended_at)) == ("finalized", "max_duration", 90)
    assert session.refunded == 125


def test_a_booking_during_the_pause_ends_it() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    _rewrite(stage, ends_by=NOON + 90 * SECOND)
    session = stage.at(90).noticed()
    assert (session.reason, session.cut, session.refunded) == ("max_duration", "reader_left", 167)


def _rewrite(stage: Stage, **changes: object) -> None:
    """Change the stored session behind the program's back, as a context above will one day in front of it."""
    was = stage.row()
    _, operations = Sessions(stage.tables, "sessions").replace(replace(was, **changes), was)  # type: ignore[arg-type]
    stage.tables.write(*operations)
