"""What DynamoDB, or the way to it, may answer besides a result, and that money survives each of them.

A refusal by a clause is ``ConditionFailed``; whatever leaves open if it was written is ``Contended``; a bug or a
denial passes through. A write whose answer was lost must never be done twice, and never be lost because it was not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import (
    Absent,
    Check,
    ConditionFailed,
    Contended,
    Delete,
    DynamoTables,
    Item,
    Put,
    Tables,
)
from chalicelib.sessions import asking, costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import Command
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement, topups
from chalicelib.wallet.events import apply_event
from tests.support.aws import dynamodb_client
from tests.support.events import checkout_event
from tests.support.faults import (
    WRITES,
    Made,
    Send,
    answer,
    broken_gateway,
    cancelled,
    fault,
    never_answers,
    never_arrives,
    refusal,
)
from tests.support.reading import add_reader
from tests.support.worlds import HandClock, hand_world, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PASSING = {
    "ProvisionedThroughputExceededException": 400,
    "ThrottlingException": 400,
    "RequestLimitExceeded": 400,
    "TransactionConflictException": 400,
    "TransactionInProgressException": 400,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
}
LASTING = {"AccessDeniedException": 400, "ResourceNotFoundException": 400, "ValidationException": 400}

Act = Callable[[Tables, str, str], object]
ACTS: dict[str, Act] = {
    "GetItem": lambda tables, table, own: tables.get(table, {"pk": own, "sk": "a"}),
    "BatchGetItem": lambda tables, table, own: tables.get_many(table, [{"pk": own, "sk": "a"}]),
    "Query": lambda tables, table, own: tables.query(table, ("pk", own)),
    "Scan": lambda tables, table, own: tables.scan(table),
    "PutItem": lambda tables, table, own: tables.write(put(table, own)),
    "DeleteItem": lambda tables, table, own: tables.write(Delete(table, {"pk": own, "sk": "a"})),
    "TransactWriteItems": lambda tables, table, own: tables.write(put(table, own), put(table, own, "b")),
}


def put(table: str, own: str, sort: str = "a", **more: Any) -> Put:
    return Put(table, {"pk": own, "sk": sort, **more}, when=(Absent("pk"),))


@pytest.fixture
def fragile(dynamodb_url: str) -> DynamoDBClient:
    """A client that does not try again by itself, so that a fault reaches us."""
    return dynamodb_client(dynamodb_url, attempts=1)


@pytest.fixture
def tables(fragile: DynamoDBClient) -> DynamoTables:
    return DynamoTables(fragile)


@pytest.fixture
def own() -> str:
    return f"test#{uuid4().hex}"


@pytest.fixture
def stored(dynamodb: DynamoDBClient, table_names: dict[str, str], own: str) -> Callable[[], list[Item]]:
    """What really is in this test's partition, by another client."""
    return lambda: DynamoTables(dynamodb).query(table_names["wallet"], ("pk", own)).items


# --- what an answer means ------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ACTS)
@pytest.mark.parametrize("code", PASSING)
def test_a_fault_that_passes_is_contended(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str, operation: str, code: str
) -> None:
    with fault(fragile, refusal(code, status=PASSING[code]), operation), pytest.raises(Contended):
        ACTS[operation](tables, table_names["wallet"], own)
    ACTS[operation](tables, table_names["wallet"], own)


@pytest.mark.parametrize("operation", ACTS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_answer_of_something_in_between_is_contended(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str, operation: str, status: int
) -> None:
    with fault(fragile, broken_gateway(status), operation), pytest.raises(Contended):
        ACTS[operation](tables, table_names["wallet"], own)


@pytest.mark.parametrize("operation", ACTS)
@pytest.mark.parametrize("code", LASTING)
def test_a_denial_or_a_bug_passes_through_as_it_is(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str, operation: str, code: str
) -> None:
    with fault(fragile, refusal(code, status=LASTING[code]), operation), pytest.raises(ClientError, match=code):
        ACTS[operation](tables, table_names["wallet"], own)


def left_over(table: str, *keys: tuple[str, str]) -> Send:
    """DynamoDB had no time for these keys."""
    left = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in keys]
    return answer({"Responses": {}, "UnprocessedKeys": {table: {"Keys": left}} if left else {}})


def test_keys_that_dynamodb_leaves_are_asked_for_again(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str
) -> None:
    table = table_names["wallet"]
    for sort in "ab":
        tables.write(put(table, own, sort))
    keys = [{"pk": own, "sk": sort} for sort in "ab"]
    with fault(fragile, left_over(table, (own, "a"), (own, "b")), "BatchGetItem") as requests:
        assert tables.get_many(table, keys) == keys
    assert requests() == 2


