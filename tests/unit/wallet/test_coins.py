"""Product §4 and §6: coins are spent once, never beyond what there is, and by nobody who may not spend."""

from __future__ import annotations

import pytest

from chalicelib.accounts.model.limits import Wanted
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, InsufficientFunds, SpendingLimitReached, WalletFrozen
from chalicelib.kernel.money import coin_value
from chalicelib.kernel.time import DAY
from chalicelib.wallet import coins, limits, purchases, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.purchase import Purchase, Told
from tests.support.duo import chain
from tests.support.losing import LosingTables
from tests.support.worlds import NOON, HandClock, hand_world

USER = "usr_ada"


@pytest.fixture
def world() -> World:
    return hand_world()


def buy(world: World, count: int, name: str = "1", *, standing: bool = True, at: int = NOON) -> Purchase:
    return purchases.learn(world, Told("apple", name, USER, "coins", count, standing, at, "Production"))


def entries(world: World) -> list[tuple[str, int, int]]:
    return [(each.kind, each.amount, each.balance) for each in chain(world, coins.coins_account(USER))]


def test_what_is_spent_is_burnt(world: World) -> None:
    buy(world, 100)
    spent = coins.spend(world, USER, "gift", 70, "gift:1", "gft_1")
    assert (spent.amount, spent.balance, spent.counter, spent.currency) == (-70, 30, "platform:burnt", "coins")
    assert coins.balance(world, USER) == 30
    assert statement.trial_balance(world).total == {"coins": 0}


def test_more_than_there_is_is_refused_and_the_last_coin_can_be_spent(world: World) -> None:
    buy(world, 100)
    with pytest.raises(InsufficientFunds, match=r"^This costs 101 coins, and you have 100\. Buy more and try again\.$"):
        coins.spend(world, USER, "gift", 101, "gift:1", "gft_1")
    assert coins.spend(world, USER, "gift", 100, "gift:1", "gft_1").balance == 0


def test_below_zero_nothing_is_bought(world: World) -> None:
    buy(world, 100)
    coins.spend(world, USER, "gift", 100, "gift:1", "gft_1")
    buy(world, 100, standing=False, at=NOON + 1)
    buy(world, 99, "2")
    assert coins.balance(world, USER) == -1
    with pytest.raises(InsufficientFunds):
        coins.spend(world, USER, "gift", 1, "gift:2", "gft_2")


def test_the_same_spending_again_is_the_same_entry(world: World) -> None:
    buy(world, 100)
    once = coins.spend(world, USER, "gift", 100, "gift:1", "gft_1")
    assert coins.spend(world, USER, "gift", 100, "gift:1", "gft_1") == once
    with pytest.raises(AlreadyDone):
        coins.spend(world, USER, "gift", 99, "gift:1", "gft_1")


@pytest.mark.parametrize("count", [0, -1])
def test_nothing_and_less_is_no_spending(world: World, count: int) -> None:
    with pytest.raises(ValueError, match="one coin"):
        coins.spend(world, USER, "gift", count, "gift:1", "gft_1")
    with pytest.raises(ValueError, match="one coin"):
        coins.give_back(world, USER, "ticket_back", count, "ticket_back:1", "str_1")


def test_a_frozen_wallet_spends_no_coins_and_is_given_back_all_the_same(world: World) -> None:
    buy(world, 100)
    coins.spend(world, USER, "ticket", 40, "ticket:1", "str_1")
    wallet.freeze(world, USER, "looked into")
    with pytest.raises(WalletFrozen):
        coins.spend(world, USER, "gift", 1, "gift:1", "gft_1")
    for _ in range(2):
        assert coins.give_back(world, USER, "ticket_back", 40, "ticket_back:1", "str_1").balance == 100
    wallet.unfreeze(world, USER, "settled")
    assert coins.spend(world, USER, "gift", 1, "gift:1", "gft_1").balance == 99


