"""Stripe's events, as far as money is concerned."""

from __future__ import annotations

from typing import Any

from chalicelib.gateways import World
from chalicelib.wallet.events import apply_event
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
