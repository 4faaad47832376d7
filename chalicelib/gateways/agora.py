"""Agora: tokens that open a media channel, built offline (version 006) by agora-token-builder.

The builder validates nothing, so everything is checked here. Agora's notifications and the removal of a
participant through its REST API belong in this file too, when they come.
"""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from chalicelib.kernel.errors import ProviderFailed
from chalicelib.kernel.time import SECOND, Millis

_APP_KEY: Final = re.compile(r"[0-9a-f]{32}")
_CHANNEL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A part of what Agora takes: the names that we make."""
_MOST_UID: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Lease:
    """A right to be in one channel until ``expires_at``: the RTC token for media, the RTM token for text."""

    app_id: str
    channel: str
    uid: int
    rtc_token: str
    rtm_token: str
    expires_at: Millis


class MediaTokens(Protocol):
    """Issues leases."""

    def lease(self, *, channel: str, uid: int, user: str, expires_at: Millis) -> Lease:
        """A lease for ``user`` to publish and hear in ``channel`` as ``uid``, until ``expires_at``.

        Agora counts whole seconds: the moment is rounded down. Raises ProviderFailed when the keys are unusable.
        """


class AgoraTokens:
    """``MediaTokens`` with the app id and certificate of a secret."""

    def __init__(self, secret_name: str) -> None:
        self._secret_name = secret_name

    def lease(self, *, channel: str, uid: int, user: str, expires_at: Millis) -> Lease:
        from chalicelib.runtime.secrets import secret

        keys = secret(self._secret_name)
        return build_lease(
            keys["app_id"], keys["app_certificate"], channel=channel, uid=uid, user=user, expires_at=expires_at
        )


def build_lease(app_id: str, certificate: str, *, channel: str, uid: int, user: str, expires_at: Millis) -> Lease:
    """Build both tokens. Raises ValueError for a channel or uid that Agora would misread (uid 0 is anybody)."""
    from agora_token_builder import RtcTokenBuilder, RtmTokenBuilder

    if not _APP_KEY.fullmatch(app_id) or not _APP_KEY.fullmatch(certificate):
        raise ProviderFailed("The media service is not set up.")
    if not _CHANNEL.fullmatch(channel) or not 1 <= uid <= _MOST_UID or not user:
        raise ValueError("not a channel and participant of ours")
    publisher, rtm_user = 1, 1
    until = expires_at // SECOND
    return Lease(
        app_id=app_id,
        channel=channel,
        uid=uid,
        rtc_token=RtcTokenBuilder.buildTokenWithUid(app_id, certificate, channel, uid, publisher, until),
        rtm_token=RtmTokenBuilder.buildToken(app_id, certificate, user, rtm_user, until),
        expires_at=until * SECOND,
    )
