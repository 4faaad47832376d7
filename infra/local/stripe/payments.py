"""PaymentIntents: how a payment is tried, and what comes of it.

A payment goes ``attempt`` or ``confirmed`` → succeeded, declined, asked to authenticate, or processing; and from
the last two on by ``authenticated`` and ``settled``. Each step emits the events that Stripe emits.
"""

from collections.abc import Mapping
from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import charges, methods
from infra.local.stripe.cards import AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, REFUSED_BY_BANK, Failure, means_of
from infra.local.stripe.context import Context
from infra.local.stripe.events import emit

KIND: Final = "payment_intent"


def new_intent(
    context: Context,
    amount: int,
    currency: str,
    *,
    metadata: Mapping[str, str],
    description: str | None,
    setup_future_usage: str | None,
    method_types: list[str],
    customer: str | None = None,
    **more: Any,
) -> Thing:
    """A PaymentIntent that waits for a payment method."""
    id_ = new_id("pi")
    intent = context.store.put(
        {
            "id": id_,
            "object": KIND,
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "client_secret": f"{id_}_{new_id('secret')}",
            "confirmation_method": "automatic",
            "created": context.now(),
            "currency": currency,
            "customer": customer,
            "customer_account": None,
            "description": description,
            "excluded_payment_method_types": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "managed_payments": None,
            "metadata": dict(metadata),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": method_types,
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": setup_future_usage,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
        }
        | more
    )
    emit(context, "payment_intent.created", intent)
    return intent


def attempt(context: Context, intent: Thing, number: str, billing: Thing) -> Thing:
    """Try to pay with a test number on a page. The intent's ``status`` tells how it went."""
    return confirmed(context, intent, methods.new(context, means_of(number), billing))


def confirmed(context: Context, intent: Thing, method: Thing, *, in_absence: bool = False) -> Thing:
    """Try to pay; ``in_absence`` of the customer a bank that asks for a confirmation refuses."""
    means = methods.means_of_method(context, method["id"])
    intent |= {"payment_method": method["id"], "last_payment_error": None}
    if in_absence and means.asks_in_absence(methods.is_set_up(context, method["id"])):
        charge = charges.fail(context, charges.new(context, intent, means, "failed"), AUTHENTICATION_REQUIRED)
        return _refused(context, intent, AUTHENTICATION_REQUIRED, charge)
    if not in_absence and means.asks != "never":
        intent |= {
            "status": "requires_action",
            "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        }
        context.store.put(intent)
        emit(context, "payment_intent.requires_action", intent)
        return intent
    return _decided(context, intent)


def authenticated(context: Context, intent: Thing, agreed: bool) -> Thing:
    """The customer answered the bank's question."""
    intent |= {"next_action": None}
    if agreed:
        return _decided(context, intent)
    return _refused(context, intent, AUTHENTICATION_FAILED, charge=None)


def settled(context: Context, intent: Thing, succeeds: bool | None = None) -> Thing:
    """The bank's answer to a payment in processing arrived: the test number's, unless told otherwise."""
    failure = methods.means_of_method(context, intent["payment_method"]).failure
    if succeeds is False:
        failure = failure or REFUSED_BY_BANK
    charge = context.find("charge", intent["latest_charge"])
    if failure is None or succeeds:
        return _succeeded(context, intent, charge)
    return _refused(context, intent, failure, charges.fail(context, charge, failure))


def settle_when_due(context: Context, id_: str) -> None:
    """The background's: the bank answers for a payment that was made without a page."""
    intent = context.find(KIND, id_)
    if intent["status"] == "processing":
        settled(context, intent)


def _decided(context: Context, intent: Thing) -> Thing:
    means = methods.means_of_method(context, intent["payment_method"])
    if means.kind == "us_bank_account":
        charge = charges.new(context, intent, means, "pending")
        intent |= {"status": "processing", "latest_charge": charge["id"]}
        context.store.put(intent)
        _keep(context, intent)
        emit(context, "charge.pending", charge)
        emit(context, "payment_intent.processing", intent)
        return intent
    if means.failure:
        charge = charges.fail(context, charges.new(context, intent, means, "failed"), means.failure)
        return _refused(context, intent, means.failure, charge)
    _keep(context, intent)
    return _succeeded(context, intent, charges.new(context, intent, means, "pending"))


def _keep(context: Context, intent: Thing) -> None:
    """Save the means of payment where that was asked for; otherwise it is used up."""
    method = context.find(methods.KIND, intent["payment_method"])
    if intent["customer"] and intent["setup_future_usage"]:
        set_up = intent["setup_future_usage"] == "off_session"
        methods.save(context, method, intent["customer"], set_up=set_up)
    else:
        methods.spend(context, method)


def _succeeded(context: Context, intent: Thing, charge: Thing) -> Thing:
    charge = charges.succeed(context, charge, methods.means_of_method(context, intent["payment_method"]))
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
    context.store.put(intent)
    emit(context, "payment_intent.succeeded", intent)
    return intent


def _refused(context: Context, intent: Thing, failure: Failure, charge: Thing | None) -> Thing:
    method = context.find(methods.KIND, intent["payment_method"])
    error: dict[str, Any] = {
        "code": failure.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{failure.code.replace('_', '-')}",
        "message": failure.message,
        "payment_method": method,
        "type": "card_error" if method["type"] == "card" else "invalid_request_error",
    }
    if charge:
        error["charge"] = charge["id"]
    if failure.decline_code:
        error["decline_code"] = failure.decline_code
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error,
        "latest_charge": charge["id"] if charge else intent["latest_charge"],
    }
    context.store.put(intent)
    emit(context, "payment_intent.payment_failed", intent)
    return intent
