"""What a stream is, what its host may do with it, and what time makes of it.

    scheduled → live → ended → finalized
    scheduled → ended          called off, or never started

For money a stream has begun when its host was in the channel (``came``): before that nobody gives anything, and one
that ends without it gives every ticket back. A stream ends at its effective moment, whoever notices it first: a host
who is gone too long has ended it then. From ``ended`` on nothing is earned any more; ``finalized`` is what was earned,
settled. Moments are milliseconds, prices are coins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.text import one_line
from chalicelib.kernel.time import DAY, MINUTE, SECOND, Millis, rfc3339
from chalicelib.live.model.terms import (
    MOST_COINS,
    MOST_INVITED,
    MOST_MODERATORS,
    TITLE_LENGTH,
    Reason,
    State,
    Visibility,
)

HORIZON: Final[Millis] = 60 * DAY
"""How far ahead a stream may be scheduled."""
EARLY: Final[Millis] = 10 * MINUTE
"""How long before its time it may start: who has a ticket comes at that time."""
AGAIN: Final[Millis] = 10 * SECOND
"""What is held up is tried again after so long."""
SHARDS: Final = 32
"""Chains that what a stream earns gathers in."""
HOST_UID: Final = 1
"""The host's number in the channel."""
FIRST_UID: Final = 1_000
"""The least of a viewer's."""
SPARE: Final[Millis] = MINUTE
"""A token may be given so long after the moment for which it was decided."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream, as its row holds it. Its id is its channel's name."""

    id: str
    host: str
    host_name: str
    title: str
    visibility: Visibility
    price: int | None
    """Of a ticket, in coins; None unless premium."""
    starts_at: Millis
    created_at: Millis
    at: Millis
    """The newest moment that this row knows of: time never runs backwards behind it."""
    state: State = "scheduled"
    ended_for: Reason | None = None
    started_at: Millis | None = None
    ended_at: Millis | None = None
    finalized_at: Millis | None = None
    came: bool = False
    """The host was in its channel while it was live, for Agora said so. It stays so."""
    notice_seq: int | None = None
    """The newest that Agora told of the host."""
    gone_since: Millis | None = None
    """Since when the host of a live stream is not in the channel; None while they are."""
    lease_until: Millis | None = None
    """When the host's newest token ends."""
    moderators: tuple[str, ...] = ()
    invited: int = 0
    """How many are."""
    shards: int = SHARDS
    cleared: bool = True
    """Nobody is left in its channel, nor can come there: False from its start until that is so."""
    news: str | None = None
    """What this very write is to be told of to who watches: ``started`` or ``ended``."""
    rev: int = 0
    """Raised by every write, and the condition of the next one."""
    epoch: int = 0
    """Raised when it must be looked at sooner than was promised: names executions of the clock."""
    clock_epoch: int = -1
    clock_turn: int = 0
    clock_at: Millis | None = None
    """When the execution has promised to call; long after it, it is lost."""

    @property
    def is_open(self) -> bool:
        """Its host can have no other one."""
        return self.state in ("scheduled", "live")

    @property
    def owes_removal(self) -> bool:
        """It is over, and somebody may still be in its channel."""
        return not self.is_open and not self.cleared

    def must_be_hosts(self, user: str) -> None:
        """Raises Forbidden for anybody else."""
        if user != self.host:
            raise Forbidden("That is for the host to do.")

    def must_be_open(self) -> None:
        """Raises InvalidState for one that is over."""
        if not self.is_open:
            raise InvalidState("The stream is over.")

    def must_be_live(self) -> None:
        """Raises InvalidState for one that has not begun, or is over."""
        if self.state != "live":
            raise InvalidState("The stream has not begun." if self.state == "scheduled" else "The stream is over.")

    def must_be_given_to(self) -> None:
        """Raises InvalidState for one that is not live, or whose host was not there yet."""
        self.must_be_live()
        if not self.came:
            raise InvalidState("The host is not there yet.")


