"""Virtual time: whatever happens is an act at a moment, and acts happen in the order of their moments."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Final

from chalicelib.kernel.time import Millis

Act = Callable[[], object]

_DEEPEST: Final = 3
"""Calls that are under way within one another, at most."""


class Timeline:
    """``afterwards`` is called after each act: what must hold at any moment is looked at there."""

    def __init__(self, start: Millis) -> None:
        self.now = start
        self.steps = 0
        self.afterwards: Act = lambda: None
        self._acts: list[tuple[Millis, int, Act]] = []
        self._order = itertools.count()
        self._depth = 0

    def at(self, moment: Millis, act: Act) -> None:
        """``act`` happens then; of one moment, what was planned first comes first."""
        heapq.heappush(self._acts, (max(moment, self.now), next(self._order), act))

    def after(self, millis: Millis, act: Act) -> None:
        """``act`` happens so long from now."""
        self.at(self.now + millis, act)

    def step(self) -> None:
        """The next act. It may come late, where a call before it took its time."""
        moment, _, act = heapq.heappop(self._acts)
        self.now = max(self.now, moment)
        self.steps += 1
        act()
        self.afterwards()

    def run_until(self, end: Millis) -> None:
        """Everything up to ``end``."""
        while self._acts and self._acts[0][0] <= end:
            self.step()
        self.now = max(self.now, end)

    def pass_time(self, millis: Millis) -> None:
        """The call that is under way takes so long; meanwhile the others act."""
        end = self.now + millis
        if self._depth < _DEEPEST:
            self._depth += 1
            try:
                self.run_until(end)
            finally:
                self._depth -= 1
        self.now = max(self.now, end)
