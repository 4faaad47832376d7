"""The two clocks' calls: the minute's, shard by shard, and those of Step Functions."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from chalicelib.gateways import World
from chalicelib.kernel.time import MINUTE, SECOND, Millis
from chalicelib.operations.handlers import tell, work
from chalicelib.runtime.problems import problem_for
from chalicelib.runtime.tables import Contended
from tests.property.tables import Crash
from tests.soak.findings import Finding, must
from tests.soak.storage import Trouble

if TYPE_CHECKING:
    from tests.soak.system import System


class Ticks:
    """Begins with the first minute."""

    def __init__(self, system: System) -> None:
        self._system = system
        system.machine.tell = self._tell
        self._planned(system.timeline.now + MINUTE)

    def _planned(self, moment: Millis) -> None:
        self._system.timeline.at(moment, lambda: self._minute(moment))

    def _minute(self, moment: Millis) -> None:
        chances = self._system.chances
        self._planned(moment + MINUTE)
        self._system.shelf.keep_page()
        if chances("tick left out"):
            return
        for _ in range(2 if chances("tick twice") else 1):
            late = chances.span("tick late", SECOND, MINUTE) if chances("tick late") else 0
            for shard in range(self._system.world.settings.tick_shards):
                self._after(late + 100 * shard, {"shard": str(shard)})

    def _after(self, millis: Millis, facts: dict[str, Any]) -> None:
        self._system.timeline.after(millis, lambda: self._work(facts))

    def _work(self, facts: dict[str, Any]) -> None:
        short = self._system.chances("tick short of time")

        def served(world: World, trouble: Trouble) -> None:
            context = _Context(self._system, trouble, short=short)
            work(world, facts, context, lambda more: self._after(SECOND, more))

        try:
            self._system.functions.call("billing_tick", served)
        except (Crash, Contended):
            return  # the next minute's tick looks again

    def _tell(self, facts: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to the machine; None where the function failed, as it may while storage is in trouble."""

        def served(world: World, trouble: Trouble) -> dict[str, Any]:
            answer = tell(world, facts)
            if facts["kind"] != "session":
                return answer
            row = self._system.books.sessions[facts["id"]]
            own = (facts["epoch"], facts["turn"]) == (row.epoch, row.clock_turn)
            if not trouble.raced and not trouble.disturbed:
                must(answer["done"] or own, "an older execution ends", facts=facts, session=row)
                must(not own or answer["done"] != row.is_open, "the clock of an open reading goes on", session=row)
            return answer

        try:
            return self._system.functions.call("clock", served)
        except Crash:
            return None
        except Exception as error:
            if problem_for(error).code == "internal":
                raise Finding(f"the clock raised {''.join(traceback.format_exception(error))}") from error
            return None


class _Context:
    """What Lambda says of the time that is left; ``short``: too little, after the first session."""

    def __init__(self, system: System, trouble: Trouble, *, short: bool) -> None:
        self._system = system
        self._trouble = trouble
        self._short = short
        self._asked = 0

    def get_remaining_time_in_millis(self) -> Millis:
        self._asked += 1
        if self._short and self._asked > 1:
            return 1
        return self._trouble.deadline - self._system.timeline.now
