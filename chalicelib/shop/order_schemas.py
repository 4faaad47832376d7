"""What the endpoints of orders take and give."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.kernel.money import COINS
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.runtime.schemas import Id, Money, Schema
from chalicelib.shop.model.order import MOST_LINES, MOST_UNITS, Item, Order, Rail, Refund, State, Why
from chalicelib.shop.model.product import Kind
from chalicelib.shop.model.shipping import LONGEST, Address
from chalicelib.shop.ordering import Wanted
from chalicelib.wallet.model.rails import Where


class NewItem(Schema):
    """How many of which product; of a digital one there is one."""

    product: Annotated[Id, Field(description="Of `GET /v1/products`.")]
    quantity: Annotated[int, Field(ge=1, le=MOST_UNITS, description="Units; of a digital one: 1.")] = 1


class AddressBody(Schema):
    """Where something is sent. Each field is one line; blanks that say nothing are taken away before it is measured."""

    name: Annotated[str, Field(max_length=2 * LONGEST["name"], description=f"{LONGEST['name']} characters at most.")]
    line1: Annotated[str, Field(max_length=2 * LONGEST["line1"], description=f"{LONGEST['line1']} at most.")]
    line2: Annotated[str, Field(max_length=2 * LONGEST["line2"], description=f"{LONGEST['line2']} at most.")] = ""
    city: Annotated[str, Field(max_length=2 * LONGEST["city"], description=f"{LONGEST['city']} at most.")]
    state: Annotated[str, Field(max_length=2 * LONGEST["state"], description=f"{LONGEST['state']} at most.")] = ""
    postal_code: Annotated[
        str, Field(max_length=40, description="16 letters, digits, blanks, hyphens at most; some countries have none.")
    ] = ""
    country: Annotated[str, Field(max_length=8, description="Two letters of ISO 3166, such as US.")]


class NewOrder(Schema):
    """What to order. What is physical needs `address` and `shipping_rate`, one of `GET /v1/shipping-rates`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"product": "prd_tarot", "quantity": 1}], "rail": "coins", "where": "ios"}]
        }
    )

    items: Annotated[list[NewItem], Field(min_length=1, max_length=MOST_LINES, description="Each another product.")]
    rail: Annotated[Rail, Field(description="How it is paid; see `rails` of a product.")]
    where: Annotated[Where, Field(description="Where the app runs.")]
    coupon: Annotated[str, Field(max_length=64, description="A promotion code. Not for coins.")] | None = None
    address: Annotated[AddressBody | None, Field(description="Only where something physical is ordered.")] = None
    shipping_rate: Annotated[Id | None, Field(description="Likewise: `id` of `GET /v1/shipping-rates`.")] = None
    expected_total: (
        Annotated[
            int,
            Field(
                ge=0, description="What the app showed, in cents or coins: 409 `invalid_state` where it is not that."
            ),
        ]
        | None
    ) = None

    def wanted(self) -> Wanted:
        """What is wanted, as the service takes it."""
        return Wanted(
            items=tuple((each.product, each.quantity) for each in self.items),
            rail=self.rail,
            where=self.where,
            coupon=self.coupon,
            address=Address(**self.address.model_dump()) if self.address else None,
            shipping_rate=self.shipping_rate,
            expected_total=self.expected_total,
        )


class OrderItem(Schema):
    """One product of an order, all units of it."""

    id: Annotated[str, Field(description="`item_id` of `POST /v1/orders/{order_id}/items/{item_id}/download`.")]
    product: str
    name: Annotated[str, Field(description="As it was called when it was ordered.")]
    kind: Kind
    seller: Annotated[str | None, Field(description="The reader whose product it is; null for the platform's own.")]
    quantity: Annotated[int, Field(description="Units that were ordered.")]
    refunded: Annotated[int, Field(description="Units that were given back.")]
    unit_price: Annotated[Money, Field(description="Of one, when it was ordered.")]
    amount: Annotated[Money, Field(description="What is paid for all units, the discount off.")]
    state: State
    fulfilled_at: str | None
    shipped_at: str | None
    delivered_at: str | None
    carrier: Annotated[str | None, Field(description="Who carries it, once it was sent.")]
    tracking: Annotated[str | None, Field(description="The number to follow it by there.")]
    downloads: Annotated[int, Field(description="How often its file was fetched.")]


class OrderDiscount(Schema):
    """What a coupon took off."""

    code: str
    name: str
    amount: Money


class OrderShipping(Schema):
    """How, and where to, it is sent."""

    rate: Annotated[str, Field(description="The id of the shipping rate.")]
    name: str
    amount: Annotated[Money, Field(description="What is paid for the sending.")]
    address: Annotated[AddressBody | None, Field(description="Null once it was erased.")]


