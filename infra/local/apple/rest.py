"""The App Store Server API, of which the product calls two things, and the OCSP responder of the certificates.

    PUT  /inApps/v2/transactions/consumption/{id}   202, as "Send Consumption Information" describes it
    POST /inApps/v1/notifications/history           what was told and not taken, as "Get Notification History" does
    POST /ocsp                                      whether a certificate still holds

The bearer token is a JWT of the app's key (ES256) with its ``kid``, ``iss``, ``aud``, ``bid`` and an end within the
hour. A refusal is ``{"errorCode", "errorMessage"}``. What was taken is kept: ``{"id", "object": "consumption",
"transaction", "body"}``.
"""

import json
import time
from http import HTTPStatus
from typing import Any, Final

import jwt

from infra.local.apple import notifications, purchases
from infra.local.apple.context import BUNDLE_ID, ISSUER_ID, KEY_ID, AppleError, Context
from infra.local.faults import ERROR, HANG, LOSE_ANSWER, REFUSE, Faults
from infra.local.store import Thing, new_id
from infra.local.web import LostAnswer, Request, Response, Route, json_object, json_response

_CONSUMPTION: Final = "consumption"
_AUDIENCE: Final = "appstoreconnect-v1"
_LONGEST_TOKEN_SECONDS: Final = 3_600
_WHOLE: Final = 100_000
_PAGE: Final = 20
_DELIVERY: Final = frozenset(
    {
        "DELIVERED",
        "UNDELIVERED_QUALITY_ISSUE",
        "UNDELIVERED_WRONG_ITEM",
        "UNDELIVERED_SERVER_OUTAGE",
        "UNDELIVERED_OTHER",
    }
)
_PREFERENCES: Final = frozenset({None, "DECLINE", "GRANT_FULL", "GRANT_PRORATED"})


class Rest:
    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults

    def routes(self) -> list[Route]:
        return [
            ("PUT", r"/inApps/v2/transactions/consumption/(?P<id_>[^/]+)", self._consumption),
            ("POST", r"/inApps/v1/notifications/history", self._history),
            ("POST", r"/ocsp", self._status),
        ]

    def _consumption(self, request: Request, id_: str) -> Response:
        fault = self._faults.strike()
        if fault == HANG:
            self._faults.hang()
        if fault in (HANG, REFUSE):
            raise LostAnswer
        if fault == ERROR:
            return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, 5_000_001, "An unknown error occurred. Please try again.")
        try:
            self._check_token(request)
            with self._context.store.transaction():
                purchases.found(self._context, id_)
                body = _checked(json_object(request.body))
                kept = {"id": new_id("con"), "object": _CONSUMPTION, "transaction": id_, "body": body}
                self._context.store.put(kept, parent=id_)
        except AppleError as refusal:
            return _refused(refusal.status, refusal.code, str(refusal))
        except ValueError as error:
            return _refused(HTTPStatus.BAD_REQUEST, 4_000_000, str(error))
        if fault == LOSE_ANSWER:
            raise LostAnswer
        return Response(HTTPStatus.ACCEPTED)

    def _history(self, request: Request) -> Response:
        """Oldest first, 20 a page; the token of the next one is how many came before it."""
        if fault := self._faults.strike():
            if fault == HANG:
                self._faults.hang()
            if fault != ERROR:
                raise LostAnswer
            return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, 5_000_000, "An unknown error occurred.")
        try:
            self._check_token(request)
            body = json_object(request.body)
            least, most, failed = int(body["startDate"]), int(body["endDate"]), bool(body.get("onlyFailures"))
            first = int(request.parameters.get("paginationToken", 0))
        except AppleError as refusal:
            return _refused(refusal.status, refusal.code, str(refusal))
        except (KeyError, TypeError, ValueError) as error:
            return _refused(HTTPStatus.BAD_REQUEST, 4_000_000, str(error))
        if most <= least:
            return _refused(HTTPStatus.BAD_REQUEST, 4_000_014, "Invalid request. The end date precedes the start.")
        told = [
            each
            for each in notifications.listed(self._context)
            if least <= each["claims"]["signedDate"] <= most
            and not (failed and any(sent["state"] == "delivered" for sent in each["deliveries"]))
        ]
        page = [json.loads(notifications.signed(self._context, each)) for each in told[first : first + _PAGE]]
        answer = {"notificationHistory": [each | {"sendAttempts": []} for each in page]}
        more = first + _PAGE < len(told)
        token = {"paginationToken": str(first + _PAGE)} if more else {}
        return json_response(HTTPStatus.OK, answer | {"hasMore": more} | token)

    def _check_token(self, request: Request) -> None:
        """As Apple: one answer for whatever is wrong with a token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            ours = scheme == "Bearer" and jwt.get_unverified_header(token).get("kid") == KEY_ID
            claims = jwt.decode(
                token,
                self._context.api_key.public_key(),
                algorithms=["ES256"],
                audience=_AUDIENCE,
                issuer=ISSUER_ID,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise _unauthenticated() from error
        if not ours or claims.get("bid") != BUNDLE_ID or claims["exp"] > time.time() + _LONGEST_TOKEN_SECONDS:
            raise _unauthenticated()

    def _status(self, request: Request) -> Response:
        if self._context.certificates == "silent":
            return Response(HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            answer = self._context.chain.status(request.body, revoked=self._context.certificates == "revoked")
        except ValueError:
            return Response(HTTPStatus.BAD_REQUEST)
        return Response(HTTPStatus.OK, answer, {"content-type": "application/ocsp-response"})


def consumptions(context: Context, transaction: str | None = None) -> list[Thing]:
    """What was taken, oldest first."""
    return list(context.store.newest(_CONSUMPTION, transaction))[::-1]


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Raises AppleError 400 for what Apple would not take."""
    percentage = body.get("consumptionPercentage", 0)
    holds = {
        "customerConsented": body.get("customerConsented") is True,
        "sampleContentProvided": type(body.get("sampleContentProvided")) is bool,
        "deliveryStatus": body.get("deliveryStatus") in _DELIVERY,
        "consumptionPercentage": type(percentage) is int and 0 <= percentage <= _WHOLE,
        "refundPreference": body.get("refundPreference") in _PREFERENCES,
    }
    for name in [*sorted(body.keys() - holds.keys()), *(name for name, fine in holds.items() if not fine)]:
        raise AppleError(400, 4_000_000, f"Invalid request. Invalid {name}.")
    return body


def _unauthenticated() -> AppleError:
    return AppleError(401, 4_010_000, "Unauthenticated")


def _refused(status: int, code: str | int, message: str) -> Response:
    return json_response(status, {"errorCode": code, "errorMessage": message})
