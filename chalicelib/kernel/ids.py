"""Prefixed ULIDs (https://github.com/ulid/spec): ``ses_01JD…`` sorts by time and cannot be guessed.

An id that a retry must mint again is *derived* from the facts that make the thing what it is.
"""

import hashlib
import secrets
from typing import Final

from chalicelib.kernel.time import Millis

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS: Final = 80
_ULID_BITS: Final = 128
_ULID_LENGTH: Final = 26


def new_id(prefix: str, now: Millis) -> str:
    """A fresh id: 48 bits of time, 80 random bits from the operating system."""
    return f"{prefix}_{_crockford(now << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))}"


def derived_id(prefix: str, *facts: str) -> str:
    """The same id for the same facts, for ever: 128 bits of their SHA-256.

    The facts are length-prefixed, so ``("a", "bc")`` and ``("ab", "c")`` differ.
    """
    digest = hashlib.sha256("".join(f"{len(fact)}:{fact}" for fact in facts).encode()).digest()
    return f"{prefix}_{_crockford(int.from_bytes(digest[: _ULID_BITS // 8], 'big'))}"


def dated_id(prefix: str, at: Millis, *facts: str) -> str:
    """The same id for the same moment and facts, for ever, in the order of the moments: 80 bits are of the facts."""
    digest = hashlib.sha256("".join(f"{len(fact)}:{fact}" for fact in facts).encode()).digest()
    return of_number(prefix, at << _RANDOM_BITS | int.from_bytes(digest[: _RANDOM_BITS // 8], "big"))


def moment_of(prefix: str, written: str) -> Millis:
    """The moment of a fresh or dated id. Raises ValueError for what is none with that prefix."""
    return to_number(prefix, written) >> _RANDOM_BITS


def first_at(prefix: str, at: Millis) -> str:
    """What sorts no later than any id of that moment, and later than any before it."""
    return of_number(prefix, at << _RANDOM_BITS)


def to_number(prefix: str, written: str) -> int:
    """The 128 bits of an id of ours. Raises ValueError for what is none with that prefix."""
    start, _, ulid = written.partition("_")
    if start != prefix or len(ulid) != _ULID_LENGTH or any(letter not in _CROCKFORD for letter in ulid):
        raise ValueError(f"no id of {prefix}")
    number = 0
    for letter in ulid:
        number = number << 5 | _CROCKFORD.index(letter)
    if number >> _ULID_BITS:
        raise ValueError(f"no id of {prefix}")
    return number


def of_number(prefix: str, number: int) -> str:
    """The id that has those 128 bits."""
    return f"{prefix}_{_crockford(number)}"


def _crockford(number: int) -> str:
    return "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(_ULID_LENGTH)))
