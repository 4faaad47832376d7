"""What a reading session is. Moments and spans are milliseconds, the rate is cents a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.money import Cents
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis, ceil_div
from chalicelib.wallet.model.chain import Meter
from chalicelib.wallet.model.meter import Change

State = Literal["created", "waiting", "active", "paused", "reconnecting", "ended", "finalized"]
Who = Literal["client", "reader"]
Modality = Literal["text", "voice", "video"]
Reason = Literal[
    "client_left",
    "reader_left",
    "network",
    "low_balance",
    "frozen",
    "admin",
    "safety",
    "client_ended",
    "reader_ended",
    "declined",
    "cancelled",
    "request_expired",
    "no_show_client",
    "no_show_reader",
    "grace_expired",
    "max_duration",
]

REVIEW: Final = "review"
"""Where readings that an admin must decide on are listed."""
REFUNDING: Final[frozenset[Reason | None]] = frozenset(
    {"reader_left", "reader_ended", "network", "admin", "safety", "max_duration"}
)
"""Causes of a stop after which the unused rest of the cut minute is given back (rule 5)."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two people. ``beat_at`` is the last sign of life since joining; None where there is none."""

    user: str
    name: str
    present: bool = False
    beat_at: Millis | None = None
    in_channel: bool = False
    """Agora has said that they are in the present channel, and not that they left it."""
    notice_seq: int | None = None
    """Agora's sequence of the newest notice that was heard of them in the present channel."""
    heard_at: Millis | None = field(default=None, compare=False)
    """The last sign of life before they were taken for gone. This and the two below decide nothing: an operator who
    divides a reading by hand asks for them.
    """
    told_at: Millis | None = field(default=None, compare=False)
    """Of which moment Agora's newest notice of them is, in whatever channel."""
    told_in: bool | None = field(default=None, compare=False)
    """Whether it said that they came in."""

    @property
    def last_heard(self) -> Millis | None:
        """Their last sign of life of all."""
        return self.heard_at if self.beat_at is None else self.beat_at

    def gone(self) -> Side:
        """Not there any more; what Agora said stays."""
        return replace(self, present=False, beat_at=None, heard_at=self.last_heard)

    def cleared(self) -> Side:
        """In no channel either."""
        return replace(self.gone(), in_channel=False, notice_seq=None)

    def patience(self, rules: Rules) -> Millis:
        """How long without a sign of life counts as silence (rule 8). Agora tells of departures itself: where it has
        spoken, only the life of a token without renewal does.
        """
        return rules.lease if self.in_channel else rules.silence

    def stale_after(self, rules: Rules) -> Millis:
        """A side this long without a sign of life is no witness (rules 5 and 8): 45 s of the 75 s.

        Who is in the channel need not beat, and renews a token shortly before its end: only silence counts there, or
        the other could choose a moment at which all that was talked since looks like a broken network.
        """
        return rules.lease if self.in_channel else rules.silence * 3 // 5

    def here(self, now: Millis, rules: Rules) -> bool:
        """Present, and not silent for too long: a beat at exactly the limit is late."""
        return self.present and self.beat_at is not None and now < self.beat_at + self.patience(rules)


