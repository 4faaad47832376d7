"""What Google answers over HTTP: access tokens, the Play Developer API, and the keys that pushes are signed with.

    POST /token                                                           RFC 7523: an assertion for an access token
    GET  /oauth2/v3/certs                                                 a JSON Web Key Set
    GET  /androidpublisher/v3/applications/{package}/purchases/…
             productsv2/tokens/{token}                                    a ProductPurchaseV2
             voidedpurchases                                              ``startTime endTime maxResults token``
    POST     products/{product}/tokens/{named}:consume  …:acknowledge

Who asks needs an access token of the service account. A fault is of the Play Developer API and of ``/token``.
"""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qs

import jwt

from infra.local.faults import ERROR, HANG, LOSE_ANSWER, REFUSE, Faults
from infra.local.google import orders
from infra.local.google.context import Context, GoogleError
from infra.local.store import Thing
from infra.local.web import LostAnswer, Request, Response, Route, json_response

SCOPE: Final = "https://www.googleapis.com/auth/androidpublisher"
_AUDIENCE: Final = "https://oauth2.googleapis.com/token"
"""Of assertions: google-auth names Google's own address, whatever the key's file says."""
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_SECONDS: Final = 3_599
_REACH_MILLIS: Final = 30 * 24 * 60 * 60 * 1000
_MOST_LISTED: Final = 1_000
_BASE: Final = r"/androidpublisher/v3/applications/(?P<package>[^/]+)/purchases"
_STATES: Final = {"pending": "PENDING", "purchased": "PURCHASED", "canceled": "CANCELLED"}


class Api:
    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults
        self._tokens: dict[str, float] = {}
        self._lock = Lock()

    def routes(self) -> list[Route]:
        named = r"tokens/(?P<token>[^/:]+)"
        asked: list[tuple[str, str, Callable[..., object]]] = [
            ("GET", rf"{_BASE}/productsv2/{named}", self._purchase),
            ("GET", rf"{_BASE}/voidedpurchases", self._voided),
            ("POST", rf"{_BASE}/products/(?P<product>[^/]+)/{named}:consume", self._consume),
            ("POST", rf"{_BASE}/products/(?P<product>[^/]+)/{named}:acknowledge", self._acknowledge),
        ]
        return [
            ("POST", r"/token", self._access_token),
            ("GET", r"/oauth2/v3/certs", lambda _: json_response(200, self._context.google.jwks())),
            *((method, pattern, self._answering(act)) for method, pattern, act in asked),
        ]

    def _answering(self, act: Callable[..., object]) -> Callable[..., Response]:
        def answer(request: Request, package: str, **named: str) -> Response:
            fault = self._struck()
            if fault == ERROR:
                return _failed(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error encountered.")
            try:
                self._check_caller(request, package)
                with self._context.store.transaction():
                    said = act(request, **named)
            except GoogleError as refusal:
                return _failed(refusal.status, str(refusal))
            if fault == LOSE_ANSWER:
                raise LostAnswer
            return Response(204) if said is None else json_response(HTTPStatus.OK, said)

        return answer

    def _struck(self) -> str | None:
        fault = self._faults.strike()
        if fault == HANG:
            self._faults.hang()
        if fault in (HANG, REFUSE):
            raise LostAnswer
        return fault

    def _access_token(self, request: Request) -> Response:
        if self._struck() == ERROR:
            return json_response(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal_failure"})
        form = parse_qs(request.body.decode(errors="replace"))
        app = self._context.app
        try:
            if form.get("grant_type") != [_GRANT]:
                raise jwt.InvalidTokenError
            claims = jwt.decode(
                form.get("assertion", [""])[0],
                self._context.account_key.public_key(),
                algorithms=["RS256"],
                audience=_AUDIENCE,
                issuer=app.client_email,
                options={"require": ["exp", "iat", "iss", "aud", "scope"]},
            )
            if SCOPE not in str(claims["scope"]).split():
                raise jwt.InvalidTokenError
        except jwt.PyJWTError:
            return json_response(
                HTTPStatus.BAD_REQUEST, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            )
        token = f"ya29.local-{secrets.token_urlsafe(24)}"
        with self._lock:
            self._tokens[token] = self._context.clock() + _TOKEN_SECONDS
        return json_response(
            HTTPStatus.OK, {"access_token": token, "expires_in": _TOKEN_SECONDS, "token_type": "Bearer"}
        )

    def revoke_tokens(self) -> None:
        with self._lock:
            self._tokens.clear()

    def _check_caller(self, request: Request, package: str) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        with self._lock:
            good_until = self._tokens.get(given, 0.0)
        if good_until <= self._context.clock():
            raise GoogleError(401, "Request had invalid authentication credentials.")
        if package != self._context.app.package:
            raise GoogleError(403, "The caller does not have permission.")

    def _purchase(self, _: Request, token: str) -> object:
        return shown(orders.found(self._context, token))

    def _consume(self, _: Request, product: str, token: str) -> None:
        orders.consume(self._context, product, token)

    def _acknowledge(self, _: Request, product: str, token: str) -> None:
        orders.acknowledge(self._context, product, token)

    def _voided(self, request: Request) -> object:
        asked, now = request.parameters, self._context.millis()
        try:
            since, until = int(asked.get("startTime", now - _REACH_MILLIS)), int(asked.get("endTime", now))
            most = min(int(asked.get("maxResults", _MOST_LISTED)), _MOST_LISTED)
            kept = json.loads(asked["token"]) if asked.get("token") else [since, until, 0]
            since, until, first = (int(each) for each in kept)
        except (ValueError, TypeError) as error:
            raise GoogleError(400, "Invalid Value") from error
        if since < now - _REACH_MILLIS or most < 1:
            raise GoogleError(400, "Invalid Value")
        listed, more = orders.voided(self._context, since, until, first, most)
        page: Thing = {"pageInfo": {"totalResults": len(listed)}, "voidedPurchases": listed}
        if more:
            page["tokenPagination"] = {"nextPageToken": json.dumps([since, until, first + most])}
        return page


def shown(order: Thing) -> dict[str, Any]:
    """The order as the Play Developer API shows it."""
    offer: dict[str, Any] = {
        "quantity": order["quantity"],
        "refundableQuantity": orders.left(order),
        "consumptionState": f"CONSUMPTION_STATE_{'CONSUMED' if order['consumed'] else 'YET_TO_BE_CONSUMED'}",
    }
    said: dict[str, Any] = {
        "kind": "androidpublisher#productPurchaseV2",
        "orderId": order["order_id"],
        "regionCode": "US",
        "purchaseStateContext": {"purchaseState": _STATES[order["state"]]},
        "acknowledgementState": f"ACKNOWLEDGEMENT_STATE_{'ACKNOWLEDGED' if order['acknowledged'] else 'PENDING'}",
        "productLineItem": [{"productId": order["product"], "productOfferDetails": offer}],
    }
    if order["account_token"] is not None:
        said["obfuscatedExternalAccountId"] = order["account_token"]
    if order["completed_at"] is not None:
        moment = datetime.fromtimestamp(order["completed_at"] / 1000, UTC)
        said["purchaseCompletionTime"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if order["test"]:
        said["testPurchaseContext"] = {"fopType": "TEST"}
    return said


def _failed(status: int, message: str) -> Response:
    return json_response(status, {"error": {"code": int(status), "message": message}})
