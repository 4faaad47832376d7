"""Sums by the quarter of an hour, kept from the tables' streams, and how they are read."""

from typing import Final

from chalicelib.dashboards.model.measures import PLATFORM as PLATFORM
from chalicelib.gateways import World
from chalicelib.kernel.time import DAY, MINUTE, Millis

QUARTER: Final[Millis] = 15 * MINUTE
LONGEST: Final[Millis] = 93 * DAY
"""What is read at once."""


def client(user: str) -> str:
    """The subject that a person is as a client."""
    return f"client:{user}"


def reader(user: str) -> str:
    """The subject that a person is as a reader."""
    return f"reader:{user}"


def quarters(world: World, subject: str, since: Millis, until: Millis) -> dict[Millis, dict[str, int]]:
    """What was added from ``since`` to before ``until``, by the beginning of each quarter of an hour in which something
    was. Both are beginnings of quarters, at most 93 days apart: ValueError otherwise. Raises Unavailable.

    A measure that is not named is 0; see ``MEANINGS`` for which there are.
    """
    raise NotImplementedError


def totals(world: World, subject: str) -> dict[str, int]:
    """What was added ever, by measure. One that is not named is 0."""
    raise NotImplementedError
