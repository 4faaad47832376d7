"""How far the telling of a notice is, by which channels, and how much of an inbox is unread: the decisions."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts.model.preferences import Preferences, QuietHours
from chalicelib.kernel.ids import moment_of
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.notifications.model.notice import ABOUT, Notice, things
from chalicelib.notifications.model.said import SAID
from chalicelib.notifications.telling import (
    PREFIX,
    Notification,
    Telling,
    Unread,
    channel_of,
    channels,
    notification_of,
    oldest,
)
from tests.support.worlds import NOON

DAY_OF_NOON = NOON // DAY
ALWAYS_QUIET = QuietHours(0, 24 * 60)
SAFE = sorted(SAID.keys() - ABOUT.keys())


def of(kind: str = "refund", at: int = NOON, **facts: Any) -> Notice:
    return Notice("usr_1", kind, facts, "1", at)


def opened(notice: Notice, wished: Preferences | None = None, now: int = NOON, *, suspended: bool = False) -> list[str]:
    return sorted(channels(notice, wished or Preferences(), "UTC", now, suspended=suspended))


# --- by which channels ----------------------------------------------------------------------------


def test_a_notice_goes_where_its_person_wants_those_of_its_kind() -> None:
    assert opened(of("refund")) == ["email", "inbox"]
    assert opened(of("refund"), Preferences({"wallet": frozenset({"push"})})) == ["push"]
    assert opened(of("refund"), Preferences({"wallet": frozenset()})) == []


@pytest.mark.parametrize("kind", SAFE)
def test_what_keeps_an_account_safe_goes_everywhere_whatever_is_wished_and_to_a_suspended_person_too(kind: str) -> None:
    nothing = Preferences(dict.fromkeys(set(ABOUT.values()), frozenset()))
    assert opened(of(kind), nothing, suspended=True) == ["email", "inbox", "push"]


def test_in_quiet_hours_only_what_keeps_an_account_safe_is_mailed_and_nothing_is_pushed() -> None:
    asleep = Preferences({"wallet": frozenset({"inbox", "email", "push"})}, ALWAYS_QUIET)
    assert opened(of("refund"), asleep) == ["inbox"]
    assert opened(of("dispute"), asleep) == ["email", "inbox"]


def test_a_suspended_person_is_told_of_nothing_else() -> None:
    assert opened(of("refund"), suspended=True) == []


@pytest.mark.parametrize("name", ["until", "offered_until"])
def test_from_the_moment_on_at_which_it_is_worthless_it_disturbs_nobody(name: str) -> None:
    ring = of("reading_requested", **{name: NOON + MINUTE})
    assert opened(ring, now=NOON + MINUTE - 1) == ["inbox", "push"]
    assert opened(ring, now=NOON + MINUTE) == ["inbox"]


def test_what_a_notice_is_about_are_its_ids_and_nothing_else() -> None:
    facts = {"reader": "usr_1", "stream": "str_2-a", "modality": "voice", "amount": 5, "why": "A_B", "to": "a@b_c"}
    assert things(facts) == {"reader": "usr_1", "stream": "str_2-a"}


# --- step by step ---------------------------------------------------------------------------------


def test_a_step_is_taken_by_a_channel_for_one_device_or_for_all() -> None:
    assert [channel_of(each) for each in ("email", "push#dev_1")] == ["email", "push"]


def test_a_telling_is_held_from_others_for_a_minute_from_its_last_step_on() -> None:
    telling = Telling(("push#dev_1", "email"), "me", 0).taken("me", NOON)
    assert telling.is_held("you", NOON + MINUTE - 1)
    assert not telling.is_held("you", NOON + MINUTE)
    assert not telling.is_held("me", NOON)
    further = telling.without("push#dev_1", NOON + 5)
    assert (further.left, further.held_by, further.held_until) == (("email",), "me", NOON + 5 + MINUTE)
    assert not further.let_go().is_held("you", NOON + 5)


# --- the inbox ------------------------------------------------------------------------------------


def test_the_line_of_a_notice_is_the_same_whenever_it_is_told_and_no_other_notices() -> None:
    same = notification_of(of(amount=5))
    assert notification_of(of(amount=5)) == same
    others = [of("refund_failed"), Notice("usr_2", "refund", {}, "1", NOON), Notice("usr_1", "refund", {}, "2", NOON)]
    assert same.id not in {notification_of(each).id for each in others}


def test_lines_sort_by_the_moment_of_what_they_tell_of() -> None:
    ids = [notification_of(of(at=NOON + number)).id for number in range(5)]
    assert sorted(ids) == ids
    assert [moment_of(PREFIX, each) for each in ids] == [NOON + number for number in range(5)]


@pytest.mark.parametrize("since_midnight", [0, 1, DAY - 1])
def test_a_line_goes_with_all_of_its_day_90_days_after_that(since_midnight: int) -> None:
    midnight = DAY_OF_NOON * DAY
    line = notification_of(of(at=midnight + since_midnight))
    assert line.expires == midnight + 91 * DAY
    for now, there in ((line.expires - 1, True), (line.expires, False)):
        assert (line.id >= oldest(now)) == there
        assert Unread().with_one(line, NOON).count(now) == there


def line(at: int, number: int = 0) -> Notification:
    return notification_of(Notice("usr_1", "refund", {}, str(number), at))


def test_what_is_unread_is_counted_over_all_days_and_each_is_taken_off_where_it_was_added() -> None:
    lines = [line(NOON), line(NOON, 1), line(NOON + DAY), line(NOON + 2 * DAY)]
    unread = Unread()
    for each in lines:
        unread = unread.with_one(each, NOON + 2 * DAY)
    assert unread.days == {DAY_OF_NOON: 2, DAY_OF_NOON + 1: 1, DAY_OF_NOON + 2: 1}
    left = unread.without([lines[0], lines[3]], NOON + 2 * DAY)
    assert (left.count(NOON + 2 * DAY), left.days) == (2, {DAY_OF_NOON: 1, DAY_OF_NOON + 1: 1})


def test_the_count_is_never_below_nothing() -> None:
    assert Unread({DAY_OF_NOON: 1}).without([line(NOON), line(NOON, 1)], NOON).count(NOON) == 0


def test_the_first_that_is_unread_is_looked_for_from_the_beginning_of_its_day() -> None:
    assert Unread().since(NOON) is None
    since = Unread({DAY_OF_NOON + 1: 1, DAY_OF_NOON: 2}).since(NOON + DAY)
    assert since is not None
    assert moment_of(PREFIX, since) == DAY_OF_NOON * DAY
    assert line(NOON - DAY).id < since <= line(DAY_OF_NOON * DAY).id


def test_days_that_are_over_are_forgotten_with_the_next_change() -> None:
    later = NOON + 91 * DAY
    assert set(Unread({DAY_OF_NOON: 3}).with_one(line(later), later).days) == {later // DAY}
