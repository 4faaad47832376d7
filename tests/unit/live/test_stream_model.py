"""What is decided of a stream, to the millisecond and to the word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, Problem
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND
from chalicelib.live.model import stream as model
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.terms import Reason
from tests.support.worlds import NOON

RULES = Rules()
HOST = "usr_host"
STREAM = Stream("str_1", HOST, "Host", "Full moon", "public", None, NOON + HOUR, NOON, NOON)
PRIVATE = replace(STREAM, visibility="private")
START = NOON + 55 * MINUTE
LIVE = replace(
    STREAM, state="live", started_at=START, lease_until=START + HOUR, cleared=False, at=START, came=True, notice_seq=7
)
OVER = replace(LIVE, state="ended", ended_for="host_ended", ended_at=START + MINUTE, at=START + 2 * MINUTE)


def refused(act: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refusal:
        act()
    return refusal.value


# --- scheduling ----------------------------------------------------------------------------------


def test_what_is_scheduled_has_a_title_of_one_line_and_counts_who_is_invited() -> None:
    assert model.scheduled(replace(PRIVATE, title=" Full \n moon"), 3, NOON) == replace(PRIVATE, invited=3)


@pytest.mark.parametrize(
    ("wrong", "invited", "field", "message"),
    [
        (replace(STREAM, title=" "), 0, "title", "1 to 120 characters that can be seen"),
        (replace(STREAM, visibility="premium", price=0), 0, "price", "1 to 100000 coins for a premium stream"),
        (replace(STREAM, price=10), 0, "price", "Only a premium stream has one."),
        (replace(STREAM, starts_at=NOON - 1), 0, "starts_at", "From now on, and at most 60 days ahead."),
        (STREAM, 1, "invited", "Only private streams have invitations."),
    ],
)
def test_what_does_not_fit_is_told(wrong: Stream, invited: int, field: str, message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        model.scheduled(wrong, invited, NOON)
    assert refusal.value.errors == ({"field": field, "message": message},)


def test_all_that_does_not_fit_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refusal:
        model.scheduled(replace(STREAM, title="", starts_at=NOON - 1), 1, NOON)
    assert [each["field"] for each in refusal.value.errors] == ["title", "starts_at", "invited"]


@pytest.mark.parametrize(
    "fitting",
    [
        replace(STREAM, title="x"),
        replace(STREAM, starts_at=NOON),
        replace(STREAM, starts_at=NOON + 60 * DAY),
        replace(STREAM, visibility="premium", price=1),
    ],
)
def test_what_just_fits_is_scheduled_as_it_is(fitting: Stream) -> None:
    assert model.scheduled(fitting, 0, NOON) == fitting


# --- what the host does --------------------------------------------------------------------------


def test_from_its_start_on_the_host_is_waited_for_with_a_token_of_an_hour() -> None:
    assert model.started(STREAM, START, RULES) == replace(
        STREAM,
        state="live",
        started_at=START,
        gone_since=START,
        lease_until=START + HOUR,
        cleared=False,
        news="started",
        at=START,
    )


def test_before_it_may_start_the_refusal_says_from_when_on() -> None:
    assert model.started(STREAM, NOON + 50 * MINUTE, RULES).state == "live"
    refusal = refused(lambda: model.started(STREAM, NOON + 50 * MINUTE - 1, RULES))
    assert isinstance(refusal, InvalidState)
    assert refusal.detail == "The stream can start from 2030-03-17T18:36:40.000Z on."


def test_what_may_not_be_done_with_a_stream_says_why() -> None:
    assert isinstance(refused(lambda: STREAM.must_be_hosts("usr_x")), Forbidden)
    said = [
        refused(act).detail
        for act in (
            lambda: STREAM.must_be_hosts("usr_x"),
            OVER.must_be_open,
            OVER.must_be_live,
            STREAM.must_be_live,
            lambda: model.started(OVER, START, RULES),
            lambda: model.moderated_by(OVER, "usr_a", NOON, moderator=True),
            lambda: model.moderated_by(STREAM, HOST, NOON, moderator=True),
            lambda: model.with_invited(OVER, 1, NOON),
            lambda: model.with_invited(STREAM, 1, NOON),
        )
    ]
    assert said == [
        "That is for the host to do.",
        "The stream is over.",
        "The stream is over.",
        "The stream has not begun.",
        "The stream is over.",
        "The stream is over.",
        "The host needs no such right.",
        "The stream is over.",
        "Only private streams have invitations.",
    ]
    STREAM.must_be_hosts(HOST)
    STREAM.must_be_open()
    LIVE.must_be_live()


def test_a_token_lasts_an_hour_in_whole_seconds_and_never_beyond_the_last_moment() -> None:
    assert model.lease_end(LIVE, START + 1_999, RULES) == START + HOUR + SECOND
    assert model.lease_end(LIVE, START + 7 * HOUR - 1, RULES) == START + 8 * HOUR - SECOND
    assert model.lease_end(LIVE, START + 7 * HOUR + 5_000, RULES) == START + 8 * HOUR
    assert model.lease_end(replace(LIVE, started_at=START + 999), START + 8 * HOUR, RULES) == START + 8 * HOUR


def test_the_last_moment_is_reckoned_from_the_start_and_before_it_from_the_time_of_the_stream() -> None:
    assert model.last_moment(LIVE, RULES) == START + 8 * HOUR
    assert model.last_moment(STREAM, RULES) == NOON + 9 * HOUR


def test_who_renews_in_time_is_there_all_along() -> None:
    now = START + HOUR - 1
    until = START + 2 * HOUR - SECOND
    assert model.renewed(LIVE, now, RULES) == replace(LIVE, lease_until=until, at=now)


def test_whose_token_ran_out_is_gone_from_its_end_on() -> None:
    now = START + HOUR
    assert model.renewed(LIVE, now, RULES) == replace(LIVE, lease_until=now + HOUR, gone_since=START + HOUR, at=now)
    gone = replace(LIVE, gone_since=START + 59 * MINUTE)
    assert model.renewed(gone, now + SECOND, RULES).gone_since == START + 59 * MINUTE
    assert refused(lambda: model.renewed(STREAM, now, RULES)).detail == "The stream has not begun."


def test_a_host_without_a_token_is_not_gone_for_its_end() -> None:
    assert model.renewed(replace(LIVE, lease_until=None), START + HOUR, RULES).gone_since is None


def test_who_steps_out_of_a_live_stream_is_gone_once() -> None:
    now = START + MINUTE
    out = model.stepped_out(LIVE, now)
    assert out == replace(LIVE, gone_since=now, at=now)
    assert model.stepped_out(out, now + 1) is out
    assert model.stepped_out(OVER, now) is OVER


def test_what_is_ended_tells_so_and_waits_for_nobody() -> None:
    gone = replace(LIVE, gone_since=START)
    assert model.ended(gone, START + 5, "host_gone", START + 9) == replace(
        LIVE, state="ended", ended_for="host_gone", ended_at=START + 5, news="ended", at=START + 9
    )


@pytest.mark.parametrize(
    ("stream", "asked", "reason"),
    [
        (LIVE, None, "host_ended"),
        (STREAM, None, "cancelled"),
        (LIVE, "admin", "admin"),
        (STREAM, "suspended", "suspended"),
    ],
)
def test_what_is_finished_ends_now_and_for_its_reason(stream: Stream, asked: Reason | None, reason: Reason) -> None:
    assert model.finished(stream, START + 9, asked) == model.ended(stream, START + 9, reason, START + 9)


def test_what_is_over_is_finished_already() -> None:
    assert model.finished(OVER, START + 9, "admin") is OVER


def test_what_has_ended_is_finalized_and_nothing_else() -> None:
    assert model.finalized(OVER, START + HOUR) == replace(
        OVER, state="finalized", finalized_at=START + HOUR, at=START + HOUR
    )
    with pytest.raises(ValueError, match=r"^str_1 is live$"):
        model.finalized(LIVE, START)


def test_moderators_are_in_the_order_in_which_they_came() -> None:
    kept = replace(STREAM, moderators=("usr_a", "usr_b"))
    assert model.moderated_by(kept, "usr_c", NOON + 1, moderator=True) == replace(
        STREAM, moderators=("usr_a", "usr_b", "usr_c"), at=NOON + 1
    )
    assert model.moderated_by(kept, "usr_a", NOON + 1, moderator=False) == replace(
        STREAM, moderators=("usr_b",), at=NOON + 1
    )


def test_what_changes_no_right_writes_nothing() -> None:
    kept = replace(STREAM, moderators=("usr_a", "usr_b"))
    assert model.moderated_by(kept, "usr_a", NOON + 1, moderator=True) is kept
    assert model.moderated_by(kept, "usr_c", NOON + 1, moderator=False) is kept


def test_ten_keep_order_and_no_more() -> None:
    ten = replace(STREAM, moderators=tuple(f"usr_{number}" for number in range(10)))
    nine = replace(STREAM, moderators=ten.moderators[:9])
    assert len(model.moderated_by(nine, "usr_9", NOON, moderator=True).moderators) == 10
    assert len(model.moderated_by(ten, "usr_9", NOON, moderator=False).moderators) == 9
    assert model.moderated_by(ten, "usr_x", NOON, moderator=False) is ten
    refusal = refused(lambda: model.moderated_by(ten, "usr_x", NOON, moderator=True))
    assert refusal.detail == "A stream has 10 moderators at most."


def test_five_hundred_are_invited_and_no_more() -> None:
    many = replace(PRIVATE, invited=450)
    assert model.with_invited(many, 50, NOON + 1) == replace(PRIVATE, invited=500, at=NOON + 1)
    assert model.with_invited(many, 0, NOON + 1) is many
    assert model.with_invited(many, 1, NOON + 1).invited == 451
    refusal = refused(lambda: model.with_invited(many, 51, NOON + 1))
    assert refusal.detail == "At most 500 people are invited to a stream."


# --- what Agora tells of the host ----------------------------------------------------------------


def test_a_host_who_came_before_it_was_over_is_there_whenever_it_is_heard() -> None:
    gone = replace(LIVE, came=False, gone_since=START)
    end = START + 2 * MINUTE
    there = replace(LIVE, notice_seq=8)
    assert model.host_entered(gone, 8, end - 1, end + HOUR, RULES) == replace(there, at=end + HOUR)
    assert model.host_entered(gone, 8, end + SECOND, end - 1, RULES) == replace(there, at=end - 1)
    assert model.host_entered(gone, 8, end, end, RULES) is gone
    assert model.host_entered(replace(gone, notice_seq=None), 0, START, START, RULES).notice_seq == 0


@pytest.mark.parametrize("seq", [6, 7])
def test_of_the_host_only_what_is_newer_is_heard(seq: int) -> None:
    gone = replace(LIVE, gone_since=START)
    assert model.host_entered(gone, seq, START, START, RULES) is gone
    assert model.host_left(LIVE, seq, START, START, RULES) is LIVE


@pytest.mark.parametrize("stream", [STREAM, OVER])
def test_of_the_host_of_a_stream_that_is_not_live_nothing_is_heard(stream: Stream) -> None:
    assert model.host_entered(stream, 8, START, START, RULES) is stream
    assert model.host_left(stream, 8, START, START, RULES) is stream


@pytest.mark.parametrize(
    ("at", "gone_since"),
    [
        (START + MINUTE, START + MINUTE),
        (START - 1, START),  # the second of the leave may begin before the start
        (START + HOUR, START + 2 * MINUTE),  # their clock is ahead of ours
    ],
)
def test_a_host_left_when_agora_says_between_the_start_and_now(at: int, gone_since: int) -> None:
    now = START + 2 * MINUTE
    assert model.host_left(LIVE, 8, at, now, RULES) == replace(LIVE, gone_since=gone_since, notice_seq=8, at=now)


def test_a_host_who_is_gone_is_gone_since_they_first_were() -> None:
    gone = replace(LIVE, gone_since=START + 5)
    assert model.host_left(gone, 8, START + 1, START + 9, RULES) == replace(gone, notice_seq=8, at=START + 9)


@pytest.mark.parametrize(("at", "came"), [(START, True), (START + 2 * MINUTE - 1, True), (START + 2 * MINUTE, False)])
def test_a_host_who_left_before_it_was_over_was_there(at: int, came: bool) -> None:
    never = replace(LIVE, came=False, gone_since=START)
    assert model.host_left(never, 8, at, START + HOUR, RULES) == replace(
        never, came=came, notice_seq=8, at=START + HOUR
    )


def test_that_a_host_came_stays_so() -> None:
    assert model.host_left(LIVE, 8, START + 2 * HOUR, START + 2 * HOUR, RULES).came
    assert model.ended(model.host_left(LIVE, 8, START, START, RULES), START, "host_gone", START).came
    assert not model.started(STREAM, START, RULES).came


def test_a_stream_is_given_to_once_its_host_was_there() -> None:
    LIVE.must_be_given_to()
    replace(LIVE, gone_since=START).must_be_given_to()
    for stream, why in (
        (replace(LIVE, came=False), "The host is not there yet."),
        (STREAM, "The stream has not begun."),
        (OVER, "The stream is over."),
    ):
        assert refused(stream.must_be_given_to).detail == why


# --- what time makes of it -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "over"),
    [
        (STREAM, (NOON + 90 * MINUTE, "not_started")),
        (LIVE, (START + 62 * MINUTE, "host_gone")),  # when the token has ended, and two minutes more
        (replace(LIVE, gone_since=START + 5), (START + 2 * MINUTE + 5, "host_gone")),
        (replace(LIVE, lease_until=None), (START + 8 * HOUR, "max_duration")),
        (replace(LIVE, gone_since=START + 8 * HOUR - 2 * MINUTE), (START + 8 * HOUR, "max_duration")),
        (replace(LIVE, gone_since=START + 8 * HOUR - 2 * MINUTE - 1), (START + 8 * HOUR - 1, "host_gone")),
        (OVER, None),
        (replace(OVER, state="finalized"), None),
    ],
)
def test_when_a_stream_ends_by_itself_and_why(stream: Stream, over: tuple[int, Reason] | None) -> None:
    assert model.runs_out(stream, RULES) == over


def test_its_channel_is_barred_for_as_long_as_a_token_may_open_it() -> None:
    assert model.barred_until(OVER, RULES) == START + 62 * MINUTE
    assert model.barred_until(replace(OVER, ended_at=None), RULES) == START + 63 * MINUTE


CLEARED = replace(OVER, cleared=True)
FINAL = replace(OVER, state="finalized")


@pytest.mark.parametrize(
    ("stream", "when"),
    [
        (STREAM, NOON + 90 * MINUTE),
        (LIVE, START + 62 * MINUTE),
        (OVER, START + MINUTE),
        (CLEARED, START + MINUTE),
        (FINAL, START + MINUTE),
        (replace(FINAL, cleared=True), None),
    ],
)
def test_the_tick_looks_at_a_stream_until_it_is_settled_and_its_channel_is_empty(
    stream: Stream, when: int | None
) -> None:
    assert model.deadline(stream, RULES) == when


@pytest.mark.parametrize(
    ("stream", "now", "when"),
    [
        (LIVE, START, START + 62 * MINUTE),
        (LIVE, START + 62 * MINUTE - 1, START + 62 * MINUTE),
        (LIVE, START + 62 * MINUTE, START + 62 * MINUTE + 10 * SECOND),
        (OVER, START + HOUR, START + HOUR + 10 * SECOND),
        (FINAL, START + HOUR, None),  # that its channel is emptied is left to the tick
        (replace(FINAL, cleared=True), START + HOUR, None),
    ],
)
def test_the_clock_calls_at_the_deadline_and_after_it_every_ten_seconds(
    stream: Stream, now: int, when: int | None
) -> None:
    assert model.wake_at(stream, now, RULES) == when


@pytest.mark.parametrize(
    ("promised", "epoch"),
    [(START + 62 * MINUTE + 1, 4), (START + 62 * MINUTE, 3), (START + 62 * MINUTE - 1, 3), (None, 3)],
)
def test_a_clock_that_sleeps_beyond_the_deadline_is_replaced(promised: int | None, epoch: int) -> None:
    wound = replace(LIVE, epoch=3, clock_epoch=3, clock_at=promised)
    assert model.clocked(wound, RULES) == replace(wound, epoch=epoch)


def test_a_clock_of_another_epoch_or_of_what_is_over_is_not() -> None:
    other = replace(LIVE, epoch=3, clock_epoch=2, clock_at=START + DAY)
    done = replace(FINAL, cleared=True, epoch=3, clock_epoch=3, clock_at=START + DAY)
    assert model.clocked(other, RULES) is other
    assert model.clocked(done, RULES) is done


@pytest.mark.parametrize(
    ("stream", "is_open", "owes"),
    [(STREAM, True, False), (LIVE, True, False), (OVER, False, True), (CLEARED, False, False), (FINAL, False, True)],
)
def test_what_is_over_owes_the_removal_of_who_may_be_left(stream: Stream, *, is_open: bool, owes: bool) -> None:
    assert (stream.is_open, stream.owes_removal) == (is_open, owes)


# --- as it is stored -----------------------------------------------------------------------------


def test_a_stream_is_stored_without_what_is_not_known_of_it() -> None:
    assert model.to_item(replace(STREAM, moderators=("usr_a",))) == {
        "pk": "str_1",
        "sk": "stream",
        "host": HOST,
        "host_name": "Host",
        "title": "Full moon",
        "visibility": "public",
        "starts_at": NOON + HOUR,
        "created_at": NOON,
        "at": NOON,
        "state": "scheduled",
        "moderators": ["usr_a"],
        "invited": 0,
        "shards": 32,
        "cleared": True,
        "came": False,
        "rev": 0,
        "epoch": 0,
        "clock_epoch": -1,
        "clock_turn": 0,
    }


def test_a_stream_comes_back_as_it_was_and_its_news_are_told_once() -> None:
    full = replace(
        OVER,
        visibility="premium",
        price=300,
        state="finalized",
        finalized_at=START + HOUR,
        gone_since=START,
        moderators=("usr_a", "usr_b"),
        invited=2,
        shards=4,
        news="ended",
        rev=9,
        epoch=3,
        clock_epoch=2,
        clock_turn=1,
        clock_at=START + DAY,
    )
    assert model.to_item(full)["news"] == "ended"
    assert model.from_item(model.to_item(full)) == replace(full, news=None)
    assert model.from_item(model.to_item(STREAM)) == STREAM
