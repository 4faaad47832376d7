"""What the bench stands on: its lines, its stand-in for tables, and the reading whose acts it counts."""

import pytest

from chalicelib.runtime.tables import Key, Put, Tables
from tests.load.reading import TRANSITIONS, lived
from tests.load.report import WIDTH, Line, Note, at_most, holds
from tests.load.tables import CountedTables, size_of
from tests.support.memory import MemoryTables


@pytest.mark.parametrize("words", ["short", "  a part", "many words " * 12, "  a part of many words " * 8])
@pytest.mark.parametrize("figure", ["1", "ledger 1r 1w  sessions 1r 11w  6 requests"])
def test_no_line_is_wider_than_a_terminal(words: str, figure: str) -> None:
    line = Line(words, figure, "≤ 10.00x", met=False).rendered()
    assert max(map(len, line.splitlines())) <= WIDTH
    assert line.endswith("MISSED")
    assert max(map(len, Note(words * 3).rendered().splitlines())) <= WIDTH


def test_a_figure_at_its_limit_is_met_and_one_beyond_it_missed() -> None:
    assert [at_most("it", value, 1.5).met for value in (1.49, 1.5, 1.51)] == [True, True, False]
    assert [holds("it", "", met=met).met for met in (True, False)] == [True, False]


def test_pages_of_a_shard_are_those_of_tables_in_memory() -> None:
    counted, memory = CountedTables(), MemoryTables()
    for number in range(25):
        row = {"pk": f"ses_{number * 7 % 25:02}", "open_shard": str(number % 2)}
        for tables in (counted, memory):
            tables.write(Put("sessions", row))
    counted.write(Put("sessions", {"pk": "ses_00"}))  # no longer open
    memory.write(Put("sessions", {"pk": "ses_00"}))
    assert _pages(counted) == _pages(memory)
    assert counted.requests["open query"] == len(_pages(memory))


def _pages(tables: Tables) -> list[list[str]]:
    pages: list[list[str]] = []
    start: Key | None = None
    for _ in range(10):
        page = tables.query("sessions", ("open_shard", "0"), index="open", limit=5, start=start)
        pages.append([item["pk"] for item in page.items])
        start = page.next_key
        if start is None:
            break
    return pages


def test_units_follow_from_the_size_of_an_item() -> None:
    tables = CountedTables()
    for size in (900, 1_100):
        tables.write(Put("wallet", {"pk": "a", "sk": str(size), "text": "x" * size}))
    assert tables.units["wallet written"] == 1 + 2
    tables.write(*(Put("wallet", {"pk": "b", "sk": str(number)}) for number in range(2)))
    assert tables.units["wallet written"] == 3 + 4, "twice in a transaction"
    tables.get("wallet", {"pk": "a", "sk": "900"})
    assert tables.units["wallet read"] == 1
    assert size_of({"name": "é", "n": 1234, "none": None}) == 3 + (4 + 1 + 2) + (1 + 1 + 3) + (4 + 1 + 1)


@pytest.mark.parametrize("modality", ["voice", "text"])
def test_the_reading_that_is_counted_has_fifteen_minutes_and_one_end(modality: str) -> None:
    acts = lived(modality)  # type: ignore[arg-type]  # named above
    assert acts["minute"] == 14, "and the first, charged by the second join"
    assert (acts["ask"], acts["accept"], acts["end"], acts["removal"]) == (1, 1, 1, 1)
    assert acts["transition"] == TRANSITIONS * acts["wake"] + acts["execution"]
    assert acts["notice"] == (4 if modality == "voice" else 0)
