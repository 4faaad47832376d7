"""What Agora tells of who is in the media channel of a voice or video reading (rule 8).

Of one participant only what is newer than the last is heard, by Agora's own sequence: a notice that comes twice, or
late, has been overtaken and changes nothing. A new channel begins a new sequence.
"""

from dataclasses import replace

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.sessions.model.commands import departure, step_out
from chalicelib.sessions.model.moves import meet, pause
from chalicelib.sessions.model.session import Session, Step, Who
from chalicelib.wallet.model.funds import Funds


def entered(session: Session, who: Who, seq: int, at: Millis, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """They came into the channel, so they are present, whatever their app told us: what is talked is paid.

    Heard late in a talk, it tells no more than that they were there at ``at``.
    """
    if not _news(session, who, seq):
        return None
    seen = max(session.side(who).beat_at or 0, min(at, now)) if session.state == "active" else now
    told = session.with_side(who, in_channel=True, notice_seq=seq, told_at=at, told_in=True)
    here = told.with_side(who, present=True, beat_at=seen)
    back = replace(here, state="reconnecting" if session.state == "paused" else session.state, at=now)
    return meet(back, funds, now, rules) or Step(back)


def departed(session: Session, who: Who, seq: int, at: Millis, funds: Funds, now: Millis, rules: Rules) -> Step | None:
    """They left the channel in the second that begins at ``at``, or dropped out of it.

    Agora counts whole seconds: the one who left bears the doubt, so a client is charged to the end of that second and
    a reader paid to its beginning. Heard later than a token lives, it takes back no more than such a life. In the
    second in which the money or the session ends so do their tokens, and Agora puts both out: that is no departure,
    and the stop that is due has its own reason.
    """
    if not _news(session, who, seq):
        return None
    at = min(at, now)
    told = replace(session.with_side(who, in_channel=False, notice_seq=seq, told_at=at, told_in=False), at=now)
    match session.state:
        case "active" if at + SECOND > min(funds.run_out or at + SECOND, session.last_moment(now, rules)):
            there_until = max(at, told.side(who).beat_at or at)
            return Step(told.with_side(who, beat_at=there_until))
        case "active":
            left = max(now - rules.lease, min(now, at + SECOND) if who == "client" else at)
            effective, cut = departure(told, who, left, rules)
            return pause(told, effective, cut, now, rules)
        case "waiting" | "reconnecting":
            return step_out(told, who, now, rules)
        case _:
            return Step(told)


def _news(session: Session, who: Who, seq: int) -> bool:
    heard = session.side(who).notice_seq
    opened = session.state in ("waiting", "active", "paused", "reconnecting")
    return opened and session.modality != "text" and (heard is None or seq > heard)
