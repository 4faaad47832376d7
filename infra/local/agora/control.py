"""``/_local/…``: what a phone's SDK does with Agora, and what only a test wants.

    POST   /_local/channels/{channel}/join      {"app_id", "uid", "token", "role"?} → {"device", "expires_at"}
    POST   /_local/channels/{channel}/renew     {"device", "token"}
    POST   /_local/channels/{channel}/leave     {"device", "reason"?}
    POST   /_local/channels/{channel}/lose      {"device", "after_seconds"?}: the connection is gone
    GET    /_local/channels                     every participant
    GET    /_local/channels/{channel}           who is in it
    GET    /_local/rules                        every rule that the REST API took, newest first
    GET    /_local/messages[?channel=…]         what was sent by signalling, oldest first
    GET    /_local/notices[?channel=…]          every notice with its deliveries, oldest first
    POST   /_local/notices                      {"event_type", "payload"}: one that nothing here causes
    POST   /_local/notices/{id}/send            {"copies"?, "delay_seconds"?, "secret"?}
    PUT    /_local/notices/way                  {"copies"?, "delay_seconds"?, "shuffled"?, "lost"?, "channel"?}
    DELETE /_local/notices/way
    PUT    /_local/webhook                      {"url", "secret", "headers"?}: where notices go
    PUT    /_local/fault                        {"how": "hang" | "refuse" | "error" | "lose_answer", "count"?}
    DELETE /_local/fault

``way`` is how notices go from now on, those of one channel or all. A token is verified for real; in a live stream the
``role`` is ``broadcaster`` or ``audience``. A refusal is ``{"error": {"code", "message"}}``: 403 ``invalid_app_id``,
``invalid_token``, ``token_expired``, ``no_privilege`` or ``banned``; 409 ``not_in_channel``; 400 what cannot be meant.
A fault is of the REST API, for the next ``count`` calls or until it is deleted.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from infra.local.agora import channels, notices, signalling
from infra.local.agora.context import AgoraError, Context, Way
from infra.local.delivery import copies_of, seconds_of
from infra.local.faults import Faults
from infra.local.store import Thing
from infra.local.web import Request, Response, Route, json_object, json_response, what_is_wrong

Body = dict[str, Any]


class Control:
    """Answers requests under ``/_local``. Each method takes the request, its JSON body, and what the path names."""

    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults

    def routes(self) -> list[Route]:
        channel = r"/_local/channels/(?P<channel>[^/]+)"
        routes: list[tuple[str, str, Callable[..., object]]] = [
            ("POST", rf"{channel}/join", self._join),
            ("POST", rf"{channel}/renew", self._renew),
            ("POST", rf"{channel}/leave", self._leave),
            ("POST", rf"{channel}/lose", self._lose),
            ("GET", r"/_local/channels", self._participants),
            ("GET", channel, self._participants),
            ("GET", r"/_local/rules", self._rules),
            ("GET", r"/_local/messages", self._messages),
            ("GET", r"/_local/notices", self._notices),
            ("POST", r"/_local/notices", self._make_notice),
            ("POST", r"/_local/notices/(?P<id_>[^/]+)/send", self._send_notice),
            ("PUT", r"/_local/notices/way", self._set_way),
            ("DELETE", r"/_local/notices/way", self._clear_way),
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
            except AgoraError as refusal:
                return _refusal(refusal.status, refusal.code, str(refusal))
            except (KeyError, TypeError, ValueError) as error:
                return _refusal(HTTPStatus.BAD_REQUEST, "invalid", what_is_wrong(error))

        return answer

    def _join(self, _: Request, body: Body, channel: str) -> object:
        who = str(body["app_id"]), int(body["uid"]), str(body["token"]), str(body.get("role", ""))
        device = channels.join(self._context, channel, *who)
        return {"device": device["id"], "expires_at": device["expires_at"]}

    def _renew(self, _: Request, body: Body, channel: str) -> object:
        device = channels.renew(self._context, channel, str(body["device"]), str(body["token"]))
        return {"device": device["id"], "expires_at": device["expires_at"]}

    def _leave(self, _: Request, body: Body, channel: str) -> object:
        channels.leave(self._context, channel, str(body["device"]), int(body.get("reason", channels.QUIT)))
        return {"left": True}

    def _lose(self, _: Request, body: Body, channel: str) -> object:
        channels.lose(self._context, channel, str(body["device"]), seconds_of(body, "after_seconds"))
        return {"lost": True}

    def _participants(self, _: Request, __: Body, channel: str | None = None) -> object:
        shown = ("channel", "uid", "joined_at", "expires_at")
        found = channels.participants(self._context, channel)
        return {"data": [{"device": each["id"]} | {name: each[name] for name in shown} for each in found]}

    def _rules(self, _: Request, __: Body) -> object:
        return {"data": channels.rules(self._context)}

    def _messages(self, request: Request, _: Body) -> object:
        return {"data": signalling.messages(self._context, request.parameters.get("channel"))}

    def _notices(self, request: Request, _: Body) -> object:
        return {"data": notices.listed(self._context, request.parameters.get("channel"))}

    def _make_notice(self, _: Request, body: Body) -> object:
        return notices.make(self._context, int(body["event_type"]), dict(body["payload"]))

    def _send_notice(self, _: Request, body: Body, id_: str) -> object:
        if notices.find(self._context, id_) is None:
            raise AgoraError(404, "no_such_notice", "There is no such notice.")
        delay = seconds_of(body, "delay_seconds")
        sent = [notices.send(self._context, id_, delay, body.get("secret")) for _ in range(copies_of(body))]
        return {"deliveries": [each["id"] for each in sent]}

    def _set_way(self, _: Request, body: Body) -> object:
        self._context.way = Way(
            copies=copies_of(body),
            delay_seconds=seconds_of(body, "delay_seconds"),
            shuffled=bool(body.get("shuffled")),
            lost=bool(body.get("lost")),
            channel=str(body.get("channel", "")),
        )
        return {"set": True}

    def _clear_way(self, _: Request, __: Body) -> object:
        self._context.way = Way()
        return {"deleted": True}

    def _set_webhook(self, _: Request, body: Body) -> object:
        headers: Thing = {str(name): str(value) for name, value in body.get("headers", {}).items()}
        notices.send_to(self._context, str(body["url"]), str(body["secret"]), headers)
        return {"set": True}

    def _set_fault(self, _: Request, body: Body) -> object:
        self._faults.set_from(body)
        return {"set": True}

    def _clear_fault(self, _: Request, __: Body) -> object:
        self._faults.clear()
        return {"deleted": True}


def _refusal(status: int, code: str, message: str) -> Response:
    return json_response(status, {"error": {"code": code, "message": message}})
