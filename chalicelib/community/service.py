"""Threads and posts: writing, changing, deleting, reading.

What a person may see is decided in ``model.thread``; who is apart from whom is asked for each page. What is shown may
be a moment behind a block; what is written carries the block's absence in its own transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts import uploads
from chalicelib.community import words
from chalicelib.community.model import categories
from chalicelib.community.model import thread as model
from chalicelib.community.model.categories import CategoryId
from chalicelib.community.model.thread import Edit, Post, Rows, Thread, Viewer
from chalicelib.community.model.wordlist import must_be_welcome
from chalicelib.community.rendering import read_as
from chalicelib.community.store import community_of
from chalicelib.gateways import World
from chalicelib.kernel.errors import Blocked, Forbidden, Invalid, NotFound
from chalicelib.runtime import outbox
from chalicelib.runtime.identity import Caller
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation

_TRIES: Final = 100
"""A try that lost means that somebody else's post got into the thread, as in the ledger."""
_ROOM: Final = 40_000
"""Characters of texts on a page: what has to be rendered at once, and fits into an answer."""


@dataclass(frozen=True, slots=True)
class SeenPost:
    """A post as somebody sees it. One that leaves a blank has no name, no files, and nothing in it."""

    post: Post
    name: str | None
    files: tuple[str, ...] = ()
    """Links to its attachments, in their order."""


@dataclass(frozen=True, slots=True)
class SeenThread:
    """A thread as somebody sees it; ``name`` is its author's, None where the first post was deleted."""

    thread: Thread
    name: str | None


# --- writing -------------------------------------------------------------------------------------


def open_thread(
    world: World, caller: Caller, thread_id: str, category: CategoryId, title: str, text: str, files: Sequence[str]
) -> SeenThread:
    """Open a thread with its first post. ``thread_id`` derives from the request: a repeat finds what it made.

    Raises Forbidden (not this category's to open), Invalid, NotFound (no such upload), Unavailable, ProviderFailed.
    """
    rows = community_of(world)
    if done := rows.thread(thread_id):
        return _named(world, [done])[0]
    categories.must_open(category, caller.role)
    title, text = model.titled(title), model.worded(text)
    _must_be_welcome(world, title=title, text=text)
    kept = uploads.take_up(world, caller.id, files, place(caller.id, model.opening_of(thread_id)))

    def attempt() -> Thread:
        if found := rows.thread(thread_id):
            return found
        made = model.opened(thread_id, category, caller.id, title, text, kept, world.now())
        world.tables.write(*rows.open(made))
        return made.thread

    return _named(world, [undisturbed(world.sleep, attempt)])[0]


def answer(
    world: World, caller: Caller, post_id: str, thread_id: str, parent_id: str | None, text: str, files: Sequence[str]
) -> SeenPost:
    """Answer a thread, or reply to an answer. ``post_id`` derives from the request, as in ``open_thread``.

    Raises NotFound, Forbidden (not this category's to answer), Blocked, Invalid, InvalidState (closed, hidden, full),
    Unavailable, ProviderFailed.
    """
    rows = community_of(world)
    if done := rows.post(post_id):
        return _own(world, done)
    _answerable(world, caller, thread_id, parent_id)
    text = model.worded(text)
    _must_be_welcome(world, text=text)
    kept = uploads.take_up(world, caller.id, files, place(caller.id, post_id))

    def attempt() -> Post:
        if found := rows.post(post_id):
            return found
        thread, parent = _answerable(world, caller, thread_id, parent_id)
        new = Post(post_id, thread.id, 0, caller.id, text, 0, attachments=kept)
        made = model.posted(thread, parent, new, world.now())
        others = {thread.author, parent.author if parent else thread.author} - {caller.id}
        world.tables.write(
            *rows.add(made, Rows(thread, new, parent)),
            *(each for other in sorted(others) for each in accounts.unblocked(world, caller.id, other)),
            *_told(world, made),
        )
        return made.post

    return _own(world, undisturbed(world.sleep, attempt, tries=_TRIES))


def _answerable(world: World, caller: Caller, thread_id: str, parent_id: str | None) -> tuple[Thread, Post | None]:
    """The thread and the post to reply to, if the caller may write there."""
    rows = community_of(world)
    thread = _thread(world, thread_id)
    parent = rows.post(parent_id) if parent_id else None
    if parent_id and (parent is None or parent.thread != thread.id):
        raise Invalid(errors=({"field": "parent", "message": "There is no such post in this thread."},))
    viewer = _viewer(world, caller, [thread.author, *([parent.author] if parent else [])])
    model.must_see(thread, viewer)
    if parent:
        model.must_see_post(Rows(thread, parent), viewer)
    if viewer.apart:  # an admin sees what they may not answer
        raise Blocked
    categories.must_answer(thread.category, caller.role, replies=parent is not None)
    return thread, parent


def _must_be_welcome(world: World, *, text: str, title: str = "") -> None:
    """Raises Invalid where there is a listed word in the title, or in the text as it is written or as it is read."""
    listed = words.listed(world)
    if listed.words:
        must_be_welcome(listed, title=title, text=f"{text}\n{read_as(text)}")


def _told(world: World, made: Rows) -> list[Operation]:
    """Whoever was answered hears of it, unless it was they who wrote."""
    to = made.parent.author if made.parent else made.thread.author
    if to == made.post.author:
        return []
    facts = {"from": made.post.author, "thread": made.thread.id, "post": made.post.id}
    notices, at = world.settings.tables.notices, made.post.at
    return [outbox.notice(notices, to=to, kind="post_replied", fact=made.post.id, at=at, facts=facts)]


