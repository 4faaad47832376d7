"""Words about orders, and products that are sold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.notifications.model.notice import Facts
from chalicelib.notifications.model.words import Say, Words, dollars


def _price(facts: Facts) -> str:
    """``$12.05``, or ``1,200 coins``"""
    return f"{facts['coins']:,} coins" if facts.get("coins") else dollars(facts["amount"])


def _order_paid(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Thank you for your order",
        f"Your order {facts['order']} is paid: {_price(facts)}. What is digital in it can be fetched in the app at "
        "once; of what has to be sent you hear again.",
    )


def _order_shipped(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your order is on its way",
        f"Things of your order {facts['order']} were sent with {facts['carrier']}. You can follow them there by the "
        f"number {facts['tracking']}.",
    )


def _order_delivered(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your order has arrived",
        f"Things of your order {facts['order']} were delivered. If something is missing, write to support.",
    )


def _order_refunded(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts.get("coins"):
        return Words("Your coins are back", f"{_price(facts)} of your order {facts['order']} are in your wallet again.")
    if not facts["amount"]:  # a coupon had taken off all of it
        return Words("Your order was called off", f"What was not sent of your order {facts['order']} was called off.")
    return Words(
        "Part of an order, or all of it, goes back to you",
        f"{_price(facts)} of your order {facts['order']} go back the way they were paid: to your credit, or to your "
        "card, which may take some days to show it.",
    )


_CALLED_OFF: Final[Mapping[str, str]] = {
    "buyer": "as you asked",
    "left": "because your account ends",
    "expired": "because it was not paid in time",
    "failed": "because your bank did not pay it",
}


def _order_cancelled(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    why = _CALLED_OFF.get(facts["why"], "because it could not be carried out as you ordered it")
    return Words(
        "Your order was called off",
        f"Your order {facts['order']} was called off, {why}. Nothing was charged for it; what is paid all the same "
        "goes back by itself.",
    )


def _product_sold(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "You have sold something",
        f"A product of yours was sold in the shop, in order {facts['order']}. Your share of {dollars(facts['amount'])} "
        "is in your earnings.",
    )


def _product_approved(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words("Your product is in the shop", "We have looked at a product of yours: it is on sale from now on.")


def _product_stopped(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words(
        "Your product is not sold any more",
        "We have taken a product of yours off sale. What was sold of it stays sold. If you do not know why, write to "
        "support.",
    )


SAID: Final[Mapping[str, Say]] = {
    "order_paid": _order_paid,
    "order_shipped": _order_shipped,
    "order_delivered": _order_delivered,
    "order_refunded": _order_refunded,
    "order_cancelled": _order_cancelled,
    "product_sold": _product_sold,
    "product_approved": _product_approved,
    "product_stopped": _product_stopped,
}
