"""App Store Server Notifications V2: ``{"signedPayload": …}``, posted until it is answered by 2xx.

Each is kept as ``{"id", "object": "notification", "claims", "transaction"}``, ``id`` being its ``notificationUUID``. An
attempt signs the claims, and the transaction by itself; both bear the moment at which the notification was made.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

from infra.local import delivery
from infra.local.apple.context import APP_APPLE_ID, BUNDLE_ID, ENVIRONMENT, Context
from infra.local.delivery import Deliverer, Letter, Retries
from infra.local.store import Thing

_NOTIFICATION: Final = "notification"
_ENDPOINT: Final = "_endpoint"


def send_to(context: Context, url: str, headers: Mapping[str, str]) -> None:
    """Send from now on to this address, also what still waits."""
    context.store.put({"id": _ENDPOINT, "object": _ENDPOINT, "url": url, "headers": dict(headers)})


def make(context: Context, kind: str, claims: Mapping[str, Any] | None = None, **data: Any) -> Thing:
    """Keep a notification, and send it. ``claims`` are of the transaction that it tells of."""
    id_, now = str(uuid.uuid4()), context.now()
    told = {
        "notificationType": kind,
        "notificationUUID": id_,
        "version": "2.0",
        "signedDate": now,
        "data": {
            "appAppleId": APP_APPLE_ID,
            "bundleId": BUNDLE_ID,
            "bundleVersion": "1",
            "environment": ENVIRONMENT,
            **data,
        },
    }
    transaction = None if claims is None else {**claims, "signedDate": now}
    kept = {"id": id_, "object": _NOTIFICATION, "claims": told, "transaction": transaction}
    notification = context.store.put(kept)
    send(context, id_)
    return notification


def signed(context: Context, notification: Thing) -> bytes:
    """The body that is posted."""
    claims, transaction = notification["claims"], notification["transaction"]
    inner = {} if transaction is None else {"signedTransactionInfo": context.chain.sign(transaction)}
    payload = context.chain.sign(claims | {"data": claims["data"] | inner})
    return json.dumps({"signedPayload": payload}).encode()


def send(context: Context, id_: str, delay: float = 0.0) -> Thing:
    """One more delivery, in ``delay`` seconds."""
    return delivery.enqueue(context.store, id_, context.clock() + delay)


def find(context: Context, id_: str) -> Thing | None:
    return context.store.get(_NOTIFICATION, id_)


def listed(context: Context) -> list[Thing]:
    """Every notification, oldest first, with its deliveries."""

    def sent(notification: Thing) -> list[Thing]:
        found = delivery.deliveries(context.store, notification["id"])[::-1]
        return [{name: each[name] for name in ("id", "state", "attempts")} for each in found]

    return [each | {"deliveries": sent(each)} for each in context.store.newest(_NOTIFICATION)][::-1]


def deliverer(context: Context, retries: Retries) -> Deliverer:
    """Who makes the attempts."""

    def write(sent: Thing) -> Letter | None:
        endpoint = context.store.get(_ENDPOINT, _ENDPOINT)
        notification = find(context, sent["event"])
        if not endpoint or not notification:
            return None
        return Letter(
            endpoint["url"], signed(context, notification), {"content-type": "application/json"} | endpoint["headers"]
        )

    return Deliverer(context.store, context.clock, retries, write)
