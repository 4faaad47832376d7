"""What one person has in messages: for the file with all of theirs, and to be forgotten.

A *place* is where the next page starts: the conversation that was not finished, before which of its messages, and where
the list of conversations goes on.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from chalicelib.accounts import uploads
from chalicelib.gateways import World
from chalicelib.messaging import model
from chalicelib.messaging.model import Message, Who
from chalicelib.messaging.service import message_of
from chalicelib.messaging.store import messages_of
from chalicelib.runtime.retries import undisturbed

Place = dict[str, Any]

_AT_ONCE: Final = 25
"""Conversations that one page looks into."""


def messages(world: World, who: Who, user: str, limit: int, start: Place | None) -> tuple[list[Message], Place | None]:
    """A page of the messages of all conversations in which ``user`` is that side, and where the next one starts: those
    of one after those of another, newest first. It may be shorter than ``limit``, and others follow.
    """
    rows, found = messages_of(world), list[Message]()
    at = start or {"in": None, "before": None, "list": None}
    for _ in range(_AT_ONCE):
        if at["in"] is None:
            listed, following = rows.conversations_of(who, user, 1, at["list"])
            at = {"in": listed[0].id if listed else None, "before": None, "list": following}
        if at["in"] is not None:
            page, before = rows.messages(at["in"], limit - len(found), at["before"])
            found += page
            at = at | {"in": at["in"] if before else None, "before": before}
        if at["in"] is None and at["list"] is None:
            return found, None
        if len(found) >= limit:
            break
    return found, at


def erase(world: World, who: Who, user: str, limit: int, start: Place | None) -> Place | None:
    """Take away what the person said in a page of their messages, but what somebody paid for and was not given back;
    answer where the next page starts. Files go by ``sweep``. May be repeated. Raises Unavailable.
    """
    page, following = messages(world, who, user, limit, start)
    for each in page:
        if each.by == who and not _kept(each):
            undisturbed(world.sleep, partial(_erase, world, each.id))
    return following


def sweep(world: World, user: str, limit: int, start: str | None) -> str | None:
    """Remove a page of the files that the person sent, but those beside what is kept of their messages; answer where
    the next page starts. May be repeated. Raises Unavailable, ProviderFailed.
    """

    def kept(message_id: str) -> bool:
        found = messages_of(world).message(message_id)
        return found is not None and _kept(found) and not found.erased

    return uploads.sweep(world, f"messages/{user}", kept, limit, start)


def _erase(world: World, message_id: str) -> None:
    before = message_of(world, message_id)
    if not before[1].erased and not _kept(before[1]):
        world.tables.write(*messages_of(world).changed(model.erased(*before), before))


def _kept(message: Message) -> bool:
    """Whether it is its buyer's, and stays when its author leaves."""
    return message.unlocked_at is not None and message.refunded_at is None
