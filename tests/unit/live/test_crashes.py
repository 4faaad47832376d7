"""A stream any of whose writes is lost, before it takes effect or after: it becomes the same all the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.agora import Notice
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import MINUTE
from chalicelib.live import moderating, service, watching
from chalicelib.live.model.stream import HOST_UID
from chalicelib.runtime.tables import Contended
from tests.support.air import Air, wanted
from tests.support.losing import LosingTables
from tests.support.worlds import NOON, hand_world

HOST, ANN, BEN, NAME = "usr_host", "usr_ann", "usr_ben", "str_1"
SETTING = 4
"""The writes that make the people."""


def insist(act: Callable[[], Any]) -> Any:
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def a_stream(world: World) -> dict[str, Any]:
    """A stream with invitations, viewers who come, are banned and go, a host who is gone; what came of it."""
    air, host, name, ann, ben = Air(world).ready().known(HOST, ANN, BEN), HOST, NAME, ANN, BEN
    insist(lambda: service.create(world, host, name, wanted("private", invited=(ann,))))
    insist(lambda: service.invite(world, name, host, [ann, ben]))
    insist(lambda: moderating.appoint(world, name, host, ann, moderator=True))
    insist(lambda: service.start(world, name, host))
    insist(lambda: watching.hear(world, Notice(name, HOST_UID, 1, world.now(), True)))
    uids = [insist(partial(watching.join, world, name, user))[1].uid for user in (ann, ben)]
    for uid in uids:
        insist(partial(watching.hear, world, Notice(name, uid, 1, world.now(), True)))
    insist(lambda: moderating.mute(world, name, ann, ben, muted=True))
    insist(lambda: moderating.ban(world, name, ann, ben, banned=True))
    air.forward(10 * MINUTE)
    insist(lambda: watching.hear(world, Notice(name, HOST_UID, 2, world.now(), False)))
    air.forward(5 * MINUTE)
    insist(lambda: service.look_after(world, name))
    insist(lambda: service.look_after(world, name))  # what was owed is done by now
    insist(lambda: moderating.put_out(world, name, ben))
    row, seen = air.row, [air.viewer(user) for user in (ann, ben)]
    return {
        "row": (row.state, row.ended_for, row.ended_at, row.invited, len(row.moderators), row.owes_removal),
        "viewers": [(each.present, each.muted, each.banned, each.owed, each.turn) for each in seen],
        "audience": air.audience(),
        "free": air.rows.open_of(host),
        "barred": [(name, uid) in air.agora.bars for uid in (None, *uids)],
        "waiting": len(air.waiting() & {name}) + len(air.waiting("removal") & {ann, ben}),
    }


@pytest.mark.parametrize("after", [True, False])
def test_a_stream_is_the_same_whichever_of_its_writes_is_lost(after: bool) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        tables = LosingTables(at, after=after)
        return a_stream(hand_world(tables)), at - tables.left

    expected, writes = played(at=10_000)
    assert expected == {
        "row": ("finalized", "host_gone", NOON + 12 * MINUTE, 2, 1, False),
        "viewers": [(True, False, False, (), 0), (False, True, True, (), 1)],
        "audience": (1, 2),
        "free": None,
        "barred": [True, False, True],
        "waiting": 0,
    }
    assert writes > SETTING + 15
    for place in range(SETTING, writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