# --- changing ------------------------------------------------------------------------------------


def edit(world: World, caller: Caller, post_id: str, text: str | None, title: str | None) -> SeenPost:
    """Change one's own post, and the title where it opened a thread; what it said before is kept.

    Raises NotFound, Forbidden, Invalid, InvalidState (hidden or removed, edited 50 times).
    """
    rows = community_of(world)
    said = None if text is None else model.worded(text)
    called = None if title is None else model.titled(title)
    _must_be_welcome(world, title=called or "", text=said or "")

    def attempt() -> Post:
        was = _rows(world, post_id)
        decided = model.edited(was, caller.id, said, called, world.now())
        if decided is None:
            return was.post
        changed, before = decided
        world.tables.write(*rows.change(changed, was), rows.add_edit(post_id, before))
        return changed.post

    return _own(world, undisturbed(world.sleep, attempt, tries=_TRIES))


def delete(world: World, author: str, post_id: str) -> None:
    """Take away what the author wrote there: text, history and files. It may be repeated.

    The files go first, so that whoever is stopped between the two finds the post and goes on. Raises NotFound,
    Forbidden, Unavailable, ProviderFailed.
    """
    rows = community_of(world)
    post = _rows(world, post_id).post
    if post.author != author:
        raise Forbidden("This is another's post.")
    if post.attachments:
        uploads.drop(world, place(author, post_id))

    def attempt() -> None:
        was = _rows(world, post_id)
        decided = model.deleted(was, author, world.now())
        if decided != was:
            world.tables.write(*rows.change(decided, was), *rows.forget_edits(was.post))

    undisturbed(world.sleep, attempt, tries=_TRIES)


# --- reading -------------------------------------------------------------------------------------


def listing(
    world: World, caller: Caller, category: str, limit: int, start: Key | None
) -> tuple[list[SeenThread], Key | None]:
    """A page of the category's threads that the caller sees, by who wrote last. It may hold fewer, or none."""
    rows = community_of(world)
    ids, following = rows.in_category(category, limit, start)
    found = rows.threads(ids)
    viewer = _viewer(world, caller, (each.author for each in found))
    return _named(world, [each for each in found if model.lists(each, viewer)]), following


def read(
    world: World, caller: Caller, thread_id: str, after: int, limit: int
) -> tuple[SeenThread, list[SeenPost], int | None]:
    """The thread with a page of its posts behind place ``after``, oldest first, and behind which the next one begins.

    Raises NotFound, Blocked.
    """
    thread = _thread(world, thread_id)
    found = community_of(world).posts(thread_id, after, limit)
    viewer = _viewer(world, caller, [thread.author, *(each.author for each in found)])
    model.must_see(thread, viewer)
    looked = model.page(found, _ROOM, lambda post: len(post.text))
    # A query ends where it has read enough, too: what is behind the last post of a page is what was written since.
    following = looked[-1].n if looked and looked[-1].n < thread.written else None
    looks = [(each, model.look(each, viewer)) for each in looked]
    names = accounts.names_of(world, [thread.author, *(each.author for each, seen in looks if seen == "whole")])
    shown = [_seen(world, each, names if seen == "whole" else {}) for each, seen in looks if seen]
    return _seen_thread(thread, names), shown, following


def history(
    world: World, caller: Caller, post_id: str, before: int | None, limit: int
) -> tuple[list[Edit], int | None]:
    """A page of what the post said before, newest first, for its author and admins; and before which the next one ends.

    Raises NotFound, Forbidden.
    """
    post = _rows(world, post_id).post
    if caller.id != post.author and caller.role != "admin":
        raise Forbidden("This is another's post.")
    found = community_of(world).edits(post_id, post.edits + 1 if before is None else before, limit)
    following = found[-1].n if found and found[-1].n > 1 else None
    return found, following


def place(author: str, post_id: str) -> str:
    """Where the files beside a post are: under their author's name, who may want them gone."""
    return f"posts/{author}/{post_id}"


def links(world: World, post: Post) -> tuple[str, ...]:
    """Addresses of what is beside a post, for a quarter of an hour."""
    return tuple(uploads.link(world, place(post.author, post.id), each) for each in post.attachments)


def apart(world: World, person: str, authors: Iterable[str]) -> frozenset[str]:
    """Whom of them the person does not see, and who do not see the person."""
    return frozenset(accounts.apart_from(world, person, authors))


def _viewer(world: World, caller: Caller, authors: Iterable[str]) -> Viewer:
    return Viewer(caller.id, caller.role == "admin", apart(world, caller.id, authors))


def _thread(world: World, thread_id: str) -> Thread:
    if found := community_of(world).thread(thread_id):
        return found
    raise NotFound("There is no such thread.")


def _rows(world: World, post_id: str) -> Rows:
    if found := community_of(world).rows(post_id):
        return found
    raise NotFound("There is no such post.")


def _own(world: World, post: Post) -> SeenPost:
    return _seen(world, post, accounts.names_of(world, [post.author]) if post.deleted_at is None else {})


def _seen(world: World, post: Post, names: dict[str, str]) -> SeenPost:
    return SeenPost(post, names.get(post.author), links(world, post))


def _named(world: World, threads: list[Thread]) -> list[SeenThread]:
    names = accounts.names_of(world, [each.author for each in threads])
    return [_seen_thread(each, names) for each in threads]


def _seen_thread(thread: Thread, names: dict[str, str]) -> SeenThread:
    return SeenThread(thread, names[thread.author] if thread.closed_at is None else None)
