"""What moderators see of a post, and what they make of it: for the context ``moderation`` alone.

A thread is its first post, in whichever way it is named.
"""

from chalicelib.accounts import service as accounts
from chalicelib.community import service
from chalicelib.community.model import thread as model
from chalicelib.community.model.thread import Rows, Viewer
from chalicelib.community.store import community_of
from chalicelib.gateways import World
from chalicelib.kernel.errors import Blocked, Forbidden, NotFound
from chalicelib.kernel.standing import Standing, Subject
from chalicelib.runtime.tables import Operation

_THREAD = "thr_"


def subject(world: World, item_id: str, seen_by: str | None) -> Subject:
    """The post or thread, for its reporter ``seen_by`` or, where that is None, for a moderator. ``id`` is the post's.

    Raises NotFound (for a reporter also where it was deleted), Forbidden where the reporter does not see it.
    """
    rows = _rows(world, item_id)
    post = rows.post
    if seen_by is not None:
        admin = accounts.person(world, seen_by).role == "admin"
        viewer = Viewer(seen_by, admin, service.apart(world, seen_by, (rows.thread.author, post.author)))
        if post.deleted_at is not None:
            raise NotFound("There is no such post.")
        try:
            model.must_see_post(rows, viewer)
        except (Blocked, NotFound):
            raise Forbidden("This is not shown to you.") from None
    title = f"{rows.thread.title}\n\n" if post.opens else ""
    return Subject(
        id=post.id,
        author=post.author,
        standing=post.standing,
        text=f"{title}{post.text}",
        attachments=service.links(world, post),
        where=post.thread,
        at=post.at,
    )


def stand(world: World, item_id: str, standing: Standing) -> list[Operation]:
    """The operations that put the post, and the thread that it opened, there; none where it stands so.

    They fail where one of their rows changed since: ask again. Raises NotFound.
    """
    was = _rows(world, item_id)
    return community_of(world).change(model.stood(was, standing), was)


def _rows(world: World, item_id: str) -> Rows:
    post_id = model.opening_of(item_id) if item_id.startswith(_THREAD) else item_id
    if found := community_of(world).rows(post_id):
        return found
    raise NotFound("There is no such post.")
