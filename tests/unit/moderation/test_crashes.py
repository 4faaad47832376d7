"""Whichever write goes wrong, before or after it took effect, the same again brings about the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.tables import Contended
from tests.support.desk import Desk
from tests.support.losing import LosingTables
from tests.support.worlds import HandClock, hand_world


def insist(act: Callable[[], Any]) -> None:
    """As an app does, or the tick."""
    for _ in range(3):
        try:
            act()
        except (Contended, Unavailable):
            continue
        return
    raise AssertionError("never answered")


def played(at: int, *, after: bool) -> tuple[dict[str, Any], int]:
    """Three hide it, it is dismissed, a fourth reports it, its author is suspended, appeals, and is let in again."""
    tables = LosingTables(-1, after=after)
    desk = Desk(hand_world(tables, now=HandClock())).opened()
    tables.left = at
    for user in ("usr_1", "usr_2", "usr_3"):
        insist(lambda user=user: desk.reports(user))  # type: ignore[misc]
    seen = [desk.shown]
    insist(desk.dismisses)
    seen.append(desk.shown)
    insist(lambda: desk.reports("usr_4"))
    insist(lambda: desk.resolves("suspend"))
    seen.append(desk.shown)
    insist(desk.appeals)
    insist(desk.dismisses)
    people = (desk.author, "usr_1", "usr_4")
    return {
        "shown": [*seen, desk.shown],
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
