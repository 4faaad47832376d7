"""What is decided of somebody before a stream, to the millisecond and to the word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Forbidden, InvalidState
from chalicelib.kernel.time import HOUR, MINUTE
from chalicelib.live.model import access
from chalicelib.live.model import viewer as model
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.terms import Barred
from chalicelib.live.model.viewer import Viewer
from tests.support.worlds import NOON

ANNA, BEN, HOST, MO, PAT = "usr_anna", "usr_ben", "usr_host", "usr_mo", "usr_pat"
STREAM = Stream("str_1", HOST, "Host", "Full moon", "public", None, NOON, NOON, NOON, moderators=(MO, PAT))
NEW = Viewer("str_1", ANNA)
SEATED = replace(NEW, at=NOON, uid=4_242, turn=2, seq=7, joined_at=NOON, leased_until=NOON + HOUR, rev=3)
TOLD = replace(SEATED, news="unmuted")
"""A row whose news were told when it was written."""


def test_a_number_is_of_the_stream_the_person_the_turn_and_the_try() -> None:
    assert model.uid_of(NEW, 0) == 3_030_551_114
    others = {
        model.uid_of(replace(NEW, stream="str_2"), 0),
        model.uid_of(replace(NEW, user=BEN), 0),
        model.uid_of(replace(NEW, turn=1), 0),
        model.uid_of(NEW, 1),
    }
    assert len(others - {3_030_551_114}) == 4


def test_who_is_seated_has_a_number_and_a_token() -> None:
    assert model.seated(NEW, 4_242, NOON + HOUR, NOON) == replace(
        NEW, uid=4_242, joined_at=NOON, leased_until=NOON + HOUR, at=NOON
    )


def test_with_the_same_number_what_was_told_of_it_and_its_longest_token_count() -> None:
    longer = model.seated(TOLD, 4_242, NOON + 2 * HOUR, NOON + 5)
    assert longer == replace(SEATED, leased_until=NOON + 2 * HOUR, at=NOON + 5)
    assert model.seated(TOLD, 4_242, NOON + MINUTE, NOON + 5) == replace(SEATED, at=NOON + 5)


def test_with_another_number_nothing_was_told_of_it_yet() -> None:
    other = model.seated(TOLD, 5_555, NOON + MINUTE, NOON + 5)
    assert other == replace(SEATED, uid=5_555, seq=None, leased_until=NOON + MINUTE, at=NOON + 5)


def test_who_is_there_is_what_agora_told_last_of_their_number() -> None:
    came = model.told(TOLD, 4_242, 8, NOON + 5, joined=True)
    assert came == replace(SEATED, present=True, seq=8, at=NOON + 5)
    assert model.told(came, 4_242, 9, NOON + 6, joined=False) == replace(SEATED, seq=9, at=NOON + 6)
    assert model.told(replace(SEATED, seq=None), 4_242, 0, NOON + 5, joined=True).seq == 0


@pytest.mark.parametrize(("uid", "seq"), [(4_242, 7), (4_242, 6), (4_243, 8)])
def test_what_is_not_newer_or_of_another_number_is_not_heard(uid: int, seq: int) -> None:
    assert model.told(SEATED, uid, seq, NOON + 5, joined=True) is SEATED


def test_who_steps_out_is_not_there() -> None:
    there = replace(TOLD, present=True)
    assert model.stepped_out(there, NOON + 5) == replace(SEATED, at=NOON + 5)
    assert model.stepped_out(SEATED, NOON + 5) is SEATED


@pytest.mark.parametrize(
    ("actor", "user", "why"),
    [
        (BEN, ANNA, "That is for the host and the moderators to do."),
        (BEN, HOST, "That is for the host and the moderators to do."),
        (HOST, HOST, "Only the host mutes or bans a moderator, and nobody the host."),
        (MO, HOST, "Only the host mutes or bans a moderator, and nobody the host."),
        (MO, PAT, "Only the host mutes or bans a moderator, and nobody the host."),
    ],
)
def test_who_may_not_judge_is_told_why(actor: str, user: str, why: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        model.must_moderate(STREAM, actor, user)
    assert refusal.value.detail == why


@pytest.mark.parametrize(("actor", "user"), [(HOST, ANNA), (HOST, MO), (MO, ANNA)])
def test_the_host_judges_all_others_and_a_moderator_all_who_are_none(actor: str, user: str) -> None:
    model.must_moderate(STREAM, actor, user)
    with pytest.raises(InvalidState):
        model.must_moderate(replace(STREAM, state="ended"), actor, user)


def test_who_is_muted_or_not_any_more_is_told_of_once() -> None:
    muted = model.muted(SEATED, NOON + 5, on=True)
    assert muted == replace(SEATED, muted=True, news="muted", at=NOON + 5)
    assert model.muted(muted, NOON + 6, on=True) is muted
    assert model.muted(muted, NOON + 6, on=False) == replace(SEATED, news="unmuted", at=NOON + 6)


def test_who_is_banned_loses_their_number_which_is_to_be_put_out() -> None:
    owing = replace(SEATED, present=True, owed=((1_111, NOON),))
    banned = model.banned(owing, NOON + 5, on=True)
    assert banned == Viewer(
        "str_1",
        ANNA,
        at=NOON + 5,
        turn=3,
        joined_at=NOON,
        banned=True,
        owed=((1_111, NOON), (4_242, NOON + HOUR)),
        news="banned",
        rev=3,
    )
    assert model.banned(banned, NOON + 6, on=True) is banned
    assert model.banned(SEATED, NOON + 6, on=False) is SEATED


def test_a_number_whose_token_has_ended_a_minute_ago_is_owed_to_nobody() -> None:
    end = NOON + HOUR + MINUTE
    assert model.banned(SEATED, end - 1, on=True).owed == ((4_242, NOON + HOUR),)
    out = model.banned(SEATED, end, on=True)
    assert (out.owed, out.turn, out.uid) == ((), 3, None)


def test_who_has_no_number_loses_none() -> None:
    out = model.banned(NEW, 5, on=True)
    assert out == replace(NEW, banned=True, news="banned", at=5)


def test_who_is_let_in_again_is_told_of_and_keeps_what_is_owed() -> None:
    owing = replace(NEW, banned=True, owed=tuple((number, NOON) for number in range(7)))
    assert model.banned(owing, NOON + 5, on=False) == replace(owing, banned=False, news="unbanned", at=NOON + 5)
    many = replace(owing, owed=(*owing.owed, (7, NOON)))
    with pytest.raises(InvalidState) as refusal:
        model.banned(many, NOON + 5, on=False)
    assert refusal.value.detail == "They are still being put out. Try again later."


def test_a_number_that_is_out_is_owed_no_more() -> None:
    owing = replace(TOLD, owed=((1_111, NOON), (4_242, NOON + HOUR)))
    assert model.put_out(owing, 1_111) == replace(SEATED, owed=((4_242, NOON + HOUR),))


def test_a_viewer_is_stored_without_what_is_not_known_of_them() -> None:
    assert model.to_item(replace(NEW, owed=((1_111, NOON),))) == {
        "pk": "viewer#str_1",
        "sk": ANNA,
        "at": 0,
        "turn": 0,
        "present": False,
        "leased_until": 0,
        "muted": False,
        "banned": False,
        "owed": [[1_111, NOON]],
        "rev": 0,
    }
    assert model.to_item(TOLD)["news"] == "unmuted"
    assert model.from_item(model.to_item(TOLD)) == SEATED


@pytest.mark.parametrize(
    ("why", "detail"),
    [
        ("blocked", "One of you has blocked the other."),
        ("banned", "You were banned from this stream."),
        ("not_invited", "This stream is for those who are invited."),
        (
            "no_ticket",
            "This stream is for those who have a ticket. Until it ends one can be bought (POST …/ticket).",
        ),
    ],
)
def test_who_may_not_watch_is_told_why(why: Barred, detail: str) -> None:
    assert access.refusal(why).detail == detail
