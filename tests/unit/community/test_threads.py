"""Product §8: threads in categories, posts with one level of replies, edits and deletion of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts import uploads
from chalicelib.community import service, words
from chalicelib.community.model import thread as model
from chalicelib.community.model.categories import CATEGORIES
from chalicelib.kernel.errors import Blocked, Forbidden, Invalid, InvalidState, NotFound, Problem
from chalicelib.kernel.roles import Role
from chalicelib.runtime.tables import Put
from tests.support.forum import Forum
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, OfflineObjects, hand_world

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
WHY = {"actor": "ops", "reason": "because"}


@pytest.fixture
def forum() -> Forum:
    return Forum(hand_world())


def refused(forum: Forum, problem: type[Problem], act: Callable[[], Any]) -> Problem:
    """``problem`` is the answer, and nothing was written."""
    tables = forum.world.tables
    assert isinstance(tables, MemoryTables)
    before = {name: dict(rows) for name, rows in tables.rows.items()}
    with pytest.raises(problem) as raised:
        act()
    assert tables.rows == before
    return raised.value


def uploaded(forum: Forum, person: str, content: bytes = PNG) -> str:
    """The id of a file that the person has uploaded."""
    objects = forum.world.attachments
    assert isinstance(objects, OfflineObjects)
    upload, form, _ = uploads.form(forum.world, person, "image/png", len(content))
    assert objects.posted(form, content, form.fields)
    return upload


def held(forum: Forum) -> list[str]:
    """The files beside posts."""
    objects = forum.world.attachments
    assert isinstance(objects, OfflineObjects)
    return [key for key in objects.held if key.startswith("posts/")]


# --- who may write where


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("role", ["client", "reader", "admin"])
def test_everybody_opens_threads_but_announcements_are_admins(forum: Forum, category: str, role: Role) -> None:
    ann = forum.who("ann", role)
    if category == "announcements" and role != "admin":
        refused(forum, Forbidden, lambda: forum.opens(ann, category=category))
    else:
        assert forum.opens(ann, category=category).category == category


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("role", ["client", "reader", "admin"])
def test_everybody_answers_but_questions_to_readers_are_theirs(forum: Forum, category: str, role: Role) -> None:
    forum.opens(forum.who("eva", "admin"), category=category)
    ben = forum.who("ben", role)
    if category == "ask-a-reader" and role == "client":
        refused(forum, Forbidden, lambda: forum.answers(ben, "a"))
    else:
        forum.answers(ben, "a")


def test_the_one_who_asks_a_reader_replies_to_answers_and_does_not_answer(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann, category="ask-a-reader")
    forum.answers(forum.who("rita", "reader"), "a")
    refused(forum, Forbidden, lambda: forum.answers(ann, "b"))
    refused(forum, Invalid, lambda: forum.answers(ann, "b", to="t"))
    forum.answers(ann, "b", to="a")
    forum.answers(forum.who("ben"), "c", to="a")
    assert forum.reads(ann) == ["Hello", "a", "b", "c"]


# --- writing


def test_a_thread_is_listed_by_who_wrote_last(forum: Forum) -> None:
    ann = forum.who("ann")
    for name in ("a", "b", "c"):
        forum.forward(1_000).opens(ann, name)
    forum.forward(1_000).answers(ann, "x", thread="a")
    forum.opens(ann, "d", category="readings")
    assert forum.lists(ann) == [forum.thread(each) for each in ("a", "c", "b")]
    assert forum.lists(ann, limit=1) == forum.lists(ann)
    assert forum.lists(ann, "readings") == [forum.thread("d")]


def test_a_request_that_is_repeated_finds_what_it_made(forum: Forum) -> None:
    ann = forum.who("ann")
    made = forum.opens(ann)
    assert forum.opens(ann, title="Other words") == made
    forum.answers(ann, "a")
    forum.answers(ann, "a", text="other words")
    assert forum.reads(ann) == ["Hello", "a"]


def test_what_is_written_is_cleaned(forum: Forum) -> None:
    ann = forum.who("ann")
    assert forum.opens(ann, title="  Good\nmorning\u202e ", text="\u200bHello\r\n").title == "Good morning"
    assert forum.reads(ann) == ["Hello"]


@pytest.mark.parametrize("said", [{"title": "ab"}, {"title": "a" * 121}, {"text": " "}, {"text": "a" * 10_001}])
def test_what_is_too_short_or_too_long_is_refused(forum: Forum, said: dict[str, str]) -> None:
    ann = forum.who("ann")
    refused(forum, Invalid, lambda: forum.opens(ann, **said))


def test_there_must_be_a_thread_and_a_post_of_it_to_answer(forum: Forum) -> None:
    ann = forum.who("ann")
    refused(forum, NotFound, lambda: forum.answers(ann, "a"))
    forum.opens(ann)
    forum.opens(ann, "other")
    forum.answers(ann, "there", thread="other")
    refused(forum, Invalid, lambda: forum.answers(ann, "a", to="none"))
    refused(forum, Invalid, lambda: forum.answers(ann, "a", to="there"))


def test_a_reply_is_not_replied_to(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    forum.answers(ann, "a")
    forum.answers(ann, "b", to="a")
    refused(forum, Invalid, lambda: forum.answers(ann, "c", to="b"))


def test_a_full_thread_takes_no_more(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    was = forum.rows.thread(forum.thread())
    assert was
    first = forum.rows.post(was.opening)
    assert first
    rows = model.Rows(was, first)
    full = replace(was, written=model.MOST_POSTS, rev=was.rev + 1)
    forum.world.tables.write(*forum.rows.change(replace(rows, thread=full), rows))
    refused(forum, InvalidState, lambda: forum.answers(ann, "a"))


def test_a_listed_word_is_refused_wherever_it_stands(forum: Forum) -> None:
    ann = forum.who("ann")
    words.add(forum.world, "damn", **WHY)
    for said in ({"title": "Damn it"}, {"text": "d4mn"}):
        problem = refused(forum, Invalid, lambda said=said: forum.opens(ann, **said))  # type: ignore[misc]
        assert isinstance(problem, Invalid)
        assert [each["field"] for each in problem.errors] == list(said)
        assert "damn" not in str(problem.errors)
    forum.opens(ann)
    for text in ("damn", "da**mn**", "d&#97;mn", "[da](https://b.example)mn", "<http://damn.example>"):
        refused(forum, Invalid, lambda text=text: forum.answers(ann, "a", text=text))  # type: ignore[misc]
    forum.answers(ann, "a")
    refused(forum, Invalid, lambda: forum.edits(ann, "a", "damn"))
    refused(forum, Invalid, lambda: forum.edits(ann, "t", None, "damn it"))
    words.remove(forum.world, "damn", **WHY)
    forum.edits(ann, "a", "damn")


def test_changes_of_the_list_are_audited_once(forum: Forum) -> None:
    words.add(forum.world, "damn", **WHY)
    words.add(forum.world, "DAMN", **WHY)
    words.remove(forum.world, "damn", **WHY)
    audited = forum.world.tables.query("audit", ("pk", "words:community")).items
    assert sorted((each["action"], each["detail"]["word"]) for each in audited) == [
        ("word_added", "damn"),
        ("word_removed", "damn"),
    ]


# --- telling


def test_who_is_answered_is_told_of_it(forum: Forum) -> None:
    ann, ben, cy = forum.who("ann"), forum.who("ben"), forum.who("cy")
    forum.opens(ann)
    forum.answers(ben, "a")
    forum.answers(cy, "b", to="a")
    (of_a,), (of_b,) = forum.told(ann), forum.told(ben)
    assert (of_a["kind"], of_a["at"]) == ("post_replied", NOON)
    assert of_a["facts"] == {"from": ben.id, "thread": forum.thread(), "post": forum.post("a")}
    assert of_b["facts"] == {"from": cy.id, "thread": forum.thread(), "post": forum.post("b")}


def test_nobody_is_told_of_what_they_wrote_themselves(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    forum.answers(ann, "a")
    forum.answers(ann, "b", to="a")
    assert forum.told(ann) == []


# --- files


def test_files_are_kept_beside_a_post_until_it_is_deleted(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    of_ann, of_ben = uploaded(forum, ann.id), uploaded(forum, ben.id)
    forum.opens(ann, files=[of_ann])
    forum.answers(ben, "a", files=[of_ben])
    assert held(forum) == [f"posts/{ann.id}/{forum.post('t')}/{of_ann}", f"posts/{ben.id}/{forum.post('a')}/{of_ben}"]
    _, posts, _ = service.read(forum.world, ben, forum.thread(), 0, 10)
    assert [each.post.attachments[0].id for each in posts] == [of_ann, of_ben]
    assert of_ann in posts[0].files[0]
    forum.deletes(ben, "a")
    assert held(forum) == [f"posts/{ann.id}/{forum.post('t')}/{of_ann}"]


def test_anothers_files_and_what_is_no_file_are_refused(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    of_ben, script = uploaded(forum, ben.id), uploaded(forum, ann.id, b"<script>alert(1)</script>")
    refused(forum, NotFound, lambda: forum.opens(ann, files=[of_ben]))
    refused(forum, Invalid, lambda: forum.opens(ann, files=[script]))
    forum.opens(ann)
    refused(forum, NotFound, lambda: forum.answers(ann, "a", files=[of_ben]))


# --- blocks


@pytest.mark.parametrize("blocks", ["ann", "ben"])
def test_two_who_are_apart_see_nothing_of_each_other(forum: Forum, blocks: str) -> None:
    ann, ben, cy = forum.who("ann"), forum.who("ben"), forum.who("cy")
    forum.opens(ann, "of-ann")
    forum.opens(cy, "of-cy")
    forum.answers(ann, "a", thread="of-cy")
    forum.answers(ben, "b", thread="of-cy", to="a")
    by, other = (ann, ben) if blocks == "ann" else (ben, ann)
    accounts.block(forum.world, by.id, other.id)
    assert forum.lists(ben) == [forum.thread("of-cy")]
    assert forum.reads(ben, "of-cy") == ["Hello", "b"]
    assert forum.reads(ann, "of-cy") == ["Hello", "a"]
    assert forum.reads(cy, "of-cy") == ["Hello", "a", "b"]
    refused(forum, Blocked, lambda: forum.reads(ben, "of-ann"))
    refused(forum, Blocked, lambda: forum.answers(ben, "c", thread="of-ann"))
    refused(forum, Blocked, lambda: forum.answers(ben, "c", thread="of-cy", to="a"))
    forum.answers(ben, "c", thread="of-cy")


def test_admins_see_what_they_must_and_answer_nobody_who_blocked_them(forum: Forum) -> None:
    ann, eva = forum.who("ann"), forum.who("eva", "admin")
    forum.opens(ann)
    accounts.block(forum.world, ann.id, eva.id)
    assert forum.reads(eva) == ["Hello"]
    assert forum.lists(eva) == [forum.thread()]
    refused(forum, Blocked, lambda: forum.answers(eva, "a"))


def test_a_block_that_comes_between_wins(forum: Forum) -> None:
    """It is in the transaction: what was decided before it is decided again."""
    ann, ben = forum.who("ann"), forum.who("ben")

    class Between(MemoryTables):
        armed = False

        def write(self, *operations: Any) -> None:
            if self.armed and any(isinstance(each, Put) and each.table == "community" for each in operations):
                self.armed = False
                accounts.block(forum.world, ann.id, ben.id)
            super().write(*operations)

    tables = Between()
    tables.rows = forum.world.tables.rows  # type: ignore[attr-defined]
    forum.opens(ann)
    tables.armed = True
    late = Forum(replace(forum.world, tables=tables))
    with pytest.raises(Blocked):
        late.answers(ben, "a")
    assert forum.reads(ann) == ["Hello"]


# --- editing and deleting


def test_an_edit_keeps_what_it_said_before_for_its_author_and_admins(forum: Forum) -> None:
    ann, ben, eva = forum.who("ann"), forum.who("ben"), forum.who("eva", "admin")
    forum.opens(ann)
    forum.forward(1_000).edits(ann, "t", "Hello!", "Good day")
    forum.forward(1_000).edits(ann, "t", "Hello?")
    for each in (ann, eva):
        found, following = service.history(forum.world, each, forum.post("t"), None, 10)
        assert [(edit.n, edit.text, edit.title, edit.at) for edit in found] == [
            (2, "Hello!", "Good day", NOON + 1_000),
            (1, "Hello", "Good morning", NOON),
        ]
        assert following is None
    refused(forum, Forbidden, lambda: service.history(forum.world, ben, forum.post("t"), None, 10))
    refused(forum, NotFound, lambda: service.history(forum.world, ann, "pst_none", None, 10))


def test_the_history_is_paged(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    for number in range(3):
        forum.edits(ann, "t", str(number))
    first, following = service.history(forum.world, ann, forum.post("t"), None, 2)
    rest, end = service.history(forum.world, ann, forum.post("t"), following, 2)
    assert ([each.n for each in first], [each.n for each in rest], end) == ([3, 2], [1], None)


@pytest.mark.parametrize("before", [0, 1])
def test_before_the_first_text_there_is_nothing(forum: Forum, before: int) -> None:
    """A cursor can be made up, and DynamoDB refuses a range that runs backwards."""
    ann = forum.who("ann")
    forum.opens(ann)
    forum.edits(ann, "t", "Hello!")
    assert service.history(forum.world, ann, forum.post("t"), before, 10) == ([], None)


def test_an_edit_does_not_bring_a_thread_to_the_top(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann, "a")
    forum.forward(1_000).opens(ann, "b")
    forum.forward(1_000).edits(ann, "a", "Hello!", "Good day")
    assert forum.lists(ann) == [forum.thread("b"), forum.thread("a")]


def test_one_edits_and_deletes_ones_own(forum: Forum) -> None:
    ann, eva = forum.who("ann"), forum.who("eva", "admin")
    forum.opens(ann)
    for act in (lambda: forum.edits(eva, "t", "Hi"), lambda: forum.deletes(eva, "t")):
        refused(forum, Forbidden, act)
    for act in (lambda: forum.edits(eva, "none", "Hi"), lambda: forum.deletes(eva, "none")):
        refused(forum, NotFound, act)


def test_nothing_that_was_deleted_is_stored_anywhere(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    forum.opens(ann, title="Secret title", text="Secret text")
    forum.edits(ann, "t", "Secret again", "Secret title again")
    forum.answers(ben, "a", text="Secret answer")
    forum.edits(ben, "a", "Secret answer again")
    forum.deletes(ben, "a")
    forum.deletes(ann, "t")
    forum.deletes(ann, "t")
    assert "Secret" not in str(forum.world.tables.rows)  # type: ignore[attr-defined]
    assert forum.rows.of_author(ann.id, 10, None) == ([], None)


def test_a_deleted_answer_leaves_a_blank_while_there_are_replies(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    for name, to in (("a", None), ("b", "a"), ("c", None)):
        forum.answers(ann, name, to=to)
    forum.deletes(ann, "a")
    forum.deletes(ann, "c")
    assert forum.reads(ann) == ["Hello", "", "b"]
    forum.deletes(ann, "b")
    assert forum.reads(ann) == ["Hello"]


def test_a_thread_whose_first_post_is_deleted_is_closed_and_gone_when_it_is_empty(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    forum.opens(ann)
    forum.answers(ben, "a")
    forum.deletes(ann, "t")
    seen, posts, _ = service.read(forum.world, ben, forum.thread(), 0, 10)
    assert (seen.thread.title, seen.name, seen.thread.posts) == ("", None, 1)
    assert [(each.post.text, each.name) for each in posts] == [("", None), ("a", "ben")]
    assert forum.lists(ben) == []
    refused(forum, InvalidState, lambda: forum.answers(ben, "b"))
    refused(forum, InvalidState, lambda: forum.answers(ann, "b", to="a"))
    forum.deletes(ben, "a")
    for each in (ann, ben):
        refused(forum, NotFound, lambda each=each: forum.reads(each))  # type: ignore[misc]


def test_who_left_is_a_deleted_member(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    forum.opens(ann)
    was = accounts.person(forum.world, ann.id)
    forum.world.tables.write(*accounts.closing(forum.world, was, "asked for"))
    seen, posts, _ = service.read(forum.world, ben, forum.thread(), 0, 10)
    assert (seen.name, posts[0].name) == ("Deleted member", "Deleted member")


# --- pages


def test_a_page_ends_where_its_texts_are_long(forum: Forum) -> None:
    ann = forum.who("ann")
    forum.opens(ann)
    for number in range(6):
        forum.answers(ann, str(number), text="x" * 9_990 + str(number))
    _, posts, following = service.read(forum.world, ann, forum.thread(), 0, 100)
    assert (len(posts), following) == (5, 5)
    assert len(forum.reads(ann)) == 7


def test_pages_follow_each_other_over_what_is_not_shown(forum: Forum) -> None:
    ann, ben = forum.who("ann"), forum.who("ben")
    forum.opens(ann)
    for number in range(6):
        forum.answers(ann, str(number))
    for number in (1, 2, 3):
        forum.stands(str(number), "hidden")
    assert forum.reads(ben, limit=2) == ["Hello", "0", "4", "5"]
    _, posts, following = service.read(forum.world, ben, forum.thread(), 2, 2)
    assert (posts, following) == ([], 4)
