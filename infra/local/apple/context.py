"""What every part of the local App Store is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from infra.local.apple.chain import Chain
from infra.local.store import Store

BUNDLE_ID: Final = "com.soulseer.local"
APP_APPLE_ID: Final = 6_400_000_000
ENVIRONMENT: Final = "Sandbox"
"""As everything that costs no money."""
ISSUER_ID: Final = "57246542-96fe-1a63-e053-0824d011072a"
KEY_ID: Final = "2X9R4HXF34"


@dataclass(slots=True)
class Context:
    store: Store
    clock: Callable[[], float]
    """Seconds since the epoch."""
    chain: Chain
    api_key: EllipticCurvePrivateKey
    """By which the one app that there is calls the App Store Server API."""
    certificates: str = "good"
    """What the OCSP responder says of them: ``good``, ``revoked``, or ``silent`` (it answers 503)."""

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1000)


class AppleError(Exception):
    """A refusal. ``code`` is a word of ours, or the number that the App Store Server API has for it."""

    def __init__(self, status: int, code: str | int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
