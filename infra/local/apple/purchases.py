"""Purchases of consumables, and what becomes of them.

A purchase is ``{"id", "object": "purchase", "claims"}``: ``claims`` are what Apple would sign of it now, but for
the moment of signing. Every change is told by a notification; so is the purchase itself, unless it is made silently.
"""

import secrets
import uuid
from typing import Any, Final

from infra.local.apple import notifications
from infra.local.apple.context import BUNDLE_ID, ENVIRONMENT, AppleError, Context
from infra.local.store import Thing

_PURCHASE: Final = "purchase"
_WHOLE: Final = 100_000
_MOST_QUANTITY: Final = 10
_FIRST_ID: Final = 2_000_000_000_000_000


def buy(
    context: Context, account_token: str | None, product: str, quantity: int = 1, *, silently: bool = False
) -> Thing:
    """Somebody pays. ``account_token`` None is an app that forgot it. Raises AppleError."""
    if not 1 <= quantity <= _MOST_QUANTITY or not product:
        raise AppleError(400, "invalid", f"A product, and a quantity of 1 to {_MOST_QUANTITY}.")
    now = context.now()
    id_ = str(_FIRST_ID + secrets.randbelow(_FIRST_ID))
    claims: dict[str, Any] = {
        "transactionId": id_,
        "originalTransactionId": id_,
        "bundleId": BUNDLE_ID,
        "productId": product,
        "purchaseDate": now,
        "originalPurchaseDate": now,
        "quantity": quantity,
        "type": "Consumable",
        "inAppOwnershipType": "PURCHASED",
        "environment": ENVIRONMENT,
        "transactionReason": "PURCHASE",
        "storefront": "USA",
        "storefrontId": "143441",
        "price": 990,
        "currency": "USD",
    }
    if account_token is not None:
        claims["appAccountToken"] = str(uuid.UUID(account_token))
    purchase = context.store.put({"id": id_, "object": _PURCHASE, "claims": claims})
    if not silently:
        notifications.make(context, "ONE_TIME_CHARGE", claims)
    return purchase


def found(context: Context, id_: str) -> Thing:
    """The purchase. Raises AppleError 404, with the number that the App Store Server API has for it."""
    purchase = context.store.get(_PURCHASE, id_)
    if purchase is None:
        raise AppleError(404, 4040010, "Transaction id not found.")
    return purchase


def signed(context: Context, purchase: Thing) -> str:
    """What StoreKit hands to the app, signed now."""
    return context.chain.sign(purchase["claims"] | {"signedDate": context.now()})


def refund(context: Context, id_: str, percentage: int = _WHOLE) -> Thing:
    """Apple gives the money back; of a part, ``percentage`` thousandths of a per cent."""
    kind = "REFUND_FULL" if percentage == _WHOLE else "REFUND_PRORATED"
    taken = {
        "revocationDate": context.now(),
        "revocationReason": 0,
        "revocationType": kind,
        "revocationPercentage": percentage,
    }
    return _changed(context, id_, "REFUND", lambda claims: claims | taken)


def reverse(context: Context, id_: str) -> Thing:
    """Apple takes the refund back: the purchase stands as if there had been none."""
    return _changed(
        context,
        id_,
        "REFUND_REVERSED",
        lambda claims: {name: value for name, value in claims.items() if not name.startswith("revocation")},
    )


def decline(context: Context, id_: str) -> Thing:
    """Apple refuses a refund that was asked for."""
    return _changed(context, id_, "REFUND_DECLINED", lambda claims: claims)


def ask_for_consumption(context: Context, id_: str) -> Thing:
    """Apple asks how much of it was used, before it decides on a refund."""
    purchase = found(context, id_)
    return notifications.make(
        context, "CONSUMPTION_REQUEST", purchase["claims"], consumptionRequestReason="UNINTENDED_PURCHASE"
    )


def _changed(context: Context, id_: str, kind: str, change: Any) -> Thing:
    purchase = found(context, id_)
    claims = change(purchase["claims"])
    context.store.put(purchase | {"claims": claims})
    return notifications.make(context, kind, claims)
