"""The acts of one reading, in their order, and what DynamoDB charges for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from tests.load.report import Note, Told, shown
from tests.load.stage import MINUTE, Stage, quiet
from tests.support.capacity import Bill, billed

_SHOWN: Final = ("ledger", "sessions", "audit")


def measure(stage: Stage) -> Iterator[Told]:
    """A line an act: its requests, and the units that it reads and writes."""
    for act, bill in bills(stage):
        units = [_units(name, bill.read[stage.names[name]], bill.written[stage.names[name]]) for name in _SHOWN]
        yield shown(act, "  ".join([*filter(None, units), _counted(len(bill.requests), "request")]))
    yield Note("r and w are read and write units. A transaction counts twice; an index counts like another row.")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _units(name: str, read: float, written: float) -> str:
    return f"{name} {read:g}r {written:g}w" if read or written else ""


def bills(stage: Stage) -> Iterator[tuple[str, Bill]]:
    """What each act was charged, without what HTTP adds: reading who asks, and the Idempotency-Key."""
    duo = stage.duo().ready()

    def bill_of(act: Callable[[], object]) -> Bill:
        with quiet(), billed(stage.client) as bill:
            act()
        return bill

    def does(user: str, command: commands.Command) -> Bill:
        return bill_of(lambda: duo.does(user, command))

    asker = Side(duo.client, "Cee")
    yield "ask for a reading", bill_of(lambda: asking.create(duo.world, asker, duo.session, duo.reader, "text"))
    yield "accept", does(duo.reader, commands.accept)
    yield "join, the first", does(duo.client, commands.join)
    yield "join, the second (minute 1)", does(duo.reader, commands.join)
    listed = duo.talked(MINUTE).row()
    yield "a charged minute", bill_of(lambda: sessions.advance(duo.world, listed, stale=True))
    yield "a tick with nothing due", bill_of(lambda: sessions.advance(duo.world, listed, stale=True))
    duo.forward(1_000)
    yield "heartbeat", does(duo.client, commands.heartbeat)
    yield "leave", does(duo.client, commands.leave)
    yield "reconnect, the first", does(duo.client, commands.reconnect)
    yield "reconnect, the second", does(duo.reader, commands.reconnect)
    other = stage.duo()
    with quiet():
        active = other.active().talked(61_000).noticed()
    with quiet(), billed(stage.client) as bill:
        ended = other.end(active)
        ending = bill.so_far()
        sessions.advance(other.world, ended)
    yield "end", ending
    yield "settlement", bill - ending
