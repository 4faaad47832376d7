"""What a gift is worth, what there is to give, and how much one person may give."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Invalid, InvalidState, NotFound, RateLimited
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.live.model.gift import (
    BY_DEFAULT,
    MOST_COINS_IN_A_MINUTE,
    MOST_GIFTS,
    Catalogue,
    Fan,
    Gift,
    Sent,
    must_be_given,
    sending,
    shard,
    shares,
    with_gift,
    without,
)
from tests.support.worlds import NOON

LILY = Gift("lily", "Lily", 250, "lily_v1")


def sent(coins: int, at: int) -> Sent:
    return Sent("gft_1", "str_1", "usr_c", "Cee", "rose", "rose_v1", coins, at, 1)


# --- what coins bring


@pytest.mark.parametrize(
    ("coins", "cents_per_100", "reader", "platform"),
    [
        (100, 100, 70, 30),
        (1, 100, 0, 1),  # 0.7 of a cent is none
        (3, 100, 2, 1),
        (5_000, 100, 3_500, 1_500),
        (101, 99, 69, 30),  # 99.99 cents are 99, and 69.3 of them 69
        (1, 99, 0, 0),
        (2_500, 120, 2_100, 900),
    ],
)
def test_the_reader_has_70_percent_rounded_down_and_the_platform_the_rest(
    coins: int, cents_per_100: int, reader: int, platform: int
) -> None:
    assert shares(coins, cents_per_100) == (reader, platform)


def test_gifts_are_spread_over_all_shards() -> None:
    spread = Counter(shard(f"gft_{number}", 0, 32) for number in range(3_200))
    assert set(spread) == set(range(32))
    assert max(spread.values()) < 2 * 100


def test_of_one_try_the_shard_is_always_the_same() -> None:
    assert [shard("gft_1", tried, 32) for tried in (0, 1, 0)] == [2, 9, 2]


def test_a_try_that_was_disturbed_goes_to_another_shard() -> None:
    moved = sum(shard(f"gft_{number}", 0, 32) != shard(f"gft_{number}", 1, 32) for number in range(320))
    assert moved > 300


# --- the catalogue


def test_there_are_five_gifts_until_somebody_edits_them() -> None:
    assert [(each.name, each.coins) for each in BY_DEFAULT.active()] == [
        ("Rose", 100),
        ("Heart", 500),
        ("Star", 1_000),
        ("Diamond", 2_500),
        ("Crown", 5_000),
    ]
    assert len({each.animation for each in BY_DEFAULT.gifts}) == 5


def test_a_gift_that_is_set_anew_keeps_its_place_and_a_new_one_comes_last() -> None:
    dearer = replace(BY_DEFAULT.gift("heart"), coins=600)
    edited = with_gift(with_gift(BY_DEFAULT, dearer), LILY)
    assert [(each.id, each.coins) for each in edited.gifts] == [
        ("rose", 100),
        ("heart", 600),
        ("star", 1_000),
        ("diamond", 2_500),
        ("crown", 5_000),
        ("lily", 250),
    ]
    assert edited.rev == 2


def test_a_gift_that_is_stopped_is_known_and_not_given() -> None:
    edited = without(BY_DEFAULT, "star")
    assert "star" not in [each.id for each in edited.active()]
    with pytest.raises(InvalidState, match=r"^This gift is not given any more\.$"):
        must_be_given(edited.gift("star"))
    must_be_given(edited.gift("rose"))


def test_what_is_not_in_the_catalogue_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"^There is no such gift\.$"):
        BY_DEFAULT.gift("moon")
    with pytest.raises(NotFound):
        without(BY_DEFAULT, "moon")


def test_no_more_gifts_than_the_catalogue_holds() -> None:
    full = Catalogue(tuple(replace(LILY, id=f"lily_{number}") for number in range(MOST_GIFTS)), 7)
    with pytest.raises(InvalidState, match=r"^There are 100 gifts\. Set one of them anew\.$"):
        with_gift(full, LILY)
    assert with_gift(full, replace(LILY, id="lily_3", coins=3)).gift("lily_3").coins == 3
    assert len(with_gift(replace(full, gifts=full.gifts[1:]), LILY).gifts) == 100


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (replace(LILY, id="Lily!"), "id"),
        (replace(LILY, id=""), "id"),
        (replace(LILY, name=" "), "name"),
        (replace(LILY, name="\u200b\u202e"), "name"),
        (replace(LILY, name="x" * 41), "name"),
        (replace(LILY, coins=0), "coins"),
        (replace(LILY, coins=100_001), "coins"),
        (replace(LILY, animation="a/b"), "animation"),
    ],
)
def test_a_gift_that_is_none_is_refused(wrong: Gift, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        with_gift(BY_DEFAULT, wrong)
    assert [each["field"] for each in refused.value.errors] == [field]


def test_all_that_is_wrong_with_a_gift_is_told() -> None:
    with pytest.raises(Invalid) as refused:
        with_gift(BY_DEFAULT, Gift("", "", 0, ""))
    assert refused.value.errors == (
        {"field": "id", "message": "1 to 32 small letters, digits and underscores"},
        {"field": "name", "message": "1 to 40 characters"},
        {"field": "coins", "message": "1 to 100000 coins"},
        {"field": "animation", "message": "1 to 64 small letters, digits, underscores and dots"},
    )


@pytest.mark.parametrize("bound", [replace(LILY, name="x" * 40, coins=100_000), replace(LILY, name="x", coins=1)])
def test_a_gift_at_the_bounds_is_one(bound: Gift) -> None:
    assert with_gift(BY_DEFAULT, bound).gift("lily") == bound


def test_a_gifts_name_is_one_line_that_can_be_seen() -> None:
    named = replace(LILY, name=" Li\u202ely\n of  the\u200b valley ")
    assert with_gift(BY_DEFAULT, named).gift("lily").name == "Lily of the valley"


def test_the_dearest_gift_can_be_given_within_a_minute() -> None:
    dearest = with_gift(BY_DEFAULT, replace(LILY, coins=MOST_COINS_IN_A_MINUTE)).gift("lily")
    assert sending(Fan("str_1", "usr_1"), sent(dearest.coins, NOON)).total == 100_000


# --- a sender


def test_a_sender_is_known_by_the_latest_name_and_all_that_was_sent() -> None:
    fan = sending(Fan("str_1", "usr_c"), sent(100, NOON))
    fan = sending(fan, replace(sent(500, NOON + SECOND), name="Cea"))
    assert fan == Fan("str_1", "usr_c", "Cea", 600, 2, ((NOON, 100), (NOON + SECOND, 500)), 2)


def test_thirty_gifts_in_any_minute_and_no_more() -> None:
    fan = Fan("str_1", "usr_c")
    for number in range(30):
        fan = sending(fan, sent(1, NOON + number * SECOND))
    with pytest.raises(RateLimited, match=r"^At most 30 gifts and 100000 coins a minute\. Wait a moment\.$") as refused:
        sending(fan, sent(1, NOON + MINUTE - 5))
    assert refused.value.wait == 5
    fan = sending(fan, sent(1, NOON + MINUTE))  # the first is a minute old
    with pytest.raises(RateLimited):
        sending(fan, sent(1, NOON + MINUTE + SECOND - 1))
    assert len(fan.recent) == 30


def test_a_hundred_thousand_coins_in_any_minute_and_no_more() -> None:
    fan = sending(Fan("str_1", "usr_c"), sent(99_000, NOON))
    with pytest.raises(RateLimited) as refused:
        sending(fan, sent(1_001, NOON + MINUTE - 1))
    assert refused.value.wait == 1
    assert sending(fan, sent(1_000, NOON + MINUTE - 1)).total == 100_000
    assert sending(fan, sent(100_000, NOON + MINUTE)).total == 199_000


def test_a_gift_waits_for_as_many_as_must_be_a_minute_old_before_it() -> None:
    fan = Fan("str_1", "usr_c")
    for second, coins in ((0, 10_000), (1, 80_000), (2, 10_000)):
        fan = sending(fan, sent(coins, NOON + second * SECOND))
    for coins, wait in ((10_000, 50), (10_001, 51), (90_000, 51), (90_001, 52), (100_000, 52)):
        with pytest.raises(RateLimited) as refused:
            sending(fan, sent(coins, NOON + 10 * SECOND))
        assert refused.value.wait == wait * SECOND
    with pytest.raises(RateLimited) as behind:
        sending(fan, sent(1, NOON))
    assert behind.value.wait == 60 * SECOND


def test_a_clock_that_is_behind_gives_nobody_a_new_minute() -> None:
    fan = sending(Fan("str_1", "usr_c"), sent(60_000, NOON))
    fan = sending(fan, sent(40_000, NOON - 10 * SECOND))
    with pytest.raises(RateLimited):
        sending(fan, sent(1, NOON + MINUTE - 1))
