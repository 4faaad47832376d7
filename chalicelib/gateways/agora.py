"""Agora: tokens that open a media channel, the removal of who may not be in one, and notices of who is.

Tokens (version 006) are built offline by agora-token-builder, which validates nothing, so everything is checked
here. Removal is a banning rule of the channel management API (docs.agora.io, "Create a banning rule"); notices are
Agora's "Channel event types", signed with HMAC-SHA256 (``Agora-Signature-V2``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import Malformed, ProviderFailed, Unauthenticated, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.time import SECOND, Millis, ceil_div
from chalicelib.runtime.logs import log

if TYPE_CHECKING:
    from urllib3 import PoolManager

_APP_KEY: Final = re.compile(r"[0-9a-f]{32}")
_CHANNEL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A part of what Agora takes: the names that we make."""
_MOST_UID: Final = 2**32 - 1

_API_BASE: Final = "https://api.agora.io"
_CONNECT_SECONDS: Final = 1
_READ_SECONDS: Final = 2
_REST_SECONDS: Final = 20
"""After a failed removal the next ones are not tried for so long."""
_THROTTLED_SECONDS: Final = 1
"""After one too many: Agora takes ten calls a second."""
_SHORTEST_BAR_SECONDS: Final = 10
"""The least that Agora takes for a rule that lasts."""

_RTC: Final = 1
_JOINED: Final = (103, 105, 107)
"""A broadcaster, a listener, or a participant of a call came into the channel."""
_LEFT: Final = (104, 106, 108)
_OTHER_DEVICE: Final = 5
"""The reason of a leave which says that the same participant is in the channel from another device."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A right to be in one channel until ``expires_at``: the RTC token for media, the RTM token for text, which who may
    not write has none of.
    """

    app_id: str
    channel: str
    uid: int
    rtc_token: str
    rtm_token: str | None
    expires_at: Millis


@dataclass(frozen=True, slots=True)
class Notice:
    """What Agora tells of one participant of one channel."""

    channel: str
    uid: int
    seq: int
    """Orders what is told of one participant: Agora's ``clientSeq``. It looks like the milliseconds of a phone's clock,
    but an order is all that Agora promises of it: no moment is read from it, and none bounds it.
    """
    at: Millis
    """The beginning of the second in which it happened."""
    joined: bool
    """They are in the channel now; otherwise they are not any more."""


class Media(Protocol):
    """What readings and streams ask of Agora, and hear from it."""

    def lease(
        self, *, channel: str, uid: int, user: str, expires_at: Millis, publisher: bool, chat: bool = True
    ) -> Lease:
        """A lease for ``user`` to hear in ``channel`` as ``uid`` until ``expires_at``, as a ``publisher`` to be heard
        too, and with ``chat`` to write.

        Agora counts whole seconds: the moment is rounded down. Raises ProviderFailed when the keys are unusable.
        """

    def remove(self, channel: str, uid: int | None, *, bar: Millis = 0) -> None:
        """Put ``uid`` out of ``channel``, or with None everybody, and bar it to them for that long: it opens again at
        once where ``bar`` is 0. Repeating it does no harm.

        Raises ProviderFailed when Agora cannot do it now, Unavailable when it is out of reach: then it may or may not
        be done. A rule that Agora refuses as wrong is logged as an error and not asked for again.
        """

    def verified_notice(self, payload: bytes, signature: str) -> Notice | None:
        """The notice that Agora signed; None where it tells nothing of who is in a channel.

        Raises Unauthenticated when the signature is not Agora's, Malformed when what was signed is no notice.
        """


