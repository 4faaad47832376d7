"""The App Store: transactions and notifications that Apple signed (StoreKit 2, App Store Server Notifications V2), and
what Apple asks of us about a purchase (App Store Server API), by Apple's own library.

The library follows the certificates of a signature to Apple's root, asks Apple whether they were revoked, and compares
bundle and environment. What is in it is checked here, field by field, before anybody believes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import Malformed, Problem, ProviderFailed, Unauthenticated, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.time import Millis
from chalicelib.runtime.logs import log

if TYPE_CHECKING:
    from appstoreserverlibrary.signed_data_verifier import SignedDataVerifier, VerificationException

T = TypeVar("T")

LONGEST_SIGNED: Final = 16_384
"""Characters of a signed transaction. One of Apple's has about five thousand, most of them certificates."""
WHOLE: Final = 100_000
"""All of a purchase, as Apple counts percentages: in thousandths."""
MOST_QUANTITY: Final = 10
"""What StoreKit sells at once."""

_JWS: Final = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
_TRANSACTION: Final = r"[0-9]{1,32}"
_PRODUCT: Final = r"[A-Za-z0-9._-]{1,100}"
_UUID: Final = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_WORD: Final = r"[A-Za-z0-9_ -]{1,64}"
_LATEST: Final[Millis] = 2**53

_CHECK_SECONDS: Final = 8
"""For a look at a signature: the library waits half a minute for each of the two answers on its certificates."""
_API_SECONDS: Final = (1, 5)
"""To connect, and to read."""
_REST_SECONDS: Final = 20
"""After Apple's API failed, it is not called for so long."""
_REFUSALS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
"""Answers that would come again."""


class Transaction(NamedTuple):
    """A purchase as Apple told of it at one moment."""

    id: str
    product: str
    type: str
    """Apple's word, as ``Consumable``."""
    quantity: int
    account_token: str | None
    """The UUID that the app gave with the purchase."""
    taken_back: int
    """How much of it was refunded, in thousandths of a per cent: 0 while it stands, ``WHOLE`` where all was."""
    at: Millis
    """When Apple signed this: orders what is told of one purchase."""
    environment: str


class Notification(NamedTuple):
    """What Apple tells by itself."""

    id: str
    """The same each time that it is sent."""
    kind: str
    """Apple's ``notificationType``."""
    at: Millis
    transaction: Transaction | None


class AppStore(Protocol):
    """What the wallet asks of Apple, and hears from it."""

    def verified_transaction(self, signed: str) -> Transaction:
        """The transaction that Apple signed for our app, in our environment.

        Raises Unauthenticated when it did not, Malformed when what was signed is no transaction, Unavailable when Apple
        does not say whether the certificates still hold, ProviderFailed when our app is not set up.
        """

    def verified_notification(self, payload: bytes) -> Notification:
        """The notification of a webhook's body. Raises as ``verified_transaction`` does."""

    def notifications(
        self, *, since: Millis, until: Millis, after: str | None, undelivered: bool
    ) -> tuple[list[Notification], str | None]:
        """A page of the notifications that Apple sent, and where the next one begins; None on the last. With
        ``undelivered`` only those that did not get here.

        Raises as ``verified_transaction`` does, ProviderFailed when Apple refuses, Unavailable when it is out of reach.
        """

    def send_consumption(self, transaction: str, *, delivered: bool, consumed: int) -> bool:
        """Tell Apple, with the customer's consent, whether a purchase was delivered, and how much of it was used up, in
        thousandths of a per cent; False where Apple refuses for good. Telling it again does no harm.

        Raises ProviderFailed when Apple does not take it now, Unavailable when it is out of reach.
        """


