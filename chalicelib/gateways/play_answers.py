"""What Google Play says of purchases, read and checked. Apart from ``play``, for few functions ever hear it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal, TypeGuard

from chalicelib.kernel.errors import Malformed, ProviderFailed
from chalicelib.runtime.logs import log

LONGEST_TOKEN: Final = 2_000
_TOKEN: Final = re.compile(rf"[A-Za-z0-9._~-]{{1,{LONGEST_TOKEN}}}")
_PRODUCT: Final = re.compile(r"[a-z0-9_.]{1,150}")
_MESSAGE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")

State = Literal["pending", "purchased", "canceled"]
_STATES: Final[Mapping[str, State]] = {"PENDING": "pending", "PURCHASED": "purchased", "CANCELLED": "canceled"}

_ONE_TIME: Final = 2
"""``productType`` of what is bought once."""
_LARGEST_TYPE: Final = 999
_FULL: Final = 1
"""``refundType`` of a refund of all. Another one is of some of several that were bought at once, or new to us."""

What = Literal["changed", "voided", "other"]


class Unreadable(
    ProviderFailed,
    status=HTTPStatus.BAD_GATEWAY,
    code="provider_failed",
    default="Google Play said what we do not understand.",
):
    """A person is to look: asking again may be no use."""


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


@dataclass(frozen=True, slots=True)
class Voided:
    """A page of purchases, by their tokens, that were given back or taken back. ``following`` names the next one."""

    tokens: tuple[str, ...]
    parts: tuple[str, ...]
    """Those of which some of several were given back."""
    following: str | None
    unreadable: int = 0
    """Entries that say nothing we understand."""


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


def is_token(value: object) -> TypeGuard[str]:
    """Whether this may be a purchase's token: it becomes a part of an address."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None and value not in (".", "..")


def bought_of(said: Mapping[str, Any]) -> Bought:
    """Read a ProductPurchaseV2. Raises Unreadable."""
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
    left = offer.get("refundableQuantity", quantity) if quantity > 1 else quantity
    if type(left) is not int or left < 0:
        raise _unreadable()  # what is left cannot be told: coins are not taken back on a guess
    return Bought(
        product=product if isinstance(product, str) and _PRODUCT.fullmatch(product) else None,
        account_token=account if isinstance(account, str) else None,
        state=state,
        consumed=offer.get("consumptionState") == "CONSUMPTION_STATE_CONSUMED",
        quantity=quantity,
        refunded=max(0, quantity - left),
        test=said.get("testPurchaseContext") is not None,
    )


def voided_of(said: Mapping[str, Any]) -> Voided:
    """Read a page of voided purchases, and count the entries that cannot be read. Raises Unreadable."""
    listed, pagination = said.get("voidedPurchases", []), said.get("tokenPagination") or {}
    if not isinstance(listed, list) or not isinstance(pagination, dict):
        raise _unreadable()
    following = pagination.get("nextPageToken") or None
    if not (following is None or isinstance(following, str)):
        raise _unreadable()
    read = [each for each in listed if isinstance(each, dict) and is_token(each.get("purchaseToken"))]
    whole = tuple(each["purchaseToken"] for each in read if each.get("voidedQuantity") is None)
    parts = tuple(each["purchaseToken"] for each in read if each.get("voidedQuantity") is not None)
    return Voided(whole, parts, following, len(listed) - len(read))


def notification_of(payload: bytes, package: str) -> Notification:
    """Read the body of a push. Raises Malformed where it is no notification of this app."""
    import base64

    try:
        message = json_object(payload)["message"]
        id_, told = message["messageId"], json_object(base64.b64decode(message["data"], validate=True))
    except (KeyError, TypeError, ValueError, Unreadable) as error:
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
        return Notification(id_, "voided" if refund == _FULL else "changed", kind, _token_of(voided))
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


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object. Raises Unreadable where it is none."""
    import json

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unreadable()
    return found


def _unreadable() -> Unreadable:
    log.error("play_unreadable", provider="google")
    return Unreadable()
