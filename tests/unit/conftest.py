"""The rows that the services write are noted; what compares them with the data model and the sums comes last."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import MemoryTables
from tests.support.rows_seen import Seen

HERE = Path(__file__).parent
LAST = ("test_data_model", "test_kinds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the tests here, those of all that was written come last."""
    places = [place for place, item in enumerate(items) if HERE in item.path.parents]
    ours = sorted((items[place] for place in places), key=lambda item: item.path.stem in LAST)
    for place, item in zip(places, ours, strict=True):
        items[place] = item


@pytest.fixture(scope="session", autouse=True)
def seen() -> Iterator[Seen]:
    """Every kind of row that tables in memory were given in this run."""
    seen = Seen()
    MemoryTables.witness = seen.note
    yield seen
    MemoryTables.witness = None


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is set to another zone than the functions', which is UTC."""
    monkeypatch.setenv("TZ", "EST5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
