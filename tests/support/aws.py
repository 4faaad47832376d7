"""DynamoDB for the integration tests: the local AWS, or any engine at ``DYNAMODB_ENDPOINT_URL``, AWS included.

The tables are made from the definitions of ``infra/template``: keys and indexes are written once.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from infra.local.ministack import MiniStack, installed
from scripts import template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_REGION: Final = "us-east-1"
_CREATION: Final = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
"""The properties that decide how a table answers; the others (recovery, encryption, stream) cost time and no more."""


@contextmanager
def local_aws(home: Path) -> Iterator[str]:
    """A MiniStack of one's own that lies in ``home`` and keeps nothing; its address.

    ``MINISTACK`` names its executable; without it, it is the one that `make` installs.
    """
    ministack = MiniStack(home, installed(), port=0, persist=False)
    ministack.start()
    try:
        yield ministack.url
    finally:
        ministack.stop()


def dynamodb_client(url: str, *, attempts: int = 3, connections: int = 64) -> DynamoDBClient:
    """A client as the product's, with as many connections as a crowd of threads needs."""
    import boto3
    from botocore.config import Config

    local: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": _REGION}
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        config=Config(
            connect_timeout=10,
            read_timeout=60,  # a crowd on two cores waits longer than a function may
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": attempts},
            parameter_validation=False,
            user_agent="soulseer",
        ),
        **(local if is_local(url) else {}),
    )


def is_local(url: str) -> bool:
    """Whether this address is on this computer, where any credentials will do."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def tables_on(client: DynamoDBClient) -> Iterator[dict[str, str]]:
    """Every table of the product under names of its own; physical name by logical name. They go afterwards."""
    run = uuid.uuid4().hex[:12]
    names = {logical: f"soulseer-test-{run}-{logical}" for logical in definitions()}
    try:
        for logical, definition in definitions().items():
            client.create_table(TableName=names[logical], **definition)
        for name in names.values():
            client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        yield names
    finally:
        for name in names.values():
            try:
                client.delete_table(TableName=name)
            except client.exceptions.ResourceNotFoundException:
                continue  # its creation was what failed


@cache
def definitions() -> dict[str, Any]:
    """What ``create_table`` takes, by logical name, for every table of the template."""
    return {
        logical_id.removesuffix("Table").lower(): {
            name: value for name, value in resource["Properties"].items() if name in _CREATION
        }
        for logical_id, resource in template.whole()["Resources"].items()
        if resource.get("Type") == "AWS::DynamoDB::Table"
    }
