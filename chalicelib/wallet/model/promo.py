"""Promotional codes (product §4): who may redeem one, how often, and how many guesses a person has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.errors import AlreadyDone, Invalid, LinkExpired, RateLimited
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, Millis

MOST_CENTS: Final[Cents] = 50_000
MOST_DAYS: Final = 365
MOST_PER_PERSON: Final = 10
MOST_IN_ALL: Final = 1_000_000
LONGEST: Final = 2 * 366 * DAY
"""How far ahead a code may be valid."""
TRIES: Final = 10
"""Wrong guesses that a person has in an hour."""

_CODE: Final = re.compile(r"[A-Za-z0-9-]{4,32}")


@dataclass(frozen=True, slots=True)
class Code:
    """``amount`` cents for who redeems it before ``valid_until``, to be spent within ``days`` days of that."""

    code: str
    amount: Cents
    valid_until: Millis
    days: int
    per_person: int
    total: int
    """How often it may be redeemed in all."""
    created_at: Millis
    used: int = 0
    stopped: bool = False
    rev: int = 0


@dataclass(frozen=True, slots=True)
class Tries:
    """Guesses of one person since ``since`` that were wrong, or are not known yet."""

    since: Millis = 0
    count: int = 0
    last: str = ""
    """The request that guessed last: no two rows that count one more are alike, so each counts."""
    rev: int = 0


def normalised(written: str) -> str | None:
    """The code that somebody wrote, however they wrote it; None for what can be none."""
    code = written.strip()
    return code.upper() if _CODE.fullmatch(code) else None


def made(code: Code) -> Code:
    """A new code. Raises Invalid."""
    most = {"amount": MOST_CENTS, "days": MOST_DAYS, "per_person": MOST_PER_PERSON, "total": MOST_IN_ALL}
    errors = [
        {"field": name, "message": f"from 1 to {limit}"}
        for name, limit in most.items()
        if not 1 <= getattr(code, name) <= limit
    ]
    if normalised(code.code) != code.code:
        errors.append({"field": "code", "message": "4 to 32 capital letters, digits and hyphens"})
    if not code.created_at < code.valid_until <= code.created_at + LONGEST:
        errors.append({"field": "valid_until", "message": "a moment to come, within two years"})
    if errors:
        raise Invalid(errors=tuple(errors))
    return code


def redeemed(code: Code, by_person: int, now: Millis) -> Code:
    """The code after somebody who redeemed it ``by_person`` times redeems it. Raises AlreadyDone, LinkExpired."""
    if by_person >= code.per_person:
        raise AlreadyDone("You have used this code already.")
    if code.stopped or now >= code.valid_until or code.used >= code.total:
        raise LinkExpired("This code is no longer valid.")
    return replace(code, used=code.used + 1)


def may_guess(tries: Tries, now: Millis) -> None:
    """Raises RateLimited after ten wrong guesses within an hour of the first."""
    if tries.count >= TRIES and now < tries.since + HOUR:
        raise RateLimited("Too many wrong codes. Try again in an hour.", tries.since + HOUR - now)


def guessed(tries: Tries, request: str, now: Millis) -> Tries:
    """The guesses with one more."""
    if now >= tries.since + HOUR:
        return replace(tries, since=now, count=1, last=request)
    return replace(tries, count=tries.count + 1, last=request)


def not_wrong(tries: Tries, taken: Tries) -> Tries:
    """The guesses without the one that was ``taken``; as they are where it is not counted any more."""
    given = f"not {taken.last}"
    if tries.since != taken.since or tries.last == given:
        return tries
    return replace(tries, count=max(0, tries.count - 1), last=given)
