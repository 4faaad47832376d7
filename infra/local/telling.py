"""What the acts of a play share: what is told, what is checked, and step after step until one cannot be taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.runtime.tables import Contended
from infra.local.agora.device import ChannelRefused
from infra.local.phone import Refused, Unreachable
from infra.local.screen import Screen
from infra.local.waiting import TookTooLong

Step = Callable[[], None]
"""Its docstring is its title."""


class CannotGoOn(Exception):
    """A step cannot be taken, and why."""


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation, and whether it held. ``saw`` says what was there instead."""

    what: str
    held: bool
    saw: str = ""


@dataclass
class Telling:
    """Tells a play on a screen. ``look`` is called before each line, so that what happened by itself is told first."""

    screen: Screen
    look: Callable[[], None]
    checks: list[Check]

    def play(self, steps: Sequence[Step], act: str) -> bool:
        """Take the steps, to the first that cannot be taken; that is a check that did not hold. Whether all were."""
        for number, step in enumerate(steps, 1):
            what = (step.__doc__ or step.__name__).removesuffix(".")
            self.screen.begin(f"{act}, {number} of {len(steps)}: {what}" if len(steps) > 1 else f"{act}: {what}")
            try:
                step()
            except (Refused, Unreachable, TookTooLong, Contended, ChannelRefused, CannotGoOn) as stopped:
                self.check(what, held=False, saw=str(stopped))
                return False
        return True

    def tell(self, who: str, what: str) -> None:
        self.look()
        self.screen.tell(who, what)

    def check(self, what: str, *, held: bool, saw: str = "") -> None:
        self.checks.append(Check(what, held, saw))
        self.look()
        self.screen.tell("✓" if held else "✗", what if held or not saw else f"{what}: {saw}")

    def refused(self, what: str, status: int, act: Callable[[], object]) -> None:
        """Check that the API refuses it."""
        try:
            act()
        except Refused as refused:
            self.check(f"{what}: {refused.status} {refused.code}", held=refused.status == status)
        else:
            self.check(what, held=False, saw="it was done")