def scheduled(
    stream: Stream,
    invited: int,
    now: Millis,
) -> Stream:
    """The stream as it may be made. Raises Invalid."""
    title = one_line(stream.title)
    priced = stream.price is not None and 1 <= stream.price <= MOST_COINS
    wrong = {
        "title": not 1 <= len(title) <= TITLE_LENGTH and f"1 to {TITLE_LENGTH} characters that can be seen",
        "price": stream.visibility == "premium" and not priced and f"1 to {MOST_COINS} coins for a premium stream",
        "starts_at": not now <= stream.starts_at <= now + HORIZON and "From now on, and at most 60 days ahead.",
        "invited": stream.visibility != "private" and invited > 0 and "Only private streams have invitations.",
    }
    if stream.visibility != "premium" and stream.price is not None:
        wrong["price"] = "Only a premium stream has one."
    errors = tuple({"field": field, "message": message} for field, message in wrong.items() if message)
    if errors:
        raise Invalid(errors=errors)
    return replace(stream, title=title, invited=invited)


# --- what the host does --------------------------------------------------------------------------


def started(stream: Stream, now: Millis, rules: Rules) -> Stream:
    """scheduled → live. The host is gone until Agora says that they are there. Raises InvalidState."""
    stream.must_be_open()
    if now < stream.starts_at - EARLY:
        raise InvalidState(f"The stream can start from {rfc3339(stream.starts_at - EARLY)} on.")
    live = replace(stream, state="live", started_at=now, gone_since=now, cleared=False, news="started", at=now)
    return replace(live, lease_until=lease_end(live, now, rules))


def renewed(stream: Stream, now: Millis, rules: Rules) -> Stream:
    """With a fresh token for the host. Whose token ran out fell out of the channel then. Raises InvalidState."""
    stream.must_be_live()
    fell_out = stream.gone_since is None and stream.lease_until is not None and now >= stream.lease_until
    gone_since = stream.lease_until if fell_out else stream.gone_since
    return replace(stream, lease_until=lease_end(stream, now, rules), gone_since=gone_since, at=now)


def stepped_out(stream: Stream, now: Millis) -> Stream:
    """The host says that they leave. Coming back is Agora's to tell."""
    if stream.state != "live" or stream.gone_since is not None:
        return stream
    return replace(stream, gone_since=now, at=now)


def ended(stream: Stream, at: Millis, reason: Reason, now: Millis) -> Stream:
    """scheduled or live → ended, effective ``at``."""
    return replace(stream, state="ended", ended_for=reason, ended_at=at, gone_since=None, news="ended", at=now)


def finished(stream: Stream, now: Millis, reason: Reason | None = None) -> Stream:
    """Over at once: called off before its start, ended after it; as it was where it is over already."""
    if not stream.is_open:
        return stream
    return ended(stream, now, reason or ("host_ended" if stream.state == "live" else "cancelled"), now)


def finalized(stream: Stream, now: Millis) -> Stream:
    """ended → finalized: what it earned has been settled, or given back."""
    if stream.state != "ended":
        raise ValueError(f"{stream.id} is {stream.state}")
    return replace(stream, state="finalized", finalized_at=now, at=now)


def moderated_by(stream: Stream, user: str, now: Millis, *, moderator: bool) -> Stream:
    """With ``user`` among its moderators, or not. Raises InvalidState for the host, and beyond ten."""
    stream.must_be_open()
    if user == stream.host:
        raise InvalidState("The host needs no such right.")
    others = tuple(each for each in stream.moderators if each != user)
    if moderator and len(others) >= MOST_MODERATORS:
        raise InvalidState(f"A stream has {MOST_MODERATORS} moderators at most.")
    moderators = (*others, user) if moderator else others
    same = set(moderators) == set(stream.moderators)
    return stream if same else replace(stream, moderators=moderators, at=now)


def with_invited(stream: Stream, more: int, now: Millis) -> Stream:
    """With so many more who are invited. Raises InvalidState where it is not private, over, or beyond 500."""
    stream.must_be_open()
    if stream.visibility != "private":
        raise InvalidState("Only private streams have invitations.")
    if stream.invited + more > MOST_INVITED:
        raise InvalidState(f"At most {MOST_INVITED} people are invited to a stream.")
    return replace(stream, invited=stream.invited + more, at=now) if more else stream


# --- what Agora tells of the host ----------------------------------------------------------------