class OrderRefund(Schema):
    """What was given back at one time."""

    amount: Annotated[Money, Field(description="In coins where it was paid so.")]
    at: str
    done: Annotated[bool, Field(description="Whether it has arrived where it was paid from, as far as we know.")]


class OrderView(Schema):
    """One's own order. Its state follows from those of its items."""

    id: str
    state: State
    rail: Rail
    where: Where
    items: list[OrderItem]
    discount: OrderDiscount | None
    shipping: Annotated[OrderShipping | None, Field(description="Null where nothing of it is physical.")]
    total: Annotated[Money, Field(description="All of it, in coins where it is paid so.")]
    refunded: Annotated[Money, Field(description="All of `refunds`.")]
    refunds: list[OrderRefund]
    checkout_url: Annotated[str | None, Field(description="Where it is paid by Stripe, while it waits for that.")]
    expires_at: Annotated[str | None, Field(description="Until when it can be paid there.")]
    cancelled_for: Annotated[
        Why | None,
        Field(
            description="Why nobody paid it: called off by its `buyer` or an `admin`, its page `expired`, its bank "
            "`failed`, Stripe `refused` to sell it so, or its buyer `left`."
        ),
    ]
    created_at: str
    paid_at: str | None


class SaleView(Schema):
    """What was sold of a reader's product in one order. Who bought it is not told."""

    order: str
    item: Annotated[str, Field(description="Its id in that order.")]
    product: str
    name: str
    quantity: Annotated[int, Field(description="Units that were sold.")]
    refunded: Annotated[int, Field(description="Units that were given back.")]
    state: State
    amount: Annotated[Money, Field(description="What was paid for what was not given back; for coins their worth.")]
    earned: Annotated[Money, Field(description="The share of it, once it is fulfilled or shipped.")]
    paid_at: str


def order_view(order: Order) -> OrderView:
    """The order as its buyer sees it."""
    waits = order.checkout if order.state == "pending" else None
    off, sent = order.discount, order.shipping
    return OrderView(
        id=order.id,
        state=order.state,
        rail=order.rail,
        where=order.where,
        items=[_item(each, order) for each in order.items],
        discount=OrderDiscount(code=off.code, name=off.name, amount=Money(amount=off.amount)) if off else None,
        shipping=(
            OrderShipping(
                rate=sent.rate,
                name=sent.name,
                amount=Money(amount=sent.amount),
                address=_address(sent.address),
            )
            if sent
            else None
        ),
        total=_paid(order, order.total, order.coins),
        refunded=_paid(order, order.returned, order.returned_coins),
        refunds=[_refund(each, order) for each in order.refunds],
        checkout_url=waits.url if waits else None,
        expires_at=rfc3339(waits.expires_at) if waits else None,
        cancelled_for=order.cancelled_for,
        created_at=rfc3339(order.created_at),
        paid_at=rfc3339_or_none(order.paid_at),
    )


def sale_views(order: Order, seller: str) -> list[SaleView]:
    """What the seller may see of an order: their own items."""
    return [
        SaleView(
            order=order.id,
            item=each.id,
            product=each.product,
            name=each.name,
            quantity=each.quantity,
            refunded=each.refunded,
            state=each.state,
            amount=Money(amount=each.kept),
            earned=Money(amount=each.earned),
            paid_at=rfc3339(order.paid_at or order.created_at),
        )
        for each in order.items
        if each.seller == seller
    ]


def _item(item: Item, order: Order) -> OrderItem:
    return OrderItem(
        id=item.id,
        product=item.product,
        name=item.name,
        kind=item.kind,
        seller=item.seller,
        quantity=item.quantity,
        refunded=item.refunded,
        unit_price=_paid(order, item.unit, item.coins // item.quantity),
        amount=_paid(order, item.net, item.coins),
        state=item.state,
        fulfilled_at=rfc3339_or_none(item.fulfilled_at),
        shipped_at=rfc3339_or_none(item.shipped_at),
        delivered_at=rfc3339_or_none(item.delivered_at),
        carrier=item.carrier,
        tracking=item.tracking,
        downloads=item.downloads,
    )


def _refund(refund: Refund, order: Order) -> OrderRefund:
    return OrderRefund(amount=_paid(order, refund.amount, refund.coins), at=rfc3339(refund.at), done=refund.done)


def _address(address: Address | None) -> AddressBody | None:
    if address is None:
        return None
    return AddressBody(
        name=address.name,
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        state=address.state,
        postal_code=address.postal_code,
        country=address.country,
    )


def _paid(order: Order, cents: int, coins: int) -> Money:
    return Money(amount=coins, currency=COINS) if order.rail == "coins" else Money(amount=cents)
