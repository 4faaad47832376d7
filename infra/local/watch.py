"""What the tables say of one reading, several times a second, without touching it.

The watcher reads the session's row and the newest entry of the client's credit, and nothing is brought up to date for
it: whatever it sees change was changed by the phones' requests and by the two clocks.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime.tables import Contended
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.due import deadline
from chalicelib.sessions.model.session import Session
from chalicelib.sessions.service import Snapshot
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry

EVERY_SECONDS: Final = 0.15


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading at one moment. Spans are seconds."""

    state: str
    reason: str | None
    client_here: bool
    reader_here: bool
    minutes: int
    """Charged, net of what was taken back."""
    into_minute: float
    """How much of the newest charged minute has been used."""
    minute: float
    balance: int
    """Cents of the client's credit."""
    left: float
    """Connected time that is paid or affordable."""
    ends_in: float | None
    """Until ringing, joining or grace is over; None where none of them runs."""
    ends_after: float
    """How long that was in all."""


Tell = Callable[[str, str], None]


class Watch:
    """Follows one reading from ``follow`` to ``stop``; ``tell(who, what)`` hears of each new state and minute."""

    def __init__(self, world: World, tell: Tell) -> None:
        self._world = world
        self._tell = tell
        self._stop = Event()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._session_id: str | None = None
        self._read: tuple[Session, Entry] | None = None
        self._told_state = ""
        self._told_minute = 0

    def follow(self, session_id: str) -> None:
        self._session_id = session_id
        self._thread = Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Read now, and tell what is new: who tells something else next tells it after this."""
        with self._lock, suppress(Contended):  # a read that failed is made again in a moment
            if self._session_id is None:
                return
            session = sessions.load(self._world, self._session_id)
            newest = wallet.head(self._world, session.client.user)
            self._read = (session, newest)
            if session.state != self._told_state:
                self._tell("state", _way(self._told_state, session))
                self._told_state = session.state
            if newest.meter and newest.meter.minute > self._told_minute:
                self._told_minute = newest.meter.minute
                self._tell("meter", f"minute {self._told_minute} is charged, {dollars(newest.balance)} is left")

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    @property
    def session(self) -> Session:
        """The row as it was read last. Raises LookupError before there is one."""
        if self._read is None:
            raise LookupError("no reading is followed yet")
        return self._read[0]

    @property
    def moment(self) -> Moment | None:
        """What was read last, reckoned on to now; None before there is anything."""
        return moment(self._world, *self._read) if self._read else None

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(EVERY_SECONDS)


def moment(world: World, session: Session, newest: Entry) -> Moment:
    """The reading as these two say, at this machine's present moment."""
    rules = world.settings.rules
    seen = Snapshot(world, session, newest)
    now = seen.now
    minutes = seen.funds.minute if session.is_open else -(-session.connected_before // rules.minute)
    ends = deadline(session, rules)
    return Moment(
        state=session.state,
        reason=session.reason,
        client_here=session.client.here(now, rules),
        reader_here=session.reader.here(now, rules),
        minutes=minutes,
        into_minute=_seconds(min(rules.minute, max(0, session.connected(now) - (minutes - 1) * rules.minute))),
        minute=_seconds(rules.minute),
        balance=newest.balance,
        left=_seconds(seen.funds.lasts if session.is_open else 0),
        ends_in=None if ends is None else max(0.0, _seconds(ends - now)),
        ends_after=_seconds({"created": rules.ring, "waiting": rules.join}.get(session.state, rules.grace)),
    )


def dollars(cents: int) -> str:
    """``$2.50``; ``-$2.50`` for what goes out."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{rest:02d}"


def _way(before: str, session: Session) -> str:
    """``active → paused → reconnecting (client_left)``: with the state in between, if that was too short to be seen."""
    passed = "ended" if session.state == "finalized" else "paused" if session.state == "reconnecting" else before
    states = [state for state in dict.fromkeys((before, passed, session.state)) if state]
    return ("→ " if len(states) == 1 else "") + " → ".join(states) + (f" ({session.reason})" if session.reason else "")


def _seconds(span: Millis) -> float:
    return span / SECOND
