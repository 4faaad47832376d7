"""What the shop says to Stripe, and what it reads of the answers: pure, and read only when something is sold.

A promotion code for a buyer's first purchase alone is refused by Stripe on a page that names no customer, whoever the
buyer is. Whether it is their first, the shop knows better: such a page gets the code's coupon instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.kernel.money import USD, Cents

PROMOTION_EXPANDED: Final = "promotion.coupon.applies_to"
"""The coupon of a promotion code, and the products that it is for."""
EXISTS: Final = "resource_already_exists"
MISSING: Final = "resource_missing"


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A Checkout Session made for one order, with the amounts that Stripe will take: ``total`` of them all."""

    id: str
    url: str
    subtotal: Cents
    discount: Cents
    shipping: Cents
    total: Cents


def page_asked(
    *,
    order: str,
    user: str,
    lines: Sequence[tuple[str, int]],
    shipping: tuple[str, Cents] | None,
    discount: Mapping[str, str] | None,
    expires_at: int,
    return_url: str,
) -> dict[str, Any]:
    """The parameters of an order's page. The same ones give the same page: no moment but ``expires_at`` is in them."""
    asked: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": order,
        "line_items": [{"price": price, "quantity": quantity} for price, quantity in lines],
        "metadata": {"order": order, "user": user},
        "payment_intent_data": {"metadata": {"order": order, "user": user}},
        "expires_at": expires_at,
        "success_url": f"{return_url}?order={order}&paid=1",
        "cancel_url": f"{return_url}?order={order}&paid=0",
    }
    if shipping:
        name, amount = shipping
        rate = {"type": "fixed_amount", "display_name": name, "fixed_amount": {"amount": amount, "currency": USD}}
        asked["shipping_options"] = [{"shipping_rate_data": rate}]
    if discount:
        asked["discounts"] = [dict(discount)]
    return asked


def discount_asked(promotion: Mapping[str, Any]) -> dict[str, str]:
    """How a page is told of a promotion code."""
    if promotion["restrictions"]["first_time_transaction"]:
        return {"coupon": promotion["promotion"]["coupon"]}
    return {"promotion_code": promotion["id"]}


def page_of(session: Mapping[str, Any]) -> OrderPage | None:
    """None for one that cannot be paid: it has no address."""
    if not session["url"]:
        return None
    parts = session["total_details"]
    return OrderPage(
        session["id"],
        session["url"],
        session["amount_subtotal"],
        parts["amount_discount"],
        parts["amount_shipping"] or 0,
        session["amount_total"],
    )


def product_asked(
    name: str, description: str, *, shippable: bool, metadata: Mapping[str, str], active: bool
) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "shippable": shippable,
        "metadata": dict(metadata),
        "active": active,
    }


def without_nothing(asked: Mapping[str, Any]) -> dict[str, Any]:
    """For what is made anew: Stripe takes an empty text for something to take away, and there is nothing yet."""
    kept = {name: text for name, text in asked["metadata"].items() if text}
    return {name: value for name, value in asked.items() if value != ""} | {"metadata": kept}
