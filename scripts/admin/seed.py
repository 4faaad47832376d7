"""The verb that fills a stage with something to look at."""

from argparse import Namespace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import Millis
from chalicelib.runtime import audit
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, takes_nothing
from scripts.admin.demo import DAYS, NAMES, Demo, subject
from scripts.admin.progress import bar

_SUBJECT: Final = "seed:demo"
_BEGUN: Final = "demo_begun"
_DONE: Final = "demo_made"
_FEW: Final = 10


def seed_demo(world: World, asked: Namespace) -> Plan:
    """Made once: again, it is there already; where it was cut off, it is gone on with."""
    if world.settings.stage != "dev":
        raise InvalidState(f"This is {world.settings.stage}: demo data is for the local stack and for dev.")

    def act(operator: str, reason: str) -> Answer:
        begun = _noted(world, _BEGUN, operator, reason)
        demo = Demo(world, begun, operator, reason)
        steps = demo.steps()
        with bar(asked, "a month of SoulSeer", len(steps)) as advance:
            for step in steps:
                step()
                advance(1)
        _noted(world, _DONE, operator, reason)
        return Answer([_facts(world, name) for name in NAMES])

    will = f"make six readers, four clients, and what they did in the last {DAYS} days; no card and no address is used"
    there = f"Nothing to do: it is there already. Who to sign in as: {', '.join(map(subject, NAMES))}."
    return Plan(() if _when(world, _DONE) else (will,), act, there)


def _facts(world: World, name: str) -> Facts:
    return {"name": name, "id": accounts.person_id(world, subject(name)), "sub": subject(name)}


def _noted(world: World, action: str, operator: str, reason: str) -> Millis:
    """When it was done for the first time: now, unless it was before."""
    if at := _when(world, action):
        return at
    table, now = world.settings.tables.audit, world.now()
    world.tables.write(audit.entry(table, subject=_SUBJECT, action=action, actor=operator, reason=reason, at=now))
    return now


def _when(world: World, action: str) -> Millis | None:
    rows = audit.newest(world.tables, world.settings.tables.audit, _SUBJECT, _FEW)
    return min((row["at"] for row in rows if row["action"] == action), default=None)


VERBS: Final = (
    Verb(
        "seed",
        "demo",
        "Fill the local stack, or dev, with a month of readers, clients, readings, streams, words and things.",
        (f"seed demo --local {WHY}", f"seed demo --stage dev {WHY}"),
        takes_nothing,
        seed_demo,
        changes=True,
    ),
)
