"""Signed pushes of real-time developer notifications, as Pub/Sub sends them. ``infra.local.delivery`` sends them.

The body is ``{"message": {"data", "messageId", "publishTime", "attributes"}, "subscription"}`` with the notification in
``data``, as JSON in Base64; the header ``Authorization`` bears an OpenID token of Google's for our audience and for the
account that pushes. A push is sent again, with a fresh token, until its answer is a 2xx.

Each notification is kept as ``{"id", "object": "notification", "content"}``; its id is the message's.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from infra.local import delivery
from infra.local.delivery import Deliverer, Letter, Retries
from infra.local.google.context import Context
from infra.local.store import Thing

ISSUER: Final = "https://accounts.google.com"
_NOTIFICATION: Final = "notification"
_ENDPOINT: Final = "_endpoint"
_SUBSCRIPTION: Final = "projects/soulseer-local/subscriptions/play"
_TOKEN_SECONDS: Final = 3_600
_ONE_TIME, _FULL, _PARTIAL = 2, 1, 2


def send_to(context: Context, url: str, headers: Mapping[str, str]) -> None:
    """Send from now on to this address, also what still waits."""
    context.store.put({"id": _ENDPOINT, "object": _ENDPOINT, "url": url, "headers": dict(headers)})


def one_time(context: Context, order: Thing, kind: int) -> Thing:
    """Tell that it was bought, or canceled while it was pending."""
    told = {"version": "1.0", "notificationType": kind, "purchaseToken": order["id"], "sku": order["product"]}
    return make(context, {"oneTimeProductNotification": told}, order["id"])


def voided(context: Context, order: Thing, *, partly: bool = False) -> Thing:
    """Tell that it, or a part of it, was given back."""
    told = {
        "purchaseToken": order["id"],
        "orderId": order["order_id"],
        "productType": _ONE_TIME,
        "refundType": _PARTIAL if partly else _FULL,
    }
    return make(context, {"voidedPurchaseNotification": told}, order["id"])


def make(context: Context, told: Mapping[str, Any], token: str = "") -> Thing:
    """Keep a notification, and send it the way that pushes go at present."""
    content = {"version": "1.0", "packageName": context.app.package, "eventTimeMillis": str(context.millis())} | dict(
        told
    )
    notification = context.store.put(
        {"id": str(secrets.randbelow(10**16)), "object": _NOTIFICATION, "content": content}, parent=token
    )
    way = context.way_of(token)
    for _ in range(0 if way.lost else way.copies):
        send(context, notification["id"], way.delay_seconds)
    return notification


def send(context: Context, notification_id: str, delay: float = 0.0, claims: Mapping[str, Any] | None = None) -> Thing:
    """One more delivery. Other ``claims`` of its token make one that must be refused."""
    return delivery.enqueue(context.store, notification_id, context.clock() + delay, claims=dict(claims or {}))


def find(context: Context, notification_id: str) -> Thing | None:
    return context.store.get(_NOTIFICATION, notification_id)


def listed(context: Context, token: str | None) -> list[Thing]:
    """Every notification, oldest first, with its deliveries."""

    def sent(notification: Thing) -> list[Thing]:
        found = delivery.deliveries(context.store, notification["id"])[::-1]
        return [{name: each[name] for name in ("id", "state", "attempts")} for each in found]

    return [each | {"deliveries": sent(each)} for each in context.store.newest(_NOTIFICATION, token)][::-1]


def deliverer(context: Context, retries: Retries) -> Deliverer:
    """Who makes the attempts."""

    def write(sent: Thing) -> Letter | None:
        endpoint = context.store.get(_ENDPOINT, _ENDPOINT)
        notification = find(context, sent["event"])
        return _letter(context, endpoint, notification, sent["claims"]) if endpoint and notification else None

    return Deliverer(context.store, context.clock, retries, write)


def bearer(context: Context, **claims: Any) -> str:
    """A token of a push; ``claims`` replace those that it has, None removes one; others as in ``Issuer.mint``."""
    now, app = int(context.clock()), context.app
    own: dict[str, Any] = {
        "iss": ISSUER,
        "aud": app.push_audience,
        "email": app.push_email,
        "email_verified": True,
        "iat": now,
        "exp": now + _TOKEN_SECONDS,
    }
    return context.google.mint("113774264463038321964", **own | claims)


def body_of(notification: Thing, now: float) -> bytes:
    """What is pushed."""
    message = {
        "attributes": {},
        "data": base64.b64encode(json.dumps(notification["content"]).encode()).decode(),
        "messageId": notification["id"],
        "message_id": notification["id"],
        "publishTime": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
    }
    return json.dumps({"message": message, "subscription": _SUBSCRIPTION}).encode()


def _letter(context: Context, endpoint: Thing, notification: Thing, claims: Mapping[str, Any]) -> Letter:
    token = bearer(context, **claims)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return Letter(endpoint["url"], body_of(notification, context.clock()), headers | endpoint["headers"])
