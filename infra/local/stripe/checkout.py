"""Checkout Sessions in modes ``payment`` and ``setup``, from creation to paid, saved, expired, or refused by the bank.

    open ── card ──────────────→ complete, paid       checkout.session.completed
         ── bank account ──────→ complete, unpaid     checkout.session.completed
                                    then              checkout.session.async_payment_succeeded | …_failed
         ── card that asks ────→ open, until the customer confirms on the page
         ── declined ──────────→ open: another card may be tried
         ── nothing to pay ────→ complete, no_payment_required, without a PaymentIntent
         ── expired, 24 hours ─→ expired              checkout.session.expired

What it sells, and for how much, is read in ``checkout_lines``. As at Stripe, the PaymentIntent is made when the
customer first tries to pay; a SetupIntent is there from the start. A means of payment is saved on the customer in mode
``setup``, and where ``payment_intent_data[setup_future_usage]`` asks for it; who comes without a customer is then made
one.
"""

import re
from typing import Any, Final

from infra.local.store import Thing
from infra.local.stripe import checkout_lines, coupons, customers, payments, setups
from infra.local.stripe import checkout_objects as objects
from infra.local.stripe.context import Context, Lever, Resource, listed, same_filter
from infra.local.stripe.errors import StripeError, invalid
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = objects.KIND
_HOUR: Final = 3_600
_SHORTEST: Final = _HOUR // 2
_LONGEST: Final = 24 * _HOUR
_METHODS: Final = ("card", "us_bank_account")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.\-]*://\S+", re.IGNORECASE)
_UNSAFE_SCHEMES: Final = ("javascript:", "data:", "vbscript:")


def create(context: Context, params: Params) -> Thing:
    """Every parameter is read, and an unknown one refused, before anything is kept."""
    mode = _read_fixed(params)
    customer = _read_customer(context, params)
    items, told = checkout_lines.read(context, params, mode, customer["customer"])
    wanted = _read_intent(params, mode)
    methods = params.texts("allowed_payment_method_types") or params.texts("payment_method_types") or list(_METHODS)
    if unsupported := set(methods) - set(_METHODS):
        raise invalid("payment_method_types", f"Invalid payment_method_types: {', '.join(sorted(unsupported))}")
    session = objects.session(context, mode, methods) | {
        **told,
        **customer,
        "success_url": _address(params, "success_url"),
        "cancel_url": _address(params, "cancel_url") if params.text("cancel_url") else None,
        "client_reference_id": params.text("client_reference_id", 200),
        "expires_at": _expiry(context, params),
        "locale": params.text("locale", 10),
        "metadata": params.metadata(),
    }
    params.done()
    if mode == "setup":
        setup = setups.new(context, customer=session["customer"], method_types=methods, **wanted)
        session["setup_intent"] = setup["id"]
    private = {"line_items": items, "intent": wanted}
    context.store.put({"id": f"_private_{session['id']}", "object": "_private"} | private)
    context.schedule("expire", session["id"], session["expires_at"] - context.clock())
    return context.store.put(session)


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_, "session")


def list_(context: Context, params: Params) -> Thing:
    fits = same_filter(params, "payment_intent", "status", "customer")
    return listed(context, params, KIND, "/v1/checkout/sessions", fits)


def line_items(context: Context, params: Params, id_: str) -> Thing:
    context.find(KIND, id_, "session")
    params.integer("limit", 1)
    params.done()
    items = lines_of(context, id_)
    return {"object": "list", "url": f"/v1/checkout/sessions/{id_}/line_items", "has_more": False, "data": items}


def lines_of(context: Context, id_: str) -> list[Thing]:
    found: list[Thing] = context.find("_private", f"_private_{id_}")["line_items"]
    return found


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
    """The customer gives a test number on the page. Returns the intent. Raises StripeError if not open."""
    session = _open_session(context, id_)
    if is_free(session):
        raise StripeError(400, "There is nothing to pay.")
    payer = objects.payer(email or email_of(context, session))
    billing = {name: payer[name] for name in ("address", "email", "name", "phone")} | {"tax_id": None}
    session |= {"customer": _customer_of(context, session, payer["email"]), "customer_details": payer}
    intent = _intent_of(context, session) | {"customer": session["customer"]}
    if session["mode"] == "setup":
        intent = setups.attempt(context, intent, number, billing)
    else:
        intent = payments.attempt(context, intent, number, billing)
        session |= {"payment_intent": intent["id"]}
    return _after(context, session, intent)


