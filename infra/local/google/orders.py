"""Purchases of products that are bought once, and what may become of one.

    {"id": the token, "object": "order", "order_id", "product", "account_token", "state", "quantity", "test",
     "consumed", "acknowledged", "bought_at", "completed_at", "voided_at", "voided_reason", "parts": [[moment, count]]}

Moments are milliseconds. ``state`` is ``pending``, ``purchased`` or ``canceled``, and goes one way only. What nobody
acknowledges in three days is given back. What a bank takes back is voided, and stays purchased as far as its state
tells.
"""

import secrets
from typing import Any, Final

from infra.local.google import pushes
from infra.local.google.context import Context, GoogleError
from infra.local.store import Job, Thing

ORDER: Final = "order"
UNACKNOWLEDGED: Final = "unacknowledged"
"""The kind of job that gives back what nobody acknowledged."""
PATIENCE_SECONDS: Final = 3 * 24 * 60 * 60

BOUGHT, CANCELED = 1, 2
"""``notificationType`` of a one-time product."""
REMORSE, CHARGEBACK, NEVER_ACKNOWLEDGED = 1, 7, 8
"""``voidedReason``."""


def buy(
    context: Context,
    product: str,
    account_token: str | None = None,
    *,
    pending: bool = False,
    quantity: int = 1,
    test: bool = False,
) -> Thing:
    """Somebody buys the product; ``pending`` is to be paid in cash, somewhere."""
    token = f"{secrets.token_hex(12)}.AO-J1O{secrets.token_urlsafe(60)}"
    number = secrets.randbelow(10**17)
    order: Thing = {
        "id": token,
        "object": ORDER,
        "order_id": f"GPA.{number:017d}",
        "product": product,
        "account_token": account_token,
        "state": "pending",
        "quantity": quantity,
        "parts": [],
        "test": test,
        "consumed": False,
        "acknowledged": False,
        "bought_at": context.millis(),
        "completed_at": None,
        "voided_at": None,
        "voided_reason": None,
    }
    context.store.put(order)
    return order if pending else complete(context, token)


def complete(context: Context, token: str) -> Thing:
    """It is paid."""
    order = _in_state(context, token, "pending")
    order |= {"state": "purchased", "completed_at": context.millis()}
    context.store.schedule(UNACKNOWLEDGED, token, context.clock() + PATIENCE_SECONDS)
    pushes.one_time(context, order, BOUGHT)
    return context.store.put(order)


def cancel(context: Context, token: str) -> Thing:
    """It is not paid, and will not be."""
    order = _in_state(context, token, "pending") | {"state": "canceled"}
    pushes.one_time(context, order, CANCELED)
    return context.store.put(order)


def void(context: Context, token: str, reason: int) -> Thing:
    """It is given back, or taken back by a bank."""
    order = _in_state(context, token, "purchased")
    if order["voided_at"] is not None:
        raise GoogleError(400, "It was given back before.")
    order |= {"voided_at": context.millis(), "voided_reason": reason}
    if reason != CHARGEBACK:
        order["state"] = "canceled"
    pushes.voided(context, order)
    return context.store.put(order)


def refund_part(context: Context, token: str, count: int) -> Thing:
    """Some of several are given back."""
    order = _in_state(context, token, "purchased")
    if order["voided_at"] is not None or not 1 <= count < left(order):
        raise GoogleError(400, "So many cannot be given back in part.")
    order["parts"].append([context.millis(), count])
    pushes.voided(context, order, partly=True)
    return context.store.put(order)


def left(order: Thing) -> int:
    """How many can still be given back."""
    if order["voided_at"] is not None:
        return 0
    parts: list[list[int]] = order["parts"]
    return int(order["quantity"]) - sum(count for _, count in parts)


def consume(context: Context, product: str, token: str) -> None:
    """Use it up. Raises GoogleError where it is not the product's, not paid, or used up before."""
    order = _of(context, product, token)
    if order["state"] != "purchased" or order["consumed"]:
        raise GoogleError(400, "The purchase is not in a valid state to perform the desired operation.")
    context.store.put(order | {"consumed": True, "acknowledged": True})


def acknowledge(context: Context, product: str, token: str) -> None:
    """It was given what it pays for."""
    order = _of(context, product, token)
    if order["state"] != "purchased":
        raise GoogleError(400, "The purchase is not in a valid state to perform the desired operation.")
    context.store.put(order | {"acknowledged": True})


def do(context: Context, job: Job) -> None:
    """Give back what nobody acknowledged in time."""
    order = context.store.get(ORDER, job.subject)
    if order and order["state"] == "purchased" and order["voided_at"] is None and not order["acknowledged"]:
        void(context, job.subject, NEVER_ACKNOWLEDGED)


def found(context: Context, token: str) -> Thing:
    order = context.store.get(ORDER, token)
    if order is None:
        raise GoogleError(404, "The purchase token was not found.")
    return order


def listed(context: Context) -> list[Thing]:
    """Every purchase, newest first."""
    return list(context.store.newest(ORDER))


def voided(context: Context, since: int, until: int, first: int, most: int) -> tuple[list[dict[str, Any]], bool]:
    """Some of what was voided from ``since`` to ``until``, beginning at number ``first``; and whether there is more."""
    found = [(each["voided_at"], each, None) for each in listed(context) if each["voided_at"]]
    found += [(at, each, count) for each in listed(context) for at, count in each["parts"]]
    found = sorted((each for each in found if since <= each[0] <= until), key=lambda each: (each[0], each[1]["id"]))
    return [_voided(*each) for each in found[first : first + most]], len(found) > first + most


def _voided(at: int, order: Thing, count: int | None) -> dict[str, Any]:
    shown = {
        "kind": "androidpublisher#voidedPurchase",
        "purchaseToken": order["id"],
        "orderId": order["order_id"],
        "purchaseTimeMillis": str(order["bought_at"]),
        "voidedTimeMillis": str(at),
        "voidedSource": 0,
        "voidedReason": order["voided_reason"] or REMORSE,
    }
    return shown if count is None else shown | {"voidedQuantity": count}


def _of(context: Context, product: str, token: str) -> Thing:
    order = found(context, token)
    if order["product"] != product:
        raise GoogleError(400, "The purchase token does not match the product ID.")
    return order


def _in_state(context: Context, token: str, state: str) -> Thing:
    order = found(context, token)
    if order["state"] != state:
        raise GoogleError(400, f"It is {order['state']}.")
    return order
