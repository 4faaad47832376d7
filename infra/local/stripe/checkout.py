"""Checkout Sessions in mode ``payment``, from creation to paid, expired, or refused by the bank.

    open ── card ──────────────→ complete, paid       checkout.session.completed
         ── bank account ──────→ complete, unpaid     checkout.session.completed
                                    then              checkout.session.async_payment_succeeded | …_failed
         ── card that asks ────→ open, until the customer confirms on the page
         ── declined ──────────→ open: another card may be tried
         ── expired, 24 hours ─→ expired              checkout.session.expired

As at Stripe, the PaymentIntent is made when the customer first tries to pay.
"""

import re
from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import payments
from infra.local.stripe.context import Context, Lever, Resource, created_filter, listed
from infra.local.stripe.errors import StripeError, invalid, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "checkout.session"
_LEAST_AMOUNT: Final = 50
_MOST_ITEMS: Final = 100
_HOUR: Final = 3_600
_SHORTEST: Final = _HOUR // 2
_LONGEST: Final = 24 * _HOUR
_METHODS: Final = ("card", "us_bank_account")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.\-]*://\S+", re.IGNORECASE)
_UNSAFE_SCHEMES: Final = ("javascript:", "data:", "vbscript:")


def create(context: Context, params: Params) -> Thing:
    """Every parameter is read, and an unknown one refused, before anything is kept."""
    _read_fixed(params)
    items = [_read_item(item) for item in params.each("line_items", _MOST_ITEMS)]
    if not items:
        raise missing("line_items")
    currencies = {item["price"]["currency"] for item in items}
    if len(currencies) != 1:
        raise invalid("line_items", "All line items must have the same currency.")
    total = sum(item["amount_total"] for item in items)
    if total < _LEAST_AMOUNT:
        raise invalid(
            "line_items", "The Checkout Session's total amount must convert to at least 50 cents.", "amount_too_small"
        )
    intent_data = params.inner("payment_intent_data") or Params({})
    private = {
        "line_items": items,
        "intent": {
            "metadata": intent_data.metadata(),
            "description": intent_data.text("description", 1000),
            "setup_future_usage": intent_data.choice("setup_future_usage", ("on_session", "off_session")),
        },
    }
    methods = params.texts("allowed_payment_method_types") or params.texts("payment_method_types") or list(_METHODS)
    if unsupported := set(methods) - set(_METHODS):
        raise invalid("payment_method_types", f"Invalid payment_method_types: {', '.join(sorted(unsupported))}")
    session = _new_session(context, total, currencies.pop(), methods) | {
        "success_url": _address(params, "success_url"),
        "cancel_url": _address(params, "cancel_url") if params.text("cancel_url") else None,
        "client_reference_id": params.text("client_reference_id", 200),
        "customer_email": params.text("customer_email", 800),
        "expires_at": _expiry(context, params),
        "locale": params.text("locale", 10),
        "metadata": params.metadata(),
    }
    params.done()
    context.store.put({"id": f"_private_{session['id']}", "object": "_private"} | private)
    context.schedule("expire", session["id"], session["expires_at"] - context.clock())
    return context.store.put(session)


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_, "session")


def list_(context: Context, params: Params) -> Thing:
    wanted = {
        name: value for name in ("payment_intent", "status", "customer") if (value := params.text(name)) is not None
    }
    created = created_filter(params)
    return listed(
        context,
        params,
        KIND,
        "/v1/checkout/sessions",
        lambda session: created(session) and all(session[name] == value for name, value in wanted.items()),
    )


def line_items(context: Context, params: Params, id_: str) -> Thing:
    context.find(KIND, id_, "session")
    params.integer("limit", 1)
    params.done()
    items = context.find("_private", f"_private_{id_}")["line_items"]
    return {"object": "list", "url": f"/v1/checkout/sessions/{id_}/line_items", "has_more": False, "data": items}


def expire(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    session = context.find(KIND, id_, "session")
    if session["status"] != "open":
        raise StripeError(
            400,
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}.",
        )
    return _expired(context, session)


def expire_when_due(context: Context, id_: str) -> None:
    """The background's: nobody paid in time."""
    session = context.store.get(KIND, id_)
    if session and session["status"] == "open":
        _expired(context, session)


def pay(context: Context, id_: str, number: str, email: str | None) -> Thing:
    """The customer gives a test number on the page. Returns the PaymentIntent. Raises StripeError if not open."""
    session = _open_session(context, id_)
    customer = _customer(email or session["customer_email"])
    intent = _intent_of(context, session)
    billing = {name: customer[name] for name in ("address", "email", "name", "phone")} | {"tax_id": None}
    intent = payments.attempt(context, intent, number, billing)
    session |= {"customer_details": customer, "payment_intent": intent["id"]}
    return _after(context, session, intent)


def authenticate(context: Context, id_: str, agreed: bool) -> Thing:
    """The customer answers the bank's question on the page. Raises StripeError if none was asked."""
    session = _open_session(context, id_)
    intent = context.find("payment_intent", session["payment_intent"] or "")
    if intent["status"] != "requires_action":
        raise StripeError(400, "There is nothing to confirm.")
    return _after(context, session, payments.authenticated(context, intent, agreed))


