"""Coupons: a discount is divided to the cent, and no interleaving of orders uses a promotion more often than it may."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.kernel.errors import Invalid
from chalicelib.runtime.tables import Operation, Put
from chalicelib.shop import coupons
from chalicelib.shop.model.discount import Discount, Limit, allocated
from chalicelib.shop.terms_store import terms_of
from tests.support.worlds import hand_world

OF: Final = "promotion#promo_1"


@given(st.lists(st.integers(0, 10**7), max_size=10), st.integers(0, 10**6))
@settings(max_examples=200)
def test_what_is_divided_adds_up_and_no_line_falls_below_nothing(lines: list[int], millionths: int) -> None:
    amount = sum(lines) * millionths // 10**6
    parts = allocated(amount, lines)
    assert sum(parts) == amount
    assert all(0 <= part <= line for part, line in zip(parts, lines, strict=True))
    # As near as whole cents come: each within one cent of its exact share.
    assert all(
        abs(part * sum(lines) - amount * line) < max(1, sum(lines)) for part, line in zip(parts, lines, strict=True)
    )


@dataclass
class Order:
    """One of many; ``told`` is what Stripe had counted when its code was looked up."""

    rail: str
    told: int
    writes: list[Operation] = field(default_factory=list)
    state: str = "asked"

    @property
    def row(self) -> Put:
        """What makes it: a use is never written alone."""
        return Put("shop", {"pk": f"ord_{id(self)}", "sk": "order"})


FROM: Final = {"read": "asked", "write": "read", "lose": "read", "pay": "made", "call off": "made", "pay late": "off"}
"""Each step, and the state of the orders that it is taken with."""
TAKEN: Final = ("ask", "read", "write", "ask", "read", "write", "lose", "pay", "call off", "pay late")
STEPS = st.lists(st.tuples(st.sampled_from(TAKEN), st.integers(0, 9)), min_size=30, max_size=80)


class Shop:
    """Orders on one promotion, and Stripe, which counts what is paid on its pages."""

    def __init__(self, most: int) -> None:
        self.world = hand_world()
        self.most = most
        self.counted = 0
        self.orders: list[Order] = []

    def step(self, what: str, which: int) -> None:
        """Take it with one of the orders that are so far, if one is."""
        if what == "ask":
            self.orders.append(Order("credit" if which % 2 else "stripe", self.counted))
            return
        by_card = what in ("pay", "pay late")
        possible = [each for each in self.orders if each.state == FROM[what] and (each.rail == "stripe" or not by_card)]
        if possible:
            self._take(what, possible[which % len(possible)])

    def _take(self, what: str, order: Order) -> None:
        discount = Discount("promo_1", "CODE", "Code", 1, limits=(Limit(OF, self.most, order.told),))
        if what == "read":
            try:
                order.writes, order.state = coupons.redeemed(self.world, discount, order.rail), "read"
            except Invalid:
                order.state = "refused"
        elif what == "write":
            order.state = "made" if self.world.wrote(order.row, *order.writes) else "asked"
        elif what == "call off":
            self.world.tables.write(order.row, *coupons.unredeemed(self.world, discount, order.rail))
            order.state = "off"
        elif what == "lose":
            order.state = "asked"
        else:  # what is paid after it was called off, Stripe counts too; we give it back
            order.state, self.counted = {"pay": "paid", "pay late": "late"}[what], self.counted + 1

    def standing(self) -> int:
        """Orders that use it."""
        return sum(each.state in ("made", "paid") for each in self.orders)


@given(st.integers(1, 4), STEPS)
@settings(max_examples=150)
def test_no_interleaving_uses_a_promotion_more_often_than_it_may(most: int, steps: list[tuple[str, int]]) -> None:
    """Uses by credit and on pages, orders called off, pages paid after that, and writes that come too late."""
    shop = Shop(most)
    for step in steps:
        shop.step(*step)
        assert shop.standing() <= most
        uses = terms_of(shop.world).uses(OF)
        assert uses.credit + uses.stripe == shop.standing()
