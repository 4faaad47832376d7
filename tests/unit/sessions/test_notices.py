"""Product §3, rule 8: what Agora tells of who is in the channel counts as presence."""

import pytest

from chalicelib.gateways.agora import Notice
from chalicelib.kernel.errors import InvalidState
from chalicelib.sessions import service
from chalicelib.sessions.model.commands import Command, accept, cancel, finish, heartbeat, join, leave, reconnect, renew
from chalicelib.sessions.model.session import Modality, Session, Who
from tests.support.reading import SESSION, Stage, refusal, second
from tests.support.worlds import NOON

LEASE = 300
"""Seconds: a token's longest life, and the silence that counts where Agora has spoken."""


@pytest.fixture
def stage() -> Stage:
    return Stage()


def talking(stage: Stage, modality: Modality = "voice") -> Stage:
    """Active from second 0, both in the channel as Agora has told."""
    stage.begun(modality)
    stage.told("client", 1, joined=True)
    stage.told("reader", 1, joined=True)
    return stage


def stopped(session: Session) -> tuple[str, str | None, float | None, float]:
    return session.state, session.reason, second(session.paused_at), session.connected_before / 1000


def waiting(stage: Stage) -> Stage:
    stage.asked("voice")
    stage.reader(accept)
    return stage


# --- joins ---------------------------------------------------------------------------------------


def test_who_enters_the_channel_while_waiting_is_present(stage: Stage) -> None:
    waiting(stage).client(join)
    session = stage.at(5).told("reader", 1, joined=True)
    assert (session.state, second(session.started_at)) == ("active", 5)
    assert stage.balance == 9_750


def test_both_in_the_channel_are_charged_whatever_their_apps_said(stage: Stage) -> None:
    """An app that leaves by the API, keeps its token and talks on is present: there is no free talk."""
    waiting(stage).client(join)
    stage.client(leave)
    stage.at(3).reader(join)
    assert stage.row().state == "waiting"
    assert stage.at(4).told("client", 1, joined=True).state == "active"


def test_who_enters_during_grace_is_back(stage: Stage) -> None:
    talking(stage).at(20).client(leave)
    stage.at(30).client(reconnect)
    stage.at(40).client(leave)  # paused again, in the same channel: both may still hold a token for it
    assert stage.row().state == "paused"
    session = stage.at(50).told("client", 1, joined=True)
    assert (session.state, session.client.present) == ("reconnecting", True)
    assert stage.told("reader", 1, joined=True).state == "active"


def test_who_enters_after_the_grace_is_too_late(stage: Stage) -> None:
    talking(stage).at(20).client(leave)
    assert stage.at(320).told("client", 1, joined=True).state == "finalized"


def test_two_in_the_channel_whom_the_wallet_does_not_pay_are_turned_out(stage: Stage) -> None:
    talking(stage).at(20).client(leave)
    stage.at(30).client(reconnect)
    paid_seconds = stage.row()
    stage.freeze()
    session = stage.at(31).told("reader", 1, joined=True)
    assert (session.state, session.reason, session.pauses) == ("paused", "client_left", 2)
    assert session.grace_until == paid_seconds.grace_until
    assert (f"{SESSION}-1", None) in stage.agora.removed


# --- leaves --------------------------------------------------------------------------------------


def test_who_leaves_the_channel_pauses_the_talk_at_the_second_that_agora_says(stage: Stage) -> None:
    talking(stage)
    assert stopped(stage.at(25.5).told("reader", 2, joined=False, at=20)) == ("paused", "reader_left", 20, 20)
    talking(stage := Stage())
    assert stopped(stage.at(25.5).told("client", 2, joined=False, at=20)) == ("paused", "client_left", 21, 21)


def test_a_departure_is_never_in_the_future(stage: Stage) -> None:
    talking(stage)
    assert stopped(stage.at(20.25).told("client", 2, joined=False, at=20)) == ("paused", "client_left", 20.25, 20.25)
    talking(stage := Stage())
    assert stopped(stage.at(20.25).told("reader", 2, joined=False, at=60)) == ("paused", "reader_left", 20.25, 20.25)


def test_a_late_notice_takes_back_what_was_charged_after_the_departure(stage: Stage) -> None:
    talking(stage).at(130).noticed()
    assert [entry.minute for entry in stage.entries()] == [0, 1, 2, 3]
    session = stage.told("reader", 2, joined=False, at=50)
    assert stopped(session) == ("paused", "reader_left", 50, 50)
    assert stage.balance == 9_750  # minutes 2 and 3 are taken back whole, the rest of minute 1 is kept for the return


