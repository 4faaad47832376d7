"""What the parts of the bench stand on: a DynamoDB, a world whose clock is turned by hand, and a stopwatch.

Milliseconds are those of one machine. Whatever has a target is therefore a ratio of two things done in turns in one
run, the median of several rounds, or a count.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import boto3

from chalicelib.gateways import World
from chalicelib.runtime.aws import client as product_client
from chalicelib.runtime.tables import DynamoTables
from tests.support.aws import is_local, local_aws, tables_on
from tests.support.duo import Duo
from tests.support.worlds import hand_world, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINUTE: Final = 60_000
LOCAL: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
"""Any credentials will do on this computer."""
RICH: Final = 2_000_000_000
"""Cents that outlast any round."""


@dataclass(frozen=True)
class Stage:
    """The product on a DynamoDB of its own. ``engine`` is the process of the local AWS, where it is ours."""

    world: World
    client: DynamoDBClient
    """The product's own."""
    bare: DynamoDBClient
    """As anybody would make it: ``boto3.client("dynamodb")``, and nothing said."""
    url: str
    names: dict[str, str]
    """Physical name by logical name."""
    engine: int | None

    def duo(self) -> Duo:
        """Two people with ids as long as the product's: a unit is 1 KB."""
        return Duo(self.world, uuid4().hex[:25])


@contextmanager
def stage() -> Iterator[Stage]:
    """A local AWS that goes afterwards, or the engine at ``DYNAMODB_ENDPOINT_URL``. Raises CannotStart."""
    with tempfile.TemporaryDirectory(prefix="soulseer-bench-") as folder, _engine(Path(folder)) as (url, engine):
        os.environ.update(LOCAL if is_local(url) else {}, AWS_ENDPOINT_URL_DYNAMODB=url)
        client = product_client("dynamodb")
        with tables_on(client) as names:
            world = hand_world(DynamoTables(client), settings=settings(names=names))
            yield Stage(world, client, boto3.client("dynamodb"), url, names, engine)


@contextmanager
def _engine(home: Path) -> Iterator[tuple[str, int | None]]:
    if given := os.environ.get("DYNAMODB_ENDPOINT_URL"):
        yield given, None
        return
    with local_aws(home) as url:
        yield url, json.loads((home / "ministack.json").read_text())["process"]["pid"]


@contextmanager
def quiet() -> Iterator[None]:
    """Log lines are for CloudWatch, not for this table."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield


def timed(act: Callable[[], object]) -> float:
    """Seconds of this process's processor time."""
    begun = time.process_time()
    act()
    return time.process_time() - begun


@dataclass(frozen=True, slots=True)
class Compared:
    """Rounds of two things done in turns, in seconds of processor time."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(mine / other for mine, other in zip(self.ours, self.theirs, strict=True))

    @property
    def ours_ms(self) -> float:
        return statistics.median(self.ours) * 1_000

    @property
    def theirs_ms(self) -> float:
        return statistics.median(self.theirs) * 1_000


def compared(rounds: int, turn: Callable[[], tuple[float, float]]) -> Compared:
    """``turn`` measures both once and answers with their seconds. The first turn warms both up and does not count."""
    turn()
    ours, theirs = zip(*(turn() for _ in range(rounds)), strict=True)
    return Compared(ours, theirs)
