"""Messages over HTTP."""

from typing import TYPE_CHECKING, Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    InsufficientFunds,
    Invalid,
    InvalidState,
    NotFound,
    ProviderFailed,
    ReaderUnavailable,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.messaging import service
from chalicelib.messaging.model import Conversation, Message, Wanted, Who
from chalicelib.messaging.schemas import (
    ConversationsQuery,
    ConversationView,
    MessagesQuery,
    MessageView,
    NewConversation,
    NewMessage,
    ReadConversation,
    conversation_view,
    message_view,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import PageOf

if TYPE_CHECKING:
    from chalicelib.accounts import uploads
    from chalicelib.messaging import unlocking
else:
    uploads = on_first_use("chalicelib.accounts.uploads")
    unlocking = on_first_use("chalicelib.messaging.unlocking")

blueprint = Blueprint(__name__)

_CONVERSATION: Final = "/v1/conversations/{conversation_id}"


@endpoint(
    blueprint,
    "POST",
    "/v1/conversations",
    body=NewConversation,
    returns=ConversationView,
    status=201,
    errors=(Blocked, NotFound, ReaderUnavailable),
)
def open_conversation(request: Request[NewConversation, None]) -> ConversationView:
    """Begin to write with a reader, as a client. There is one conversation for the two: again, it is the same one."""
    return _view(service.open_with(world(), request.caller.id, request.body.reader), request.caller.id)


@endpoint(blueprint, "GET", "/v1/conversations", query=ConversationsQuery, returns=PageOf[ConversationView])
def list_conversations(request: Request[None, ConversationsQuery]) -> PageOf[ConversationView]:
    """One's conversations, those that were written in last first. The order may be a moment behind.

    One that is written in while the pages are read moves to the first of them.
    """
    query, user = request.query, request.caller.id
    scope = f"conversations:{query.as_}:{user}"
    shape: cursors.Shape = {query.as_: user, "recent_at": int, "pk": cursors.AN_ID, "sk": "conversation"}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = service.conversations_of(world(), query.as_, user, query.limit, start)
    names = service.names(world(), page)
    return PageOf[ConversationView](
        items=[conversation_view(each, user, names) for each in page],
        next_cursor=cursors.encode(following, scope) if following else None,
    )


@endpoint(blueprint, "GET", _CONVERSATION, returns=ConversationView, errors=(Forbidden, NotFound))
def get_conversation(request: Request[None, None]) -> ConversationView:
    """One of one's conversations."""
    user = request.caller.id
    return _view(service.conversation_of(world(), user, request.path["conversation_id"]), user)


@endpoint(
    blueprint,
    "POST",
    f"{_CONVERSATION}/messages",
    body=NewMessage,
    returns=MessageView,
    status=201,
    idempotent=True,
    errors=(
        Blocked,
        Forbidden,
        IdempotencyMismatch,
        InvalidState,
        NotFound,
        ProviderFailed,
        ReaderUnavailable,
    ),
)
def send_message(request: Request[NewMessage, None]) -> MessageView:
    """Write a message. A reader answers a client who has written to them, for nothing or for `price`.

    What a paid reply says is shown to the client once they have unlocked it. At most three of a conversation wait for
    that (409 `invalid_state`). `uploads` are of `POST /v1/uploads`.
    """
    user, body = request.caller.id, request.body
    wanted = Wanted(body.text, tuple(body.uploads), body.price or 0)
    sent = service.send(world(), user, request.path["conversation_id"], request.derived_id("msg"), wanted)
    return _message_view(sent, sent.by)


@endpoint(
    blueprint,
    "GET",
    f"{_CONVERSATION}/messages",
    query=MessagesQuery,
    returns=PageOf[MessageView],
    errors=(Forbidden, Invalid, NotFound),
)
def list_messages(request: Request[None, MessagesQuery]) -> PageOf[MessageView]:
    """The messages of a conversation, newest first; with `q` those that say so, whatever its case and its accents.

    What is locked is not searched. A page of a search may hold fewer than `limit`, or none: only `next_cursor` null
    ends it.
    """
    query, user, name = request.query, request.caller.id, request.path["conversation_id"]
    scope = f"messages:{user}:{name}:{query.q or ''}"
    before = cursors.decode(query.cursor, scope, {"before": int})["before"] if query.cursor else None
    conversation, page, following = service.page(world(), user, name, query.limit, before, query.q)
    who = conversation.who(user)
    return PageOf[MessageView](
        items=[_message_view(each, who) for each in page],
        next_cursor=cursors.encode({"before": following}, scope) if following else None,
    )


@endpoint(
    blueprint,
    "POST",
    f"{_CONVERSATION}/read",
    body=ReadConversation,
    returns=ConversationView,
    errors=(Forbidden, NotFound),
)
def read_conversation(request: Request[ReadConversation, None]) -> ConversationView:
    """Say that one has read up to a message, it included. It never goes back, and the other sees it."""
    user = request.caller.id
    return _view(service.read(world(), user, request.path["conversation_id"], request.body.up_to), user)


@endpoint(
    blueprint,
    "POST",
    "/v1/messages/{message_id}/unlock",
    returns=MessageView,
    idempotent=True,
    errors=(Blocked, Forbidden, InsufficientFunds, InvalidState, NotFound, SpendingLimitReached, WalletFrozen),
)
def unlock_message(request: Request[None, None]) -> MessageView:
    """Pay for a reply with one's credit, and read it: once, however often it is asked for."""
    user = request.caller.id
    conversation, message = unlocking.unlock(world(), user, request.path["message_id"])
    return _message_view(message, conversation.who(user))


def _view(conversation: Conversation, user: str) -> ConversationView:
    return conversation_view(conversation, user, service.names(world(), [conversation]))


def _message_view(message: Message, who: Who) -> MessageView:
    return message_view(message, who, lambda each: uploads.link(world(), message.place, each))
