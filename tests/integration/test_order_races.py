"""Orders under many hands at once, on a real DynamoDB. What a write that is lost leaves, the unit tests say."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, InvalidState, OutOfStock
from chalicelib.payouts.service import earnings_account
from chalicelib.shop import fulfilment, ordering, returns
from chalicelib.shop.ordering import Wanted
from chalicelib.wallet import service as wallet
from chalicelib.wallet.statement import trial_balance
from tests.support.counter import ADMIN, POST, RATE, Counter
from tests.support.crowd import Crowd
from tests.support.duo import assert_whole, refusals
from tests.support.reading import pay_in


@pytest.fixture
def counter(world: World) -> Counter:
    """Ids of its own."""
    return Counter(world, uuid4().hex[:10]).ready(20_000)


@pytest.fixture
def threads(world: World) -> Crowd:
    """Many at once in this process alone."""
    return Crowd(world, None)


def left_over(counter: Counter) -> dict[str, int]:
    """What is left in the clearing accounts of its orders."""
    return {name: left for name, left in trial_balance(counter.world).unsettled().items() if counter.own in name}


def buy(world: World, place: int, own: str, wanted: Wanted) -> str:
    return ordering.create(world, f"usr_{own}{place}", f"ord_{own}{place}", wanted).state


def test_of_50_buyers_of_10_pieces_10_have_one_and_pay(counter: Counter, threads: Crowd) -> None:
    for place in range(50):
        pay_in(counter.world, f"usr_{counter.own}{place}", 3_000, f"topup:{counter.own}{place}")
    outcomes = threads(50, buy, counter.own, counter.wanted({"book": 1}))
    assert refusals(outcomes) == {OutOfStock.code: 40}
    assert (counter.left("book"), outcomes.count("paid")) == (0, 10)
    left = [wallet.head(counter.world, f"usr_{counter.own}{place}").balance for place in range(50)]
    assert sorted(left) == [3_000 - 999 - RATE] * 10 + [3_000] * 40
    assert sum(left_over(counter).values()) == 10 * (999 + RATE)


def order_again(world: World, place: int, buyer: str, name: str, wanted: Wanted) -> str | None:
    del place
    return ordering.create(world, buyer, name, wanted).entry


def test_one_request_that_comes_from_many_places_is_one_order(counter: Counter, threads: Crowd) -> None:
    outcomes = threads(12, order_again, counter.buyer, counter.order_id(), counter.wanted({"deck": 2}))
    assert refusals(outcomes) == {}
    assert len(set(outcomes)) == 1
    assert (counter.left("deck"), counter.credit) == (8, 20_000 - 3_000 - RATE)


def send_or_call_off(world: World, place: int, buyer: str, name: str) -> str:
    if place % 2:
        return returns.cancel(world, buyer, name).state
    return fulfilment.ship(world, name, (), POST, actor="ops", reason="packed").state


def test_what_is_called_off_while_it_is_sent_is_one_or_the_other(counter: Counter, threads: Crowd) -> None:
    made = counter.orders({"book": 3})
    outcomes = threads(10, send_or_call_off, counter.buyer, made.id)
    assert refusals(outcomes).keys() <= {InvalidState.code}
    done, sent = counter.order(), {"shipped": (2_097, 7), "refunded": (0, 10)}
    assert (sum(amount for _, amount, _ in counter.earned()), counter.left("book")) == sent[done.state]
    assert counter.credit == 20_000 - (2_997 + RATE if done.state == "shipped" else 0)
    assert left_over(counter) == {}


def give_back(world: World, place: int, name: str) -> str:
    who, one = ADMIN, f"r{place % 6}"
    return returns.refund(world, name, one, {"1": 1}, who, shipping=False, restock=True).state


def test_refunds_at_once_give_back_each_unit_once(counter: Counter, threads: Crowd) -> None:
    made = counter.orders({"book": 4})
    counter.ships()
    outcomes = threads(12, give_back, made.id)
    # of six that were asked for, each twice, four find a unit
    assert refusals(outcomes) == {Invalid.code: 4}
    done = counter.order()
    assert (done.state, len(done.refunds), done.returned) == ("refunded", 4, 3_996)
    assert (counter.left("book"), counter.credit) == (10, 20_000 - RATE)
    assert assert_whole(counter.world, earnings_account(counter.seller)) == 0
    assert left_over(counter) == {}
