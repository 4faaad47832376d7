"""The rollups table.

``build`` / ``build``                        which sums are shown, and which are kept up
``{n}#{subject}`` / ``2026-11-26T14``        what an hour added
``{n}#{subject}`` / ``total``                all that ever was, and how far the subject's chains are summed
``{n}#{stream's account}`` / ``total``       how far that chain is summed
``{n}#{journal}`` / the fact                 that it was counted
``{n}#person:{user}`` / ``total``            that they were counted
``{n}#standing:{user}`` / ``total``          as what a reader was counted last

``n`` is the build: sums can be made anew beside those that are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.dashboards.model.fold import TOTAL, Place, Row
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import MOST_KEYS, Absent, Equals, Item, Key, Put, Range, Tables

_BUILD: Final[Key] = {"pk": "build", "sk": "build"}
_PAGE: Final = 1_000
_MOST_PAGES: Final = 20
_MOST_EVER: Final = 10_000
"""Pages of all the hours of a subject: a busy platform fills some thirty a year."""


@dataclass(frozen=True, slots=True)
class Build:
    """Which sums are shown to people, and which are kept up: the same, unless others are being made beside them."""

    shown: int = 1
    kept: int = 1
    rev: int = 0
    since: Millis = 0
    """When those others were begun; 0 where there are none. What was posted before was summed before."""


class Builds:
    """Reads which build it is, and says which operation would change that."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def now(self) -> Build:
        """The build, strongly consistent."""
        item = self._tables.get(self._name, _BUILD)
        return Build(item["shown"], item["kept"], item["rev"], item.get("since", 0)) if item else Build()

    def change(self, build: Build) -> Put:
        """Puts it in the place of the one with the same rev."""
        item = _BUILD | {"shown": build.shown, "kept": build.kept, "since": build.since, "rev": build.rev + 1}
        return Put(self._name, item, when=(Equals("rev", build.rev) if build.rev else Absent("pk"),))


class Rollups:
    """Reads the rows of one build, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str, build: int) -> None:
        self._tables = tables
        self._name = name
        self._build = build

    def read(self, places: Collection[Place]) -> dict[Place, Row]:
        """The rows at these places, each strongly consistent; one that is not there has nothing. Raises Contended."""
        wanted, found = sorted(places), dict[Place, Row]()
        for first in range(0, len(wanted), MOST_KEYS):
            some = wanted[first : first + MOST_KEYS]
            items = self._tables.get_many(self._name, [self._key(each) for each in some])
            found |= {place: _row(place, item) for place, item in zip(some, items, strict=True)}
        return found

    def put(self, row: Row) -> Put:
        """Puts the row in the place of the one with the same rev."""
        item = self._key(row.place) | {"sums": dict(row.sums), "through": dict(row.through), "rev": row.rev + 1}
        return Put(self._name, item, when=(Equals("rev", row.rev) if row.rev else Absent("pk"),))

    def total(self, subject: str) -> Row:
        """All that was ever added."""
        place = Place(subject, TOTAL)
        return _row(place, self._tables.get(self._name, self._key(place)))

    def between(self, subject: str, first: str, last: str) -> list[Row]:
        """The rows of the hours ``first`` to ``last``, oldest first. Raises Unavailable where that is too much."""
        return list(self._hours(subject, first, last, _MOST_PAGES))

    def hours(self, subject: str) -> Iterator[Row]:
        """The rows of all hours, oldest first, for the command line."""
        return self._hours(subject, "0", "9", _MOST_EVER)

    def _hours(self, subject: str, first: str, last: str, most: int) -> Iterator[Row]:
        start: Key | None = None
        pk = self._key(Place(subject, TOTAL))["pk"]
        for _ in range(most):
            page = self._tables.query(self._name, ("pk", pk), within=Range("sk", first, last), limit=_PAGE, start=start)
            yield from (_row(Place(subject, item["sk"]), item) for item in page.items)
            start = page.next_key
            if start is None:
                return
        raise Unavailable("There is more than can be read at once. Ask for fewer days.")

    def _key(self, place: Place) -> Key:
        return {"pk": f"{self._build}#{place.subject}", "sk": place.sort}


def of_build(item: Item) -> tuple[int, Row] | None:
    """The build that a row of the table is of, and the row; None for the one that says which build it is."""
    build, _, subject = str(item["pk"]).partition("#")
    return (int(build), _row(Place(subject, item["sk"]), item)) if subject else None


def _row(place: Place, item: Item | None) -> Row:
    return Row(place, item["sums"], item["through"], item["rev"]) if item else Row(place)
