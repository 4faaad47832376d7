"""The verbs of readings. Money is in cents."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Session
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_id


def show_session(world: World, asked: Namespace) -> Answer:
    """As stored: looking does not bring it up to date."""
    return Answer([_session_facts(sessions.load(world, asked.session))])


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
        **{name: rfc3339(at) if (at := getattr(session, name)) is not None else None for name in moments},
        "pauses": session.pauses,
        "refunded": session.refunded,
        "earned": session.earned,
        "review": session.review,
        "rev": session.rev,
    }


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