def settle(context: Context, id_: str, succeeds: bool | None = None) -> Thing:
    """The bank answers for a payment in processing; nothing happens where it did before."""
    session = context.find(KIND, id_, "session")
    intent = context.find("payment_intent", session["payment_intent"] or "")
    if intent["status"] != "processing":
        return session
    intent = payments.settled(context, intent, succeeds)
    paid = intent["status"] == "succeeded"
    session["payment_status"] = "paid" if paid else "unpaid"
    context.store.put(session)
    emit(context, f"{KIND}.async_payment_{'succeeded' if paid else 'failed'}", session)
    return session


def _after(context: Context, session: Thing, intent: Thing) -> Thing:
    """The session's part of what the attempt did."""
    if intent["status"] in ("succeeded", "processing"):
        session |= {
            "status": "complete",
            "url": None,
            "payment_status": "paid" if intent["status"] == "succeeded" else "unpaid",
        }
    context.store.put(session)
    if session["status"] == "complete":
        emit(context, f"{KIND}.completed", session)
    if intent["status"] == "processing":
        context.schedule("settle", session["id"], context.settle_seconds)
    return intent


def _open_session(context: Context, id_: str) -> Thing:
    session = context.find(KIND, id_, "session")
    # The background may be a moment late in saying so.
    late = session["expires_at"] <= context.clock()
    if session["status"] != "open" or late:
        status = "expired" if late else session["status"]
        raise StripeError(409, f"This Checkout Session is {status}.", code="checkout_not_open")
    return session


def _expired(context: Context, session: Thing) -> Thing:
    session |= {"status": "expired", "url": None}
    context.store.put(session)
    emit(context, f"{KIND}.expired", session)
    return session


def _intent_of(context: Context, session: Thing) -> Thing:
    if session["payment_intent"]:
        return context.find("payment_intent", session["payment_intent"])
    wanted = context.find("_private", f"_private_{session['id']}")["intent"]
    return payments.new_intent(
        context,
        session["amount_total"],
        session["currency"],
        method_types=session["payment_method_types"],
        **wanted,
    )


def _read_fixed(params: Params) -> None:
    """What has one value here: the hosted page, a one-time payment."""
    mode = params.required("mode")
    if mode != "payment":
        raise invalid("mode", f"The local Stripe knows mode payment only, not {mode}.")
    if params.text("ui_mode") not in (None, "hosted", "hosted_page"):
        raise invalid("ui_mode", "The local Stripe has the hosted page only.")
    params.choice("submit_type", ("auto", "book", "donate", "pay"))
    params.choice("customer_creation", ("if_required",))


def _read_item(item: Params) -> Thing:
    quantity = item.integer("quantity", 1, 999_999)
    price = item.inner("price_data")
    if price is None:
        raise missing(item.path("price_data"))
    if quantity is None:
        raise missing(item.path("quantity"))
    product = price.inner("product_data")
    if product is None:
        raise missing(price.path("product_data"))
    name, _ = product.required("name"), product.text("description")
    product.metadata()
    amount = price.integer("unit_amount")
    if amount is None:
        raise missing(price.path("unit_amount"))
    currency = price.required("currency", 3).lower()
    if currency != "usd":
        raise invalid(price.path("currency"), f"Invalid currency: {currency}. The local Stripe knows usd.")
    return _line_item(name, amount, currency, quantity)


def _line_item(name: str, amount: int, currency: str, quantity: int) -> Thing:
    total = amount * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "metadata": {},
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "currency": currency,
            "type": "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": str(amount),
        },
        "quantity": quantity,
    }


def _address(params: Params, name: str) -> str:
    """An address of the web or of an app; nothing that a browser would run."""
    address = params.required(name)
    if not _ADDRESS.fullmatch(address) or address.lower().startswith(_UNSAFE_SCHEMES):
        raise invalid(name, "Not a valid URL", "url_invalid")
    return address


def _expiry(context: Context, params: Params) -> int:
    wanted = params.integer("expires_at", most=10**12)
    if wanted is None:
        return context.now() + _LONGEST
    if not _SHORTEST <= wanted - context.now() <= _LONGEST:
        raise invalid(
            "expires_at", "The `expires_at` timestamp must be from 30 minutes to 24 hours after Checkout creation."
        )
    return wanted


def _customer(email: str | None) -> Thing:
    nowhere = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {
        "address": nowhere,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _new_session(context: Context, total: int, currency: str, methods: list[str]) -> Thing:
    id_ = new_id("cs_test")
    session: dict[str, Any] = {
        "id": id_,
        "object": KIND,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": context.now(),
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": None,
        "customer_account": None,
        "customer_creation": "if_required",
        "customer_details": None,
        "discounts": [],
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "managed_payments": None,
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": methods,
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{context.url}/c/pay/{id_}",
        "wallet_options": None,
    }
    return session


def _settle(context: Context, body: dict[str, Any], id_: str) -> Thing:
    outcomes = {None: None, "succeeded": True, "failed": False}
    return settle(context, id_, outcomes[body.get("outcome")])


ROUTES: Final[list[Resource]] = [
    ("POST", r"/checkout/sessions", create),
    ("GET", r"/checkout/sessions", list_),
    ("GET", r"/checkout/sessions/(?P<id_>[^/]+)", retrieve),
    ("GET", r"/checkout/sessions/(?P<id_>[^/]+)/line_items", line_items),
    ("POST", r"/checkout/sessions/(?P<id_>[^/]+)/expire", expire),
]
LEVERS: Final[list[Lever]] = [("POST", r"/checkout/sessions/(?P<id_>[^/]+)/settle", _settle)]
