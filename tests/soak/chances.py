"""What goes wrong, when: each kind of fault has a source of chance of its own, so one can be left out of a replay."""

from __future__ import annotations

import random
from collections import Counter
from typing import Final

KINDS: Final = {
    "crash before a write": 0.003,
    "crash after a write": 0.003,
    "request to storage lost": 0.003,
    "answer of storage lost": 0.004,
    "throttled": 0.006,
    "transaction conflict": 0.006,
    "storage in error": 0.003,
    "call slow": 0.006,
    "clock of a function apart": 0.6,
    "request of a phone lost": 0.02,
    "answer to a phone lost": 0.02,
    "request of a phone late": 0.15,
    "request of a phone twice": 0.02,
    "phone without network": 0.012,
    "webhook late": 0.25,
    "webhook twice": 0.08,
    "webhook lost": 0.02,
    "webhook forged": 0.01,
    "removal refused": 0.04,
    "removal of unknown outcome": 0.03,
    "removal slow": 0.03,
    "execution lost": 0.05,
    "execution late": 0.05,
    "execution twice": 0.03,
    "start of an execution refused": 0.03,
    "start of an execution of unknown outcome": 0.02,
    "tick late": 0.15,
    "tick twice": 0.03,
    "tick left out": 0.04,
    "tick short of time": 0.02,
    "tick reads an old page": 0.15,
    "page of Stripe not opened": 0.03,
    "charge of a card lost": 0.1,
    "answer to a charge lost": 0.1,
}
"""How likely each is, where it can happen at all; a mood multiplies it."""
CALM: Final = frozenset({"clock of a function apart", "request of a phone late", "phone without network"})
"""What also happens on a calm day."""


class Chances:
    """``mood`` multiplies how likely every fault is: 0 leaves only ``always``. ``without`` leaves kinds out."""

    def __init__(self, seed: str, mood: float, always: frozenset[str], without: frozenset[str] = frozenset()) -> None:
        self.met: Counter[str] = Counter()
        self.quiet = False
        self._seed = seed
        self._mood = mood
        self._always = always
        self._without = without
        self._streams: dict[str, random.Random] = {}

    def stream(self, name: str) -> random.Random:
        """A source of chance of that name, the same for the same seed."""
        if name not in self._streams:
            self._streams[name] = random.Random(f"{self._seed}/{name}")  # noqa: S311 - a source of examples
        return self._streams[name]

    def __call__(self, kind: str) -> bool:
        """Whether this fault happens here and now."""
        drawn = self.stream(kind).random()
        likely = KINDS[kind] * (1 if kind in self._always else self._mood)
        if self.quiet or kind in self._without or drawn >= likely:
            return False
        self.met[kind] += 1
        return True

    def span(self, kind: str, least: int, most: int) -> int:
        """How long that fault lasts, milliseconds."""
        return self.stream(f"{kind}: span").randint(least, most)
