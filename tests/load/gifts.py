"""Gifts to one stream: what one costs, how many a second, and what its shards are good for.

Four processes send, each with a client of its own, as functions would. A try is lost where another sender's entry came
first on the same shard, or on the sender's own coins; whoever loses reads again and goes elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from chalicelib.gateways import World
from chalicelib.live import gifts
from chalicelib.live.store import streams_of
from chalicelib.runtime.tables import Operation, Tables
from tests.load.report import Line, Note, Told, at_most, holds, shown
from tests.load.stage import Stage, quiet
from tests.support.capacity import billed
from tests.support.crowd import Crowd, Processes
from tests.support.show import Show
from tests.support.worlds import HandClock

_EACH: Final = {1: 40, 16: 8, 64: 4}
"""Gifts of each sender, by how many there are at once."""
_ON_ONE: Final = 2
"""Of each of 64 on one chain: they wait for each other."""
_MOST_UNITS: Final = 14
"""Write units of a gift: six rows, twice in a transaction, and the sender's place in the index of leaders."""
_LEAST_GAIN: Final = 2.0
_SPACING: Final = 3_000
"""Milliseconds between two gifts of one sender, by their own clocks: 30 a minute are allowed."""


class Sent(NamedTuple):
    """What one sender did: from when to when, on the clock that all processes share, and in how many tries."""

    begun: float
    ended: float
    tries: int


class Tried:
    """``Tables`` that count transactions."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def write(self, *operations: Operation) -> None:
        self.count += len(operations) > 1
        self._tables.write(*operations)


def measure(stage: Stage) -> Iterator[Told]:
    """Lines about units, gifts a second, and contention."""
    yield _units(stage)
    with Processes(stage.url) as processes:
        crowd = Crowd(stage.world, processes)
        spread = 0.0
        for senders, each in _EACH.items():
            spread, share, whole = _sent(stage, crowd, senders, each)
            yield holds(f"gifts a second to one stream, senders at once: {senders}", f"{spread:.0f}/s", met=whole)
            yield shown("  tries that were lost", f"{share:.0%}")
        alone, share, whole = _sent(stage, crowd, 64, _ON_ONE, shards=1)
        yield holds("the same of 64 senders, where all of it goes to one chain", f"{alone:.0f}/s", met=whole)
        yield shown("  tries that were lost", f"{share:.0%}")
        yield _at_least("64 senders on the stream's shards, beside one chain", spread / alone, _LEAST_GAIN)
    yield Note(
        f"What bounds these is this machine: the local AWS, one process of Python, and the four that send share its "
        f"{os.cpu_count()} cores. On DynamoDB each shard is a partition key of its own; what all gifts of a stream "
        "have in common is its feed and its list of senders: a partition each, of 1,000 write units a second."
    )


def _units(stage: Stage) -> Line:
    show, (user,) = _prepared(stage, 1, 2)
    with quiet():
        gifts.send(stage.world, user, show.stream, "rose", f"gft_{show.own}first")
        with billed(stage.client) as bill:
            gifts.send(stage.world, user, show.stream, "rose", f"gft_{show.own}second")
    read = bill.read.total()
    return at_most(f"write units of a gift ({read:g} read)", bill.written.total(), _MOST_UNITS, "{:.0f}")


def _sent(stage: Stage, crowd: Crowd, senders: int, each: int, shards: int | None = None) -> tuple[float, float, bool]:
    """Gifts a second, the share of tries that were lost, and whether each gift is there once."""
    show, users = _prepared(stage, senders, each, shards)
    crowd(4, warm_up, show.own)
    spans = crowd(senders, send_many, show.own, users, each)
    for span in spans:
        if isinstance(span, Exception):
            raise span
    taken = max(span.ended for span in spans) - min(span.begun for span in spans)
    count, tries = senders * each, sum(span.tries for span in spans)
    with quiet():
        whole = show.gathered == 70 * count and {show.coins(user) for user in users} == {0}
    return count / taken, 1 - count / tries, whole


def _prepared(stage: Stage, senders: int, each: int, shards: int | None = None) -> tuple[Show, list[str]]:
    """A live stream, and people with coins for so many roses."""
    with quiet():
        show = Show(stage.world, stage.duo().own).live()
        users = [show.patron(f"p{number}", 100 * each) for number in range(senders)]
        if shards is not None:
            narrow, operations = streams_of(stage.world).replace(replace(show.row, shards=shards), was=show.row)
            stage.world.tables.write(*operations)
            assert narrow.shards == shards
    return show, users


def warm_up(world: World, place: int, own: str) -> None:
    """One read: what it takes to have a connection."""
    del place
    assert Show(world, own).row


def send_many(world: World, place: int, own: str, users: list[str], each: int) -> Sent:
    """Send roses, one after the other."""
    clock, tables = HandClock(world.now()), Tried(world.tables)
    mine = replace(world, now=clock, sleep=time.sleep, tables=tables)
    begun = time.monotonic()
    for number in range(each):
        gifts.send(mine, users[place], f"str_{own}", "rose", f"gft_{own}p{place}x{number}")
        clock.forward(_SPACING)
    return Sent(begun, time.monotonic(), tables.count)


def _at_least(what: str, value: float, limit: float) -> Line:
    return Line(what, f"{value:.1f}x", f"≥ {limit:.1f}x", value >= limit)
