"""What really happened, beside what the program believes: who was together where, and whether somebody paid for it.

The ledger and the rows are followed by ``Books`` at every write. The judge knows what they cannot: which phones were
in a channel together, and when, in true time.

How long two people can be together while no meter runs:

- where Agora's notices arrive and removals work, as long as a notice takes (``CALM``);
- where they do not, until the last token they were let in with expires. While no meter runs, tokens are given only in
  waiting (2 min) and in grace (5 min), and live 5 min: never longer than grace and a token's life in one channel
  (``EVER``).

And a talk may turn out afterwards not to be paid for: a reader who gives no sign of life has left at the last one,
which is noticed after a token's life at most where Agora says that they are in the channel.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from chalicelib.gateways.agora import Lease
from chalicelib.kernel.time import MINUTE, SECOND, Millis
from chalicelib.sessions.model.session import Session, Who, from_item
from tests.property.books import Books
from tests.property.reference import GRACE, LEASE
from tests.property.tables import Change
from tests.soak.findings import must
from tests.soak.functions import SKEW
from tests.soak.timeline import Timeline

APART: Final = 2 * SKEW
"""How far two functions' clocks can be apart."""
NOTICED: Final = 2 * SECOND
"""The longest that a notice takes on a calm day."""
CALM: Final = NOTICED + APART + 2 * SECOND
SLOWEST_CALL: Final = 29 * SECOND
EVER: Final = GRACE + LEASE + APART + SLOWEST_CALL
DETECTION: Final = 20 * SECOND
"""The longest that Agora takes somebody for there who has lost the network."""

_BY_TIME: Final = frozenset(
    {"low_balance", "max_duration", "request_expired", "no_show_client", "no_show_reader", "grace_expired"}
)
WHO: Final[dict[int, Who]] = {1: "client", 2: "reader"}


