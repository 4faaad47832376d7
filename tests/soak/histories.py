"""One history: played from its seed, told in figures, and made smaller where it found something."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from chalicelib.kernel.time import Millis
from tests.soak.findings import Finding
from tests.soak.system import System
from tests.support.worlds import NOON

STEPS: Final = 2_000
"""Of one history, before everybody goes home."""
_SECONDS_TO_SHRINK: Final = 120


@dataclass
class Told:
    """What came of it, or of several."""

    steps: int = 0
    wired_steps: int = 0
    histories: int = 0
    wired: int = 0
    virtual: Millis = 0
    cpu_seconds: float = 0
    readings: Counter[str] = field(default_factory=Counter)
    """By what ended them."""
    met: Counter[str] = field(default_factory=Counter)
    """Faults, by kind."""
    longest: dict[str, Millis] = field(default_factory=dict)

    def add(self, other: Told) -> None:
        """Put both together."""
        for name in ("steps", "wired_steps", "histories", "wired", "virtual", "cpu_seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.readings += other.readings
        self.met += other.met
        for what, span in other.longest.items():
            self.longest[what] = max(span, self.longest.get(what, 0))


@dataclass
class Found:
    """A finding, and the smallest way to it that was found."""

    seed: int
    steps: int
    without: tuple[str, ...]
    finding: str

    @property
    def replay(self) -> str:
        """The command that finds it again."""
        without = f' WITHOUT="{",".join(self.without)}"' if self.without else ""
        return f"SEED={self.seed} STEPS={self.steps}{without} make soak"


def play(seed: int, steps: int = STEPS, without: frozenset[str] = frozenset()) -> tuple[Told, str | None]:
    """Play it; what came of it, and the finding, if there is one."""
    began = time.process_time()
    system = System(seed, without)
    finding = None
    try:
        system.play(steps)
    except Finding as found:
        finding = str(found)
    done = system.timeline.steps
    told = Told(
        steps=done,
        wired_steps=done if system.wired else 0,
        histories=1,
        wired=int(system.wired),
        virtual=system.timeline.now - NOON,
        cpu_seconds=time.process_time() - began,
        readings=system.counted(),
        met=system.chances.met,
        longest=dict(system.judge.longest),
    )
    return told, finding


def play_and_shrink(seed: int) -> tuple[Told, Found | None]:
    """Play a history; where it finds something, look for a shorter way there with fewer kinds of faults."""
    told, finding = play(seed)
    return told, None if finding is None else shrunk(seed, told, finding)


def shrunk(seed: int, told: Told, finding: str) -> Found:
    """The shortest beginning, then the fewest kinds of faults, that still break the same rule."""
    until = time.monotonic() + _SECONDS_TO_SHRINK
    rule = finding.partition(":")[0]
    found = Found(seed, min(told.steps, STEPS), (), finding)

    def still(steps: int, without: tuple[str, ...]) -> bool:
        nonlocal found
        if time.monotonic() > until:
            return False
        _, again = play(seed, steps, frozenset(without))
        if again is None or again.partition(":")[0] != rule:
            return False
        found = Found(seed, steps, without, again)
        return True

    _shorter(found.steps, lambda steps: still(steps, ()))
    for kind in sorted(told.met):
        still(found.steps, (*found.without, kind))
    _shorter(found.steps, lambda steps: still(steps, found.without))
    return found


def _shorter(steps: int, still: Callable[[int], bool]) -> None:
    """Halve what is left as long as it goes."""
    low, high = 0, steps
    while high - low > 1:
        middle = (low + high) // 2
        if still(middle):
            high = middle
        else:
            low = middle
