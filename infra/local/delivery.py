"""Messages that a vendor's counterpart posts to the product, each tried again with growing pauses until it is taken.

The queue is in the store, so it survives a restart. Order is not promised, and several attempts may be under way at
once; no vendor promises either. A delivery is an object of its own::

    {"id", "object": "delivery", "event", …, "state": "pending" | "delivered" | "failed",
     "attempts": [{"at", "status" | "error"}]}
"""

import http.client
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from threading import Condition
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from infra.local.store import Store, Thing, new_id

DELIVERY: Final = "delivery"
JOB: Final = "deliver"
"""The kind of job by which the background is asked for an attempt."""
_MOST_COPIES: Final = 50
_MOST_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Retries:
    """When an unsuccessful delivery is tried again: after ``first``, then twice as long each time up to ``longest``."""

    first: float = 0.5
    longest: float = 30.0
    most: int = 20
    """Attempts, the first included; about eight minutes in all."""
    timeout: float = 10.0

    def pause(self, attempts: int) -> float:
        """Seconds after this many unsuccessful attempts."""
        return min(self.longest, self.first * 2.0 ** (attempts - 1))


@dataclass(frozen=True, slots=True)
class Letter:
    """One attempt's request: written and signed anew for each."""

    url: str
    body: bytes
    headers: Mapping[str, str]


Write = Callable[[Thing], Letter | None]
"""The letter of a delivery; None where there is nobody to send it to any more."""


def enqueue(store: Store, event_id: str, due: float, **more: Any) -> Thing:
    """A delivery of the event, tried first at ``due`` (seconds since the epoch). ``more`` is kept in it."""
    delivery = store.put(
        {"id": new_id("del"), "object": DELIVERY, "event": event_id, "state": "pending", "attempts": []} | more,
        parent=event_id,
    )
    store.schedule(JOB, delivery["id"], due)
    return delivery


def deliveries(store: Store, event_id: str | None = None) -> list[Thing]:
    """Newest first."""
    return list(store.newest(DELIVERY, event_id))


class Deliverer:
    """Makes the attempts, and tells who waits that one was made."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        retries: Retries,
        write: Write,
        *,
        taken: Container[int] = range(200, 300),
        when_taken: Callable[[Thing], object] | None = None,
    ) -> None:
        """An answer in ``taken`` ends a delivery; ``when_taken`` is called in the same transaction."""
        self._store = store
        self._clock = clock
        self._retries = retries
        self._write = write
        self._taken = taken
        self._when_taken = when_taken
        self._attempted = Condition()

    def attempt(self, delivery_id: str) -> None:
        """Send once; schedule the next attempt where this one did not succeed and there is one left."""
        with self._store.transaction():
            delivery = self._store.get(DELIVERY, delivery_id)
            if not delivery or delivery["state"] != "pending":
                return
            letter = self._write(delivery)
        outcome = self._send(letter) if letter else {"error": "there is nobody to send it to"}
        with self._store.transaction():
            delivery["attempts"].append({"at": int(self._clock())} | outcome)
            made = len(delivery["attempts"])
            if outcome.get("status") in self._taken:
                delivery["state"] = "delivered"
                if self._when_taken:
                    self._when_taken(delivery)
            elif made >= self._retries.most or not letter:
                delivery["state"] = "failed"
            else:
                self._store.schedule(JOB, delivery_id, self._clock() + self._retries.pause(made))
            self._store.put(delivery)
        with self._attempted:
            self._attempted.notify_all()

    def wait_for_attempt(self, event_id: str, seconds: float) -> None:
        """Until each delivery of the event was tried once, or the time is over."""
        with self._attempted:
            self._attempted.wait_for(
                lambda: all(each["attempts"] for each in deliveries(self._store, event_id)), seconds
            )

    def _send(self, letter: Letter) -> dict[str, Any]:
        try:
            return {"status": _post(letter, self._retries.timeout)}
        except (OSError, http.client.HTTPException, ValueError) as error:
            return {"error": type(error).__name__}


def _post(letter: Letter, timeout: float) -> int:
    """The status of the answer. A redirection is not followed: vendors take it as a failure."""
    address = urlsplit(letter.url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=timeout)
    try:
        target = urlunsplit(("", "", address.path or "/", address.query, ""))
        connection.request("POST", target, letter.body, dict(letter.headers))
        return connection.getresponse().status
    finally:
        connection.close()


def copies_of(body: Mapping[str, Any]) -> int:
    """How often a test wants something sent. Raises TypeError, ValueError."""
    copies = int(body.get("copies", 1))
    if not 1 <= copies <= _MOST_COPIES:
        raise ValueError(f"copies is from 1 to {_MOST_COPIES}")
    return copies


def seconds_of(body: Mapping[str, Any], name: str) -> float:
    """How long a test wants something to take. Raises TypeError, ValueError."""
    seconds = float(body.get(name, 0))
    if not 0 <= seconds <= _MOST_SECONDS:
        raise ValueError(f"{name} is from 0 to {_MOST_SECONDS:.0f}")
    return seconds
