"""Coins bought in Google Play under many hands at once, on a real DynamoDB, and with any write of theirs gone wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.play_answers import Notification
from chalicelib.kernel.errors import InvalidState, Unavailable
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.operations.handlers import KINDS
from chalicelib.runtime.tables import Contended, Delete, DynamoTables
from chalicelib.wallet import coins, google
from chalicelib.wallet.model.google import order_id
from infra.local.google import orders
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import assert_whole, chain, refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.people import person
from tests.support.play import OfflinePlay
from tests.support.worlds import NOON, HandClock, hand_world, settings

PACK = "coins_500"


@pytest.fixture
def shop(world: World) -> World:
    """The world with a Google Play, and nobody in it."""
    assert isinstance(world.now, HandClock)
    return replace(world, play=OfflinePlay(world.now))


@pytest.fixture
def user(shop: World) -> str:
    return person(shop, new_id("usr", NOON))


def play_of(world: World) -> OfflinePlay:
    assert isinstance(world.play, OfflinePlay)
    return world.play


def kinds(world: World, user: str) -> list[str]:
    return [entry.kind for entry in chain(world, coins.coins_account(user))]


def tell(world: World, place: int, user: str, token: str, told: list[Notification]) -> None:
    """The app, and each of the notifications, in turns."""
    if place % (len(told) + 1) == 0:
        google.buy(world, user, PACK, token)
    else:
        google.told(world, told[place % (len(told) + 1) - 1])


def test_a_purchase_that_16_tell_of_at_once_gives_its_coins_once(shop: World, user: str) -> None:
    token = play_of(shop).buy(PACK, user)
    told = play_of(shop).notifications(token)
    assert Crowd(shop, None)(16, tell, user, token, told) == [None] * 16
    assert kinds(shop, user) == ["coins_bought"]
    assert assert_whole(shop, coins.coins_account(user)) == 500
    assert play_of(shop).consumed == [token]


@pytest.mark.parametrize("before", [True, False], ids=["given before", "not given before"])
def test_a_purchase_that_is_told_and_taken_back_at_once_gives_nothing_in_the_end(
    shop: World, user: str, *, before: bool
) -> None:
    play = play_of(shop)
    token = play.buy(PACK, user)
    if before:
        google.buy(shop, user, PACK, token)
    play.void(token, orders.CHARGEBACK)  # Google goes on calling it purchased
    outcomes = Crowd(shop, None)(16, tell, user, token, play.notifications(token))
    assert set(refusals(outcomes)) <= {InvalidState.code}
    assert kinds(shop, user) in ([], ["coins_bought", "coins_taken_back"])
    assert kinds(shop, user) or not before
    assert assert_whole(shop, coins.coins_account(user)) == 0


def buy_one(world: World, place: int, user: str, tokens: list[str]) -> int:
    return google.buy(world, user, PACK, tokens[place]).kept


def test_16_purchases_at_once_are_all_given(shop: World, user: str) -> None:
    tokens = [play_of(shop).buy(PACK, user) for _ in range(16)]
    assert Crowd(shop, None)(16, buy_one, user, tokens) == [500] * 16
    assert assert_whole(shop, coins.coins_account(user)) == 8_000
    assert sorted(play_of(shop).consumed) == sorted(tokens)


# --- any write of which goes wrong ---------------------------------------------------------------


def insist(act: Callable[[], Any]) -> Any:
    """As an app does, and Google: the same again while the answer is no answer."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def life(world: World) -> dict[str, Any]:
    """Two purchases, of which the one is refunded and told of, the other taken back in part and only listed."""
    play, user = play_of(world), new_id("usr", NOON)
    insist(lambda: person(world, user))
    first, second = play.buy(PACK, user), play.buy("coins_100", user, quantity=3)
    insist(lambda: google.buy(world, user, PACK, first))
    for notification in play.notifications():
        insist(partial(google.told, world, notification))
    play.void(first)
    insist(lambda: google.told(world, play.notifications(first)[-1]))
    orders.refund_part(play.context, second, 1)
    for passed in (MINUTE, DAY, MINUTE):
        world.now.forward(passed)  # type: ignore[attr-defined]  # the hand clock
        for token in (first, second):
            insist(partial(google.advance, world, order_id(token)))
        insist(lambda: google.look_through(world))
    with suppress(InvalidState):
        insist(lambda: google.buy(world, user, PACK, first))
    entries = chain(world, coins.coins_account(user))
    return {
        "posted": sorted((entry.kind, entry.amount) for entry in entries),
        "balance": entries[-1].balance,
        "consumed": [token in play.consumed for token in (first, second)],
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_the_same_coins_stand_whichever_write_goes_wrong(
    dynamodb_url: str, table_names: dict[str, str], wrong: Send
) -> None:
    fragile: Any = dynamodb_client(dynamodb_url)

    def played(at: int) -> tuple[dict[str, Any], int]:
        clock = HandClock()
        tables = DynamoTables(fragile)
        tables.write(Delete(table_names["wallet"], {"pk": "voided#google", "sk": "voided"}))  # of the play before
        world = hand_world(tables, settings=settings(names=table_names), now=clock, play=OfflinePlay(clock))
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return life(world), made()

    expected, writes = played(at=-1)
    assert expected["balance"] == 200
    assert expected["posted"] == [
        ("coins_bought", 300),
        ("coins_bought", 500),
        ("coins_taken_back", -500),
        ("coins_taken_back", -100),
    ]
    assert writes >= 8
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"


def test_what_waits_is_found_in_the_index(shop: World, user: str) -> None:
    play = play_of(shop)
    token = play.buy(PACK, user)
    google._credit(shop, play.purchase(token), user, token)
    shop.now.forward(2 * MINUTE)  # type: ignore[attr-defined]  # the hand clock
    for shard in range(shop.settings.tick_shards):
        for waiting in KINDS["purchase"].page(shop, str(shard), 100, None)[0]:
            waiting.advance()
    assert token in play.consumed
