"""A page of Stripe's on which an order is paid: our record says what for and how much; Stripe, that it was paid.

    open ── paid by card ──────────→ complete, paid
         ── a bank account ────────→ complete, unpaid: for days it may be paid, or fail
         ── nobody paid in time ───→ expired

What an order has taken of the stock comes back only when its page is known to be over: expired, or refused by the bank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from chalicelib.gateways.stripe_shop import OrderPage
from chalicelib.kernel.money import USD
from chalicelib.kernel.time import DAY, Millis
from chalicelib.shop.model import discount as discounts
from chalicelib.shop.model.order import Order, discounted
from chalicelib.wallet.model.topup import is_id

SUSPECT: Final[Millis] = DAY
"""After its end, a page of which it is not known what became is looked at by a person …"""
BANK: Final[Millis] = 14 * DAY
"""… and one that waits for a bank after so long."""

Unpaid = Literal["expired", "failed"]
"""Those of the reasons why nobody paid an order that its page tells."""


@dataclass(frozen=True, slots=True)
class Paid:
    """The order is paid, as our record says, by this payment. ``late``: it had been called off."""

    intent: str
    late: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """Nobody can pay on the page any more, and nobody did."""

    why: Unpaid


@dataclass(frozen=True, slots=True)
class Waits:
    """The page is complete, and a bank has yet to say whether it pays."""

    page: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing to do, and why. ``alarming`` where money may have moved that we did not ask for."""

    why: str
    alarming: bool = False


Verdict = Paid | Over | Waits | Ignore


def judge(event_type: str | None, page: Mapping[str, Any], order: Order | None) -> Verdict:
    """What a Checkout Session means for the order that it names, as an event tells of it or, with None, as it was read.

    Only what was really paid counts, and only for the amount, currency, buyer and page of our own record.
    """
    paid = page.get("payment_status") == "paid"
    if order is None or order.checkout is None:
        return Ignore("no order of ours", alarming=paid)
    own = order.checkout.id in (None, page.get("id"))
    if not paid:
        return _unpaid(event_type, page, order) if own else Ignore("another page than the order's")
    intent = _id_of(page.get("payment_intent"))
    if order.intent:  # both event families may tell of one payment; another payment is money not asked for
        return Ignore("already paid", alarming=intent != order.intent)
    metadata = page.get("metadata")
    same = (
        own
        and page.get("mode") == "payment"
        and page.get("amount_total") == order.total
        and page.get("currency") == USD
        and isinstance(metadata, Mapping)
        and metadata.get("user") == order.buyer
        and page.get("client_reference_id") == order.id
    )
    if not same or not is_id(intent):
        return Ignore("paid, but not what our record says", alarming=True)
    return Paid(intent, late=order.state != "pending")


def _unpaid(event_type: str | None, page: Mapping[str, Any], order: Order) -> Verdict:
    failed = event_type == "checkout.session.async_payment_failed" or _was_refused(page)
    expired = event_type == "checkout.session.expired" or page.get("status") == "expired"
    if order.state != "pending":
        return Ignore(f"already {order.state}")
    if failed or expired:
        return Over("failed" if failed else "expired")
    name = page.get("id")
    return Waits(name) if page.get("status") == "complete" and is_id(name) else Ignore("not paid yet")


def _was_refused(page: Mapping[str, Any]) -> bool:
    """Whether the bank said no, as a page says that is read with its payment: it is complete for good."""
    intent = page.get("payment_intent")
    refused = isinstance(intent, Mapping) and intent.get("status") in ("requires_payment_method", "canceled")
    return page.get("status") == "complete" and refused


def _id_of(intent: object) -> object:
    return intent.get("id") if isinstance(intent, Mapping) else intent


def fitted(order: Order, page: OrderPage) -> Order | None:
    """The order with its page, where that asks for what we reckoned; None where it does not.

    What a coupon takes off, Stripe reckons, and its word rules.
    """
    checkout = order.checkout
    carriage = order.shipping.amount if order.shipping else 0
    listed = sum(each.unit * each.quantity for each in order.items)
    adds_up = page.total == page.subtotal - page.discount + page.shipping
    payable = page.total >= discounts.LEAST_BY_STRIPE  # a page that asks for nothing is never paid
    if checkout is None or not adds_up or not payable or (page.subtotal, page.shipping) != (listed, carriage):
        return None
    opened = replace(order, checkout=replace(checkout, id=page.id, url=page.url))
    if page.discount == (order.discount.amount if order.discount else 0):
        return opened
    if order.discount is None:
        return None
    try:
        return discounted(opened, replace(order.discount, amount=page.discount))
    except ValueError:
        return None


def suspect(over: Millis, *, with_bank: bool) -> bool:
    """Whether a page is over for so long, and nothing known of it, that a person is to look."""
    return over >= (BANK if with_bank else SUSPECT)
