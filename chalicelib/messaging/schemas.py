"""What the endpoints of messages take and give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from chalicelib.accounts.model.attachment import Attachment
from chalicelib.accounts.schemas import AttachmentView, Uploads
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.messaging.model import TEXT_LENGTH, Conversation, Message, Who, readable
from chalicelib.runtime.schemas import Id, ListQuery, Money, PersonView, Schema


class NewConversation(Schema):
    """With whom."""

    reader: Annotated[Id, Field(description="The reader's id, not the slug.")]


class ConversationsQuery(ListQuery):
    """Which conversations."""

    as_: Annotated[
        Literal["client", "reader"],
        Field(alias="as", description="One's side in them: readers find their clients as `reader`."),
    ] = "client"


class LastMessage(Schema):
    """The newest message of a conversation, without what it says."""

    id: str
    sender: str
    at: str


class ConversationView(Schema):
    """A conversation as one of its two people sees it."""

    id: str
    client: PersonView
    reader: PersonView
    unread: Annotated[int, Field(description="How many of the other's messages one has not read.")]
    read_up_to: Annotated[str | None, Field(description="The message that the other has read up to.")]
    last_message: LastMessage | None
    created_at: str
    recent_at: Annotated[str, Field(description="When something was written last, or it was opened.")]


class NewMessage(Schema):
    """What to say: 1 to 4,000 visible characters, or nothing beside an attachment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "The cards say yes."}]})

    text: Annotated[str, Field(max_length=2 * TEXT_LENGTH)] = ""
    uploads: Annotated[Uploads, Field(default_factory=list)]
    price: Annotated[Literal[100] | None, Field(description="Cents. Makes a reader's reply paid.")] = None


class MessagesQuery(ListQuery):
    """Which messages."""

    q: Annotated[str, Field(max_length=400, description="Only what says so: 1 to 100 visible characters.")] | None = (
        None
    )


class ReadConversation(Schema):
    """Up to which message."""

    up_to: Id


class MessageView(Schema):
    """A message. What one may not see of it is null, and its attachments are only counted."""

    id: str
    conversation: str
    sender: str
    text: str | None
    attachments: list[AttachmentView]
    attachment_count: int
    price: Annotated[Money | None, Field(description="Null for one that is free.")]
    locked: Annotated[bool, Field(description="Whether it has to be unlocked before it is read.")]
    unlocked_at: str | None
    standing: Annotated[
        Literal["shown", "hidden", "removed", "deleted"],
        Field(description="What moderators did with it; `deleted` where its author has left."),
    ]
    at: str


def conversation_view(conversation: Conversation, user: str, names: Mapping[str, str]) -> ConversationView:
    """The conversation as ``user`` sees it."""
    who, last = conversation.who(user), conversation.last
    return ConversationView(
        id=conversation.id,
        client=_person(conversation.client.user, names),
        reader=_person(conversation.reader.user, names),
        unread=conversation.unread(who),
        read_up_to=conversation.other(who).read_up_to,
        last_message=LastMessage(id=last.id, sender=last.sender, at=rfc3339(last.at)) if last else None,
        created_at=rfc3339(conversation.created_at),
        recent_at=rfc3339(conversation.recent_at),
    )


def message_view(message: Message, who: Who, link: Callable[[Attachment], str]) -> MessageView:
    """The message as that side may see it."""
    shown = readable(message, who)
    return MessageView(
        id=message.id,
        conversation=message.conversation,
        sender=message.sender,
        text=message.text if shown else None,
        attachments=[AttachmentView.of(each, link(each)) for each in message.attachments] if shown else [],
        attachment_count=len(message.attachments),
        price=Money(amount=message.price) if message.price else None,
        locked=message.on_sale,
        unlocked_at=rfc3339_or_none(message.unlocked_at),
        standing="deleted" if message.erased else message.standing,
        at=rfc3339(message.at),
    )


def _person(user: str, names: Mapping[str, str]) -> PersonView:
    return PersonView(id=user, display_name=names[user])
