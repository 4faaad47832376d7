"""What the tables and Agora say of one reading, several times a second, without touching it.

The watcher reads the session's row, the newest entry of the client's credit, and who is in the media channel. Nothing
is brought up to date for it: whatever it sees change was changed by the phones' requests, by Agora's notices and by the
two clocks.
"""

from collections.abc import Callable, Collection
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
from infra.local.agora import channels, notices
from infra.local.agora.server import AgoraServer

EVERY_SECONDS: Final = 0.15

_PEOPLE: Final = {1: "client", 2: "reader"}
"""By the uid that the product gives them."""
LEFT: Final = {
    channels.QUIT: "left",
    channels.TIMED_OUT: "dropped out",
    channels.PUT_OUT: "put out by the product",
    channels.OTHERWISE: "out, the token has ended",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading at one moment. Spans are seconds."""

    state: str
    reason: str | None
    client_here: bool
    reader_here: bool
    channel: int
    """The number of the present media channel: how often the talk has stood still."""
    in_channel: frozenset[str]
    """Who is in it, as Agora knows: ``client``, ``reader``."""
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
    ending: str
    """Which of them."""


Tell = Callable[[str, str], None]


class Watcher:
    """Looks again and again, from ``start`` to ``stop``. ``look`` may be called from any thread."""

    def __init__(self) -> None:
        self._stop = Event()
        self._lock = Lock()
        self._thread: Thread | None = None

    def look(self) -> None:
        """Read now, and tell what is new: who tells something else next tells it after this."""
        with self._lock, suppress(Contended):  # a read that failed is made again in a moment
            self._look()

    def start(self) -> None:
        self._thread = Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _look(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(EVERY_SECONDS)


class Watch(Watcher):
    """Follows one reading from ``follow`` to ``stop``; ``tell(who, what)`` hears of each new state and minute."""

    def __init__(self, world: World, agora: AgoraServer, tell: Tell) -> None:
        super().__init__()
        self._world = world
        self._agora = agora
        self._tell = tell
        self._session_id: str | None = None
        self._read: tuple[Session, Entry] | None = None
        self._told_state = ""
        self._told_minute = 0
        self._told_notices: set[str] = set()

    def follow(self, session_id: str) -> None:
        self._session_id = session_id
        self.start()

    def _look(self) -> None:
        if self._session_id is None:
            return
        session = sessions.load(self._world, self._session_id)
        newest = wallet.head(self._world, session.client.user)
        self._read = (session, newest)
        self._look_at_agora(session)
        if session.state != self._told_state:
            self._tell("state", _way(self._told_state, session))
            self._told_state = session.state
        if newest.meter and newest.meter.minute > self._told_minute:
            self._told_minute = newest.meter.minute
            self._tell("meter", f"minute {self._told_minute} is charged, {dollars(newest.balance)} is left")

    def _look_at_agora(self, session: Session) -> None:
        """Tell what Agora tells the product, once, and of both people together where it is the same."""
        news: dict[tuple[int, str], list[str]] = {}
        for number in range(session.pauses + 1):
            for notice in self._agora.notices(session.channel_of(number)):
                if notice["id"] not in self._told_notices:
                    self._told_notices.add(notice["id"])
                    told = notice["payload"]
                    what = "came in" if notice["event_type"] == notices.JOINED else LEFT.get(told["reason"], "out")
                    news.setdefault((number, what), []).append(_PEOPLE[told["uid"]])
        for (number, what), who in news.items():
            self._tell("agora", f"channel {number}: {' and '.join(who)} {what}")

    @property
    def session(self) -> Session:
        """The row as it was read last. Raises LookupError before there is one."""
        if self._read is None:
            raise LookupError("no reading is followed yet")
        return self._read[0]

    @property
    def moment(self) -> Moment | None:
        """What was read last, reckoned on to now; None before there is anything."""
        if self._read is None:
            return None
        session, newest = self._read
        return moment(self._world, session, newest, self._agora.uids_in(session.channel))


def moment(world: World, session: Session, newest: Entry, uids: Collection[int]) -> Moment:
    """The reading as these say, at this machine's present moment. ``uids`` are in its channel."""
    rules = world.settings.rules
    seen = Snapshot(world, session, newest)
    now = seen.now
    minutes = seen.funds.minute if session.is_open else -(-session.connected_before // rules.minute)
    ends = deadline(session, rules)
    ending, ends_after = {"created": ("ringing", rules.ring), "waiting": ("joining", rules.join)}.get(
        session.state, ("grace", rules.grace)
    )
    return Moment(
        state=session.state,
        reason=session.reason,
        client_here=session.client.here(now, rules),
        reader_here=session.reader.here(now, rules),
        channel=session.pauses,
        in_channel=frozenset(name for uid, name in _PEOPLE.items() if uid in uids),
        minutes=minutes,
        into_minute=_seconds(min(rules.minute, max(0, session.connected(now) - (minutes - 1) * rules.minute))),
        minute=_seconds(rules.minute),
        balance=newest.balance,
        left=_seconds(seen.funds.lasts if session.is_open else 0),
        ends_in=None if ends is None else max(0.0, _seconds(ends - now)),
        ends_after=_seconds(ends_after),
        ending=ending,
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
