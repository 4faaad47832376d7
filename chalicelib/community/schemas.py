"""What the endpoints of the community take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from chalicelib.accounts.schemas import AttachmentView, Uploads
from chalicelib.community.model.categories import Category, CategoryId
from chalicelib.community.model.thread import LONGEST_TEXT, LONGEST_TITLE
from chalicelib.kernel.roles import Role
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.runtime.schemas import Id, ListQuery, PersonView, Schema

if TYPE_CHECKING:
    from chalicelib.community.model.thread import Edit
    from chalicelib.community.service import SeenPost, SeenThread

_Title = Annotated[
    str, Field(max_length=LONGEST_TITLE, description="3 to 120 characters that are left when it is put on one line.")
]
_Text = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_TEXT,
        description="Markdown: emphasis, lists, quotes, links by http and https, code. Something of it can be seen.",
    ),
]


class CategoryView(Schema):
    """A part of the community."""

    id: CategoryId
    name: str
    about: str
    you_may_open: bool = Field(description="A thread.")
    you_may_answer: bool = Field(description="A thread itself. Anybody may reply to an answer.")


class ThreadsQuery(ListQuery):
    """Which category's threads."""

    category: CategoryId


class NewThread(Schema):
    """A thread and the text of its first post."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"category": "general", "title": "Good morning", "text": "How are *you*?"}]}
    )

    category: CategoryId
    title: _Title
    text: _Text
    uploads: Annotated[Uploads, Field(default_factory=list)]


class NewPost(Schema):
    """An answer to a thread, or a reply to an answer."""

    text: _Text
    parent: Annotated[Id, Field(description="The answer to reply to.")] | None = None
    uploads: Annotated[Uploads, Field(default_factory=list)]


class PostChanges(Schema):
    """Only the fields that are sent."""

    text: _Text | None = None
    title: Annotated[_Title, Field(description="Of a thread, by its first post.")] | None = None


class ThreadView(Schema):
    """A thread."""

    id: str
    category: CategoryId
    title: str | None = Field(description="Null where the first post was deleted: nobody can answer any more.")
    author: PersonView | None
    post: str = Field(description="Its first post: to edit, to delete or to report the thread.")
    posts: int = Field(description="How many are shown to everybody.")
    standing: Standing = Field(description="Anything but `shown` is seen by its author and admins only.")
    at: str
    active_at: str = Field(description="When somebody wrote last.")


class PostView(Schema):
    """A post. A deleted one is empty, and is there where it opened the thread or has replies."""

    id: str
    thread: str
    parent: str | None = Field(description="The answer that it replies to, which may be one that you do not see.")
    author: PersonView | None
    text: str = Field(description="As it was written: Markdown.")
    html: str = Field(description="The same as HTML that is safe to show.")
    attachments: list[AttachmentView]
    standing: Standing = Field(description="Anything but `shown` is seen by its author and admins only.")
    deleted: bool
    edited_at: str | None
    at: str


class ThreadPage(Schema):
    """A thread with one page of its posts, oldest first."""

    thread: ThreadView
    items: list[PostView]
    next_cursor: str | None


class EditView(Schema):
    """What a post said before it was edited."""

    number: int = Field(description="1 is what was written first.")
    title: str | None = Field(description="Of a thread, by its first post.")
    text: str
    at: str = Field(description="Since when it said so.")


def category_view(category: Category, role: Role) -> CategoryView:
    """A category, as somebody in that role finds it."""
    return CategoryView(
        id=category.id,
        name=category.name,
        about=category.about,
        you_may_open=role in category.opened_by,
        you_may_answer=role in category.answered_by,
    )


def thread_view(seen: SeenThread) -> ThreadView:
    """A thread as somebody sees it."""
    thread = seen.thread
    return ThreadView(
        id=thread.id,
        category=thread.category,
        title=thread.title or None,
        author=_person(thread.author, seen.name),
        post=thread.opening,
        posts=thread.posts,
        standing=thread.standing,
        at=rfc3339(thread.at),
        active_at=rfc3339(thread.active_at),
    )


def post_view(seen: SeenPost) -> PostView:
    """A post as somebody sees it."""
    from chalicelib.community.rendering import html_of  # brings its libraries

    post = seen.post
    return PostView(
        id=post.id,
        thread=post.thread,
        parent=post.parent,
        author=_person(post.author, seen.name),
        text=post.text,
        html=html_of(post.text),
        attachments=[AttachmentView.of(*each) for each in zip(post.attachments, seen.files, strict=True)],
        standing=post.standing,
        deleted=post.deleted_at is not None,
        edited_at=rfc3339_or_none(post.edited_at),
        at=rfc3339(post.at),
    )


def edit_view(edit: Edit) -> EditView:
    """An earlier text."""
    return EditView(number=edit.n, title=edit.title, text=edit.text, at=rfc3339(edit.at))


def _person(user: str, name: str | None) -> PersonView | None:
    return PersonView(id=user, display_name=name) if name is not None else None