class AppleStore:
    """``AppStore`` at Apple's servers, or at the address of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.apple_secret
        # What the sandbox sells costs nothing. In any third, of Xcode's, the library believes what nobody signed.
        self._environment = "Production" if settings.stage == "prod" else "Sandbox"
        self._base = settings.apple_api_base
        self._breaker = CircuitBreaker()

    def verified_transaction(self, signed: str) -> Transaction:
        return _transaction(self._verified(signed, "verify_and_decode_signed_transaction"))

    def verified_notification(self, payload: bytes) -> Notification:
        import json

        try:
            body = json.loads(payload)
        except (ValueError, RecursionError):
            body = None
        signed = body.get("signedPayload") if isinstance(body, dict) else None
        if not isinstance(signed, str):
            raise Unauthenticated("This is no notification of Apple's.")
        told = self._verified(signed, "verify_and_decode_notification", most=len(payload))
        inner = told.data.signedTransactionInfo if told.data else None
        return Notification(
            id=_text(told.notificationUUID, _UUID).lower(),
            kind=_text(told.rawNotificationType, _WORD),
            at=_moment(told.signedDate),
            transaction=self.verified_transaction(inner) if inner is not None else None,
        )

    def notifications(
        self, *, since: Millis, until: Millis, after: str | None, undelivered: bool
    ) -> tuple[list[Notification], str | None]:
        import json

        import requests
        from appstoreserverlibrary.api_client import APIException
        from appstoreserverlibrary.models.NotificationHistoryRequest import NotificationHistoryRequest

        asked = NotificationHistoryRequest(startDate=since, endDate=until, onlyFailures=undelivered)
        try:
            told = self._client().get_notification_history(after, asked)
        except APIException as refusal:
            if refusal.http_status_code == HTTPStatus.UNAUTHORIZED:
                raise _not_set_up() from refusal
            raise ProviderFailed(f"Apple answered {refusal.http_status_code}.") from refusal
        except requests.RequestException as error:
            raise Unavailable("Apple is out of reach.") from error
        signed = [item.signedPayload for item in told.notificationHistory or []]
        found = [self.verified_notification(json.dumps({"signedPayload": each}).encode()) for each in signed]
        return found, told.paginationToken if told.hasMore else None

    def send_consumption(self, transaction: str, *, delivered: bool, consumed: int) -> bool:
        import requests
        from appstoreserverlibrary.api_client import APIException
        from appstoreserverlibrary.models.ConsumptionRequest import ConsumptionRequest
        from appstoreserverlibrary.models.DeliveryStatus import DeliveryStatus

        if self._breaker.is_open:
            raise Unavailable("Apple rests after a failure; the minute tick tries again.")
        said = ConsumptionRequest(
            customerConsented=True,
            sampleContentProvided=False,
            consumptionPercentage=consumed,
            deliveryStatus=DeliveryStatus.DELIVERED if delivered else DeliveryStatus.UNDELIVERED_OTHER,
        )
        try:
            self._client().send_consumption_information(transaction, said)
        except APIException as refusal:
            retryable = refusal.api_error is not None and refusal.api_error.name.endswith("_RETRYABLE")
            if refusal.http_status_code in _REFUSALS and not retryable:
                log.error("consumption_refused", provider="apple", status=refusal.http_status_code)
                return False
            self._breaker.trip(_REST_SECONDS)
            if refusal.http_status_code == HTTPStatus.UNAUTHORIZED:
                raise _not_set_up() from refusal
            raise ProviderFailed(f"Apple answered {refusal.http_status_code}.") from refusal
        except requests.RequestException as error:
            self._breaker.trip(_REST_SECONDS)
            raise Unavailable("Apple is out of reach.") from error
        return True

    def _verified(self, signed: str, decode: str, most: int = LONGEST_SIGNED) -> Any:
        """What is signed, as the library's object. ``decode`` names the method for it."""
        from appstoreserverlibrary.signed_data_verifier import VerificationException

        if len(signed) > most or not re.fullmatch(_JWS, signed):
            raise Unauthenticated("This was not signed by Apple.")
        app = (*_app(self._secret), self._environment)
        look, offline = (getattr(_verifier(*app, online=online), decode) for online in (True, False))
        try:
            return _in_time(lambda: look(signed))
        except VerificationException as error:
            raise _refusal(error, signed, lambda: offline(signed)) from error
        except Problem:
            raise
        except Exception as error:  # whatever the library stumbles over now is content: the signature was Apple's
            raise Malformed("Signed, but not as Apple does.") from error

    def _client(self) -> Any:
        """The library's client, with our address and our time-outs: it has neither as a parameter."""
        import requests
        from appstoreserverlibrary.api_client import AppStoreServerAPIClient
        from appstoreserverlibrary.models.Environment import Environment

        base = self._base

        class Client(AppStoreServerAPIClient):
            def _get_full_url(self, path: str) -> str:
                return f"{base or self._base_url}{path}"

            def _execute_request(self, method: str, url: str, params: Any, headers: Any, json: Any, data: Any) -> Any:
                return requests.request(
                    method,
                    url,
                    params=params,
                    headers=headers,
                    json=json,
                    data=data,
                    timeout=_API_SECONDS,
                    allow_redirects=False,
                )

        held = _held(self._secret, "private_key", "key_id", "issuer_id", "bundle_id")
        key = held["private_key"].encode()
        try:
            return Client(key, held["key_id"], held["issuer_id"], held["bundle_id"], Environment(self._environment))
        except (TypeError, ValueError) as error:  # no key
            raise _not_set_up() from error


# --- what our app is, by the secret -------------------------------------------------------------------


def _app(secret_name: str) -> tuple[tuple[bytes, ...], str, int]:
    """Apple's roots, our bundle and app id. Raises ProviderFailed where they are not set."""
    from base64 import b64decode

    held = _held(secret_name, "bundle_id")
    app_id, roots = held.get("app_apple_id"), held.get("root_certificates")
    if type(app_id) is not int or not isinstance(roots, list) or not roots:
        raise _not_set_up()
    try:
        return tuple(b64decode(each) for each in roots), held["bundle_id"], app_id
    except (TypeError, ValueError) as error:
        raise _not_set_up() from error


