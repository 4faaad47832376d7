"""The table of the community.

``{thread}`` / ``thread``           a thread; the index ``in_category`` lists those that are listed by their newest post
``{thread}`` / ``post#{n:08}``      a post; the index ``by_author`` lists what a person wrote and did not delete
``{post}`` / ``where``              which thread and place that is
``{post}`` / ``edit#{n:04}``        what it said before its edit *n*
``words`` / ``list``                the words that nobody may write
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from chalicelib.accounts.model.attachment import Attachment
from chalicelib.community.model.thread import Edit, Post, Rows, Thread
from chalicelib.community.model.wordlist import WordList
from chalicelib.gateways import World
from chalicelib.runtime.tables import Absent, Delete, Equals, Item, Key, Operation, Put, Range, Tables

_WORDS: Final[Key] = {"pk": "words", "sk": "list"}
_LAST: Final = 10**8 - 1


class Community:
    """Reads threads, posts and words, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # reading

    def thread(self, thread_id: str) -> Thread | None:
        """The thread, strongly consistent."""
        item = self._tables.get(self._name, _thread_key(thread_id))
        return _thread(item) if item else None

    def threads(self, thread_ids: Sequence[str]) -> list[Thread]:
        """Those of them that there are, in their order; 100 at most, no two alike."""
        found = self._tables.get_many(self._name, [_thread_key(each) for each in thread_ids]) if thread_ids else []
        return [_thread(item) for item in found if item]

    def in_category(self, category: str, limit: int, start: Key | None) -> tuple[list[str], Key | None]:
        """A page of ids of the category's threads, by who wrote last. It may be a moment behind."""
        page = self._tables.query(
            self._name, ("category", category), index="in_category", newest_first=True, limit=limit, start=start
        )
        return [str(item["pk"]) for item in page.items], page.next_key

    def post(self, post_id: str) -> Post | None:
        """The post, also a deleted one; strongly consistent, two reads."""
        place = self._tables.get(self._name, _where_key(post_id))
        item = self._tables.get(self._name, _post_key(place["thread"], place["n"])) if place else None
        return _post(item) if item else None

    def rows(self, post_id: str) -> Rows | None:
        """The post with its thread and the post that it replies to, each as it is when it is read."""
        post = self.post(post_id)
        thread = self.thread(post.thread) if post else None
        if post is None or thread is None:
            return None
        return Rows(thread, post, self.post(post.parent) if post.parent else None)

    def posts(self, thread_id: str, after: int, limit: int) -> list[Post]:
        """The thread's posts behind place ``after``, deleted ones too: ``limit`` at most, fewer where they are long."""
        within = Range("sk", _post_key(thread_id, after + 1)["sk"], _post_key(thread_id, _LAST)["sk"])
        page = self._tables.query(self._name, ("pk", thread_id), within=within, limit=limit)
        return [_post(item) for item in page.items]

    def edits(self, post_id: str, before: int, limit: int) -> list[Edit]:
        """What the post said before its edits, from the one before number ``before`` back: ``limit`` at most, fewer
        where they are long. Before the first there is nothing.
        """
        if before <= 1:
            return []
        within = Range("sk", _edit_key(post_id, 1)["sk"], _edit_key(post_id, before - 1)["sk"])
        page = self._tables.query(self._name, ("pk", post_id), within=within, newest_first=True, limit=limit)
        return [Edit(item["n"], item["text"], item["title"], item["at"]) for item in page.items]

    def of_author(self, author: str, limit: int, start: Key | None) -> tuple[list[Post], Key | None]:
        """A page of what a person wrote and did not delete, oldest first. It may be a moment behind."""
        page = self._tables.query(self._name, ("author", author), index="by_author", limit=limit, start=start)
        found = [self._tables.get(self._name, {"pk": item["pk"], "sk": item["sk"]}) for item in page.items]
        posts = [_post(item) for item in found if item]
        return [each for each in posts if each.deleted_at is None], page.next_key

    def words(self) -> WordList:
        """The words that nobody may write, strongly consistent."""
        item = self._tables.get(self._name, _WORDS)
        return WordList(tuple(item["words"]), item["rev"]) if item else WordList()

    # writing

    def open(self, rows: Rows) -> list[Operation]:
        """Adds a thread with its first post; fails where it is there."""
        return [Put(self._name, _thread_item(rows.thread), when=(Absent("pk"),)), *self._added(rows.post)]

    def add(self, rows: Rows, was: Rows) -> list[Operation]:
        """Adds a post; fails where it is there, or its thread or the post that it replies to changed."""
        return [*self._replaced(rows, was), *self._added(rows.post)]

    def change(self, rows: Rows, was: Rows) -> list[Operation]:
        """Puts what changed in the place of what it was; fails where one of these rows changed since."""
        changed: list[Operation] = [*self._replaced(rows, was)]
        if rows.post != was.post:
            changed.append(self._put(_post_item(rows.post), was.post.rev))
        return changed

    def add_edit(self, post_id: str, edit: Edit) -> Put:
        """Keeps what the post said; fails where that is kept."""
        return Put(self._name, _edit_key(post_id, edit.n) | asdict(edit), when=(Absent("pk"),))

    def forget_edits(self, post: Post) -> list[Delete]:
        """Takes away all that the post said before."""
        return [Delete(self._name, _edit_key(post.id, number)) for number in range(1, post.edits + 1)]

    def replace_words(self, words: WordList, was: WordList) -> Put:
        """Changes the list; fails when somebody did since ``was``."""
        item = _WORDS | {"words": list(words.words), "rev": words.rev}
        return Put(self._name, item, when=(Equals("rev", was.rev) if was.rev else Absent("pk"),))

    def _added(self, post: Post) -> list[Operation]:
        place = _where_key(post.id) | {"thread": post.thread, "n": post.n}
        return [
            Put(self._name, _post_item(post), when=(Absent("pk"),)),
            Put(self._name, place, when=(Absent("pk"),)),
        ]

    def _replaced(self, rows: Rows, was: Rows) -> Iterable[Operation]:
        """The thread and the post that is replied to, where they change."""
        if rows.thread != was.thread:
            yield self._put(_thread_item(rows.thread), was.thread.rev)
        if rows.parent and was.parent and rows.parent != was.parent:
            yield self._put(_post_item(rows.parent), was.parent.rev)

    def _put(self, item: Item, rev: int) -> Put:
        return Put(self._name, item, when=(Equals("rev", rev),))


