"""docs/data-model.md is true: its tables are the template's, and its rows are those that the services write."""

from __future__ import annotations

import json
import os
import re
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest

from scripts.template import whole
from tests.support.memory import KEYS
from tests.support.rows_seen import PAGE, STAND_IN, Seen, Shape, shape_of

HERE: Final = Path(__file__).parent
NAME: Final = re.compile(r"soulseer-\$\{Stage\}-(\w+)")
SHARED: Final = "PYTEST_XDIST_WORKER" in os.environ
WRITE_NONE: Final = {"infra", "local"}
"""Folders whose tests need not run for every row to be written."""
ALSO: Final = re.compile(r"`(\w+)`")
Row = dict[str, str]


def sections() -> dict[str, str]:
    """What stands below the heading of each table."""
    found = re.split(r"^## `(\w+)`$", PAGE.text, flags=re.MULTILINE)
    return dict(zip(found[1::2], [re.split(r"^## ", each, flags=re.MULTILINE)[0] for each in found[2::2]], strict=True))


SECTIONS: Final = sections()


def rows_of(table: str, column: str) -> list[Row]:
    """The rows of that table of the section which has this column first."""
    lines = SECTIONS[table].splitlines()
    for is_table, group in groupby(lines, lambda line: line.startswith("|")):
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in group] if is_table else []
        if cells and cells[0][0] == column:
            return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
    return []


def examples(table: str) -> list[dict[str, Any]]:
    (text,) = re.findall(r"^```json\n(.*?)^```$", SECTIONS[table], re.MULTILINE | re.DOTALL)
    found: list[dict[str, Any]] = json.loads(text)
    return found


def shapes_of(table: str) -> list[Shape]:
    told, shown = rows_of(table, "rows"), examples(table)
    return [
        Shape(table, tuple(ALSO_KEY.findall(row["rows"])), frozenset(example) | frozenset(ALSO.findall(row["also"])))
        for row, example in zip(told, shown, strict=True)
    ]


ALSO_KEY: Final = re.compile(r"`([^`]+)`")
SHAPES: Final = {table: shapes_of(table) for table in SECTIONS}


def template() -> dict[str, dict[str, Any]]:
    """The properties of each table, by its name without stack and stage."""
    resources = whole()["Resources"].values()
    tables = [each["Properties"] for each in resources if each.get("Type") == "AWS::DynamoDB::Table"]
    return {NAME.findall(each["TableName"]["Fn::Sub"])[0]: each for each in tables}


TEMPLATE: Final = template()


def test_each_table_of_the_template_has_a_section_and_each_section_its_table() -> None:
    assert list(SECTIONS) == list(KEYS)
    assert SECTIONS.keys() == TEMPLATE.keys()


@pytest.mark.parametrize("table", KEYS)
def test_the_indexes_of_a_table_are_those_of_the_template(table: str) -> None:
    made = {
        index["IndexName"]: (
            *(f"`{key['AttributeName']}`" for key in index["KeySchema"]),
            _projection(index["Projection"]),
        )
        for index in TEMPLATE[table].get("GlobalSecondaryIndexes", ())
    }
    told = {row["index"].strip("`"): (row["partition"], row["sort"], row["holds"]) for row in rows_of(table, "index")}
    assert told == made


def _projection(told: dict[str, Any]) -> str:
    kind = told["ProjectionType"]
    if kind == "INCLUDE":
        return "keys, " + ", ".join(f"`{name}`" for name in told["NonKeyAttributes"])
    return {"ALL": "all", "KEYS_ONLY": "keys"}[kind]


@pytest.mark.parametrize("table", KEYS)
def test_keys_stream_and_expiry_of_a_table_are_those_of_the_template(table: str) -> None:
    made = TEMPLATE[table]
    keys = ", ".join(f"`{key['AttributeName']}`" for key in made["KeySchema"])
    views = {"NEW_AND_OLD_IMAGES": "new and old rows", "NEW_IMAGE": "new rows", "KEYS_ONLY": "keys"}
    stream = made.get("StreamSpecification")
    expiry = made.get("TimeToLiveSpecification")
    said = f"Key: {keys}. Stream: {views[stream['StreamViewType']] if stream else 'none'}. "
    said += f"Expiry: {'`' + expiry['AttributeName'] + '`' if expiry else 'none'}."
    assert said in SECTIONS[table]


@pytest.mark.parametrize("table", KEYS)
def test_the_example_of_a_row_has_its_key(table: str) -> None:
    for shape, example in zip(SHAPES[table], examples(table), strict=True):
        key = tuple(str(example[name]) for name in KEYS[table])
        found = shape_of(SHAPES[table], key)
        assert found, key
        assert found.key == shape.key, key


@pytest.mark.parametrize("table", KEYS)
def test_every_row_says_what_is_a_persons_of_it_and_what_becomes_of_that(table: str) -> None:
    for row in rows_of(table, "rows"):
        assert row["when they leave"] or not row["of a person"], row["rows"]


def test_an_index_is_told_of_where_somebody_asks_it() -> None:
    for table in KEYS:
        asked = {name for row in rows_of(table, "who asks for what") for name in ALSO.findall(row["by"])}
        indexes = {row["index"].strip("`") for row in rows_of(table, "index")}
        unasked = indexes - asked - {name for name in indexes if name.startswith("by_")}
        assert not unasked, table


def test_no_service_writes_a_row_that_the_page_does_not_tell_of(seen: Seen) -> None:
    unknown = set()
    for (table, _, attributes), key in seen.rows.items():
        shape = shape_of(SHAPES[str(table)], key)
        if shape is None:
            unknown.add(f"{table}: {' / '.join(key)}")
        else:
            assert isinstance(attributes, tuple)
            more = set(attributes) - shape.attributes
            unknown |= {f"{table}: `{name}` of {' / '.join(shape.key)}" for name in more}
    assert unknown == set(), "docs/data-model.md: a row of its own, or its name in the column `also`"


def test_every_row_that_the_page_tells_of_is_written(seen: Seen, request: pytest.FixtureRequest) -> None:
    run = {item.path.parent.name for item in request.session.items}
    if not {each.name for each in HERE.iterdir() if any(each.glob("test_*.py"))} <= run | WRITE_NONE or SHARED:
        pytest.skip("says something about a run of all unit tests in one process only")
    written = {
        (str(table), shape.key)
        for (table, _, _), key in seen.rows.items()
        if (shape := shape_of(SHAPES[str(table)], key))
    }
    told = {(each.table, each.key) for shapes in SHAPES.values() for each in shapes}
    by_powertools = {("idempotency", ("{key}",))}
    assert told - written == by_powertools


def test_of_several_kinds_of_rows_that_fit_a_key_the_most_particular_is_meant() -> None:
    wide, narrow = Shape("sessions", ("{session}",), frozenset()), Shape("sessions", ("open#{user}",), frozenset())
    assert shape_of([wide, narrow], ("open#usr_1",)) == narrow
    assert shape_of([wide, narrow], ("ses_1",)) == wide
    assert shape_of([narrow], ("ses_1",)) is None
    assert STAND_IN.search("{user}")
