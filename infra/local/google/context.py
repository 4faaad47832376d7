"""What every part of the local Google is given."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from infra.local.issuer import Issuer
from infra.local.store import Store


@dataclass(frozen=True, slots=True)
class App:
    """Our app, the service account that may ask of its purchases, and who pushes what is told of them."""

    package: str = "local.soulseer"
    client_email: str = "play@soulseer-local.iam.gserviceaccount.com"
    push_audience: str = "https://soulseer.local/google"
    push_email: str = "pushes@soulseer-local.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Way:
    """What happens to pushes on their way."""

    copies: int = 1
    delay_seconds: float = 0.0
    lost: bool = False
    """None is sent. One may be sent by hand later."""
    token: str = ""
    """Only what is told of this purchase; empty means all."""


@dataclass(slots=True)
class Context:
    store: Store
    clock: Callable[[], float]
    """Seconds since the epoch."""
    google: Issuer
    """Signs the tokens of pushes."""
    account_key: RSAPrivateKey
    """The service account's."""
    app: App = App()
    way: Way = field(default_factory=Way)

    def millis(self) -> int:
        return int(self.clock() * 1000)

    def way_of(self, token: str) -> Way:
        """How a push about that purchase goes at present."""
        return self.way if self.way.token in ("", token) else Way()


class GoogleError(Exception):
    """A refusal: the status of the answer, and Google's words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
