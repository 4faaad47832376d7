"""The verb of the audit log: who did what to whom, when and why."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.time import rfc3339
from chalicelib.runtime import audit
from scripts.admin.asking import Answer, Facts, Verb, takes_limit

_SUBJECT: Final = re.compile(r"[A-Za-z0-9_:.#-]{1,200}")


def show_log(world: World, asked: Namespace) -> Answer:
    """Newest first. What nobody did anything to has no rows."""
    return Answer(rows_on(world, asked.subject, asked.limit))


def rows_on(world: World, subject: str, limit: int) -> list[Facts]:
    """The newest rows on a subject."""
    return [_facts(each) for each in audit.newest(world.tables, world.settings.tables.audit, subject, limit)]


def record_look(world: World, asked: Namespace, subject: str, action: str) -> None:
    """Write down who looks at what is somebody's own, and why, before it is shown. Raises Invalid without a reason."""
    if not asked.reason:
        raise Invalid(errors=({"field": "reason", "message": "say why, with --reason: this look is recorded"},))
    table, now = world.settings.tables.audit, world.now()
    said = audit.entry(table, subject=subject, action=action, actor=asked.operator(), reason=asked.reason, at=now)
    world.tables.write(said)


def _facts(row: dict[str, Any]) -> Facts:
    return {
        "at": rfc3339(row["at"]),
        "action": row["action"],
        "by": row["actor"],
        "reason": row["reason"],
        "detail": row["detail"],
    }


def _subject(written: str) -> str:
    if not _SUBJECT.fullmatch(written):
        raise ArgumentTypeError("write an id such as usr_…, ses_…, ord_… or str_…, or a subject such as payouts")
    return written


def _takes_subject(parser: ArgumentParser) -> None:
    about = "whom or what it was done to: usr_…, ses_…, ord_…, str_…, payouts, pack:…"
    parser.add_argument("subject", type=_subject, metavar="SUBJECT", help=about)
    takes_limit(parser)


VERBS: Final = (
    Verb(
        "audit",
        "show",
        "Show what was done to a person or a thing, by whom and why, newest first.",
        ("audit show usr_… --stage prod", "audit show ses_… --limit 100 --local --json"),
        _takes_subject,
        show_log,
    ),
)
