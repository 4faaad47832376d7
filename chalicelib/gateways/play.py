"""Google Play: what the Play Developer API knows of a purchase, and the pushes of real-time developer notifications.

Purchases are asked for by their token alone (``purchases.productsv2``), so that a notification, which names no product,
is enough. Consuming acknowledges too; what is neither within three days, Google gives back to who paid it. A push is
one of Pub/Sub's, with an OpenID token that Google signed for our audience and for the account that pushes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeGuard

from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import Malformed, ProviderFailed, Unauthenticated, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime.logs import log

if TYPE_CHECKING:
    from google.oauth2.service_account import Credentials
    from urllib3 import BaseHTTPResponse, PoolManager

    from chalicelib.runtime.identity import Keys

LONGEST_TOKEN: Final = 2_000
_TOKEN: Final = re.compile(rf"[A-Za-z0-9._~-]{{1,{LONGEST_TOKEN}}}")
_PRODUCT: Final = re.compile(r"[a-z0-9_.]{1,150}")
_MESSAGE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")

_API_BASE: Final = "https://androidpublisher.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/androidpublisher"
_CERTS_URL: Final = "https://www.googleapis.com/oauth2/v3/certs"
_ISSUERS: Final = ("https://accounts.google.com", "accounts.google.com")
_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 4
_REST_SECONDS: Final = 10
"""After Google was out of reach it is not asked for so long."""
_REFUSALS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""Answers by which nothing was done, and nothing will be by asking again: there is no such purchase, or page."""
_NOT_SET_UP: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_PAGE: Final = 100
"""Voided purchases that are asked for at once."""

State = Literal["pending", "purchased", "canceled"]
_STATES: Final[Mapping[str, State]] = {"PENDING": "pending", "PURCHASED": "purchased", "CANCELLED": "canceled"}

_ONE_TIME: Final = 2
"""``productType`` of what is bought once."""
_LARGEST_TYPE: Final = 999
_PARTIAL: Final = 2
"""``refundType`` of a refund of some of several that were bought at once."""

What = Literal["changed", "voided", "other"]


class Refused(Exception):
    """Google said no: there is no such purchase, or page. Nothing was done, and asking again is no use."""


@dataclass(frozen=True, slots=True)
class Bought:
    """What Google knows of a purchase at this moment."""

    product: str | None
    """None where it is of several products at once."""
    account_token: str | None
    """Whom the app named when it asked for the purchase (``obfuscatedExternalAccountId``)."""
    state: State
    consumed: bool
    quantity: int
    """How many were bought at once."""
    refunded: int
    """How many of several were given back."""
    test: bool
    """A tester's: nobody paid."""
    at: Millis
    """When it was paid; 0 before that."""


@dataclass(frozen=True, slots=True)
class Voided:
    """A page of purchases, by their tokens, that were given back or taken back. ``following`` names the next one."""

    tokens: tuple[str, ...]
    parts: tuple[str, ...]
    """Those of which some of several were given back."""
    following: str | None


@dataclass(frozen=True, slots=True)
class Notification:
    """What a push tells: a purchase is to be asked for, or was voided whole. ``token`` is the purchase's; None where
    ``what`` is ``other``.
    """

    id: str
    """Of the message: the same one however often it is pushed."""
    what: What
    kind: str
    """Google's name of it."""
    token: str | None = None


class PlayStore(Protocol):
    """What the wallet asks of Google Play, and hears from it.

    All but ``verified_push`` raise Refused, ProviderFailed where Google fails or we are not set up with it, and
    Unavailable where it is out of reach: then what was asked for may or may not be done, and is asked for again.
    """

    def purchase(self, token: str) -> Bought:
        """The purchase of that token."""

    def consume(self, product: str, token: str) -> None:
        """Use the purchase up, so that the product can be bought again. Repeating it does no harm."""

    def voided(self, since: Millis, until: Millis, page: str | None) -> Voided:
        """A page of what was voided from ``since``, 30 days ago at the most, to ``until``; ``page`` as answered."""

    def verified_push(self, authorization: str, payload: bytes) -> Notification:
        """What Google pushed to us. Raises Unauthenticated when it is not Google's, or not for us; Malformed when it is
        and is no notification of our app; Unavailable when Google's keys are out of reach.
        """