def test_who_has_excluded_themselves_spends_no_coins(world: World) -> None:
    buy(world, 100)
    limits.set_limits(world, USER, Wanted(None, None, None, NOON + DAY))
    with pytest.raises(SpendingLimitReached):
        coins.spend(world, USER, "gift", 1, "gift:1", "gft_1")
    assert isinstance(world.now, HandClock)
    world.now.forward(DAY)
    assert coins.spend(world, USER, "gift", 1, "gift:1", "gft_1").balance == 99


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_write_spends_once(after: bool) -> None:
    tables = LosingTables(1, after=after)
    world = hand_world(tables)
    buy(world, 100)
    coins.spend(world, USER, "gift", 100, "gift:1", "gft_1")
    assert entries(world) == [("coins_bought", 100, 100), ("gift", -100, 0)]


def test_a_coin_is_worth_what_the_setting_says_rounded_down() -> None:
    assert [coin_value(count, 100) for count in (1, 100, 2_500)] == [1, 100, 2_500]
    assert [coin_value(count, 70) for count in (1, 2, 100, 143)] == [0, 1, 70, 100]


# --- what was spent of one purchase --------------------------------------------------------------


def test_coins_that_came_first_are_spent_first(world: World) -> None:
    first, second = buy(world, 100), buy(world, 200, "2")
    assert [coins.consumed(world, USER, each) for each in (first, second)] == [0, 0]
    coins.spend(world, USER, "gift", 33, "gift:1", "gft_1")
    assert [coins.consumed(world, USER, each) for each in (first, second)] == [33, 0]
    coins.spend(world, USER, "gift", 117, "gift:2", "gft_2")
    assert [coins.consumed(world, USER, each) for each in (first, second)] == [100, 25]
    coins.give_back(world, USER, "ticket_back", 50, "ticket_back:1", "str_1")
    assert [coins.consumed(world, USER, each) for each in (first, second)] == [100, 0]
    coins.spend(world, USER, "gift", 200, "gift:3", "gft_3")
    assert [coins.consumed(world, USER, each) for each in (first, second)] == [100, 100]


def test_a_part_of_a_percent_is_none(world: World) -> None:
    bought = buy(world, 300)
    coins.spend(world, USER, "gift", 299, "gift:1", "gft_1")
    assert coins.consumed(world, USER, bought) == 99


def test_what_was_bought_later_and_taken_back_is_not_above_it(world: World) -> None:
    first = buy(world, 100)
    buy(world, 200, "2")
    buy(world, 200, "2", standing=False, at=NOON + 1)
    assert coins.consumed(world, USER, first) == 0
    coins.spend(world, USER, "gift", 60, "gift:1", "gft_1")
    assert coins.consumed(world, USER, first) == 60


def test_what_an_earlier_purchase_owes_is_used_up_of_the_later_one(world: World) -> None:
    buy(world, 100)
    second = buy(world, 100, "2")
    coins.spend(world, USER, "gift", 50, "gift:1", "gft_1")
    buy(world, 100, standing=False, at=NOON + 1)
    assert coins.consumed(world, USER, second) == 50


def test_of_what_never_gave_coins_nothing_was_spent(world: World) -> None:
    assert coins.consumed(world, USER, buy(world, 100, standing=False)) == 0


def test_what_was_taken_back_of_a_purchase_was_not_spent(world: World) -> None:
    buy(world, 200)
    told = Told("apple", "1", USER, "coins", 200, standing=True, at=NOON + 1, environment="Production", taken=100)
    partly = purchases.learn(world, told)
    assert coins.consumed(world, USER, partly) == 0
    coins.spend(world, USER, "gift", 60, "gift:1", "gft_1")
    assert coins.consumed(world, USER, partly) == 30
    coins.spend(world, USER, "gift", 40, "gift:2", "gft_2")
    assert coins.consumed(world, USER, partly) == 50
    gone = purchases.learn(world, Told("apple", "1", USER, "coins", 200, False, NOON + 2, "Production"))
    assert coins.consumed(world, USER, gone) == 0


def test_a_statement_of_several_pages_is_looked_through(world: World) -> None:
    bought = buy(world, 1_000)
    for number in range(250):
        coins.spend(world, USER, "gift", 2, f"gift:{number}", f"gft_{number}")
    assert coins.consumed(world, USER, bought) == 50
