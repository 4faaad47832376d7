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
    writes: list[Operation] | None = None
    state: str = "asked"


@dataclass
class Shop:
    """Orders on one promotion, and Stripe, which counts what is paid on its pages."""

    most: int
    counted: int = 0
    orders: list[Order] = field(default_factory=list)

    def of(self, state: str) -> list[Order]:
        return [each for each in self.orders if each.state == state]

    def standing(self) -> int:
        return len(self.of("made")) + len(self.of("paid"))


def beside(order: Order) -> Put:
    """What makes the order: a use is never written alone."""
    return Put("shop", {"pk": f"ord_{id(order)}", "sk": "order"})


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "read", "write", "lose", "pay", "call off", "late"]), st.integers(0, 9)),
    max_size=60,
)


@given(st.integers(1, 4), STEPS)
@settings(max_examples=150)
def test_no_interleaving_uses_a_promotion_more_often_than_it_may(most: int, steps: list[tuple[str, int]]) -> None:
    """Uses by credit and on pages, orders called off, pages paid after that, and writes that come too late."""
    world, shop = hand_world(), Shop(most)
    for step, which in steps:
        if step == "ask":
            shop.orders.append(Order("credit" if which % 2 else "stripe", shop.counted))
            continue
        wanted = {"read": "asked", "write": "read", "lose": "read", "pay": "made", "call off": "made", "late": "off"}
        possible = [each for each in shop.of(wanted[step]) if step not in ("pay", "late") or each.rail == "stripe"]
        if not possible:
            continue
        order = possible[which % len(possible)]
        discount = Discount("promo_1", "CODE", "Code", 1, limits=(Limit(OF, most, order.told),))
        if step == "read":
            try:
                order.writes, order.state = coupons.redeemed(world, discount, order), "read"
            except Invalid:
                order.state = "refused"
        elif step == "write":
            order.state = "made" if world.wrote(beside(order), *(order.writes or ())) else "asked"
        elif step == "lose":
            order.state = "asked"
        elif step == "pay":
            order.state, shop.counted = "paid", shop.counted + 1
        elif step == "call off":
            world.tables.write(*coupons.unredeemed(world, discount, order))
            order.state = "off"
        else:  # paid after it was called off: Stripe counts it, and we give it back
            order.state, shop.counted = "late", shop.counted + 1
        assert shop.standing() <= most
        uses = terms_of(world).uses(OF)
        assert uses.credit + uses.stripe == shop.standing()
