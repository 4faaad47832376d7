"""Product §3 and architecture §5: a freeze charges what is due, stands the meter, and becomes a pause when noticed."""

import pytest

from chalicelib.kernel.errors import WalletFrozen
from chalicelib.sessions.model.commands import finish, heartbeat, join, leave, reconnect, renew
from tests.support.reading import Stage, refusal, second


def test_a_freeze_pauses_the_talk_at_its_moment() -> None:
    stage = Stage().begun()
    stage.at(30).freeze()
    session = stage.noticed()
    assert (session.state, session.reason, second(session.paused_at)) == ("paused", "frozen", 30)
    assert session.connected_before == 30_000


def test_a_freeze_noticed_late_is_effective_at_its_own_moment() -> None:
    stage = Stage().begun().beats(25)
    stage.at(30).freeze()
    session = stage.at(200).noticed()
    assert (session.reason, second(session.paused_at), second(session.grace_until)) == ("frozen", 30, 330)
    assert stage.balance == 9_750


def test_a_freeze_first_charges_the_minutes_that_have_begun() -> None:
    stage = Stage().begun().beats(50)
    stage.at(65).freeze()
    assert stage.balance == 9_500
    assert stage.at(66).noticed().connected_before == 65_000
    assert stage.balance == 9_500


def test_no_minute_is_charged_after_a_freeze_however_late_it_is_noticed() -> None:
    stage = Stage().begun().beats(50)
    stage.freeze()
    stage.at(124).noticed()
    assert stage.cost().total == 250


def test_at_a_tie_a_freeze_comes_before_a_charge() -> None:
    stage = Stage().begun().beats(50)
    stage.at(60).freeze()
    assert stage.noticed().connected_before == 60_000
    assert stage.balance == 9_750


def test_a_freeze_after_credit_ran_out_leaves_the_pause_at_that_boundary() -> None:
    stage = Stage(credit=250).begun().beats(50)
    stage.at(70).freeze()
    session = stage.at(80).noticed()
    assert (session.reason, second(session.paused_at)) == ("low_balance", 60)


def test_credit_after_a_freeze_pays_no_minute() -> None:
    stage = Stage(credit=250).begun().beats(50)
    stage.at(70).freeze()
    stage.top_up(1_000)
    assert second(stage.noticed().paused_at) == 60
    assert stage.balance == 1_000


def test_of_a_freeze_and_a_silence_the_one_decided_first_acts() -> None:
    stage = Stage().begun()
    stage.at(10).reader(heartbeat)
    stage.at(50).client(heartbeat)
    stage.freeze()
    assert stage.at(100).noticed().reason == "frozen"

    stage = Stage().begun()
    stage.at(10).reader(heartbeat)
    stage.at(50).client(heartbeat)
    stage.at(90).freeze()  # the silence was full at 85
    session = stage.at(100).noticed()
    assert (session.reason, second(session.paused_at)) == ("reader_left", 10)
    assert stage.balance == 9_750


def test_a_frozen_wallet_lets_nobody_back_and_the_state_stays() -> None:
    stage = Stage().begun()
    stage.at(30).freeze()
    for act in (stage.client, stage.reader):
        with pytest.raises(WalletFrozen) as refused:
            act(reconnect)
        assert refusal(refused.value) == "423 wallet_frozen"
    assert stage.row().state == "paused"


def test_a_freeze_between_the_two_returns_keeps_the_session_reconnecting() -> None:
    stage = Stage().begun()
    stage.at(30).client(leave)
    stage.at(40).client(reconnect)
    stage.freeze()
    with pytest.raises(WalletFrozen):
        stage.reader(reconnect)
    with pytest.raises(WalletFrozen):
        stage.client(renew)
    assert stage.row().state == "reconnecting"


def test_after_the_freeze_is_lifted_both_may_come_back() -> None:
    stage = Stage().begun()
    stage.at(30).freeze()
    stage.noticed()
    stage.at(40).unfreeze()
    assert stage.resumed().state == "active"
    assert stage.at(70).client(finish).connected_before == 60_000
    assert stage.cost().total == 250


def test_a_freeze_lifted_before_anybody_noticed_still_pauses_the_talk() -> None:
    stage = Stage().begun()
    stage.at(30).freeze()
    stage.at(40).unfreeze()
    session = stage.at(50).noticed()
    assert (session.reason, second(session.paused_at)) == ("frozen", 30)


def test_freezing_twice_changes_nothing() -> None:
    stage = Stage().begun()
    stage.at(30).freeze()
    stage.at(50).freeze()
    assert second(stage.noticed().paused_at) == 30
    assert [entry.kind for entry in stage.entries()].count("freeze") == 1


def test_unfreezing_what_is_not_frozen_changes_nothing() -> None:
    stage = Stage()
    stage.unfreeze()
    assert [entry.kind for entry in stage.entries()] == ["topup"]


def test_a_freeze_while_waiting_ends_the_session_when_both_are_there() -> None:
    stage = Stage().accepted()
    stage.client(join)
    stage.freeze()
    session = stage.reader(join)
    assert (session.state, session.reason) == ("finalized", "frozen")
    assert stage.balance == 10_000


def test_a_freeze_while_the_meter_stands_changes_no_cause() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    stage.at(30).freeze()
    session = stage.at(320).noticed()
    assert (session.cut, session.refunded) == ("reader_left", 167)


def test_an_end_after_a_freeze_nobody_noticed_was_cut_by_the_freeze() -> None:
    stage = Stage().begun()
    stage.at(30).freeze()
    session = stage.at(40).reader(finish)
    assert (session.reason, session.cut, session.refunded) == ("reader_ended", "frozen", 0)
    assert session.connected_before == 30_000
