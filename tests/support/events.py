"""Stripe's events on a Checkout Session and on a PaymentIntent, as far as a wallet is concerned."""

from __future__ import annotations

from typing import Any

from chalicelib.wallet.model.recharge import Recharge
from chalicelib.wallet.model.topup import TopUp


def checkout_event(event: str, kind: str, topup: TopUp, **other: Any) -> dict[str, Any]:
    """An event that fits ``topup`` in everything; ``other`` changes fields of its Checkout Session."""
    checkout = {
        "id": topup.checkout,
        "object": "checkout.session",
        "client_reference_id": topup.id,
        "mode": "payment",
        "payment_status": "unpaid" if kind.endswith(("expired", "failed")) else "paid",
        "payment_intent": f"pi_{topup.id}",
        "amount_total": topup.amount,
        "currency": topup.currency,
        "metadata": {"topup": topup.id, "user": topup.user},
    }
    return {"id": event, "object": "event", "type": kind, "data": {"object": checkout | other}}


def setup_event(event: str, user: str, created: int = 1_900_000_000, **other: Any) -> dict[str, Any]:
    """A page in mode setup on which ``user`` has saved a card; ``other`` changes fields of its Checkout Session."""
    checkout = {
        "id": f"cs_{event}",
        "object": "checkout.session",
        "client_reference_id": "set_1",
        "mode": "setup",
        "payment_status": "no_payment_required",
        "customer": f"cus_{user}",
        "setup_intent": "seti_1",
        "metadata": {"user": user},
    }
    return {
        "id": event,
        "object": "event",
        "type": "checkout.session.completed",
        "created": created,
        "data": {"object": checkout | other},
    }


def recharge_event(event: str, kind: str, charge: Recharge, **other: Any) -> dict[str, Any]:
    """An event on the PaymentIntent of a recharge that fits ``charge`` in everything; ``other`` changes fields."""
    paid = kind.endswith("succeeded")
    intent = {
        "id": f"pi_{charge.id}",
        "object": "payment_intent",
        "amount": charge.amount,
        "amount_received": charge.amount if paid else 0,
        "currency": charge.currency,
        "customer": charge.customer,
        "metadata": {"recharge": charge.id, "user": charge.user},
        "last_payment_error": None if paid else {"code": "card_declined", "decline_code": "generic_decline"},
        "status": "succeeded" if paid else "requires_payment_method",
    }
    return {"id": event, "object": "event", "type": kind, "data": {"object": intent | other}}
