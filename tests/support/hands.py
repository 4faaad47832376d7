"""Operators who give and take by hand, on tables that others use too: the words of those tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.operations import adjustments
from chalicelib.operations.model.adjustment import Adjustment, What, wanted
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from tests.support.people import person
from tests.support.reading import pay_in
from tests.support.worlds import HandClock

ANN = "arn:aws:iam::123456789012:user/ann"
BEA = "arn:aws:iam::123456789012:user/bea"


@dataclass(frozen=True)
class Hands:
    """``own`` is what makes the ids of people and refs their own."""

    world: World
    own: str = "1"

    def user(self, name: str = "ada") -> str:
        return f"usr_{name}{self.own}"

    def known(self, *names: str) -> Self:
        for name in names or ("ada",):
            person(self.world, self.user(name))
        return self

    def paid(self, cents: Cents, name: str = "ada", key: str = "1") -> Self:
        pay_in(self.world, self.user(name), cents, f"topup:{self.user(name)}{key}")
        return self

    def forward(self, millis: Millis) -> Self:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    # what operators do

    def wants(
        self, amount: int, name: str = "ada", *, ref: str = "t1", what: What = "credit", days: int = 0
    ) -> Adjustment:
        return wanted(what, self.user(name), amount, f"{ref}-{self.own}", days=days)

    def makes(self, amount: int, name: str = "ada", *, by: str = ANN, **how: Any) -> Adjustment:
        return adjustments.make(self.world, self.wants(amount, name, **how), actor=by, reason="ticket 7")

    def approves(self, request: Adjustment, *, by: str = BEA) -> Adjustment:
        return adjustments.approve(self.world, request.id, actor=by, reason="seen")

    def rejects(self, request: Adjustment, *, by: str = BEA) -> Adjustment:
        return adjustments.reject(self.world, request.id, actor=by, reason="no")

    # what is there

    def head(self, name: str = "ada") -> Entry:
        return wallet.head(self.world, self.user(name))

    def balance(self, name: str = "ada") -> Cents:
        return self.head(name).balance

    def audited(self, name: str = "ada") -> list[tuple[str, str, str]]:
        rows = self.world.tables.query(self.world.settings.tables.audit, ("pk", self.user(name))).items
        return [(row["action"], row["actor"], row["reason"]) for row in rows]

    def told(self, name: str = "ada") -> list[tuple[str, dict[str, Any]]]:
        rows = self.world.tables.query(self.world.settings.tables.notices, ("pk", self.user(name))).items
        return [(row["kind"], row["facts"]) for row in rows]


def insisting(act: Callable[[], Any]) -> Any:
    """What comes of asking again until there is an answer."""
    from chalicelib.kernel.errors import Unavailable
    from chalicelib.runtime.tables import Contended

    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")
