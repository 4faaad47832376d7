"""Opaque cursors of lists: where the next page starts, bound to the list it was given for.

A cursor carries the storage key of the last item shown and a digest of it and its ``scope`` (the list and its
owner). A cursor that was damaged or given for another list is refused with 422. The digest has no secret, so a cursor
is no permission and no proof: whoever reads one says what its key must look like, and gives the partition itself.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from chalicelib.kernel.errors import Invalid

_DIGEST_BYTES: Final = 12
_LONGEST: Final = 1024
_LARGEST: Final = 2**53


def encode(key: dict[str, Any], scope: str) -> str:
    """The cursor for a storage key of strings and ints, in URL-safe characters."""
    payload = json.dumps(key, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_digest(payload, scope) + payload).decode().rstrip("=")


AN_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
"""What an id in a key looks like that is not known beforehand."""
Expected = str | re.Pattern[str] | type[str] | type[int]
Shape = Mapping[str, Expected]
"""What a key must hold, by name: this very value, text that is as a whole of this pattern, or any of this type."""


def decode(cursor: str, scope: str, shape: Shape) -> dict[str, Any]:
    """The storage key that ``encode`` was given with the same scope, if it has ``shape``. Raises Invalid."""
    try:
        return _opened(cursor, scope, shape)
    except (ValueError, RecursionError):
        raise Invalid(errors=({"field": "cursor", "message": "Not a cursor of this list."},)) from None


def _opened(cursor: str, scope: str, shape: Shape) -> dict[str, Any]:
    if len(cursor) > _LONGEST:
        raise ValueError("longer than any cursor of ours")
    raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if digest != _digest(payload, scope):
        raise ValueError("not a cursor of this list")
    key = json.loads(payload)
    if not isinstance(key, dict) or key.keys() != shape.keys():
        raise ValueError("not a key of this list")
    if not all(_fits(key[name], expected) for name, expected in shape.items()):
        raise ValueError("not a key of this list")
    return key


def _fits(value: object, expected: Expected) -> bool:
    if isinstance(expected, str):
        return value == expected
    if isinstance(expected, re.Pattern):
        return isinstance(value, str) and expected.fullmatch(value) is not None
    if type(value) is not expected:  # a bool is no int here
        return False
    if isinstance(value, str):
        return value.encode() != b""  # ValueError for a lone surrogate, which no table takes
    return isinstance(value, int) and abs(value) <= _LARGEST


def _digest(payload: bytes, scope: str) -> bytes:
    return hashlib.sha256(f"cursor:{len(scope)}:{scope}:".encode() + payload).digest()[:_DIGEST_BYTES]
