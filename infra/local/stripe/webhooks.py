"""Signed webhooks: a queue that survives a restart, tried again with growing pauses until a 2xx answer.

An endpoint has a name here, an address, a secret, headers to send besides, and the event types it wants
(``*`` for all, ``checkout.session.*`` for a family). Each attempt is signed anew, as Stripe's are:
``Stripe-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">``. Order is not promised, and several attempts may
be under way at once; neither is promised by Stripe.

A delivery is an object of its own (``GET /_local/deliveries``)::

    {"id", "object": "delivery", "event", "endpoint", "state": "pending" | "delivered" | "failed",
     "attempts": [{"at", "status" | "error"}], "signed_seconds_ago", "secret"}
"""

import hmac
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Condition
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from infra.local.stripe.context import Context
from infra.local.stripe.store import Thing, new_id

_ENDPOINT: Final = "_endpoint"
_DELIVERY: Final = "delivery"
_SUCCESSES: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Retries:
    """When an unsuccessful delivery is tried again: after ``first``, then twice as long each time up to ``longest``."""

    first: float = 0.5
    longest: float = 30.0
    most: int = 20
    """Attempts, the first included; about eight minutes in all."""
    timeout: float = 10.0

    def pause(self, attempts: int) -> float:
        """Seconds after this many unsuccessful attempts."""
        return min(self.longest, self.first * 2.0 ** (attempts - 1))


def set_endpoint(
    context: Context,
    name: str,
    url: str,
    secret: str,
    headers: Mapping[str, str] | None = None,
    enabled_events: tuple[str, ...] = ("*",),
) -> Thing:
    """Send from now on to this address, also what still waits for the endpoint of this name."""
    return context.store.put(
        {
            "id": _endpoint_id(name),
            "object": _ENDPOINT,
            "name": name,
            "url": url,
            "secret": secret,
            "headers": dict(headers or {}),
            "enabled_events": list(enabled_events),
        }
    )


def remove_endpoint(context: Context, name: str) -> None:
    context.store.remove(_endpoint_id(name))


def endpoints(context: Context) -> list[Thing]:
    return list(context.store.newest(_ENDPOINT))


def endpoints_for(context: Context, kind: str) -> list[Thing]:
    """The endpoints that want events of this type."""
    return [
        endpoint
        for endpoint in endpoints(context)
        if any(matches(pattern, kind) for pattern in endpoint["enabled_events"])
    ]


def matches(pattern: str, kind: str) -> bool:
    return pattern == kind or (pattern.endswith("*") and kind.startswith(pattern[:-1]))


def enqueue(
    context: Context,
    event: Thing,
    *,
    delay: float = 0,
    signed_seconds_ago: int = 0,
    secret: str | None = None,
) -> list[Thing]:
    """One delivery to each endpoint that wants it. The last two make deliveries that must be refused."""
    deliveries = []
    for endpoint in endpoints_for(context, event["type"]):
        delivery = context.store.put(
            {
                "id": new_id("del"),
                "object": _DELIVERY,
                "event": event["id"],
                "endpoint": endpoint["name"],
                "state": "pending",
                "attempts": [],
                "signed_seconds_ago": signed_seconds_ago,
                "secret": secret,
            },
            parent=event["id"],
        )
        context.schedule("deliver", delivery["id"], delay)
        deliveries.append(delivery)
    return deliveries


def deliveries(context: Context, event: str | None = None) -> list[Thing]:
    """Newest first."""
    return list(context.store.newest(_DELIVERY, event))


class Deliverer:
    """Makes the attempts, and tells who waits that one was made."""

    def __init__(self, context: Context, retries: Retries) -> None:
        self._context = context
        self._retries = retries
        self._attempted = Condition()

    def attempt(self, delivery_id: str) -> None:
        """Send once; schedule the next attempt where this one did not succeed and there is one left."""
        store = self._context.store
        with store.transaction():
            delivery = store.get(_DELIVERY, delivery_id)
            endpoint = store.get(_ENDPOINT, _endpoint_id(delivery["endpoint"])) if delivery else None
            event = store.get("event", delivery["event"]) if delivery else None
        if not (delivery and event) or delivery["state"] != "pending":
            return
        gone: dict[str, Any] = {"error": "the endpoint was removed"}
        outcome = self._send(endpoint, event, delivery) if endpoint else gone
        with store.transaction():
            delivery["attempts"].append({"at": self._context.now()} | outcome)
            made = len(delivery["attempts"])
            if outcome.get("status", 0) in _SUCCESSES:
                delivery["state"] = "delivered"
                self._count_down(event["id"])
            elif made >= self._retries.most or not endpoint:
                delivery["state"] = "failed"
            else:
                self._context.schedule("deliver", delivery_id, self._retries.pause(made))
            store.put(delivery)
        with self._attempted:
            self._attempted.notify_all()

    def wait_for_attempt(self, event_id: str, seconds: float) -> None:
        """Until each delivery of the event was tried once, or the time is over."""
        with self._attempted:
            self._attempted.wait_for(
                lambda: all(each["attempts"] for each in deliveries(self._context, event_id)), seconds
            )

    def _count_down(self, event_id: str) -> None:
        event = self._context.store.get("event", event_id)
        if event:
            self._context.store.put(event | {"pending_webhooks": max(0, event["pending_webhooks"] - 1)})

    def _send(self, endpoint: Thing, event: Thing, delivery: Thing) -> dict[str, Any]:
        body = json.dumps(event, indent=2).encode()
        signed_at = self._context.now() - delivery["signed_seconds_ago"]
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "stripe-signature": signature(body, delivery["secret"] or endpoint["secret"], signed_at),
        }
        try:
            return {"status": _post(endpoint["url"], body, headers | endpoint["headers"], self._retries.timeout)}
        except (OSError, http.client.HTTPException, ValueError) as error:
            return {"error": type(error).__name__}


def signature(body: bytes, secret: str, at: int) -> str:
    """The ``Stripe-Signature`` header of a body signed at this second."""
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
    return f"t={at},v1={digest}"


def _post(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
    """The status of the answer. A redirection is not followed: Stripe takes it as a failure."""
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=timeout)
    try:
        connection.request("POST", urlunsplit(("", "", address.path or "/", address.query, "")), body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _endpoint_id(name: str) -> str:
    return f"_endpoint_{name}"
