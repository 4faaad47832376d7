"""Product §6: a gift burns coins and brings the reader 70 % of their value, at once or not at all, once a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.limits import Wanted as Limits
from chalicelib.kernel.errors import (
    AgeRequired,
    Blocked,
    Forbidden,
    InsufficientFunds,
    InvalidState,
    NotFound,
    Problem,
    RateLimited,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.live import gifts, moderating, shards, watching
from chalicelib.live import service as streams
from chalicelib.live.gift_store import gift_rows
from chalicelib.live.model.gift import Gift
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.wallet import limits
from chalicelib.wallet import service as wallet
from tests.support.duo import chain
from tests.support.memory import MemoryTables
from tests.support.show import Show
from tests.support.worlds import NOON, hand_world

WHY = {"actor": "ops", "reason": "because"}


@pytest.fixture
def show() -> Show:
    return Show(hand_world()).live()


def refused(show: Show, problem: type[Problem], act: Callable[[], Any]) -> None:
    """``problem`` is the answer, and nothing was written."""
    tables = show.world.tables
    assert isinstance(tables, MemoryTables)
    before = {name: dict(rows) for name, rows in tables.rows.items()}
    with pytest.raises(problem):
        act()
    assert tables.rows == before


# --- what one is


def test_a_gift_burns_coins_and_its_value_is_the_readers_and_the_platforms(show: Show) -> None:
    ann = show.patron("ann", 1_000)
    given = show.gives(ann, "heart")
    assert (given.sent.coins, given.sent.animation, given.balance) == (500, "heart_v1", 500)
    assert show.coins(ann) == 500
    assert show.gathered == 350
    books = show.books()
    assert books.sum_of("platform:fees") == 150
    assert books.sum_of("platform:coins") == -500
    assert books.sum_of("platform:burnt", "coins") == 500


def test_the_value_of_a_coin_is_a_setting(show: Show) -> None:
    dear = Show(replace(show.world, settings=replace(show.world.settings, cents_per_100_coins=130)), show.own)
    dear.gives(show.patron("ann"), "rose")
    assert show.gathered == 91
    assert show.books().sum_of("platform:fees") == 39


def test_what_it_brought_says_which_gift_it_was(show: Show) -> None:
    given = show.gives(show.patron("ann"))
    entries = [entry for number in range(32) for entry in chain(show.world, shards.account(show.stream, number))]
    assert [(each.kind, each.amount, each.reference) for each in entries] == [("gift_earned", 70, given.sent.id)]


def test_the_readers_earnings_have_nothing_of_it_while_the_stream_goes_on(show: Show) -> None:
    show.gives(show.patron("ann"))
    assert show.earned() == []


def test_the_same_request_again_is_the_same_gift(show: Show) -> None:
    ann = show.patron("ann", 1_000)
    first = show.gives(ann)
    assert show.forward(1_000).gives(ann) == first
    assert show.coins(ann) == 900
    assert [each.id for each in gifts.feed(show.world, ann, show.stream, 0, 10, None)[0]] == [first.sent.id]


def test_the_same_request_again_is_answered_alike_whatever_became_of_stream_and_catalogue(show: Show) -> None:
    ann = show.patron("ann", 100)
    first = show.gives(ann)
    gifts.set_gift(show.world, Gift("rose", "Rose", 5_000, "rose_v2"), **WHY)
    gifts.stop_gift(show.world, "rose", **WHY)
    show.ends()
    assert show.gives(ann) == first
    assert first.sent.coins == 100


# --- who may


def test_who_has_not_said_when_they_were_born_cannot_give(show: Show) -> None:
    ann = show.patron("ann", born=None)
    refused(show, AgeRequired, lambda: show.gives(ann))
    with pytest.raises(AgeRequired, match=r"^Say your birth date first \(PATCH /v1/me\)\.$"):
        show.gives(ann)


def test_who_is_18_today_can_give(show: Show) -> None:
    noon = date(2030, 3, 17)  # the day of NOON
    ann = show.patron("ann", born=noon.replace(year=2012))
    assert show.gives(ann).balance == 9_900


def test_the_host_cannot_give_to_themselves(show: Show) -> None:
    refused(show, Forbidden, lambda: show.gives(show.host))


def test_who_is_banned_cannot_give(show: Show) -> None:
    ann = show.patron("ann")
    moderating.ban(show.world, show.stream, show.host, ann, banned=True)
    refused(show, Forbidden, lambda: show.gives(ann))


def test_who_is_blocked_by_the_host_cannot_give(show: Show) -> None:
    ann = show.patron("ann")
    accounts.block(show.world, show.host, ann)
    refused(show, Blocked, lambda: show.gives(ann))


def test_who_may_not_watch_cannot_give() -> None:
    show = Show(hand_world()).live("private")
    ann = show.patron("ann")
    refused(show, Forbidden, lambda: show.gives(ann))
    streams.invite(show.world, show.stream, show.host, [ann])
    assert show.gives(ann).balance == 9_900


def test_to_a_premium_stream_gives_who_has_a_ticket() -> None:
    show = Show(hand_world()).live("premium", 300)
    ann = show.patron("ann")
    refused(show, Forbidden, lambda: show.gives(ann))
    show.pays(ann)
    assert show.gives(ann).balance == 9_600


# --- when


def test_only_a_live_stream_is_given_to() -> None:
    show = Show(hand_world()).scheduled()
    ann = show.patron("ann")
    refused(show, InvalidState, lambda: show.gives(ann))
    show.started().gives(ann)
    show.ends()
    refused(show, InvalidState, lambda: show.gives(ann, name="2"))


def test_a_stream_whose_host_was_not_there_yet_is_not_given_to() -> None:
    show = Show(hand_world()).scheduled()
    ann = show.patron("ann")
    streams.start(show.world, show.stream, show.host)
    refused(show, InvalidState, lambda: show.gives(ann))
    show.started().gives(ann)


def test_a_stream_whose_host_is_gone_too_long_is_not_given_to(show: Show) -> None:
    ann = show.patron("ann")
    watching.leave(show.world, show.stream, show.host)
    show.forward(2 * MINUTE)
    with pytest.raises(InvalidState):
        show.gives(ann)
    assert show.coins(ann) == 10_000


def test_what_is_not_in_the_catalogue_or_not_given_any_more_is_refused(show: Show) -> None:
    ann = show.patron("ann")
    refused(show, NotFound, lambda: show.gives(ann, "moon"))
    gifts.stop_gift(show.world, "star", **WHY)
    refused(show, InvalidState, lambda: show.gives(ann, "star"))


def test_a_stream_that_there_is_not_is_not_found(show: Show) -> None:
    ann = show.patron("ann")
    refused(show, NotFound, lambda: gifts.send(show.world, ann, "str_none", "rose", "gft_1"))


# --- with what


def test_without_enough_coins_nothing_is_given(show: Show) -> None:
    ann = show.patron("ann", 99)
    refused(show, InsufficientFunds, lambda: show.gives(ann))


def test_below_zero_nothing_is_given(show: Show) -> None:
    ann = show.patron("ann", 100)
    show.gives(ann)
    show.buys(ann, 100, standing=False)
    assert show.coins(ann) == -100
    refused(show, InsufficientFunds, lambda: show.gives(ann, name="2"))


def test_from_a_frozen_wallet_nothing_is_given(show: Show) -> None:
    ann = show.patron("ann")
    wallet.freeze(show.world, ann, "admin")
    refused(show, WalletFrozen, lambda: show.gives(ann))


def test_who_has_excluded_themselves_gives_nothing(show: Show) -> None:
    ann = show.patron("ann")
    limits.set_limits(show.world, ann, Limits(None, None, None, NOON + 30 * DAY))
    refused(show, SpendingLimitReached, lambda: show.gives(ann))


def test_thirty_gifts_in_any_minute_and_no_more(show: Show) -> None:
    ann = show.patron("ann")
    for number in range(30):
        show.gives(ann, name=str(number))
    refused(show, RateLimited, lambda: show.gives(ann, name="30"))
    assert show.gives(ann, name="29").sent.coins == 100, "one that was sent before is no further one"
    show.forward(MINUTE).gives(ann, name="30")


def test_a_hundred_thousand_coins_in_any_minute_and_no_more(show: Show) -> None:
    gifts.set_gift(show.world, Gift("sun", "Sun", 99_950, "sun_v1"), **WHY)
    ann = show.patron("ann", 200_000)
    show.gives(ann, "sun")
    refused(show, RateLimited, lambda: show.gives(ann, name="2"))
    assert show.gives(show.patron("bea")).balance == 9_900, "each sender has a minute of their own"


# --- the feed and the leaderboard


def test_the_feed_is_newest_first_page_by_page(show: Show) -> None:
    ann, bea = show.patron("ann"), show.patron("bea")
    sent = [show.forward(1_000).gives(who, name=str(number)).sent for number, who in enumerate([ann, bea, ann])]
    page, following = gifts.feed(show.world, bea, show.stream, 0, 2, None)
    assert page == [sent[2], sent[1]]
    assert gifts.feed(show.world, bea, show.stream, 0, 2, following) == ([sent[0]], None)


def test_the_feed_tells_what_came_since_a_moment(show: Show) -> None:
    ann = show.patron("ann")
    sent = [show.forward(1_000).gives(ann, name=str(number)).sent for number in range(3)]
    assert gifts.feed(show.world, ann, show.stream, sent[1].at, 10, None)[0] == [sent[2], sent[1]]
    assert gifts.feed(show.world, ann, show.stream, sent[2].at + 1, 10, None) == ([], None)
    assert gifts.feed(show.world, ann, show.stream, 10**14, 10, None) == ([], None), "and after the last of our moments"


def test_a_gift_keeps_its_price_its_animation_and_its_senders_name(show: Show) -> None:
    ann = show.patron("ann")
    show.gives(ann)
    gifts.set_gift(show.world, Gift("rose", "Rose", 200, "rose_v2"), **WHY)
    accounts.change(show.world, ann, accounts.Changes(display_name="Anna"))
    show.forward(1_000).gives(ann, name="2")
    page, _ = gifts.feed(show.world, ann, show.stream, 0, 10, None)
    assert [(each.name, each.animation, each.coins) for each in page] == [
        ("Anna", "rose_v2", 200),
        ("ann", "rose_v1", 100),
    ]


def test_the_leaderboard_counts_coins_of_each_sender(show: Show) -> None:
    ann, bea = show.patron("ann"), show.patron("bea")
    for who, gift, name in ((ann, "rose", "1"), (bea, "heart", "1"), (ann, "rose", "2")):
        show.gives(who, gift, name)
    found = gifts.leaders(show.world, ann, show.stream)
    assert [(each.user, each.name, each.total, each.count) for each in found] == [
        (bea, "bea", 500, 1),
        (ann, "ann", 200, 2),
    ]


def test_feed_and_leaderboard_are_for_who_may_watch_also_when_it_is_over() -> None:
    show = Show(hand_world()).live("private")
    ann, bea = show.patron("ann"), show.patron("bea")
    streams.invite(show.world, show.stream, show.host, [ann])
    show.gives(ann)
    show.ends()
    for who in (ann, show.host):
        assert len(gifts.feed(show.world, who, show.stream, 0, 10, None)[0]) == 1
        assert len(gifts.leaders(show.world, who, show.stream)) == 1
    for look in (
        lambda: gifts.feed(show.world, bea, show.stream, 0, 10, None),
        lambda: gifts.leaders(show.world, bea, show.stream),
    ):
        with pytest.raises(Forbidden):
            look()


def test_of_two_who_change_what_a_sender_has_sent_one_reads_again(show: Show) -> None:
    ann = show.patron("ann")
    show.gives(ann)
    rows = gift_rows(show.world)
    was = rows.fan(show.stream, ann)
    show.gives(ann, name="2")
    with pytest.raises(ConditionFailed):
        show.world.tables.write(rows.replace_fan(replace(was, name="Anna", rev=was.rev + 1), was))


# --- the catalogue


def test_an_edit_of_the_catalogue_is_audited_and_an_edit_of_nothing_is_none(show: Show) -> None:
    gifts.set_gift(show.world, Gift("lily", "Lily", 250, "lily_v1"), **WHY)
    gifts.set_gift(show.world, Gift("lily", "Lily", 250, "lily_v1"), **WHY)
    gifts.stop_gift(show.world, "lily", **WHY)
    gifts.stop_gift(show.world, "lily", **WHY)
    rows = show.world.tables.query("audit", ("pk", "gift:lily")).items
    assert sorted((row["action"], row["actor"], row["detail"]["active"]) for row in rows) == [
        ("gift_set", "ops", True),
        ("gift_stopped", "ops", False),
    ]
