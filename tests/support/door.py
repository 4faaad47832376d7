"""The product's own routes and handlers on a world that a test hands in, and tables as particular as DynamoDB is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pytest

import app
from chalicelib import gateways
from chalicelib.gateways import World
from chalicelib.runtime import endpoint, secrets
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Item, Key, Operation, Page, Put, Range
from tests.support.memory import KEYS, MemoryTables

LONGEST_PARTITION_KEY: Final = 2_048
LONGEST_SORT_KEY: Final = 1_024
"""Bytes."""


@contextmanager
def product_on(world: World, held: dict[str, dict[str, str]]) -> Iterator[None]:
    """``world`` in place of the one that a function makes of its environment; ``held`` are its secrets by name.

    A bearer token is its subject: who asks is no concern of these tests.
    """
    made = gateways.world
    app.app.every_route()  # a module that is read later would have the world of the environment
    with pytest.MonkeyPatch.context() as patch:
        for module in list(sys.modules.values()):
            if vars(module).get("world") is made and module is not gateways:
                patch.setattr(module, "world", lambda: world)
        patch.setattr(endpoint, "limiter", lambda: None)
        patch.setattr(endpoint, "verifier", lambda: lambda token: Claims(token, None, None))
        patch.setattr(secrets, "secret", held.__getitem__)
        assert vars(app)["world"]() is world
        yield


class PickyTables(MemoryTables):
    """Raises ValueError where DynamoDB answers ValidationException: the product must never let it come so far."""

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        _check_key(table, key)
        return super().get(table, key, consistent=consistent)

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        for key in keys:
            _check_key(table, key)
        return super().get_many(table, keys, consistent=consistent)

    def query(
        self,
        table: str,
        partition: tuple[str, str],
        *,
        index: str | None = None,
        within: Range | None = None,
        newest_first: bool = False,
        limit: int = 100,
        start: Key | None = None,
    ) -> Page:
        _check_text(partition[1])
        if start:
            _check_key(table, start)
            place: Any = start[within.name] if within else None
            if within and not within.low <= place <= within.high:
                raise ValueError("the starting key is outside query boundaries")
        return super().query(
            table, partition, index=index, within=within, newest_first=newest_first, limit=limit, start=start
        )

    def write(self, *operations: Operation) -> None:
        for each in operations:
            _check_key(each.table, each.item if isinstance(each, Put) else each.key)
            _check_text(each.item if isinstance(each, Put) else each.key)
        super().write(*operations)


def _check_key(table: str, key: Key) -> None:
    for name, longest in zip(KEYS[table], (LONGEST_PARTITION_KEY, LONGEST_SORT_KEY), strict=False):
        if len(str(key[name]).encode()) > longest:
            raise ValueError(f"{name} is longer than a key may be")
    _check_text(key)


def _check_text(value: object) -> None:
    """Text that is no UTF-8, a lone surrogate, cannot be sent. Raises ValueError."""
    json.dumps(value, ensure_ascii=False).encode()