@dataclass(frozen=True, slots=True)
class Session:
    """One live reading, as its row in the table holds it."""

    id: str
    client: Side
    reader: Side
    modality: Modality
    rate: Cents
    created_at: Millis
    at: Millis
    """The newest moment that this row knows of: time never runs backwards behind it."""
    shard: str
    state: State = "created"
    reason: Reason | None = None
    """Of the present pause, or of the end."""
    cut: Reason | None = None
    """What cut the running minute last: it decides on a refund, not the later end."""
    rev: int = 0
    """Raised by every write, and the condition of the next one."""
    epoch: int = 0
    """Names runs of the meter and executions of the clock."""
    clock_epoch: int = -1
    """The newest epoch for which an execution was started."""
    clock_turn: int = 0
    """How many executions were found lost. Part of the name of the next one, which may be used once only."""
    clock_at: Millis | None = None
    """When the execution has promised to call; long after it, it is lost."""
    accepted_at: Millis | None = None
    started_at: Millis | None = None
    ended_at: Millis | None = None
    finalized_at: Millis | None = None
    running_since: Millis | None = None
    connected_before: Millis = 0
    pauses: int = 0
    stopped_at: Millis | None = None
    """The effective moment at which the talk stopped last."""
    paused_at: Millis | None = None
    grace_until: Millis | None = None
    grace_used: Millis = 0
    warned: bool = False
    """The two-minute warning of the present run has gone out."""
    ends_by: Millis | None = None
    """Either side's next booking, or the end of its own."""
    booking: str | None = None
    """The booking that has paid it beforehand: then no meter runs, and the booking settles it."""
    prepaid: int | None = None
    """Minutes that the booking has paid."""
    join_by: Millis | None = None
    """Until when a booked one may be joined; any other, for a while after it was accepted."""
    first_seq: int | None = None
    """The entry of the client's credit that opened the meter."""
    last_seq: int | None = None
    """The entry that closed it."""
    refunded: Cents = 0
    earned: Cents = 0
    """The reader's share, once settled."""
    cleared: int = 0
    """Channels below this number are known to be empty, and barred for as long as a token lives."""
    review: str | None = None
    """Why settlement refused to pay anybody. Stays when an admin has decided."""

    @property
    def is_open(self) -> bool:
        """Not ended yet."""
        return self.state not in ("ended", "finalized")

    @property
    def in_review(self) -> bool:
        """Nobody was paid, and an admin must decide who is."""
        return self.state == "ended" and self.review is not None

    @property
    def channel(self) -> str:
        """The media channel: a token of before a pause opens nothing after it (rule 7)."""
        return self.channel_of(self.pauses)

    def channel_of(self, number: int) -> str:
        """The channel that the session has, had or will have as its ``number``th, from 0."""
        return f"{self.id}-{number}"

    @property
    def abandoned(self) -> range:
        """Numbers of the channels that nobody may be in any more, while they are not known to be empty.

        What moves the session on raises ``pauses`` or ends it, so the removal is owed from that very write on.
        """
        opened = self.accepted_at is not None and not self.is_open
        return range(self.cleared, self.pauses + 1 if opened else self.pauses)

    @property
    def lingering(self) -> tuple[Who, ...]:
        """Who has left but is in the present channel still, as Agora says: talk there would not be paid."""
        sides: tuple[Who, ...] = ("client", "reader")
        return tuple(who for who in sides if self.side(who).in_channel and not self.side(who).present)

    @property
    def owes_removal(self) -> bool:
        """Somebody may be where nobody pays: to be put out through Agora, until that is known to be done."""
        return bool(self.abandoned or self.lingering)

    def in_step(self, meter: Meter | None) -> bool:
        """Whether ``meter``, of the client's newest entry, is of the same moment as this open session.

        Each of them changes in one transaction with the other, but they are read one after the other: a change in
        between shows here.
        """
        own = meter if meter and meter.session == self.id else None
        match self.state:
            case "active":
                return own is not None and own.run is not None and own.epoch == self.epoch
            case "paused" | "reconnecting":
                return own is not None and own.run is None
            case _:
                return own is None

    def side(self, who: Who) -> Side:
        """That person's side."""
        return self.client if who == "client" else self.reader

    def who(self, user: str) -> Who:
        """Which side ``user`` is. Raises Forbidden for a stranger."""
        if user == self.client.user:
            return "client"
        if user == self.reader.user:
            return "reader"
        raise Forbidden("You are not part of this reading.")

    def with_side(self, who: Who, **changes: Any) -> Session:
        """The session with that side changed."""
        if who == "client":
            return replace(self, client=replace(self.client, **changes))
        return replace(self, reader=replace(self.reader, **changes))

    def connected(self, at: Millis) -> Millis:
        """Connected time at ``at`` on the session's own timeline."""
        running = 0 if self.running_since is None else max(0, at - self.running_since)
        return self.connected_before + running

    def last_moment(self, now: Millis, rules: Rules) -> Millis:
        """When the session must be over: counted from the first active moment, from ``now`` where there was none."""
        longest = (self.started_at if self.started_at is not None else now) + rules.session_max
        return longest if self.ends_by is None else min(longest, self.ends_by)

    def max_minutes(self, now: Millis, rules: Rules) -> int:
        """The last minute that can begin before the last moment, were the session to run on from ``now``."""
        return max(0, ceil_div(self.connected(now) + self.last_moment(now, rules) - now, rules.minute))


@dataclass(frozen=True, slots=True)
class Booked:
    """What a booking says of the session that it becomes."""

    booking: str
    session: str
    """The id of the session."""
    client: Side
    reader: Side
    modality: Modality
    rate: Cents
    minutes: int
    """Paid beforehand."""
    join_by: Millis
    ends_at: Millis


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction: the session as it will be, and what becomes of the meter."""

    session: Session
    change: Change | None = None
    on_wallet: bool = False
    """Decided on the wallet though it posts nothing: nothing may have been posted meanwhile."""


def to_item(session: Session) -> dict[str, Any]:
    """The session as its row. ``open_shard`` is there while the tick must look after it, and ``pending`` while an admin
    must decide on it: sparse indexes.
    """
    fields = ((name, getattr(session, name)) for name in Session.__dataclass_fields__)
    item = {name: value for name, value in fields if value is not None}
    item["pk"] = item.pop("id")
    item["client"], item["reader"] = session.client.user, session.reader.user
    item["client_side"], item["reader_side"] = _side_item(session.client), _side_item(session.reader)
    if (session.state != "finalized" and session.review is None) or session.owes_removal:
        item["open_shard"] = session.shard
    if session.in_review:
        item |= {"pending": REVIEW, "asked_at": session.ended_at if session.ended_at is not None else session.at}
    return item


def from_item(item: Mapping[str, Any]) -> Session:
    """The session that ``to_item`` stored."""
    known = {name: item[name] for name in Session.__dataclass_fields__ if name in item}
    return Session(
        **known | {"id": item["pk"], "client": Side(**item["client_side"]), "reader": Side(**item["reader_side"])}
    )


def _side_item(side: Side) -> dict[str, Any]:
    fields = ((name, getattr(side, name)) for name in Side.__dataclass_fields__)
    return {name: value for name, value in fields if value is not None}
