"""The balance and its transactions: every movement of money, of the platform and of each connected account.

    what moves            type                                 reporting_category   source
    a payment             charge (card), payment (bank)        charge               ch_ / py_
    a refund              refund, payment_refund               refund               re_ / pyr_
    a refund that failed  refund_failure, …                    refund_failure       re_
    a dispute, won back   adjustment                           dispute, dispute_reversal   dp_
    a transfer, back      transfer, transfer_refund            transfer, transfer_reversal   tr_, trr_
    a payout, back        payout, payout_failure               payout, payout_reversal   po_

A balance may become negative by refunds and disputes, as at Stripe.
"""

from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe.context import Context, Resource, listed, same_filter
from infra.local.stripe.forms import Params

KIND: Final = "balance_transaction"


def book(
    context: Context,
    source: Thing,
    *,
    amount: int,
    type_: str,
    category: str,
    fee: int = 0,
    fee_for: str = "Stripe processing fees",
    after_seconds: float = 0.0,
    account: str = "",
) -> Thing:
    """One movement of ``amount`` cents (out where negative), less ``fee``, available after so many seconds."""
    detail = {"amount": fee, "application": None, "currency": source["currency"], "description": fee_for}
    return context.store.put(
        {
            "id": new_id("txn"),
            "object": KIND,
            "amount": amount,
            "available_on": int(context.now() + after_seconds),
            "balance_type": "payments",
            "created": context.now(),
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [detail | {"type": "stripe_fee"}] if fee else [],
            "net": amount - fee,
            "reporting_category": category,
            "source": source["id"],
            "status": "pending" if after_seconds else "available",
            "type": type_,
        },
        parent=account,
    )


def as_of_now(context: Context, booked: Thing) -> Thing:
    """The transaction with the status that it has by now."""
    return booked | {"status": "available" if booked["available_on"] <= context.clock() else "pending"}


def sums(context: Context, account: str = "") -> tuple[int, int]:
    """What is available and what is pending, in cents."""
    available = pending = 0
    for booked in context.store.newest(KIND, account):
        if booked["available_on"] <= context.clock():
            available += booked["net"]
        else:
            pending += booked["net"]
    return available, pending


def show(context: Context, params: Params) -> Thing:
    params.done()
    available, pending = sums(context, context.account)
    return {
        "object": "balance",
        "available": [_part(available)],
        "connect_reserved": [{"amount": 0, "currency": "usd"}],
        "livemode": False,
        "pending": [_part(pending)],
    }


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return as_of_now(context, context.find(KIND, id_, account=context.account))


def list_(context: Context, params: Params) -> Thing:
    payout = params.text("payout")
    paid_out = context.find("_payout", f"_{payout}", "payout")["transactions"] if payout else None
    fits = same_filter(params, "source", "type", "currency")
    page = listed(
        context,
        params,
        KIND,
        "/v1/balance_transactions",
        lambda booked: fits(booked) and (paid_out is None or booked["id"] in paid_out),
        context.account,
    )
    return page | {"data": [as_of_now(context, booked) for booked in page["data"]]}


def _part(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd", "source_types": {"card": amount}}


ROUTES: Final[list[Resource]] = [
    ("GET", r"/balance", show),
    ("GET", r"/balance_transactions", list_),
    ("GET", r"/balance_transactions/(?P<id_>[^/]+)", retrieve),
]
