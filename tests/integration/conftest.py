"""One DynamoDB for the whole run, and for each module tables of its own, made as ``infra/template`` says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from chalicelib.gateways import World
from chalicelib.runtime.tables import DynamoTables
from tests.integration.product import product_world
from tests.support.aws import dynamodb_client, local_aws, tables_on
from tests.support.crowd import Crowd, Processes
from tests.support.worlds import hand_world, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="session")
def aws_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local AWS, for what is not DynamoDB even where DynamoDB is another engine."""
    with local_aws(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture(scope="session")
def dynamodb_url(request: pytest.FixtureRequest) -> str:
    """``DYNAMODB_ENDPOINT_URL`` where it is set (any engine, AWS included), otherwise the local AWS."""
    given = os.environ.get("DYNAMODB_ENDPOINT_URL")
    return given or str(request.getfixturevalue("aws_url"))


@pytest.fixture(scope="session")
def dynamodb(dynamodb_url: str) -> DynamoDBClient:
    """The client that every test of the run shares."""
    return dynamodb_client(dynamodb_url)


@pytest.fixture(scope="module")
def table_names(dynamodb: DynamoDBClient) -> Iterator[dict[str, str]]:
    """Physical table name by logical name. Tests of a module share the tables: each uses ids of its own."""
    with tables_on(dynamodb) as names:
        yield names


@pytest.fixture
def tables(dynamodb: DynamoDBClient) -> DynamoTables:
    """``Tables`` on DynamoDB."""
    return DynamoTables(dynamodb)


@pytest.fixture
def world(tables: DynamoTables, table_names: dict[str, str]) -> World:
    """A world on DynamoDB whose clock a test turns by hand."""
    return hand_world(tables, settings=settings(names=table_names))


@pytest.fixture
def product(
    monkeypatch: pytest.MonkeyPatch, aws_url: str, dynamodb_url: str, table_names: dict[str, str], world: World
) -> Iterator[World]:
    """The world that a function makes for itself from its environment, on this module's tables."""
    with product_world(monkeypatch, aws_url, dynamodb_url, table_names, world.settings) as made:
        yield made


@pytest.fixture(scope="session")
def processes(dynamodb_url: str) -> Iterator[Processes]:
    """Other processes, each with a client of its own: started once, for they take a second each."""
    with Processes(dynamodb_url) as started:
        yield started


@pytest.fixture(params=["threads", "processes"])
def crowd(request: pytest.FixtureRequest, world: World) -> Crowd:
    """Many at once, in threads of this process and in several processes: see ``Crowd.__call__``."""
    if request.param == "threads":
        return Crowd(world, None)
    return Crowd(world, request.getfixturevalue("processes"))