def _held(secret_name: str, *names: str) -> dict[str, Any]:
    """The secret. Raises ProviderFailed where one of its texts is missing, Unavailable where it cannot be read."""
    from chalicelib.runtime.secrets import secret

    held: dict[str, Any] = dict(secret(secret_name))
    if not all(isinstance(held.get(name), str) for name in names):
        raise _not_set_up()
    return held


def _not_set_up() -> ProviderFailed:
    log.error("app_store_not_set_up", provider="apple")
    return ProviderFailed("The App Store is not set up.")


# --- what Apple signed --------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _verifier(
    roots: tuple[bytes, ...], bundle: str, app_id: int, environment: str, *, online: bool
) -> SignedDataVerifier:
    """Kept, for it remembers for a quarter of an hour which certificates Apple said hold.

    Raises ProviderFailed where a root is no certificate: to the library every signature would be wrong then.
    """
    from appstoreserverlibrary.models.Environment import Environment
    from appstoreserverlibrary.signed_data_verifier import SignedDataVerifier
    from cryptography.x509 import load_der_x509_certificate

    try:
        for root in roots:
            load_der_x509_certificate(root)
    except ValueError as error:
        raise _not_set_up() from error
    return SignedDataVerifier(list(roots), online, Environment(environment), bundle, app_id)


def _in_time(act: Callable[[], T], seconds: float = _CHECK_SECONDS) -> T:
    """What ``act`` answers. Raises Unavailable when it takes longer; it is left to itself then."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(act).result(timeout=seconds)
    except TimeoutError:
        raise Unavailable("Apple does not say whether its certificates hold.") from None
    finally:
        pool.shutdown(wait=False)


def _refusal(error: VerificationException, signed: str, offline: Callable[[], object]) -> Problem:
    """What a refusal of the library's means: not Apple's, or not to be told at present.

    Where Apple's answer on a certificate was missing, or none, it calls both alike. What holds but for that answer, and
    is in date, must come again: Apple may not repeat what we called wrong.
    """
    from appstoreserverlibrary.signed_data_verifier import VerificationException, VerificationStatus

    if error.status == VerificationStatus.INVALID_ENVIRONMENT:
        return Unauthenticated("This is of another environment of Apple's.")
    if error.status == VerificationStatus.INVALID_APP_IDENTIFIER:
        return Unauthenticated("This is of another app.")
    try:
        offline()
    except VerificationException:
        return Unauthenticated("This was not signed by Apple.")
    except Exception:  # noqa: BLE001 - as above: the signature was Apple's
        return Malformed("Signed, but not as Apple does.")
    if not _in_date(signed):
        return Unauthenticated("The certificates of this signature are out of date.")
    log.error("certificate_not_confirmed", provider="apple")
    return Unavailable("Apple does not confirm its certificates.")


def _in_date(signed: str) -> bool:
    """Whether the certificates that come with what was verified are in date."""
    from base64 import b64decode
    from datetime import UTC, datetime

    import jwt
    from cryptography.x509 import load_der_x509_certificate

    carried = [load_der_x509_certificate(b64decode(each)) for each in jwt.get_unverified_header(signed)["x5c"]]
    now = datetime.now(UTC)
    return all(each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in carried)


def _transaction(told: Any) -> Transaction:
    """Read a transaction. Raises Malformed for a field that no transaction of Apple's has."""
    quantity, token = told.quantity, told.appAccountToken
    if type(quantity) is not int or not 1 <= quantity <= MOST_QUANTITY:
        raise Malformed("Signed, but no transaction.")
    return Transaction(
        id=_text(told.transactionId, _TRANSACTION),
        product=_text(told.productId, _PRODUCT),
        type=_text(told.rawType, _WORD),
        quantity=quantity,
        account_token=_text(token, _UUID).lower() if token is not None else None,
        taken_back=_taken_back(told.revocationDate, told.revocationPercentage),
        at=_moment(told.signedDate),
        environment=told.environment.value,
    )


def _taken_back(date: object, percentage: object) -> int:
    """How much was refunded. What is reversed carries neither; a percentage is told since 2026, of a part or of all."""
    if date is None:
        return 0
    _moment(date)
    if percentage is None:
        return WHOLE
    if type(percentage) is not int or not 0 <= percentage <= WHOLE:
        raise Malformed("Signed, but no transaction.")
    return percentage


def _text(value: object, pattern: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise Malformed("Signed, but not as Apple does.")
    return value


def _moment(value: object) -> Millis:
    if type(value) is not int or not 0 < value < _LATEST:
        raise Malformed("Signed, but not as Apple does.")
    return value
