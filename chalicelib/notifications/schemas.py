"""What the endpoints of the inbox take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from chalicelib.kernel.time import rfc3339
from chalicelib.runtime.schemas import Id, Schema

if TYPE_CHECKING:
    from chalicelib.notifications.model.words import Words
    from chalicelib.notifications.telling import Notification


class ReadNotifications(Schema):
    """What was read: either these, or one of them and all that are older."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"up_to": "ntc_01JD0000000000000000000000"}]})

    ids: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = None
    up_to: Id | None = None


class NotificationView(Schema):
    """One line of an inbox, in words of now."""

    id: str
    kind: str
    title: str
    text: str
    at: str
    read: bool
    about: Annotated[dict[str, str], Field(description="Ids of what it is about, by what they are.")]


class UnreadView(Schema):
    """How many notifications are unread, on all pages."""

    unread: int


class InboxView(Schema):
    """A page of one's inbox, newest first. `next_cursor` asks for the following one; null on the last."""

    items: list[NotificationView]
    next_cursor: str | None
    unread: Annotated[int, Field(description="On all pages.")]


def notification_view(line: Notification, said: Words) -> NotificationView:
    """The line as its person sees it."""
    from chalicelib.notifications.model.notice import things

    return NotificationView(
        id=line.id,
        kind=line.kind,
        title=said.subject,
        text=said.text,
        at=rfc3339(line.at),
        read=line.read,
        about=things(line.facts),
    )
