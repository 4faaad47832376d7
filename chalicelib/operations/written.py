"""What a person wrote, was written and was told, for the file of all that is theirs: what they may read now, no more.

A page takes where it starts and gives what is on it, in the shapes of the API, and where the next one does. Files are
named and not linked: a link would not last as long as the file that holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from chalicelib.community import belongings as posts
from chalicelib.community.belongings import Own
from chalicelib.community.schemas import edit_view
from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.messaging import belongings as messages
from chalicelib.messaging import model as messaging
from chalicelib.messaging import service as conversations
from chalicelib.messaging.model import Who
from chalicelib.messaging.schemas import conversation_view, message_view
from chalicelib.moderation import service as moderation
from chalicelib.moderation.schemas import report_view

Facts = dict[str, Any]
Page = Callable[[Any], tuple[list[Facts], Any]]

_SIDES: Final[tuple[Who, ...]] = ("client", "reader")
_AT_ONCE: Final = 100


def pages(world: World, person_id: str) -> dict[str, Page]:
    """How to page through each list, by its name."""
    between_two: dict[str, Page] = {
        f"{what}_as_{side}": partial(page, world, side, person_id)
        for what, page in (("conversations", _conversations), ("messages", _messages))
        for side in _SIDES
    }
    return between_two | {
        "posts": partial(_posts, world, person_id),
        "reports_made": partial(_reports, world, person_id),
    }


def _conversations(world: World, who: Who, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = conversations.conversations_of(world, who, user, _AT_ONCE, start)
    names = conversations.names(world, page)
    return [conversation_view(each, user, names).model_dump(mode="json") for each in page], following


def _messages(world: World, who: Who, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = messages.messages(world, who, user, _AT_ONCE, start)
    return [_message(each, who) for each in page], following


def _message(message: messaging.Message, who: Who) -> Facts:
    """Nothing of what a reply says that was not paid for."""
    view = message_view(message, who, lambda _: "")
    return view.model_dump(mode="json", exclude={"attachments": {"__all__": {"url"}}})


def _posts(world: World, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = posts.posts_of(world, user, _AT_ONCE, start)
    return [_post(each) for each in page], following


def _post(own: Own) -> Facts:
    """As it was written, and as moderators left it."""
    post = own.post
    return {
        "id": post.id,
        "thread": post.thread,
        "title": own.title,
        "parent": post.parent,
        "text": post.text,
        "attachments": [asdict(each) for each in post.attachments],
        "standing": post.standing,
        "at": rfc3339(post.at),
        "edits": [edit_view(each).model_dump(mode="json") for each in own.edits],
    }


def _reports(world: World, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = moderation.reports_by(world, user, _AT_ONCE, start)
    return [report_view(each).model_dump(mode="json") | {"text": each.text} for each in page], following
