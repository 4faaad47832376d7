"""The moments of a stream as pure decisions: when it is looked at, when it wakes, what is stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Forbidden, InvalidState
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import HOUR, MINUTE, SECOND
from chalicelib.live.model import stream as model
from chalicelib.live.model.stream import Stream
from tests.support.worlds import NOON

RULES = Rules()
COMING = Stream("str_1", "usr_h", "Host", "x", "public", None, NOON + HOUR, NOON, NOON)
LIVE = model.started(replace(COMING, starts_at=NOON), NOON, RULES)
OVER = model.ended(LIVE, NOON + MINUTE, "host_ended", NOON + 2 * MINUTE)


def test_each_state_says_when_it_is_looked_at_and_when_it_wakes() -> None:
    there = replace(LIVE, gone_since=None)
    settled = model.finalized(OVER, NOON + 3 * MINUTE)
    seen = [
        (model.deadline(each, RULES), model.wake_at(each, NOON + 5 * MINUTE, RULES))
        for each in (COMING, LIVE, there, OVER, settled, replace(settled, cleared=True))
    ]
    again = NOON + 5 * MINUTE + 10 * SECOND
    assert seen == [
        (NOON + 90 * MINUTE, NOON + 90 * MINUTE),
        (NOON + 2 * MINUTE, again),
        (NOON + 62 * MINUTE, NOON + 62 * MINUTE),
        (NOON + MINUTE, again),
        (NOON + MINUTE, None),  # a removal that is owed is the tick's
        (None, None),
    ]
    assert model.wake_at(LIVE, NOON + 2 * MINUTE, RULES) == NOON + 2 * MINUTE + 10 * SECOND


def test_it_gets_another_epoch_only_where_its_execution_sleeps_too_long() -> None:
    def epoch(promised: int | None, clock_epoch: int = 0) -> int:
        wound = replace(LIVE, clock_epoch=clock_epoch, clock_at=promised)
        return model.clocked(wound, RULES).epoch

    assert epoch(NOON + 2 * MINUTE + 1) == 1
    assert epoch(NOON + 2 * MINUTE) == 0
    assert epoch(None) == 0
    assert epoch(NOON + HOUR, clock_epoch=-1) == 0  # no execution of this epoch was started yet
    done = replace(model.finalized(OVER, NOON), cleared=True, clock_epoch=0, clock_at=NOON + HOUR)
    assert model.clocked(done, RULES) == done


def test_a_start_says_when_since_when_nobody_is_there_and_until_when_the_token_lasts() -> None:
    assert (LIVE.state, LIVE.started_at, LIVE.gone_since) == ("live", NOON, NOON)
    assert (LIVE.lease_until, LIVE.cleared, LIVE.news) == (NOON + HOUR, False, "started")
    assert (OVER.gone_since, OVER.news, OVER.owes_removal, OVER.at) == (None, "ended", True, NOON + 2 * MINUTE)
    with pytest.raises(InvalidState):
        model.started(OVER, NOON, RULES)
    with pytest.raises(ValueError, match="str_1"):
        model.finalized(LIVE, NOON)


def test_tokens_end_with_a_whole_second() -> None:
    assert model.lease_end(LIVE, NOON + 1_999, RULES) == NOON + HOUR + SECOND
    assert model.lease_end(LIVE, NOON + 8 * HOUR - 1, RULES) == NOON + 8 * HOUR


def test_what_is_over_or_not_begun_is_said_so() -> None:
    with pytest.raises(InvalidState, match="has not begun"):
        COMING.must_be_live()
    for over in (OVER, model.finalized(OVER, NOON)):
        with pytest.raises(InvalidState, match="is over"):
            over.must_be_live()
        with pytest.raises(InvalidState, match="is over"):
            over.must_be_open()
    LIVE.must_be_live()
    COMING.must_be_open()
    with pytest.raises(Forbidden):
        LIVE.must_be_hosts("usr_v")
    LIVE.must_be_hosts("usr_h")


def test_finishing_says_what_it_was_and_nothing_anew() -> None:
    assert model.finished(COMING, NOON).ended_for == "cancelled"
    assert model.finished(LIVE, NOON).ended_for == "host_ended"
    assert model.finished(COMING, NOON, "suspended").ended_for == "suspended"
    assert model.finished(OVER, NOON, "admin") is OVER


def test_what_changes_nothing_is_the_same_row() -> None:
    helped = model.moderated_by(LIVE, "usr_m", NOON, moderator=True)
    assert helped.moderators == ("usr_m",)
    assert model.moderated_by(helped, "usr_m", NOON, moderator=True) is helped
    assert model.moderated_by(LIVE, "usr_m", NOON, moderator=False) is LIVE
    assert model.moderated_by(helped, "usr_m", NOON, moderator=False).moderators == ()
    private = replace(LIVE, visibility="private")
    assert model.with_invited(private, 0, NOON) is private
    assert model.with_invited(private, 3, NOON + 1).at == NOON + 1
    assert model.stepped_out(LIVE, NOON + MINUTE) is LIVE
    assert model.stepped_out(COMING, NOON) is COMING
    for told in (model.host_left(COMING, 1, NOON, NOON), model.host_entered(COMING, 1, NOON, NOON, RULES)):
        assert told is COMING


def test_a_stream_is_stored_as_it_was_but_for_its_news() -> None:
    full = replace(
        OVER,
        visibility="premium",
        price=5,
        notice_seq=7,
        moderators=("usr_m",),
        invited=3,
        rev=9,
        epoch=2,
        clock_epoch=2,
        clock_turn=1,
        clock_at=NOON,
    )
    for each in (full, COMING, LIVE):
        assert model.from_item(model.to_item(each)) == replace(each, news=None)
    assert model.to_item(LIVE)["news"] == "started"


def test_how_long_a_channel_stays_barred_is_the_life_of_a_token_and_a_minute() -> None:
    assert model.barred_until(OVER, RULES) == NOON + 62 * MINUTE
