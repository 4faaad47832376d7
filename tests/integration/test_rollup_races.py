"""Sums under many hands at once, on a real DynamoDB, and with any write of theirs gone wrong; and what they cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from chalicelib.dashboards import checking, rollups
from chalicelib.dashboards.folding import fold
from chalicelib.dashboards.model.news import Chain, News
from chalicelib.gateways import World
from chalicelib.kernel.time import DAY
from chalicelib.runtime.tables import DynamoTables
from chalicelib.sessions import service as sessions
from tests.support.aws import dynamodb_client
from tests.support.capacity import billed
from tests.support.crowd import Crowd
from tests.support.duo import RATE, Duo
from tests.support.faults import Send, fault, never_answers, never_arrives
from tests.support.reading import pay_in

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def duo(world: World) -> Duo:
    """Ids as long as the product's own: a unit is 1 KB."""
    return Duo(world, uuid4().hex[:25])


def told(world: World, *news: News) -> list[News]:
    return fold(world, news, lambda: DAY)


def delivered(world: World, place: int, news: list[list[News]]) -> list[News]:
    return told(world, *news[place % len(news)])


def differences(world: World) -> int:
    return len(checking.check(world, 0, lambda _: None))


def test_what_eight_are_told_at_once_is_added_once(world: World, crowd: Crowd, duo: Duo) -> None:
    for number in range(5):
        pay_in(world, duo.client, 100, f"{duo.own}{number}")
    assert crowd(8, delivered, [[Chain(duo.account)]]) == [[]] * 8
    assert rollups.totals(world, rollups.client(duo.client)) == {"topped_up": 500}
    assert differences(world) == 0


def test_all_that_eight_are_told_at_once_is_added_though_all_of_it_meets_on_the_platforms_rows(
    world: World, crowd: Crowd, duo: Duo
) -> None:
    before = rollups.totals(world, rollups.PLATFORM).get("topped_up", 0)
    people = [f"usr_{duo.own}{number}" for number in range(8)]
    for number, each in enumerate(people):
        pay_in(world, each, 10**number, f"{duo.own}{each}")
    some: list[list[News]] = [[Chain(f"credit:{each}") for each in people[place:] + people[:3]] for place in range(8)]
    assert crowd(8, delivered, some) == [[]] * 8
    assert rollups.totals(world, rollups.PLATFORM)["topped_up"] - before == 11_111_111
    assert differences(world) == 0


@pytest.fixture
def fragile(dynamodb_url: str) -> DynamoDBClient:
    """A client that tries nothing again by itself."""
    return dynamodb_client(dynamodb_url, attempts=1)


@pytest.mark.parametrize("send", [never_arrives, never_answers])
def test_a_transaction_of_which_nobody_hears_is_added_once(duo: Duo, fragile: DynamoDBClient, send: Send) -> None:
    pay_in(duo.world, duo.client, 700, duo.own)
    world = replace(duo.world, tables=DynamoTables(fragile))
    with fault(fragile, send, "TransactWriteItems") as made:
        assert told(world, Chain(duo.account)) == []
    assert made() == (2 if send is never_arrives else 1)
    assert rollups.totals(duo.world, rollups.client(duo.client)) == {"topped_up": 700}
    assert differences(duo.world) == 0


def test_what_the_sums_of_a_charged_minute_cost(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    """Four rows in one transaction: the client's and the platform's, of the hour and of all time."""
    listed = duo.active().talked(60_000).row()
    told(duo.world, Chain(duo.account))
    sessions.advance(duo.world, listed, stale=True)
    with billed(dynamodb) as bill:
        told(duo.world, Chain(duo.account))
    assert bill.requests == ["GetItem", "BatchGetItem", "Query", "BatchGetItem", "TransactWriteItems"]
    assert bill.written == {table_names["rollups"]: 8}
    assert bill.read[table_names["ledger"]] == 1
    assert rollups.totals(duo.world, rollups.client(duo.client))["spent.reading"] == 2 * RATE


def test_of_minutes_that_are_told_together_each_costs_its_clients_rows_alone(
    world: World, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    duos = [Duo(world, uuid4().hex[:25]) for _ in range(8)]
    listed = [each.active().talked(60_000).row() for each in duos]
    news = [Chain(each.account) for each in duos]
    told(world, *news)
    for each in listed:
        sessions.advance(world, each, stale=True)
    with billed(dynamodb) as bill:
        told(world, *news)
    assert bill.requests.count("TransactWriteItems") == 1
    assert bill.written == {table_names["rollups"]: 8 * 4 + 4}
