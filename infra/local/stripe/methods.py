"""PaymentMethods: cards and bank accounts, used once or saved on a Customer.

One that was used without being saved, or was taken off its customer, cannot be used again, as at Stripe. What the
number can do is kept apart from the object: ``means_of_method``.
"""

from typing import Final

from infra.local.store import Thing, new_id
from infra.local.stripe.cards import Means, means_named, means_of
from infra.local.stripe.context import Context, Resource, listed
from infra.local.stripe.errors import StripeError, card_error, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "payment_method"
BANK: Final = "STRIPE TEST BANK"
_MEANS: Final = "_means"
_TYPES: Final = ("card", "us_bank_account")


def new(context: Context, means: Means, billing: Thing | None = None) -> Thing:
    details = _card(means) if means.kind == "card" else _bank(means)
    id_ = new_id("pm")
    private = {"number": means.number, "set_up": False, "spent": False}
    context.store.put({"id": f"{_MEANS}_{id_}", "object": _MEANS} | private)
    return context.store.put(
        {
            "id": id_,
            "object": KIND,
            "allow_redisplay": "limited",
            "billing_details": billing or nobody(),
            means.kind: details,
            "created": context.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": means.kind,
        }
    )


def means_of_method(context: Context, id_: str) -> Means:
    """What the payment method was made from."""
    return means_of(context.find(_MEANS, f"{_MEANS}_{id_}")["number"])


def is_set_up(context: Context, id_: str) -> bool:
    """Whether its owner agreed, and its bank confirmed, that it is charged in their absence."""
    return bool(context.find(_MEANS, f"{_MEANS}_{id_}")["set_up"])


def named(context: Context, id_: str, param: str = "payment_method") -> Thing:
    """The payment method with this id, or a new one for a name like ``pm_card_visa``."""
    means = means_named(id_)
    return new(context, means) if means else context.find(KIND, id_, param)


def check_usable(context: Context, method: Thing, customer: str | None) -> None:
    """Raises StripeError where the method may not be used for this customer, or no more."""
    if method["customer"] and not customer:
        raise StripeError(
            400,
            f"The PaymentMethod provided ({method['id']}) belongs to a Customer. "
            "Please include the Customer in the `customer` parameter.",
            param="payment_method",
        )
    if method["customer"] and method["customer"] != customer:
        raise StripeError(
            400,
            f"The PaymentMethod supplied ({method['id']}) belongs to a different Customer than the one supplied.",
            param="payment_method",
        )
    if _private(context, method)["spent"]:
        raise _spent(method)


def spend(context: Context, method: Thing) -> None:
    """It was used: unless it is saved, it cannot be again."""
    if not method["customer"]:
        context.store.put(_private(context, method) | {"spent": True})


def save(context: Context, method: Thing, customer: str, *, set_up: bool) -> Thing:
    """Put it on the customer; ``set_up`` where they confirmed what their bank wants confirmed."""
    private = _private(context, method)
    context.store.put(private | {"spent": False, "set_up": private["set_up"] or set_up})
    if method["customer"] == customer:
        return method
    method |= {"customer": customer}
    context.store.put(method)
    emit(context, "payment_method.attached", method)
    return method


def attach(context: Context, params: Params, id_: str) -> Thing:
    customer = params.text("customer")
    params.done()
    if customer is None:
        raise missing("customer")
    context.find("customer", customer, "customer")
    method = named(context, id_)
    if method["customer"] and method["customer"] != customer:
        raise StripeError(400, "The payment method you provided has already been attached to a customer.")
    if _private(context, method)["spent"]:
        raise _spent(method)
    means = means_of_method(context, method["id"])
    if means.failure and not means.attaches:
        raise card_error(means.failure, payment_method=method)
    return save(context, method, customer, set_up=False)


def detach(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    method = context.find(KIND, id_, "payment_method")
    if not method["customer"]:
        raise StripeError(
            400, "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    context.store.put(_private(context, method) | {"spent": True})
    method |= {"customer": None}
    context.store.put(method)
    emit(context, "payment_method.detached", method)
    return method


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_, "payment_method")


def retrieve_of_customer(context: Context, params: Params, customer: str, id_: str) -> Thing:
    method = retrieve(context, params, id_)
    if method["customer"] != customer:
        # What is somebody else's is not there.
        return context.find(KIND, "", "payment_method")
    return method


def list_(context: Context, params: Params, customer: str | None = None) -> Thing:
    customer = customer or params.required("customer")
    context.find("customer", customer, "customer")
    kind = params.choice("type", _TYPES)
    return listed(
        context,
        params,
        KIND,
        "/v1/payment_methods",
        lambda method: method["customer"] == customer and kind in (None, method["type"]),
    )


def nobody() -> Thing:
    """Billing details of whom nothing is known."""
    nowhere = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {"address": nowhere, "email": None, "name": None, "phone": None, "tax_id": None}


def fingerprint(means: Means) -> str:
    """The same number has the same one; the number cannot be read from it in practice, as it is only test data."""
    return f"local{means.brand[:4]}{means.last4}"


def _private(context: Context, method: Thing) -> Thing:
    return context.find(_MEANS, f"{_MEANS}_{method['id']}")


def _spent(method: Thing) -> StripeError:
    return StripeError(
        400,
        f"The provided PaymentMethod ({method['id']}) was previously used with a PaymentIntent without Customer "
        "attachment, or was detached from a Customer. It may not be used again. "
        "To use a PaymentMethod multiple times, you must attach it to a Customer first.",
    )


def _card(means: Means) -> Thing:
    return {
        "brand": means.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": means.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": fingerprint(means),
        "funding": "credit",
        "generated_from": None,
        "last4": means.last4,
        "networks": {"available": [means.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _bank(means: Means) -> Thing:
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": BANK,
        "financial_connections_account": None,
        "fingerprint": fingerprint(means),
        "last4": means.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": {},
    }


ROUTES: Final[list[Resource]] = [
    ("GET", r"/payment_methods", list_),
    ("GET", r"/payment_methods/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/payment_methods/(?P<id_>[^/]+)/attach", attach),
    ("POST", r"/payment_methods/(?P<id_>[^/]+)/detach", detach),
    ("GET", r"/customers/(?P<customer>[^/]+)/payment_methods", list_),
    ("GET", r"/customers/(?P<customer>[^/]+)/payment_methods/(?P<id_>[^/]+)", retrieve_of_customer),
]
