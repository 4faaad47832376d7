"""``/_local/…``: what Stripe's dashboard offers a person, and what only a test wants.

    GET    /_local/webhooks                          the endpoints (without their secrets)
    PUT    /_local/webhooks/{name}                   {"url", "secret", "headers"?, "enabled_events"?, "connect"?}
    DELETE /_local/webhooks/{name}
    GET    /_local/deliveries[?event=evt_…]          every delivery with its attempts
    POST   /_local/events/{id}/resend                {"copies"?, "delay_seconds"?, "signed_seconds_ago"?, "secret"?}
    POST   /_local/events                            {"type", "object", "account"?, "livemode"?}: any event
    POST   /_local/chaos                             {"copies"?, "most_delay_seconds"?, "shuffle"?}, see webhooks.py
    DELETE /_local/chaos
    PUT    /_local/fault                             {"path"?, "count"?, "status"? | "lose_answer": true}
    DELETE /_local/fault

and what each resource adds (its ``LEVERS``; docs/local.md lists them).

A fault makes the next ``count`` API requests whose path starts with ``path`` fail: answered by ``status`` before
anything is done, or carried out and never answered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from infra.local import delivery
from infra.local.store import Thing, new_id
from infra.local.stripe import events, webhooks
from infra.local.stripe.context import Context, Lever
from infra.local.stripe.errors import StripeError
from infra.local.web import Request, Response, Route, json_object, json_response, what_is_wrong

_MOST_FAULTS: Final = 10_000

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """``status`` None: the request is carried out and its answer lost."""

    path: str
    status: int | None


class Faults:
    """What is to go wrong with the next API requests."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._fault: Fault | None = None
        self._left = 0

    def set(self, fault: Fault | None, count: int) -> None:
        with self._lock:
            self._fault, self._left = fault, count

    def strike(self, path: str) -> Fault | None:
        """The fault that this request meets, if any; it is then used up."""
        with self._lock:
            if not self._fault or self._left < 1 or not path.startswith(self._fault.path):
                return None
            self._left -= 1
            return self._fault


class Control:
    """Answers requests under ``/_local``. Each method takes the request, its JSON body, and what the path names."""

    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults

    def routes(self, levers: Sequence[Lever] = ()) -> list[Route]:
        """With those of the resources."""
        return [
            *((method, f"/_local{path}", self._answering(_pulled(self._context, act))) for method, path, act in levers),
            ("GET", r"/_local/webhooks", self._answering(self._endpoints)),
            ("PUT", r"/_local/webhooks/(?P<name>[a-z_]{1,40})", self._answering(self._set_endpoint)),
            ("DELETE", r"/_local/webhooks/(?P<name>[a-z_]{1,40})", self._answering(self._remove_endpoint)),
            ("GET", r"/_local/deliveries", self._answering(self._deliveries)),
            ("POST", r"/_local/events", self._answering(self._make_event)),
            ("POST", r"/_local/events/(?P<id_>[^/]+)/resend", self._answering(self._resend)),
            ("POST", r"/_local/chaos", self._answering(self._set_chaos)),
            ("DELETE", r"/_local/chaos", self._answering(self._clear_chaos)),
            ("PUT", r"/_local/fault", self._answering(self._set_fault)),
            ("DELETE", r"/_local/fault", self._answering(self._clear_fault)),
        ]

    def _answering(self, act: Callable[..., object]) -> Callable[..., Response]:
        def answer(request: Request, **named: str) -> Response:
            try:
                body = json_object(request.body)
                with self._context.store.transaction():
                    return json_response(200, act(request, body, **named))
            except StripeError as refusal:
                return json_response(refusal.status, {"error": refusal.error})
            except (KeyError, TypeError, ValueError) as error:
                return json_response(400, {"error": {"message": what_is_wrong(error)}})

        return answer

    def _endpoints(self, _: Request, __: Body) -> object:
        return {"data": [_shown(endpoint) for endpoint in webhooks.endpoints(self._context)]}

    def _set_endpoint(self, _: Request, body: Body, name: str) -> object:
        endpoint = webhooks.set_endpoint(
            self._context,
            name,
            str(body["url"]),
            str(body["secret"]),
            {str(header): str(value) for header, value in body.get("headers", {}).items()},
            tuple(str(kind) for kind in body.get("enabled_events", ["*"])),
            connect=bool(body.get("connect", False)),
        )
        return _shown(endpoint)

    def _remove_endpoint(self, _: Request, __: Body, name: str) -> object:
        webhooks.remove_endpoint(self._context, name)
        return {"deleted": True}

    def _deliveries(self, request: Request, _: Body) -> object:
        found = delivery.deliveries(self._context.store, request.parameters.get("event"))
        return {"data": [{name: value for name, value in each.items() if name != "secret"} for each in found]}

    def _make_event(self, _: Request, body: Body) -> object:
        thing = {"id": new_id("obj")} | dict(body["object"])
        account, live = str(body.get("account", "")), bool(body.get("livemode", False))
        return events.emit(self._context, str(body["type"]), thing, account, livemode=live)

    def _resend(self, _: Request, body: Body, id_: str) -> object:
        event = self._context.find("event", id_)
        copies = int(body.get("copies", 1))
        if not 1 <= copies <= webhooks.MOST_COPIES:
            raise StripeError(400, f"copies is from 1 to {webhooks.MOST_COPIES}")
        sent = []
        for _copy in range(copies):
            sent += webhooks.enqueue(
                self._context,
                event,
                delay=float(body.get("delay_seconds", 0)),
                signed_seconds_ago=int(body.get("signed_seconds_ago", 0)),
                secret=body.get("secret"),
            )
        return {"deliveries": [each["id"] for each in sent]}

    def _set_chaos(self, _: Request, body: Body) -> object:
        return webhooks.set_chaos(
            self._context,
            int(body.get("copies", 1)),
            float(body.get("most_delay_seconds", 0)),
            shuffle=bool(body.get("shuffle", False)),
        )

    def _clear_chaos(self, _: Request, __: Body) -> object:
        webhooks.clear_chaos(self._context)
        return {"deleted": True}

    def _set_fault(self, _: Request, body: Body) -> object:
        lost = bool(body.get("lose_answer"))
        fault = Fault(str(body.get("path", "/v1/")), None if lost else int(body.get("status", 500)))
        self._faults.set(fault, min(_MOST_FAULTS, int(body.get("count", 1))))
        return {"set": True}

    def _clear_fault(self, _: Request, __: Body) -> object:
        self._faults.set(None, 0)
        return {"deleted": True}


def _pulled(context: Context, act: Callable[..., Thing]) -> Callable[..., object]:
    return lambda _, body, **named: act(context, body, **named)


def _shown(endpoint: Thing) -> Thing:
    return {name: endpoint[name] for name in ("name", "url", "headers", "enabled_events", "connect")}
