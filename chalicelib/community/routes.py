"""The community over HTTP, for who is signed in."""

import re
from typing import Final

from chalice.app import Blueprint

from chalicelib.community import service
from chalicelib.community.model.categories import CATEGORIES
from chalicelib.community.schemas import (
    CategoryView,
    EditView,
    NewPost,
    NewThread,
    PostChanges,
    PostView,
    ThreadPage,
    ThreadsQuery,
    ThreadView,
    category_view,
    edit_view,
    post_view,
    thread_view,
)
from chalicelib.gateways import world
from chalicelib.kernel.errors import Blocked, Forbidden, InvalidState, NotFound, ProviderFailed
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.schemas import ListQuery, PageOf

blueprint = Blueprint(__name__)

_POST: Final = "/v1/posts/{post_id}"
_THREAD: Final = "/v1/threads/{thread_id}"
_NUMBER: Final = re.compile(r"[0-9]{1,7}")


@endpoint(blueprint, "GET", "/v1/categories", returns=PageOf[CategoryView])
def list_categories(request: Request[None, None]) -> PageOf[CategoryView]:
    """What there is to talk about: all of it on one page."""
    found = CATEGORIES.values()
    return PageOf[CategoryView](items=[category_view(each, request.caller.role) for each in found], next_cursor=None)


@endpoint(blueprint, "GET", "/v1/threads", query=ThreadsQuery, returns=PageOf[ThreadView])
def list_threads(request: Request[None, ThreadsQuery]) -> PageOf[ThreadView]:
    """The threads of a category, by who wrote last. A page may hold fewer than `limit`, or none.

    Only `next_cursor` null ends the list. It may be a moment behind.
    """
    query = request.query
    scope = f"threads:{query.category}"
    shape: cursors.Shape = {"category": query.category, "active_at": int, "pk": cursors.AN_ID, "sk": "thread"}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    found, following = service.listing(world(), request.caller, query.category, query.limit, start)
    cursor = cursors.encode(following, scope) if following else None
    return PageOf[ThreadView](items=[thread_view(each) for each in found], next_cursor=cursor)


@endpoint(
    blueprint,
    "POST",
    "/v1/threads",
    body=NewThread,
    returns=ThreadView,
    status=201,
    idempotent=True,
    errors=(Forbidden, NotFound, ProviderFailed),
)
def open_thread(request: Request[NewThread, None]) -> ThreadView:
    """Open a thread with its first post. Announcements are opened by admins.

    A text with a word that is not welcome here is refused with 422.
    """
    body, name = request.body, request.derived_id("thr")
    made = service.open_thread(world(), request.caller, name, body.category, body.title, body.text, body.uploads)
    return thread_view(made)


@endpoint(blueprint, "GET", _THREAD, query=ListQuery, returns=ThreadPage, errors=(Blocked, NotFound))
def get_thread(request: Request[None, ListQuery]) -> ThreadPage:
    """A thread with a page of its posts, oldest first. A page may hold fewer than `limit`, or none.

    Only `next_cursor` null ends it. Posts of people who are apart from you by a block are left out.
    """
    query, thread = request.query, request.path["thread_id"]
    scope = f"posts:{thread}"
    after = int(cursors.decode(query.cursor, scope, {"after": _NUMBER})["after"]) if query.cursor else 0
    seen, posts, following = service.read(world(), request.caller, thread, after, query.limit)
    cursor = cursors.encode({"after": str(following)}, scope) if following is not None else None
    return ThreadPage(thread=thread_view(seen), items=[post_view(each) for each in posts], next_cursor=cursor)


@endpoint(
    blueprint,
    "POST",
    f"{_THREAD}/posts",
    body=NewPost,
    returns=PostView,
    status=201,
    idempotent=True,
    errors=(Blocked, Forbidden, InvalidState, ProviderFailed),
)
def add_post(request: Request[NewPost, None]) -> PostView:
    """Answer a thread, or reply to an answer with `parent`; a reply itself is not replied to.

    A thread in Ask a reader is answered by readers; anybody replies to their answers. A thread takes 2,000 posts.
    """
    body, thread, name = request.body, request.path["thread_id"], request.derived_id("pst")
    made = service.answer(world(), request.caller, name, thread, body.parent, body.text, body.uploads)
    return post_view(made)


@endpoint(blueprint, "PATCH", _POST, body=PostChanges, returns=PostView, errors=(Forbidden, InvalidState))
def change_post(request: Request[PostChanges, None]) -> PostView:
    """Change your post, and the title of a thread by its first post. What it said before is kept, 50 times.

    Its author and admins can read that.
    """
    body = request.body
    return post_view(service.edit(world(), request.caller, request.path["post_id"], body.text, body.title))


@endpoint(blueprint, "DELETE", _POST, returns=None, errors=(Forbidden, ProviderFailed))
def delete_post(request: Request[None, None]) -> None:
    """Delete your post, with its history and its files. A thread whose first post is deleted takes no more posts.

    It may be repeated.
    """
    service.delete(world(), request.caller.id, request.path["post_id"])


@endpoint(blueprint, "GET", f"{_POST}/edits", query=ListQuery, returns=PageOf[EditView], errors=(Forbidden,))
def list_edits(request: Request[None, ListQuery]) -> PageOf[EditView]:
    """What your post said before you edited it, newest first. Admins may read it too."""
    query, post = request.query, request.path["post_id"]
    scope = f"edits:{post}"
    before = int(cursors.decode(query.cursor, scope, {"before": _NUMBER})["before"]) if query.cursor else None
    found, following = service.history(world(), request.caller, post, before, query.limit)
    cursor = cursors.encode({"before": str(following)}, scope) if following is not None else None
    return PageOf[EditView](items=[edit_view(each) for each in found], next_cursor=cursor)
