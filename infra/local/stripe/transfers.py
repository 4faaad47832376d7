"""Transfers from the platform's balance to a connected account's, and their reversals.

Each moves money in both balances: out of the platform's as ``transfer``, and on the account as a payment (``py_``)
whose ``source_transfer`` it is. A reversal is the way back: ``transfer_refund`` here, a refund (``pyr_``) there.
Events of a transfer are the platform's own, as at Stripe.
"""

from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import accounts, balance, charges, refunds
from infra.local.stripe.context import Context, Lever, Resource, created_filter, listed, same_filter
from infra.local.stripe.errors import StripeError, invalid, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "transfer"
_REVERSAL: Final = "transfer_reversal"
_MOST_EMBEDDED: Final = 10


def create(context: Context, params: Params) -> Thing:
    amount = params.integer("amount", 1)
    currency, destination = params.required("currency", 3).lower(), params.required("destination")
    told = {
        "description": params.text("description", 1000),
        "metadata": params.metadata(),
        "transfer_group": params.text("transfer_group"),
    }
    params.choice("source_type", ("card",))
    params.done()
    if amount is None:
        raise missing("amount")
    if currency != "usd":
        raise invalid("currency", f"Invalid currency: {currency}. The local Stripe knows usd.")
    _check_destination(context, destination)
    _check_available(context, amount)
    transfer = _object(context, amount, destination) | told
    booked = balance.book(context, transfer, amount=-amount, type_="transfer", category="transfer")
    payment = charges.on_account(context, transfer)
    transfer |= {"balance_transaction": booked["id"], "destination_payment": payment["id"]}
    context.store.put(transfer)
    emit(context, "transfer.created", transfer)
    return transfer


def update(context: Context, params: Params, id_: str) -> Thing:
    transfer = context.find(KIND, id_)
    metadata, description = params.metadata(), params.text("description", 1000)
    params.done()
    transfer |= {
        "metadata": transfer["metadata"] | metadata,
        "description": transfer["description"] if description is None else description,
    }
    context.store.put(transfer)
    emit(context, "transfer.updated", transfer)
    return transfer


def reverse(context: Context, params: Params, id_: str) -> Thing:
    """The platform takes it back, as far as the account still has it. Returns the reversal."""
    transfer = context.find(KIND, id_)
    amount, metadata = params.integer("amount", 1), params.metadata()
    params.text("description", 1000)
    params.flag("refund_application_fee")
    params.done()
    amount = _reversible(transfer) if amount is None else amount
    if not 0 < amount <= _reversible(transfer):
        raise StripeError(
            400, f"There are {_reversible(transfer)} cents of transfer {id_} to reverse.", param="amount", kept=True
        )
    _check_available(context, amount, transfer["destination"])
    return _reversed(context, transfer, amount, metadata)


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_)


def list_(context: Context, params: Params) -> Thing:
    return listed(context, params, KIND, "/v1/transfers", same_filter(params, "destination", "transfer_group"))


def reversals(context: Context, params: Params, transfer: str) -> Thing:
    context.find(KIND, transfer)
    return listed(context, params, _REVERSAL, f"/v1/transfers/{transfer}/reversals", created_filter(params), transfer)


def reversal(context: Context, params: Params, transfer: str, id_: str) -> Thing:
    params.done()
    return context.find(_REVERSAL, id_, account=transfer)


def _check_destination(context: Context, id_: str) -> None:
    account = context.store.get(accounts.KIND, id_)
    if account is None:
        raise StripeError(400, f"No such destination: '{id_}'", code="resource_missing", param="destination", kept=True)
    if account["capabilities"].get("transfers") != "active":
        raise StripeError(
            400,
            "Your destination account needs to have at least one of the following capabilities enabled: "
            "transfers, crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
            kept=True,
        )


def _check_available(context: Context, amount: int, account: str = "") -> None:
    available, _ = balance.sums(context, account)
    if amount > available:
        raise StripeError(
            400,
            "You have insufficient available funds in your Stripe account. Try adding funds directly to your available "
            "balance by creating Charges using the 4000000000000077 test card.",
            code="balance_insufficient",
            kept=True,
        )


def _reversible(transfer: Thing) -> int:
    return int(transfer["amount"]) - int(transfer["amount_reversed"])


def _reversed(context: Context, transfer: Thing, amount: int, metadata: dict[str, str]) -> Thing:
    payment = context.find(charges.KIND, transfer["destination_payment"])
    back: Thing = {
        "id": new_id("trr"),
        "object": _REVERSAL,
        "amount": amount,
        "balance_transaction": None,
        "created": context.now(),
        "currency": transfer["currency"],
        "destination_payment_refund": None,
        "metadata": metadata,
        "source_refund": None,
        "transfer": transfer["id"],
    }
    booked = balance.book(context, back, amount=amount, type_="transfer_refund", category="transfer_reversal")
    refund = refunds.on_account(context, payment, back, transfer["destination"])
    back |= {"balance_transaction": booked["id"], "destination_payment_refund": refund["id"]}
    context.store.put(back, parent=transfer["id"])
    embedded = transfer["reversals"]
    taken = transfer["amount_reversed"] + amount
    transfer |= {
        "amount_reversed": taken,
        "reversed": taken == transfer["amount"],
        "reversals": embedded
        | {
            "data": [back, *embedded["data"]][:_MOST_EMBEDDED],
            "has_more": embedded["has_more"] or len(embedded["data"]) == _MOST_EMBEDDED,
        },
    }
    context.store.put(transfer)
    emit(context, "transfer.reversed", transfer)
    return back


def _object(context: Context, amount: int, destination: str) -> Thing:
    id_ = new_id("tr")
    return {
        "id": id_,
        "object": KIND,
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": context.now(),
        "currency": "usd",
        "description": None,
        "destination": destination,
        "destination_payment": None,
        "livemode": False,
        "metadata": {},
        "reversals": {"object": "list", "data": [], "has_more": False, "url": f"/v1/transfers/{id_}/reversals"},
        "reversed": False,
        "source_transaction": None,
        "source_type": "card",
        "transfer_group": None,
    }


def _reverse(context: Context, body: dict[str, Any], id_: str) -> Thing:
    """From the dashboard: also where the account has it no more, whose balance then is negative."""
    transfer = context.find(KIND, id_)
    left = _reversible(transfer)
    amount = int(body.get("amount", left))
    if not 0 < amount <= left:
        raise StripeError(400, f"There are {left} cents to reverse.")
    return _reversed(context, transfer, amount, {})


ROUTES: Final[list[Resource]] = [
    ("POST", r"/transfers", create),
    ("GET", r"/transfers", list_),
    ("GET", r"/transfers/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/transfers/(?P<id_>[^/]+)", update),
    ("POST", r"/transfers/(?P<id_>[^/]+)/reversals", reverse),
    ("GET", r"/transfers/(?P<transfer>[^/]+)/reversals", reversals),
    ("GET", r"/transfers/(?P<transfer>[^/]+)/reversals/(?P<id_>[^/]+)", reversal),
]
LEVERS: Final[list[Lever]] = [("POST", r"/transfers/(?P<id_>[^/]+)/reverse", _reverse)]
