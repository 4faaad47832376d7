"""How one state becomes another. Each function is one arrow of the diagram in product §3, with its consequences.

A stop clears both sides' presence, takes effect at a moment that may lie in the past, and tells the meter.
"""

from dataclasses import replace

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis
from chalicelib.sessions.model.session import REFUNDING, Reason, Session, Step
from chalicelib.wallet.model.funds import Funds
from chalicelib.wallet.model.meter import Close, Resume, Stand, Start


def pause(session: Session, effective: Millis, reason: Reason, now: Millis, rules: Rules) -> Step:
    """active → paused at ``effective``. Grace runs from there; where none is left it is over at once."""
    grace = min(rules.grace, max(0, rules.grace_total - session.grace_used))
    # Before the start of a booking nobody need be there: grace does not run out ahead of it.
    begins = effective if session.join_by is None else max(effective, session.join_by - rules.booking_join)
    paused = replace(
        _stopped(session, effective, reason, now),
        state="paused",
        epoch=session.epoch + 1,
        pauses=session.pauses + 1,
        paused_at=effective,
        grace_until=begins + grace,
    )
    return Step(paused, Stand(effective))


def end(session: Session, at: Millis, reason: Reason, now: Millis) -> Step:
    """Any open state → ended at ``at``. A running minute is cut there; a standing one was cut by its pause."""
    return end_after_cut(session, at, reason, at, reason, now)


def end_after_cut(session: Session, cut_at: Millis, cut: Reason, at: Millis, reason: Reason, now: Millis) -> Step:
    """Ended at ``at`` for ``reason``, where what cut the running minute is another thing at another moment."""
    stopped = _stopped(session, cut_at, cut, now) if session.state == "active" else _cleared(session, now)
    ended = replace(stopped, state="ended", reason=reason, ended_at=at, grace_until=None)
    if session.started_at is None:
        return Step(ended)
    return Step(ended, Close(cut_at, refund=ended.cut in REFUNDING))


def meet(session: Session, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """waiting or reconnecting → active when both are here and the wallet pays; None where one is missing or they talk.

    Where the wallet cannot pay, nobody may stay: from waiting the session ends; from reconnecting both are turned out,
    for a top-up may come while grace runs.
    """
    if not (session.client.here(now, rules) and session.reader.here(now, rules)):
        return None
    pays = funds.lasts > 0 and funds.frozen is None
    epoch = session.epoch + 1
    active = replace(session, state="active", reason=None, epoch=epoch, running_since=now, grace_until=None, at=now)
    if session.state == "waiting":
        if not pays:
            why: Reason = "frozen" if funds.frozen else "low_balance"
            return replace(end(session, now, why, now), on_wallet=True)
        started = replace(active, started_at=now)
        return Step(started, Start(session.id, epoch, session.rate, started.max_minutes(now, rules)))
    if session.paused_at is None:
        return None
    if not pays:
        return replace(turn_out(session, now), on_wallet=True)
    resumed = replace(active, paused_at=None, grace_used=session.grace_used + now - session.paused_at)
    return Step(resumed, Resume(epoch, resumed.max_minutes(now, rules)))


def forsaken(session: Session, now: Millis, rules: Rules) -> Step | None:
    """reconnecting → paused when nobody is here any more: channel, cause and grace stay."""
    if session.client.here(now, rules) or session.reader.here(now, rules):
        return None
    apart = replace(session, client=session.client.gone(), reader=session.reader.gone())
    return Step(replace(apart, state="paused", at=now))


def forsaken_by(session: Session, done: Step, at: Millis, rules: Rules) -> Step:
    """A booked reading that ends while it stands: of two, the one who was back is not who cut it short."""
    client, reader = session.client.here(at - 1, rules), session.reader.here(at - 1, rules)
    if session.booking is None or client == reader:
        return done
    if client and session.cut == "client_left":
        return replace(done, session=replace(done.session, cut="reader_left", stopped_at=at))
    if reader and session.cut in ("reader_left", "network"):
        return replace(done, session=replace(done.session, cut="client_left", stopped_at=at))
    return done


def turn_out(session: Session, now: Millis) -> Step:
    """reconnecting → paused with another channel, so that what both hold opens nothing; cause and grace stay."""
    return Step(replace(_cleared(session, now), state="paused", pauses=session.pauses + 1))


def _stopped(session: Session, effective: Millis, cut: Reason, now: Millis) -> Session:
    return replace(
        _cleared(session, now),
        reason=cut,
        cut=cut,
        connected_before=session.connected(effective),
        stopped_at=effective,
        running_since=None,
        warned=False,
    )


def _cleared(session: Session, now: Millis) -> Session:
    return replace(session, client=session.client.cleared(), reader=session.reader.cleared(), at=now)
