"""What may be written, changed and taken away in a thread, and who sees what of it (product §8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts.model.attachment import Attachment
from chalicelib.community.model.thread import (
    LONGEST_TEXT,
    MOST_EDITS,
    MOST_POSTS,
    Edit,
    Post,
    Rows,
    Thread,
    Viewer,
    deleted,
    edited,
    lists,
    look,
    must_see,
    must_see_post,
    opened,
    opening_of,
    page,
    posted,
    stood,
    titled,
    worded,
)
from chalicelib.kernel.errors import Blocked, Forbidden, Invalid, InvalidState, NotFound, Problem

PICTURE = Attachment("upl_1", "image/png", 70)
OPENED = opened("thr_7", "general", "ann", "Good morning", "Hello", (PICTURE,), 1_000)
THREAD, FIRST = OPENED.thread, OPENED.post
ANSWERED = posted(THREAD, None, Post("pst_8", "thr_7", 0, "ben", "Yes", 0), 2_000)
ANSWER = ANSWERED.post
REPLIED = posted(ANSWERED.thread, ANSWER, Post("pst_9", "thr_7", 0, "cy", "No", 0), 3_000)
REPLY = REPLIED.post


ANOTHERS = "This is another's post."
NO_POST = "There is no such post."
NO_THREAD = "There is no such thread."
IN_HAND = "A moderator has this post in hand. It cannot be edited."


# --- what may be written


@pytest.mark.parametrize("title", ["abc", "a" * 120])
def test_a_title_has_3_to_120_characters(title: str) -> None:
    assert titled(title) == title


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("ab", "Write 3 to 120 visible characters."),
        ("a" * 121, "Write 3 to 120 visible characters."),
        ("\u200b\u200b\u200b", "Write 3 to 120 visible characters."),
    ],
)
def test_and_no_others(title: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        titled(title)
    assert refused.value.errors == ({"field": "title", "message": message},)


def test_a_title_is_one_line() -> None:
    assert titled(" a\n\tb \u202e c ") == "a b c"


@pytest.mark.parametrize("text", ["a", "a" * LONGEST_TEXT])
def test_a_text_has_1_to_10_000_characters(text: str) -> None:
    assert worded(text) == text


@pytest.mark.parametrize("text", ["", " \n ", "\u200b", "a" * 10_001])
def test_and_no_others_either(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        worded(text)
    assert refused.value.errors == ({"field": "text", "message": "Write 1 to 10,000 visible characters."},)


def test_a_text_keeps_its_lines_and_what_they_begin_with() -> None:
    assert worded("- a\r\n  - b\n\n\n\n\tc\u200b  \n") == "- a\n  - b\n\n    c"


# --- writing


def test_the_first_post_opens_the_thread_and_has_its_number() -> None:
    done = opened("thr_7", "general", "ann", "Good morning", "Hello", (PICTURE,), 1_000)
    assert done.thread == Thread("thr_7", "general", "ann", "Good morning", 1_000, 1_000, written=1, posts=1, rev=1)
    assert done.post == Post("pst_7", "thr_7", 1, "ann", "Hello", 1_000, attachments=(PICTURE,))
    assert done.parent is None
    assert (opening_of("thr_7_8"), done.thread.opening) == ("pst_7_8", "pst_7")
    assert (done.post.opens, ANSWER.opens) == (True, False)


def test_an_answer_is_the_next_post_and_the_thread_counts_it() -> None:
    done = posted(THREAD, None, Post("pst_8", "thr_7", 0, "ben", "Yes", 0), 2_000)
    assert done.thread == replace(THREAD, written=2, posts=2, active_at=2_000, rev=2)
    assert done.post == Post("pst_8", "thr_7", 2, "ben", "Yes", 2_000)
    assert done.parent is None


def test_a_reply_is_counted_by_what_it_replies_to() -> None:
    done = posted(ANSWERED.thread, ANSWER, Post("pst_9", "thr_7", 0, "cy", "No", 0), 3_000)
    assert done.thread == replace(THREAD, written=3, posts=3, active_at=3_000, rev=3)
    assert done.post == Post("pst_9", "thr_7", 3, "cy", "No", 3_000, parent="pst_8")
    assert done.parent == replace(ANSWER, replies=1, rev=2)


def test_a_clock_that_is_behind_does_not_turn_a_thread_back() -> None:
    behind = posted(ANSWERED.thread, None, Post("pst_9", "thr_7", 0, "cy", "No", 0), 500)
    assert (behind.post.at, behind.thread.active_at) == (2_000, 2_000)


@pytest.mark.parametrize("parent", [FIRST, REPLY])
def test_only_an_answer_is_replied_to(parent: Post) -> None:
    with pytest.raises(Invalid) as refused:
        posted(REPLIED.thread, parent, ANSWER, 4_000)
    (error,) = refused.value.errors
    assert error == {"field": "parent", "message": "Name an answer to the thread itself."}


@pytest.mark.parametrize("change", [{"standing": "hidden"}, {"standing": "removed"}, {"deleted_at": 3_000}])
def test_and_only_one_that_is_shown(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidState) as refused:
        posted(ANSWERED.thread, replace(ANSWER, **change), REPLY, 4_000)
    assert str(refused.value) == "Nobody can reply to this post any more."


@pytest.mark.parametrize("change", [{"standing": "hidden"}, {"standing": "removed"}, {"closed_at": 3_000}])
def test_a_thread_that_is_not_listed_takes_no_posts(change: dict[str, Any]) -> None:
    thread = replace(THREAD, **change)
    assert not thread.listed
    with pytest.raises(InvalidState) as refused:
        posted(thread, None, ANSWER, 4_000)
    assert str(refused.value) == "Nobody can answer this thread any more."


def test_a_thread_takes_2_000_posts() -> None:
    assert posted(replace(THREAD, written=MOST_POSTS - 1), None, ANSWER, 4_000).post.n == 2_000
    with pytest.raises(InvalidState) as refused:
        posted(replace(THREAD, written=MOST_POSTS), None, ANSWER, 4_000)
    assert str(refused.value) == "A thread takes 2,000 posts. Open another one."


# --- editing


def test_an_edit_keeps_what_was_said_and_since_when() -> None:
    was = Rows(ANSWERED.thread, ANSWER)
    done = edited(was, "ben", "Yes!", None, 5_000)
    assert done == (
        Rows(ANSWERED.thread, replace(ANSWER, text="Yes!", edited_at=5_000, edits=1, rev=2)),
        Edit(1, "Yes", None, 2_000),
    )
    again = edited(done[0], "ben", "Yes?", None, 6_000)
    assert again
    assert again[1] == Edit(2, "Yes!", None, 5_000)
    assert (again[0].post.edits, again[0].post.edited_at, again[0].post.rev) == (2, 6_000, 3)


def test_an_edit_of_a_first_post_can_change_the_title_too() -> None:
    done = edited(OPENED, "ann", None, "Good night", 5_000)
    assert done
    rows, before = done
    assert rows.thread == replace(THREAD, title="Good night", rev=2)
    assert rows.post == replace(FIRST, edited_at=5_000, edits=1, rev=2)
    assert before == Edit(1, "Hello", "Good morning", 1_000)


def test_an_edit_of_its_text_alone_leaves_the_thread_as_it_is() -> None:
    done = edited(OPENED, "ann", "Hi", None, 5_000)
    assert done
    assert done[0].thread is THREAD
    assert done[1] == Edit(1, "Hello", "Good morning", 1_000)


@pytest.mark.parametrize(("text", "title"), [("Hello", None), (None, "Good morning"), (None, None)])
def test_what_says_so_already_is_no_edit(text: str | None, title: str | None) -> None:
    assert edited(OPENED, "ann", text, title, 5_000) is None


def test_only_a_first_post_has_a_title() -> None:
    with pytest.raises(Invalid) as refused:
        edited(Rows(ANSWERED.thread, ANSWER), "ben", None, "A title", 5_000)
    (error,) = refused.value.errors
    assert error == {"field": "title", "message": "Only the first post of a thread has a title."}


@pytest.mark.parametrize(
    ("change", "by", "problem", "said"),
    [
        ({}, "ann", Forbidden, ANOTHERS),
        ({"deleted_at": 3_000}, "ann", Forbidden, ANOTHERS),
        ({"deleted_at": 3_000}, "ben", NotFound, NO_POST),
        ({"standing": "hidden"}, "ben", InvalidState, IN_HAND),
        ({"standing": "removed"}, "ben", InvalidState, IN_HAND),
        ({"edits": MOST_EDITS}, "ben", InvalidState, "This was edited 50 times. Write a new post."),
    ],
)
def test_one_edits_ones_own_that_is_shown_50_times(
    change: dict[str, Any], by: str, problem: type[Problem], said: str
) -> None:
    with pytest.raises(problem) as refused:
        edited(Rows(ANSWERED.thread, replace(ANSWER, **change)), by, "Yes!", None, 5_000)
    assert str(refused.value) == said
    assert edited(Rows(ANSWERED.thread, replace(ANSWER, edits=MOST_EDITS - 1)), "ben", "Yes!", None, 5_000)


def test_after_50_edits_what_it_says_may_be_said_again() -> None:
    assert edited(Rows(ANSWERED.thread, replace(ANSWER, edits=MOST_EDITS)), "ben", "Yes", None, 5_000) is None


# --- deleting, hiding, removing


def test_nothing_is_left_of_a_deleted_post_but_its_place() -> None:
    post = replace(ANSWER, attachments=(PICTURE,), edits=3, edited_at=3_000)
    done = deleted(Rows(ANSWERED.thread, post), "ben", 5_000)
    assert done.post == replace(ANSWER, text="", deleted_at=5_000, rev=2)
    assert done.thread == replace(ANSWERED.thread, posts=1, rev=3)
    assert done.parent is None


def test_a_deleted_reply_is_counted_no_more() -> None:
    done = deleted(REPLIED, "cy", 5_000)
    assert done.parent == replace(ANSWER, replies=0, rev=3)
    assert done.thread.posts == 2


def test_who_deletes_the_first_post_closes_the_thread() -> None:
    done = deleted(Rows(REPLIED.thread, FIRST), "ann", 5_000)
    assert done.thread == replace(REPLIED.thread, title="", closed_at=5_000, posts=2, rev=4)
    assert not done.thread.listed


def test_deleting_again_changes_nothing() -> None:
    done = deleted(REPLIED, "cy", 5_000)
    assert deleted(done, "cy", 6_000) is done


def test_nobody_deletes_anothers() -> None:
    for rows in (REPLIED, deleted(REPLIED, "cy", 5_000)):
        with pytest.raises(Forbidden) as refused:
            deleted(rows, "ann", 5_000)
        assert str(refused.value) == ANOTHERS


def test_a_hidden_post_is_counted_no_more_and_nothing_is_lost() -> None:
    done = stood(REPLIED, "hidden")
    assert done.post == replace(REPLY, standing="hidden", rev=2)
    assert done.parent == replace(ANSWER, replies=0, rev=3)
    assert done.thread == replace(REPLIED.thread, posts=2, rev=4)
    back = stood(done, "shown")
    assert back.post == replace(REPLY, rev=3)
    assert back.parent == replace(ANSWER, replies=1, rev=4)
    assert back.thread == replace(REPLIED.thread, posts=3, rev=5)


def test_from_hidden_to_removed_nothing_else_changes() -> None:
    hidden = stood(REPLIED, "hidden")
    removed = stood(hidden, "removed")
    assert removed == replace(hidden, post=replace(hidden.post, standing="removed", rev=3))
    assert (removed.thread, removed.parent) == (hidden.thread, hidden.parent)


def test_a_thread_stands_where_its_first_post_stands() -> None:
    done = stood(Rows(REPLIED.thread, FIRST), "removed")
    assert done.thread == replace(REPLIED.thread, standing="removed", posts=2, rev=4)
    assert stood(Rows(REPLIED.thread, ANSWER), "removed").thread.standing == "shown"


def test_standing_so_already_changes_nothing() -> None:
    assert stood(REPLIED, "shown") is REPLIED


def test_what_is_hidden_can_be_deleted_and_is_not_counted_twice() -> None:
    hidden = stood(REPLIED, "hidden")
    done = deleted(hidden, "cy", 5_000)
    assert done.post == replace(hidden.post, text="", deleted_at=5_000, rev=3)
    assert (done.thread, done.parent) == (hidden.thread, hidden.parent)
    assert stood(done, "shown").thread.posts == 2


# --- seeing


ADA, ANN, BEN = Viewer("ada", admin=True), Viewer("ann", admin=False), Viewer("ben", admin=False)
APART = Viewer("dan", admin=False, apart=frozenset({"ann", "ben"}))
CHIEF = Viewer("eva", admin=True, apart=frozenset({"ann", "ben"}))
SOMEBODY = Viewer("flo", admin=False)


def test_everybody_sees_what_is_shown_but_who_is_apart() -> None:
    assert [look(ANSWER, each) for each in (ADA, ANN, BEN, SOMEBODY, CHIEF)] == ["whole"] * 5
    assert look(ANSWER, APART) is None


@pytest.mark.parametrize("standing", ["hidden", "removed"])
def test_its_author_and_admins_see_what_is_not_shown(standing: Any) -> None:
    post = replace(ANSWER, standing=standing)
    assert [look(post, each) for each in (ADA, BEN, CHIEF)] == ["whole"] * 3
    assert [look(post, each) for each in (ANN, SOMEBODY, APART)] == [None] * 3


@pytest.mark.parametrize("viewer", [ADA, BEN, SOMEBODY, APART])
def test_a_deleted_post_is_a_blank_where_there_are_replies(viewer: Viewer) -> None:
    gone = replace(ANSWER, deleted_at=5_000)
    assert look(gone, viewer) is None
    assert look(replace(gone, replies=1), viewer) == "blank"
    assert look(replace(FIRST, deleted_at=5_000), viewer) == "blank"


def test_a_category_lists_what_is_shown_but_to_who_is_apart() -> None:
    assert [lists(THREAD, each) for each in (ADA, ANN, SOMEBODY, APART)] == [True, True, True, False]
    assert [lists(replace(THREAD, standing="hidden"), each) for each in (ADA, ANN)] == [False, False]
    assert not lists(replace(THREAD, closed_at=5_000), ANN)


def test_a_thread_is_read_by_everybody_but_who_is_apart() -> None:
    for each in (ADA, ANN, SOMEBODY, CHIEF):
        must_see(THREAD, each)
    with pytest.raises(Blocked):
        must_see(THREAD, APART)


@pytest.mark.parametrize("standing", ["hidden", "removed"])
def test_a_thread_that_is_not_shown_is_there_for_its_author_and_admins(standing: Any) -> None:
    thread = replace(THREAD, standing=standing)
    for each in (ADA, ANN):
        must_see(thread, each)
    for each in (SOMEBODY, APART):
        with pytest.raises(NotFound, match=f"^{NO_THREAD}$"):
            must_see(thread, each)


def test_a_closed_thread_is_there_while_there_are_posts_in_it() -> None:
    closed = replace(REPLIED.thread, closed_at=5_000, posts=1)
    must_see(closed, SOMEBODY)
    for each in (ADA, ANN, SOMEBODY):
        with pytest.raises(NotFound, match=f"^{NO_THREAD}$"):
            must_see(replace(closed, posts=0), each)
    must_see(replace(THREAD, posts=0), SOMEBODY)


def test_a_post_is_seen_with_its_thread() -> None:
    apart = Viewer("dan", admin=False, apart=frozenset({"cy"}))
    must_see_post(REPLIED, SOMEBODY)
    with pytest.raises(Blocked):
        must_see_post(REPLIED, APART)
    with pytest.raises(Blocked):
        must_see_post(REPLIED, apart)
    with pytest.raises(NotFound, match=f"^{NO_POST}$"):
        must_see_post(stood(REPLIED, "hidden"), SOMEBODY)
    must_see_post(stood(REPLIED, "hidden"), Viewer("cy", admin=False))
    with pytest.raises(NotFound, match=f"^{NO_THREAD}$"):
        must_see_post(replace(REPLIED, thread=replace(THREAD, standing="hidden")), SOMEBODY)
    with pytest.raises(NotFound, match=f"^{NO_POST}$"):
        must_see_post(deleted(REPLIED, "cy", 5_000), ADA)


def test_a_page_ends_where_there_is_no_room_and_has_one_post_at_least() -> None:
    posts = [replace(ANSWER, text=each) for each in ("aaaa", "bbbb", "cc")]

    def shown(room: int) -> list[str]:
        return [each.text for each in page(posts, room, lambda post: len(post.text))]

    assert shown(10) == ["aaaa", "bbbb", "cc"]
    assert shown(9) == ["aaaa", "bbbb"]
    assert shown(8) == ["aaaa", "bbbb"]
    assert shown(7) == ["aaaa"]
    assert shown(1) == ["aaaa"]
    assert page([], 1, lambda post: len(post.text)) == []