@pytest.mark.parametrize(("who", "cut"), [("client", "client_left"), ("reader", "reader_left")])
def test_a_leave_heard_hours_late_takes_back_no_more_than_the_life_of_a_token(stage: Stage, who: Who, cut: str) -> None:
    """Grace has run since, and is over."""
    talking(stage)
    stage.beats(620)
    session = stage.told(who, 2, joined=False, at=20)
    assert (session.cut, session.reason, session.connected_before / 1000) == (cut, "grace_expired", 620 - LEASE)


def test_a_leave_with_a_clock_ahead_is_one_at_this_moment() -> None:
    stage = talking(Stage(credit=2_500))
    assert stopped(stage.at(10).told("reader", 2, joined=False, at=7_210)) == ("paused", "reader_left", 10, 10)


def test_a_join_heard_late_in_a_talk_is_no_sign_of_life_of_this_moment(stage: Stage) -> None:
    stage.begun("voice").at(70).client(heartbeat)
    session = stage.told("reader", 1, joined=True, at=1)
    assert (session.reader.in_channel, second(session.reader.beat_at)) == (True, 1)
    session = stage.told("reader", 2, joined=True, at=7_000)
    assert second(session.reader.beat_at) == 70


def test_a_departure_before_the_run_is_one_at_its_beginning(stage: Stage) -> None:
    talking(stage).at(20).client(leave)
    stage.at(100).resumed()
    session = stage.at(110).told("reader", 1, joined=False, at=60)
    assert stopped(session) == ("paused", "reader_left", 100, 20)


def test_who_leaves_the_channel_while_waiting_is_absent(stage: Stage) -> None:
    waiting(stage).client(join)
    stage.told("client", 1, joined=True)
    session = stage.at(5).told("client", 2, joined=False)
    assert (session.state, session.client.present) == ("waiting", False)
    stage.at(6).reader(join)
    assert stage.row().state == "waiting"


def test_the_last_one_who_leaves_while_reconnecting_pauses_again_with_the_same_grace(stage: Stage) -> None:
    talking(stage).at(20).client(leave)
    stage.at(30).client(reconnect)
    stage.told("client", 1, joined=True)
    session = stage.at(40).told("client", 2, joined=False)
    assert (session.state, session.reason, second(session.grace_until), session.pauses) == (
        "paused",
        "client_left",
        320,
        1,
    )


def test_a_client_in_the_channel_pays_though_the_reader_there_has_not_beaten(stage: Stage) -> None:
    talking(stage)
    assert stopped(stage.at(200).client(leave)) == ("paused", "client_left", 200, 200)


def test_a_leave_in_the_second_in_which_the_money_ends_is_the_end_of_the_token(stage: Stage) -> None:
    """Tokens end at the whole second before the run-out; that Agora puts both out then is nobody's leaving."""
    stage = Stage(credit=250)
    stage.at(0.4)
    talking(stage)  # paid until 60.4
    assert stage.at(60.1).told("client", 2, joined=False, at=60).state == "active"
    assert stage.told("reader", 3, joined=False, at=60).state == "active"
    assert stopped(stage.at(60.4).noticed()) == ("paused", "low_balance", 60.4, 60)


def test_who_is_put_out_when_the_money_ends_was_there_until_then() -> None:
    """Nobody need beat in the channel: the end of the token must not look like a silence since the last beat."""
    stage = talking(Stage(credit=1_000))  # paid until 240
    assert stage.at(240).told("reader", 2, joined=False).reason == "low_balance"
    stage = talking(Stage(credit=1_000).at(0.4))
    assert stage.at(240.1).told("reader", 2, joined=False, at=240).state == "active"
    assert stopped(stage.at(240.4).noticed()) == ("paused", "low_balance", 240.4, 240)


def test_a_leave_in_the_second_before_is_one(stage: Stage) -> None:
    stage = Stage(credit=250)
    stage.at(0.4)
    talking(stage)
    assert stopped(stage.at(60.1).told("reader", 2, joined=False, at=59)) == ("paused", "reader_left", 59, 58.6)


