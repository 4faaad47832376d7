"""Product §4: packs of coins. What was sold once stays what it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.wallet import packs, purchases
from chalicelib.wallet.model.packs import DEFAULT, MOST_PACKS, Pack, Packs, from_item, must_cover, to_item, with_pack
from chalicelib.wallet.purchases_store import PackRows
from tests.support.worlds import hand_world, settings


def test_there_are_five_packs_at_first() -> None:
    assert [(each.id, each.coins, each.price, each.active) for each in DEFAULT.packs] == [
        ("coins_100", 100, 149, True),
        ("coins_500", 500, 699, True),
        ("coins_1200", 1_200, 1_599, True),
        ("coins_2500", 2_500, 3_199, True),
        ("coins_6500", 6_500, 7_999, True),
    ]


def test_a_pack_is_added_in_the_order_of_its_coins() -> None:
    now = with_pack(DEFAULT, Pack("coins_200", 200, 290))
    assert [each.id for each in now.packs][:3] == ["coins_100", "coins_200", "coins_500"]
    assert len(now.packs) == 6
    twin = with_pack(now, Pack("coins_150", 200, 290))
    assert [each.id for each in twin.packs][:4] == ["coins_100", "coins_150", "coins_200", "coins_500"]


def test_a_packs_price_may_change_and_its_coins_never() -> None:
    now = with_pack(DEFAULT, Pack("coins_100", 100, 199))
    known = now.known("coins_100")
    assert known
    assert (known.price, len(now.packs)) == (199, 5)
    with pytest.raises(InvalidState) as refused:
        with_pack(DEFAULT, Pack("coins_100", 101, 149))
    assert refused.value.detail == "coins_100 is 100 coins for good. Make another pack, and stop this one."


def test_a_stopped_pack_is_known_to_purchases_of_it() -> None:
    world = hand_world()
    stopped = with_pack(DEFAULT, Pack("coins_100", 100, 149, active=False))
    world.tables.write(PackRows(world.tables, "wallet").replace(stopped))
    assert purchases.pack_of(world, "coins_100") == Pack("coins_100", 100, 149, active=False)
    assert purchases.pack_of(world, "coins_101") is None


@pytest.mark.parametrize(
    ("pack", "field"),
    [
        (Pack("coins_1", 0, 149), "coins"),
        (Pack("coins_1", 1_000_001, 149), "coins"),
        (Pack("coins_1", 1, 49), "price"),
        (Pack("coins_1", 1, 50_001), "price"),
        (Pack("co", 1, 50), "id"),
        (Pack("1coins", 1, 50), "id"),
        (Pack("Coins_1", 1, 50), "id"),
        (Pack("c" * 41, 1, 50), "id"),
    ],
)
def test_a_pack_out_of_bounds_is_refused(pack: Pack, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        with_pack(DEFAULT, pack)
    assert [each["field"] for each in refused.value.errors] == [field]


def test_all_that_is_wrong_with_a_pack_is_told() -> None:
    with pytest.raises(Invalid) as refused:
        with_pack(DEFAULT, Pack("", 0, 0))
    assert refused.value.errors == (
        {"field": "coins", "message": "from 1 to 1000000"},
        {"field": "price", "message": "from 50 to 50000"},
        {"field": "id", "message": "3 to 40 small letters, digits and underscores"},
    )


@pytest.mark.parametrize("pack", [Pack("coi", 1, 50), Pack("c" * 40, 1_000_000, 50_000)])
def test_a_pack_at_its_bounds_is_taken(pack: Pack) -> None:
    assert with_pack(DEFAULT, pack).known(pack.id) == pack


@pytest.mark.parametrize(("cents_per_100", "least"), [(100, 70), (150, 105), (199, 139)])
def test_a_pack_costs_at_least_what_readers_get_of_its_coins(cents_per_100: int, least: int) -> None:
    must_cover(Pack("coins_100", 100, least), cents_per_100)
    with pytest.raises(Invalid) as refused:
        must_cover(Pack("coins_100", 100, least - 1), cents_per_100)
    assert f"at least {least}" in refused.value.errors[0]["message"]
    must_cover(Pack("coins_100", 100, least - 1, active=False), cents_per_100)


def test_the_packs_there_are_at_first_do() -> None:
    for pack in DEFAULT.packs:
        must_cover(pack, settings().cents_per_100_coins)


def test_one_that_does_not_is_not_set_and_can_be_stopped() -> None:
    world = hand_world()
    with pytest.raises(Invalid):
        packs.keep(world, Pack("coins_1000", 1_000, 699), actor="arn:ops", reason="a sale")
    assert purchases.packs_of(world) == DEFAULT
    packs.keep(world, Pack("coins_1000", 1_000, 700), actor="arn:ops", reason="a sale")
    dear = replace(world, settings=replace(world.settings, cents_per_100_coins=200))
    assert not packs.stop(dear, "coins_1000", actor="arn:ops", reason="a coin is worth more now").active


def test_there_are_forty_packs_at_most() -> None:
    full = Packs(tuple(Pack(f"coins_{number}", number, 100) for number in range(1, MOST_PACKS + 1)))
    with pytest.raises(InvalidState, match=r"^There are 40 packs already\.$"):
        with_pack(full, Pack("one_more", 1, 100))
    assert with_pack(full, Pack("coins_1", 1, 100, active=False)).known("coins_1")
    assert with_pack(replace(full, packs=full.packs[1:]), Pack("one_more", 1, 100)).known("one_more")


def test_packs_are_stored_as_they_are() -> None:
    stored = replace(DEFAULT, rev=3)
    assert from_item(to_item(stored)) == stored
