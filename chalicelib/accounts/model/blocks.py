"""Whom a person blocked: the two can then not start a reading, book, message, or see each other's posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.time import Millis

MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Block:
    """``person`` blocked ``user``."""

    person: str
    user: str
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Tally:
    """How many a person blocked: what makes the limit hold against many requests at once."""

    count: int = 0
    rev: int = 0


def block(person: str, user: str, tally: Tally, now: Millis) -> Block:
    """One more block. Raises Invalid (oneself), InvalidState beyond 1,000."""
    if person == user:
        raise Invalid("Nobody can block themselves.", ({"field": "user", "message": "another person"},))
    if tally.count >= MOST:
        raise InvalidState(f"You have blocked {MOST} people. Let somebody go first.")
    return Block(person, user, now)
