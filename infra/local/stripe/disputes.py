"""Disputes of charges, by their owners' banks.

    needs_response ──(evidence)→ under_review ──→ won: the money comes back
                   ──────────────────────────────→ lost
    warning_needs_response ──(evidence)→ warning_under_review ──→ warning_closed
                           ──(escalated)→ needs_response

Opening one takes its amount and a fee of $15 from the balance; winning brings back the amount, not the fee. An inquiry
(``warning_…``) takes nothing until it is escalated. Evidence whose ``uncategorized_text`` is ``winning_evidence``,
``losing_evidence`` or ``escalate_inquiry_evidence`` decides it, as in Stripe's test mode.
"""

from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import balance, charges, methods
from infra.local.stripe.cards import Dispute
from infra.local.stripe.context import Context, Lever, Resource, listed, same_filter
from infra.local.stripe.errors import StripeError, invalid
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "dispute"
FEE: Final = 1_500
_DAYS_TO_ANSWER: Final = 21
_DAY: Final = 86_400
_LONGEST_EVIDENCE: Final = 20_000
_OPEN: Final = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
_OUTCOMES: Final = ("won", "lost", "warning_closed")
_EVIDENCE: Final = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def open_(context: Context, charge: Thing, kind: Dispute, amount: int | None = None) -> Thing:
    """The owner's bank disputes the charge, or inquires. Raises StripeError where there is nothing to dispute."""
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    if charge["status"] != "succeeded" or not 0 < amount <= left:
        raise StripeError(400, f"There are {left} cents to dispute of charge {charge['id']}.")
    if any(dispute["status"] in _OPEN for dispute in context.store.newest(KIND, charge["id"])):
        raise StripeError(400, f"Charge {charge['id']} is disputed already.")
    dispute = _object(context, charge, kind, amount)
    context.store.put(dispute, parent=charge["id"])
    context.store.put(charge | {"disputed": True})
    if kind.inquiry:
        emit(context, "charge.dispute.created", dispute)
        return dispute
    dispute = _withdrawn(context, dispute)
    emit(context, "charge.dispute.created", dispute)
    emit(context, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def open_when_due(context: Context, charge_id: str) -> None:
    """The background's: the owner of a card that disputes what it pays, unless all of it was refunded."""
    charge = context.find(charges.KIND, charge_id)
    kind = methods.means_of_method(context, charge["payment_method"]).dispute
    if kind and not charge["refunded"] and not charge["disputed"]:
        open_(context, charge, kind)


def escalate(context: Context, id_: str) -> Thing:
    """An inquiry becomes a dispute. Raises StripeError where it is none, or closed."""
    dispute = context.find(KIND, id_)
    if dispute["status"] not in ("warning_needs_response", "warning_under_review"):
        raise StripeError(400, f"Only an open inquiry can be escalated; this is {dispute['status']}.")
    dispute |= {"status": "needs_response", "is_charge_refundable": False}
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    dispute = _withdrawn(context, dispute)
    emit(context, "charge.dispute.updated", dispute)
    emit(context, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def close(context: Context, id_: str, outcome: str) -> Thing:
    """The bank decides. Raises StripeError where it has, or where the outcome is not one of this dispute."""
    dispute = context.find(KIND, id_)
    if dispute["status"] not in _OPEN:
        raise StripeError(400, f"This dispute is {dispute['status']}.", kept=True)
    if (outcome == "warning_closed") != _is_inquiry(dispute):
        raise invalid("outcome", f"A dispute that is {dispute['status']} cannot become {outcome}.")
    dispute |= {"status": outcome, "is_charge_refundable": outcome != "lost"}
    if outcome == "won":
        booked = balance.book(
            context,
            dispute | {"description": f"Chargeback reversal for {dispute['charge']}"},
            amount=dispute["amount"],
            type_="adjustment",
            category="dispute_reversal",
        )
        dispute |= {"balance_transactions": [*dispute["balance_transactions"], booked]}
    context.store.put(dispute)
    if outcome == "won":
        emit(context, "charge.dispute.funds_reinstated", dispute)
    emit(context, "charge.dispute.closed", dispute)
    return dispute


def decide_when_due(context: Context, id_: str) -> None:
    """The background's: the bank reads the evidence. What says nothing to it stays under review."""
    dispute = context.find(KIND, id_)
    if dispute["status"] not in _OPEN:
        return
    said = dispute["evidence"]["uncategorized_text"]
    if _is_inquiry(dispute):
        if said == "escalate_inquiry_evidence":
            escalate(context, id_)
        elif said in ("winning_evidence", "losing_evidence"):
            close(context, id_, "warning_closed")
    elif said in ("winning_evidence", "losing_evidence"):
        close(context, id_, "won" if said == "winning_evidence" else "lost")


def update(context: Context, params: Params, id_: str) -> Thing:
    dispute = context.find(KIND, id_)
    told = params.inner("evidence") or Params({})
    evidence = {name: text for name in _EVIDENCE if (text := told.text(name, _LONGEST_EVIDENCE)) is not None}
    submit, metadata = params.flag("submit"), params.metadata()
    params.done()
    if evidence and dispute["status"] not in ("needs_response", "warning_needs_response"):
        raise StripeError(400, f"This dispute is {dispute['status']}: evidence cannot be given any more.")
    dispute["evidence"] |= evidence
    dispute["metadata"] |= metadata
    dispute["evidence_details"] |= {"has_evidence": any(dispute["evidence"].values())}
    # As at Stripe, evidence is submitted unless it is said that it is not.
    if evidence and submit is not False:
        inquiry = _is_inquiry(dispute)
        dispute |= {"status": "warning_under_review" if inquiry else "under_review"}
        dispute["evidence_details"]["submission_count"] += 1
        context.schedule("dispute_decision", id_, context.settle_seconds)
    context.store.put(dispute)
    emit(context, "charge.dispute.updated", dispute)
    return dispute


def accept(context: Context, params: Params, id_: str) -> Thing:
    """The merchant gives in."""
    params.done()
    dispute = context.find(KIND, id_)
    return close(context, id_, "warning_closed" if _is_inquiry(dispute) else "lost")


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_)


def list_(context: Context, params: Params) -> Thing:
    return listed(context, params, KIND, "/v1/disputes", same_filter(params, "charge", "payment_intent"))


def _withdrawn(context: Context, dispute: Thing) -> Thing:
    booked = balance.book(
        context,
        dispute | {"description": f"Chargeback withdrawal for {dispute['charge']}"},
        amount=-dispute["amount"],
        type_="adjustment",
        category="dispute",
        fee=FEE,
        fee_for="Dispute fee",
    )
    return context.store.put(dispute | {"balance_transactions": [*dispute["balance_transactions"], booked]})


def _is_inquiry(dispute: Thing) -> bool:
    return str(dispute["status"]).startswith("warning_")


def _object(context: Context, charge: Thing, kind: Dispute, amount: int) -> Thing:
    details = charge["payment_method_details"]
    brand = (details.get("card") or {}).get("brand", "visa")
    return {
        "id": new_id("dp"),
        "object": KIND,
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": context.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(_EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": context.now() + _DAYS_TO_ANSWER * _DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": kind.inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": brand,
                "case_type": "inquiry" if kind.inquiry else "chargeback",
                "network": brand,
                "network_reason_code": kind.network_reason,
            },
            "type": "card",
        },
        "reason": kind.reason,
        "status": "warning_needs_response" if kind.inquiry else "needs_response",
    }


