"""What goes back of an order, to whom, and who bears it.

Of ``n`` units of which ``r`` went back before, ``k`` more are worth ⌊net·(r+k)/n⌋ less ⌊net·r/n⌋, so that all parts
add up to the whole. What was not divided yet still lies in ``order:{order}``; of what was, the seller gives back the
difference between the shares of what remained before and after, and the platform the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.errors import AlreadyDone, Invalid, InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.shop.model.order import MOST_REFUNDS, Item, Order, Refund, State, looked
from chalicelib.wallet.model.buckets import Part

_SPARE: Final = 2
"""Refunds that are kept for the buyer's own cancel and for one who leaves."""


@dataclass(frozen=True, slots=True)
class Borne:
    """What was divided of an item and goes back: ``amount`` in all, of which the seller gives ``share``."""

    item: str
    seller: str | None
    amount: Cents
    share: Cents


@dataclass(frozen=True, slots=True)
class Return:
    """One refund, and the order after it."""

    order: Order
    refund: Refund
    borne: tuple[Borne, ...]
    unsent: Mapping[str, int]
    """Units by product that had not been sent: they are on sale again, whatever is said of the others."""
    sent: Mapping[str, int]
    """Units by product that are the buyer's or had been sent: on sale again if they came back."""
    shipping_borne: Cents
    """What goes back of what the platform had for the shipping."""

    @property
    def divided(self) -> Cents:
        """What of it is readers' and the platform's by now."""
        return sum(each.amount for each in self.borne) + self.shipping_borne


def unsent(order: Order) -> dict[str, int]:
    """The units of each item that are paid and neither the buyer's nor sent."""
    return {each.id: each.left for each in order.items if each.state == "paid"}


def everything(order: Order) -> dict[str, int]:
    """All units that are left, whatever became of them."""
    return {each.id: each.left for each in order.items if each.left}


def made_before(order: Order, refund_id: str, units: Mapping[str, int] | None, *, shipping: bool) -> Refund | None:
    """The refund of that name, if it was made. Raises AlreadyDone where it gave something else back; ``units`` None is
    whatever it gave.
    """
    made = next((each for each in order.refunds if each.id == refund_id), None)
    if made and units is not None:
        postage = order.shipping.amount - order.shipping.refunded if order.shipping else 0
        if made.units != units or (bool(made.shipping) != shipping and (postage or not shipping)):
            raise AlreadyDone("Something else was given back under this name before.")
    return made


def called_off(order: Order, refund_id: str, now: Millis) -> Return:
    """Give back what is neither the buyer's nor sent, what sending costs with it unless something was sent.

    Raises InvalidState where there is nothing.
    """
    units = unsent(order)
    if not units:
        raise InvalidState(f"Nothing of this order can be called off: it is {order.state}.")
    sends = order.shipping is not None and not order.shipping.settled
    return planned(order, refund_id, units, now, shipping=sends, last=True)


def planned(
    order: Order, refund_id: str, units: Mapping[str, int], now: Millis, *, shipping: bool, last: bool = False
) -> Return:
    """Give back those ``units`` of each item and, with ``shipping``, what is left of what that cost.

    ``last`` is for what must always find room. Raises NotFound, Invalid (more than is left, or nothing), InvalidState
    (never paid, or too many refunds).
    """
    if order.paid_at is None:
        raise InvalidState(f"The order is {order.state}: nothing was paid.")
    if len(order.refunds) >= MOST_REFUNDS - (0 if last else _SPARE):
        raise InvalidState("The order has too many refunds. Give the rest back by hand.")
    _must_be_left(order, units)
    after = replace(
        order, items=tuple(_less(each, units[each.id]) if each.id in units else each for each in order.items)
    )
    pairs = [(was, after.item(was.id)) for was in order.items if was.id in units]
    postage = order.shipping.amount - order.shipping.refunded if order.shipping and shipping else 0
    if not units and not postage:
        raise Invalid("There is nothing to give back.")
    amount = sum(was.kept - now.kept for was, now in pairs)
    by_coins = order.rail == "coins"
    asked = order.rail == "stripe" and amount + postage > 0
    refund = Refund(
        id=refund_id,
        at=now,
        units=dict(units),
        amount=0 if by_coins else amount + postage,
        coins=sum(was.kept_coins - now.kept_coins for was, now in pairs),
        shipping=postage,
        part=f"{order.id}:{len(order.refunds) + 1}" if asked else None,
        done=not asked,
    )
    after, borne = _postage(after, postage)
    return Return(
        order=looked(replace(after, refunds=(*order.refunds, refund)), now),
        refund=refund,
        borne=tuple(
            Borne(was.id, was.seller, was.kept - left.kept, was.earned - left.earned)
            for was, left in pairs
            if was.settled
        ),
        unsent={was.product: units[was.id] for was, _ in pairs if not was.settled and not was.endless},
        sent={was.product: units[was.id] for was, _ in pairs if was.settled and not was.endless},
        shipping_borne=borne,
    )


def paid_late(order: Order, now: Millis, intent: str) -> Return:
    """A cancelled order that was paid all the same: all of it goes back at once. Its stock went back before.

    Raises InvalidState unless it was cancelled.
    """
    if order.state != "cancelled":
        raise InvalidState(f"The order is {order.state}.")
    items = tuple(replace(each, cancelled=0) for each in order.items)
    paid = replace(order, items=items, paid_at=now, intent=intent)
    back = planned(paid, "late", everything(paid), now, shipping=True)
    return replace(back, unsent={})


def parts_back(spent: tuple[Part, ...], before: Cents, amount: Cents) -> tuple[Part, ...]:
    """Where ``amount`` goes back to after ``before`` did: the last that was spent comes back first."""
    parts: list[Part] = []
    for bucket, cents, expires_at in reversed(spent):
        skipped = min(before, cents)
        before -= skipped
        back = min(amount, cents - skipped)
        if back:
            parts.append((bucket, back, expires_at))
            amount -= back
    if amount or before:
        raise ValueError(f"{amount + before} more would go back than was spent")
    return tuple(parts)


def _must_be_left(order: Order, units: Mapping[str, int]) -> None:
    for name, count in units.items():
        left = order.item(name).left
        if not 1 <= count <= left:
            raise Invalid(errors=({"field": "units", "message": f"Item {name} has {left} left to give back."},))


def _less(item: Item, count: int) -> Item:
    state: State = "refunded" if count == item.left else item.state
    return replace(item, refunded=item.refunded + count, state=state)


def _postage(order: Order, back: Cents) -> tuple[Order, Cents]:
    """The order with its shipping as it is then, and what goes back of what the platform had for it. Where nothing will
    be sent any more, the rest is the platform's.
    """
    was = order.shipping
    if was is None:
        return order, 0
    shipping = replace(was, refunded=was.refunded + back, settled=was.settled or not order.to_ship)
    return replace(order, shipping=shipping), back if was.settled else 0
