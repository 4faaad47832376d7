"""Orders on pages of Stripe's under many hands at once, on a real DynamoDB, with any write gone wrong."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, OutOfStock
from chalicelib.kernel.time import MINUTE
from chalicelib.runtime.tables import DynamoTables
from chalicelib.shop import advancing, events, ordering, orders, returns
from chalicelib.shop.model.order import PAGE_LIFE, Order
from chalicelib.shop.ordering import Wanted
from tests.support.aws import dynamodb_client
from tests.support.counter import RATE
from tests.support.crowd import Crowd
from tests.support.duo import assert_books_balance, refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.pages import COMPLETED, EXPIRED, Pages
from tests.support.worlds import HandClock, OfflinePayments, hand_world, settings

DECK = 1_500 + RATE


@pytest.fixture
def pages(world: World) -> Pages:
    """Ids of their own."""
    return Pages(world, uuid4().hex[:10]).ready()


@pytest.fixture
def threads(world: World) -> Crowd:
    """Many at once in this process alone: they share the vendor."""
    return Crowd(world, None)


def order(world: World, place: int, own: str, wanted: Wanted) -> str:
    return ordering.create(world, f"usr_{own}{place}", f"ord_{own}{place}", wanted).id


def end(world: World, place: int, names: list[str], told: dict[str, dict[str, Any]]) -> str:
    """The tick and Stripe's event, each of some pages."""
    name = names[place % len(names)]
    if place % 3:
        events.apply_event(world, told[name])
    else:
        advancing.advance(world, name)
    return orders.load(world, name).state


def test_of_50_who_want_10_pieces_10_have_pages_and_what_ends_unpaid_is_on_sale_again(
    pages: Pages, threads: Crowd
) -> None:
    outcomes = threads(50, order, pages.own, pages.wanted({"deck": 1}, "stripe"))
    assert refusals(outcomes) == {OutOfStock.code: 40}
    names = [each for each in outcomes if isinstance(each, str)]
    assert (len(names), pages.left("deck"), len(pages.stripe.pages)) == (10, 0, 10)
    pages.forward(PAGE_LIFE)
    places = {name: name.removeprefix(f"ord_{pages.own}") for name in names}
    told = {}
    for name, place in places.items():
        pages.stripe.runs_out(pages.page(place)["id"])
        told[name] = pages.event(EXPIRED, place)
    outcomes = threads(30, end, names, told)
    assert (set(outcomes), pages.left("deck")) == ({"cancelled"}, 10)


def meddle(world: World, place: int, buyer: str, name: str, told: list[dict[str, Any]]) -> str | None:
    """Stripe tells that it is paid, and that the page ended; the buyer calls it off; the tick looks."""
    match place % 4:
        case 0 | 1:
            events.apply_event(world, told[place % 2])
        case 2:
            returns.cancel(world, buyer, name)
        case _:
            advancing.advance(world, name)
    return None


def test_what_is_paid_while_it_is_called_off_is_sold_or_goes_back_whole(pages: Pages, threads: Crowd) -> None:
    made = pages.opens({"deck": 2})
    expired = pages.event(EXPIRED, payment_status="unpaid", status="expired")
    pages.stripe.pays(pages.page()["id"])
    told = [pages.event(COMPLETED), expired]
    outcomes = threads(16, meddle, pages.buyer, made.id, told)
    assert refusals(outcomes).keys() <= {InvalidState.code}
    done = pages.order()
    total = 2 * 1_500 + RATE
    sent_back = sum(each["amount"] for each in pages.stripe.refunds.values())
    assert done.state in ("paid", "refunded")
    assert (pages.left("deck"), sent_back) == ((8, 0) if done.state == "paid" else (10, total))
    assert sum(pages.journal("orders").values()) == 0
    assert_books_balance(pages.world)


def bring_back(world: World, place: int, name: str) -> bool:
    del place
    return advancing.advance(world, name) is None


def test_a_refund_that_many_bring_on_is_made_once(pages: Pages, threads: Crowd) -> None:
    made = pages.opens()
    pages.pays()
    pages.stripe.down = True
    pages.cancels()
    pages.stripe.down = False
    pages.forward(MINUTE)
    assert threads(8, bring_back, made.id) == [True] * 8
    assert [each["amount"] for each in pages.stripe.refunds.values()] == [DECK]
    assert (pages.order().refunds[0].done, pages.left("deck")) == (True, 10)


# --- any write of which goes wrong ---------------------------------------------------------------


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_an_order_is_paid_and_given_back_alike_whichever_write_goes_wrong(
    dynamodb_url: str, table_names: dict[str, str], wrong: Send
) -> None:
    fragile = dynamodb_client(dynamodb_url)

    def played(at: int) -> tuple[Any, int]:
        clock = HandClock()
        world = hand_world(
            DynamoTables(fragile),
            settings=settings(names=table_names),
            now=clock,
            payments=OfflinePayments(now=clock),
        )
        pages = Pages(world, uuid4().hex[:10]).ready()
        with fault(fragile, wrong, *WRITES, at=at) as made:
            pages.opens({"deck": 2, "song": 1}, "1")
            pages.opens({"deck": 1}, "2")
            pages.pays("1")
            pages.cancels("1")
            pages.runs_out("2")
        back = [each["amount"] for each in pages.stripe.refunds.values()]
        ended: list[Order] = [pages.order("1"), pages.order("2")]
        came = [(each.state, each.look_at, [one.done for one in each.refunds]) for each in ended]
        return (came, pages.left("deck"), back, sorted(pages.journal("orders").values())), made()

    expected, writes = played(at=-1)
    back = 3_000 + RATE
    assert expected[:3] == ([("fulfilled", None, [True]), ("cancelled", None, [])], 10, [back])
    assert writes > 8
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
