"""Refunds of charges.

    created ──→ succeeded                     most cards
            ──→ pending ──→ succeeded         a card and a bank account that take their time
            ──→ succeeded ──→ failed          a card that sends the money back
            ──→ pending ──→ failed            when it is told so

The money leaves the balance when the refund is made, and a failure brings it back; Stripe's fee stays paid. As at
Stripe the charge's ``amount_refunded`` is the sum of what was refunded and did not fail.
"""

from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import balance, charges, methods
from infra.local.stripe.context import Context, Lever, Resource, listed, same_filter
from infra.local.stripe.errors import StripeError, invalid
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "refund"
_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")


def create(context: Context, params: Params) -> Thing:
    charge = charges.asked_for(context, params)
    amount = params.integer("amount", 1)
    reason, metadata = params.choice("reason", _REASONS), params.metadata()
    params.done()
    amount = _fitting(context, charge, amount)
    means = methods.means_of_method(context, charge["payment_method"])
    waits = means.refund == "waits"
    refund = _object(context, charge, amount) | {
        "metadata": metadata,
        "reason": reason,
        "status": "pending" if waits else "succeeded",
        "pending_reason": "processing" if waits else None,
    }
    booked = balance.book(
        context,
        refund | {"description": "REFUND FOR CHARGE"},
        amount=-amount,
        type_="refund" if means.kind == "card" else "payment_refund",
        category="refund",
    )
    refund |= {"balance_transaction": booked["id"]}
    context.store.put(refund, parent=charge["id"])
    emit(context, "refund.created", refund)
    emit(context, "charge.refunded", _count(context, charge, amount))
    if means.refund != "succeeds":
        context.schedule("refund", refund["id"], context.settle_seconds)
    return refund


def on_account(context: Context, charge: Thing, reversal: Thing, account: str) -> Thing:
    """The refund by which a reversed transfer leaves its account."""
    refund = _object(context, charge, reversal["amount"], "pyr") | {
        "destination_details": None,
        "source_transfer_reversal": reversal["id"],
        "status": "succeeded",
    }
    booked = balance.book(
        context, refund, amount=-refund["amount"], type_="payment_refund", category="refund", account=account
    )
    _count(context, charge, refund["amount"])
    return context.store.put(refund | {"balance_transaction": booked["id"]}, parent=account)


def settle(context: Context, id_: str, succeeds: bool | None = None) -> Thing:
    """The customer's bank answers, as the card's number says or as told; nothing happens where it has failed."""
    refund = context.find(KIND, id_)
    charge = context.find(charges.KIND, refund["charge"])
    if succeeds is None:
        succeeds = methods.means_of_method(context, charge["payment_method"]).refund != "fails"
    if refund["status"] == "failed" or (succeeds and refund["status"] == "succeeded"):
        return refund
    if succeeds:
        refund |= {"status": "succeeded", "pending_reason": None}
    else:
        refund |= _failed(context, refund)
        _count(context, charge, -refund["amount"])
    context.store.put(refund)
    if not succeeds:
        emit(context, "refund.failed", refund)
    emit(context, "refund.updated", refund)
    emit(context, "charge.refund.updated", refund)
    return refund


def update(context: Context, params: Params, id_: str) -> Thing:
    refund = context.find(KIND, id_)
    metadata = params.metadata()
    params.done()
    refund |= {"metadata": refund["metadata"] | metadata}
    context.store.put(refund)
    emit(context, "refund.updated", refund)
    emit(context, "charge.refund.updated", refund)
    return refund


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_)


def list_(context: Context, params: Params) -> Thing:
    fits = same_filter(params, "charge", "payment_intent")
    # Those of connected accounts tell of reversed transfers and have no payment.
    return listed(
        context, params, KIND, "/v1/refunds", lambda refund: fits(refund) and not refund["source_transfer_reversal"]
    )


def of_charge(context: Context, params: Params, id_: str) -> Thing:
    """A charge's ``refunds``, which are there only when they are asked for."""
    return listed(context, params, KIND, f"/v1/charges/{id_}/refunds", lambda refund: refund["charge"] == id_)


def _fitting(context: Context, charge: Thing, amount: int | None) -> int:
    """What is refunded: all that is left, or what was asked for. Raises StripeError where that is too much."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["disputed"] and not all(
        dispute["is_charge_refundable"] for dispute in context.store.newest("dispute", charge["id"])
    ):
        raise StripeError(
            400,
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
            kept=True,
        )
    if left == 0:
        raise StripeError(
            400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded", kept=True
        )
    if amount is not None and amount > left:
        raise StripeError(
            400,
            f"Refund amount (${amount / 100:,.2f}) is greater than unrefunded amount on charge (${left / 100:,.2f})",
            param="amount",
            kept=True,
        )
    return left if amount is None else amount


def _count(context: Context, charge: Thing, amount: int) -> Thing:
    """The charge with so much more, or less, of it refunded."""
    refunded = charge["amount_refunded"] + amount
    return context.store.put(charge | {"amount_refunded": refunded, "refunded": refunded == charge["amount"]})


def _failed(context: Context, refund: Thing) -> Thing:
    card = str(refund["charge"]).startswith("ch_")
    booked = balance.book(
        context,
        refund | {"description": "REFUND FAILURE"},
        amount=refund["amount"],
        type_="refund_failure" if card else "payment_failure_refund",
        category="refund_failure",
    )
    return {
        "status": "failed",
        "pending_reason": None,
        "failure_balance_transaction": booked["id"],
        "failure_reason": "expired_or_canceled_card" if card else "unknown",
    }


def _object(context: Context, charge: Thing, amount: int, prefix: str = "re") -> dict[str, Any]:
    card = str(charge["id"]).startswith("ch_")
    return {
        "id": new_id(prefix),
        "object": KIND,
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": context.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"} if card else None,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def _settle(context: Context, body: dict[str, Any], id_: str) -> Thing:
    if body.get("outcome") not in (None, "succeeded", "failed"):
        raise invalid("outcome", "outcome is succeeded or failed")
    outcome = body.get("outcome")
    return settle(context, id_, None if outcome is None else outcome == "succeeded")


ROUTES: Final[list[Resource]] = [
    ("POST", r"/refunds", create),
    ("GET", r"/refunds", list_),
    ("GET", r"/refunds/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/refunds/(?P<id_>[^/]+)", update),
]
LEVERS: Final[list[Lever]] = [("POST", r"/refunds/(?P<id_>[^/]+)/settle", _settle)]
