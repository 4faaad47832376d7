"""What was exported and brought back here: the audit log says it, and tells a restore that stopped half-way."""

from dataclasses import dataclass
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime import audit
from chalicelib.runtime.tables import Item

BACKUPS: Final = "backups"
STAGE: Final = "stage"
"""The subjects of what is said here."""

_NEWEST: Final = 100


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A restore that was begun and has not ended."""

    backup: str
    done: frozenset[str]
    """Tables that are whole."""


def told(world: World) -> list[Item]:
    """The newest hundred acts on backups."""
    return world.tables.query(world.settings.tables.audit, ("pk", BACKUPS), newest_first=True, limit=_NEWEST).items


def unfinished(world: World) -> Unfinished | None:
    """The restore that is under way, if one is."""
    done = set[str]()
    for row in told(world):
        match row["action"]:
            case "restored":
                return None
            case "table_restored":
                done.add(row["detail"]["table"])
            case "restore_began":
                return Unfinished(row["detail"]["backup"], frozenset(done))
    return None


def brought_back_at(world: World) -> Millis | None:
    """When a backup was begun to be brought back here for the last time: what left the house before that, and after
    its moment, nobody here knows of.
    """
    return next((int(row["at"]) for row in told(world) if row["action"] == "restore_began"), None)


def say(world: World, action: str, operator: str, reason: str, subject: str = BACKUPS, **detail: str | int) -> None:
    """Put it into the audit log."""
    table = world.settings.tables.audit
    world.tables.write(
        audit.entry(table, subject=subject, action=action, actor=operator, reason=reason, at=world.now(), detail=detail)
    )
