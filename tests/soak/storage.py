"""A function's way to storage, and what can go wrong on it.

The tables are those of the histories, in memory. A simulation reaches them either straight, through ``Storage``, or
through the product's own ``DynamoTables`` on a real botocore client, whose requests are answered by ``wire``: there
the client's retries, its errors and its parsing take part.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, TypeVar

from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime.tables import Contended, Item, Key, Operation, Page, Range
from tests.property.tables import Crash, SwiftTables
from tests.soak.chances import Chances
from tests.soak.findings import Finding
from tests.soak.timeline import Timeline

T = TypeVar("T")

WRITES: Final = ("PutItem", "DeleteItem", "TransactWriteItems")
_REFUSALS: Final = ("throttled", "storage in error", "request to storage lost")
_PAGES_KEPT: Final = 3


class Shelf(SwiftTables):
    """The tables, and what the tick's index showed a while ago: an index may be behind."""

    _old: list[dict[tuple[object, ...], Item]]

    def keep_page(self) -> None:
        """Remember what the index shows now."""
        kept = [*getattr(self, "_old", []), dict(self.rows["sessions"])]
        self._old = kept[-_PAGES_KEPT:]

    def old(self) -> SwiftTables:
        """The sessions as they were then."""
        then = SwiftTables()
        then.rows["sessions"] = self._old[0] if getattr(self, "_old", []) else self.rows["sessions"]
        return then


class Trouble:
    """What one call meets on its way to storage. ``deadline`` is when the function is killed."""

    def __init__(self, timeline: Timeline, chances: Chances, deadline: Millis) -> None:
        self.deadline = deadline
        self.raced = False
        """Time passed within the call, so that others may have acted."""
        self.disturbed = False
        """Storage did not answer as it should."""
        self._timeline = timeline
        self._chances = chances

    def around(self, operation: str, effect: Callable[[], T], refuse: Callable[[str], Any]) -> T:
        """Carry a request out. ``refuse`` answers in its stead, or raises what the caller of storage would see."""
        chances, writes = self._chances, operation in WRITES
        if chances("call slow"):
            self.take(chances.span("call slow", 1, 6 * SECOND))
        if self._timeline.now >= self.deadline or (writes and chances("crash before a write")):
            raise Crash
        for kind in (*_REFUSALS, "transaction conflict") if writes else _REFUSALS:
            if chances(kind):
                self.disturbed = True
                refused: T = refuse(kind)
                return refused
        try:
            answer = effect()
        except AssertionError as error:
            raise Finding(_told(error)) from error
        if writes and chances("crash after a write"):
            raise Crash
        if chances("answer of storage lost"):
            self.disturbed = True
            answer = refuse("answer of storage lost")
        return answer

    def take(self, millis: Millis) -> None:
        """The call takes so long; others act meanwhile."""
        self.raced = True
        self._timeline.pass_time(millis)

    def reads_old_page(self) -> bool:
        """Whether the index is behind."""
        return self._chances("tick reads an old page")


class Storage:
    """``Tables`` for one call, straight to the shelf."""

    def __init__(self, shelf: Shelf, trouble: Trouble) -> None:
        self._shelf = shelf
        self._trouble = trouble

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        return self._trouble.around("GetItem", lambda: self._shelf.get(table, key, consistent=consistent), _contended)

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[Item | None]:
        return self._trouble.around(
            "BatchGetItem", lambda: self._shelf.get_many(table, keys, consistent=consistent), _contended
        )

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
        def effect() -> Page:
            shelf = self._shelf.old() if index == "open" and self._trouble.reads_old_page() else self._shelf
            return shelf.query(
                table, partition, index=index, within=within, newest_first=newest_first, limit=limit, start=start
            )

        return self._trouble.around("Query", effect, _contended)

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        return self._trouble.around("Scan", lambda: self._shelf.scan(table, start=start), _contended)

    def write(self, *operations: Operation) -> None:
        kind = "PutItem" if len(operations) == 1 else "TransactWriteItems"
        self._trouble.around(kind, lambda: self._shelf.write(*operations), _contended)


def _contended(kind: str) -> NoReturn:
    raise Contended(kind)


def _told(error: AssertionError) -> str:
    """The rule that does not hold: the assertion's own words, and the line it stands in."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{place.name}: {place.line} {error}".strip()
