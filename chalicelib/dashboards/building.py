"""Making the sums anew beside those that are shown.

While new sums are made, what happens is added to them alone, and people are shown the old ones as they were; at the end
they are shown the new ones. So a rebuild may be stopped anywhere, and repeated: it goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from chalicelib.dashboards.folding import fold
from chalicelib.dashboards.model.news import News, Source, news_of
from chalicelib.dashboards.rollups import builds
from chalicelib.dashboards.store import Build, of_build
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import DAY
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import MOST_OPERATIONS, Advance, Delete, pages

KEYS: Final[dict[Source, tuple[str, str]]] = {
    "ledger": ("account", "seq"),
    "accounts": ("pk", "sk"),
    "readers": ("pk", "sk"),
}
"""What is summed, and the names of its keys."""


def rebuild(world: World, advance: Advance, *, actor: str, reason: str) -> Build:
    """Make the sums anew, or go on with those that were begun; show them, and throw the old ones away. Audited.

    Raises InvalidState where something could not be summed: then the old ones are still shown.
    """
    begun = builds(world).now()
    if begun.kept == begun.shown:
        begun = replace(begun, kept=begun.kept + 1, since=world.now())
        begun = _changed(world, begun, "rollups_begun", actor, reason)
    failed = 0
    for source, names in KEYS.items():
        for page in pages(world.tables, getattr(world.settings.tables, source), advance):
            news = (news_of(source, {name: item[name] for name in names}) for item in page)
            failed += len(_folded(world, [each for each in news if each]))
    if failed:
        raise InvalidState(f"{failed} chains or facts could not be summed: the log above says which, and why.")
    done = _changed(world, replace(begun, shown=begun.kept, since=0), "rollups_rebuilt", actor, reason)
    _forget_older(world, done.shown, advance)
    return done


def _folded(world: World, news: Sequence[News]) -> list[News]:
    return fold(world, news, lambda: DAY)


def _changed(world: World, build: Build, action: str, actor: str, reason: str) -> Build:
    """The build as it is then, audited. Raises ConditionFailed where somebody else was at it."""
    said = audit.entry(
        world.settings.tables.audit,
        subject="rollups",
        action=action,
        actor=actor,
        reason=reason,
        at=world.now(),
        detail={"shown": build.shown, "kept": build.kept},
    )
    world.tables.write(builds(world).change(build), said)
    return replace(build, rev=build.rev + 1)


def _forget_older(world: World, build: int, advance: Advance) -> None:
    """Delete the rows of builds before this one."""
    table, old = world.settings.tables.rollups, list[Delete]()
    for page in pages(world.tables, table, advance):
        for item in page:
            if (found := of_build(item)) and found[0] < build:
                old.append(Delete(table, {"pk": item["pk"], "sk": item["sk"]}))
        while len(old) >= MOST_OPERATIONS:
            _delete(world, old[:MOST_OPERATIONS])
            del old[:MOST_OPERATIONS]
    if old:
        _delete(world, old)


def _delete(world: World, some: Sequence[Delete]) -> None:
    undisturbed(world.sleep, partial(world.tables.write, *some))
