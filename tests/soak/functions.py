"""The program's functions as Lambda runs them: environments with clocks of their own, time-outs, deaths.

An environment serves one call at a time; another call that comes meanwhile is served by another one. One that died is
not used again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from chalicelib.gateways import World
from chalicelib.gateways.agora import Media
from chalicelib.gateways.clock import Clock
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime.tables import Tables
from tests.property.tables import Crash
from tests.soak.chances import Chances
from tests.soak.storage import Trouble
from tests.soak.timeline import Timeline

T = TypeVar("T")

SKEW: Final = 2 * SECOND
TIMEOUTS: Final = {"api": 29, "stripe_webhook": 20, "agora_webhook": 20, "billing_tick": 55, "clock": 30}
"""Seconds: those of ``.chalice/config.json``."""
_REPLACED: Final = 0.02
"""How often an environment that was idle has gone."""


@dataclass
class Environment:
    """Its ``skew`` is how far its clock is ahead. Its gateways remember failures, so they are its own."""

    skew: Millis
    media: Media
    clock: Clock
    busy: bool = False


class Functions:
    """Calls functions. ``tables`` makes the way to storage of one call."""

    def __init__(
        self,
        timeline: Timeline,
        chances: Chances,
        world: World,
        tables: Callable[[Trouble], Tables],
        equipped: Callable[[], tuple[Media, Clock]],
    ) -> None:
        self._timeline = timeline
        self._chances = chances
        self._world = world
        self._tables = tables
        self._equipped = equipped
        self._environments: dict[str, list[Environment]] = {name: [] for name in TIMEOUTS}

    def call(self, name: str, act: Callable[[World, Trouble], T]) -> T:
        """Have function ``name`` do that. Raises Crash where it died, and whatever ``act`` raises."""
        environment = self._idle(name)
        trouble = Trouble(self._timeline, self._chances, self._timeline.now + TIMEOUTS[name] * SECOND)
        world = replace(
            self._world,
            tables=self._tables(trouble),
            now=lambda: self._timeline.now + environment.skew,
            sleep=lambda seconds: trouble.take(round(seconds * SECOND)),
            clock=environment.clock,
            media=environment.media,
        )
        environment.busy = True
        try:
            return act(world, trouble)
        except Crash:
            self._environments[name].remove(environment)
            raise
        finally:
            environment.busy = False

    def _idle(self, name: str) -> Environment:
        rng = self._chances.stream("environments")
        idle = [each for each in self._environments[name] if not each.busy]
        if idle and rng.random() < _REPLACED:
            self._environments[name].remove(idle.pop())
        if not idle or rng.random() < _REPLACED:
            idle = [self._new()]
            self._environments[name] += idle
        return rng.choice(idle)

    def _new(self) -> Environment:
        apart = self._chances("clock of a function apart")
        skew = self._chances.span("clock of a function apart", -SKEW, SKEW) if apart else 0
        return Environment(skew, *self._equipped())
