"""What the two people, and an admin, may do. The session is up to date when a command is asked.

Each answers with the ``Step`` to take, or with None where the effect already holds: a command repeated by the
same person is no error. What does not fit raises InvalidState; what belongs to the other side, Forbidden.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chalicelib.kernel.errors import (
    Forbidden,
    GraceExpired,
    InsufficientFunds,
    InvalidState,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis
from chalicelib.sessions.model.moves import end, end_after_cut, forsaken, forsaken_by, meet, pause, turn_out
from chalicelib.sessions.model.session import Reason, Session, Step, Who
from chalicelib.wallet.model.funds import Funds

_QUICKEST_BEATS: Final = 30
"""A beat sooner than this part of the usual interval (1 s of 30 s) after the last says nothing new."""

Command = Callable[[Session, Who, Funds, Millis, Rules], Step | None]


def accept(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """created → waiting, by the reader."""
    del funds, rules
    _only(who, "reader")
    if session.state == "created":
        return Step(replace(session, state="waiting", accepted_at=now, epoch=session.epoch + 1, at=now))
    if session.is_open:
        return None
    raise _wrong(session)


def decline(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """created → ended, by the reader."""
    del funds, rules
    _only(who, "reader")
    return _turn_down(session, "declined", now)


def cancel(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """created → ended, by the client."""
    del funds, rules
    _only(who, "client")
    return _turn_down(session, "cancelled", now)


def join(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """Be there, in waiting; the second one starts the meter and pays minute 1 in the same write."""
    if session.state == "active":
        return None
    if session.state != "waiting":
        raise _wrong(session)
    there = replace(session.with_side(who, present=True, beat_at=now), at=now)
    return meet(there, funds, now, rules) or Step(there)


def heartbeat(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """A sign of life of somebody who is there. It does not bring back who has left."""
    if not session.is_open:
        raise _wrong(session)
    if not session.side(who).here(now, rules):
        return None
    if not session.warned and _just_beaten(session, who, now, rules):
        return None
    recovered = funds.run_out is None or funds.run_out - rules.warning > now
    alive = session.with_side(who, beat_at=now)
    return Step(replace(alive, at=now, warned=session.warned and not recovered))


def reconnect(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """Come back during grace; when both are back and the wallet pays, the meter runs again."""
    if session.state == "active":
        return None
    if session.state not in ("paused", "reconnecting"):
        raise GraceExpired if session.reason == "grace_expired" else _wrong(session)
    must_pay(funds)
    back = replace(session.with_side(who, present=True, beat_at=now), state="reconnecting", at=now)
    return meet(back, funds, now, rules) or Step(back, on_wallet=True)


def renew(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """Check everything again for a fresh token. It is a sign of life of somebody who is in the channel (rule 8)."""
    if session.state not in ("waiting", "active", "reconnecting") or not session.side(who).here(now, rules):
        raise _wrong(session)
    must_pay(funds)
    if not session.side(who).in_channel or _just_beaten(session, who, now, rules):
        return None
    return Step(replace(session.with_side(who, beat_at=now), at=now))


def leave(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """Go away; the talk pauses and grace runs."""
    del funds
    match session.state:
        case "active":
            effective, cut = departure(session, who, now, rules)
            return pause(session, effective, cut, now, rules)
        case "waiting" | "reconnecting":
            return step_out(session, who, now, rules) if session.side(who).present else None
        case "paused":
            return None
        case _:
            raise _wrong(session)


def finish(session: Session, who: Who, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """End whatever is open, for good.

    A client who gives up waiting for the reader of a booking only leaves: the reader may still come, and whose absence
    it was is decided when the time to join is over.
    """
    del funds
    if not session.is_open:
        return None
    if session.booking and session.state == "waiting" and who == "client" and not session.reader.here(now, rules):
        return step_out(session, who, now, rules) if session.client.present else None
    reason: Reason = "client_ended" if who == "client" else "reader_ended"
    effective, cut = departure(session, who, now, rules)
    done = end_after_cut(
        session, effective, cut if cut == "reader_left" and who == "client" else reason, now, reason, now
    )
    if who == "client" and session.state == "reconnecting":
        return forsaken_by(session.with_side("client", present=False), done, now + 1, rules)
    return done


def force_end(session: Session, now: Millis) -> Step | None:
    """An admin ends whatever is open."""
    return end(session, now, "admin", now) if session.is_open else None


def safety_stop(session: Session, now: Millis, rules: Rules) -> Step | None:
    """Stop the talk for somebody's safety: a running one pauses, one that has not begun ends."""
    match session.state:
        case "active":
            return pause(session, now, "safety", now, rules)
        case "created" | "waiting":
            return end(session, now, "safety", now)
        case "reconnecting":
            return turn_out(session, now)
        case _:
            return None


def must_pay(funds: Funds) -> None:
    """Raise WalletFrozen, SpendingLimitReached or InsufficientFunds unless a paid second is left or the next minute is
    affordable.
    """
    if funds.frozen:
        raise WalletFrozen
    if funds.lasts <= 0:
        raise SpendingLimitReached if funds.limited else InsufficientFunds


def departure(session: Session, who: Who, at: Millis, rules: Rules) -> tuple[Millis, Reason]:
    """When, and by whose leaving, the talk was over (rule 5): a client does not pay for a reader who fell silent."""
    since = session.running_since if session.running_since is not None else at
    if who == "reader":
        return max(at, since), "reader_left"
    reader = session.reader
    if reader.beat_at is not None and at - reader.beat_at >= reader.stale_after(rules):
        return max(reader.beat_at, since), "reader_left"
    return max(at, since), "client_left"


def step_out(session: Session, who: Who, now: Millis, rules: Rules) -> Step:
    """That side is not here any more, in waiting or reconnecting."""
    side = session.side(who).gone()
    gone = replace(session, client=side, at=now) if who == "client" else replace(session, reader=side, at=now)
    return (forsaken(gone, now, rules) if session.state == "reconnecting" else None) or Step(gone)


def _just_beaten(session: Session, who: Who, now: Millis, rules: Rules) -> bool:
    """Every write holds up the other side's: nobody may crowd out a stop by beating fast."""
    return now - (session.side(who).beat_at or 0) < rules.beat // _QUICKEST_BEATS


def _turn_down(session: Session, reason: Reason, now: Millis) -> Step | None:
    if session.state == "created":
        return end(session, now, reason, now)
    if session.reason == reason:
        return None
    raise _wrong(session)


def _only(who: Who, owner: Who) -> None:
    if who != owner:
        raise Forbidden(f"That is for the {owner} to do.")


def _wrong(session: Session) -> InvalidState:
    return InvalidState(f"The reading is {session.state}.")
