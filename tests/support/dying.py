"""A function that may die, or hear nothing, before and after every write and every call of Stripe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.gateways.stripe_shop import OrderPage
from chalicelib.kernel.errors import ProviderFailed, Unavailable
from chalicelib.runtime.tables import Contended, Operation
from tests.support.memory import MemoryTables
from tests.support.worlds import OfflinePayments


class Crash(BaseException):
    """The function dies: no code of ours sees it."""


@dataclass
class Death:
    """Comes at the ``at``th moment from now at which a function could die. With ``lost``, nobody dies there, but nobody
    hears either what came of what was asked.
    """

    at: int = -1
    lost: bool = False
    moments: int = 0

    def __call__(self, unheard: type[Exception]) -> None:
        self.moments += 1
        if self.moments - 1 == self.at:
            raise unheard if self.lost else Crash


class DyingTables(MemoryTables):
    """Death may come before and after every write."""

    def __init__(self, death: Death) -> None:
        super().__init__()
        self.death = death

    def write(self, *operations: Operation) -> None:
        self.death(Contended)
        super().write(*operations)
        self.death(Contended)


class DyingPayments(OfflinePayments):
    """Death may come before and after every call."""

    death: Death

    def refund(self, *, intent: str, amount: int, part: str) -> dict[str, Any]:
        self.death(ProviderFailed)
        made = super().refund(intent=intent, amount=amount, part=part)
        self.death(ProviderFailed)
        return made

    def refunds_of(self, intent: str) -> list[dict[str, Any]]:
        self.death(ProviderFailed)
        return super().refunds_of(intent)

    def open_order(self, **asked: Any) -> OrderPage:
        self.death(ProviderFailed)
        made = super().open_order(**asked)
        self.death(ProviderFailed)
        return made

    def checkout(self, page: str) -> dict[str, Any]:
        self.death(ProviderFailed)
        return super().checkout(page)

    def expire_checkout(self, page: str) -> dict[str, Any]:
        self.death(ProviderFailed)
        closed = super().expire_checkout(page)
        self.death(ProviderFailed)
        return closed


def insist(act: Callable[[], object]) -> None:
    """As Stripe does with an event, an app with a request, and the tick with what waits."""
    try:
        act()
    except (Crash, ProviderFailed, Unavailable):
        act()
