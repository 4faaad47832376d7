"""Each arrow between the states, whole: what becomes of the row, and what the meter is told."""

from dataclasses import replace

import pytest

from chalicelib.sessions.model.moves import end, end_after_cut, forsaken, meet, pause, turn_out
from chalicelib.sessions.model.session import Session, Step
from chalicelib.wallet.model.funds import Funds
from chalicelib.wallet.model.meter import Close, Resume, Stand, Start
from tests.support.rows import ACTIVE, AWAY, CREATED, HERE, PAUSED, RECONNECTING, RICH, RULES, WAITING, at


def test_a_pause_stands_the_meter_at_its_effective_moment_and_opens_another_channel() -> None:
    assert pause(ACTIVE, at(90), "reader_left", at(105), RULES) == Step(replace(PAUSED, at=at(105)), Stand(at(90)))


@pytest.mark.parametrize(("used", "left"), [(0, 300), (600, 300), (601, 299), (899, 1), (900, 0), (901, 0)])
def test_grace_is_five_minutes_or_what_is_left_of_fifteen_and_never_ends_before_it_begins(used: int, left: int) -> None:
    paused = pause(replace(ACTIVE, grace_used=used * 1_000), at(90), "reader_left", at(105), RULES).session
    assert paused.grace_until == at(90 + left)


def test_an_end_cuts_the_running_minute_where_it_is_effective() -> None:
    ended = replace(
        PAUSED,
        state="ended",
        reason="max_duration",
        cut="max_duration",
        epoch=4,
        pauses=1,
        paused_at=None,
        grace_until=None,
        ended_at=at(90),
        at=at(105),
    )
    assert end(ACTIVE, at(90), "max_duration", at(105)) == Step(ended, Close(at(90), refund=True))


@pytest.mark.parametrize("session", [PAUSED, RECONNECTING])
def test_an_end_while_the_meter_stands_leaves_the_cut_to_the_pause(session: Session) -> None:
    ended = replace(PAUSED, state="ended", reason="grace_expired", ended_at=at(390), grace_until=None, at=at(395))
    assert end(session, at(390), "grace_expired", at(395)) == Step(ended, Close(at(390), refund=True))
    by_client = replace(session, cut="client_left")
    assert end(by_client, at(390), "grace_expired", at(395)).change == Close(at(390), refund=False)


@pytest.mark.parametrize("session", [CREATED, WAITING])
def test_an_end_before_the_start_tells_no_meter(session: Session) -> None:
    ended = replace(session, state="ended", reason="client_ended", ended_at=at(-5), at=at(-4))
    assert end(session, at(-5), "client_ended", at(-4)) == Step(ended)


def test_an_end_may_have_another_reason_and_moment_than_its_cut() -> None:
    step = end_after_cut(ACTIVE, at(90), "reader_left", at(105), "client_ended", at(105))
    ended = step.session
    assert (ended.reason, ended.cut, ended.ended_at, ended.connected_before) == (
        "client_ended",
        "reader_left",
        at(105),
        50_000,
    )
    assert step == Step(ended, Close(at(90), refund=True))


def test_both_here_start_the_meter() -> None:
    both = replace(WAITING, client=HERE[0], reader=HERE[1])
    started = replace(both, state="active", epoch=2, started_at=at(105), running_since=at(105), at=at(105))
    assert meet(both, RICH, at(105), RULES) == Step(started, Start("ses_1", 2, 250, 180))


def test_both_back_run_the_meter_again_and_the_pause_counts_as_grace() -> None:
    resumed = replace(
        RECONNECTING,
        state="active",
        reason=None,
        epoch=6,
        running_since=at(105),
        paused_at=None,
        grace_until=None,
        grace_used=55_000,
        at=at(105),
    )
    # 50 s connected, and 10,800 - 105 s to go: minute 180 begins before the last moment, none after it
    assert meet(RECONNECTING, RICH, at(105), RULES) == Step(resumed, Resume(6, 180))


def test_who_is_alone_meets_nobody() -> None:
    for session in (WAITING, RECONNECTING):
        for client, reader in ((HERE[0], AWAY[1]), (AWAY[0], HERE[1])):
            assert meet(replace(session, client=client, reader=reader), RICH, at(105), RULES) is None


@pytest.mark.parametrize(
    ("funds", "reason"),
    [(replace(RICH, lasts=0), "low_balance"), (replace(RICH, frozen="dispute"), "frozen")],
)
def test_both_here_whom_the_wallet_does_not_pay_end_a_session_that_waits_and_are_turned_out_of_one_that_stands(
    funds: Funds, reason: str
) -> None:
    both = replace(WAITING, client=HERE[0], reader=HERE[1])
    ended = replace(WAITING, state="ended", reason=reason, ended_at=at(105), at=at(105))  # type: ignore[arg-type]
    assert meet(both, funds, at(105), RULES) == Step(ended, on_wallet=True)
    out = replace(PAUSED, pauses=3, at=at(105))
    assert meet(RECONNECTING, funds, at(105), RULES) == Step(out, on_wallet=True)


def test_who_is_turned_out_finds_another_channel_and_the_same_grace() -> None:
    assert turn_out(RECONNECTING, at(105)) == Step(replace(PAUSED, pauses=3, at=at(105)))


def test_when_nobody_is_here_any_more_the_session_is_paused_as_before() -> None:
    """Silent, they are gone; what Agora has told of the channel, which is the same, stays."""
    silent = at(100) + RULES.lease
    left = [replace(side, present=False, beat_at=None) for side in HERE]
    apart = replace(PAUSED, client=left[0], reader=left[1], at=silent)
    assert forsaken(RECONNECTING, silent, RULES) == Step(apart)


def test_a_stop_is_one_whatever_is_posted_to_the_wallet_meanwhile() -> None:
    silent = at(100) + RULES.lease
    for step in (
        pause(ACTIVE, at(90), "reader_left", at(105), RULES),
        end(ACTIVE, at(90), "reader_ended", at(105)),
        end(WAITING, at(0), "client_ended", at(0)),
        turn_out(RECONNECTING, at(105)),
        forsaken(RECONNECTING, silent, RULES),
    ):
        assert step is not None
        assert step.on_wallet is False


def test_while_one_is_here_the_session_is_not_forsaken() -> None:
    for client, reader in ((HERE[0], AWAY[1]), (AWAY[0], HERE[1])):
        assert forsaken(replace(RECONNECTING, client=client, reader=reader), at(105), RULES) is None
