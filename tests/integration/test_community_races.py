"""A popular thread under many hands at once, on a real DynamoDB: every post arrives once, and the counts are exact."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.community import moderated, service
from chalicelib.gateways import World
from chalicelib.kernel.errors import Blocked, InvalidState, NotFound
from chalicelib.runtime.retries import undisturbed
from tests.support.crowd import Crowd
from tests.support.duo import refusals
from tests.support.forum import Forum

WRITERS = 16


@pytest.fixture
def forum(world: World) -> Forum:
    """Ids of its own."""
    return Forum(world, uuid4().hex[:10])


def write(world: World, place: int, own: str) -> str:
    """Half of them answer the thread, and half reply to one answer; each sends it twice."""
    forum = Forum(world, own)
    caller, to = forum.who(f"p{place}"), "first" if place % 2 else None
    forum.answers(caller, str(place), to=to)
    return forum.answers(caller, str(place), to=to)


def test_what_16_write_at_once_is_there_once_and_counted(forum: Forum, crowd: Crowd) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    forum.answers(ann, "first")
    assert not refusals(crowd(WRITERS, write, forum.own))
    assert sorted(forum.reads(ann)) == sorted(["Hello", "first", *map(str, range(WRITERS))])
    thread, first = forum.rows.thread(forum.thread()), forum.rows.post(forum.post("first"))
    assert thread
    assert first
    assert (thread.written, thread.posts, first.replies) == (2 + WRITERS, 2 + WRITERS, WRITERS // 2)
    assert [each.n for each in forum.rows.posts(thread.id, 0, 100)] == list(range(1, 3 + WRITERS))
    assert len(forum.told(ann)) == WRITERS


def meddle(world: World, place: int, own: str) -> object:
    """They write, delete what they wrote, and hide and show again, all in one thread."""
    forum = Forum(world, own)
    caller = forum.who(f"p{place}")
    if place % 4 == 0:
        for standing in ("hidden", "shown"):
            undisturbed(world.sleep, lambda standing=standing: forum.stands("first", standing), tries=100)  # type: ignore[misc]
        return None
    forum.answers(caller, str(place))
    if place % 2:
        forum.deletes(caller, str(place))
    return None


def test_counts_stay_exact_while_some_write_delete_and_hide(forum: Forum, crowd: Crowd) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    forum.answers(ann, "first")
    assert not refusals(crowd(WRITERS, meddle, forum.own))
    thread = forum.rows.thread(forum.thread())
    assert thread
    posts = forum.rows.posts(thread.id, 0, 100)
    assert thread.written == len(posts) == 2 + 12
    assert thread.posts == sum(each.counts for each in posts) == 2 + 4
    assert len(forum.reads(ann)) == 2 + 4


def answer_or_block(world: World, place: int, own: str, author: str) -> str:
    """The last one is blocked by the author while they write."""
    forum = Forum(world, own)
    caller = forum.who("ben")
    if place == WRITERS - 1:
        accounts.block(world, author, caller.id)
        return "blocked"
    return forum.answers(caller, str(place))


def test_of_a_block_and_answers_at_once_nothing_is_written_after_the_block(forum: Forum, crowd: Crowd) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    forum.opens(ann)
    outcomes = crowd(WRITERS, answer_or_block, forum.own, ann.id)
    assert set(refusals(outcomes)) <= {Blocked.code}
    written = sorted(each for each in outcomes if isinstance(each, str) and each != "blocked")
    thread = forum.rows.thread(forum.thread())
    assert thread
    assert sorted(each.id for each in forum.rows.posts(thread.id, 1, 100)) == written
    assert thread.posts == 1 + len(written)
    assert accounts.is_blocked(forum.world, ann.id, ben.id)


def answer_or_delete(world: World, place: int, own: str) -> str:
    """The first one deletes the post that opened the thread."""
    forum = Forum(world, own)
    if place == 0:
        forum.deletes(forum.who("ann"), "t")
        return "deleted"
    return forum.answers(forum.who(f"p{place}"), str(place))


def test_nothing_is_written_into_a_thread_that_was_closed(forum: Forum, crowd: Crowd) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    outcomes = crowd(WRITERS, answer_or_delete, forum.own)
    assert set(refusals(outcomes)) <= {InvalidState.code, NotFound.code}
    thread = forum.rows.thread(forum.thread())
    assert thread
    assert thread.posts == sum(isinstance(each, str) for each in outcomes) - 1
    assert (thread.title, thread.listed) == ("", False)
    assert moderated.subject(forum.world, thread.id, None).text.strip() == ""
    if thread.posts:
        assert service.read(forum.world, ann, thread.id, 0, 100)[1][0].post.text == ""
