"""Product §3, rule 4: credit runs out, warnings, top-ups. And rule 7: what other spending cannot touch."""

import pytest

from chalicelib.kernel.errors import InsufficientFunds, Problem, SessionOpen, WalletFrozen
from chalicelib.sessions.model.commands import finish, heartbeat, join, leave, reconnect
from tests.support.reading import Stage, refusal, second


def test_no_credit_for_the_next_minute_pauses_at_that_boundary() -> None:
    stage = Stage(rate=250, credit=749).begun().beats(119.999)
    assert stage.noticed().state == "active"
    session = stage.at(120).noticed()
    assert (session.state, session.reason, second(session.paused_at)) == ("paused", "low_balance", 120)
    assert stage.balance == 249


def test_the_pause_is_effective_at_the_boundary_even_when_noticed_later() -> None:
    stage = Stage(credit=500).begun().beats(110)
    session = stage.at(184).noticed()
    assert (session.reason, second(session.paused_at), session.connected_before) == ("low_balance", 120, 120_000)
    assert second(session.grace_until) == 420


def test_credit_posted_before_the_pause_is_written_pays_that_minute() -> None:
    stage = Stage(credit=500).begun().beats(110)
    stage.at(150).top_up(250)
    assert stage.noticed().state == "active"
    assert stage.balance == 0
    assert [minute.number for minute in stage.cost().minutes] == [1, 2, 3]
    session = stage.at(184).noticed()
    assert (session.reason, second(session.paused_at)) == ("low_balance", 180)


def test_credit_posted_before_the_pause_that_does_not_cover_a_minute_changes_nothing() -> None:
    stage = Stage(credit=500).begun().beats(110)
    stage.at(150).top_up(249)
    assert second(stage.noticed().paused_at) == 120
    assert stage.balance == 249


def test_credit_posted_after_the_pause_is_written_waits_for_both_to_come_back() -> None:
    stage = Stage(credit=500).begun().beats(120)
    assert stage.noticed().state == "paused"
    stage.top_up(250)
    assert stage.noticed().state == "paused"
    assert stage.balance == 250
    assert stage.at(200).resumed().state == "active"
    assert stage.balance == 0


def test_without_credit_nobody_comes_back_and_the_state_stays() -> None:
    stage = Stage(credit=250).begun().beats(60)
    for act in (stage.client, stage.reader):
        with pytest.raises(InsufficientFunds) as refused:
            act(reconnect)
        assert refusal(refused.value) == "402 insufficient_funds"
    assert stage.row().state == "paused"


def test_with_a_paid_second_left_one_comes_back_without_credit() -> None:
    stage = Stage(credit=250).begun().beats(59)
    stage.at(59.999).client(leave)
    assert stage.at(70).resumed().state == "active"
    session = stage.at(70.001).noticed()
    assert (session.reason, second(session.paused_at)) == ("low_balance", 70.001)


def test_money_gone_between_the_two_returns_keeps_the_session_reconnecting() -> None:
    stage = Stage(credit=750).begun().beats(60)
    stage.client(leave)
    stage.at(70).client(reconnect)
    stage.spend(251)  # the meter stands: nothing is held
    with pytest.raises(InsufficientFunds):
        stage.reader(reconnect)
    assert stage.row().state == "reconnecting"
    stage.at(80).top_up(1)
    assert stage.reader(reconnect).state == "active"
    assert stage.balance == 0


def test_not_affordable_when_both_are_there_ends_a_waiting_session() -> None:
    stage = Stage(credit=250).accepted()
    stage.client(join)
    stage.spend(1)
    session = stage.reader(join)
    assert (session.state, session.reason) == ("finalized", "low_balance")
    assert stage.balance == 249


def test_a_session_needs_one_affordable_minute_to_be_created() -> None:
    stage = Stage(rate=250, credit=249)
    with pytest.raises(InsufficientFunds):
        stage.asked()
    stage.top_up(1)
    assert stage.asked().session.state == "created"


def test_the_warning_goes_out_two_minutes_ahead() -> None:
    stage = Stage(credit=1_000).begun().beats(119.999)
    assert not stage.noticed().warned
    assert stage.at(120).noticed().warned


def test_a_top_up_takes_the_warning_back() -> None:
    stage = Stage(credit=500).begun()
    assert stage.noticed().warned
    stage.top_up(10_000)
    assert not stage.client(heartbeat).warned


def test_at_a_tie_the_automatic_pause_comes_before_the_end() -> None:
    stage = Stage(credit=250).begun().beats(50)
    session = stage.at(60).client(finish)
    assert (session.reason, session.cut) == ("client_ended", "low_balance")


def test_the_price_of_the_next_seven_minutes_is_held_while_the_meter_runs() -> None:
    stage = Stage(rate=250, credit=10_000).begun()
    with pytest.raises(InsufficientFunds):
        stage.spend(8_001)  # 9,750 less 1,750
    stage.spend(8_000)
    assert stage.balance == 1_750
    with pytest.raises(InsufficientFunds):
        stage.spend(1, key="order:2")


def test_other_spending_first_pays_the_minutes_that_have_begun() -> None:
    stage = Stage(rate=250, credit=10_000).begun()
    stage.at(60)
    with pytest.raises(InsufficientFunds):
        stage.spend(7_751)  # 9,500 less 1,750
    stage.spend(7_750)
    assert stage.balance == 1_750


def test_seven_minutes_later_the_hold_has_paid_seven_minutes() -> None:
    stage = Stage(rate=250, credit=10_000).begun()
    stage.spend(8_000)
    session = stage.beats(479.999).noticed()
    assert session.state == "active"
    assert second(stage.at(480).noticed().paused_at) == 480


@pytest.mark.parametrize("paused_at", [0, 30, 60])
def test_nothing_is_held_while_the_meter_stands(paused_at: float) -> None:
    stage = Stage(credit=1_000).begun()
    stage.at(paused_at).client(leave)
    stage.spend(stage.balance)
    assert stage.balance == 0


def test_a_frozen_wallet_buys_nothing() -> None:
    stage = Stage()
    stage.freeze()
    for spend in (lambda: stage.spend(1), stage.asked):
        with pytest.raises(WalletFrozen) as refused:
            spend()
        assert refusal(refused.value) == "423 wallet_frozen"


def test_below_zero_by_a_dispute_nothing_can_be_bought_not_even_from_promotional_credit() -> None:
    stage = Stage(credit=500)
    stage.promo(1_000, until=86_400)
    stage.top_up(-501)
    for spend in (lambda: stage.spend(1), stage.asked):
        with pytest.raises(InsufficientFunds):
            spend()


def test_a_dispute_during_the_talk_ends_it_at_the_next_boundary() -> None:
    stage = Stage(credit=10_000).begun().beats(65)
    stage.top_up(-10_000)
    assert stage.balance == -500
    session = stage.beats(120).noticed()
    assert (session.reason, second(session.paused_at)) == ("low_balance", 120)
    assert stage.balance == -500


def test_refusals_do_not_let_a_second_session_open() -> None:
    stage = Stage().begun()
    with pytest.raises(SessionOpen) as refused:
        stage.asked(session="ses_2")
    assert refusal(refused.value) == "409 session_open"
    assert isinstance(refused.value, Problem)
