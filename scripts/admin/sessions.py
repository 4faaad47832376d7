"""The verbs of readings. Money is in cents."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.operations.model.adjustment import division
from chalicelib.sessions import service as sessions
from chalicelib.sessions import settling, timeline
from chalicelib.sessions.model.session import REVIEW, Session
from scripts.admin.adjustments import by_hand
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, an_id, takes_limit

_WIDTH: Final = 5
"""Of the bar that is the client's credit: with it a timeline is a table on 80 columns."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
"""Of a full block, from none to seven."""
_IN_A_LIST: Final = ("id", "state", "reason", "client", "reader", "modality", "rate", "created_at", "review")


def show_session(world: World, asked: Namespace) -> Answer:
    """As stored: looking does not bring it up to date."""
    return Answer([_session_facts(sessions.load(world, asked.session))])


def list_sessions(world: World, asked: Namespace) -> Answer:
    """Newest first, as stored; without a person, those that are open or not settled yet."""
    if asked.state == REVIEW:
        found = settling.in_review(world, asked.limit)
        if asked.user:
            found = [each for each in found if asked.user in (each.client.user, each.reader.user)]
    elif asked.user:
        found = timeline.of_person(world, asked.user, asked.state, asked.limit)
    else:
        found = timeline.open_ones(world, asked.state, asked.limit)
    return Answer([{name: facts[name] for name in _IN_A_LIST} for facts in map(_session_facts, found)])


def show_timeline(world: World, asked: Namespace) -> Answer:
    """As stored: looking does not bring it up to date. Of beats and of Agora's notices each side's last is kept."""
    session, lines = timeline.timeline(world, asked.session)
    held = [line.credit for line in lines if line.credit is not None]
    shown = [
        {
            "at": rfc3339(line.at),
            "book": line.source,
            "what": line.what,
            "amount": line.amount,
            "credit": line.credit,
            "": _bar(line.credit, held),
            "name": line.name,
        }
        for line in lines
    ]
    return Answer([_session_facts(session) | {"timeline": shown}])


def settle_session(world: World, asked: Namespace) -> Plan:
    """The platform has what nobody else has. Above a limit a second person approves."""
    if asked.earned is None and asked.refund is None:
        raise Invalid(errors=({"field": "earned", "message": "say --earned, or --refund, or both"},))
    session = sessions.load(world, asked.session)
    earned, refunded = asked.earned or 0, asked.refund or 0
    if settling.is_settled(world, session, earned=earned, refunded=refunded):
        return Plan()
    found = settling.check(world, session, earned=earned, refunded=refunded)
    client, reader = session.client.user, session.reader.user
    change = division(session.id, client, reader, held=found.held, earned=earned, refunded=refunded)
    will = (
        f"divide {found.held} cents of {session.id}; its minutes say {found.by_minutes}, its time {found.by_time}",
        f"give {earned} cents of it to the reader {reader}",
        f"give {refunded} cents of it back to the client {client}",
        f"let the platform have the other {found.held - earned - refunded} cents",
    )
    return by_hand(world, asked, change, will, lambda: _session_facts(sessions.load(world, session.id)))


def _bar(credit: Cents | None, among: Sequence[Cents]) -> str | None:
    """An eighth of a block for the least that there was, all of them for the most."""
    if credit is None:
        return None
    least, most = min(among), max(among)
    eighths = 1 + (8 * _WIDTH - 1) * (credit - least) // max(1, most - least)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def force_end(world: World, asked: Namespace) -> Plan:
    """Nothing to do for one that has ended."""
    session = sessions.load(world, asked.session)

    def act(operator: str, reason: str) -> Answer:
        ended = sessions.force_end(world, session.id, actor=operator, note=reason)
        return Answer([_session_facts(ended.session)])

    return Plan((f"end the reading {session.id}, now {session.state}, for good",) if session.is_open else (), act)


def safety_stop(world: World, asked: Namespace) -> Plan:
    """The rules decide what becomes of it: a running one pauses."""
    session = sessions.load(world, asked.session)

    def act(operator: str, reason: str) -> Answer:
        stopped = sessions.safety_stop(world, session.id, actor=operator, note=reason)
        return Answer([_session_facts(stopped.session)])

    return Plan((f"stop the reading {session.id}, now {session.state}, for safety",) if session.is_open else (), act)


def _session_facts(session: Session) -> Facts:
    moments = ("created_at", "accepted_at", "started_at", "ended_at", "finalized_at")
    return {
        "id": session.id,
        "state": session.state,
        "reason": session.reason,
        "client": session.client.user,
        "reader": session.reader.user,
        "modality": session.modality,
        "rate": session.rate,
        **{name: rfc3339_or_none(getattr(session, name)) for name in moments},
        "pauses": session.pauses,
        "refunded": session.refunded,
        "earned": session.earned,
        "review": session.review,
        "rev": session.rev,
    }


def _takes_which(parser: ArgumentParser) -> None:
    parser.add_argument("--state", choices=(*timeline.OPEN, REVIEW), help="only these; review: nobody was paid")
    parser.add_argument("--user", type=an_id, metavar="USER", help="only readings of this person, finalized ones too")
    takes_limit(parser)


def _takes_division(parser: ArgumentParser) -> None:
    _takes_session(parser)
    parser.add_argument("--earned", type=a_number, metavar="CENTS", help="what the reader has of it")
    parser.add_argument("--refund", type=a_number, metavar="CENTS", help="what goes back to the client")


def _takes_session(parser: ArgumentParser) -> None:
    parser.add_argument("session", type=an_id, metavar="ID", help="the reading's id, ses_…")


VERBS: Final = (
    Verb(
        "sessions",
        "show",
        "Show a reading as it is stored. Money is in cents.",
        ("sessions show ses_… --stage prod", "sessions show ses_… --local --json"),
        _takes_session,
        show_session,
    ),
    Verb(
        "sessions",
        "list",
        "List readings: those that are open or not settled, or those of a person. Money is in cents.",
        (
            "sessions list --stage prod",
            "sessions list --state review --stage prod",
            "sessions list --user usr_… --limit 10 --local --json",
        ),
        _takes_which,
        list_sessions,
    ),
    Verb(
        "sessions",
        "timeline",
        "Show all that is known of a reading, line by line, with the client's credit beside it. Money is in cents.",
        ("sessions timeline ses_… --stage prod",),
        _takes_session,
        show_timeline,
    ),
    Verb(
        "sessions",
        "settle",
        "Divide what a reading took whose settlement did not add up; the platform has the rest. Money is in cents.",
        (
            f"sessions settle ses_… --earned 1750 --stage prod {WHY}",
            f"sessions settle ses_… --refund 2500 --stage prod {WHY}",
        ),
        _takes_division,
        settle_session,
        changes=True,
    ),
    Verb(
        "sessions",
        "force-end",
        "End a reading for good; it is settled as the rules say.",
        (f"sessions force-end ses_… --stage prod {WHY}",),
        _takes_session,
        force_end,
        changes=True,
    ),
    Verb(
        "sessions",
        "safety-stop",
        "Pause a running reading for somebody's safety.",
        (f"sessions safety-stop ses_… --stage prod {WHY}",),
        _takes_session,
        safety_stop,
        changes=True,
    ),
)
