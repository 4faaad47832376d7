"""One reading from the asking to the settlement, on a virtual clock: how often each act happens in it.

Both people are there for fifteen minutes. Their apps beat every 30 s and renew the lease half a minute before it ends;
Agora tells of voice and video; the tick comes every minute, and the clock whenever it was told to. Nothing fails.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.agora import Notice
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.operations.handlers import tell
from chalicelib.readers.model import Modality
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import Command
from chalicelib.sessions.model.session import Side
from tests.load.stage import MINUTE, RICH, quiet
from tests.load.tables import CountedTables
from tests.support.duo import Duo
from tests.support.worlds import HandClock, OfflineAgora, hand_world

TALK: Final = 15 * MINUTE - 10 * SECOND
"""Fifteen minutes are charged."""
_RENEWED_BEFORE: Final = 30 * SECOND
TRANSITIONS: Final = 3
"""Of a wake of the clock: Wait, Advance and Done? (``infra/clock.asl.json``). Each execution has one more, Done."""
_LAST: Final = 60 * MINUTE
"""When the simulation is over, whatever still waits."""


@dataclass
class Day:
    """Things that will happen, in their order, on one clock."""

    clock: HandClock

    def __post_init__(self) -> None:
        self._waiting: list[tuple[Millis, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, moment: Millis, act: Callable[[], None]) -> None:
        heapq.heappush(self._waiting, (moment, next(self._numbers), act))

    def later(self, millis: Millis, act: Callable[[], None]) -> None:
        self.at(self.clock.now + millis, act)

    def run(self, until: Millis) -> None:
        while self._waiting and self._waiting[0][0] <= until:
            moment, _, act = heapq.heappop(self._waiting)
            self.clock.now = max(self.clock.now, moment)
            act()


class Machine:
    """Step Functions with ``infra/clock.asl.json``: counts its wakes and its transitions."""

    def __init__(self, day: Day, acts: Counter[str]) -> None:
        self.world: World | None = None
        self._day = day
        self._acts = acts

    def start(self, kind: str, thing: str, epoch: int, wake_at: Millis, turn: int = 0) -> None:
        """``Clock``."""
        self._acts["execution"] += 1
        facts = {"kind": kind, "id": thing, "epoch": epoch, "turn": turn}

        def wake() -> None:
            assert self.world
            self._acts["wake"] += 1
            answer = tell(self.world, facts)
            self._acts["transition"] += TRANSITIONS + answer["done"]
            if not answer["done"]:
                self._day.at(_millis(answer["wake_at"]), wake)

        self._day.at(-(-wake_at // SECOND) * SECOND, wake)


def lived(modality: Modality, rules: Rules | None = None) -> Counter[str]:
    """How often each act happened."""
    acts: Counter[str] = Counter()
    clock = HandClock()
    day = Day(clock)
    machine = Machine(day, acts)
    agora = OfflineAgora()
    world = hand_world(CountedTables(), rules, now=clock, clock=machine, media=agora)
    machine.world = world
    with quiet():
        Reading(world, day, acts, modality).begin()
        day.run(clock.now + _LAST)
    acts["removal"] = len(agora.removed)
    return acts


@dataclass
class Reading:
    """What the two people, their apps and the minute tick do."""

    world: World
    day: Day
    acts: Counter[str]
    modality: Modality

    def __post_init__(self) -> None:
        self.duo = Duo(self.world, "a" * 25)
        self._seq = count(1)

    def begin(self) -> None:
        """They ask, accept within ten seconds and join within twenty; all else follows."""
        duo, day = self.duo, self.day
        duo.ready(RICH)
        asker = Side(duo.client, "Cee")
        self.acts["ask"] += 1
        asking.create(self.world, asker, duo.session, duo.reader, self.modality)
        day.later(10 * SECOND, lambda: self._does("accept", duo.reader, commands.accept))
        day.later(15 * SECOND, lambda: self._comes(duo.client, 1))
        day.later(20 * SECOND, lambda: self._comes(duo.reader, 2))
        day.later(20 * SECOND + TALK, self._ends)
        day.later(45 * SECOND, self._tick)

    def _does(self, act: str, user: str, command: Command) -> None:
        self.acts[act] += 1
        self.duo.does(user, command)

    def _comes(self, user: str, uid: int) -> None:
        """Joins, beats, renews; of voice and video Agora tells two seconds later."""
        self._does(f"join {uid}", user, commands.join)
        self.day.later(30 * SECOND, lambda: self._beats(user))
        self.day.later(self.world.settings.rules.lease - _RENEWED_BEFORE, lambda: self._renews(user))
        if self.modality != "text":
            self.day.later(2 * SECOND, partial(self._told, uid, joined=True))

    def _beats(self, user: str) -> None:
        if self.duo.row().is_open:
            self._does("beat", user, commands.heartbeat)
            self.day.later(30 * SECOND, lambda: self._beats(user))

    def _renews(self, user: str) -> None:
        if self.duo.row().is_open:
            self._does("renew", user, commands.renew)
            self.day.later(self.world.settings.rules.lease - _RENEWED_BEFORE, lambda: self._renews(user))

    def _told(self, uid: int, *, joined: bool) -> None:
        self.acts["notice"] += 1
        now = self.day.clock.now // SECOND * SECOND
        sessions.hear(self.world, Notice(self.duo.row().channel, uid, next(self._seq), now, joined))

    def _tick(self) -> None:
        listed = self.duo.row()
        if listed.is_open or listed.owes_removal:
            self.acts["tick"] += 1
            sessions.advance(self.world, listed, stale=True)
            self.day.later(MINUTE, self._tick)

    def _ends(self) -> None:
        self._does("end", self.duo.client, commands.finish)
        self.acts["minute"] = len(self.duo.minutes()) - 1
        if self.modality != "text":
            for uid in (1, 2):
                self.day.later(2 * SECOND, partial(self._told, uid, joined=False))


def _millis(moment: str) -> Millis:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)
