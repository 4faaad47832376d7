"""What a moderator and a reporter see of a post, and what becomes of it."""

from __future__ import annotations

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.community import moderated
from chalicelib.kernel.errors import Forbidden, NotFound
from chalicelib.kernel.standing import Subject
from chalicelib.runtime.tables import ConditionFailed
from tests.support.forum import Forum
from tests.support.worlds import NOON, hand_world
from tests.unit.community.test_threads import uploaded


@pytest.fixture
def forum() -> Forum:
    return Forum(hand_world())


def test_a_moderator_sees_a_thread_as_its_first_post(forum: Forum) -> None:
    ann = forum.who("ann")
    upload = uploaded(forum, ann.id)
    forum.opens(ann, files=[upload])
    (link,) = moderated.subject(forum.world, forum.post("t"), None).attachments
    assert upload in link
    expected = Subject(
        forum.post("t"), ann.id, "shown", "Good morning\n\nHello", (link,), where=forum.thread(), at=NOON
    )
    for item in (forum.post("t"), forum.thread()):
        assert moderated.subject(forum.world, item, None) == expected


def test_an_answer_is_seen_without_the_title(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    forum.answers(ann, "a")
    assert moderated.subject(forum.world, forum.post("a"), forum.who("ben").id).text == "a"


@pytest.mark.parametrize("item", ["pst_none", "thr_none", "msg_1", ""])
def test_what_is_not_there_is_not_found(forum: Forum, item: str) -> None:
    for seen_by in (None, "usr_1"):
        with pytest.raises(NotFound):
            moderated.subject(forum.world, item or "pst_", seen_by)
    with pytest.raises(NotFound):
        moderated.stand(forum.world, item or "pst_", "hidden")


def test_a_reporter_names_only_what_they_see(forum: Forum) -> None:
    ann, ben, eva = forum.who("ann"), forum.who("ben"), forum.who("eva")
    forum.opens(ann)
    forum.answers(ann, "a")
    assert moderated.subject(forum.world, forum.post("a"), ben.id).author == ann.id
    forum.stands("a", "hidden")
    with pytest.raises(Forbidden):
        moderated.subject(forum.world, forum.post("a"), ben.id)
    assert moderated.subject(forum.world, forum.post("a"), ann.id).standing == "hidden"
    assert moderated.subject(forum.world, forum.post("a"), None).standing == "hidden"
    accounts.set_role(forum.world, eva.id, "admin", actor="ops", reason="because")
    assert moderated.subject(forum.world, forum.post("a"), eva.id).standing == "hidden"
    accounts.block(forum.world, ann.id, ben.id)
    with pytest.raises(Forbidden):
        moderated.subject(forum.world, forum.thread(), ben.id)


def test_what_its_author_deleted_is_there_for_moderators_alone(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    forum.answers(ann, "a")
    forum.deletes(ann, "a")
    assert moderated.subject(forum.world, forum.post("a"), None).text == ""
    with pytest.raises(NotFound):
        moderated.subject(forum.world, forum.post("a"), forum.who("ben").id)


def test_what_is_hidden_comes_back_as_it_was(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    forum.opens(ann)
    forum.answers(ann, "a")
    forum.answers(ann, "b", to="a")
    forum.stands("a", "removed")
    assert forum.reads(ben) == ["Hello", "b"]
    assert forum.reads(ann) == ["Hello", "a", "b"]
    forum.stands("a", "shown")
    assert forum.reads(ben) == ["Hello", "a", "b"]


def test_a_hidden_thread_is_there_for_its_author_and_takes_no_posts(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    forum.opens(ann)
    forum.stands("t", "hidden")
    assert (forum.lists(ann), forum.reads(ann)) == ([], ["Hello"])
    with pytest.raises(NotFound):
        forum.reads(ben)
    forum.stands("t", "shown")
    assert forum.lists(ben) == [forum.thread()]


def test_standing_so_already_writes_nothing(forum: Forum) -> None:
    forum.opens(forum.who("ann"))
    assert moderated.stand(forum.world, forum.post("t"), "shown") == []


def test_what_changed_since_fails_and_is_asked_for_again(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    old = moderated.stand(forum.world, forum.thread(), "hidden")
    forum.edits(ann, "t", "Hello!")
    with pytest.raises(ConditionFailed):
        forum.world.tables.write(*old)
    forum.world.tables.write(*moderated.stand(forum.world, forum.thread(), "hidden"))
