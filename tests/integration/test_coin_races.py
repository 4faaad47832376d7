"""Coins under many hands at once, on a real DynamoDB, and with any write of theirs gone wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import InsufficientFunds, Unavailable
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Contended, DynamoTables
from chalicelib.wallet import coins, packs, purchases, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.purchase import Told
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import assert_books_balance, assert_whole, chain, refusals
from tests.support.events import checkout_event, dispute_event, refund_event
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.worlds import NOON, hand_world, settings


@pytest.fixture
def client() -> str:
    return f"usr_c{uuid4().hex[:10]}"


def told(client: str, *, standing: bool = True, at: int = NOON) -> Told:
    return Told("apple", f"1{client}".replace("_", "-"), client, "coins_500", 500, standing, at, "Production")


def learn(world: World, place: int, tellings: list[Told]) -> None:
    undisturbed(world.sleep, partial(purchases.learn, world, tellings[place % len(tellings)]), tries=100)


def spend(world: World, place: int, client: str, count: int) -> int:
    return coins.spend(world, client, "gift", count, f"gift:{client}:{place}", f"gft_{place}").amount


def kinds(world: World, client: str) -> list[str]:
    account = coins.coins_account(client)
    assert statement.verify_chain(world, account).broken_at is None
    return [entry.kind for entry in chain(world, account)]


def test_a_purchase_that_16_tell_at_once_gives_its_coins_once(world: World, crowd: Crowd, client: str) -> None:
    assert crowd(16, learn, [told(client)]) == [None] * 16
    assert kinds(world, client) == ["coins_bought"]
    assert assert_whole(world, coins.coins_account(client)) == 500


def test_a_purchase_and_its_refund_told_by_16_at_once_leave_nothing(world: World, crowd: Crowd, client: str) -> None:
    both = [told(client), told(client, standing=False, at=NOON + 1)]
    assert crowd(16, learn, both) == [None] * 16
    assert kinds(world, client) in ([], ["coins_bought", "coins_taken_back"])
    assert coins.balance(world, client) == 0


def test_16_who_spend_the_last_coins_spend_them_once(world: World, crowd: Crowd, client: str) -> None:
    learn(world, 0, [told(client)])
    outcomes = crowd(16, spend, client, 150)
    assert refusals(outcomes) == {InsufficientFunds.code: 13}
    assert assert_whole(world, coins.coins_account(client)) == 50
    assert_books_balance(world)


def learn_or_spend(world: World, place: int, client: str) -> int:
    if place % 2:
        return spend(world, place, client, 100)
    learn(world, 0, [told(client, standing=False, at=NOON + 1)])
    return 0


def test_a_refund_and_gifts_at_once_end_in_what_both_leave(world: World, crowd: Crowd, client: str) -> None:
    learn(world, 0, [told(client)])
    outcomes = crowd(16, learn_or_spend, client)
    assert set(refusals(outcomes)) <= {InsufficientFunds.code}
    assert coins.balance(world, client) == sum(each for each in outcomes if isinstance(each, int))


def deliver(world: World, place: int, events: list[dict[str, Any]]) -> None:
    apply_event(world, events[place % len(events)])


def life_of_a_purchase(world: World, client: str) -> list[dict[str, Any]]:
    """Bought by Stripe, given back in part, disputed, won."""
    page = packs.open_checkout(world, client, f"top_{client}", "coins_500", "web")
    intent = f"pi_top_{client}"
    return [
        checkout_event(f"evt_{client}", "checkout.session.completed", page),
        refund_event("refund.created", f"re_{client}", intent, 100, "succeeded"),
        dispute_event("funds_withdrawn", f"dp_{client}", intent, 599, "needs_response"),
        dispute_event("closed", f"dp_{client}", intent, 599, "won"),
    ]


def test_what_stripe_tells_by_16_at_once_counts_once(world: World, crowd: Crowd, client: str) -> None:
    assert crowd(16, deliver, life_of_a_purchase(world, client)) == [None] * 16
    assert coins.balance(world, client) == 500 - 72  # 500 · 100 / 699 = 71.5
    assert wallet.head(world, client).frozen is None
    kinds(world, client)
    assert_books_balance(world)


# --- any write of which goes wrong ---------------------------------------------------------------


@pytest.fixture
def fragile(dynamodb_url: str) -> Any:
    """A client of one's own, to put faults into."""
    return dynamodb_client(dynamodb_url)


def insist(act: Callable[[], Any]) -> Any:
    """As an app does, and a store: the same again while the answer is no answer."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def life_of_coins(world: World) -> dict[str, Any]:
    """A purchase at a store, refunded and not; one by Stripe; a gift, a ticket given back."""
    client = f"usr_c{uuid4().hex[:8]}"
    for standing, at in ((True, 0), (False, 1), (True, 2)):
        insist(partial(purchases.learn, world, told(client, standing=standing, at=NOON + at)))
    for event in insist(partial(life_of_a_purchase, world, client)):
        insist(partial(apply_event, world, event))
    insist(partial(coins.spend, world, client, "gift", 100, f"gift:{client}", "gft_1"))
    insist(partial(coins.spend, world, client, "ticket", 200, f"ticket:{client}", "str_1"))
    insist(partial(coins.give_back, world, client, "ticket_back", 200, f"ticket_back:{client}", "str_1"))
    rows = world.tables.query(world.settings.tables.audit, ("pk", client)).items
    return {
        "posted": [(entry.kind, entry.amount) for entry in chain(world, coins.coins_account(client))],
        "credit": [entry.kind for entry in chain(world, wallet.credit_account(client))],
        "audited": sorted(row["action"] for row in rows),
        "intact": statement.verify_chain(world, coins.coins_account(client)).broken_at,
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_coins_end_the_same_whichever_write_goes_wrong(fragile: Any, table_names: dict[str, str], wrong: Send) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        world = replace(hand_world(DynamoTables(fragile)), settings=settings(names=table_names))
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return life_of_coins(world), made()

    expected, writes = played(at=-1)
    assert [amount for _, amount in expected["posted"]] == [500, -500, 500, 500, -72, -428, 428, -100, -200, 200]
    assert expected["credit"] == ["freeze", "unfreeze"]
    assert writes >= 12
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
