"""Whichever write goes wrong, before or after it took effect, the same again brings about the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.desk import Desk, a_case_to_its_end
from tests.support.losing import LosingTables
from tests.support.worlds import HandClock, hand_world


def played(at: int, *, after: bool) -> tuple[dict[str, Any], int]:
    """A case to its end, of which one write is lost."""
    tables = LosingTables(-1, after=after)
    desk = Desk(hand_world(tables, now=HandClock())).opened()
    tables.left = at
    shown = a_case_to_its_end(desk)
    people = (desk.author, "usr_11", "usr_14")
    return {
        "shown": shown,
        "status": desk.status,
        "rounds": [(each.state, each.reports, each.owing) for each in desk.rounds],
        "queues": (desk.queue(), desk.queue("appealed")),
        "told": [desk.told(user) for user in people],
        "audited": (desk.audited(), desk.audited(desk.author)),
        "rows": {name: sorted(rows) for name, rows in tables.rows.items()},
    }, at - tables.left


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_the_same_comes_of_it_whichever_write_is_lost(after: bool) -> None:
    expected, _ = played(-1_000, after=after)
    assert expected["shown"] == [False, True, False, True]
    assert expected["rounds"] == [("dismissed", 1, False), ("dismissed", 3, False)]
    assert expected["queues"] == ([], [])
    assert expected["status"] == "active"
    _, writes = played(-1_000, after=after)
    assert writes == 9, "one for each act, and one for what a suspension owes"
    for place in range(writes):
        found, _ = played(place, after=after)
        assert found == expected, f"write {place} of {writes}"
