"""What one notice of Agora's writes: who is there, what was heard of them, and what becomes of the talk."""

from dataclasses import replace

import pytest

from chalicelib.sessions.model.moves import pause
from chalicelib.sessions.model.notices import departed, entered
from chalicelib.sessions.model.session import Session, State, Step, Who
from chalicelib.wallet.model.meter import Resume, Stand, Start
from tests.support.rows import ACTIVE, AWAY, HERE, PAUSED, RECONNECTING, RICH, RULES, WAITING, at


@pytest.mark.parametrize(("session", "state"), [(ACTIVE, "active"), (PAUSED, "reconnecting"), (WAITING, "waiting")])
def test_who_enters_is_there_from_then_on_and_has_been_heard(session: Session, state: State) -> None:
    there = replace(HERE[0], beat_at=at(105), notice_seq=9)
    back = replace(session, client=there, state=state, at=at(105))
    assert entered(session, "client", 9, at(105), RICH, at(105), RULES) == Step(back)


@pytest.mark.parametrize(("told", "seen"), [(50, 100), (103, 103), (110, 105)])
def test_who_entered_during_the_talk_was_there_at_that_moment_not_before_a_newer_sign_of_life_nor_after_now(
    told: float, seen: float
) -> None:
    talk = ACTIVE.with_side("reader", beat_at=at(104))
    step = entered(talk, "client", 9, at(told), RICH, at(105), RULES)
    assert step == Step(replace(talk, client=replace(HERE[0], beat_at=at(seen), notice_seq=9), at=at(105)))


@pytest.mark.parametrize("session", [WAITING, PAUSED], ids=lambda session: session.state)
def test_who_entered_while_nobody_talked_is_there_now(session: Session) -> None:
    step = entered(session, "client", 9, at(50), RICH, at(105), RULES)
    assert step is not None
    assert step.session.client.beat_at == at(105)


@pytest.mark.parametrize(("told", "effective"), [(650, 700), (700, 700), (800, 800), (1_005, 1_000)])
def test_a_leave_takes_back_no_more_than_the_life_of_a_token_and_is_not_in_the_future(
    told: float, effective: float
) -> None:
    long_since = ACTIVE.with_side("reader", beat_at=at(990))
    step = departed(long_since, "reader", 9, at(told), RICH, at(1_000), RULES)
    assert step == pause(long_since, at(effective), "reader_left", at(1_000), RULES)
    by_client = departed(long_since, "client", 9, at(told - 1), RICH, at(1_000), RULES)
    assert by_client == pause(long_since, at(effective), "client_left", at(1_000), RULES)


def test_a_leave_by_a_clock_ahead_is_not_the_end_of_the_tokens_to_come() -> None:
    step = departed(ACTIVE, "reader", 9, at(165), replace(RICH, run_out=at(160)), at(105), RULES)
    assert step == pause(ACTIVE, at(105), "reader_left", at(105), RULES)


@pytest.mark.parametrize(("ends", "state"), [(105.999, "active"), (106, "paused")])
def test_a_leave_in_the_second_in_which_money_or_session_ends_is_none_and_one_in_the_second_before_is_one(
    ends: float, state: State
) -> None:
    for session, funds in ((ACTIVE, replace(RICH, run_out=at(ends))), (replace(ACTIVE, ends_by=at(ends)), RICH)):
        step = departed(session, "reader", 9, at(105), funds, at(105.5), RULES)
        assert step is not None
        assert step.session.state == state


def test_the_second_to_enter_starts_or_resumes_the_meter_in_the_same_write() -> None:
    for session, change in ((WAITING, Start), (PAUSED, Resume)):
        step = entered(replace(session, client=HERE[0]), "reader", 9, at(105), RICH, at(105), RULES)
        assert step is not None
        assert isinstance(step.change, change)


def test_what_agora_said_last_and_the_last_sign_of_life_outlive_the_stop_that_follows() -> None:
    left = departed(ACTIVE, "client", 9, at(104), RICH, at(105), RULES)
    assert left is not None
    assert left.session.state == "paused"
    assert [(each.told_at, each.told_in) for each in (left.session.client, left.session.reader)] == [
        (at(104), False),
        (None, None),
    ]
    assert [each.last_heard for each in (left.session.client, left.session.reader)] == [at(100), at(100)]
    back = entered(left.session, "client", 1, at(110), RICH, at(111), RULES)
    assert back is not None
    client = back.session.client
    assert (client.told_at, client.told_in, client.last_heard) == (at(110), True, at(111))
    again = departed(back.session, "client", 2, at(120), RICH, at(121), RULES)
    assert again is not None
    assert (again.session.client.beat_at, again.session.client.last_heard) == (None, at(111))


def test_who_leaves_is_away_and_has_been_heard() -> None:
    away = replace(AWAY[0], notice_seq=9)
    lingering = replace(PAUSED, client=replace(HERE[0], present=False, beat_at=None))
    for session in (replace(WAITING, client=HERE[0]), lingering):
        step = departed(session, "client", 9, at(104), RICH, at(105), RULES)
        assert step == Step(replace(session, client=away, at=at(105)))


def test_the_last_one_to_leave_while_reconnecting_falls_back_in_the_same_write() -> None:
    alone = replace(RECONNECTING, reader=AWAY[1])
    step = departed(alone, "client", 9, at(104), RICH, at(105), RULES)
    assert step == Step(replace(PAUSED, client=replace(AWAY[0], notice_seq=9), at=at(105)))


@pytest.mark.parametrize(("who", "other"), [("client", "reader"), ("reader", "client")])
def test_who_is_put_out_with_the_money_was_there_until_then(who: Who, other: Who) -> None:
    funds = replace(RICH, run_out=at(160.5))
    step = departed(ACTIVE, who, 9, at(160), funds, at(160.25), RULES)
    assert step == Step(replace(ACTIVE.with_side(who, beat_at=at(160), in_channel=False, notice_seq=9), at=at(160.25)))
    later = ACTIVE.with_side(who, beat_at=at(160.125))
    step = departed(later, who, 9, at(160), funds, at(160.25), RULES)
    assert step is not None
    assert (step.session.side(who).beat_at, step.session.side(other)) == (at(160.125), ACTIVE.side(other))


def test_a_client_who_leaves_the_channel_does_not_pay_for_a_reader_who_fell_silent_outside_of_it() -> None:
    silent = ACTIVE.with_side("reader", in_channel=False)
    step = departed(silent, "client", 9, at(144), RICH, at(150), RULES)
    assert step is not None
    assert (step.change, step.session.cut) == (Stand(at(100)), "reader_left")


def test_who_leaves_while_the_other_is_back_leaves_alone() -> None:
    step = departed(RECONNECTING, "client", 9, at(104), RICH, at(105), RULES)
    assert step == Step(replace(RECONNECTING, client=replace(AWAY[0], notice_seq=9), at=at(105)))


@pytest.mark.parametrize(("who", "heard"), [("client", 7), ("reader", 8)])
def test_each_side_is_heard_by_a_sequence_of_its_own(who: Who, heard: int) -> None:
    assert entered(ACTIVE, who, heard, at(105), RICH, at(105), RULES) is None
    assert departed(ACTIVE, who, heard, at(104), RICH, at(105), RULES) is None
    assert entered(ACTIVE, who, heard + 1, at(105), RICH, at(105), RULES) is not None
    assert departed(ACTIVE, who, heard + 1, at(104), RICH, at(105), RULES) is not None
