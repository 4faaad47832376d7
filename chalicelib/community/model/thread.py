"""A thread and its posts: what may be written, changed and taken away, and who sees what of it.

The first post opens the thread: its text is the thread's, and what becomes of it becomes of the thread. Every change
of a post gives the three rows that it may touch (the thread, the post, the post that it replies to), so that what is
counted is exact: a thread counts the posts that are shown, an answer the replies to it that are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.accounts.model.attachment import Attachment
from chalicelib.community.model.categories import CategoryId
from chalicelib.kernel.errors import Blocked, Forbidden, Invalid, InvalidState, NotFound
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.text import document, one_line
from chalicelib.kernel.time import Millis

MOST_POSTS: Final = 2_000
"""In a thread, its first one and deleted ones among them."""
MOST_EDITS: Final = 50
"""Earlier texts that are kept of a post. Nobody needs more, and a limit keeps the history readable."""
SHORTEST_TITLE: Final = 3
LONGEST_TITLE: Final = 120
LONGEST_TEXT: Final = 10_000

_OPENING: Final = 1
"""The number of a thread's first post."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread. ``standing`` is that of its first post, and ``closed_at`` when that was deleted."""

    id: str
    category: CategoryId
    author: str
    title: str
    """Empty once it was deleted."""
    at: Millis
    active_at: Millis
    """When somebody wrote last."""
    written: int = _OPENING
    """Posts that were ever written: the number of the newest."""
    posts: int = _OPENING
    """Posts that are shown."""
    standing: Standing = "shown"
    closed_at: Millis | None = None
    rev: int = 1

    @property
    def opening(self) -> str:
        """The id of its first post."""
        return opening_of(self.id)

    @property
    def listed(self) -> bool:
        """Whether its category lists it."""
        return self.standing == "shown" and self.closed_at is None


@dataclass(frozen=True, slots=True)
class Post:
    """One post. A deleted one keeps its place and its author's id, and nothing that they wrote."""

    id: str
    thread: str
    n: int
    """Its place in the thread, from 1."""
    author: str
    text: str
    at: Millis
    parent: str | None = None
    """The post that it replies to; None for an answer to the thread."""
    attachments: tuple[Attachment, ...] = ()
    standing: Standing = "shown"
    deleted_at: Millis | None = None
    edited_at: Millis | None = None
    edits: int = 0
    """Earlier texts that are kept."""
    replies: int = 0
    """Replies to it that are shown."""
    rev: int = 1

    @property
    def opens(self) -> bool:
        """Whether it opened its thread."""
        return self.n == _OPENING

    @property
    def counts(self) -> bool:
        """Whether it is shown to everybody."""
        return self.standing == "shown" and self.deleted_at is None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a post said before its edit number ``n``, and since when."""

    n: int
    text: str
    title: str | None
    """Of a thread's first post."""
    at: Millis


@dataclass(frozen=True, slots=True)
class Rows:
    """A post with the rows that change with it. ``parent`` is None for one that replies to no post."""

    thread: Thread
    post: Post
    parent: Post | None = None


# --- what may be written -------------------------------------------------------------------------


def opening_of(thread: str) -> str:
    """The id of the thread's first post: it has the thread's own number."""
    return f"pst_{thread.partition('_')[2]}"


def titled(title: str) -> str:
    """The title on one line. Raises Invalid outside of 3 to 120 characters."""
    return _within("title", one_line(title), SHORTEST_TITLE, LONGEST_TITLE)


def worded(text: str) -> str:
    """The text with its lines. Raises Invalid outside of 1 to 10,000 characters, of which one can be seen."""
    return _within("text", document(text), 1, LONGEST_TEXT)


def _within(field: str, written: str, least: int, most: int) -> str:
    if not least <= len(written) <= most:
        raise Invalid(errors=({"field": field, "message": f"Write {least} to {most:,} visible characters."},))
    return written


# --- writing -------------------------------------------------------------------------------------


def opened(
    thread: str, category: CategoryId, author: str, title: str, text: str, files: tuple[Attachment, ...], now: Millis
) -> Rows:
    """A new thread with its first post."""
    first = Post(opening_of(thread), thread, _OPENING, author, text, now, attachments=files)
    return Rows(Thread(thread, category, author, title, now, now), first)


def posted(thread: Thread, parent: Post | None, new: Post, now: Millis) -> Rows:
    """The thread with ``new`` behind what was written; its place and moment are decided here.

    Raises Invalid (``parent`` is no answer), InvalidState (nobody can answer it, or the thread is full).
    """
    if not thread.listed:
        raise InvalidState("Nobody can answer this thread any more.")
    if parent:
        if parent.opens or parent.parent is not None:
            raise Invalid(errors=({"field": "parent", "message": "Name an answer to the thread itself."},))
        if not parent.counts:
            raise InvalidState("Nobody can reply to this post any more.")
    if thread.written >= MOST_POSTS:
        raise InvalidState(f"A thread takes {MOST_POSTS:,} posts. Open another one.")
    at = max(now, thread.active_at)
    written = replace(new, n=thread.written + 1, at=at, parent=parent.id if parent else None)
    grown = replace(thread, written=written.n, posts=thread.posts + 1, active_at=at, rev=thread.rev + 1)
    answered = replace(parent, replies=parent.replies + 1, rev=parent.rev + 1) if parent else None
    return Rows(grown, written, answered)


