"""PaymentIntents and what follows from them: payment methods, charges, balance transactions.

A payment goes ``attempt`` → succeeded, declined, asked to authenticate, or processing; and from the last two on
by ``authenticated`` and ``settled``. Each step emits the events that Stripe emits. Stripe's fee is 2.9 % + 30 ¢.
"""

from collections.abc import Mapping
from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe.cards import AUTHENTICATION_FAILED, REFUSED_BY_BANK, Failure, Means, means_of
from infra.local.stripe.context import Context, Resource, created_filter, listed
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

_DAYS_UNTIL_AVAILABLE: Final = 2
_DAY: Final = 86_400
_BANK: Final = "STRIPE TEST BANK"


def new_intent(
    context: Context,
    amount: int,
    currency: str,
    *,
    metadata: Mapping[str, str],
    description: str | None,
    setup_future_usage: str | None,
    method_types: list[str],
) -> Thing:
    """A PaymentIntent that waits for a payment method."""
    id_ = new_id("pi")
    intent = context.store.put(
        {
            "id": id_,
            "object": "payment_intent",
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
            "customer": None,
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
    )
    emit(context, "payment_intent.created", intent)
    return intent


def attempt(context: Context, intent: Thing, number: str, billing: Thing) -> Thing:
    """Try to pay with a test number. The intent's ``status`` tells how it went."""
    means = means_of(number)
    method = _new_method(context, means, billing)
    intent |= {"payment_method": method["id"], "last_payment_error": None}
    if means.authenticates:
        intent |= {
            "status": "requires_action",
            "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        }
        context.store.put(intent)
        emit(context, "payment_intent.requires_action", intent)
        return intent
    return _decided(context, intent, means)


def authenticated(context: Context, intent: Thing, agreed: bool) -> Thing:
    """The customer answered the bank's question."""
    intent |= {"next_action": None}
    if agreed:
        return _decided(context, intent, _means(context, intent))
    return _refused(context, intent, AUTHENTICATION_FAILED, charge=None)


def settled(context: Context, intent: Thing, succeeds: bool | None = None) -> Thing:
    """The bank's answer to a payment in processing arrived: the test number's, unless told otherwise."""
    failure = _means(context, intent).failure
    if succeeds is False:
        failure = failure or REFUSED_BY_BANK
    charge = context.find("charge", intent["latest_charge"])
    if failure is None or succeeds:
        return _succeeded(context, intent, charge)
    charge |= _failed_charge(failure)
    context.store.put(charge)
    emit(context, "charge.failed", charge)
    return _refused(context, intent, failure, charge)


def _decided(context: Context, intent: Thing, means: Means) -> Thing:
    if means.kind == "us_bank_account":
        charge = _new_charge(context, intent, means, "pending")
        intent |= {"status": "processing", "latest_charge": charge["id"]}
        context.store.put(intent)
        emit(context, "charge.pending", charge)
        emit(context, "payment_intent.processing", intent)
        return intent
    if means.failure:
        charge = _new_charge(context, intent, means, "failed")
        charge |= _failed_charge(means.failure)
        context.store.put(charge)
        emit(context, "charge.failed", charge)
        return _refused(context, intent, means.failure, charge)
    return _succeeded(context, intent, _new_charge(context, intent, means, "pending"))


def _succeeded(context: Context, intent: Thing, charge: Thing) -> Thing:
    booked = _new_balance_transaction(context, charge)
    charge |= {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": charge["amount"],
        "balance_transaction": booked["id"],
        "outcome": _outcome("authorized", "approved_by_network", "Payment complete."),
    }
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
    context.store.put(charge)
    context.store.put(intent)
    emit(context, "charge.succeeded", charge)
    emit(context, "payment_intent.succeeded", intent)
    return intent


def _refused(context: Context, intent: Thing, failure: Failure, charge: Thing | None) -> Thing:
    method = context.find("payment_method", intent["payment_method"])
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


def _failed_charge(failure: Failure) -> Thing:
    outcome = _outcome("issuer_declined", "declined_by_network", "The bank did not return any further details.")
    return {
        "status": "failed",
        "paid": False,
        "failure_code": failure.code,
        "failure_message": failure.message,
        "outcome": outcome | {"reason": failure.decline_code or failure.code},
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


def _new_method(context: Context, means: Means, billing: Thing) -> Thing:
    details = _card_of_method(means) if means.kind == "card" else _bank_of_method(means)
    id_ = new_id("pm")
    context.store.put({"id": f"_means_{id_}", "object": "_means", "number": means.number})
    return context.store.put(
        {
            "id": id_,
            "object": "payment_method",
            "allow_redisplay": "limited",
            "billing_details": billing,
            means.kind: details,
            "created": context.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": means.kind,
        }
    )


def _means(context: Context, intent: Thing) -> Means:
    """What the intent's payment method was made from."""
    return means_of(context.find("_means", f"_means_{intent['payment_method']}")["number"])


def _card_of_method(means: Means) -> Thing:
    return {
        "brand": means.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": means.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": _fingerprint(means),
        "funding": "credit",
        "generated_from": None,
        "last4": means.last4,
        "networks": {"available": [means.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _bank_of_method(means: Means) -> Thing:
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": _BANK,
        "financial_connections_account": None,
        "fingerprint": _fingerprint(means),
        "last4": means.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": {},
    }


def _charged_with(means: Means, amount: int) -> Thing:
    if means.kind == "us_bank_account":
        return {
            "type": "us_bank_account",
            "us_bank_account": {
                "account_holder_type": "individual",
                "account_type": "checking",
                "bank_name": _BANK,
                "fingerprint": _fingerprint(means),
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
            "fingerprint": _fingerprint(means),
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


def _fingerprint(means: Means) -> str:
    """The same number has the same one; the number cannot be read from it in practice, as it is only test data."""
    return f"local{means.brand[:4]}{means.last4}"


def _new_charge(context: Context, intent: Thing, means: Means, status: str) -> Thing:
    id_ = new_id("ch" if means.kind == "card" else "py")
    method = context.find("payment_method", intent["payment_method"])
    return context.store.put(
        {
            "id": id_,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SOULSEER",
            "captured": False,
            "created": context.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": None,
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _charged_with(means, intent["amount"]),
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
            "status": status,
            "transfer_data": None,
            "transfer_group": None,
        }
    )


def _new_balance_transaction(context: Context, charge: Thing) -> Thing:
    fee = (charge["amount"] * 29 + 500) // 1000 + 30
    detail = {
        "amount": fee,
        "application": None,
        "currency": charge["currency"],
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return context.store.put(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": charge["amount"],
            "available_on": context.now() + _DAYS_UNTIL_AVAILABLE * _DAY,
            "balance_type": "payments",
            "created": context.now(),
            "currency": charge["currency"],
            "description": charge["description"],
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [detail],
            "net": charge["amount"] - fee,
            "reporting_category": "charge",
            "source": charge["id"],
            "status": "pending",
            "type": "charge" if charge["id"].startswith("ch_") else "payment",
        }
    )


def _retrieve(kind: str) -> Any:
    def retrieve(context: Context, params: Params, id_: str) -> Thing:
        params.done()
        return context.find(kind, id_)

    return retrieve


def _list(kind: str, url: str, *filters: str) -> Any:
    def list_(context: Context, params: Params) -> Thing:
        wanted = {name: value for name in filters if (value := params.text(name)) is not None}
        created = created_filter(params)
        return listed(
            context,
            params,
            kind,
            url,
            lambda thing: created(thing) and all(thing.get(name) == value for name, value in wanted.items()),
        )

    return list_


ROUTES: Final[list[Resource]] = [
    ("GET", r"/payment_intents", _list("payment_intent", "/v1/payment_intents", "customer")),
    ("GET", r"/payment_intents/(?P<id_>[^/]+)", _retrieve("payment_intent")),
    ("GET", r"/charges", _list("charge", "/v1/charges", "customer", "payment_intent")),
    ("GET", r"/charges/(?P<id_>[^/]+)", _retrieve("charge")),
    (
        "GET",
        r"/balance_transactions",
        _list("balance_transaction", "/v1/balance_transactions", "source", "type", "currency"),
    ),
    ("GET", r"/balance_transactions/(?P<id_>[^/]+)", _retrieve("balance_transaction")),
    ("GET", r"/payment_methods/(?P<id_>[^/]+)", _retrieve("payment_method")),
]
