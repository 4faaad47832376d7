"""The inbox over HTTP, and no more mail by one click."""

import re
from typing import Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import Invalid
from chalicelib.notifications import inbox, unsubscribing
from chalicelib.notifications.schemas import InboxView, ReadNotifications, UnreadView, notification_view
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, Text, endpoint
from chalicelib.runtime.schemas import ListQuery

blueprint = Blueprint(__name__)

_HTML: Final = "text/html; charset=utf-8"
_UNSUBSCRIBE: Final = "/v1/unsubscribe/{token}"
_PLACE: Final = re.compile(r"ntc_[0-9A-Z]{26}")


@endpoint(blueprint, "GET", "/v1/notifications", query=ListQuery, returns=InboxView)
def list_notifications(request: Request[None, ListQuery]) -> InboxView:
    """What you were told in the last 90 days, newest first, and how much of all of it you have not read."""
    query, me = request.query, request.caller.id
    scope = f"notifications:{me}"
    after = cursors.decode(query.cursor, scope, {"after": _PLACE})["after"] if query.cursor else None
    found = inbox.listing(world(), me, query.limit, after)
    return InboxView(
        items=[notification_view(*each) for each in found.items],
        next_cursor=cursors.encode({"after": found.following}, scope) if found.following else None,
        unread=found.unread,
    )


@endpoint(blueprint, "POST", "/v1/notifications/read", body=ReadNotifications, returns=UnreadView)
def read_notifications(request: Request[ReadNotifications, None]) -> UnreadView:
    """Mark some as read, or one and all that are older. What is not there, or was read before, changes nothing.

    Of more than about 2,000 unread ones `up_to` marks the oldest, and the others when it is sent again.
    """
    body, me = request.body, request.caller.id
    if (body.ids is None) == (body.up_to is None):
        raise Invalid(errors=({"field": "ids", "message": "Give either ids or up_to."},))
    if body.up_to is not None:
        return UnreadView(unread=inbox.read_up_to(world(), me, body.up_to))
    return UnreadView(unread=inbox.read(world(), me, body.ids or []))


@endpoint(blueprint, "GET", _UNSUBSCRIBE, returns=Text, public=True, media_types=("text/html",))
def show_unsubscribe(request: Request[None, None]) -> Text:
    """A page that asks whether one wants no more mail of the kind that a letter was of. Opening it changes nothing."""
    return Text(unsubscribing.page(world(), request.path["token"]), _HTML, unsubscribing.PAGE_HEADERS)


@endpoint(blueprint, "POST", _UNSUBSCRIBE, returns=Text, public=True, media_types=("text/html",))
def unsubscribe(request: Request[None, None]) -> Text:
    """No more mail of the kind that a letter was of, by one click in a mail program (RFC 8058); any body is taken."""
    return Text(unsubscribing.unsubscribe(world(), request.path["token"]), _HTML, unsubscribing.PAGE_HEADERS)