class GooglePlay:
    """``PlayStore`` at Google's servers, or at the addresses of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._secret_name = settings.google_secret
        self._base = f"{settings.google_api_base or _API_BASE}/androidpublisher/v3/applications"
        self._certs_url = settings.google_certs_url or _CERTS_URL
        self._breaker = CircuitBreaker()
        self._credentials: Credentials | None = None
        self._made_of: object = None
        self._kept_keys: Keys | None = None

    def purchase(self, token: str) -> Bought:
        return bought_of(self._asked("GET", f"purchases/productsv2/tokens/{token}"))

    def consume(self, product: str, token: str) -> None:
        self._asked("POST", f"purchases/products/{product}/tokens/{token}:consume")

    def voided(self, since: Millis, until: Millis, page: str | None) -> Voided:
        wanted = {"startTime": str(since), "endTime": str(until), "maxResults": str(_PAGE), "type": "0"}
        wanted["includeQuantityBasedPartialRefund"] = "true"
        return voided_of(self._asked("GET", "purchases/voidedpurchases", wanted | ({"token": page} if page else {})))

    def verified_push(self, authorization: str, payload: bytes) -> Notification:
        from chalicelib.runtime.identity import bearer, verified_claims

        package, audience, email = self._set_up("package_name", "push_audience", "push_email")
        claims = verified_claims(bearer(authorization), self._keys(), _ISSUERS, audience, "iat", "email")
        if claims["email"] != email or claims.get("email_verified") is not True:
            raise Unauthenticated
        return notification_of(payload, package)

    def _asked(self, method: str, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object of Google's answer; empty where it says nothing."""
        from google.auth.exceptions import GoogleAuthError
        from urllib3.exceptions import HTTPError

        if self._breaker.is_open:
            raise Unavailable("Google Play rests after a failure. Try again in a moment.")
        (package,) = self._set_up("package_name")
        try:
            authorization = {"authorization": f"Bearer {self._access_token()}"}
            answer = _pool().request(
                method, f"{self._base}/{package}/{path}", fields=query, headers=authorization, **_ONCE
            )
        except (HTTPError, _Unanswered) as error:
            self._breaker.trip(_REST_SECONDS)
            raise Unavailable("Google Play is out of reach. Try again in a moment.") from error
        except GoogleAuthError as error:
            raise _not_set_up("token") from error
        if answer.status in _REFUSALS:
            raise Refused
        if answer.status in _NOT_SET_UP:
            self._credentials = None  # it may have been revoked before its time
            raise _not_set_up(str(answer.status))
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ProviderFailed(f"Google Play answered {answer.status}.")
        return _object(answer.data or b"{}")

    def _access_token(self) -> str:
        """The service account's, which lasts an hour; a new one when it is about to end, or the secret has changed."""
        from google.oauth2.service_account import Credentials

        (account,) = self._set_up("service_account", kind=dict)
        if self._credentials is None or account != self._made_of:
            try:
                made: Credentials = Credentials.from_service_account_info(account, scopes=[_SCOPE])  # type: ignore[no-untyped-call]  # the library's own
            except ValueError as error:
                raise _not_set_up("key") from error
            self._credentials, self._made_of = made, account
        if not self._credentials.valid:
            self._credentials.refresh(_ask_once)  # type: ignore[no-untyped-call]
        return str(self._credentials.token)

    def _set_up(self, *names: str, kind: type = str) -> list[Any]:
        """Those values of the secret. Raises ProviderFailed where one is missing, Unavailable."""
        held = self._secret()
        if not all(isinstance(held.get(name), kind) and held[name] for name in names):
            raise _not_set_up("secret")
        return [held[name] for name in names]

    def _secret(self) -> Mapping[str, Any]:
        from chalicelib.runtime.secrets import secret

        return secret(self._secret_name)

    def _keys(self) -> Keys:
        from chalicelib.runtime.identity import Keys

        self._kept_keys = self._kept_keys or Keys(self._certs_url)
        return self._kept_keys


# --- what Google says ------------------------------------------------------------------------------


