"""Charges: one for each attempt to take money, and one on a connected account for each transfer to it."""

from typing import Final

from infra.local.store import Thing, new_id
from infra.local.stripe import balance
from infra.local.stripe.cards import Failure, Means
from infra.local.stripe.context import Context, Resource, listed, same_filter
from infra.local.stripe.errors import StripeError
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params
from infra.local.stripe.methods import BANK, fingerprint

KIND: Final = "charge"


def new(context: Context, intent: Thing, means: Means, status: str) -> Thing:
    """The charge of one attempt to pay the intent."""
    method = context.find("payment_method", intent["payment_method"])
    return context.store.put(
        _object(context, new_id("ch" if means.kind == "card" else "py"), intent)
        | {
            "billing_details": method["billing_details"],
            "customer": intent["customer"],
            "description": intent["description"],
            "metadata": dict(intent["metadata"]),
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _details(means, intent["amount"]),
            "status": status,
            "transfer_group": intent["transfer_group"],
        }
    )


def succeed(context: Context, charge: Thing, means: Means) -> Thing:
    """The money is in; where the card's owner disputes it, that comes in a moment. Stripe's fee is 2.9 % + 30 ¢."""
    booked = balance.book(
        context,
        charge,
        amount=charge["amount"],
        type_="charge" if charge["id"].startswith("ch_") else "payment",
        category="charge",
        fee=(charge["amount"] * 29 + 500) // 1000 + 30,
        after_seconds=0 if means.available else context.available_seconds,
    )
    charge |= _taken(charge, booked) | {"outcome": _outcome("authorized", "approved_by_network", "Payment complete.")}
    context.store.put(charge)
    emit(context, "charge.succeeded", charge)
    if means.dispute:
        context.schedule("dispute", charge["id"], context.settle_seconds)
    return charge


def fail(context: Context, charge: Thing, failure: Failure) -> Thing:
    outcome = _outcome("issuer_declined", "declined_by_network", "The bank did not return any further details.")
    charge |= {
        "status": "failed",
        "paid": False,
        "failure_code": failure.code,
        "failure_message": failure.message,
        "outcome": outcome | {"reason": failure.decline_code or failure.code},
    }
    context.store.put(charge)
    emit(context, "charge.failed", charge)
    return charge


def on_account(context: Context, transfer: Thing) -> Thing:
    """The payment as which a transfer arrives at its account."""
    charge = _object(context, new_id("py"), transfer)
    booked = balance.book(
        context,
        charge,
        amount=charge["amount"],
        type_="payment",
        category="charge",
        account=transfer["destination"],
    )
    charge |= _taken(charge, booked) | {"source_transfer": transfer["id"], "status": "succeeded"}
    return context.store.put(charge, parent=transfer["destination"])


def asked_for(context: Context, params: Params) -> Thing:
    """The charge that ``charge`` or ``payment_intent`` names. Raises StripeError where that took no money."""
    charge_id, intent_id = params.text("charge"), params.text("payment_intent")
    if intent_id:
        intent = context.find("payment_intent", intent_id, "payment_intent")
        charge_id = charge_id or intent["latest_charge"]
    elif not charge_id:
        raise StripeError(
            400,
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    charge = context.store.get(KIND, charge_id, "") if charge_id else None
    if charge is None or charge["status"] != "succeeded":
        if intent_id:
            raise StripeError(400, f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
        charge = context.find(KIND, charge_id or "", "charge", "")
        raise StripeError(400, f"Charge {charge['id']} has status {charge['status']}.", param="charge")
    return charge


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_, account=context.account)


def list_(context: Context, params: Params) -> Thing:
    fits = same_filter(params, "customer", "payment_intent", "transfer_group")
    return listed(context, params, KIND, "/v1/charges", fits, context.account)


def _taken(charge: Thing, booked: Thing) -> Thing:
    return {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": charge["amount"],
        "balance_transaction": booked["id"],
    }


def _outcome(kind: str, network_status: str, message: str) -> Thing:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": None,
        "seller_message": message,
        "type": kind,
    }


def _details(means: Means, amount: int) -> Thing:
    if means.kind == "us_bank_account":
        return {
            "type": "us_bank_account",
            "us_bank_account": {
                "account_holder_type": "individual",
                "account_type": "checking",
                "bank_name": BANK,
                "fingerprint": fingerprint(means),
                "last4": means.last4,
                "mandate": None,
                "payment_reference": None,
                "routing_number": "110000000",
            },
        }
    return {
        "type": "card",
        "card": {
            "amount_authorized": amount,
            "authorization_code": None,
            "brand": means.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "exp_month": 12,
            "exp_year": 2034,
            "extended_authorization": {"status": "disabled"},
            "fingerprint": fingerprint(means),
            "funding": "credit",
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": means.last4,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": means.brand,
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "wallet": None,
        },
    }


def _object(context: Context, id_: str, money: Thing) -> Thing:
    return {
        "id": id_,
        "object": KIND,
        "amount": money["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": "SOULSEER",
        "captured": False,
        "created": context.now(),
        "currency": money["currency"],
        "customer": None,
        "description": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": None,
        "payment_method": None,
        "payment_method_details": None,
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
    }


ROUTES: Final[list[Resource]] = [
    ("GET", r"/charges", list_),
    ("GET", r"/charges/(?P<id_>[^/]+)", retrieve),
]
