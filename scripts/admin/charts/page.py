"""A report as one HTML file: nothing in it leads out of it, and what people wrote in it is text and nothing else."""

from __future__ import annotations

from html import escape
from typing import Final

from scripts.admin.charts import drawing
from scripts.admin.charts.report import Chart, Report, Sheet, Tile, said

_DARK: Final = ("#6ea8ff", "#f0a070", "#62c796", "#d683ba", "#e0c050", "#8f9cf0", "#e58a86", "#74c9c7", "#bda197")
_NARROW: Final = 3
"""Columns of a table that may stand beside others."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark;
  --ink: #17202a; --faint: #5f6b78; --grid: #e3e7ec; --page: #f6f7f9; --card: #fff; LIGHT }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf1; --faint: #9aa6b4; --grid: #2d3641; --page: #12171d; --card: #1b222b; DARK }
}
* { box-sizing: border-box }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem); background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { max-width: 74rem; margin: 0 auto }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere }
h2 { margin: 0 0 .4rem; font-size: 1rem; display: flex; justify-content: space-between; gap: 1rem }
h2 span, header p, dt, th, td:first-child { color: var(--faint); font-weight: 500 }
header p { margin: .2rem 0 1.4rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(max(8.1rem, 22%), 1fr)); gap: .7rem;
  margin: 0 0 1rem }
dl div, section { background: var(--card); border-radius: .7rem; padding: .9rem }
dt { font-size: .8rem; white-space: nowrap }
dd { margin: 0; font-size: 1.1rem; font-weight: 650; font-variant-numeric: tabular-nums }
dd small { display: block; font-size: .78rem; font-weight: 500; color: var(--faint) }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem }
.sheets { display: flex; flex-wrap: wrap; align-items: stretch; gap: 1rem; margin: 1rem 0 }
.sheets section { flex: 1 1 auto }
svg { width: 100%; height: auto; display: block }
svg text { font-family: inherit !important }
section { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .22rem 0 .22rem 1.2rem; border-top: 1px solid var(--grid); white-space: nowrap }
th { border-top: 0 }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
"""


def html(report: Report) -> str:
    """The whole page."""
    title = escape(report.title)
    wide = [each for each in report.sheets if len(each.columns) > _NARROW]
    small = [each for each in report.sheets if each not in wide]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{title}</title>
<style>{_style()}</style>
</head>
<body>
<main>
<header><h1>{title}</h1><p>{escape(report.days)}</p></header>
<dl>{"".join(map(_tile, report.tiles))}</dl>
<div class="charts">{"".join(map(_chart, report.charts))}</div>
<div class="sheets">{"".join(map(_sheet, small))}</div>
{"".join(map(_sheet, wide))}
</main>
</body>
</html>
"""


def _style() -> str:
    light = "; ".join(f"--part{number}: {color}" for number, color in enumerate(drawing.COLORS))
    dark = "; ".join(f"--part{number}: {color}" for number, color in enumerate(_DARK))
    return _STYLE.replace("LIGHT", light).replace("DARK", dark)


def _tile(tile: Tile) -> str:
    return f"<div><dt>{escape(tile.name)}</dt><dd>{escape(tile.value)}<small>{escape(tile.change)}</small></dd></div>"


def _chart(chart: Chart) -> str:
    total = said(sum(chart.sums), chart.unit)
    name = escape(f"{chart.title}: {total} from {chart.days[0]} to {chart.days[-1]}")
    drawn = drawing.svg(chart).replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)
    for color, variable in _variables().items():
        drawn = drawn.replace(color, f"var({variable})")
    return f"<section><h2>{escape(chart.title)} <span>{escape(total)}</span></h2>{drawn}</section>"


def _variables() -> dict[str, str]:
    parts = {color: f"--part{number}" for number, color in enumerate(drawing.COLORS)}
    return parts | {drawing.INK: "--ink", drawing.FAINT: "--faint", drawing.GRID: "--grid"}


def _sheet(sheet: Sheet) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in sheet.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in sheet.rows)
    return f"<section><h2>{escape(sheet.title)}</h2><table><tr>{head}</tr>{rows}</table></section>"