def finish(context: Context, id_: str, email: str | None) -> None:
    """The customer takes on the page what costs nothing; no payment is made. Raises StripeError if there is one due."""
    session = _open_session(context, id_)
    if not is_free(session):
        raise StripeError(400, "Send a card number in the field card.")
    session |= {"customer_details": objects.payer(email or email_of(context, session))}
    _complete(context, session | {"payment_status": "no_payment_required"})


def is_free(session: Thing) -> bool:
    return bool(session["mode"] == "payment" and not session["amount_total"])


def authenticate(context: Context, id_: str, agreed: bool) -> Thing:
    """The customer answers the bank's question on the page. Raises StripeError if none was asked."""
    session = _open_session(context, id_)
    intent = tried(context, session)
    if intent is None or intent["status"] != "requires_action":
        raise StripeError(400, "There is nothing to confirm.")
    step = setups.authenticated if session["mode"] == "setup" else payments.authenticated
    return _after(context, session, step(context, intent, agreed))


def tried(context: Context, session: Thing) -> Thing | None:
    """The intent that the session is about, if there is one yet."""
    kind = "setup_intent" if session["mode"] == "setup" else "payment_intent"
    return context.store.get(kind, session[kind] or "")


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
    if intent["status"] not in ("succeeded", "processing"):
        context.store.put(session)
        return intent
    if session["mode"] == "payment":
        session |= {"payment_status": "paid" if intent["status"] == "succeeded" else "unpaid"}
    _complete(context, session)
    if intent["status"] == "processing":
        context.schedule("settle", session["id"], context.settle_seconds)
    return intent


def _complete(context: Context, session: Thing) -> None:
    session |= {"status": "complete", "url": None}
    context.store.put(session)
    for discount in session["discounts"]:
        coupons.redeem(context, discount)
    emit(context, f"{KIND}.completed", session)


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
    if intent := tried(context, session):
        return intent
    wanted = context.find("_private", f"_private_{session['id']}")["intent"]
    return payments.new_intent(
        context,
        session["amount_total"],
        session["currency"],
        method_types=session["payment_method_types"],
        customer=session["customer"],
        **wanted,
    )


def _customer_of(context: Context, session: Thing, email: str | None) -> str | None:
    """Whose payment it is: a new customer's where one is needed and none was told."""
    if session["customer"]:
        return str(session["customer"])
    saves = context.find("_private", f"_private_{session['id']}")["intent"].get("setup_future_usage")
    if session["customer_creation"] != "always" and not saves:
        return None
    return str(customers.new(context, {"email": email})["id"])


def email_of(context: Context, session: Thing) -> str | None:
    """The address that the page begins with."""
    customer = context.store.get(customers.KIND, session["customer"] or "") or {}
    email: str | None = session["customer_email"] or customer.get("email")
    return email


def _read_fixed(params: Params) -> str:
    """What has one value here, as the hosted page; and the mode."""
    mode = params.required("mode")
    if mode not in ("payment", "setup"):
        raise invalid("mode", f"The local Stripe knows modes payment and setup only, not {mode}.")
    if params.text("ui_mode") not in (None, "hosted", "hosted_page"):
        raise invalid("ui_mode", "The local Stripe has the hosted page only.")
    params.choice("submit_type", ("auto", "book", "donate", "pay"))
    return mode


def _read_customer(context: Context, params: Params) -> Thing:
    customer, email = params.text("customer"), params.text("customer_email", 800)
    creation = params.choice("customer_creation", ("always", "if_required"))
    if customer and (email or creation):
        other = "customer_email" if email else "customer_creation"
        raise invalid(other, f"You may only specify one of these parameters: customer, {other}.")
    if customer:
        context.find(customers.KIND, customer, "customer")
    return {
        "customer": customer,
        "customer_email": email,
        "customer_creation": None if customer else creation or "if_required",
    }


def _read_intent(params: Params, mode: str) -> Thing:
    """What the intent is made with."""
    data = params.inner(f"{mode}_intent_data") or Params({})
    told: Thing = {"metadata": data.metadata(), "description": data.text("description", 1000)}
    if mode == "payment":
        told["setup_future_usage"] = data.choice("setup_future_usage", ("on_session", "off_session"))
    return told


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
