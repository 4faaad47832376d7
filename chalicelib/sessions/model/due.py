"""What time alone makes due, one step at a time, and the next moment to look again.

Stops act in the order in which they are decided, and each at its effective moment, which may lie before: a reader
who fell silent left at the last beat. Minutes that begin before the stop are charged first; at a tie the stop wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis
from chalicelib.sessions.model.moves import end, forsaken, forsaken_by, meet, pause
from chalicelib.sessions.model.session import Reason, Session, Side, Step
from chalicelib.wallet.model.funds import Funds


@dataclass(frozen=True, slots=True)
class Charge:
    """Post the minutes that are due; those that begin at ``before`` or later are not owed."""

    before: Millis | None


@dataclass(frozen=True, slots=True)
class Settle:
    """The talk is over: pay it out."""


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """An automatic stop of the running meter. Ordered by when it is decided, then by ``rank``."""

    decided: Millis
    rank: int
    effective: Millis
    reason: Reason
    ends: bool = False


def decide(session: Session, funds: Funds, now: Millis, rules: Rules) -> Step | Charge | Settle | None:
    """The next thing that time makes due by ``now``; None where the session is up to date."""
    match session.state:
        case "created":
            return _created(session, now, rules)
        case "waiting":
            return _waiting(session, funds, now, rules)
        case "active":
            return _active(session, funds, now, rules)
        case "paused" | "reconnecting":
            return _standing(session, funds, now, rules)
        case "ended":
            return Settle() if session.review is None and session.booking is None else None
        case "finalized":
            return None


def wake_at(session: Session, funds: Funds, now: Millis, rules: Rules) -> Millis | None:
    """When ``decide`` may next have something to do, if nobody acts; None when it never will."""
    if not session.is_open:
        return None
    moments = [_deadline(session, now, rules)]
    if session.state == "reconnecting":
        sides = (session.client, session.reader)
        moments += [side.beat_at + side.patience(rules) for side in sides if side.present and side.beat_at is not None]
    if session.state == "active":
        moments += [stop.decided for stop in _stops(session, funds, now, rules)]
        moments.append(now + rules.lease)
        if funds.run_out is not None and not session.warned:
            moments.append(funds.run_out - rules.warning)
    return min((moment for moment in moments if moment > now), default=now + rules.lease)


def deadline(session: Session, rules: Rules) -> Millis | None:
    """The ring, join or grace deadline that a phone counts down to; None in other states."""
    if session.state in ("created", "waiting", "paused", "reconnecting"):
        return _deadline(session, session.at, rules)
    return None


def _deadline(session: Session, now: Millis, rules: Rules) -> Millis:
    """When the present state ends by itself."""
    last = session.last_moment(now, rules)
    match session.state:
        case "created":
            return min(session.created_at + rules.ring, last)
        case "waiting":
            accepted = session.accepted_at if session.accepted_at is not None else session.created_at
            return min(session.join_by if session.join_by is not None else accepted + rules.join, last)
        case "paused" | "reconnecting":
            return min(session.grace_until or now, last)
        case _:
            return last


def _created(session: Session, now: Millis, rules: Rules) -> Step | None:
    over = _deadline(session, now, rules)
    if now < over:
        return None
    return end(session, over, "max_duration" if over == session.ends_by else "request_expired", now)


def _waiting(session: Session, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """Ended when somebody did not come in time: the reader's absence weighs more, it is the reader who accepted."""
    over = _deadline(session, now, rules)
    if now < over:
        return meet(session, funds, now, rules)
    if over == session.ends_by:
        return end(session, over, "max_duration", now)
    came = session.reader.here(over - 1, rules)
    return end(session, over, "no_show_client" if came else "no_show_reader", now)


def _standing(session: Session, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    last = session.last_moment(now, rules)
    over = session.grace_until if session.grace_until is not None else last
    if now >= min(last, over):
        done = end(session, last, "max_duration", now) if last <= over else end(session, over, "grace_expired", now)
        return forsaken_by(session, done, min(last, over), rules)
    if session.state == "paused":
        return None
    return meet(session, funds, now, rules) or forsaken(session, now, rules)


def _active(session: Session, funds: Funds, now: Millis, rules: Rules) -> Step | Charge | None:
    stop = min((stop for stop in _stops(session, funds, now, rules) if stop.decided <= now), default=None)
    begins = funds.next_minute
    if begins is not None and begins <= now and (not stop or begins < stop.effective):
        return Charge(stop.effective if stop else None)
    if stop:
        if stop.ends:
            return end(session, stop.effective, stop.reason, now)
        return pause(session, stop.effective, stop.reason, now, rules)
    if not session.warned and funds.run_out is not None and funds.run_out - rules.warning <= now:
        return Step(replace(session, warned=True, at=now))
    return None


def _stops(session: Session, funds: Funds, now: Millis, rules: Rules) -> list[Stop]:
    """Every automatic stop of the running meter that is in sight, effective within the present run."""
    last = session.last_moment(now, rules)
    stops = [Stop(last, 0, last, "max_duration", ends=True)]
    stops += _silences(session.client, session.reader, rules)
    if funds.stood and funds.stood.until is not None:
        why: Reason = "low_balance" if funds.stood.reason == "low_balance" else "frozen"
        stops.append(Stop(funds.stood.until, 2, funds.stood.until, why))
    if funds.run_out is not None:
        stops.append(Stop(funds.run_out, 3, funds.run_out, "low_balance"))
    since = session.running_since or session.at
    return [replace(stop, effective=max(stop.effective, since)) for stop in stops]


def _silences(client: Side, reader: Side, rules: Rules) -> list[Stop]:
    """Rule 8: a silent reader has left at the last beat, a silent client once the silence is full; both: network."""
    if client.beat_at is None or reader.beat_at is None:
        return []
    client_silent, reader_silent = client.beat_at + client.patience(rules), reader.beat_at + reader.patience(rules)
    both_at = min(client.beat_at, reader.beat_at)
    stops = []
    if client_silent - reader.beat_at >= reader.stale_after(rules):
        stops.append(Stop(client_silent, 1, both_at, "network"))
    else:
        stops.append(Stop(client_silent, 1, client_silent, "client_left"))
    if reader_silent - client.beat_at >= client.stale_after(rules):
        stops.append(Stop(reader_silent, 1, both_at, "network"))
    else:
        stops.append(Stop(reader_silent, 1, reader.beat_at, "reader_left"))
    return stops
