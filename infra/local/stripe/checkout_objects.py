"""The objects that Checkout shows: a session, its line items, how they are sent, who pays."""

from typing import Final

from infra.local.store import Thing, new_id
from infra.local.stripe.context import Context

KIND: Final = "checkout.session"


def line_item(name: str, price: Thing, quantity: int) -> Thing:
    total = price["unit_amount"] * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": name,
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def shipping_rate(context: Context, name: str, amount: int, currency: str, metadata: Thing) -> Thing:
    return {
        "id": new_id("shr"),
        "object": "shipping_rate",
        "active": True,
        "created": context.now(),
        "delivery_estimate": None,
        "display_name": name,
        "fixed_amount": {"amount": amount, "currency": currency},
        "livemode": False,
        "metadata": metadata,
        "tax_behavior": "unspecified",
        "tax_code": None,
        "type": "fixed_amount",
    }


def payer(email: str | None) -> Thing:
    """What the page learns of who pays."""
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


def session(context: Context, mode: str, methods: list[str]) -> Thing:
    """An open one, in mode payment or setup, of which is not told yet what it sells."""
    id_ = new_id("cs_test")
    return {
        "id": id_,
        "object": KIND,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": context.now(),
        "currency": None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": None,
        "customer_account": None,
        "customer_creation": None,
        "customer_details": None,
        "discounts": [],
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "managed_payments": None,
        "mode": mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required" if mode == "payment" else "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": methods,
        "payment_status": "unpaid" if mode == "payment" else "no_payment_required",
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
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": f"{context.url}/c/pay/{id_}",
        "wallet_options": None,
    }
