"""Which rows the services write, and what they post: noted while the unit tests run, and compared with
docs/data-model.md, and with what dashboards sum up, at their end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from chalicelib.runtime.tables import Item
from tests.support.documents import document
from tests.support.kinds import posted_as
from tests.support.memory import KEYS

PAGE: Final = document("docs/data-model.md")
STAND_IN: Final = re.compile(r"\{\w+\}")
_WORD: Final = re.compile(r"(\d+#)?[a-z]*")
"""How a kind of row begins, behind the number of a build of sums."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows of one kind, as the page tells of them: their key with stand-ins, and all attributes that they may have."""

    table: str
    key: tuple[str, ...]
    attributes: frozenset[str]

    def fits(self, key: tuple[str, ...]) -> bool:
        return len(key) == len(self.key) and all(map(_fits, self.key, key))

    @property
    def literal(self) -> int:
        """How much of its key is no stand-in: of several that fit, the one with most is meant."""
        return sum(len(STAND_IN.sub("", part)) for part in self.key)


def _fits(told: str, seen: str) -> bool:
    parts = STAND_IN.split(told)
    return re.fullmatch(".*".join(map(re.escape, parts)), seen, re.DOTALL) is not None


def shape_of(shapes: list[Shape], key: tuple[str, ...]) -> Shape | None:
    """The one that a row of their table has."""
    return max((each for each in shapes if each.fits(key)), key=lambda each: each.literal, default=None)


@dataclass
class Seen:
    """A row for each kind of key and set of attributes; and all that was posted."""

    rows: dict[tuple[object, ...], tuple[str, ...]] = field(default_factory=dict)
    posted: set[tuple[str, str]] = field(default_factory=set)

    def note(self, table: str, item: Item) -> None:
        """Cheap: it is told of each write. Keys of one kind begin alike."""
        key = tuple(str(item[name]) for name in KEYS[table])
        begins = tuple(_WORD.match(part)[0] for part in key)  # type: ignore[index]  # it matches nothing at least
        self.rows.setdefault((table, begins, tuple(sorted(item))), key)
        if table == "ledger" and (posted := posted_as(item)):
            self.posted.add(posted)
