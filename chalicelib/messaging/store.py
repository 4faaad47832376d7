"""The table of messages.

``{conversation}`` / ``conversation``   the conversation; the indexes ``client_recent`` and ``reader_recent`` list those
                                        of a person, the last written in first
``{conversation}`` / ``message#{n}``    its n-th message
``{message}`` / ``where``               in which conversation a message is, and at which place
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from chalicelib.accounts.model.attachment import Attachment
from chalicelib.gateways import World
from chalicelib.messaging.model import Conversation, Last, Message, Part, Who
from chalicelib.runtime.tables import Absent, Equals, Item, Key, Put, Range, Tables

_DIGITS: Final = 10
_LAST: Final = 10**_DIGITS - 1
"""The highest number of a message that there can be."""
_MESSAGE: Final = "message#"
_OWN: Final = ("conversation", "attachments")
"""Fields of a message that are stored in another way."""


class Messages:
    """Reads conversations and their messages, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # conversations

    def conversation(self, conversation_id: str) -> Conversation | None:
        """The conversation, strongly consistent."""
        item = self._tables.get(self._name, _conversation_key(conversation_id))
        return _conversation(item) if item else None

    def conversations_of(
        self, who: Who, user: str, limit: int, start: Key | None
    ) -> tuple[list[Conversation], Key | None]:
        """A page of those in which ``user`` is that side, the last written in first, each as it is now. The list itself
        may be a moment behind.
        """
        page = self._tables.query(
            self._name, (who, user), index=f"{who}_recent", newest_first=True, limit=limit, start=start
        )
        keys = [_conversation_key(item["pk"]) for item in page.items]
        found = self._tables.get_many(self._name, keys) if keys else []
        return [_conversation(item) for item in found if item], page.next_key

    def open(self, conversation: Conversation) -> Put:
        """Adds a conversation; fails when there is one."""
        return Put(self._name, _conversation_item(conversation), when=(Absent("pk"),))

    def replace_conversation(self, conversation: Conversation, was: Conversation) -> Put:
        """Changes it; fails when another write came first."""
        return Put(self._name, _conversation_item(conversation), when=(Equals("rev", was.rev),))

    # messages

    def message(self, message_id: str) -> Message | None:
        """The message, strongly consistent: two reads."""
        place = self._tables.get(self._name, _where_key(message_id))
        item = self._tables.get(self._name, _message_key(place["conversation"], place["number"])) if place else None
        return _message(item) if item else None

    def messages(self, conversation_id: str, limit: int, before: int | None) -> tuple[list[Message], int | None]:
        """A page of messages, newest first, and before which number the next one starts. ``before`` None is the end."""
        last = _LAST if before is None else min(before - 1, _LAST)
        if last < 1:
            return [], None
        page = self._tables.query(
            self._name,
            ("pk", conversation_id),
            within=Range("sk", _message_key(conversation_id, 1)["sk"], _message_key(conversation_id, last)["sk"]),
            newest_first=True,
            limit=limit,
        )
        found = [_message(item) for item in page.items]
        return found, found[-1].number if page.next_key and found[-1].number > 1 else None

    def add(self, message: Message) -> list[Put]:
        """Adds a message and where it is; fails in this order when its place is taken, or it is there."""
        where = _where_key(message.id) | {"conversation": message.conversation, "number": message.number}
        return [
            Put(self._name, _message_item(message), when=(Absent("pk"),)),
            Put(self._name, where, when=(Absent("pk"),)),
        ]

    def replace(self, message: Message, was: Message) -> Put:
        """Changes a message; fails when another write came first."""
        return Put(self._name, _message_item(message), when=(Equals("rev", was.rev),))

    def changed(self, after: tuple[Conversation, Message], before: tuple[Conversation, Message]) -> Sequence[Put]:
        """Changes a message, and its conversation where that is another than before."""
        message = self.replace(after[1], before[1])
        return [message] if after[0] == before[0] else [message, self.replace_conversation(after[0], before[0])]


def messages_of(world: World) -> Messages:
    """The rows of this world."""
    return Messages(world.tables, world.settings.tables.messaging)


def _conversation_key(conversation_id: str) -> Key:
    return {"pk": conversation_id, "sk": "conversation"}


def _message_key(conversation_id: str, number: int) -> Key:
    """Digits of one length sort as numbers do."""
    return {"pk": conversation_id, "sk": f"{_MESSAGE}{number:0{_DIGITS}d}"}


def _where_key(message_id: str) -> Key:
    return {"pk": message_id, "sk": "where"}


def _conversation_item(conversation: Conversation) -> Item:
    """Each side's id stands alone, for the indexes, and what else there is of it below ``parts``."""
    parts = {
        who: {name: value for name, value in asdict(conversation.side(who)).items() if name != "user"}
        for who in ("client", "reader")
    }
    return _conversation_key(conversation.id) | {
        "client": conversation.client.user,
        "reader": conversation.reader.user,
        "parts": parts,
        "created_at": conversation.created_at,
        "recent_at": conversation.recent_at,
        "locked": conversation.locked,
        "last": asdict(conversation.last) if conversation.last else None,
        "rev": conversation.rev,
    }


def _conversation(item: Item) -> Conversation:
    return Conversation(
        id=item["pk"],
        client=Part(item["client"], **item["parts"]["client"]),
        reader=Part(item["reader"], **item["parts"]["reader"]),
        created_at=item["created_at"],
        recent_at=item["recent_at"],
        locked=item["locked"],
        last=Last(**item["last"]) if item["last"] else None,
        rev=item["rev"],
    )


def _message_item(message: Message) -> Item:
    told: dict[str, Any] = {name: value for name, value in asdict(message).items() if name not in _OWN}
    attachments = [asdict(each) for each in message.attachments]
    return _message_key(message.conversation, message.number) | told | {"attachments": attachments}


def _message(item: Item) -> Message:
    told = {name: item[name] for name in Message.__dataclass_fields__ if name not in _OWN}
    attachments = tuple(Attachment(**each) for each in item["attachments"])
    return Message(conversation=item["pk"], attachments=attachments, **told)
