"""An order, and what becomes of each thing in it.

    pending → paid → fulfilled            digital
                   → shipped → delivered  physical
    pending → cancelled    nothing was paid
    paid …  → refunded     all of its units were given back

Each item goes its own way, and ``state_of`` tells the order's state from them. Names and prices are those of the
moment at which it was made. What was paid lies in ``order:{order}`` until it is divided, when an item is fulfilled or
sent, or given back. Amounts are cents, moments milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from chalicelib.kernel import text
from chalicelib.kernel.errors import Invalid, InvalidState, NotFound
from chalicelib.kernel.money import Cents, coin_value, reader_share
from chalicelib.kernel.time import MINUTE, Millis
from chalicelib.shop.model import discount as discounts
from chalicelib.shop.model.discount import Discount
from chalicelib.shop.model.product import Kind
from chalicelib.shop.model.shipping import Address
from chalicelib.wallet.model.buckets import Part
from chalicelib.wallet.model.rails import Where

Rail = Literal["credit", "coins", "stripe"]
State = Literal["pending", "paid", "fulfilled", "shipped", "delivered", "cancelled", "refunded"]
Why = Literal["buyer", "admin", "expired", "failed", "refused", "left"]
"""Why nobody paid an order: it was called off by its buyer or by us, its page ended, the bank said no, Stripe does not
sell it so, or its buyer leaves.
"""

MOST_LINES: Final = 10
MOST_UNITS: Final = 20
"""Of one product in one order; of a digital one there is one."""
MOST_REFUNDS: Final = 40
"""Of one order: a payment at Stripe gives no more back from here."""
PAGE_LIFE: Final[Millis] = 31 * MINUTE
"""How long an order can be paid at Stripe, which takes half an hour at least."""
CARRIER_LENGTH: Final = 60
TRACKING_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody wants of one product, as it is on sale at this moment."""

    product: str
    name: str
    kind: Kind
    seller: str | None
    quantity: int
    unit: Cents
    """The price of one; 0 where it is only to be had for coins."""
    coins: int
    """The price of one in coins; 0 where it has none."""
    price_id: str | None = None
    """Stripe's id of the price."""


@dataclass(frozen=True, slots=True)
class Item:
    """All units of one product in an order."""

    id: str
    product: str
    name: str
    kind: Kind
    seller: str | None
    """The reader whose product it is; None for the platform's own."""
    quantity: int
    unit: Cents
    net: Cents
    """What is paid for all of them, the discount off. For coins it is what they are worth."""
    coins: int
    """What is paid for all of them in coins."""
    price_id: str | None = None
    refunded: int = 0
    """Units that were given back after they had been paid."""
    cancelled: int = 0
    """Units that were never paid, and never will be."""
    state: State = "pending"
    fulfilled_at: Millis | None = None
    shipped_at: Millis | None = None
    delivered_at: Millis | None = None
    carrier: str | None = None
    tracking: str | None = None
    downloads: int = 0
    """How often its file was fetched."""
    endless: bool = False
    """Nobody had said how many there are when it was ordered: nothing was taken of a stock, and nothing comes back."""

    @property
    def left(self) -> int:
        """Units that are neither cancelled nor given back."""
        return self.quantity - self.refunded - self.cancelled

    @property
    def settled(self) -> bool:
        """Whether what was paid for it was divided: it is the buyer's, or on its way to them."""
        return self.fulfilled_at is not None or self.shipped_at is not None

    @property
    def kept(self) -> Cents:
        """What is paid for the units that were not given back."""
        return self.net - self.net * self.refunded // self.quantity

    @property
    def kept_coins(self) -> int:
        """The same in coins."""
        return self.coins - self.coins * self.refunded // self.quantity

    @property
    def earned(self) -> Cents:
        """The seller's share of it, once it is settled."""
        return reader_share(self.kept) if self.seller and self.settled else 0


@dataclass(frozen=True, slots=True)
class Shipping:
    """How what is physical is sent, and where to. ``rate`` is the rate's id."""

    rate: str
    name: str
    amount: Cents
    address: Address | None = field(repr=False)
    """None once its owner has left."""
    refunded: Cents = 0
    settled: bool = False
    """Whether the amount was divided: something was sent, or nothing will be and it is kept."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """With whom something was sent, and the number it can be followed by."""

    carrier: str
    tracking: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """The page of Stripe's on which the order is paid. Until it is known to be there it has no id."""

    expires_at: Millis
    """Fixed before Stripe is asked, so that a repeat asks for the same page."""
    id: str | None = None
    url: str | None = field(default=None, repr=False)
    closing: Why | None = None
    """For what we close it before its time; that it is closed, Stripe says."""


