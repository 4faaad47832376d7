"""Products and their pieces under many hands at once, on a real DynamoDB, with any write gone wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import OutOfStock, Problem
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Absent, ConditionFailed, Contended, DynamoTables, Put
from chalicelib.shop import catalogue, listing, selling, stock, sync
from chalicelib.shop.model.product import Filters
from chalicelib.shop.store import products_of
from chalicelib.wallet.events import apply_event
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.stall import GUIDE, WHY, Stall, product_event
from tests.support.worlds import hand_world, settings


@pytest.fixture
def stall(world: World) -> Stall:
    """Ids of its own."""
    return Stall(world, uuid4().hex[:10]).ready()


@pytest.fixture
def threads(world: World) -> Crowd:
    """Many at once in this process."""
    return Crowd(world, None)


def take(world: World, place: int, product: str, own: str, *, back: bool = False) -> int:
    """One piece beside an order's row; each third one gives it back where that is asked for."""
    move = stock.returned if back and place % 3 == 0 else stock.taken
    order = {"pk": f"ord_{own}{place}{back}", "sk": "order"}

    def attempt() -> None:
        if world.tables.get(world.settings.tables.shop, order) is None:
            row = Put(world.settings.tables.shop, order, (Absent("pk"),))
            world.tables.write(row, *move(world, {product: 1}))

    undisturbed(world.sleep, attempt, tries=200)
    return 1


def test_50_who_take_of_10_pieces_are_10(stall: Stall, threads: Crowd) -> None:
    product = stall.sells("tarot", left=10).id
    outcomes = threads(50, take, product, stall.own)
    assert refusals(outcomes) == {OutOfStock.code: 40}
    assert stall.left("tarot") == 0


def give_and_take(world: World, place: int, product: str, own: str) -> int:
    return take(world, place, product, own, back=True)


def test_what_is_taken_and_given_back_at_once_adds_up(stall: Stall, threads: Crowd) -> None:
    product = stall.sells("tarot", left=30).id
    assert refusals(threads(24, give_and_take, product, stall.own)) == {}
    assert stall.left("tarot") == 30 - 16 + 8


def refresh(world: World, place: int, product: str) -> int:
    if place % 2:
        apply_event(world, product_event(f"evt_{product}{place}", "price.updated", product), catalogue.told)
        return 0
    seen = catalogue.refresh(world, product)
    assert seen
    return seen.rev


def test_events_that_come_at_once_are_all_applied(stall: Stall, threads: Crowd) -> None:
    before = stall.sells("tarot")
    outcomes = threads(8, refresh, before.id)
    lost = refusals(outcomes).total()
    written = stall.row("tarot").rev - before.rev
    assert 4 - lost <= written <= 8 - lost, "each event was, and of two who read the same, one"
    assert replace(stall.row("tarot"), rev=before.rev) == before


def push(world: World, place: int, product: str) -> object:
    del place
    return selling.advance(world, product)


def test_what_is_wanted_is_put_once_by_many_at_once(stall: Stall, threads: Crowd) -> None:
    stall.till.down = True
    product = stall.draft().product.id
    stall.till.down = False
    threads(8, push, product)
    selling.advance(stall.world, product)
    assert [each for each in stall.till.prices if product in each] == [f"price_{product}_0"]
    assert (stall.row().price, products_of(stall.world).wanted(product)) == (900, None)


def test_lists_are_in_order_and_go_on(stall: Stall) -> None:
    for number in range(3):
        stall.approved(str(number), kind="physical")
        stall.forward(1_000)
    mine = Filters("web", seller=stall.reader)
    found, start = listing.page(stall.world, mine, 2, None)
    more, end = listing.page(stall.world, mine, 2, start)
    assert [each.product.id for each in (*found, *more)] == [stall.name(each) for each in ("2", "1", "0")]
    assert end is None
    everybodys, _ = listing.page(stall.world, Filters("web"), 2, None)
    assert len(everybodys) == 2


# --- any write of which goes wrong ---------------------------------------------------------------


def act(stall: Stall, name: str) -> None:
    """All that is written of a product, but what a test writes itself."""
    match name:
        case "offer":
            stall.draft(stock=5)
        case "change":
            stall.changes(price=1_000, stock=6)
        case "approve":
            selling.approve(stall.world, stall.name("moon"), **WHY)
        case "stop":
            selling.stop(stall.world, stall.name("moon"), **WHY)
        case "count":
            stock.count(stall.world, stall.row(), 7, **WHY)
        case "event":
            event = product_event(f"evt_{stall.own}", "product.updated", stall.name("moon"))
            apply_event(stall.world, event, catalogue.told)


@pytest.mark.parametrize("send", [never_arrives, never_answers])
@pytest.mark.parametrize("at", range(4))
def test_any_write_that_goes_wrong_is_made_up_for(
    dynamodb_url: str, table_names: dict[str, str], at: int, send: Send
) -> None:
    """Of each act one request to write goes wrong; said again, or by the tick, it is as if nothing had."""
    client = dynamodb_client(dynamodb_url)
    world = hand_world(DynamoTables(client), settings=settings(names=table_names))
    stall = Stall(world, uuid4().hex[:10]).ready()
    for step in ("offer", "file", "change", "approve", "stop", "count", "event"):
        if step == "file":
            stall.filed()
            continue
        with fault(client, send, *WRITES, at=at):
            again(stall, step)
        selling.advance(world, stall.name("moon"))
    row = stall.row()
    assert (row.state, row.price, row.active, row.file) == ("stopped", 1_000, False, GUIDE)
    assert (stall.left("moon"), products_of(world).made_by(stall.reader)) == (7, 1)
    assert products_of(world).wanted(row.id) is None
    assert stall.told() == ["product_approved", "product_stopped"]
    prices = [each for each in stall.till.prices.values() if each["product"] == row.id]
    assert [(each["unit_amount"], each["active"]) for each in prices] == [(900, False), (1_000, True)]


def again(stall: Stall, step: str) -> None:
    for _ in range(3):
        try:
            act(stall, step)
            return
        except (Problem, Contended, ConditionFailed):
            selling.advance(stall.world, stall.name("moon"))
    raise AssertionError(f"{step} was never answered")


def test_a_sync_on_dynamodb_repairs_both_sides(stall: Stall) -> None:
    stall.sells("gone")
    del stall.till.catalogue[stall.name("gone")]
    stall.till.sells(stall.name("missing"), 700, shippable=True)
    stall.till.down = True
    stall.draft()
    stall.till.down = False
    run = sync.go_on(stall.world, sync.begin(stall.world).id)
    counts: Any = run.counts
    assert (counts["added"], counts["pushed"], run.part) == (1, 1, "done")
    assert (stall.row("missing").price, stall.row("gone").active, stall.row().price_id is None) == (700, False, False)
