"""Step Functions: executions of ``infra/clock.asl.json``, which wait, call the ``clock`` function, and wait again.

They can be lost, late or doubled; a name is taken for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chalicelib.gateways.clock import clock_time, execution_name
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import SECOND, Millis
from tests.soak.chances import Chances
from tests.soak.timeline import Timeline

_TRIES: Final = 5
_TRANSITIONS: Final = (20, 150)
"""What the machine takes from the end of a wait to the call, milliseconds."""
_FIRST_PAUSE: Final = 2 * SECOND
_LONGEST_PAUSE: Final = 20 * SECOND
_REST: Final = 20 * SECOND
"""How long a gateway rests after a failed start."""

Tell = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Calls the function; None where it failed."""


@dataclass
class Execution:
    """``facts`` are its input; only ``answer`` changes."""

    facts: dict[str, Any]
    alive: bool = True


class Machine:
    """All executions, by name."""

    def __init__(self, timeline: Timeline, chances: Chances) -> None:
        self.executions: dict[str, Execution] = {}
        self.tell: Tell = lambda facts: None
        self._timeline = timeline
        self._chances = chances

    def start(self, name: str, facts: dict[str, Any]) -> None:
        """Start it, unless one of that name ever was."""
        if name not in self.executions:
            self.executions[name] = Execution(facts)
            self._wait(self.executions[name])

    def runs(self, name: str) -> bool:
        """Whether it goes on."""
        return name in self.executions and self.executions[name].alive

    def _wait(self, execution: Execution) -> None:
        chances = self._chances
        wake = _moment(execution.facts["answer"]["wake_at"])
        if chances("execution lost"):
            execution.alive = False
            return
        if chances("execution late"):
            wake = max(wake, self._timeline.now) + chances.span("execution late", 1, 90 * SECOND)
        if chances("execution twice"):
            self._timeline.at(wake, lambda: self.tell(execution.facts))
        begins = max(wake, self._timeline.now) + chances.stream("transitions").randint(*_TRANSITIONS)
        self._timeline.at(begins, lambda: self._advance(execution, 1))

    def _advance(self, execution: Execution, attempt: int) -> None:
        answer = self.tell(execution.facts) if execution.alive else {"done": True}
        if answer is None and attempt < _TRIES:
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
            pause = self._chances.stream("retries").randint(0, longest)
            self._timeline.after(pause, lambda: self._advance(execution, attempt + 1))
        elif answer is None or answer["done"]:
            execution.alive = False
        else:
            execution.facts = execution.facts | {"answer": answer}
            self._wait(execution)


class Starter:
    """``Clock`` of one environment."""

    def __init__(self, machine: Machine, timeline: Timeline, chances: Chances) -> None:
        self._machine = machine
        self._timeline = timeline
        self._chances = chances
        self._rests_until: Millis = 0

    def start(self, kind: str, thing: str, epoch: int, wake_at: Millis, turn: int = 0) -> None:
        refused = self._timeline.now < self._rests_until
        if not refused and self._chances("start of an execution refused"):
            refused, self._rests_until = True, self._timeline.now + _REST
        if refused:
            raise Unavailable
        facts = {"kind": kind, "id": thing, "epoch": epoch, "turn": turn, "answer": {"wake_at": clock_time(wake_at)}}
        self._machine.start(execution_name(thing, epoch, turn), facts)
        if self._chances("start of an execution of unknown outcome"):
            self._rests_until = self._timeline.now + _REST
            raise Unavailable


def _moment(written: str) -> Millis:
    return round(datetime.fromisoformat(written).timestamp() * SECOND)
