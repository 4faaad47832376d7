"""The minute tick: what it costs for each open session, from a hundred to ten thousand, and how it is shared out.

The sessions are copies of one that was lived through, under ids of their own. In memory the requests and units are
counted; on the local DynamoDB, where ten thousand would take minutes, fewer are worked and DynamoDB says the units.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import HOUR
from chalicelib.operations import handlers
from chalicelib.runtime.tables import Item, Put
from chalicelib.sessions.store import shard_of
from tests.load.api import Context
from tests.load.report import Note, Told, at_most, holds, shown
from tests.load.stage import MINUTE, RICH, Stage, quiet
from tests.load.tables import CountedTables
from tests.support.aws import tables_on
from tests.support.capacity import billed
from tests.support.duo import Duo
from tests.support.worlds import HandClock, hand_world, settings

SHARDS: Final = 16
_ROUNDS: Final = {100: 12, 1_000: 3, 10_000: 1}
"""How often fresh sessions are worked, by how many they are."""
_TICKS: Final = 3
"""In each round, after one that does not count. Later the tick would wind the clocks anew, which nobody runs here."""
_ON_DYNAMODB: Final = 400
_BATCH: Final = 25
_FLAT: Final = 1.1
_FLAT_TIME: Final = 1.25
"""Ten thousand sessions do not fit a processor's caches as a hundred do."""
_EVEN: Final = 1.25
_TEMPLATE: Final = "a" * 25


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick's worth for one open session that owes a minute."""

    requests: float
    read: float
    written: float
    seconds: float
    """Of processor time, the storage's stand-in included."""
    by_shard: tuple[int, ...]
    """How many sessions each shard had."""
    listing: float
    """Of ``read``, what the listing took."""


def measure(stage: Stage) -> Iterator[Told]:
    """Lines about ticks in memory, the shards, and a tick on the local DynamoDB."""
    ticks = {sessions: in_memory(sessions) for sessions in _ROUNDS}
    for sessions, tick in ticks.items():
        figure = f"{tick.requests:.2f} requests {tick.read:.2f}r {tick.written:.2f}w {tick.seconds * 1e6:.0f} µs"
        yield shown(f"a tick of {sessions:,}, each", figure)
    few, many = ticks[min(ticks)], ticks[max(ticks)]
    yield at_most("  requests of each, 10,000 beside 100", many.requests / few.requests, _FLAT)
    units = (many.read + many.written) / (few.read + few.written)
    yield at_most("  units of each, 10,000 beside 100", units, _FLAT)
    yield at_most("  processor time of each, 10,000 beside 100", many.seconds / few.seconds, _FLAT_TIME)
    largest = max(many.by_shard) * SHARDS / sum(many.by_shard)
    yield at_most(f"  largest of {SHARDS} shards, beside an even share", largest, _EVEN)
    yield Note(f"Of 10,000 the shards have {min(many.by_shard)} to {max(many.by_shard)} each, and are worked at once.")
    yield from _on_dynamodb(stage)


def in_memory(sessions: int) -> Tick:
    """The mean of some ticks over that many open sessions."""
    requests, seconds = 0, 0.0
    units: defaultdict[str, float] = defaultdict(float)
    by_shard: tuple[int, ...] = ()
    for _ in range(_ROUNDS[sessions]):
        tables = CountedTables()
        world = _world(tables)
        for row in copies(sessions):
            tables.write(row)
        _tick(world)
        tables.reset()
        begun = time.process_time()
        for _ in range(_TICKS):
            by_shard = _tick(world)
        seconds += time.process_time() - begun
        requests += tables.requests.total()
        for name, count in tables.units.items():
            units[name] += count
    each = sessions * _TICKS * _ROUNDS[sessions]
    return Tick(
        requests=requests / each,
        read=sum(count for name, count in units.items() if name.endswith("read")) / each,
        written=sum(count for name, count in units.items() if name.endswith("written")) / each,
        seconds=seconds / each,
        by_shard=by_shard,
        listing=units["open read"] / each,
    )


def copies(sessions: int) -> Iterator[Put]:
    """The rows of that many readings in their first minute, made of one that was begun."""
    tables = CountedTables()
    duo = Duo(_world(tables), _TEMPLATE)
    with quiet():
        duo.active(RICH)
    newest = tables.query("ledger", ("account", duo.account), newest_first=True, limit=1).items[0]
    for number in range(sessions):
        own = f"{number:025}"
        yield Put("ledger", _renamed(newest, own))
        row = _renamed(tables.rows["sessions"][(duo.session,)], own)
        yield Put("sessions", row | {"open_shard": shard_of(row["pk"], SHARDS)})


def _renamed(item: Item, own: str) -> Item:
    copy: Item = json.loads(json.dumps(item).replace(_TEMPLATE, own))
    return copy


def _world(tables: Any) -> World:
    """Nobody falls silent in it, however many minutes are ticked."""
    rules = Rules(silence=3 * HOUR)
    return hand_world(tables, settings=replace(settings(rules), tick_shards=SHARDS))


def _tick(world: World) -> tuple[int, ...]:
    """A minute passes, and every shard is worked; how many sessions each had. Raises RuntimeError where one failed."""
    assert isinstance(world.now, HandClock)
    world.now.forward(MINUTE)
    with quiet():
        told = [handlers.work(world, {"shard": str(shard)}, Context(), _must_not) for shard in range(SHARDS)]
    if failed := sum(each["failed"] for each in told):
        raise RuntimeError(f"{failed} sessions were not advanced")
    return tuple(each["advanced"] for each in told)


def _must_not(facts: dict[str, Any]) -> None:
    raise RuntimeError(f"there was time enough: {facts}")


# --- on the local DynamoDB -----------------------------------------------------------------------


def _on_dynamodb(stage: Stage) -> Iterator[Told]:
    """On tables of its own: a tick works whatever is open."""
    with tables_on(stage.client) as names:
        own = settings(Rules(silence=3 * HOUR), names)
        world = hand_world(stage.world.tables, settings=replace(own, tick_shards=SHARDS))
        for row in copies(_ON_DYNAMODB):
            world.tables.write(replace(row, table=names[row.table]))
        begun = time.process_time()
        with billed(stage.client) as bill:
            by_shard = _tick(world)
        seconds = (time.process_time() - begun) / _ON_DYNAMODB
    read, written = bill.read[names["ledger"]] / _ON_DYNAMODB, bill.written[names["ledger"]] / _ON_DYNAMODB
    figure = f"{len(bill.requests) / _ON_DYNAMODB:.2f} requests {read:.2f}r {written:.2f}w {seconds * 1e3:.2f} ms"
    right = sum(by_shard) == _ON_DYNAMODB and (read, written) == (1, 1)
    yield holds(f"{_ON_DYNAMODB} on DynamoDB, each", figure, met=right, target="1r 1w")
