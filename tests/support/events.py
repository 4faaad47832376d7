"""Stripe's events on a Checkout Session, as far as a top-up is concerned."""

from __future__ import annotations

from typing import Any

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