def is_token(value: object) -> TypeGuard[str]:
    """Whether this may be a purchase's token: it becomes a part of an address."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None and value not in (".", "..")


def bought_of(said: Mapping[str, Any]) -> Bought:
    """Read a ProductPurchaseV2. Raises ProviderFailed where it says what we do not understand."""
    context, lines = said.get("purchaseStateContext"), said.get("productLineItem")
    state = _STATES.get(str(context.get("purchaseState"))) if isinstance(context, dict) else None
    if state is None or not isinstance(lines, list) or not all(isinstance(each, dict) for each in lines):
        raise _unreadable()
    line: dict[str, Any] = lines[0] if len(lines) == 1 else {}
    product, offer = line.get("productId"), line.get("productOfferDetails") or {}
    if not isinstance(offer, dict):
        raise _unreadable()
    account = said.get("obfuscatedExternalAccountId")
    quantity = _count(offer.get("quantity", 1))
    # Of one there is no part, and of one that nobody paid for Google says that nothing can be refunded.
    left = _count(offer.get("refundableQuantity", quantity)) if quantity > 1 else quantity
    return Bought(
        product=product if isinstance(product, str) and _PRODUCT.fullmatch(product) else None,
        account_token=account if isinstance(account, str) else None,
        state=state,
        consumed=offer.get("consumptionState") == "CONSUMPTION_STATE_CONSUMED",
        quantity=quantity,
        refunded=max(0, quantity - left),
        test=said.get("testPurchaseContext") is not None,
        at=_moment(said.get("purchaseCompletionTime")) if state == "purchased" else 0,
    )


def voided_of(said: Mapping[str, Any]) -> Voided:
    """Read a page of voided purchases. Raises ProviderFailed where it is none."""
    listed, pagination = said.get("voidedPurchases", []), said.get("tokenPagination") or {}
    if not isinstance(listed, list) or not isinstance(pagination, dict):
        raise _unreadable()
    following = pagination.get("nextPageToken") or None
    if not all(isinstance(each, dict) and is_token(each.get("purchaseToken")) for each in listed):
        raise _unreadable()
    if not (following is None or isinstance(following, str)):
        raise _unreadable()
    whole = tuple(str(each["purchaseToken"]) for each in listed if each.get("voidedQuantity") is None)
    parts = tuple(str(each["purchaseToken"]) for each in listed if each.get("voidedQuantity") is not None)
    return Voided(whole, parts, following)


def notification_of(payload: bytes, package: str) -> Notification:
    """Read the body of a push. Raises Malformed where it is no notification of this app."""
    import base64

    try:
        message = _object(payload)["message"]
        id_, told = message["messageId"], _object(base64.b64decode(message["data"], validate=True))
    except (KeyError, TypeError, ValueError, ProviderFailed) as error:
        raise Malformed("Pushed by Google, but no notification.") from error
    if not isinstance(id_, str) or not _MESSAGE.fullmatch(id_) or told.get("packageName") != package:
        raise Malformed("Pushed by Google, but no notification of our app.")
    one_time, voided = told.get("oneTimeProductNotification"), told.get("voidedPurchaseNotification")
    if isinstance(one_time, dict):
        kind = f"oneTimeProductNotification.{_number(one_time, 'notificationType')}"
        return Notification(id_, "changed", kind, _token_of(one_time))
    if isinstance(voided, dict):
        refund = _number(voided, "refundType")
        kind = f"voidedPurchaseNotification.{refund}"
        if voided.get("productType") != _ONE_TIME:
            return Notification(id_, "other", kind)
        return Notification(id_, "changed" if refund == _PARTIAL else "voided", kind, _token_of(voided))
    others = (each for each in _OTHERS if each in told)
    return Notification(id_, "other", next(others, "unknown"))


_OTHERS: Final = ("testNotification", "subscriptionNotification", "pendingRefundReviewNotification")
"""What is told of and is not ours to act on."""


def _token_of(told: Mapping[str, Any]) -> str:
    token = told.get("purchaseToken")
    if not is_token(token):
        raise Malformed("Pushed by Google, but of no purchase.")
    return token


def _number(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    return value if type(value) is int and 0 <= value <= _LARGEST_TYPE else 0


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0


def _moment(written: object) -> Millis:
    """The moment of a timestamp. Raises ProviderFailed."""
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(str(written))
        return round(moment.timestamp() * SECOND) if moment.tzinfo else 0
    except (ValueError, OverflowError):
        raise _unreadable() from None


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object. Raises ProviderFailed where it is none."""
    import json

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unreadable()
    return found


def _unreadable() -> ProviderFailed:
    return ProviderFailed("Google Play said what we do not understand.")


def _not_set_up(reason: str) -> ProviderFailed:
    log.error("play_not_set_up", provider="google", reason=reason)
    return ProviderFailed("Google Play is not set up.")


# --- over HTTP -------------------------------------------------------------------------------------

_ONCE: Final[dict[str, Any]] = {"redirect": False, "retries": False}


class _Unanswered(Exception):
    """Google could not say whether we may have an access token."""


def _ask_once(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None, **_: object
) -> BaseHTTPResponse:
    """google-auth's way out. It would itself ask again, and sleep meanwhile: whoever calls is called again anyway."""
    answer = _pool().request(method, url, body=body, headers=headers, **_ONCE)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _Unanswered
    return answer


@cache
def _pool() -> PoolManager:
    import certifi
    import urllib3

    return urllib3.PoolManager(
        ca_certs=certifi.where(), timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    )
