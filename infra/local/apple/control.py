"""``/_local/…``: what a phone does with the App Store, and what only a test wants.

    POST   /_local/purchases                      {"account_token", "product", "quantity"?, "silently"?}
                                                      → {"id", "signed_transaction"}
    GET    /_local/purchases/{id}                 → the same, signed anew
    POST   /_local/purchases/{id}/refund          {"percentage"?} (thousandths of a per cent)
    POST   /_local/purchases/{id}/reverse         the refund is taken back
    POST   /_local/purchases/{id}/decline         a refund is refused
    POST   /_local/purchases/{id}/consumption     Apple asks how much of it was used
    POST   /_local/notifications                  {"kind"}: one about no purchase, as TEST
    GET    /_local/notifications                  every notification with its deliveries, oldest first
    POST   /_local/notifications/{id}/send        {"delay_seconds"?}: once more
    GET    /_local/consumptions[?transaction=…]   what the App Store Server API took
    PUT    /_local/certificates                   {"are": "good" | "revoked" | "silent"}
    PUT    /_local/webhook                        {"url", "headers"?}: where notifications go
    PUT    /_local/fault                          {"how": "hang" | "refuse" | "error" | "lose_answer", "count"?}
    DELETE /_local/fault

What is told by a notification is answered with it. ``silently`` has a purchase told by nobody but the app. A refusal is
``{"error": {"code", "message"}}``. A fault is of the App Store Server API.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from infra.local.apple import notifications, purchases, rest
from infra.local.apple.context import AppleError, Context
from infra.local.faults import Faults
from infra.local.store import Thing
from infra.local.web import Request, Response, Route, json_object, json_response, what_is_wrong

_MOST_SECONDS: Final = 3_600.0
_CERTIFICATES: Final = ("good", "revoked", "silent")

Body = dict[str, Any]


class Control:
    """Answers requests under ``/_local``. Each method takes the request, its JSON body, and what the path names."""

    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults

    def routes(self) -> list[Route]:
        purchase = r"/_local/purchases/(?P<id_>[^/]+)"
        routes: list[tuple[str, str, Callable[..., object]]] = [
            ("POST", r"/_local/purchases", self._buy),
            ("GET", purchase, self._show),
            ("POST", rf"{purchase}/refund", self._refund),
            ("POST", rf"{purchase}/reverse", lambda _, __, id_: purchases.reverse(self._context, id_)),
            ("POST", rf"{purchase}/decline", lambda _, __, id_: purchases.decline(self._context, id_)),
            ("POST", rf"{purchase}/consumption", lambda _, __, id_: purchases.ask_for_consumption(self._context, id_)),
            ("POST", r"/_local/notifications", self._notify),
            ("GET", r"/_local/notifications", lambda _, __: {"data": notifications.listed(self._context)}),
            ("POST", r"/_local/notifications/(?P<id_>[^/]+)/send", self._send),
            ("GET", r"/_local/consumptions", self._consumptions),
            ("PUT", r"/_local/certificates", self._set_certificates),
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
            except AppleError as refusal:
                return _refusal(refusal.status, refusal.code, str(refusal))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                return _refusal(HTTPStatus.BAD_REQUEST, "invalid", what_is_wrong(error))

        return answer

    def _buy(self, _: Request, body: Body) -> object:
        quantity, silently = int(body.get("quantity", 1)), bool(body.get("silently"))
        bought = purchases.buy(self._context, body["account_token"], str(body["product"]), quantity, silently=silently)
        return self._shown(bought)

    def _show(self, _: Request, __: Body, id_: str) -> object:
        return self._shown(purchases.found(self._context, id_))

    def _shown(self, purchase: Thing) -> Thing:
        return {"id": purchase["id"], "signed_transaction": purchases.signed(self._context, purchase)}

    def _refund(self, _: Request, body: Body, id_: str) -> object:
        return purchases.refund(self._context, id_, int(body.get("percentage", 100_000)))

    def _notify(self, _: Request, body: Body) -> object:
        return notifications.make(self._context, str(body["kind"]))

    def _send(self, _: Request, body: Body, id_: str) -> object:
        seconds = float(body.get("delay_seconds", 0))
        if notifications.find(self._context, id_) is None:
            raise AppleError(404, "no_such_notification", "There is no such notification.")
        if not 0 <= seconds <= _MOST_SECONDS:
            raise ValueError(f"delay_seconds is from 0 to {_MOST_SECONDS:.0f}")
        return {"delivery": notifications.send(self._context, id_, seconds)["id"]}

    def _consumptions(self, request: Request, _: Body) -> object:
        return {"data": rest.consumptions(self._context, request.parameters.get("transaction"))}

    def _set_certificates(self, _: Request, body: Body) -> object:
        if body["are"] not in _CERTIFICATES:
            raise ValueError(f"are is one of {', '.join(_CERTIFICATES)}")
        self._context.certificates = body["are"]
        return {"set": True}

    def _set_webhook(self, _: Request, body: Body) -> object:
        headers = {str(name): str(value) for name, value in body.get("headers", {}).items()}
        notifications.send_to(self._context, str(body["url"]), headers)
        return {"set": True}

    def _set_fault(self, _: Request, body: Body) -> object:
        self._faults.set_from(body)
        return {"set": True}

    def _clear_fault(self, _: Request, __: Body) -> object:
        self._faults.clear()
        return {"deleted": True}


def _refusal(status: int, code: str | int, message: str) -> Response:
    return json_response(status, {"error": {"code": code, "message": message}})
