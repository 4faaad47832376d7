"""Charts as pictures, drawn by Matplotlib: PNG of a whole report, and SVG of one chart for a page.

Matplotlib is read here and nowhere else: it takes a second to start, and only who asks for a file waits for it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from scripts.admin.charts.report import NOTHING, Chart, Report, ceiling, day_name, said, tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#17202a"
FAINT: Final = "#6b7785"
GRID: Final = "#e3e7ec"
COLORS: Final = ("#2a6fdb", "#e07b39", "#3a9d6e", "#b04a8f", "#c9a227", "#5c6bc0", "#c0504d", "#4aa3a2", "#8d6e63")
"""Told apart by those who see no red or green, too. A page puts its own in their place, by these very values."""

_PIXELS: Final = 160
"""An inch."""
_MOST_DAYS_NAMED: Final = 7
_ABREAST: Final = 2
_SVG: Final = re.compile(r"<svg .*</svg>", re.DOTALL)
_NAMESPACES: Final = re.compile(r' (?:xmlns(?::\w+)?|version)="[^"]*"')
_METADATA: Final = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


def png(report: Report, file: Path) -> None:
    """Write the report as a picture."""
    lines = -(-len(report.charts) // _ABREAST)
    with _styled():
        figure = Figure(figsize=(12, 2.6 + 3 * lines), dpi=_PIXELS, facecolor="white")
        high = figure.get_figheight()
        figure.text(0.04, 1 - 0.45 / high, _plain(report.title), size=19, weight="bold", color=INK)
        figure.text(0.04, 1 - 0.75 / high, _plain(report.days), size=10.5, color=FAINT)
        for place, tile in enumerate(report.tiles):
            left = 0.04 + 0.93 * place / len(report.tiles)
            figure.text(left, 1 - 1.22 / high, tile.name, size=9, color=FAINT)
            figure.text(left, 1 - 1.5 / high, tile.value, size=13, weight="bold", color=INK)
            figure.text(left, 1 - 1.72 / high, tile.change, size=8.5, color=FAINT)
        grid = figure.add_gridspec(
            lines, _ABREAST, left=0.085, right=0.97, top=1 - 2.6 / high, bottom=0.5 / high, hspace=0.45, wspace=0.2
        )
        for place, chart in enumerate(report.charts):
            _draw(figure.add_subplot(grid[place // _ABREAST, place % _ABREAST]), chart, titled=True)
        figure.savefig(file, format="png")


def svg(chart: Chart) -> str:
    """The chart as an SVG element to stand in a page, with nothing in it that leads out of it."""
    with _styled():
        figure = Figure(figsize=(5.6, 2.3), facecolor="none")
        axes = figure.add_axes((0.1, 0.12, 0.865, 0.74 if len(chart.parts) > 1 else 0.82))
        axes.set_facecolor("none")
        _draw(axes, chart, titled=False)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True)
    found = _SVG.search(written.getvalue())
    if found is None:
        raise ValueError("no SVG was drawn")
    head, _, body = _METADATA.sub("", found[0]).partition(">")
    return f"{_NAMESPACES.sub('', head)}>{body}"


@contextmanager
def _styled() -> Iterator[None]:
    """Letters stay letters, and a dollar sign is one."""
    with mpl.rc_context(
        {
            "font.family": "sans-serif",
            "svg.fonttype": "none",
            "svg.hashsalt": "soulseer",
            "text.parse_math": False,
        }
    ):
        yield


def _draw(axes: Axes, chart: Chart, *, titled: bool) -> None:
    drawn = chart.drawn()
    places = range(len(drawn.days))
    above, below = [0] * len(places), [0] * len(places)
    for number, (name, numbers) in enumerate(drawn.parts.items()):
        # What is below zero hangs from the ground, and takes nothing off what stands on it.
        grounds = [low if value < 0 else high for value, low, high in zip(numbers, below, above, strict=True)]
        axes.bar(places, numbers, 0.78, bottom=grounds, color=COLORS[number % len(COLORS)], label=name, linewidth=0)
        above = [high + max(0, value) for high, value in zip(above, numbers, strict=True)]
        below = [low + min(0, value) for low, value in zip(below, numbers, strict=True)]
    top, ground = ceiling(max(above), chart.unit), -ceiling(-min(below), chart.unit) if min(below) < 0 else 0
    axes.set_ylim(ground, top * 1.02)
    axes.set_xlim(-0.7, len(places) - 0.3)
    marks = [*range(0, top + 1, top // 4 if top % 4 == 0 else top // 2), *([ground] if -ground * 8 >= top else [])]
    something = any(any(numbers) for numbers in drawn.parts.values())
    if something:
        axes.set_yticks(marks, [tick(mark, chart.unit) for mark in marks])
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, NOTHING, transform=axes.transAxes, ha="center", size=9, color=FAINT)
    _name_days(axes, drawn)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=FAINT)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if titled:
        axes.set_title(f"{chart.title}   {said(sum(chart.sums), chart.unit)}", loc="left", size=11, color=INK, pad=20)
    if something and len(chart.parts) > 1:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=len(drawn.parts),
            frameon=False,
            fontsize=8.5,
            labelcolor=INK,
            handlelength=0.8,
            handleheight=0.8,
            columnspacing=1.1,
            handletextpad=0.4,
            borderpad=0,
        )


def _name_days(axes: Axes, chart: Chart) -> None:
    every = max(1, -(-len(chart.days) // _MOST_DAYS_NAMED))
    named = range(len(chart.days) - 1, -1, -every)
    axes.set_xticks(list(named), [day_name(chart.days[place]) for place in named])


def _plain(text: str) -> str:
    return "".join(each for each in text if each.isprintable())