@dataclass(frozen=True, slots=True)
class Refund:
    """What was given back at one time: the units of each item, and perhaps what the shipping cost."""

    id: str
    """What tells two apart: a repeat of the same one is no second."""
    at: Millis
    units: Mapping[str, int]
    """By item."""
    amount: Cents
    """All of it in cents, the shipping with it; 0 of an order for coins."""
    coins: int = 0
    shipping: Cents = 0
    part: str | None = None
    """What it is called in its payment by Stripe: ``{order}:{n}``."""
    done: bool = True
    """Whether the buyer has it. By Stripe it is asked for after it was written."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order, as its row holds it."""

    id: str
    buyer: str
    rail: Rail
    where: Where
    items: tuple[Item, ...]
    created_at: Millis
    total: Cents
    """What is paid in all, with the shipping; 0 for coins."""
    coins: int = 0
    discount: Discount | None = None
    shipping: Shipping | None = None
    paid_at: Millis | None = None
    checkout: Checkout | None = None
    intent: str | None = None
    """The payment at Stripe."""
    entry: str | None = None
    """The entry of the buyer's credit, or coins, that paid for it."""
    spent: tuple[Part, ...] = ()
    """Where paid credit came from, in the order of spending."""
    refunds: tuple[Refund, ...] = ()
    cancelled_for: Why | None = None
    look_at: Millis | None = None
    """When time, or a retry, can change it; None where nothing can."""
    rev: int = 0
    """Raised by every write, and the condition of the next one."""

    @property
    def state(self) -> State:
        """Where it stands as a whole."""
        return state_of(self.items)

    @property
    def clearing(self) -> str:
        """The account that what was paid for it passes through."""
        return f"order:{self.id}"

    @property
    def to_ship(self) -> bool:
        """Whether something that was paid waits to be sent."""
        return any(each.kind == "physical" and each.state == "paid" for each in self.items)

    @property
    def returned(self) -> Cents:
        """What was given back, or is about to be; 0 of an order for coins."""
        return sum(each.amount for each in self.refunds)

    @property
    def returned_coins(self) -> int:
        """The same in coins."""
        return sum(each.coins for each in self.refunds)

    def item(self, item_id: str) -> Item:
        """One of its items. Raises NotFound."""
        found = next((each for each in self.items if each.id == item_id), None)
        if found is None:
            raise NotFound("The order has no such item.")
        return found

    def wants(self) -> dict[str, int]:
        """How many units of each product are ordered."""
        return {each.product: each.quantity for each in self.items}

    def took(self) -> dict[str, int]:
        """How many of those were taken of a stock."""
        return {each.product: each.quantity for each in self.items if not each.endless}


def state_of(items: Sequence[Item]) -> State:
    """The state of an order with these items."""
    live = {(each.kind, each.state) for each in items if each.left}
    states = {state for _, state in live}
    if not live:
        return "refunded" if any(each.refunded for each in items) else "cancelled"
    if "pending" in states:
        return "pending"
    if "paid" in states:
        return "paid"
    if "shipped" in states:
        return "shipped"
    return "delivered" if ("physical", "delivered") in live else "fulfilled"


# --- making one ------------------------------------------------------------------------------------


def ordered(
    order_id: str,
    buyer: str,
    how: tuple[Rail, Where],
    lines: Sequence[Line],
    discount: Discount | None,
    shipping: Shipping | None,
    cents_per_100_coins: Cents,
    now: Millis,
) -> Order:
    """An order of these lines, which nobody has paid. Raises ValueError for a discount that they do not bear."""
    rail, where = how
    items = []
    for number, line in enumerate(lines, start=1):
        coins = line.coins * line.quantity if rail == "coins" else 0
        items.append(
            Item(
                id=str(number),
                product=line.product,
                name=line.name,
                kind=line.kind,
                seller=line.seller,
                quantity=line.quantity,
                unit=line.unit,
                net=coin_value(coins, cents_per_100_coins) if rail == "coins" else line.unit * line.quantity,
                coins=coins,
                price_id=line.price_id,
            )
        )
    made = Order(
        id=order_id,
        buyer=buyer,
        rail=rail,
        where=where,
        items=tuple(items),
        created_at=now,
        total=0,
        coins=sum(each.coins for each in items),
        shipping=shipping,
    )
    if rail == "coins":
        return made
    return discounted(made, discount) if discount else replace(made, total=_total(made))


def discounted(order: Order, discount: Discount) -> Order:
    """The order with that discount, in place of another: what Stripe makes of a coupon counts.

    Raises InvalidState once it is paid, ValueError where its lines do not bear it.
    """
    _must_be_pending(order)
    listed = [discounts.Line(each.product, each.unit * each.quantity) for each in order.items]
    off = discount.over(listed)
    items = tuple(
        replace(each, net=line.amount - less) for each, line, less in zip(order.items, listed, off, strict=True)
    )
    priced = replace(order, items=items, discount=discount)
    return replace(priced, total=_total(priced))


def _total(order: Order) -> Cents:
    return sum(each.net for each in order.items) + (order.shipping.amount if order.shipping else 0)


# --- what becomes of it ----------------------------------------------------------------------------


def taking(order: Order, of_stock: Collection[str]) -> Order:
    """The order, of which those products were taken of a stock."""
    return replace(order, items=tuple(replace(each, endless=each.product not in of_stock) for each in order.items))


