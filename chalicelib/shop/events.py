"""Which of Stripe's events are the shop's: of products, prices, and the pages of orders. All others go on to payouts
and the wallet, and need nothing of the shop.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem
from chalicelib.payouts import events as payouts
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.wallet import events
from chalicelib.wallet.events import Stored
from chalicelib.wallet.model.topup import is_id

if TYPE_CHECKING:  # most events are of payments, and need none of it
    from chalicelib.shop import advancing, catalogue, checkouts
else:
    advancing = on_first_use("chalicelib.shop.advancing")
    catalogue = on_first_use("chalicelib.shop.catalogue")
    checkouts = on_first_use("chalicelib.shop.checkouts")

TOLD: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refunded",
    "charge.refund.updated",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "transfer.created",
    "transfer.updated",
    "transfer.reversed",
    "product.created",
    "product.updated",
    "product.deleted",
    "price.created",
    "price.updated",
    "price.deleted",
)
"""What the endpoint for our own account is subscribed to at Stripe."""

TOLD_OF_READERS: Final = ("account.updated", "account.application.deauthorized", "payout.failed")
"""The same of the endpoint for readers' accounts."""

_CATALOGUE: Final = ("product.", "price.")
_PAGES: Final = "checkout.session."
_ORDERS: Final = "ord_"


def apply_event(world: World, event: Mapping[str, Any]) -> None:
    """Apply an event of our own account, once. Raises when its effect could not be stored."""
    events.apply_event(world, event, _of_ours)
    _go_on(world, event)


def apply_connect_event(world: World, event: Mapping[str, Any]) -> None:
    """Apply an event of the endpoint for readers' accounts, which may be set up to get our own too."""
    events.apply_event(world, event, _of_ours if event.get("account") is None else payouts.told_of_readers)
    _go_on(world, event)


def _of_ours(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    if not event.get("account") and not events.of_the_other_mode(world, event):
        if event["type"].startswith(_CATALOGUE):
            return catalogue.told(world, event, stored)
        if _order_of(event):
            return checkouts.told(world, event, stored)
    return payouts.told(world, event, stored)


def _go_on(world: World, event: Mapping[str, Any]) -> None:
    """Do at once what a payment makes due, as the tick would in a minute."""
    order = _order_of(event)
    if order is None:
        return
    try:
        advancing.advance(world, order)
    except Problem as problem:
        log.warning("order_not_advanced", id=order, code=problem.code)


def _order_of(event: Mapping[str, Any]) -> str | None:
    """The order whose page an event is on."""
    named = event["data"]["object"].get("client_reference_id") if event["type"].startswith(_PAGES) else None
    return named if is_id(named) and named.startswith(_ORDERS) else None
