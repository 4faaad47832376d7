"""The ledger: what a charged minute costs, how many a second, and what 64 writers do to one wallet."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.runtime.tables import DynamoTables, Put, _rendered
from chalicelib.sessions import service as sessions
from chalicelib.wallet import service as wallet
from tests.load.report import Note, Told, at_most, holds, shown
from tests.load.stage import MINUTE, RICH, Stage, compared, quiet, timed
from tests.support.aws import dynamodb_client
from tests.support.capacity import billed
from tests.support.crowd import Crowd, Processes
from tests.support.duo import Duo, assert_whole, chain
from tests.support.worlds import HandClock

_ROUNDS: Final = 15
_MINUTES: Final = 20
_EACH: Final = {1: 120, 4: 60, 16: 20}
"""Charges of each wallet, by how many there are at once. A reading has 180 minutes at most."""
_WRITERS: Final = 64
_DUE: Final = 16
"""Minutes that are due at once when the writers come."""


def measure(stage: Stage) -> Iterator[Told]:
    """Lines about processor time, charges a second, and contention."""
    minute = compared(_ROUNDS, partial(_round, stage))
    yield at_most("processor time of a charged minute beside two bare calls of boto3", minute.ratio, 1.5)
    yield shown("  ours and bare", f"{minute.ours_ms:.2f} {minute.theirs_ms:.2f} ms")
    yield from _wallets_in_parallel(stage)
    yield from _one_wallet(stage)


# --- processor time ------------------------------------------------------------------------------


def _round(stage: Stage) -> tuple[float, float]:
    """One reading charged minute by minute, and after each minute the two bare calls."""
    duo = stage.duo()
    with quiet():
        duo.active(RICH)
    ours = bare = 0.0
    for number in range(_MINUTES):
        listed = duo.talked(MINUTE).row()
        ours += timed(partial(sessions.advance, stage.world, listed, stale=True))
        put = wallet.ledger(stage.world).put(wallet.head(stage.world, duo.client))
        bare += timed(bare_charge(stage.bare, put, f"bare:{duo.client}", number))
    return ours / _MINUTES, bare / _MINUTES


def bare_charge(client: Any, put: Put, account: str, number: int) -> Callable[[], object]:
    """The same read and write of the same item, by nothing but the AWS client, on a chain of its own."""
    own = {"account": {"S": account}, "seq": {"S": f"{number:012d}"}}
    write: Any = _rendered(put)["Put"]
    write["Item"] |= own
    read: Any = {
        "TableName": put.table,
        "KeyConditionExpression": "#p = :p",
        "ExpressionAttributeNames": {"#p": "account"},
        "ExpressionAttributeValues": {":p": own["account"]},
        "ScanIndexForward": False,
        "Limit": 1,
        "ConsistentRead": True,
    }

    def both() -> None:
        client.query(**read)
        client.put_item(**write)

    return both


# --- wallets in parallel -------------------------------------------------------------------------


def _wallets_in_parallel(stage: Stage) -> Iterator[Told]:
    """Charges a second by four processes, beside the bare calls by the same four."""
    with Processes(stage.url) as processes:
        crowd = Crowd(stage.world, processes)
        crowd(4, charge_alone, stage.duo().ready(RICH).client, 2)  # every process makes its client
        for wallets, each in _EACH.items():
            readings = _readings(stage, wallets)
            clients = [duo.client for duo in readings]
            busy = engine_seconds(stage)
            ours = _rate(crowd(wallets, charge_minutes, clients, each), each)
            busy = (engine_seconds(stage) - busy) / (each * wallets)
            bare = _rate(crowd(wallets, charge_barely, clients, each), each)
            once = all(duo.minutes() == list(range(1, each + 2)) for duo in readings)
            yield holds(f"charges a second, wallets at once: {wallets}", f"{ours:.0f}/s", met=once, target="once")
            yield shown("  bare calls; the engine's processor time a charge", f"{bare:.0f}/s  {busy * 1_000:.1f} ms")
    yield Note(
        f"What bounds these is this machine: the local AWS, one process of Python, and the four that charge share its "
        f"{os.cpu_count()} cores. On DynamoDB a wallet is a partition key of its own, and wallets do not meet."
    )


def _readings(stage: Stage, wallets: int) -> list[Duo]:
    with quiet():
        return [stage.duo().active(RICH) for _ in range(wallets)]


def charge_minutes(world: World, place: int, clients: list[str], each: int) -> tuple[float, float]:
    """Charge one wallet minute by minute; when it began and ended, on the clock that all processes share."""
    clock = HandClock(world.now())
    own = replace(world, now=clock)
    begun = time.monotonic()
    for _ in range(each):
        clock.forward(MINUTE)
        wallet.charge_due(own, wallet.head(own, clients[place]))
    return begun, time.monotonic()


def charge_barely(world: World, place: int, clients: list[str], each: int) -> tuple[float, float]:
    """As many bare calls, on a chain of its own."""
    assert isinstance(world.tables, DynamoTables)
    put = wallet.ledger(world).put(wallet.head(world, clients[place]))
    calls = [bare_charge(world.tables._client, put, f"bare:{clients[place]}", number) for number in range(each)]
    begun = time.monotonic()
    for call in calls:
        call()
    return begun, time.monotonic()


def charge_alone(world: World, place: int, account: str) -> None:
    """One read: what it takes to have a connection."""
    del place
    wallet.head(world, account)


def _rate(spans: list[Any], each: int) -> float:
    """Charges a second, from the first that began to the last that ended."""
    return each * len(spans) / _taken(spans)


def engine_seconds(stage: Stage) -> float:
    """Processor time that the local AWS has used; 0 where it is not ours, or the system does not tell."""
    stat = Path(f"/proc/{stage.engine}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- one wallet ----------------------------------------------------------------------------------


def _one_wallet(stage: Stage) -> Iterator[Told]:
    """64 threads that all see the same minutes due, and 64 that spend at once: nothing lost, nothing twice."""
    client = dynamodb_client(stage.url, connections=_WRITERS)
    world = replace(stage.world, tables=DynamoTables(client), sleep=time.sleep)
    crowd = Crowd(world, None)
    duo = Duo(world, stage.duo().own)
    with quiet():
        duo.active(RICH).talked(_DUE * MINUTE)
    with billed(client) as bill:
        spans = crowd(_WRITERS, _charge_all, duo.client)
    rate = _DUE / _taken(spans)
    once = duo.minutes() == list(range(1, _DUE + 2))
    yield holds(f"{_WRITERS} writers charge the same {_DUE} minutes", f"{rate:.0f}/s", met=once, target="once")
    yield shown("  tries for each that went through", f"{Counter(bill.requests)['PutItem'] / _DUE:.1f}")
    before = wallet.head(world, duo.client)
    with billed(client) as bill:
        spans = crowd(_WRITERS, _spend_one, duo.client)
    rate = _WRITERS / _taken(spans)
    spent = [entry.reference for entry in chain(world, duo.account)[before.seq :]]
    once = sorted(spent) == sorted(f"ord_{place}" for place in range(_WRITERS))
    assert_whole(world, duo.account)
    yield holds(f"{_WRITERS} writers spend from one wallet", f"{rate:.0f}/s", met=once, target="once")
    tries = Counter(bill.requests)["TransactWriteItems"] / _WRITERS
    yield shown("  tries for each that went through", f"{tries:.1f}")


def _charge_all(world: World, place: int, user: str) -> tuple[float, float]:
    del place
    begun = time.monotonic()
    wallet.charge_due(world, wallet.head(world, user))
    return begun, time.monotonic()


def _spend_one(world: World, place: int, user: str) -> tuple[float, float]:
    begun = time.monotonic()
    wallet.spend(world, user, "order", 100, "platform:shop", f"{user}:order:{place}", f"ord_{place}")
    return begun, time.monotonic()


def _taken(spans: list[Any]) -> float:
    """Seconds from the first that began to the last that ended."""
    for span in spans:
        if isinstance(span, Exception):
            raise span
    return float(max(ended for _, ended in spans) - min(begun for begun, _ in spans))
