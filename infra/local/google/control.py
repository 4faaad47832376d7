"""``/_local/…``: what people, banks and Google do with purchases, and what only a test wants.

    POST   /_local/purchases                      {"product", "account_token"?, "pending"?, "quantity"?, "test"?}
    GET    /_local/purchases                      every purchase, newest first
    GET    /_local/purchases/{token}
    POST   /_local/purchases/{token}/complete     a pending one is paid
    POST   /_local/purchases/{token}/cancel       a pending one is not
    POST   /_local/purchases/{token}/refund       {"reason"?}: it is given back; 7 is a bank that takes it back
                                                  {"count"}: so many of several are
    GET    /_local/notifications[?token=…]        every notification with its deliveries, oldest first
    POST   /_local/notifications                  a notification that nothing here causes
    POST   /_local/notifications/{id}/send        {"copies"?, "delay_seconds"?, "claims"?}
    PUT    /_local/notifications/way              {"copies"?, "delay_seconds"?, "lost"?, "token"?}
    DELETE /_local/notifications/way
    PUT    /_local/webhook                        {"url", "headers"?}: where pushes go
    PUT    /_local/fault                          {"how": "hang" | "refuse" | "error" | "lose_answer", "count"?}
    DELETE /_local/fault

A purchase is answered with its ``id``, which is the token. ``way`` is how pushes go from now on, those about one
purchase or all. A refusal is ``{"error": {"code", "message"}}``.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from infra.local.delivery import copies_of, seconds_of
from infra.local.faults import Faults
from infra.local.google import orders, pushes
from infra.local.google.context import Context, GoogleError, Way
from infra.local.store import Thing
from infra.local.web import Request, Response, Route, json_object, json_response, what_is_wrong

Body = dict[str, Any]


class Control:
    """Answers requests under ``/_local``. Each method takes the request, its JSON body, and what the path names."""

    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults

    def routes(self) -> list[Route]:
        purchase = r"/_local/purchases/(?P<token>[^/]+)"
        routes: list[tuple[str, str, Callable[..., object]]] = [
            ("POST", r"/_local/purchases", self._buy),
            ("GET", r"/_local/purchases", lambda *_: {"data": orders.listed(self._context)}),
            ("GET", purchase, lambda *_, token: orders.found(self._context, token)),
            ("POST", rf"{purchase}/complete", lambda *_, token: orders.complete(self._context, token)),
            ("POST", rf"{purchase}/cancel", lambda *_, token: orders.cancel(self._context, token)),
            ("POST", rf"{purchase}/refund", self._refund),
            ("GET", r"/_local/notifications", self._notifications),
            ("POST", r"/_local/notifications", lambda _, body: pushes.make(self._context, body)),
            ("POST", r"/_local/notifications/(?P<id_>[^/]+)/send", self._send),
            ("PUT", r"/_local/notifications/way", self._set_way),
            ("DELETE", r"/_local/notifications/way", self._clear_way),
            ("PUT", r"/_local/webhook", self._set_webhook),
            ("PUT", r"/_local/fault", self._set_fault),
            ("DELETE", r"/_local/fault", self._clear_fault),
        ]
        return [(method, pattern, self._answering(act)) for method, pattern, act in routes]

    def _answering(self, act: Callable[..., object]) -> Callable[..., Response]:
        def answer(request: Request, **named: str) -> Response:
            try:
                body = json_object(request.body)
                with self._context.store.transaction():
                    return json_response(HTTPStatus.OK, act(request, body, **named))
            except GoogleError as refusal:
                return _refusal(refusal.status, "refused", str(refusal))
            except (KeyError, TypeError, ValueError) as error:
                return _refusal(HTTPStatus.BAD_REQUEST, "invalid", what_is_wrong(error))

        return answer

    def _buy(self, _: Request, body: Body) -> object:
        return orders.buy(
            self._context,
            str(body["product"]),
            body.get("account_token"),
            pending=bool(body.get("pending")),
            quantity=int(body.get("quantity", 1)),
            test=bool(body.get("test")),
        )

    def _refund(self, _: Request, body: Body, token: str) -> object:
        if "count" in body:
            return orders.refund_part(self._context, token, int(body["count"]))
        return orders.void(self._context, token, int(body.get("reason", orders.REMORSE)))

    def _notifications(self, request: Request, _: Body) -> object:
        return {"data": pushes.listed(self._context, request.parameters.get("token"))}

    def _send(self, _: Request, body: Body, id_: str) -> object:
        if pushes.find(self._context, id_) is None:
            raise GoogleError(404, "There is no such notification.")
        delay = seconds_of(body, "delay_seconds")
        sent = [pushes.send(self._context, id_, delay, body.get("claims")) for _ in range(copies_of(body))]
        return {"deliveries": [each["id"] for each in sent]}

    def _set_way(self, _: Request, body: Body) -> object:
        self._context.way = Way(
            copies=copies_of(body),
            delay_seconds=seconds_of(body, "delay_seconds"),
            lost=bool(body.get("lost")),
            token=str(body.get("token", "")),
        )
        return {"set": True}

    def _clear_way(self, _: Request, __: Body) -> object:
        self._context.way = Way()
        return {"deleted": True}

    def _set_webhook(self, _: Request, body: Body) -> object:
        headers: Thing = {str(name): str(value) for name, value in body.get("headers", {}).items()}
        pushes.send_to(self._context, str(body["url"]), headers)
        return {"set": True}

    def _set_fault(self, _: Request, body: Body) -> object:
        self._faults.set_from(body)
        return {"set": True}

    def _clear_fault(self, _: Request, __: Body) -> object:
        self._faults.clear()
        return {"deleted": True}


def _refusal(status: int, code: str, message: str) -> Response:
    return json_response(status, {"error": {"code": code, "message": message}})