def host_entered(stream: Stream, seq: int, at: Millis, now: Millis, rules: Rules) -> Stream:
    """The host came into the channel at ``at``, as heard ``now``; too late where the stream had ended by then."""
    if not _news(stream, seq) or min(at, now) >= _live_until(stream, rules)[0]:
        return stream
    return replace(stream, came=True, gone_since=None, notice_seq=seq, at=now)


def host_left(stream: Stream, seq: int, at: Millis, now: Millis, rules: Rules) -> Stream:
    """The host left the channel in the second that begins at ``at``, or dropped out of it. Who left in time was there,
    though that may be told later.
    """
    if not _news(stream, seq):
        return stream
    left = max(min(at, now), stream.started_at or now)
    gone_since = left if stream.gone_since is None else stream.gone_since
    came = stream.came or left < _live_until(stream, rules)[0]
    return replace(stream, came=came, gone_since=gone_since, notice_seq=seq, at=now)


def _news(stream: Stream, seq: int) -> bool:
    return stream.state == "live" and (stream.notice_seq is None or seq > stream.notice_seq)


# --- what time makes of it -----------------------------------------------------------------------


def runs_out(stream: Stream, rules: Rules) -> tuple[Millis, Reason] | None:
    """When the stream ends by itself, as things stand, and why; None for one that is over."""
    if stream.state == "scheduled":
        return stream.starts_at + rules.stream_late, "not_started"
    return _live_until(stream, rules) if stream.state == "live" else None


def _live_until(stream: Stream, rules: Rules) -> tuple[Millis, Reason]:
    last = last_moment(stream, rules)
    gone_since = stream.gone_since if stream.gone_since is not None else stream.lease_until
    gone = (gone_since if gone_since is not None else last) + rules.host_gone
    return (last, "max_duration") if last <= gone else (gone, "host_gone")


def last_moment(stream: Stream, rules: Rules) -> Millis:
    """When a live stream is over at the latest."""
    return (stream.started_at or stream.starts_at) + rules.stream_max


def lease_end(stream: Stream, now: Millis, rules: Rules) -> Millis:
    """How long a token lasts that is given now: whole seconds, and never beyond the stream's last moment."""
    return min(now + rules.audience_lease, last_moment(stream, rules)) // SECOND * SECOND


def barred_until(stream: Stream, rules: Rules) -> Millis:
    """Until when a token for the channel of one that is over may open it."""
    return (stream.ended_at or stream.at) + rules.audience_lease + SPARE


def deadline(stream: Stream, rules: Rules) -> Millis | None:
    """When the tick must look at it, however long ago; None where there is nothing to do any more."""
    over = runs_out(stream, rules)
    if over:
        return over[0]
    return stream.ended_at if stream.state == "ended" or stream.owes_removal else None


def wake_at(stream: Stream, now: Millis, rules: Rules) -> Millis | None:
    """When the clock must call again, if nobody acts; None when it need not."""
    first = None if stream.state == "finalized" else deadline(stream, rules)
    return now + AGAIN if first is not None and first <= now else first


def clocked(stream: Stream, rules: Rules) -> Stream:
    """In another epoch where its execution of the clock sleeps for longer than it should by now."""
    first = deadline(stream, rules)
    promised = stream.clock_at if stream.clock_epoch == stream.epoch else None
    sooner = first is not None and promised is not None and first < promised
    return replace(stream, epoch=stream.epoch + 1) if sooner else stream


# --- as it is stored -----------------------------------------------------------------------------


def to_item(stream: Stream) -> dict[str, Any]:
    """The stream as its row, without its places in the indexes."""
    fields = ((name, getattr(stream, name)) for name in Stream.__dataclass_fields__)
    item = {name: value for name, value in fields if value is not None}
    item["pk"], item["sk"] = item.pop("id"), "stream"
    return item | {"moderators": list(stream.moderators)}


def from_item(item: Mapping[str, Any]) -> Stream:
    """The stream that ``to_item`` stored."""
    known = {name: item[name] for name in Stream.__dataclass_fields__ if name in item}
    return Stream(
        **known | {"id": item["pk"], "price": item.get("price"), "moderators": tuple(item["moderators"]), "news": None}
    )
