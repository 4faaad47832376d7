"""How what is new is added to the rows of sums: in one transaction with the rows that say what was added. Pure.

A subject has a row for each UTC hour in which something was, with sums by quarter of it, for time zones differ by
quarters; and one with all that ever was. Whatever can be told twice has a row that says how far it is summed: a chain
in its owner's row of totals, by the number of the last entry; all else in a row of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from chalicelib.dashboards.model.measures import Added, Sums
from chalicelib.kernel.time import HOUR, MINUTE, SECOND, Millis

QUARTER: Final[Millis] = 15 * MINUTE
TOTAL: Final = "total"


class Place(NamedTuple):
    """Where a row is: whose, and of which hour, or ``TOTAL``."""

    subject: str
    sort: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``rev`` counts its writes, each of which is conditional on the one before; 0 where there is none."""

    place: Place
    sums: Sums = field(default_factory=dict)
    """Of an hour by ``{quarter}.{measure}``, else by measure. What is not there is 0."""
    through: Mapping[str, int] = field(default_factory=dict)
    """By kind of chain: the number of the last entry that is summed."""
    rev: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What one entry, fact or change adds, and the row that tells that it was added."""

    at: Millis
    added: Added
    mark: Place
    through: Mapping[str, int] = field(default_factory=dict)
    """What the row says then of its chain."""
    own: Sums = field(default_factory=dict)
    """What is added to the sums of the row itself, in no quarter."""


class Plan:
    """Steps that are to be one transaction of at most ``most`` rows. Those up to ``before`` were summed once before."""

    def __init__(self, most: int, before: Millis) -> None:
        self._most = most
        self._before = before
        self._through: dict[Place, Mapping[str, int]] = {}
        self._added: defaultdict[Place, Counter[str]] = defaultdict(Counter)
        self._new: defaultdict[Place, Counter[str]] = defaultdict(Counter)

    @property
    def places(self) -> set[Place]:
        """Of all rows that change."""
        return {*self._through, *self._added}

    def take(self, step: Step) -> bool:
        """Add the step to the others; False where that would be too many rows, and nothing was added."""
        touched = list(changes(step))
        if len(self.places | {step.mark} | {place for place, _ in touched}) > self._most:
            return False
        self._through[step.mark] = {**self._through.get(step.mark, {}), **step.through}
        for place, sums in touched:
            self._added[place].update(sums)
            if step.at > self._before:
                self._new[place].update(sums)
        return True

    def new(self, place: Place) -> Sums:
        """What the steps that were not summed before add to the sums of that row."""
        return dict(self._new.get(place, {}))

    def rows(self, read: Mapping[Place, Row]) -> list[Row]:
        """The rows after all steps, those before being ``read``."""
        return [self._changed(read[place]) for place in sorted(self.places)]

    def _changed(self, row: Row) -> Row:
        added: Sums = self._added.get(row.place, {})
        sums = {name: row.sums.get(name, 0) + added.get(name, 0) for name in {**row.sums, **added}}
        through = {**row.through, **self._through.get(row.place, {})}
        return Row(row.place, {name: amount for name, amount in sums.items() if amount}, through, row.rev)


def changes(step: Step) -> Iterable[tuple[Place, Sums]]:
    """What a step adds to which rows."""
    for subject, sums in step.added.items():
        if sums:
            yield Place(subject, hour(step.at)), _of_quarter(step.at, sums)
            yield Place(subject, TOTAL), sums
    if step.own:
        yield step.mark, step.own


def _of_quarter(at: Millis, sums: Sums) -> Sums:
    number = at % HOUR // QUARTER
    return {f"{number}.{name}": amount for name, amount in sums.items()}


def hour(at: Millis) -> str:
    """The name of the hour that ``at`` is in: names sort as hours do."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H}"


def by_quarter(rows: Iterable[Row]) -> dict[Millis, Sums]:
    """What rows of hours say, by the beginning of each quarter in which something was."""
    found: dict[Millis, Sums] = {}
    for row in rows:
        begins = int(datetime.fromisoformat(f"{row.place.sort}:00+00:00").timestamp()) * SECOND
        for key, amount in row.sums.items():
            number, _, name = key.partition(".")
            found.setdefault(begins + int(number) * QUARTER, {})[name] = amount
    return dict(sorted(found.items()))
