"""A reader's followers are told that they are live; of a private stream nobody is."""

import pytest

from chalicelib.live.model.terms import Visibility
from tests.support.memory import MemoryTables
from tests.support.show import Show
from tests.support.worlds import hand_world


@pytest.mark.parametrize(
    ("visibility", "price", "told"), [("public", None, 1), ("premium", 250, 1), ("private", None, 0)]
)
def test_going_live_is_told_once_and_a_private_stream_to_nobody(
    visibility: Visibility, price: int | None, told: int
) -> None:
    show = Show(hand_world()).live(visibility, price)
    show.started()
    tables = show.world.tables
    assert isinstance(tables, MemoryTables)
    rows = [row for row in tables.rows["notices"].values() if row["kind"] == "stream_live"]
    assert [(row["pk"], row["facts"]["stream"], row["facts"]["at"]) for row in rows] == [
        (show.host, show.stream, show.row.started_at)
    ] * told
