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


def _crockford(number: int) -> str:
    return "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(_ULID_LENGTH)))
