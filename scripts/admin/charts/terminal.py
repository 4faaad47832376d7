"""Charts for a terminal: columns of eighths of a block, and bars beside what they stand for."""

from __future__ import annotations

from typing import Final

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scripts.admin.charts.bars import bar, columns
from scripts.admin.charts.report import NOTHING, Chart, Report, Sheet, Tile, ceiling, day_name, said, tick
from scripts.admin.showing import inert

_LINES: Final = 8
_WIDEST: Final = 100
"""Characters of a chart: beyond, columns are hard to follow to their days."""
_MARGIN: Final = 12
"""Room for the numbers of an axis."""
_WIDEST_COLUMN: Final = 5
_BAR: Final = 24
_STYLE: Final = {"cents": "green", "count": "cyan"}


def show(report: Report, console: Console) -> None:
    """Print the report as wide as the console is."""
    width = min(console.width, _WIDEST)
    console.print(Text(inert(report.title), style="bold"))
    console.print(Text(inert(report.days), style="dim"))
    console.print(Padding(_tiles(report.tiles, width), (1, 0)))
    for chart in report.charts:
        console.print(_chart(chart, width))
        console.print()
    console.print(Columns([_sheet(each) for each in report.sheets if not each.behind], padding=(1, 6)))


def _tiles(tiles: tuple[Tile, ...], width: int) -> Table:
    """As many in a row as there is room for, and in each row alike."""
    widest = max(max(len(each.name), len(each.value) + len(each.change) + 1) for each in tiles) + 3
    room = max(1, min(len(tiles), width // widest))
    abreast = -(-len(tiles) // -(-len(tiles) // room))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for _ in range(abreast):
        table.add_column(no_wrap=True)
    for first in range(0, len(tiles), abreast):
        row = tiles[first : first + abreast]
        if first:
            table.add_row()
        table.add_row(*(Text(each.name, style="dim") for each in row))
        table.add_row(*(Text.assemble((each.value, "bold"), " ", (each.change, "dim")) for each in row))
    return table


def _chart(chart: Chart, width: int) -> RenderableType:
    """The columns of all parts together, and below them each part with a bar of its own."""
    sums = chart.sums
    heading = Text.assemble((chart.title, "bold"), f"  {said(sum(sums), chart.unit)}")
    if not any(sums):
        return Group(heading, Text(NOTHING, style="dim"))
    return Group(heading, *_columns(chart, width), *_parts(chart))


def _columns(chart: Chart, width: int) -> list[Text]:
    narrow, each = chart.narrowed(width - _MARGIN)
    sums, style = narrow.sums, _STYLE[chart.unit]
    top = ceiling(max(sums), chart.unit)
    labels = {_LINES: tick(top, chart.unit), _LINES // 2: tick(top // 2, chart.unit)}
    margin = max(map(len, labels.values()))
    room = width - margin - 2
    wide = max(1, min(_WIDEST_COLUMN, room // len(sums)))
    gap = 1 if wide > 1 else 0
    lines = []
    for line, drawn in zip(range(_LINES, 0, -1), columns(sums, _LINES, top), strict=True):
        wider = "".join(each * (wide - gap) + " " * gap for each in drawn)
        edge = "┤" if line in labels else "│"
        lines.append(Text.assemble((f"{labels.get(line, ''):>{margin}} {edge}", "dim"), (wider, style)))
    ground = "".join(("▾" if number < 0 else "─") * (wide - gap) + "─" * gap for number in sums)
    lines.append(Text(f"{'0':>{margin}} └{ground}", style="dim"))
    lines.append(Text(" " * (margin + 2) + _days(narrow, wide), style="dim"))
    notes = [f"{each} days a column"] if each > 1 else []
    notes += ["▾ below zero"] if min(sums) < 0 else []
    return [*lines, *([Text(" " * (margin + 2) + ", ".join(notes), style="dim")] if notes else [])]


def _days(chart: Chart, wide: int) -> str:
    """The names of as many days as there is room for, each under the beginning of its column."""
    line = ""
    for place, day in enumerate(chart.days):
        name, at = day_name(day), place * wide
        last = place == len(chart.days) - 1
        if not line or at >= len(line) + 6 or (last and at >= len(line) + 2):
            line = line.ljust(at) + name
    return line


def _parts(chart: Chart) -> list[RenderableType]:
    if len(chart.parts) == 1:
        return []
    sums = {name: sum(numbers) for name, numbers in chart.parts.items()}
    most = max(*sums.values(), 1)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, total in sorted(sums.items(), key=lambda each: -each[1]):
        if total:
            table.add_row(name, said(total, chart.unit), bar(max(0, total), most, _STYLE[chart.unit], _BAR))
    return [Text(), table]


def _sheet(sheet: Sheet) -> Table:
    table = Table(title=Text(sheet.title, style="bold"), title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(sheet.columns):
        table.add_column(Text(name, style="dim"), justify="right" if place else "left", overflow="fold")
    for row in sheet.rows:
        table.add_row(*(Text(inert(each)) for each in row))
    return table
