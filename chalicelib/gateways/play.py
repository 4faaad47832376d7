"""Google Play: what the Play Developer API knows of a purchase, and the pushes of real-time developer notifications.

Purchases are asked for by their token alone (``purchases.productsv2``), so that a notification, which names no product,
is enough. Consuming acknowledges too; what is neither within three days, Google gives back to who paid it. A push is
one of Pub/Sub's, with an OpenID token that Google signed for our audience and for the account that pushes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import ProviderFailed, Unauthenticated, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.time import Millis
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log

if TYPE_CHECKING:
    from ssl import SSLContext

    from google.oauth2.service_account import Credentials
    from urllib3 import BaseHTTPResponse

    from chalicelib.gateways import play_answers as answers
    from chalicelib.gateways.play_answers import Bought, Notification, Voided
    from chalicelib.runtime.identity import Keys
else:
    answers = on_first_use("chalicelib.gateways.play_answers")

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
_PAGE: Final = 25
"""Voided purchases that are asked for at once: each may be one more question."""


class Refused(Exception):
    """Google said no: there is no such purchase, or page. Nothing was done, and asking again is no use."""


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
        return answers.bought_of(self._asked("GET", f"purchases/productsv2/tokens/{token}"))

    def consume(self, product: str, token: str) -> None:
        self._asked("POST", f"purchases/products/{product}/tokens/{token}:consume")

    def voided(self, since: Millis, until: Millis, page: str | None) -> Voided:
        wanted = {"startTime": str(since), "endTime": str(until), "maxResults": str(_PAGE), "type": "0"}
        wanted["includeQuantityBasedPartialRefund"] = "true"
        return answers.voided_of(
            self._asked("GET", "purchases/voidedpurchases", wanted | ({"token": page} if page else {}))
        )

    def verified_push(self, authorization: str, payload: bytes) -> Notification:
        from chalicelib.runtime.identity import bearer, verified_claims

        package, audience, email = self._set_up("package_name", "push_audience", "push_email")
        claims = verified_claims(bearer(authorization), self._keys(), _ISSUERS, audience, "iat", "email")
        if claims["email"] != email or claims.get("email_verified") is not True:
            raise Unauthenticated
        return answers.notification_of(payload, package)

    def _asked(self, method: str, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object of Google's answer; empty where it says nothing."""
        from google.auth.exceptions import GoogleAuthError
        from urllib3.exceptions import HTTPError

        if self._breaker.is_open:
            raise Unavailable("Google Play rests after a failure. Try again in a moment.")
        (package,) = self._set_up("package_name")
        try:
            authorization = {"authorization": f"Bearer {self._access_token()}"}
            answer = _sent(method, f"{self._base}/{package}/{path}", fields=query, headers=authorization)
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
        return answers.json_object(answer.data or b"{}")

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


def _not_set_up(reason: str) -> ProviderFailed:
    log.error("play_not_set_up", provider="google", reason=reason)
    return ProviderFailed("Google Play is not set up.")


# --- over HTTP -------------------------------------------------------------------------------------


class _Unanswered(Exception):
    """Google could not say whether we may have an access token."""


def _ask_once(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None, **_: object
) -> BaseHTTPResponse:
    """google-auth's way out. It would itself ask again, and sleep meanwhile: whoever calls is called again anyway."""
    answer = _sent(method, url, body=body, headers=headers)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _Unanswered
    return answer


def _sent(method: str, url: str, **request: Any) -> BaseHTTPResponse:
    """The answer, on a connection of its own: purchases are far between, and one that was kept while the function was
    frozen would fail the next of them. Raises urllib3's HTTPError.
    """
    import urllib3

    timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    with urllib3.PoolManager(ssl_context=_trust(), timeout=timeout) as pool:
        return pool.request(method, url, redirect=False, retries=False, **request)


@cache
def _trust() -> SSLContext:
    import ssl

    import certifi

    return ssl.create_default_context(cafile=certifi.where())
