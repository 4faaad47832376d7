"""Sums by the quarter of an hour, kept from the tables' streams (``folding``), and how they are read.

What was just posted is in them a few seconds later. ``model/measures.py`` says which measures there are.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from chalicelib.dashboards.model.fold import QUARTER, by_quarter, hour
from chalicelib.dashboards.model.measures import PLATFORM, client, reader
from chalicelib.dashboards.store import Builds, Rollups
from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import DAY, Millis

__all__ = ["LONGEST", "PLATFORM", "QUARTER", "builds", "client", "looked", "quarters", "reader", "shown", "totals"]

T = TypeVar("T")

LONGEST: Final[Millis] = 93 * DAY
"""What is read at once."""
_LOOKS: Final = 5


def quarters(sums: Rollups, subject: str, since: Millis, until: Millis) -> dict[Millis, dict[str, int]]:
    """What was added from ``since`` to before ``until``, by the beginning of each quarter of an hour in which something
    was, oldest first. Both are beginnings of quarters, at most 93 days apart: ValueError otherwise. Raises Unavailable.

    A measure that is not named is 0.
    """
    if since % QUARTER or until % QUARTER or not 0 < until - since <= LONGEST:
        raise ValueError(f"not quarters of at most 93 days: {since} to {until}")
    rows = sums.between(subject, hour(since), hour(until - 1))
    return {begins: added for begins, added in by_quarter(rows).items() if since <= begins < until}


def totals(world: World, subject: str) -> dict[str, int]:
    """What was added ever, by measure. One that is not named is 0."""
    return looked(world, lambda sums: sums.total(subject).sums)


def looked(world: World, read: Callable[[Rollups], T]) -> T:
    """What is read of the sums that people are shown, all of it of one build, and of one that was whole meanwhile.

    Those that are shown are thrown away once others are, so while others are being made it is looked again which they
    are. Making them takes longer than a look. Raises Unavailable.
    """
    build = builds(world).now()
    for _ in range(_LOOKS):
        found = read(Rollups(world.tables, world.settings.tables.rollups, build.shown))
        if build.shown == build.kept:
            return found
        was, build = build, builds(world).now()
        if build.shown == was.shown:
            return found
    raise Unavailable


def shown(world: World) -> Rollups:
    """The sums that people are shown."""
    return Rollups(world.tables, world.settings.tables.rollups, builds(world).now().shown)


def builds(world: World) -> Builds:
    """Which sums these are."""
    return Builds(world.tables, world.settings.tables.rollups)
