"""Opaque cursors of lists: where the next page starts, bound to the list it was given for.

A cursor carries the storage key of the last item shown and a digest of it and its ``scope`` (the list and its
owner). A cursor that was damaged, made up, or given for another list is refused with 422. It is no permission:
the query's partition is always computed from the caller and never taken from a cursor.
"""

import base64
import hashlib
import json
from typing import Any, Final

from chalicelib.kernel.errors import Invalid

_DIGEST_BYTES: Final = 12
_LONGEST: Final = 1024


def encode(key: dict[str, Any], scope: str) -> str:
    """The cursor for a storage key of strings and ints, in URL-safe characters."""
    payload = json.dumps(key, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_digest(payload, scope) + payload).decode().rstrip("=")


def decode(cursor: str, scope: str) -> dict[str, Any]:
    """The storage key that ``encode`` was given with the same scope. Raises Invalid."""
    try:
        return _opened(cursor, scope)
    except (ValueError, RecursionError):
        raise Invalid(errors=({"field": "cursor", "message": "Not a cursor of this list."},)) from None


def _opened(cursor: str, scope: str) -> dict[str, Any]:
    if len(cursor) > _LONGEST:
        raise ValueError("longer than any cursor of ours")
    raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if digest != _digest(payload, scope):
        raise ValueError("not a cursor of this list")
    key = json.loads(payload)
    if not (isinstance(key, dict) and all(isinstance(value, str | int) for value in key.values())):
        raise ValueError("not a storage key")
    return key


def _digest(payload: bytes, scope: str) -> bytes:
    return hashlib.sha256(f"cursor:{len(scope)}:{scope}:".encode() + payload).digest()[:_DIGEST_BYTES]