def _open(context: Context, body: dict[str, Any]) -> Thing:
    statuses = {"needs_response": False, "warning_needs_response": True}
    kind = Dispute(str(body.get("reason", "fraudulent")), "10.4", statuses[str(body.get("status", "needs_response"))])
    amount, named = body.get("amount"), str(body["charge"])
    if named.startswith("pi_"):  # what `wallet show` tells of a payment
        named = str(context.find("payment_intent", named, "charge", "")["latest_charge"])
    return open_(context, context.find(charges.KIND, named, "charge", ""), kind, amount and int(amount))


def _close(context: Context, body: dict[str, Any], id_: str) -> Thing:
    outcome = str(body["outcome"])
    if outcome not in _OUTCOMES:
        raise invalid("outcome", f"outcome is one of {', '.join(_OUTCOMES)}")
    return close(context, id_, outcome)


def _escalate(context: Context, _: dict[str, Any], id_: str) -> Thing:
    return escalate(context, id_)


ROUTES: Final[list[Resource]] = [
    ("GET", r"/disputes", list_),
    ("GET", r"/disputes/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/disputes/(?P<id_>[^/]+)", update),
    ("POST", r"/disputes/(?P<id_>[^/]+)/close", accept),
]
LEVERS: Final[list[Lever]] = [
    ("POST", r"/disputes", _open),
    ("POST", r"/disputes/(?P<id_>[^/]+)/close", _close),
    ("POST", r"/disputes/(?P<id_>[^/]+)/escalate", _escalate),
]
