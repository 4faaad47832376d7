"""``docs/cost.md`` and ``docs/scale.md``: their sums follow from their own tables, and those from today's prices."""

import re
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import pytest

from scripts.template import whole
from tests.load import fixed
from tests.load.page import BEGIN, END, memory_of_functions
from tests.load.prices import PRICES, REQUEST_MS, SERVICES, WHOLE_PROCESSOR_MB

DOCS = Path(__file__).parents[2] / "docs"
PAGE, SCALE = (DOCS / "cost.md").read_text(), (DOCS / "scale.md").read_text()
Row = dict[str, str]

# As the page says them, below its last table.
PLATFORM_LOG, HEADERS_OUT, TRACED = 480, 700, 0.05


def _tables(page: str) -> list[list[Row]]:
    """Every table of the page: its rows, by the names of its columns."""
    found = []
    for is_table, lines in groupby(page.splitlines(), lambda line: line.startswith("|")):
        if is_table:
            cells = [[cell.strip().strip("*") for cell in line.strip("|").split("|")] for line in lines]
            found.append([dict(zip(cells[0], row, strict=True)) for row in cells[2:]])
    return found


def _table(column: str) -> list[list[Row]]:
    return [rows for rows in _tables(PAGE) if column in rows[0]]


def _prices() -> dict[str, float]:
    many = {"million": 1e6, "GB": 1e9}
    (rows,) = _table("of a")
    return {row["of a"]: float(row["dollars"]) / many[row["per"]] for row in rows}


def _memory() -> dict[str, int]:
    (said,) = re.findall(r"Memory in production, MB: (.*)\.", PAGE)
    return {name: int(size.replace(",", "")) for name, size in re.findall(r"`(\w+)` ([\d,]+)", said)}


def _number(row: Row, column: str) -> float:
    return float(row[column])


def _whole(cell: str) -> float:
    return float(cell.replace(",", ""))


def _once(row: Row) -> dict[str, float]:
    """Dollars of one act, by service, from the row that describes it."""
    of, memory = _prices(), _memory()[row["function"]]
    calls, gateway = _number(row, "calls"), _number(row, "calls") if row["function"] == "api" else 0
    seconds = _number(row, "billed ms") / 1_000 * memory / 1_024
    logged = _number(row, "log bytes") + calls * PLATFORM_LOG
    sent = _number(row, "bytes out") + gateway * HEADERS_OUT
    written, read = _number(row, "written"), _number(row, "read")
    return {
        "DynamoDB": written * of["DynamoDB write unit"] + read * of["DynamoDB read unit"],
        "Lambda": calls * of["Lambda request"] + seconds * of["Lambda GB-second"],
        "API Gateway": gateway * of["API Gateway request (REST)"],
        "Step Functions": _number(row, "transitions") * of["Step Functions transition"],
        "logs, traces, data": logged * of["CloudWatch Logs byte"]
        + calls * TRACED * of["X-Ray trace"]
        + sent * of["byte out"],
    }


@pytest.mark.parametrize(("place", "modality"), [(0, "voice"), (1, "text")])
def test_every_sum_follows_from_how_often_what_is_used_and_what_it_costs(place: int, modality: str) -> None:
    parts: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    (uses,) = _table("act")
    for row in uses:
        (part,) = re.findall(r"\((.*)\)", row["act"])
        for service, dollars in _once(row).items():
            cost = _number(row, modality) * dollars
            for name in (part, "together"):
                parts[name][service] += cost
                parts[name]["sum"] += cost
    shown = _table("share")[place]
    assert {row["dollars"] for row in shown} == {name for name, sums in parts.items() if sums["sum"]}
    for row in shown:
        for column in (*SERVICES, "sum"):
            assert row[column] == f"{parts[row['dollars']][column]:.4f}", row
    assert f"${parts['together']['sum']:.3f} in {modality}" in PAGE


def test_what_else_people_do_costs_what_follows_from_its_own_row() -> None:
    (rows,) = _table("1,000 times")
    for row in rows:
        whole = {**row, "transitions": "0"}
        assert row["dollars"] == f"{1_000 * sum(_once(whole).values()):.4f}", row


def test_what_lambda_bills_follows_from_processor_time_memory_and_requests() -> None:
    memory = _memory()
    (uses,) = _table("act")
    for row in uses:
        slower = max(1, WHOLE_PROCESSOR_MB / memory[row["function"]])
        waits = REQUEST_MS * _number(row, "requests") + _number(row, "other ms")
        assert _number(row, "billed ms") == pytest.approx(_number(row, "CPU ms") * slower + waits, abs=0.051), row


def test_the_page_reckons_with_the_prices_and_the_memory_of_today() -> None:
    many = {"million": 1e6, "GB": 1e9}
    assert _prices() == {name: dollars / many[per] for name, (dollars, per) in PRICES.items()}
    assert _memory() == memory_of_functions()
    for said in (f"adds {PLATFORM_LOG} bytes", f"{HEADERS_OUT} bytes of headers", f"samples {TRACED:.0%}"):
        assert said in PAGE


def test_what_a_limit_is_enough_for_follows_from_what_one_session_asks_of_it() -> None:
    limits = _tables(SCALE)[0]
    enough = [float(row["enough for"].replace(",", "")) for row in limits]
    for row, shown in zip(limits, enough, strict=True):
        assert shown == pytest.approx(
            float(row["allowed"].replace(",", "")) / _number(row, "one open session"), rel=0.06
        )
    assert enough == sorted(enough)


def test_how_many_small_markets_a_thing_is_enough_for_follows_from_its_row() -> None:
    (rows,) = (each for each in _tables(SCALE) if "it asks" in each[0])
    enough = [_whole(row["enough for so many"]) for row in rows]
    for row, shown in zip(rows, enough, strict=True):
        assert shown == pytest.approx(_whole(row["there is"]) / _whole(row["it asks"]), rel=0.06)
    assert enough == sorted(enough)


def test_what_a_stage_costs_if_nobody_comes_is_what_the_template_has() -> None:
    made = fixed.block(fixed.rows(whole()["Resources"]))
    assert made in PAGE, "python -m tests.load.fixed --write-docs"


def test_what_copies_cost_follows_from_how_many_there_are() -> None:
    """Of $0.10 a GB for a month, and $0.03 where they are cold."""
    resources = whole()["Resources"]
    kept = {
        rule["RuleName"]: rule["Lifecycle"]
        for plan in ("DailyBackup", "MonthlyBackup")
        for rule in resources[plan]["Properties"]["BackupPlan"]["BackupPlanRule"]
    }
    daily, weekly = kept["daily"]["DeleteAfterDays"], kept["weekly"]["DeleteAfterDays"] // 7
    monthly = kept["monthly"]["DeleteAfterDays"] * 12 // 365
    assert "MoveToColdStorageAfterDays" in kept["monthly"]
    assert f"in {daily} daily and {weekly} weekly copies, ${(daily + weekly) * 0.1:.2f}" in PAGE
    assert f"in {monthly} monthly ones besides, cold, ${monthly * 0.03:.2f}" in PAGE


@pytest.mark.parametrize("page", [PAGE, SCALE], ids=["cost", "scale"])
def test_the_bench_finds_the_place_to_write_to(page: str) -> None:
    assert page.count(BEGIN) == page.count(END) == 1
    assert page.index(BEGIN) < page.index(END)
