"""PaymentIntents over the API: made, confirmed in the customer's absence or presence, cancelled."""

from typing import Any, Final

from infra.local.store import Thing
from infra.local.stripe import customers, methods, payments
from infra.local.stripe.context import Context, Lever, Resource, listed, same_filter
from infra.local.stripe.errors import StripeError, invalid, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

_LEAST_AMOUNT: Final = 50
_CONFIRMABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCEL_REASONS: Final = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_TYPES: Final = ("card", "us_bank_account")


def create(context: Context, params: Params) -> Thing:
    """Every parameter is read, and an unknown one refused, before anything is kept."""
    amount, currency = params.integer("amount"), params.required("currency", 3).lower()
    if amount is None:
        raise missing("amount")
    if currency != "usd":
        raise invalid("currency", f"Invalid currency: {currency}. The local Stripe knows usd.")
    if amount < _LEAST_AMOUNT:
        raise invalid("amount", "Amount must be at least $0.50 usd", "amount_too_small")
    types = params.texts("payment_method_types")
    if unsupported := set(types) - set(_TYPES):
        raise invalid("payment_method_types", f"Invalid payment_method_types: {', '.join(sorted(unsupported))}")
    _read_fixed(params)
    customer, method_id = params.text("customer"), params.text("payment_method")
    confirm, how = params.flag("confirm"), _read_how(params)
    usage = params.choice("setup_future_usage", ("on_session", "off_session"))
    metadata, description = params.metadata(), params.text("description", 1000)
    group = params.text("transfer_group")
    params.done()
    if how["in_absence"] and not confirm:
        raise invalid("off_session", "off_session can only be used when confirm is true.")
    if confirm and not method_id:
        raise StripeError(
            400,
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    if customer:
        context.find(customers.KIND, customer, "customer")
    method = _method(context, method_id, customer) if method_id else None
    intent = payments.new_intent(
        context,
        amount,
        currency,
        metadata=metadata,
        description=description,
        setup_future_usage=usage,
        method_types=types or list(_TYPES),
        customer=customer,
        transfer_group=group,
    )
    if method and not confirm:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        context.store.put(intent)
    return _confirmed(context, intent, method, **how) if method and confirm else intent


def confirm(context: Context, params: Params, id_: str) -> Thing:
    intent = context.find(payments.KIND, id_, "intent")
    method_id, how = params.text("payment_method") or intent["payment_method"], _read_how(params)
    params.text("return_url")
    params.done()
    if intent["status"] not in _CONFIRMABLE or not method_id:
        raise _unexpected(intent, "confirm")
    return _confirmed(context, intent, _method(context, method_id, intent["customer"]), **how)


def cancel(context: Context, params: Params, id_: str) -> Thing:
    reason = params.choice("cancellation_reason", _CANCEL_REASONS)
    params.done()
    intent = context.find(payments.KIND, id_, "intent")
    of_page = any(session["payment_intent"] == id_ for session in context.store.newest("checkout.session"))
    if intent["status"] not in _CONFIRMABLE or of_page:
        raise _unexpected(intent, "cancel")
    intent |= {
        "status": "canceled",
        "canceled_at": context.now(),
        "cancellation_reason": reason,
        "next_action": None,
    }
    context.store.put(intent)
    emit(context, "payment_intent.canceled", intent)
    return intent


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(payments.KIND, id_, "intent")


def list_(context: Context, params: Params) -> Thing:
    return listed(context, params, payments.KIND, "/v1/payment_intents", same_filter(params, "customer"))


def _confirmed(context: Context, intent: Thing, method: Thing, *, in_absence: bool, must_not_ask: bool) -> Thing:
    """The intent after the attempt. Raises StripeError 402 where the bank refused it: that is kept, as at Stripe."""
    intent = payments.confirmed(context, intent, method, in_absence=in_absence or must_not_ask)
    if intent["status"] == "processing":
        context.schedule("settle_intent", intent["id"], context.settle_seconds)
    if error := intent["last_payment_error"]:
        told = {name: error.get(name) for name in ("code", "decline_code", "charge", "payment_method")}
        raise StripeError(402, error["message"], kind=error["type"], kept=True, payment_intent=intent, **told)
    return intent


def _method(context: Context, id_: str, customer: str | None) -> Thing:
    method = methods.named(context, id_)
    methods.check_usable(context, method, customer)
    return method


def _read_how(params: Params) -> dict[str, bool]:
    return {
        "in_absence": bool(params.flag("off_session")),
        "must_not_ask": bool(params.flag("error_on_requires_action")),
    }


def _read_fixed(params: Params) -> None:
    """What has one value here, or changes nothing."""
    params.choice("capture_method", ("automatic", "automatic_async"))
    params.choice("confirmation_method", ("automatic",))
    params.text("return_url")
    params.text("statement_descriptor", 22)
    params.text("statement_descriptor_suffix", 22)
    automatic = params.inner("automatic_payment_methods")
    if automatic:
        automatic.flag("enabled")
        automatic.choice("allow_redirects", ("always", "never"))


def _unexpected(intent: Thing, what: str) -> StripeError:
    return StripeError(
        400,
        f"You cannot {what} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        kept=True,
        payment_intent=intent,
    )


def _authenticate(context: Context, body: dict[str, Any], id_: str) -> Thing:
    """The customer answers their bank, as the app's SDK would have them do."""
    intent = context.find(payments.KIND, id_)
    if intent["status"] != "requires_action":
        raise _unexpected(intent, "authenticate")
    return payments.authenticated(context, intent, bool(body.get("agreed", True)))


ROUTES: Final[list[Resource]] = [
    ("POST", r"/payment_intents", create),
    ("GET", r"/payment_intents", list_),
    ("GET", r"/payment_intents/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/payment_intents/(?P<id_>[^/]+)/confirm", confirm),
    ("POST", r"/payment_intents/(?P<id_>[^/]+)/cancel", cancel),
]
LEVERS: Final[list[Lever]] = [("POST", r"/payment_intents/(?P<id_>[^/]+)/authenticate", _authenticate)]