def community_of(world: World) -> Community:
    """The table of this world."""
    return Community(world.tables, world.settings.tables.community)


def _thread_key(thread: str) -> Key:
    return {"pk": thread, "sk": "thread"}


def _post_key(thread: str, n: int) -> Key:
    return {"pk": thread, "sk": f"post#{n:08d}"}


def _where_key(post: str) -> Key:
    return {"pk": post, "sk": "where"}


def _edit_key(post: str, n: int) -> Key:
    return {"pk": post, "sk": f"edit#{n:04d}"}


def _thread_item(thread: Thread) -> Item:
    """``category`` is there while the thread is listed: a sparse index. ``filed`` says it always."""
    told = {name: value for name, value in asdict(thread).items() if name not in ("id", "category")}
    listed = {"category": thread.category} if thread.listed else {}
    return _thread_key(thread.id) | told | {"filed": thread.category} | listed


def _thread(item: Item) -> Thread:
    told = {name: item[name] for name in Thread.__dataclass_fields__ if name not in ("id", "category")}
    return Thread(id=item["pk"], category=item["filed"], **told)


def _post_item(post: Post) -> Item:
    """``written_at`` is there until the post is deleted: a sparse index."""
    told: dict[str, Any] = {name: value for name, value in asdict(post).items() if name != "thread"}
    told["attachments"] = [asdict(each) for each in post.attachments]
    kept = {"written_at": post.at} if post.deleted_at is None else {}
    return _post_key(post.thread, post.n) | told | kept


def _post(item: Item) -> Post:
    told = {name: item[name] for name in Post.__dataclass_fields__ if name not in ("thread", "attachments")}
    attachments = tuple(Attachment(**each) for each in item["attachments"])
    return Post(thread=item["pk"], attachments=attachments, **told)
