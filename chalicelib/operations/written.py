"""What a person wrote, was written and was told, for the file of all that is theirs: what they may read now, no more.

A page takes where it starts and gives what is on it, in the shapes of the API, and where the next one does. Files are
named and not linked: a link would not last as long as the file that holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.messaging import belongings as letters
from chalicelib.messaging import model as messaging
from chalicelib.messaging import service as conversations
from chalicelib.messaging.model import Who
from chalicelib.messaging.schemas import conversation_view, message_view

Facts = dict[str, Any]
Page = Callable[[Any], tuple[list[Facts], Any]]

_SIDES: Final[tuple[Who, ...]] = ("client", "reader")
_AT_ONCE: Final = 50


def pages(world: World, person_id: str) -> Mapping[str, Page]:
    """How to page through each list, by its name."""
    return {
        f"{what}_as_{side}": partial(page, world, side, person_id)
        for what, page in (("conversations", _conversations), ("messages", _messages))
        for side in _SIDES
    }


def _conversations(world: World, who: Who, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = conversations.conversations_of(world, who, user, _AT_ONCE, start)
    names = conversations.names(world, page)
    return [conversation_view(each, user, names).model_dump(mode="json") for each in page], following


def _messages(world: World, who: Who, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = letters.messages(world, who, user, _AT_ONCE, start)
    return [_message(each, who) for each in page], following


def _message(message: messaging.Message, who: Who) -> Facts:
    """Nothing of what a reply says that was not paid for."""
    readable = messaging.readable(message, who)
    files = [asdict(each) for each in message.attachments] if readable else []
    return message_view(message, [] if readable else None).model_dump(mode="json") | {"attachments": files}
