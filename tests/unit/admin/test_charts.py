"""Charts say the same on a terminal, in a picture and on a page, and nothing that somebody wrote gets out of them."""

import re
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from scripts.admin.charts import drawing, page, terminal
from scripts.admin.charts.report import (
    NOTHING,
    Chart,
    Report,
    Sheet,
    Tile,
    by_day,
    by_part,
    ceiling,
    change,
    money,
    tick,
)

NASTY = 'Rosa <script>alert("1")</script> [red]x[/] \x1b[31m$x$'
FIRST = date(2026, 10, 28)


def days(count: int) -> tuple[date, ...]:
    return tuple(FIRST + timedelta(days=each) for each in range(count))


def chart(*numbers: int, **parts: tuple[int, ...]) -> Chart:
    given = parts or {"reading": numbers}
    return Chart("Spent", "cents", days(len(next(iter(given.values())))), given)


def report(*charts: Chart) -> Report:
    told = Sheet("What waits", ("what", "how many"), ((NASTY, "3"),))
    return Report(NASTY, "28 Oct", (Tile("Spent", "$5.00", "▲ 3 %"),), charts, (told, by_day(charts)))


def printed(told: Report, width: int) -> str:
    out = StringIO()
    terminal.show(told, Console(file=out, width=width))
    return out.getvalue()


def test_money_is_written_as_people_write_it() -> None:
    assert [money(cents) for cents in (0, 5, 123_456, -250)] == ["$0.00", "$0.05", "$1,234.56", "-$2.50"]
    assert [tick(cents, "cents") for cents in (200_000, 250, -100)] == ["$2,000", "$2.50", "-$1"]


def test_a_change_is_told_in_whole_percents_beside_what_was_before() -> None:
    assert [change(*each) for each in ((112, 100), (88, 100), (100, 100), (5, 0), (0, 0))] == [
        "▲ 12 %",
        "▼ 12 %",
        "= 0 %",
        "new",
        "",
    ]


def test_the_top_of_an_axis_is_round_and_above_everything() -> None:
    assert [ceiling(number, "cents") for number in (0, 99, 101, 4_001, 100_000)] == [100, 100, 200, 6_000, 100_000]
    assert [ceiling(number, "count") for number in (0, 3, 5, 7, 11)] == [4, 4, 6, 8, 20]


def test_parts_that_are_nothing_are_not_drawn_but_one_always_is() -> None:
    assert set(chart(reading=(1, 2), tip=(0, 0)).drawn().parts) == {"reading"}
    assert set(chart(reading=(0, 0), tip=(0, 0)).drawn().parts) == {"reading"}
    assert set(chart(reading=(1, 2), tip=(-1, 0)).drawn().parts) == {"reading", "tip"}


def test_where_columns_are_few_each_adds_up_days_and_the_last_ones_whole() -> None:
    narrow, each = chart(1, 2, 4, 8, 16).narrowed(3)
    assert (narrow.parts["reading"], each) == ((1, 6, 24), 2)
    assert [day.day for day in narrow.days] == [28, 29, 31]
    assert chart(1, 2, 4).narrowed(3) == (chart(1, 2, 4), 1)


def test_columns_stand_as_high_as_their_numbers_on_a_terminal() -> None:
    text = printed(report(chart(0, 100, 400, -50)), 80)
    lines = [line.split("│")[-1].split("┤")[-1] for line in text.splitlines() if re.search(r"[│┤]", line)]
    assert [sum(line[place * 5] == "█" for line in lines) for place in range(4)] == [0, 2, 8, 0]
    assert "└" + "─" * 15 + "▾▾▾▾─" in text
    assert "▾ below zero" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_is_never_too_narrow_and_92_days_fit(width: int) -> None:
    text = printed(report(chart(reading=tuple(range(92)), tip=(7,) * 92)), width)
    assert max(map(len, text.splitlines())) <= width
    assert "days a column" in text
    assert "tip" in text


def test_what_somebody_wrote_is_no_command_to_a_terminal_and_no_markup() -> None:
    text = printed(report(chart(1)), 120)
    assert "\x1b" not in text
    assert "[red]x[/] \\u001b[31m$x$" in text


def test_tiles_that_need_two_rows_are_divided_evenly() -> None:
    tiles = tuple(Tile(f"tile {number}", "$212.50", "new") for number in range(8))
    text = printed(Report("SoulSeer", "28 Oct", tiles, (chart(1),), ()), 95)
    assert [line.count("tile") for line in text.splitlines() if "tile" in line] == [4, 4]


def test_days_without_anything_say_so() -> None:
    assert NOTHING in printed(report(chart(0, 0, 0)), 80)
    drawn = drawing.svg(chart(0, 0, 0))
    assert NOTHING in drawn
    assert "$" not in drawn
    assert NOTHING not in drawing.svg(chart(0, 5, 0))


def test_numbers_stand_behind_the_charts_newest_day_first_and_largest_part_first() -> None:
    both = chart(reading=(100, 0), tip=(1_000, 20))
    assert by_day((both,)).rows == (("2026-10-29", "$0.20"), ("2026-10-28", "$11.00"))
    assert by_part(both).rows == (("tip", "$10.20"), ("reading", "$1.00"))


def test_a_page_has_every_number_and_nothing_in_it_leads_out(tmp_path: Path) -> None:
    told = page.html(report(chart(reading=(100, 300, 0), tip=(50, -20, 0))))
    assert "<script>" not in told
    assert "Rosa &lt;script&gt;" in told
    assert re.findall(r"(?:https?:)?//[\w.]+|@import|url\((?!#)|src=", told) == []
    assert told.count("<svg ") == 1
    assert "<td>2026-10-29</td><td>$2.80</td>" in told
    assert "prefers-color-scheme: dark" in told
    assert "var(--part1)" in told
    assert not any(color in told.partition("</style>")[2] for color in (*drawing.COLORS, drawing.INK))


def test_a_picture_is_one_and_bears_any_name(tmp_path: Path) -> None:
    file = tmp_path / "it.png"
    drawing.png(report(chart(100, 300), chart(0, 0), chart(-5, -3)), file)
    assert file.read_bytes().startswith(b"\x89PNG\r\n")