class Judge:
    """``calm`` says that nothing goes wrong but people and phones, and the clocks where ``clocks_fail``: there the
    bounds are tight.
    """

    def __init__(self, timeline: Timeline, books: Books, *, calm: bool, clocks_fail: bool) -> None:
        self.longest: Counter[str] = Counter()
        """The longest that was met of what the rules bound, milliseconds."""
        self._timeline = timeline
        self._books = books
        self._calm = calm
        self._latest = APART + 2 * SECOND + (MINUTE if clocks_fail else 0)
        """How late a deadline may be noticed on a calm day: by the clock, or by the minute's tick."""
        self._inside: dict[tuple[str, Who], Millis] = {}
        self._stays: defaultdict[tuple[str, Who], list[tuple[Millis, Millis]]] = defaultdict(list)
        self._exposed: dict[str, Millis] = {}
        """Channels with both in them while no meter runs, and since when."""
        self._runs: defaultdict[str, list[tuple[int, Millis, Millis]]] = defaultdict(list)
        """Of each session: the channel's number, from when, to when a meter ran."""

    # --- what is told to it

    def entered(self, channel: str, uid: int) -> None:
        """Their phone is in the channel now."""
        self._inside.setdefault((channel, WHO[uid]), self._timeline.now)
        self._together(channel)

    def left(self, channel: str, uid: int) -> None:
        """It is not any more."""
        since = self._inside.pop((channel, WHO[uid]), None)
        if since is not None:
            self._stays[channel, WHO[uid]].append((since, self._timeline.now))
            self._together(channel)

    def changed(self, changes: list[Change]) -> None:
        """One write took effect."""
        for table, before, after in changes:
            if table == "sessions" and after and "#" not in after["pk"]:
                self._moved(from_item(before) if before else None, from_item(after))

    def leased(self, session: Session, who: Who, lease: Lease, *, raced: bool) -> None:
        """A token was given on that session. ``raced``: others acted while the call was under way."""
        now = self._timeline.now
        life = lease.expires_at - now
        self._met("a token's life", life)
        must(life <= LEASE + APART, "a token lives five minutes", session=session.id, life=life)
        if raced:
            return
        stored = self._books.sessions[session.id]
        must(lease.channel == stored.channel, "a token opens the present channel", lease=lease, session=stored)
        must(stored.state in ("waiting", "active", "reconnecting"), "tokens are for talks", session=stored)
        must(stored.side(who).present, "tokens are for who is there", who=who, session=stored)
        must(life <= self._funded(stored) + APART, "when the money ends, the channel ends", life=life, session=stored)
        if stored.started_at is not None:
            last = stored.started_at + self._books.longest
            must(lease.expires_at <= last, "no token outlives the session", session=stored)

    def _funded(self, session: Session) -> Millis:
        """Paid seconds left, and the whole minutes that what is there pays, if none of it expires."""
        head = self._books.heads[f"credit:{session.client.user}"]
        must(head.frozen is None, "a frozen wallet opens nothing", session=session)
        left = self._books.minutes[session.id] * MINUTE - session.connected(self._timeline.now)
        return left + head.buckets.spendable(self._timeline.now - APART) // session.rate * MINUTE

    # --- together

    def _moved(self, was: Session | None, session: Session) -> None:
        if was and was.state == "active" and session.state != "active" and was.running_since is not None:
            end = was.running_since + session.connected_before - was.connected_before
            self._runs[session.id].append((was.pauses, was.running_since, end))
        if was and was.state != session.state and session.reason in _BY_TIME and session.state in ("paused", "ended"):
            decided = session.ended_at if session.ended_at is not None else session.paused_at
            if decided is not None and was.reason != session.reason:
                late = self._timeline.now - decided
                self._met("a deadline noticed late by", late)
                must(not self._calm or late <= self._latest, "deadlines are kept", session=session)
        for number in range(session.pauses + 1):
            self._together(session.channel_of(number))

    def _together(self, channel: str) -> None:
        """Whether both are in that channel while no meter runs."""
        session = self._books.sessions[channel.rpartition("-")[0]]
        both = all((channel, who) in self._inside for who in WHO.values())
        if both and not (session.state == "active" and session.channel == channel):
            self._exposed.setdefault(channel, self._timeline.now)
        elif (since := self._exposed.pop(channel, None)) is not None:
            self._bounded(channel, self._timeline.now - since)

    def _bounded(self, channel: str, span: Millis) -> None:
        self._met("together while no meter runs", span)
        bound = CALM if self._calm else EVER
        must(span <= bound, "nobody is together unpaid for longer", channel=channel, span=span, bound=bound)

    def _met(self, what: str, span: Millis) -> None:
        self.longest[what] = max(self.longest[what], span)

    # --- afterwards

    def settled(self) -> None:
        """Everybody has gone home: no one is in a channel, and what was paid is what they had."""
        must(not self._inside, "every channel is empty", inside=list(self._inside))
        must(not self._exposed, "nobody is together unpaid", exposed=self._exposed)
        for session in self._books.sessions.values():
            if session.modality != "text":
                for number in range(session.pauses + 1):
                    self._weigh(session, number)

    def _weigh(self, session: Session, number: int) -> None:
        """Of one channel: together without pay, and pay without being together, by the final books."""
        channel = session.channel_of(number)
        together = _common(self._stays[channel, "client"], self._stays[channel, "reader"])
        runs = [(since, end) for of, since, end in self._runs[session.id] if of == number]
        for span in _apart(together, runs):
            self._met("together and not paid for in the end", span)
            bound = LEASE + self._latest if self._calm else EVER
            must(span <= bound, "talk that nobody pays has an end", channel=channel, span=span, bound=bound)
        for since, end in runs:
            for who in WHO.values():
                last = max((left for _, left in self._stays[channel, who]), default=0)
                if since < last < end:
                    self._gone(session, who, end - last)

    def _gone(self, session: Session, who: Who, span: Millis) -> None:
        """The client paid for ``span`` in which that side had left the channel for good."""
        self._met(f"paid after the {who} had left the channel", span)
        bound = DETECTION + CALM
        must(not self._calm or span <= bound, "who has left is not paid for", session=session.id, who=who, span=span)


def _common(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where spans of both overlap."""
    pairs = ((max(a, c), min(b, d)) for a, b in first for c, d in second)
    return sorted((start, end) for start, end in pairs if start < end)


def _apart(spans: list[tuple[int, int]], covered: list[tuple[int, int]]) -> list[int]:
    """How long each part of ``spans`` is that is not covered."""
    lengths = []
    for start, end in spans:
        for since, until in sorted(covered):
            if since < end and until > start:
                lengths.append(max(0, since - start))
                start = max(start, until)
        lengths.append(max(0, end - start))
    return [length for length in lengths if length]