class Agora:
    """``Media`` on Agora's servers, at the address of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._tokens_secret = settings.agora_secret
        self._rest_secret = settings.agora_rest_secret
        self._notices_secret = settings.agora_notices_secret
        self._rules_url = f"{settings.agora_api_base or _API_BASE}/dev/v1/kicking-rule"
        self._breaker = CircuitBreaker()

    def lease(
        self, *, channel: str, uid: int, user: str, expires_at: Millis, publisher: bool, chat: bool = True
    ) -> Lease:
        keys = _keys(self._tokens_secret, "app_id", "app_certificate")
        return build_lease(
            *keys, channel=channel, uid=uid, user=user, expires_at=expires_at, publisher=publisher, chat=chat
        )

    def remove(self, channel: str, uid: int | None, *, bar: Millis = 0) -> None:
        from urllib3.exceptions import HTTPError

        if self._breaker.is_open:
            raise Unavailable("Agora rests after a failure; the minute tick tries again.")
        app_id, *customer = _keys(self._rest_secret, "app_id", "customer_id", "customer_secret")
        lasts = max(_SHORTEST_BAR_SECONDS, ceil_div(bar, SECOND)) if bar > 0 else 0
        who = {} if uid is None else {"uid": uid}
        rule = {"appid": app_id, "cname": channel, "privileges": ["join_channel"], "time_in_seconds": lasts} | who
        try:
            status = _post(self._rules_url, rule, ":".join(customer))
        except HTTPError as error:
            self._breaker.trip(_REST_SECONDS)
            raise Unavailable("Agora is out of reach.") from error
        if status == HTTPStatus.OK:
            return
        if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
            # It would be refused again: a person must look, and nothing that is owed after it need wait.
            log.error("removal_refused", provider="agora", status=status)
            return
        self._breaker.trip(_THROTTLED_SECONDS if status == HTTPStatus.TOO_MANY_REQUESTS else _REST_SECONDS)
        raise ProviderFailed(f"Agora answered {status}.")

    def verified_notice(self, payload: bytes, signature: str) -> Notice | None:
        import hmac

        (key,) = _keys(self._notices_secret, "secret")
        made = hmac.new(key.encode(), payload, "sha256").hexdigest()
        if not hmac.compare_digest(made.encode(), signature.encode(errors="replace")):
            raise Unauthenticated("The signature is not Agora's.")
        return notice_of(payload)


def notice_of(payload: bytes) -> Notice | None:
    """Read a notice; None where it tells nothing of who is in a channel. Raises Malformed."""
    import json

    try:
        told = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Malformed("Signed, but no notice.") from error
    if not isinstance(told, dict) or not isinstance(told.get("payload"), dict):
        raise Malformed("Signed, but no notice.")
    kind, details = told.get("eventType"), told["payload"]
    joined, left = kind in _JOINED, kind in _LEFT and details.get("reason") != _OTHER_DEVICE
    if told.get("productId") != _RTC or not (joined or left):
        return None
    channel = details.get("channelName")
    numbers = [details.get(name) for name in ("uid", "clientSeq", "ts")]
    if not isinstance(channel, str) or not all(type(each) is int and 0 <= each < 2**53 for each in numbers):
        raise Malformed("Signed, but no notice.")
    if not _CHANNEL.fullmatch(channel):
        return None
    uid, seq, second = numbers
    return Notice(channel, uid, seq, second * SECOND, joined)


def _keys(secret_name: str, *names: str) -> list[str]:
    """Those values of the secret. Raises ProviderFailed where one is missing, Unavailable where it cannot be read."""
    from chalicelib.runtime.secrets import secret

    held = secret(secret_name)
    if not all(isinstance(held.get(name), str) for name in names):
        raise ProviderFailed("The media service is not set up.")
    return [held[name] for name in names]


def _post(url: str, body: dict[str, Any], credentials: str) -> int:
    """The status of the answer. Raises urllib3's HTTPError when there is none: the outcome is unknown."""
    import urllib3

    answer = _pool().request(
        "POST", url, json=body, headers=urllib3.make_headers(basic_auth=credentials), redirect=False, retries=False
    )
    return answer.status


@cache
def _pool() -> PoolManager:
    import certifi
    import urllib3

    return urllib3.PoolManager(
        ca_certs=certifi.where(), timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    )


def build_lease(
    app_id: str,
    certificate: str,
    *,
    channel: str,
    uid: int,
    user: str,
    expires_at: Millis,
    publisher: bool,
    chat: bool = True,
) -> Lease:
    """Build the tokens. Raises ValueError for a channel or uid that Agora would misread (uid 0 is anybody)."""
    from agora_token_builder import RtcTokenBuilder, RtmTokenBuilder

    if not _APP_KEY.fullmatch(app_id) or not _APP_KEY.fullmatch(certificate):
        raise ProviderFailed("The media service is not set up.")
    if not _CHANNEL.fullmatch(channel) or not 1 <= uid <= _MOST_UID or not user:
        raise ValueError("not a channel and participant of ours")
    role, rtm_user = 1 if publisher else 2, 1
    until = expires_at // SECOND
    return Lease(
        app_id=app_id,
        channel=channel,
        uid=uid,
        rtc_token=RtcTokenBuilder.buildTokenWithUid(app_id, certificate, channel, uid, role, until),
        rtm_token=RtmTokenBuilder.buildToken(app_id, certificate, user, rtm_user, until) if chat else None,
        expires_at=until * SECOND,
    )
