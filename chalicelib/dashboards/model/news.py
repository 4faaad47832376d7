"""What a record of a stream says that there is news of. Pure: what is new is read where it is, never here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Chain:
    """An account of the ledger has more entries."""

    account: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A journal of the platform's has one more fact."""

    account: str
    key: str


@dataclass(frozen=True, slots=True)
class Came:
    """A person is new."""

    user: str


@dataclass(frozen=True, slots=True)
class Stands:
    """A reader is new, or stands elsewhere."""

    user: str


News = Chain | Posted | Came | Stands
Source = Literal["ledger", "accounts", "readers"]

_JOURNAL = "platform:"
_RECEIPT = "receipt:"
_PROFILE = "profile"


def news_of(source: Source, key: Mapping[str, str]) -> News | None:
    """What the row of that ``key`` is news of; None for one that nothing is summed of."""
    if source == "ledger":
        account = key["account"]
        if account.startswith(_RECEIPT):
            return None
        return Posted(account, key["seq"]) if account.startswith(_JOURNAL) else Chain(account)
    if key["sk"] != _PROFILE:
        return None
    return Came(key["pk"]) if source == "accounts" else Stands(key["pk"])


def key_of(keys: Mapping[str, Any]) -> dict[str, str]:
    """A key as a stream's record has it, in plain values."""
    return {name: value["S"] for name, value in keys.items()}
