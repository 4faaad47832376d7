"""Customers: who may have means of payment saved."""

from typing import Final

from infra.local.store import Thing, new_id
from infra.local.stripe import methods
from infra.local.stripe.context import Context, Resource, listed, same_filter
from infra.local.stripe.errors import StripeError
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "customer"
_TEXTS: Final = ("description", "email", "name", "phone")


def create(context: Context, params: Params) -> Thing:
    return new(context, _read(context, params, None))


def new(context: Context, told: Thing) -> Thing:
    customer = context.store.put(_object(context) | told)
    emit(context, "customer.created", customer)
    return customer


def update(context: Context, params: Params, id_: str) -> Thing:
    customer = context.find(KIND, id_)
    told = _read(context, params, id_)
    metadata = customer["metadata"] | told.pop("metadata")
    customer |= {name: value for name, value in told.items() if value is not None} | {"metadata": metadata}
    context.store.put(customer)
    emit(context, "customer.updated", customer)
    return customer


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    customer = context.store.get(KIND, id_)
    # Of one that was deleted Stripe still says so.
    return customer or context.find(KIND, id_)


def delete(context: Context, params: Params, id_: str) -> Thing:
    """Take the person away, and all that was saved for them."""
    params.done()
    customer = context.find(KIND, id_)
    for method in list(context.store.newest(methods.KIND)):
        if method["customer"] == id_:
            methods.detach(context, Params({}), method["id"])
    emit(context, "customer.deleted", customer)
    return context.store.put({"id": id_, "object": KIND, "deleted": True})


def list_(context: Context, params: Params) -> Thing:
    fits = same_filter(params, "email")
    return listed(context, params, KIND, "/v1/customers", lambda customer: "deleted" not in customer and fits(customer))


def _read(context: Context, params: Params, id_: str | None) -> Thing:
    told: Thing = {name: params.text(name, 800) for name in _TEXTS}
    told["metadata"] = params.metadata()
    invoices = params.inner("invoice_settings")
    default = invoices.text("default_payment_method") if invoices else None
    params.done()
    if default:
        if context.find(methods.KIND, default, "payment_method")["customer"] != id_:
            raise StripeError(
                400,
                f"The customer does not have a payment method with the ID {default}. "
                "The payment method must be attached to the customer.",
                code="resource_missing",
                param="invoice_settings[default_payment_method]",
            )
        told["invoice_settings"] = _invoices() | {"default_payment_method": default}
    return told


def _invoices() -> Thing:
    return {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None}


def _object(context: Context) -> Thing:
    id_ = new_id("cus")
    return {
        "id": id_,
        "object": KIND,
        "address": None,
        "balance": 0,
        "created": context.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": id_[-8:].upper(),
        "invoice_settings": _invoices(),
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


ROUTES: Final[list[Resource]] = [
    ("POST", r"/customers", create),
    ("GET", r"/customers", list_),
    ("GET", r"/customers/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/customers/(?P<id_>[^/]+)", update),
    ("DELETE", r"/customers/(?P<id_>[^/]+)", delete),
]
