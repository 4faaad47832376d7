"""An app and Apple at once, on DynamoDB: whatever they say at the same moment, each purchase gives its coins once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.appstore import WHOLE, Notification, Transaction
from chalicelib.kernel.errors import InvalidState, Unavailable
from chalicelib.kernel.ids import new_id
from chalicelib.runtime.identity import Claims
from chalicelib.wallet import apple, coins, consumptions
from chalicelib.wallet.model.purchase import account_token
from tests.support.duo import assert_whole
from tests.support.worlds import OfflineAppStore

AT_ONCE = 16


def at_once(*acts: Callable[[], Any]) -> None:
    def insist(act: Callable[[], Any]) -> None:
        for _ in range(20):
            try:
                act()
            except Unavailable:
                continue
            except InvalidState:
                pass  # refunded meanwhile
            return
        raise AssertionError("too busy for ever")

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(insist, acts))


def unused() -> str:
    """The number of a transaction that nobody else has: the tables are shared."""
    return str(uuid4().int % 10**18)


def someone(world: World) -> str:
    return accounts.sign_in(world, Claims(new_id("sub", world.now()), None, "Ada")).id


def test_a_purchase_its_refund_and_its_reversal_told_by_16_at_once_are_each_posted_once(world: World) -> None:
    user, own = someone(world), unused()
    bought = Transaction(own, "coins_500", "Consumable", 1, account_token(user), 0, 1_000, "Sandbox")
    words = {
        "ONE_TIME_CHARGE": bought,
        "REFUND": bought._replace(taken_back=WHOLE, at=2_000),
        "REFUND_REVERSED": bought._replace(taken_back=40_000, at=3_000),
    }
    told = [Notification(f"{own}-{kind}", kind, each.at, each) for kind, each in words.items()]
    assert isinstance(world.appstore, OfflineAppStore)
    world.appstore.signed["it"] = bought
    hearing = [lambda each=each: apple.hear(world, each) for each in told]
    handing_in = lambda: apple.bought(world, user, "it")  # noqa: E731
    at_once(*(hearing * 4)[: AT_ONCE - 4], *[handing_in] * 4)
    assert assert_whole(world, coins.coins_account(user)) == 300


def test_of_a_question_that_is_asked_and_answered_by_many_at_once_one_is_kept(world: World) -> None:
    user, own = someone(world), unused()
    accounts.agree(world, user, "consumption", "1")
    bought = Transaction(own, "coins_500", "Consumable", 1, account_token(user), 0, 1_000, "Sandbox")
    question = Notification(f"{own}-asked", "CONSUMPTION_REQUEST", world.now(), bought)
    at_once(*[lambda: apple.hear(world, question)] * AT_ONCE)
    assert assert_whole(world, coins.coins_account(user)) == 500
    at_once(*[lambda: consumptions.advance(world, question.id)] * AT_ONCE)
    assert isinstance(world.appstore, OfflineAppStore)
    assert set(world.appstore.told) == {(own, True, 0)}
    assert consumptions.advance(world, question.id) is None
    assert len(world.appstore.told) <= AT_ONCE
