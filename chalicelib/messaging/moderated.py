"""What moderators see of a message, and do with it. For ``moderation`` alone."""

from __future__ import annotations

from chalicelib.accounts import uploads
from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.standing import Standing, Subject
from chalicelib.messaging import model
from chalicelib.messaging import service as messages
from chalicelib.messaging.store import messages_of
from chalicelib.runtime.tables import Operation


def subject(world: World, item_id: str, seen_by: str | None) -> Subject:
    """The message as a moderator judges it, locked or not. ``seen_by`` is who reports it; None is a moderator.

    A locked reply may be reported by whom it was sent to: they see that it is there, and what it costs. Raises
    NotFound, Forbidden (a stranger, or somebody who is not shown it any more).
    """
    conversation, message = messages.message_of(world, item_id)
    if seen_by is not None:
        who = conversation.who(seen_by)
        if who != message.by and (message.standing != "shown" or message.erased):
            raise Forbidden("You are not shown this message any more.")
    return Subject(
        id=message.id,
        author=message.sender,
        standing=message.standing,
        text=message.text,
        attachments=tuple(uploads.link(world, message.place, each) for each in message.attachments),
        where=message.conversation,
        at=message.at,
    )


def stand(world: World, item_id: str, standing: Standing) -> list[Operation]:
    """The operations that put the message there, for moderation's transaction; none where it is there already.

    They fail when message or conversation changed since. Raises NotFound.
    """
    before = messages.message_of(world, item_id)
    if before[1].standing == standing:
        return []
    return [*messages_of(world).changed(model.stood(*before, standing), before)]