def test_a_leave_in_the_second_in_which_the_session_ends_is_the_end_of_the_token() -> None:
    stage = talking(Stage(credit=1_000_000))
    for at in range(60, 10_800, 60):
        stage.beats(at)
    assert stage.at(10_799.5).told("reader", 2, joined=False, at=10_799).reason == "reader_left"
    stage = talking(Stage(credit=1_000_000).at(0.5))
    for at in range(60, 10_800, 60):
        stage.beats(at)
    assert stage.at(10_800.25).told("reader", 2, joined=False, at=10_800).state == "active"
    assert stage.at(10_800.5).noticed().reason == "max_duration"


# --- what is not heard ---------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, 0])
def test_a_repeated_or_overtaken_notice_changes_nothing(stage: Stage, seq: int) -> None:
    before = talking(stage).row()
    assert stage.at(10).told("client", seq, joined=False) == before


def test_a_leave_that_a_newer_join_overtook_changes_nothing(stage: Stage) -> None:
    stage.begun("voice")
    stage.told("client", 7, joined=True)
    assert stage.at(10).told("client", 6, joined=False).state == "active"


def test_the_two_sides_have_sequences_of_their_own(stage: Stage) -> None:
    stage.begun("voice")
    stage.told("client", 100, joined=True)
    stage.told("reader", 1, joined=True)
    assert stage.at(10).told("reader", 2, joined=False).reason == "reader_left"


def test_a_notice_of_an_old_channel_changes_nothing(stage: Stage) -> None:
    talking(stage).at(20).client(leave)
    before = stage.at(30).resumed()
    assert stage.at(40).told("client", 9, joined=False, channel=0) == before


def test_a_new_channel_begins_a_new_sequence(stage: Stage) -> None:
    talking(stage).at(20).told("client", 9, joined=False)
    stage.at(30).resumed()
    session = stage.at(31).told("client", 1, joined=True)
    assert session.client.in_channel


@pytest.mark.parametrize("channel", ["", "-", "ses_1", "ses_1-", "ses_1-0-0", "ses_2-0", "ses_1-00"])
def test_a_notice_of_no_channel_of_ours_changes_nothing(stage: Stage, channel: str) -> None:
    before = talking(stage).row()
    service.hear(stage.at(10).world, Notice(channel, 1, 5, NOON, joined=False))
    assert stage.row() == before


@pytest.mark.parametrize("uid", [0, 3, 2**32])
def test_a_notice_of_a_stranger_changes_nothing(stage: Stage, uid: int) -> None:
    before = talking(stage).row()
    service.hear(stage.at(10).world, Notice(f"{SESSION}-0", uid, 5, NOON, joined=False))
    assert stage.row() == before


def test_text_knows_presence_from_beats_alone(stage: Stage) -> None:
    before = stage.begun("text").row()
    assert stage.told("client", 1, joined=True) == before
    assert stage.at(10).told("client", 2, joined=False) == before


def test_a_notice_before_anybody_may_be_there_changes_nothing(stage: Stage) -> None:
    before = stage.asked("voice").session
    assert stage.told("client", 1, joined=True) == before


# --- silence -------------------------------------------------------------------------------------


def test_who_is_in_the_channel_need_not_beat(stage: Stage) -> None:
    assert talking(stage).at(LEASE - 0.001).noticed().state == "active"


@pytest.mark.parametrize("sign", [heartbeat, renew])
def test_without_a_beat_or_a_renewal_for_the_life_of_a_token_they_have_left(stage: Stage, sign: Command) -> None:
    """The reader left at the last sign, and grace has run since: it is over, and nothing is charged after that sign."""
    talking(stage).at(200).reader(sign)
    for at in (250, 450):
        stage.at(at).client(sign)
    assert stage.at(200 + LEASE - 0.001).noticed().state == "active"
    session = stage.at(200 + LEASE).noticed()
    assert (session.cut, session.reason, session.connected_before / 1000) == ("reader_left", "grace_expired", 200)


def test_a_client_in_the_channel_is_charged_to_the_end_of_the_silence(stage: Stage) -> None:
    talking(stage).at(250).reader(renew)
    assert stopped(stage.at(LEASE).noticed()) == ("paused", "client_left", LEASE, LEASE)


def test_a_reader_in_the_channel_who_only_renews_is_no_broken_network_for_a_client_who_falls_silent(
    stage: Stage,
) -> None:
    """A client could choose the moment: all that was talked since the last sign would be given back."""
    talking(stage).at(235).client(renew)
    for at in (270, 525):
        stage.at(at).reader(renew)
    session = stage.at(535).noticed()
    assert (session.cut, session.connected_before / 1000) == ("client_left", 535)
    assert stage.balance == 10_000 - 9 * 250


