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
from random import uniform
from typing import Final

from infra.local import delivery
from infra.local.delivery import Deliverer, Letter, Retries
from infra.local.store import Thing
from infra.local.stripe.context import Context
from infra.local.stripe.errors import StripeError

MOST_COPIES: Final = 50
_LONGEST_DELAY: Final = 86_400
_ENDPOINT: Final = "_endpoint"
_CHAOS: Final = "_chaos"
_CALM: Final[Thing] = {"copies": 1, "most_delay_seconds": 0.0, "shuffle": False}
_SHUFFLED_SECONDS: Final = 0.5
"""What deliveries in disorder are late by at most, where nothing is told."""


def set_endpoint(
    context: Context,
    name: str,
    url: str,
    secret: str,
    headers: Mapping[str, str] | None = None,
    enabled_events: tuple[str, ...] = ("*",),
    *,
    connect: bool = False,
) -> Thing:
    """Send from now on to this address, also what still waits for the endpoint of this name.

    An endpoint gets the platform's own events or, with ``connect``, those of its connected accounts.
    """
    return context.store.put(
        {
            "id": _endpoint_id(name),
            "object": _ENDPOINT,
            "name": name,
            "url": url,
            "secret": secret,
            "headers": dict(headers or {}),
            "enabled_events": list(enabled_events),
            "connect": connect,
        }
    )


def remove_endpoint(context: Context, name: str) -> None:
    context.store.remove(_endpoint_id(name))


def endpoints(context: Context) -> list[Thing]:
    return list(context.store.newest(_ENDPOINT))


def endpoints_for(context: Context, event: Thing) -> list[Thing]:
    """The endpoints that want this event."""
    return [
        endpoint
        for endpoint in endpoints(context)
        if endpoint.get("connect", False) == ("account" in event)
        and any(matches(pattern, event["type"]) for pattern in endpoint["enabled_events"])
    ]


def matches(pattern: str, kind: str) -> bool:
    return pattern == kind or (pattern.endswith("*") and kind.startswith(pattern[:-1]))


def set_chaos(context: Context, copies: int = 1, most_delay_seconds: float = 0.0, *, shuffle: bool = False) -> Thing:
    """How events go from now on: so many times (0 for not at all), so late; with ``shuffle`` each copy by a part of
    that, at random, so that they come in disorder.
    """
    if not (0 <= copies <= MOST_COPIES and 0 <= most_delay_seconds <= _LONGEST_DELAY):
        raise StripeError(400, f"copies is from 0 to {MOST_COPIES}, most_delay_seconds from 0 to {_LONGEST_DELAY}")
    chaos = {"copies": copies, "most_delay_seconds": most_delay_seconds, "shuffle": shuffle}
    context.store.put({"id": _CHAOS, "object": _CHAOS} | chaos)
    return chaos


def clear_chaos(context: Context) -> None:
    context.store.remove(_CHAOS)


def send(context: Context, event: Thing) -> None:
    """To everybody who wants it, as events go now."""
    chaos = context.store.get(_CHAOS, _CHAOS) or _CALM
    for _ in range(chaos["copies"]):
        delay = chaos["most_delay_seconds"]
        if chaos["shuffle"]:
            delay = uniform(0, delay or _SHUFFLED_SECONDS)  # noqa: S311 - it keeps no secret
        enqueue(context, event, delay=delay)


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
        for endpoint in endpoints_for(context, event)
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
