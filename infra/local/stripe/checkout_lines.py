"""What a Checkout Session sells: its lines, what a coupon takes off them, what sending costs, and the total."""

from typing import Final

from infra.local.store import Thing, new_id
from infra.local.stripe import checkout_objects as objects
from infra.local.stripe import coupons, discounts, prices
from infra.local.stripe.context import Context
from infra.local.stripe.errors import invalid, missing
from infra.local.stripe.forms import Params

_LEAST_AMOUNT: Final = 50
_MOST_ITEMS: Final = 100
_MOST_RATES: Final = 5


def read(context: Context, params: Params, mode: str, customer: str | None) -> tuple[list[Thing], Thing]:
    """The lines, and what the session tells of them all. Raises StripeError."""
    items = [_read_item(context, item) for item in params.each("line_items", _MOST_ITEMS)]
    currency = params.text("currency", 3)
    wanted, ways = params.each("discounts", 1), params.each("shipping_options", _MOST_RATES)
    if mode == "setup":
        if items:
            raise invalid("line_items", "You can not pass `line_items` in `setup` mode.")
        return [], {"currency": currency}
    if not items:
        raise missing("line_items")
    subtotal = sum(item["amount_subtotal"] for item in items)
    shown = [_discounted(context, each, items, subtotal, customer) for each in wanted]
    rates = [_read_rate(context, each) for each in ways]
    carriage = rates[0]["fixed_amount"]["amount"] if rates else 0
    total = sum(item["amount_total"] for item in items) + carriage
    # What costs nothing at all needs no payment; what costs a little cannot be paid.
    if 0 < total < _LEAST_AMOUNT or not subtotal:
        raise invalid(
            "line_items", "The Checkout Session's total amount must convert to at least 50 cents.", "amount_too_small"
        )
    return items, {
        "amount_subtotal": subtotal,
        "amount_total": total,
        "currency": "usd",
        "discounts": shown,
        "shipping_cost": _cost(rates[0]) if rates else None,
        "shipping_options": [{"shipping_amount": _amount(rate), "shipping_rate": rate["id"]} for rate in rates],
        "total_details": {
            "amount_discount": sum(item["amount_discount"] for item in items),
            "amount_shipping": carriage,
            "amount_tax": 0,
        },
    }


def _read_item(context: Context, item: Params) -> Thing:
    quantity, named, data = item.integer("quantity", 1, 999_999), item.text("price"), item.inner("price_data")
    if quantity is None:
        raise missing(item.path("quantity"))
    if named and data:
        raise invalid(item.path("price"), "You may only specify one of these parameters: price, price_data.")
    if named:
        price, product = prices.to_buy(context, named, item.path("price"))
        if price["currency"] != "usd" or price["type"] != "one_time":
            raise invalid(item.path("price"), "The local Stripe sells for usd, and once.")
        return objects.line_item(product["name"], price, quantity)
    if data is None:
        raise missing(item.path("price_data"))
    return objects.line_item(*_read_data(context, data), quantity)


def _read_data(context: Context, data: Params) -> tuple[str, Thing]:
    """The name and the price of what is in no catalogue."""
    product = data.inner("product_data")
    if product is None:
        raise missing(data.path("product_data"))
    name, _ = product.required("name"), product.text("description")
    product.metadata()
    amount = data.integer("unit_amount")
    if amount is None:
        raise missing(data.path("unit_amount"))
    currency = data.required("currency", 3).lower()
    if currency != "usd":
        raise invalid(data.path("currency"), f"Invalid currency: {currency}. The local Stripe knows usd.")
    return name, prices.shown(new_id("prod"), amount, currency, context.now(), active=False)


def _discounted(context: Context, wanted: Params, items: list[Thing], subtotal: int, customer: str | None) -> Thing:
    """The discount as the session shows it, after it was taken off the lines."""
    coupon, shown = coupons.to_redeem(context, wanted, subtotal, customer)
    lines = [(item["price"]["product"], item["amount_subtotal"]) for item in items]
    if not any(discounts.is_for(coupon, product) for product, _ in lines):
        raise invalid(wanted.path("coupon"), "This coupon cannot be redeemed: it applies to nothing that is bought.")
    for item, part in zip(items, discounts.taken_off(coupon, lines), strict=True):
        item |= {"amount_discount": part, "amount_total": item["amount_subtotal"] - part}
    return shown


def _read_rate(context: Context, way: Params) -> Thing:
    data = way.inner("shipping_rate_data")
    if data is None:
        raise missing(way.path("shipping_rate_data"))
    name, fixed = data.required("display_name", 100), data.inner("fixed_amount")
    data.choice("type", ("fixed_amount",))
    metadata = data.metadata()
    if fixed is None:
        raise missing(data.path("fixed_amount"))
    amount, currency = fixed.integer("amount"), fixed.required("currency", 3).lower()
    if amount is None or currency != "usd":
        raise invalid(fixed.path("currency"), "The local Stripe sends for an amount in usd.")
    return context.store.put(objects.shipping_rate(context, name, amount, currency, metadata))


def _cost(rate: Thing) -> Thing:
    amount = _amount(rate)
    return {"amount_subtotal": amount, "amount_tax": 0, "amount_total": amount, "shipping_rate": rate["id"]}


def _amount(rate: Thing) -> int:
    return int(rate["fixed_amount"]["amount"])
