"""What a reading costs at DynamoDB, by DynamoDB's own account: the figures that architecture §5 promises."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import Command
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import MOST_LOTS, Lot
from tests.support.capacity import billed
from tests.support.duo import Duo
from tests.support.reading import grant
from tests.support.worlds import NOON

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def duo(world: World) -> Duo:
    """Ids as long as the product's own: a unit is 1 KB."""
    return Duo(world, uuid4().hex[:25])


def test_a_charged_minute_is_one_read_unit_one_write_unit_and_two_requests(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    """By the minute tick, which has the session from its listing: neither it nor anything else is touched."""
    listed = duo.active().talked(60_000).row()
    with billed(dynamodb) as bill:
        sessions.advance(duo.world, listed, stale=True)
    assert bill.requests == ["Query", "PutItem"]
    assert bill.read == {table_names["ledger"]: 1}
    assert bill.written == {table_names["ledger"]: 1}
    assert duo.minutes() == [1, 2]


def test_a_minute_that_empties_one_promotional_lot_of_many_is_one_write_unit_too(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    """The longest entry there is: every lot in its slot, a split over several, a meter, large amounts."""
    for number in range(MOST_LOTS):
        grant(duo.world, duo.client, Lot(f"pro_{number:026}", 180, NOON + 10**9 + number))
    wallet.adjust(duo.world, duo.client, 2_000_000_000, "adjustment:1", f"adj_{0:026}")
    listed = duo.active(2_000_000_000).talked(60_000).row()
    with billed(dynamodb) as bill:
        sessions.advance(duo.world, listed, stale=True)
    assert bill.written == {table_names["ledger"]: 1}
    newest = wallet.head(duo.world, duo.client)
    assert len(newest.split) > 1
    assert len(newest.buckets.lots) == MOST_LOTS + 1


def test_minutes_that_are_late_are_one_read_and_a_write_each(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    listed = duo.active().talked(180_000).row()
    with billed(dynamodb) as bill:
        sessions.advance(duo.world, listed, stale=True)
    assert bill.requests == ["Query", "PutItem", "PutItem", "PutItem"]
    assert (bill.read, bill.written) == ({table_names["ledger"]: 1}, {table_names["ledger"]: 3})


def test_a_tick_that_finds_nothing_due_reads_one_unit_and_writes_nothing(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    listed = duo.active().talked(59_999).row()
    with billed(dynamodb) as bill:
        sessions.advance(duo.world, listed, stale=True)
    assert bill.requests == ["Query"]
    assert (bill.read, bill.written) == ({table_names["ledger"]: 1}, {})


def test_a_settlement_is_one_transaction_and_the_row_is_written_once_more_when_the_channel_is_empty(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    ended = duo.ended(connected=61_000)
    with billed(dynamodb) as bill:
        assert sessions.advance(duo.world, ended).session.state == "finalized"
    writes = [request for request in bill.requests if request not in ("Query", "GetItem")]
    assert writes == ["TransactWriteItems", "PutItem"]
    assert set(bill.written) == {table_names[name] for name in ("ledger", "sessions", "audit")}
    assert bill.written[table_names["ledger"]] == 4, "two entries, twice the units in a transaction"


@pytest.mark.parametrize(
    ("state", "side", "command"),
    [
        ("half_joined", "reader", commands.join),
        ("active", "client", commands.leave),
        ("half_back", "client", commands.reconnect),
    ],
)
def test_a_change_of_state_and_its_entry_are_one_transaction(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str], state: str, side: str, command: Command
) -> None:
    getattr(duo, state)()
    with billed(dynamodb) as bill:
        duo.does(getattr(duo, side), command)
    assert bill.requests.count("TransactWriteItems") == 1
    assert bill.written[table_names["ledger"]] == 2, "one entry, twice the units in a transaction"


def test_a_heartbeat_writes_the_session_once_and_the_ledger_never(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    duo.active().forward(30_000)
    with billed(dynamodb) as bill:
        duo.does(duo.client, commands.heartbeat)
    assert [request for request in bill.requests if request not in ("Query", "GetItem")] == ["PutItem"]
    assert set(bill.written) == {table_names["sessions"]}


def test_a_long_chain_costs_no_more_than_a_short_one(
    duo: Duo, dynamodb: DynamoDBClient, table_names: dict[str, str]
) -> None:
    duo.active(50_000).talked(40 * 60_000).noticed()
    listed = duo.talked(60_000).row()
    with billed(dynamodb) as bill:
        sessions.advance(duo.world, listed, stale=True)
    assert bill.requests == ["Query", "PutItem"]
    assert (bill.read, bill.written) == ({table_names["ledger"]: 1}, {table_names["ledger"]: 1})
