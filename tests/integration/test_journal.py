"""The journal in front of the local AWS: what DynamoDB has acknowledged is there again after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.journal import Journal, caller
from infra.local.ministack import REGION
from tests.support.aws import dynamodb_client, tables_on

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    Start = Callable[[], DynamoDBClient]

WRITERS = 8

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def below(aws_url: str) -> DynamoDBClient:
    """DynamoDB itself, past the journal."""
    return dynamodb_client(aws_url)


@pytest.fixture
def table(below: DynamoDBClient) -> Iterator[str]:
    with tables_on(below) as names:
        yield names["accounts"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dynamodb.journal"


@pytest.fixture
def start(file: Path, aws_url: str) -> Iterator[Start]:
    """Start a journal on the file, as each start of the stack does; a client of it. The one before is gone by then."""
    journals: list[Journal] = []

    def started() -> DynamoDBClient:
        for journal in journals:
            journal.close()
        journals.append(Journal(file))
        journals[-1].open(aws_url, calls(aws_url))
        return dynamodb_client(journals[-1].url)

    yield started
    for journal in journals:
        journal.close()


def calls(aws_url: str) -> Any:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return caller(session, aws_url)


def rows(client: DynamoDBClient, table: str) -> Rows:
    return {item["pk"]["S"]: item for item in client.scan(TableName=table)["Items"]}


def lose(below: DynamoDBClient, table: str, kept: Rows) -> None:
    """What a kill does: the table is again as it was saved last."""
    for pk, item in rows(below, table).items():
        if pk not in kept:
            below.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
    for item in kept.values():
        below.put_item(TableName=table, Item=item)


def row(pk: str, value: int = 0) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "-"}, "value": {"N": str(value)}}


def key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "-"}}


def write_in_every_way(client: DynamoDBClient, table: str) -> None:
    client.put_item(TableName=table, Item=row("put"))
    client.put_item(TableName=table, Item={**row("blob"), "blob": {"B": b"\x00\xff"}, "blobs": {"BS": [b"a", b"b"]}})
    client.update_item(
        TableName=table,
        Key=key("updated"),
        UpdateExpression="ADD #v :one",
        ExpressionAttributeNames={"#v": "value"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    client.delete_item(TableName=table, Key=key("deleted"))
    client.batch_write_item(
        RequestItems={
            table: [{"PutRequest": {"Item": row("in a batch")}}, {"DeleteRequest": {"Key": key("deleted in a batch")}}]
        }
    )
    client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": row("together")}},
            {"Delete": {"TableName": table, "Key": key("deleted together")}},
            {"ConditionCheck": {"TableName": table, "Key": key("put"), "ConditionExpression": "attribute_exists(pk)"}},
        ]
    )


def test_every_kind_of_write_that_was_acknowledged_is_there_after_a_kill(
    start: Start, below: DynamoDBClient, table: str
) -> None:
    saved = {pk: row(pk, 5) for pk in ("updated", "deleted", "deleted together", "deleted in a batch", "untouched")}
    lose(below, table, saved)
    write_in_every_way(start(), table)
    written = rows(below, table)
    assert written.keys() == {"put", "blob", "updated", "together", "in a batch", "untouched"}

    for _ in range(2):  # and after another, before anything is saved
        lose(below, table, saved)
        start()
        assert rows(below, table) == written


def test_of_many_writers_of_one_row_the_last_to_be_acknowledged_has_written_it(
    start: Start, below: DynamoDBClient, table: str
) -> None:
    client = start()

    def write(number: int) -> None:
        client.put_item(TableName=table, Item=row(f"row {number // WRITERS}", number))

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS * 60)))
    written = rows(below, table)
    lose(below, table, {})
    start()

    assert rows(below, table) == written


def test_a_write_whose_condition_fails_is_not_kept(start: Start, below: DynamoDBClient, table: str) -> None:
    client = start()
    client.put_item(TableName=table, Item=row("taken", 1))
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        client.put_item(TableName=table, Item=row("taken", 2), ConditionExpression="attribute_not_exists(pk)")
    lose(below, table, {})
    start()

    assert rows(below, table) == {"taken": row("taken", 1)}


def test_a_write_that_was_cut_short_by_the_kill_is_passed_over_and_the_next_one_kept(
    start: Start, below: DynamoDBClient, table: str, file: Path
) -> None:
    start().put_item(TableName=table, Item=row("whole"))
    with file.open("ab") as torn:
        torn.write(json.dumps([{"table": table, "item": row("torn")}]).encode()[:-9])
    start().put_item(TableName=table, Item=row("next"))
    lose(below, table, {})
    start()

    assert rows(below, table).keys() == {"whole", "next"}


def test_what_a_stop_has_saved_is_not_put_back(start: Start, below: DynamoDBClient, table: str, file: Path) -> None:
    start().put_item(TableName=table, Item=row("saved"))
    Journal(file).forget()
    lose(below, table, {})  # by somebody's hand, after the stop
    start()

    assert rows(below, table) == {}


def test_a_write_that_could_not_be_kept_is_refused(start: Start, table: str) -> None:
    client = start()
    with pytest.raises(ClientError, match="UnknownOperation"):
        client.execute_statement(Statement=f"INSERT INTO \"{table}\" VALUE {{'pk': 'sql', 'sk': '-'}}")
    assert rows(client, table) == {}


def test_who_comes_before_it_is_open_waits_for_it(file: Path, aws_url: str, below: DynamoDBClient, table: str) -> None:
    journal = Journal(file)
    with ThreadPoolExecutor(1) as early:
        asked = early.submit(dynamodb_client(journal.url).put_item, TableName=table, Item=row("early"))
        journal.open(aws_url, calls(aws_url))
        asked.result(timeout=30)
    journal.close()

    assert rows(below, table) == {"early": row("early")}
