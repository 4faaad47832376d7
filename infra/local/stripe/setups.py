"""SetupIntents: a means of payment is saved, and nothing is paid.

As at Stripe, a card that the bank refuses to save leaves the intent as it was, and one that asks for a confirmation
is set up for payments in its owner's absence once they gave it.
"""

from collections.abc import Mapping
from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import methods
from infra.local.stripe.cards import SETUP_AUTHENTICATION_FAILED, Failure, means_of
from infra.local.stripe.context import Context, Resource, listed, same_filter
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "setup_intent"


def new(
    context: Context,
    *,
    customer: str | None,
    method_types: list[str],
    metadata: Mapping[str, str],
    description: str | None,
) -> Thing:
    """One that waits for a payment method."""
    id_ = new_id("seti")
    setup = context.store.put(
        {
            "id": id_,
            "object": KIND,
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": f"{id_}_{new_id('secret')}",
            "created": context.now(),
            "customer": customer,
            "description": description,
            "excluded_payment_method_types": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": dict(metadata),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": method_types,
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": "off_session",
        }
    )
    emit(context, "setup_intent.created", setup)
    return setup


def attempt(context: Context, setup: Thing, number: str, billing: Thing) -> Thing:
    """Try to save a test number. The intent's ``status`` tells how it went."""
    means = means_of(number)
    method = methods.new(context, means, billing)
    setup |= {"payment_method": method["id"], "last_setup_error": None}
    if means.failure and not means.attaches and means.asks == "never" and means.kind == "card":
        return _refused(context, setup, means.failure)
    if means.asks != "never":
        setup |= {
            "status": "requires_action",
            "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        }
        context.store.put(setup)
        emit(context, "setup_intent.requires_action", setup)
        return setup
    return _saved(context, setup)


def authenticated(context: Context, setup: Thing, agreed: bool) -> Thing:
    """The customer answered the bank's question."""
    setup |= {"next_action": None}
    return _saved(context, setup) if agreed else _refused(context, setup, SETUP_AUTHENTICATION_FAILED)


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_, "intent")


def list_(context: Context, params: Params) -> Thing:
    return listed(context, params, KIND, "/v1/setup_intents", same_filter(params, "customer", "payment_method"))


def _saved(context: Context, setup: Thing) -> Thing:
    setup |= {"status": "succeeded"}
    context.store.put(setup)
    if setup["customer"]:
        method = context.find(methods.KIND, setup["payment_method"])
        methods.save(context, method, setup["customer"], set_up=True)
    emit(context, "setup_intent.succeeded", setup)
    return setup


def _refused(context: Context, setup: Thing, failure: Failure) -> Thing:
    error: dict[str, Any] = {
        "code": failure.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{failure.code.replace('_', '-')}",
        "message": failure.message,
        "payment_method": context.find(methods.KIND, setup["payment_method"]),
        "type": "card_error",
    }
    if failure.decline_code:
        error["decline_code"] = failure.decline_code
    setup |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
    context.store.put(setup)
    emit(context, "setup_intent.setup_failed", setup)
    return setup


ROUTES: Final[list[Resource]] = [
    ("GET", r"/setup_intents", list_),
    ("GET", r"/setup_intents/(?P<id_>[^/]+)", retrieve),
]