def test_keys_that_dynamodb_leaves_again_and_again_are_contended(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str
) -> None:
    table = table_names["wallet"]
    with ExitStack() as busy:
        for place in range(5):
            busy.enter_context(fault(fragile, left_over(table, (own, "a")), "BatchGetItem", at=place))
        busy.enter_context(pytest.raises(Contended))
        tables.get_many(table, [{"pk": own, "sk": "a"}])


@pytest.mark.parametrize("operation", ACTS)
def test_no_answer_in_time_is_contended(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str, operation: str
) -> None:
    with fault(fragile, never_arrives, operation), pytest.raises(Contended):
        ACTS[operation](tables, table_names["wallet"], own)


@pytest.mark.parametrize("operation", ACTS)
def test_nobody_at_the_other_end_is_contended(table_names: dict[str, str], own: str, operation: str) -> None:
    nowhere = boto3.client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(Contended):
        ACTS[operation](DynamoTables(nowhere), table_names["wallet"], own)


@pytest.mark.parametrize("code", ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"])
def test_a_transaction_cancelled_by_others_alone_is_contended(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str, code: str
) -> None:
    busy = cancelled({"Code": "None"}, {"Code": code, "Message": "busy"})
    with fault(fragile, busy, "TransactWriteItems"), pytest.raises(Contended, match=code):
        tables.write(put(table_names["wallet"], own), put(table_names["wallet"], own, "b"))


def test_a_clause_that_failed_decides_over_a_conflict_beside_it(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str
) -> None:
    met = {"pk": {"S": own}, "sk": {"S": "b"}, "at": {"N": "7"}}
    both = cancelled(
        {"Code": "TransactionConflict", "Message": "busy"},
        {"Code": "ConditionalCheckFailed", "Message": "no", "Item": met},
        {"Code": "ConditionalCheckFailed", "Message": "no"},
    )
    with fault(fragile, both, "TransactWriteItems"), pytest.raises(ConditionFailed) as failed:
        tables.write(*(put(table_names["wallet"], own, sort) for sort in "abc"))
    assert failed.value.found == {1: {"pk": own, "sk": "b", "at": 7}, 2: None}


def test_a_transaction_that_can_never_be_is_a_bug(
    tables: Tables, fragile: Any, table_names: dict[str, str], own: str
) -> None:
    never = cancelled({"Code": "ValidationError", "Message": "too large"}, {"Code": "None"})
    with fault(fragile, never, "TransactWriteItems"), pytest.raises(ValueError, match="ValidationError"):
        tables.write(put(table_names["wallet"], own), put(table_names["wallet"], own, "b"))


# --- one write whose answer was lost -------------------------------------------------------------


@pytest.mark.parametrize("operation", ["PutItem", "TransactWriteItems"])
def test_after_a_lost_answer_the_write_is_there_and_after_a_lost_request_it_is_not(
    tables: Tables,
    fragile: Any,
    table_names: dict[str, str],
    own: str,
    stored: Callable[[], list[Item]],
    operation: str,
) -> None:
    with fault(fragile, never_arrives, operation), pytest.raises(Contended):
        ACTS[operation](tables, table_names["wallet"], own)
    assert stored() == []
    with fault(fragile, never_answers, operation), pytest.raises(Contended):
        ACTS[operation](tables, table_names["wallet"], own)
    assert stored()


@pytest.mark.parametrize("operation", ["PutItem", "TransactWriteItems"])
def test_the_client_makes_up_for_a_lost_answer_by_itself(
    dynamodb_url: str, table_names: dict[str, str], own: str, stored: Callable[[], list[Item]], operation: str
) -> None:
    """The second try meets its own row, or DynamoDB knows the transaction by its token: done, not refused."""
    client = dynamodb_client(dynamodb_url, attempts=2)
    with fault(client, never_answers, operation):
        ACTS[operation](DynamoTables(client), table_names["wallet"], own)
    assert [item["sk"] for item in stored()] == (["a"] if operation == "PutItem" else ["a", "b"])


def test_a_lost_answer_does_not_pass_for_done_when_the_row_is_another_writers(
    dynamodb_url: str, tables: Tables, table_names: dict[str, str], own: str
) -> None:
    client = dynamodb_client(dynamodb_url, attempts=2)
    tables.write(put(table_names["wallet"], own, by="other"))
    with fault(client, never_answers, "PutItem"), pytest.raises(ConditionFailed) as failed:
        DynamoTables(client).write(put(table_names["wallet"], own, by="me"))
    assert failed.value.found == {0: {"pk": own, "sk": "a", "by": "other"}}


def test_a_check_alone_is_repeated_without_harm(
    dynamodb_url: str, table_names: dict[str, str], own: str, stored: Callable[[], list[Item]]
) -> None:
    client = dynamodb_client(dynamodb_url, attempts=2)
    with fault(client, never_answers, "TransactWriteItems"):
        DynamoTables(client).write(Check(table_names["wallet"], {"pk": own, "sk": "a"}, when=(Absent("pk"),)))
    assert stored() == []


# --- a whole reading, any write of which goes wrong ----------------------------------------------


def insist(act: Callable[[], Any]) -> Any:
    """As an app does: the same request again while the answer is 503."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def a_reading(world: World) -> dict[str, Any]:
    """A top-up by webhook, a reading with a pause, and its settlement; what came of it."""
    own = uuid4().hex[:8]
    client, reader, session = f"usr_c{own}", f"usr_r{own}", f"ses_{own}"
    clock = world.now
    assert isinstance(clock, HandClock)
    insist(lambda: add_reader_once(world, reader))
    topup = insist(lambda: topups.open_topup(world, client, f"top_{own}", 5_000))
    for name in ("completed", "async_payment_succeeded"):
        deliver(world, checkout_event(f"evt_{name}{own}", f"checkout.session.{name}", topup))
    insist(lambda: readers.set_presence(world, reader, "online"))
    insist(lambda: asking.create(world, Side(client, "Cee"), session, reader, "text"))

    def does(user: str, command: Command) -> None:
        insist(lambda: sessions.perform(world, session, user, command))

    does(reader, commands.accept)
    does(client, commands.join)
    does(reader, commands.join)
    for _ in range(3):
        clock.forward(30_000)
        does(client, commands.heartbeat)
        does(reader, commands.heartbeat)
    clock.forward(5_000)
    does(client, commands.leave)
    clock.forward(20_000)
    does(client, commands.reconnect)
    does(reader, commands.reconnect)
    clock.forward(40_000)
    insist(lambda: wallet.spend(world, client, "order", 100, "platform:shop", f"order:{own}", "ord"))
    does(reader, commands.finish)
    return what_came(world, client, reader, session)


def add_reader_once(world: World, reader: str) -> None:
    try:
        add_reader(world, reader)
    except ConditionFailed:
        return  # the first try did it


def deliver(world: World, event: dict[str, Any]) -> None:
    insist(lambda: apply_event(world, event))


def what_came(world: World, client: str, reader: str, session: str) -> dict[str, Any]:
    seen = sessions.load(world, session)
    proofs = [statement.verify_chain(world, account) for account in (f"credit:{client}", f"earnings:{reader}")]
    cost = costs.cost(world, seen)
    chain = wallet.ledger(world).between(f"credit:{client}", 1, proofs[0].entries)
    return {
        "state": (seen.state, seen.reason, seen.refunded, seen.earned, seen.connected_before),
        "chain": [(entry.kind, entry.amount, entry.balance, entry.minute) for entry in chain],
        "earned": proofs[1].balance,
        "intact": [proof.broken_at for proof in proofs],
        "cost": ([minute.number for minute in cost.minutes], cost.total, cost.by_ledger),
        "free": (sessions.open_session(world, client), sessions.open_session(world, reader)),
        "paid": topups.topup_of(world, client, f"top_{client[5:]}").status,
        "audited": len(world.tables.query(world.settings.tables.audit, ("pk", session)).items),
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_a_reading_costs_and_earns_the_same_whichever_of_its_writes_goes_wrong(
    fragile: Any, tables: Tables, table_names: dict[str, str], wrong: Send
) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        world = hand_world(tables, settings=settings(names=table_names))
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return a_reading(world), made()

    expected, writes = played(at=-1)
    assert expected["state"] == ("finalized", "reader_ended", 188, 393, 135_000)
    assert writes > 15
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"


def test_of_writes_in_a_row_that_are_alike_the_first_two_and_the_last_are_lost() -> None:
    made = Made()
    for table, names in (("a", "p"), ("b", "p"), *[("b", "pq")] * 4, ("b", "p")):
        body = json.dumps({"TableName": table, "Item": {name: {"S": uuid4().hex} for name in names}}).encode()
        made.add(AWSPreparedRequest("POST", "http://dynamodb", HTTPHeaders(), body, stream_output=False))
    assert made() == 7
    assert made.apart() == [0, 1, 2, 3, 5, 6]
