"""Stripe's events, as far as money is concerned."""

from __future__ import annotations

from typing import Any

from chalicelib.gateways import World
from chalicelib.wallet.events import apply_event
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


def refund_event(kind: str, refund: str, intent: str, amount: int, status: str, **other: Any) -> dict[str, Any]:
    """An event on a refund, none of ours unless ``other`` says so; it is named by what it says."""
    said: dict[str, Any] = {
        "id": refund,
        "object": "refund",
        "payment_intent": intent,
        "amount": amount,
        "currency": "usd",
    }
    said |= {"status": status, "metadata": {}} | other
    return {"id": f"evt_{kind}_{refund}_{status}", "object": "event", "type": kind, "data": {"object": said}}


def charge_event(intent: str, amount_refunded: int, number: int = 0) -> dict[str, Any]:
    """``charge.refunded``: so much of the payment is refunded by now."""
    said: dict[str, Any] = {"id": f"ch_{intent}", "object": "charge", "payment_intent": intent, "currency": "usd"}
    said |= {"amount_refunded": amount_refunded}
    name = f"evt_charge_{intent}_{amount_refunded}_{number}"
    return {"id": name, "object": "event", "type": "charge.refunded", "data": {"object": said}}


def dispute_event(kind: str, dispute: str, intent: str, amount: int, status: str) -> dict[str, Any]:
    """An event on a dispute; ``kind`` is what follows ``charge.dispute.``."""
    said = {"id": dispute, "object": "dispute", "payment_intent": intent, "amount": amount, "currency": "usd"}
    name = f"evt_{kind}_{dispute}_{status}"
    return {
        "id": name,
        "object": "event",
        "type": f"charge.dispute.{kind}",
        "data": {"object": said | {"status": status}},
    }


def outcome(world: World, event: dict[str, Any]) -> str | None:
    """What is stored of the event; None where it is not."""
    row = world.tables.get(world.settings.tables.wallet, {"pk": f"event#{event['id']}", "sk": "event"})
    return None if row is None else str(row["outcome"])


def tell(world: World, *events: dict[str, Any]) -> None:
    """Stripe delivers these, in this order."""
    for event in events:
        apply_event(world, event)
