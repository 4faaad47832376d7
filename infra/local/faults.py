"""How the API of a vendor's counterpart is down, when a test or a play wants it so."""

from collections.abc import Mapping
from threading import Event, Lock
from typing import Any, Final

_HANG_SECONDS: Final = 60.0
_MOST_FAULTS: Final = 10_000

HANG, REFUSE, ERROR, LOSE_ANSWER = "hang", "refuse", "error", "lose_answer"
FAULTS: Final = (HANG, REFUSE, ERROR, LOSE_ANSWER)


class Faults:
    """What goes wrong with calls: the next so many, or all until ``clear``."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._how: str | None = None
        self._left: int | None = None
        self._over = Event()

    def set(self, how: str, count: int | None) -> None:
        with self._lock:
            self._how, self._left = how, count
            self._over.clear()

    def set_from(self, body: Mapping[str, Any]) -> None:
        """As ``{"how", "count"?}`` says. Raises KeyError, TypeError, ValueError for what cannot be meant."""
        how, count = body["how"], body.get("count")
        if how not in FAULTS:
            raise ValueError(f"how is one of {', '.join(FAULTS)}")
        self.set(how, None if count is None else min(_MOST_FAULTS, int(count)))

    def clear(self) -> None:
        """Also lets go of the calls that hang."""
        with self._lock:
            self._how = None
            self._over.set()

    def strike(self) -> str | None:
        """What happens to this call, if anything; it is then used up."""
        with self._lock:
            if self._how is None or self._left == 0:
                return None
            if self._left is not None:
                self._left -= 1
            return self._how

    def hang(self) -> None:
        self._over.wait(_HANG_SECONDS)
