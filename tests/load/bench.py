"""``make bench``: what a reading costs, by DynamoDB's own account and as a ratio of processor time.

Units and requests are exact, and the same on any engine. Processor time depends on the machine, so it is given as a
ratio taken within one run: a charged minute beside two bare calls of the AWS client that read and write the same items,
in turns, the median of several rounds. Nothing is asserted here; the tests hold the exact figures.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from chalicelib.gateways import World
from chalicelib.runtime.tables import DynamoTables, _rendered
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from chalicelib.wallet.service import head, ledger
from infra.local.ministack import CannotStart
from tests.support.aws import dynamodb_client, local_aws, tables_on
from tests.support.capacity import Bill, billed
from tests.support.duo import Duo
from tests.support.worlds import hand_world, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINUTE: Final = 60_000
MOST_ROUNDS: Final = 200
MOST_SECONDS: Final = 40.0
"""After this long no further round is begun."""
_SHOWN: Final = ("ledger", "sessions", "audit")
_FREE: Final = 2_000_000_000


@dataclass(frozen=True)
class Bench:
    world: World
    client: DynamoDBClient
    names: dict[str, str]

    def duo(self) -> Duo:
        """Two people with ids as long as the product's."""
        return Duo(self.world, uuid4().hex[:25])


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        with _bench() as bench:
            console.print(_costs(bench))
            console.print("A transaction counts twice; an index of the sessions table counts like another row.\n")
            console.print(_processor_time(bench, options.rounds, options.minutes))
            console.print("Milliseconds are this machine's, and the engine's beside it: compare ratios.")
    except CannotStart as problem:
        Console(stderr=True).print(str(problem), markup=False)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.bench",
        description="What a reading costs: DynamoDB's units, requests, and processor time as a ratio.",
        epilog="It starts a local AWS of its own (MINISTACK names its executable), or uses DYNAMODB_ENDPOINT_URL.",
    )
    parser.add_argument("--rounds", type=_small, default=15, help="rounds of the comparison (default 15)")
    parser.add_argument("--minutes", type=_small, default=30, help="minutes charged in a round (default 30)")
    return parser


def _small(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_ROUNDS:
        raise argparse.ArgumentTypeError(f"from 1 to {MOST_ROUNDS}")
    return number


@contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="soulseer-bench-") as home, _address(Path(home)) as url:
        client = dynamodb_client(url)
        with tables_on(client) as names:
            yield Bench(hand_world(DynamoTables(client), settings=settings(names=names)), client, names)


@contextmanager
def _address(home: Path) -> Iterator[str]:
    if given := os.environ.get("DYNAMODB_ENDPOINT_URL"):
        yield given
        return
    with local_aws(home) as url:
        yield url


# --- units and requests --------------------------------------------------------------------------


def _costs(bench: Bench) -> Table:
    table = Table(title="What DynamoDB charges (read units, write units)", title_justify="left")
    table.add_column("act")
    table.add_column("requests", justify="right")
    for name in _SHOWN:
        table.add_column(name, justify="right")
    for act, bill in _bills(bench):
        cells = [_units(bill.read[bench.names[name]], bill.written[bench.names[name]]) for name in _SHOWN]
        table.add_row(act, str(len(bill.requests)), *cells)
    return table


def _units(read: float, written: float) -> str:
    return f"{read:g} r  {written:g} w" if read or written else "–"


def _bills(bench: Bench) -> Iterator[tuple[str, Bill]]:
    """The acts of one reading, in their order."""
    duo = bench.duo().ready()

    def bill_of(act: Callable[[], object]) -> Bill:
        with _quiet(), billed(bench.client) as bill:
            act()
        return bill

    def does(user: str, command: commands.Command) -> Bill:
        return bill_of(lambda: duo.does(user, command))

    asker = Side(duo.client, "Cee")
    yield "ask for a reading", bill_of(lambda: sessions.create(duo.world, asker, duo.session, duo.reader, "text"))
    yield "accept", does(duo.reader, commands.accept)
    yield "join, the first", does(duo.client, commands.join)
    yield "join, the second (minute 1)", does(duo.reader, commands.join)
    listed = duo.talked(MINUTE).row()
    yield "[bold]a charged minute[/]", bill_of(lambda: sessions.advance(duo.world, listed, stale=True))
    yield "a tick with nothing due", bill_of(lambda: sessions.advance(duo.world, listed, stale=True))
    duo.forward(1_000)
    yield "heartbeat", does(duo.client, commands.heartbeat)
    yield "leave", does(duo.client, commands.leave)
    yield "reconnect, the first", does(duo.client, commands.reconnect)
    yield "reconnect, the second", does(duo.reader, commands.reconnect)
    other = bench.duo()
    with _quiet():
        active = other.active().talked(61_000).noticed()
    with _quiet(), billed(bench.client) as bill:
        ended = other.end(active)
        ending = bill.so_far()
        sessions.advance(other.world, ended)
    yield "end", ending
    yield "settlement", bill - ending


# --- processor time ------------------------------------------------------------------------------


def _processor_time(bench: Bench, rounds: int, minutes: int) -> Table:
    measured = _measured(bench, rounds, minutes)
    ours, bare = zip(*measured, strict=True)
    ratios = sorted(mine / theirs for mine, theirs in measured)
    title = f"Processor time of a charged minute, here ({len(measured)} rounds of {minutes}, in turns)"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("median ms", justify="right")
    table.add_column("median ratio", justify="right")
    table.add_column("from – to", justify="right")
    table.add_row("two bare calls (Query, PutItem)", f"{statistics.median(bare) * 1_000:.2f}", "1.00", "")
    table.add_row(
        "[bold]a charged minute[/]",
        f"{statistics.median(ours) * 1_000:.2f}",
        f"[bold]{statistics.median(ratios):.2f}[/]",
        f"{ratios[0]:.2f} – {ratios[-1]:.2f}",
    )
    return table


def _measured(bench: Bench, rounds: int, minutes: int) -> list[tuple[float, float]]:
    """Seconds of processor time for one minute, ours and bare, of each round. The first round warms both up."""
    measured: list[tuple[float, float]] = []
    deadline = time.monotonic() + MOST_SECONDS
    for number in range(rounds + 1):
        taken = _round(bench, minutes)
        if number:
            measured.append(taken)
        if measured and time.monotonic() > deadline:
            break
    return measured


def _round(bench: Bench, minutes: int) -> tuple[float, float]:
    """One reading charged minute by minute, and after each minute the two bare calls."""
    duo = bench.duo()
    with _quiet():
        duo.active(_FREE)
    ours = bare = 0.0
    for number in range(minutes):
        listed = duo.talked(MINUTE).row()
        ours += _timed(partial(sessions.advance, bench.world, listed, stale=True))
        bare += _timed(_bare(bench, duo, number))
    return ours / minutes, bare / minutes


def _bare(bench: Bench, duo: Duo, number: int) -> Callable[[], object]:
    """The same read and write of the same item, by nothing but the AWS client, on a chain of its own."""
    put = ledger(bench.world).put(head(bench.world, duo.client))
    own = {"account": {"S": f"bare:{duo.client}"}, "seq": {"S": f"{number:012d}"}}
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
        bench.client.query(**read)
        bench.client.put_item(**write)

    return both


def _timed(act: Callable[[], object]) -> float:
    begun = time.process_time()
    act()
    return time.process_time() - begun


@contextmanager
def _quiet() -> Iterator[None]:
    """Log lines are for CloudWatch, not for this table."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield


if __name__ == "__main__":
    sys.exit(main())