def awaiting(order: Order, now: Millis) -> Order:
    """The order that is to be paid on a page of Stripe's, and to be looked at when that is over."""
    ends = now + PAGE_LIFE
    return replace(order, checkout=Checkout(ends), look_at=ends)


def paid(
    order: Order, at: Millis, *, entry: str | None = None, spent: tuple[Part, ...] = (), intent: str | None = None
) -> Order:
    """The order once it is paid. Raises InvalidState unless it waits for that."""
    _must_be_pending(order)
    items = tuple(replace(each, state="paid") for each in order.items)
    return looked(replace(order, items=items, paid_at=at, entry=entry, spent=spent, intent=intent), at)


def closing(order: Order, why: Why) -> Order:
    """The order whose page is about to be closed, for ``why``; as it was where it waits for nothing, or is closing."""
    if order.state != "pending" or order.checkout is None or order.checkout.closing:
        return order
    return replace(order, checkout=replace(order.checkout, closing=why))


def cancelled(order: Order, why: Why) -> Order:
    """The order that nobody will pay any more: for ``why``, but where its page is over because we closed it, for what
    we did so. Raises InvalidState once it is paid.
    """
    _must_be_pending(order)
    if why == "expired" and order.checkout and order.checkout.closing:
        why = order.checkout.closing
    items = tuple(replace(each, state="cancelled", cancelled=each.quantity) for each in order.items)
    return replace(order, items=items, cancelled_for=why, look_at=None)


def fulfilled(order: Order, at: Millis) -> Order:
    """The order once everything digital in it is the buyer's; as it was where it is."""
    if not digital_due(order):
        return order
    due = {each.id for each in digital_due(order)}
    items = _changed(order, due, lambda each: replace(each, state="fulfilled", fulfilled_at=at))
    return looked(replace(order, items=items), at)


def waiting(order: Order, state: Literal["paid", "shipped"]) -> tuple[str, ...]:
    """What is physical in it and to be sent, or was sent and has not arrived. Raises InvalidState where nothing is."""
    found = tuple(each.id for each in order.items if (each.kind, each.state) == ("physical", state))
    if not found:
        what = "waits to be sent" if state == "paid" else "is on its way"
        raise InvalidState(f"Nothing of this order {what}: it is {order.state}.")
    return found


def shipped(order: Order, which: Collection[str], shipment: Shipment, at: Millis) -> Order:
    """The order once those items were sent. Raises NotFound, InvalidState, Invalid."""
    _must_be(order, which, "paid")
    sent = written(shipment)
    items = _changed(
        order,
        which,
        lambda each: replace(each, state="shipped", shipped_at=at, carrier=sent.carrier, tracking=sent.tracking),
    )
    shipping = replace(order.shipping, settled=True) if order.shipping else None
    return replace(order, items=items, shipping=shipping)


def delivered(order: Order, which: Collection[str], at: Millis) -> Order:
    """The order once those items have arrived. Raises NotFound, InvalidState."""
    _must_be(order, which, "shipped")
    items = _changed(order, which, lambda each: replace(each, state="delivered", delivered_at=at))
    return replace(order, items=items)


def digital_due(order: Order) -> list[Item]:
    """What is paid and can be the buyer's at once."""
    return [each for each in order.items if each.kind == "digital" and each.state == "paid"]


def forgotten(order: Order) -> Order:
    """The order without the address that it was sent to."""
    return replace(order, shipping=replace(order.shipping, address=None)) if order.shipping else order


def looked(order: Order, at: Millis) -> Order:
    """The order, to be looked at from ``at`` on where something is left that needs nobody to act."""
    waits = digital_due(order) or any(not each.done for each in order.refunds)
    return replace(order, look_at=at if waits else None)


def written(shipment: Shipment) -> Shipment:
    """The shipment, cleaned. Raises Invalid: nothing to be seen, or too long."""
    carrier, tracking = text.one_line(shipment.carrier), text.one_line(shipment.tracking)
    errors = [
        {"field": name, "message": f"Write 1 to {most} visible characters."}
        for name, said, most in (("carrier", carrier, CARRIER_LENGTH), ("tracking", tracking, TRACKING_LENGTH))
        if not 1 <= len(said) <= most
    ]
    if errors:
        raise Invalid(errors=tuple(errors))
    return Shipment(carrier, tracking)


def _must_be_pending(order: Order) -> None:
    if order.state != "pending":
        raise InvalidState(f"The order is {order.state}.")


def _must_be(order: Order, which: Collection[str], state: State) -> None:
    for item in map(order.item, which):
        if (item.kind, item.state) != ("physical", state):
            raise InvalidState(f"Item {item.id} is {item.kind} and {item.state}.")


def _changed(order: Order, which: Collection[str], change: Callable[[Item], Item]) -> tuple[Item, ...]:
    return tuple(change(each) if each.id in which else each for each in order.items)