def test_both_silent_in_the_channel_at_once_is_the_network(stage: Stage) -> None:
    assert talking(stage).at(LEASE).noticed().cut == "network"


def test_a_silent_side_outside_makes_no_network_of_one_who_is_in_the_channel(stage: Stage) -> None:
    stage.begun("voice")
    stage.told("client", 1, joined=True)
    for at in (60, 120, 180, 200):
        stage.at(at).reader(heartbeat)
    session = stage.at(275).noticed()
    assert (session.cut, session.connected_before / 1000) == ("reader_left", 200)


def test_a_side_of_which_agora_has_not_spoken_must_beat(stage: Stage) -> None:
    stage.begun("voice")
    stage.told("client", 1, joined=True)
    assert stopped(stage.at(75).noticed()) == ("paused", "reader_left", 0, 0)


def test_a_renewal_is_no_beat_where_agora_has_not_spoken(stage: Stage) -> None:
    stage.begun("voice").at(40).reader(renew)
    stage.client(heartbeat)
    assert stopped(stage.at(75).noticed())[:2] == ("paused", "reader_left")


# --- putting out ---------------------------------------------------------------------------------


def test_a_pause_and_an_end_put_both_out_of_the_channel(stage: Stage) -> None:
    talking(stage).at(20).client(leave)
    assert stage.agora.removed == [(f"{SESSION}-0", None)]
    stage.at(30).resumed()
    stage.at(40).client(finish)
    assert stage.agora.removed == [(f"{SESSION}-0", None), (f"{SESSION}-1", None)]
    stage.at(100).noticed()
    assert len(stage.agora.removed) == 2


def test_a_request_that_was_never_accepted_owes_no_removal(stage: Stage) -> None:
    stage.asked("voice")
    stage.client(cancel)
    assert stage.agora.removed == []


def test_while_agora_is_down_the_reading_goes_on_and_the_removal_is_owed(stage: Stage) -> None:
    stage.agora.down = True
    talking(stage).at(20).client(leave)
    stage.at(30).resumed()
    assert stage.at(40).client(finish).state == "finalized"
    assert listed(stage) == [SESSION]
    stage.at(40 + 3 * 3_600).agora.down = False
    stage.noticed()
    assert stage.agora.removed == [(f"{SESSION}-0", None), (f"{SESSION}-1", None)]
    assert listed(stage) == []


def test_few_channels_are_emptied_in_one_go_and_none_is_forgotten(stage: Stage) -> None:
    stage.agora.down = True
    talking(stage)
    for turn in range(9):
        stage.at(10 + 10 * turn).client(leave)
        stage.at(15 + 10 * turn).resumed()
    stage.agora.down = False
    told = []
    for _ in range(4):
        stage.noticed()
        told.append(len(stage.agora.removed))
    assert told == [4, 8, 9, 9]
    assert [channel for channel, _ in stage.agora.removed] == [f"{SESSION}-{number}" for number in range(9)]


@pytest.mark.parametrize(("who", "uid"), [("client", 1), ("reader", 2)])
def test_who_leaves_but_stays_in_the_channel_is_put_out(stage: Stage, who: Who, uid: int) -> None:
    waiting(stage)
    act = stage.client if who == "client" else stage.reader
    act(join)
    stage.told(who, 1, joined=True)
    stage.agora.down = True
    act(leave)
    assert stage.agora.removed == []
    stage.agora.down = False
    assert stage.at(10).noticed().side(who).in_channel is False
    assert stage.agora.removed == [(f"{SESSION}-0", uid)]


def test_who_comes_back_in_time_is_not_put_out(stage: Stage) -> None:
    waiting(stage).client(join)
    stage.told("client", 1, joined=True)
    stage.agora.down = True
    stage.client(leave)
    stage.client(join)
    stage.agora.down = False
    stage.noticed()
    assert stage.agora.removed == []


def test_a_token_is_refused_to_who_has_left(stage: Stage) -> None:
    waiting(stage).client(join)
    stage.told("client", 1, joined=True)
    stage.told("client", 2, joined=False)
    with pytest.raises(InvalidState) as refused:
        stage.client(renew)
    assert refusal(refused.value) == "409 invalid_state"


def listed(stage: Stage) -> list[str]:
    """What the minute tick still looks after."""
    shard = stage.row().shard
    return [session.id for session in service.page_of_shard(stage.world, shard, 10, None)[0]]
