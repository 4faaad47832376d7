"""The App Store: transactions and notifications that Apple signed (StoreKit 2, App Store Server Notifications V2), and
what Apple asks of us about a purchase (App Store Server API), by Apple's own library.
"""

from typing import Protocol

from chalicelib.kernel.settings import Settings


class AppStore(Protocol):
    """What the wallet asks of Apple."""


class AppleStore:
    """``AppStore`` at Apple's servers, or at the address of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.apple_secret
        self._base = settings.apple_api_base
        self._online = settings.apple_online_checks
