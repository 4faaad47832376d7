"""What is drawn: figures to read at once, columns by day, and the numbers behind them as tables.

Nothing here knows of terminals or pictures, so all of them show the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from chalicelib.kernel.money import Cents

Unit = Literal["cents", "count"]

NOTHING: Final = "nothing in these days"
"""What is said of a chart of zeros, in place of drawing it."""
_STEPS: Final = (1, 2, 4, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure, and how it changed beside the days before."""

    name: str
    value: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A column for each day, of parts that stand on each other; a part is a number a day. There is one at least."""

    title: str
    unit: Unit
    days: tuple[date, ...]
    parts: Mapping[str, tuple[int, ...]]

    @property
    def sums(self) -> tuple[int, ...]:
        """What all parts come to, day by day."""
        return tuple(sum(each) for each in zip(*self.parts.values(), strict=True))

    def drawn(self) -> Chart:
        """The chart without parts that are nothing on each day; with the first one where all are."""
        parts = {name: numbers for name, numbers in self.parts.items() if any(numbers)}
        name = next(iter(self.parts))
        return Chart(self.title, self.unit, self.days, parts or {name: self.parts[name]})

    def narrowed(self, most: int) -> tuple[Chart, int]:
        """The chart in at most so many columns, and how many days each of them adds up; the first may be fewer."""
        each = -(-len(self.days) // most)
        ends = range(len(self.days), 0, -each)[::-1]
        parts = {
            name: tuple(sum(numbers[max(0, end - each) : end]) for end in ends) for name, numbers in self.parts.items()
        }
        return Chart(self.title, self.unit, tuple(self.days[max(0, end - each)] for end in ends), parts), each


@dataclass(frozen=True, slots=True)
class Sheet:
    """Numbers as a table; the first column is names, the others stand right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    behind: bool = False
    """The numbers behind the charts: where those are columns of characters, that is long and says it again."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is drawn of one subject."""

    title: str
    days: str
    """Which ones, in words."""
    tiles: tuple[Tile, ...]
    charts: tuple[Chart, ...]
    sheets: tuple[Sheet, ...]


def money(cents: Cents) -> str:
    """``-$1,234.50``."""
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def said(number: int, unit: Unit) -> str:
    """A number with its unit."""
    return money(number) if unit == "cents" else f"{number:,}"


def tick(number: int, unit: Unit) -> str:
    """A number on an axis: whole dollars where they are whole."""
    return money(number).removesuffix(".00") if unit == "cents" else f"{number:,}"


def change(now: int, before: int) -> str:
    """How much more or less it is than before, rounded to whole percents."""
    if before <= 0:
        return "new" if now > before else ""
    percent = round((now - before) * 100 / before)
    arrow = "▲" if percent > 0 else "▼" if percent < 0 else "="
    return f"{arrow} {abs(percent):,} %"


def ceiling(highest: int, unit: Unit) -> int:
    """A round number that is not below ``highest``, for the top of an axis; at least four of what is counted, or $1."""
    highest = max(highest, 100 if unit == "cents" else 4)
    power: int = 10 ** (len(str(highest)) - 1)
    return next(step * power for step in _STEPS if step * power >= highest)


def day_name(day: date) -> str:
    """``26 Nov``."""
    return f"{day.day} {day:%b}"


def by_day(charts: Sequence[Chart]) -> Sheet:
    """Every number of the charts, a row a day, newest first."""
    columns = ("day", *(each.title for each in charts))
    rows = [
        (day.isoformat(), *(said(each.sums[place], each.unit) for each in charts))
        for place, day in enumerate(charts[0].days)
    ]
    return Sheet("By day", columns, tuple(reversed(rows)), behind=True)


def by_part(chart: Chart) -> Sheet:
    """What each part of a chart comes to over all its days, the largest first."""
    sums = {name: sum(numbers) for name, numbers in chart.parts.items()}
    ordered = sorted(sums.items(), key=lambda each: -each[1])
    rows = tuple((name, said(total, chart.unit)) for name, total in ordered)
    return Sheet(chart.title, ("of", "in all"), rows, behind=True)
