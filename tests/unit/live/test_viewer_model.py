"""A viewer as pure decisions: their number, what Agora tells of it, and what moderators make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Forbidden, InvalidState
from chalicelib.kernel.time import HOUR, MINUTE
from chalicelib.live.model import viewer as model
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.viewer import Viewer
from tests.support.worlds import NOON

NEW = Viewer("str_1", "usr_v")
SEATED = model.seated(NEW, 1_234, NOON + HOUR, NOON)
LATER = NOON + MINUTE


def test_a_number_is_drawn_anew_by_turn_and_by_try_and_always_the_same() -> None:
    numbers = [model.uid_of(replace(NEW, turn=turn), tried) for turn in (0, 1) for tried in (0, 1)]
    assert len(set(numbers)) == 4
    assert model.uid_of(replace(NEW, turn=0), 0) == numbers[0] != model.uid_of(Viewer("str_2", "usr_v"), 0)
    many = [model.uid_of(replace(NEW, turn=turn), 0) for turn in range(200)]
    assert all(1_000 <= each < 2**32 for each in many)


def test_a_seat_keeps_when_they_first_came_and_the_longest_token_of_a_number() -> None:
    assert (SEATED.uid, SEATED.joined_at, SEATED.leased_until, SEATED.at) == (1_234, NOON, NOON + HOUR, NOON)
    heard = replace(SEATED, seq=5, news="muted")
    again = model.seated(heard, 1_234, NOON + MINUTE, LATER)
    assert (again.joined_at, again.leased_until, again.seq, again.news) == (NOON, NOON + HOUR, 5, None)
    other = model.seated(heard, 4_321, NOON + MINUTE, LATER)
    assert (other.uid, other.leased_until, other.seq) == (4_321, NOON + MINUTE, None)


def test_what_agora_tells_is_heard_in_its_order_and_of_ones_own_number_alone() -> None:
    there = model.told(SEATED, 1_234, 5, LATER, joined=True)
    assert (there.present, there.seq, there.at) == (True, 5, LATER)
    for uid, seq in ((1_234, 5), (1_234, 4), (4_321, 6)):
        assert model.told(there, uid, seq, LATER, joined=False) is there
    assert not model.told(there, 1_234, 6, LATER, joined=False).present


def test_who_leaves_is_not_there_and_their_number_stays() -> None:
    there = replace(SEATED, present=True)
    left = model.stepped_out(there, LATER)
    assert (left.present, left.uid, left.at) == (False, 1_234, LATER)
    assert model.stepped_out(left, LATER) is left


def test_muting_is_told_once() -> None:
    quiet = model.muted(SEATED, LATER, on=True)
    assert (quiet.muted, quiet.news, quiet.at) == (True, "muted", LATER)
    assert model.muted(quiet, LATER, on=True) is quiet
    assert model.muted(SEATED, LATER, on=False) is SEATED
    assert model.muted(quiet, LATER, on=False).news == "unmuted"


def test_a_ban_takes_number_place_and_token_and_owes_the_removal() -> None:
    out = model.banned(replace(SEATED, present=True, seq=5), LATER, on=True)
    assert (out.banned, out.present, out.uid, out.seq, out.leased_until) == (True, False, None, None, 0)
    assert (out.owed, out.turn, out.news) == (((1_234, NOON + HOUR),), 1, "banned")
    assert model.banned(out, LATER, on=True) is out
    back = model.banned(out, LATER, on=False)
    assert (back.banned, back.owed, back.turn, back.news) == (False, out.owed, 1, "unbanned")
    assert model.put_out(back, 1_234).owed == ()
    assert model.put_out(back, 4_321).owed == out.owed


def test_of_who_has_no_open_token_nothing_is_owed() -> None:
    never = model.banned(NEW, LATER, on=True)
    assert (never.banned, never.owed, never.turn) == (True, (), 0)
    long_ago = model.banned(SEATED, NOON + HOUR + MINUTE, on=True)
    assert (long_ago.owed, long_ago.turn) == ((), 1)
    assert model.banned(SEATED, NOON + HOUR + MINUTE - 1, on=True).owed


def test_eight_may_be_owed_of_one_person() -> None:
    owed = tuple((1_000 + each, NOON) for each in range(8))
    out = replace(NEW, banned=True, owed=owed[:7])
    assert not model.banned(out, NOON, on=False).banned
    with pytest.raises(InvalidState):
        model.banned(replace(out, owed=owed), NOON, on=False)


@pytest.mark.parametrize(
    ("actor", "user", "may"),
    [
        ("usr_h", "usr_v", True),
        ("usr_m", "usr_v", True),
        ("usr_h", "usr_m", True),
        ("usr_v", "usr_w", False),
        ("usr_m", "usr_h", False),
        ("usr_h", "usr_h", False),
        ("usr_m", "usr_n", False),
        ("usr_m", "usr_m", False),
    ],
)
def test_who_may_judge_whom(actor: str, user: str, may: bool) -> None:
    stream = Stream("str_1", "usr_h", "", "x", "public", None, NOON, NOON, NOON, moderators=("usr_m", "usr_n"))
    if may:
        model.must_moderate(stream, actor, user)
        return
    with pytest.raises(Forbidden):
        model.must_moderate(stream, actor, user)


def test_nobody_judges_when_it_is_over() -> None:
    stream = Stream("str_1", "usr_h", "", "x", "public", None, NOON, NOON, NOON, state="ended")
    with pytest.raises(InvalidState):
        model.must_moderate(stream, "usr_h", "usr_v")
