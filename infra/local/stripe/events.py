"""Events: what happened to which object, kept for reading and sent to the webhook endpoints."""

from contextvars import ContextVar
from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import webhooks
from infra.local.stripe.context import API_VERSION, Context, Resource, created_filter, listed
from infra.local.stripe.errors import no_such
from infra.local.stripe.forms import Params

CURRENT_REQUEST: Final[ContextVar[dict[str, str | None]]] = ContextVar("CURRENT_REQUEST")
"""The API request being served, as an event names it; unset where Stripe itself acts."""


def emit(context: Context, kind: str, thing: Thing, account: str = "", *, livemode: bool = False) -> Thing:
    """Record that ``kind`` (``checkout.session.completed``) happened to the thing as it is now, and send it.

    What happened on a connected account names it, and goes to the Connect endpoints.
    """
    event: dict[str, Any] = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": context.now(),
        "data": {"object": thing},
        "livemode": livemode,
        "pending_webhooks": 0,
        "request": CURRENT_REQUEST.get({"id": None, "idempotency_key": None}),
        "type": kind,
    }
    if account:
        event["account"] = account
    event["pending_webhooks"] = len(webhooks.endpoints_for(context, event))
    context.store.put(event, parent=thing["id"])
    webhooks.send(context, event)
    return event


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    event = context.find("event", id_)
    if not _is_of(context.account, event):
        raise no_such("event", id_)
    return event


def list_(context: Context, params: Params) -> Thing:
    kind, kinds, created = params.text("type"), params.texts("types"), created_filter(params)
    taken = params.flag("delivery_success")
    wanted = {kind} if kind else set(kinds)
    return listed(
        context,
        params,
        "event",
        "/v1/events",
        lambda event: (
            _is_of(context.account, event)
            and (not wanted or any(webhooks.matches(each, event["type"]) for each in wanted))
            and taken in (None, not event["pending_webhooks"])
            and created(event)
        ),
    )


def _is_of(account: str, event: Thing) -> bool:
    return bool(event.get("account", "") == account)


ROUTES: Final[list[Resource]] = [
    ("GET", r"/events", list_),
    ("GET", r"/events/(?P<id_>[^/]+)", retrieve),
]
