"""Requests of one person at many instances at once, counted on a real DynamoDB, with its answers gone wrong."""

from __future__ import annotations

import time
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.buckets import Bucket
from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.limiter import Limiter
from chalicelib.runtime.rates import Rate
from chalicelib.runtime.tables import DynamoTables
from tests.support.aws import dynamodb_client
from tests.support.capacity import billed
from tests.support.crowd import Crowd
from tests.support.faults import broken_gateway, fault, never_answers, never_arrives, refusal
from tests.support.worlds import NOON

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEN = Rate(Bucket("ten", 10, 6_000))
DEAR = Rate(Bucket("dear", 10, 6_000), spends=True)
PLACE = Rate(Bucket("place", 10, 6_000), "address")


@pytest.fixture
def whom() -> str:
    return f"usr_{uuid4().hex}"


def ask(world: World, place: int, rate: Rate, whom: str) -> bool:
    """As an instance that has seen nothing. Whether the request passes."""
    drawn = Limiter(world.tables, world.settings.tables.limits, world.now, time.sleep).draw(rate, whom)
    assert drawn
    return drawn.level is not None


@pytest.mark.parametrize("rate", [TEN, PLACE], ids=["a person", "an address"])
def test_of_many_requests_at_once_no_more_pass_than_the_bucket_holds(crowd: Crowd, rate: Rate) -> None:
    whom = str(IPv6Address(uuid4().int))
    outcomes = crowd(32, ask, rate, whom)
    assert set(outcomes) <= {True, False}
    assert 1 <= sum(outcomes) <= 10


def test_a_request_is_one_write_unit_and_a_refused_one_is_none(
    world: World, dynamodb: DynamoDBClient, whom: str
) -> None:
    name = world.settings.tables.limits
    counter = Limiter(world.tables, name, world.now, time.sleep)
    with billed(dynamodb) as bill:
        for _ in range(20):
            counter.draw(TEN, whom)
    assert (len(bill.requests), bill.written[name], bill.read[name]) == (10, 10, 0)


@pytest.mark.parametrize(
    "send",
    [
        never_arrives,
        never_answers,
        refusal("ProvisionedThroughputExceededException"),
        refusal("ThrottlingException"),
        refusal("InternalServerError", status=500),
        refusal("AccessDeniedException"),
        refusal("ResourceNotFoundException"),
        broken_gateway(503),
    ],
)
def test_whatever_storage_answers_only_what_spends_is_refused(
    world: World, dynamodb_url: str, whom: str, send: Any
) -> None:
    fragile = dynamodb_client(dynamodb_url, attempts=1)
    counter = Limiter(DynamoTables(fragile), world.settings.tables.limits, world.now, time.sleep)
    with fault(fragile, send, "PutItem"):
        assert counter.draw(TEN, whom) is None
    with fault(fragile, send, "PutItem"), pytest.raises(Unavailable):
        counter.draw(DEAR, whom)
    drawn = counter.draw(DEAR, whom)
    assert drawn
    assert drawn.left == (8 if send is never_answers else 9)


def test_a_write_whose_answer_is_lost_is_tried_again_and_counts_once(
    world: World, dynamodb_url: str, whom: str
) -> None:
    patient = dynamodb_client(dynamodb_url, attempts=2)
    counter = Limiter(DynamoTables(patient), world.settings.tables.limits, lambda: NOON, time.sleep)
    with fault(patient, never_answers, "PutItem"):
        drawn = counter.draw(TEN, whom)
    assert drawn
    assert drawn.left == 9
