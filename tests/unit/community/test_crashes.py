"""A thread any of whose writes is lost, before it takes effect or after: it becomes the same all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.community import words
from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.tables import Contended
from tests.support.forum import Forum
from tests.support.losing import LosingTables
from tests.support.worlds import hand_world
from tests.unit.community.test_threads import held, uploaded


def insist(act: Callable[[], Any]) -> Any:
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def a_thread(forum: Forum) -> dict[str, Any]:
    """A thread with answers, edits, a deletion and a moderator; what came of it."""
    ann, ben = insist(lambda: forum.who("ann")), insist(lambda: forum.who("ben"))
    upload = uploaded(forum, ben.id)
    insist(lambda: words.add(forum.world, "damn", actor="ops", reason="because"))
    insist(lambda: forum.opens(ann))
    insist(lambda: forum.answers(ben, "a", files=[upload]))
    insist(lambda: forum.answers(ann, "b", to="a"))
    insist(lambda: forum.answers(ben, "c"))
    insist(lambda: forum.edits(ann, "t", "Hello!", "Good day"))
    insist(lambda: forum.edits(ben, "a", "A"))
    insist(lambda: forum.stands("b", "hidden"))
    insist(lambda: forum.stands("b", "shown"))
    insist(lambda: forum.deletes(ben, "a"))
    thread = forum.rows.thread(forum.thread())
    assert thread
    return {
        "thread": (thread.title, thread.written, thread.posts, thread.standing),
        "texts": forum.reads(ben),
        "edits": [each.text for name in "ta" for each in forum.rows.edits(forum.post(name), 100, 100)],
        "told": [each["facts"]["post"] for who in (ann, ben) for each in forum.told(who)],
        "words": words.listed(forum.world).words,
        "audited": len(forum.world.tables.query("audit", ("pk", "words:community")).items),
        "files": held(forum),
    }


@pytest.mark.parametrize("after", [True, False])
def test_a_thread_is_the_same_whichever_of_its_writes_is_lost(after: bool) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        tables = LosingTables(at, after=after)
        return a_thread(Forum(hand_world(tables))), at - tables.left

    expected, writes = played(at=10_000)
    assert expected == {
        "thread": ("Good day", 4, 3, "shown"),
        "texts": ["Hello!", "", "b", "c"],
        "edits": ["Hello"],
        "told": ["pst_1a", "pst_1c", "pst_1b"],
        "words": ("damn",),
        "audited": 1,
        "files": [],
    }
    assert writes == 12
    for at in range(writes):
        assert played(at)[0] == expected, f"write {at}"


def test_a_deletion_that_stopped_after_its_files_is_gone_on_with() -> None:
    forum = Forum(hand_world())
    ann = forum.who("ann")
    forum.opens(ann, files=[uploaded(forum, ann.id)])
    stopped = Forum(hand_world(Stopped(forum), attachments=forum.world.attachments))
    with pytest.raises(ZeroDivisionError):
        stopped.deletes(ann, "t")
    assert (held(forum), forum.reads(ann)) == ([], ["Hello"])
    forum.deletes(ann, "t")
    assert "Hello" not in str(forum.world.tables.rows)  # type: ignore[attr-defined]


class Stopped(LosingTables):
    """The function ends before it writes."""

    def __init__(self, forum: Forum) -> None:
        super().__init__(0, after=False)
        self.rows = forum.world.tables.rows  # type: ignore[attr-defined]

    def write(self, *operations: Any) -> None:
        raise ZeroDivisionError