# --- changing ------------------------------------------------------------------------------------


def edited(was: Rows, by: str, text: str | None, title: str | None, now: Millis) -> tuple[Rows, Edit] | None:
    """The post with another text, or title, and what it said before; None where it says so already.

    Raises Forbidden (another's), NotFound (deleted), Invalid (a title of what opens no thread), InvalidState (hidden or
    removed; edited 50 times).
    """
    thread, post = was.thread, was.post
    _must_be_own(post, by)
    if post.standing != "shown":
        raise InvalidState("A moderator has this post in hand. It cannot be edited.")
    if title is not None and not post.opens:
        raise Invalid(errors=({"field": "title", "message": "Only the first post of a thread has a title."},))
    said = post.text if text is None else text
    called = thread.title if title is None else title
    if (said, called) == (post.text, thread.title):
        return None
    if post.edits >= MOST_EDITS:
        raise InvalidState(f"This was edited {MOST_EDITS} times. Write a new post.")
    before = Edit(
        n=post.edits + 1,
        text=post.text,
        title=thread.title if post.opens else None,
        at=post.at if post.edited_at is None else post.edited_at,
    )
    changed = replace(post, text=said, edited_at=now, edits=before.n, rev=post.rev + 1)
    renamed = thread if called == thread.title else replace(thread, title=called, rev=thread.rev + 1)
    return replace(was, thread=renamed, post=changed), before


def deleted(was: Rows, by: str, now: Millis) -> Rows:
    """The rows with nothing left of what the post said; as they were where it was deleted before. Raises Forbidden."""
    thread, post = was.thread, was.post
    if post.author != by:
        raise Forbidden("This is another's post.")
    if post.deleted_at is not None:
        return was
    blank = replace(post, text="", attachments=(), edits=0, edited_at=None, deleted_at=now)
    closed = replace(thread, title="", closed_at=now) if post.opens else thread
    return _counted(was, closed, blank)


def stood(was: Rows, standing: Standing) -> Rows:
    """The rows with the post where a moderator put it; as they were where it stands so. Nothing is lost by it."""
    if was.post.standing == standing:
        return was
    put = replace(was.post, standing=standing)
    return _counted(was, replace(was.thread, standing=standing) if put.opens else was.thread, put)


def _counted(was: Rows, thread: Thread, post: Post) -> Rows:
    """The next of each row that changes, with what they count."""
    change = int(post.counts) - int(was.post.counts)
    counted = replace(thread, posts=thread.posts + change)
    parent = was.parent
    if parent and change:
        parent = replace(parent, replies=parent.replies + change, rev=parent.rev + 1)
    return Rows(
        counted if counted == was.thread else replace(counted, rev=was.thread.rev + 1),
        replace(post, rev=was.post.rev + 1),
        parent,
    )


def _must_be_own(post: Post, by: str) -> None:
    if post.author != by:
        raise Forbidden("This is another's post.")
    if post.deleted_at is not None:
        raise NotFound("There is no such post.")


# --- seeing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. ``apart`` is whom they blocked, and who blocked them, as far as it matters here."""

    id: str
    admin: bool
    apart: frozenset[str] = frozenset()


Look = Literal["whole", "blank"]
"""A post as it is, or that there was one."""


def look(post: Post, viewer: Viewer) -> Look | None:
    """What the viewer sees of the post; None for nothing.

    What was deleted leaves a blank where a thread begins, and where replies to it are shown.
    """
    if post.deleted_at is not None:
        return "blank" if post.opens or post.replies else None
    return "whole" if _sees(post.author, post.standing, viewer) else None


def lists(thread: Thread, viewer: Viewer) -> bool:
    """Whether the viewer sees the thread in its category."""
    return thread.listed and _sees(thread.author, thread.standing, viewer)


def must_see(thread: Thread, viewer: Viewer) -> None:
    """Raises NotFound where nothing of the thread is left, or a moderator took it away; Blocked between two apart."""
    if thread.closed_at is not None and not thread.posts:
        raise NotFound("There is no such thread.")
    _must_see(thread.author, thread.standing, viewer, "There is no such thread.")


def must_see_post(was: Rows, viewer: Viewer) -> None:
    """Raises NotFound where the post is deleted, or a moderator took it or its thread away; Blocked between two apart,
    also apart from who opened the thread.
    """
    must_see(was.thread, viewer)
    if was.post.deleted_at is not None:
        raise NotFound("There is no such post.")
    _must_see(was.post.author, was.post.standing, viewer, "There is no such post.")


def _sees(author: str, standing: Standing, viewer: Viewer) -> bool:
    if viewer.admin or viewer.id == author:
        return True
    return standing == "shown" and author not in viewer.apart


def _must_see(author: str, standing: Standing, viewer: Viewer, otherwise: str) -> None:
    if _sees(author, standing, viewer):
        return
    if standing == "shown":
        raise Blocked
    raise NotFound(otherwise)


def page(posts: list[Post], room: int, size: Callable[[Post], int]) -> list[Post]:
    """As many of them as have room, by their ``size``: one at least."""
    shown: list[Post] = []
    for each in posts:
        room -= size(each)
        if shown and room < 0:
            break
        shown.append(each)
    return shown
