"""Signed webhooks: who wants which events, and how each attempt is signed. ``infra.local.delivery`` sends them.

An endpoint has a name here, an address, a secret, headers to send besides, and the event types it wants
(``*`` for all, ``checkout.session.*`` for a family). Each attempt is signed anew, as Stripe's are:
``Stripe-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">``.

A delivery (``GET /_local/deliveries``) names its endpoint, and may be signed wrongly on purpose::

    {…, "endpoint", "signed_seconds_ago", "secret"}
"""

import hmac
import json
from collections.abc import Mapping
from typing import Final

from infra.local import delivery
from infra.local.delivery import Deliverer, Letter, Retries
from infra.local.store import Thing
from infra.local.stripe.context import Context

_ENDPOINT: Final = "_endpoint"


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
    return [
        delivery.enqueue(
            context.store,
            event["id"],
            context.clock() + delay,
            endpoint=endpoint["name"],
            signed_seconds_ago=signed_seconds_ago,
            secret=secret,
        )
        for endpoint in endpoints_for(context, event["type"])
    ]


def deliverer(context: Context, retries: Retries) -> Deliverer:
    """Who makes the attempts."""

    def write(sent: Thing) -> Letter | None:
        endpoint = context.store.get(_ENDPOINT, _endpoint_id(sent["endpoint"]))
        event = context.store.get("event", sent["event"])
        return _letter(endpoint, event, sent, context.now()) if endpoint and event else None

    def count_down(sent: Thing) -> None:
        if event := context.store.get("event", sent["event"]):
            context.store.put(event | {"pending_webhooks": max(0, event["pending_webhooks"] - 1)})

    return Deliverer(context.store, context.clock, retries, write, when_taken=count_down)


def signature(body: bytes, secret: str, at: int) -> str:
    """The ``Stripe-Signature`` header of a body signed at this second."""
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
    return f"t={at},v1={digest}"


def _letter(endpoint: Thing, event: Thing, sent: Thing, now: int) -> Letter:
    body = json.dumps(event, indent=2).encode()
    signed = signature(body, sent["secret"] or endpoint["secret"], now - sent["signed_seconds_ago"])
    headers = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "stripe-signature": signed,
    }
    return Letter(endpoint["url"], body, headers | endpoint["headers"])


def _endpoint_id(name: str) -> str:
    return f"_endpoint_{name}"
