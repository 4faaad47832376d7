"""The REST API: ``POST /dev/v1/kicking-rule``, as "Create a banning rule" describes it, and messages (``signalling``).

Basic authentication with the customer's id and secret; 10 rules a second; lengths are moved to the nearest that Agora
takes. Only what SoulSeer uses is known (no ``ip``, no ``time`` in minutes, no privilege but ``join_channel``): the rest
is a 400, never ignored.
"""

import base64
import hmac
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Any, Final

from infra.local.agora import channels, signalling
from infra.local.agora.context import AgoraError, Context
from infra.local.faults import ERROR, HANG, LOSE_ANSWER, REFUSE, Faults
from infra.local.web import LostAnswer, Request, Response, Route, json_object, json_response

_CALLS_PER_SECOND: Final = 10
_LEAST_SECONDS, _MOST_SECONDS = 10, 86_430
_SECONDS_UNLESS_TOLD: Final = 3_600
_FIELDS: Final = frozenset({"appid", "cname", "uid", "time_in_seconds", "privileges"})


class Rest:
    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults
        self._rules: deque[float] = deque()
        self._messages: deque[float] = deque()
        self._lock = Lock()

    def routes(self) -> list[Route]:
        messages = r"/dev/v2/project/(?P<app_id>[^/]+)/rtm/users/(?P<sender>[^/]+)/channel_messages"
        return [("POST", r"/dev/v1/kicking-rule", self._create_rule), ("POST", messages, self._send_message)]

    def _create_rule(self, request: Request) -> Response:
        def act() -> dict[str, Any]:
            self._check_rate(self._rules, _CALLS_PER_SECOND)
            return {"status": "success", "id": self._applied(json_object(request.body))["number"]}

        return self._answered(request, act)

    def _send_message(self, request: Request, app_id: str, sender: str) -> Response:
        def act() -> dict[str, Any]:
            self._check_rate(self._messages, signalling.CALLS_PER_SECOND)
            with self._context.store.transaction():
                sent = signalling.send(self._context, app_id, sender, json_object(request.body))
            return {"result": "success", "request_id": sent["id"], "code": "message_sent"}

        return self._answered(request, act)

    def _answered(self, request: Request, act: Callable[[], dict[str, Any]]) -> Response:
        fault = self._faults.strike()
        if fault == HANG:
            self._faults.hang()
        if fault in (HANG, REFUSE):
            raise LostAnswer
        if fault == ERROR:
            return _failed(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error.")
        try:
            self._check_credentials(request)
            answer = act()
        except AgoraError as refusal:
            return _failed(refusal.status, str(refusal))
        except ValueError as error:
            return _failed(HTTPStatus.BAD_REQUEST, str(error))
        if fault == LOSE_ANSWER:
            raise LostAnswer
        return json_response(HTTPStatus.OK, answer)

    def _check_credentials(self, request: Request) -> None:
        account = self._context.account
        given = request.headers.get("authorization", "")
        wanted = f"{account.customer_id}:{account.customer_secret}" if account else ""
        expected = f"Basic {base64.b64encode(wanted.encode()).decode()}"
        if not account or not hmac.compare_digest(given.encode(), expected.encode()):
            raise AgoraError(401, "invalid_credentials", "Invalid authentication credentials.")

    def _check_rate(self, calls: deque[float], most: int) -> None:
        now = self._context.clock()
        with self._lock:
            while calls and calls[0] <= now - 1:
                calls.popleft()
            if len(calls) >= most:
                raise AgoraError(429, "too_many_requests", "Too many requests.")
            calls.append(now)

    def _applied(self, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(body.keys() - _FIELDS):
            raise _wrong(unknown[0], "the local Agora does not know it")
        account = self._context.account
        if not account or body.get("appid") != account.app_id:
            raise _wrong("appid", "there is no such app")
        channel = _checked(body, "cname", str, lambda name: 1 <= len(name) <= 64)  # noqa: PLR2004 - as for a join
        uid = _checked(body, "uid", int, lambda number: 1 <= number <= channels.MOST_UID)
        if channel is None and uid is None:
            raise _wrong("cname", "it or uid is required")
        if body.get("privileges") != ["join_channel"]:
            raise _wrong("privileges", 'it is ["join_channel"]')
        told = _checked(body, "time_in_seconds", int, lambda seconds: seconds >= 0)
        seconds = _SECONDS_UNLESS_TOLD if told is None else told and min(max(told, _LEAST_SECONDS), _MOST_SECONDS)
        with self._context.store.transaction():
            return channels.apply_rule(self._context, channel, uid, seconds)


def _checked(body: dict[str, Any], name: str, kind: type, holds: Callable[[Any], bool]) -> Any:
    """The field's value; None where it is absent. Raises AgoraError 400."""
    value = body.get(name)
    if name in body and (type(value) is not kind or not holds(value)):
        raise _wrong(name, f"not {value!r}")
    return value


def _failed(status: int, message: str) -> Response:
    return json_response(status, {"status": "failed", "message": message})


def _wrong(name: str, why: str) -> AgoraError:
    return AgoraError(400, "invalid_parameter", f"Invalid {name}: {why}.")
