"""What every part of the local Agora is given."""

from collections.abc import Callable
from dataclasses import dataclass, field

from infra.local.store import Store


@dataclass(frozen=True, slots=True)
class Account:
    """One project, and who may call the REST API for it."""

    app_id: str
    app_certificate: str
    customer_id: str
    customer_secret: str


@dataclass(frozen=True, slots=True)
class Way:
    """What happens to notices on their way."""

    copies: int = 1
    delay_seconds: float = 0.0
    shuffled: bool = False
    """Each copy comes after a part of the delay of its own, so later ones overtake earlier ones."""
    lost: bool = False
    """None is sent. One may be sent by hand later."""
    channel: str = ""
    """Only what is told of this one; empty means all."""


@dataclass(slots=True)
class Context:
    store: Store
    clock: Callable[[], float]
    """Seconds since the epoch."""
    account: Account | None = None
    """None opens nothing to anybody."""
    way: Way = field(default_factory=Way)

    def now(self) -> int:
        return int(self.clock())

    def way_of(self, channel: str) -> Way:
        """How a notice of the channel goes at present."""
        return self.way if self.way.channel in ("", channel) else Way()


class AgoraError(Exception):
    """A refusal. ``code`` is a word of ours: the SDK and the REST API each number theirs differently."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
