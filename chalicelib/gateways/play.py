"""Google Play: purchases as the Play Developer API knows them, and the pushes of real-time developer notifications."""

from typing import Protocol

from chalicelib.kernel.settings import Settings


class PlayStore(Protocol):
    """What the wallet asks of Google Play."""


class GooglePlay:
    """``PlayStore`` at Google's servers, or at the addresses of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.google_secret
        self._base = settings.google_api_base
        self._certs_url = settings.google_certs_url
