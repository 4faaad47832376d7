"""Conversations between a client and a reader: opening one, writing, reading, searching (product §7).

A message is one transaction: its row, where it is, the conversation with its counts, and what the other is told. So
counts are exact, and nobody who was blocked in that moment gets a word through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts import uploads
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    InvalidState,
    NotFound,
    ReaderUnavailable,
)
from chalicelib.kernel.ids import derived_id
from chalicelib.messaging import model
from chalicelib.messaging.model import Conversation, Message, Wanted, Who
from chalicelib.messaging.store import messages_of
from chalicelib.readers import service as readers
from chalicelib.runtime import outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import ConditionFailed, Key, Operation, Put

_TRIES: Final = 25
"""A try that lost means that another message of the conversation got on."""
_SEARCHED_AT_ONCE: Final = 100
_MOST_PAGES: Final = 5
"""Of so many messages each, for one request that searches; the next one goes on."""
_MOST_SAID: Final = _MOST_PAGES * _SEARCHED_AT_ONCE * model.TEXT_LENGTH
"""Characters that it looks through: one sign may stand for eighteen letters, and a message of those for 72,000."""


# --- conversations -------------------------------------------------------------------------------


def open_with(world: World, client: str, reader: str) -> Conversation:
    """The conversation of that client with that reader, which is made the first time; nobody else begins one.

    Raises Invalid (oneself), NotFound, ReaderUnavailable, Blocked.
    """
    if client == reader:
        raise Invalid("Nobody writes to themselves.", ({"field": "reader", "message": "another person"},))
    rows = messages_of(world)
    name = derived_id("cnv", client, reader)

    def attempt() -> Conversation:
        if done := rows.conversation(name):
            return done
        _must_be_reading(world, reader)
        made = model.opened(name, client, reader, world.now())
        write_apart(world, made, rows.open(made))
        log.info("conversation_opened", id=made.id)
        return made

    return undisturbed(world.sleep, attempt)


def conversation_of(world: World, user: str, conversation_id: str) -> Conversation:
    """One of one's own conversations. Raises NotFound, Forbidden."""
    found = load(world, conversation_id)
    found.who(user)
    return found


def conversations_of(
    world: World, who: Who, user: str, limit: int, start: Key | None
) -> tuple[list[Conversation], Key | None]:
    """A page of the conversations in which ``user`` is that side, the last written in first."""
    return messages_of(world).conversations_of(who, user, limit, start)


def load(world: World, conversation_id: str) -> Conversation:
    """The conversation as stored, whoever asks. Raises NotFound."""
    if found := messages_of(world).conversation(conversation_id):
        return found
    raise NotFound("There is no such conversation.")


def names(world: World, conversations: Iterable[Conversation]) -> Mapping[str, str]:
    """What the people of these conversations are called now: a reader of the directory as there."""
    listed = list(conversations)
    clients, known_readers = ({each.side(who).user for each in listed} for who in ("client", "reader"))
    return {**accounts.names_of(world, clients | known_readers), **readers.names_of(world, known_readers)}


# --- writing -------------------------------------------------------------------------------------


def send(world: World, user: str, conversation_id: str, message_id: str, wanted: Wanted) -> Message:
    """Write a message, whose id derives from the request. Its attachments are taken up before.

    Raises NotFound, Forbidden, Blocked, Invalid, InvalidState, ReaderUnavailable, Unavailable, ProviderFailed, and
    IdempotencyMismatch (the same id was derived for another message).
    """
    rows, cleaned = messages_of(world), model.written(wanted)
    known = load(world, conversation_id)
    who = known.who(user)
    if done := rows.message(message_id):
        return _as_sent(done, cleaned)
    model.must_be_sendable(known, who, cleaned.price)
    _must_be_there(world, known, who)
    files = uploads.take_up(world, user, cleaned.uploads, model.attachments_of(user, message_id))

    def attempt() -> Message:
        if done := rows.message(message_id):
            return _as_sent(done, cleaned)
        was = load(world, conversation_id)
        after, made = model.sent(was, who, message_id, cleaned, files, world.now())
        told = _told(world, after, made)
        write_apart(world, after, rows.replace_conversation(after, was), *rows.add(made), told)
        log.info("message_sent", id=made.id, amount=made.price)
        return made

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def write_apart(world: World, conversation: Conversation, *operations: Operation) -> None:
    """Write, if neither of the two has blocked the other. Raises Blocked, ConditionFailed, Contended."""
    apart = accounts.unblocked(world, conversation.client.user, conversation.reader.user)
    try:
        world.tables.write(*apart, *operations)
    except ConditionFailed as failed:
        refuse_if_blocked(failed)
        raise


def refuse_if_blocked(failed: ConditionFailed) -> None:
    """Raises Blocked where what failed is one of the two clauses of ``accounts.unblocked``, which came first."""
    if failed.found.keys() & {0, 1}:
        raise Blocked from None


def _as_sent(done: Message, wanted: Wanted) -> Message:
    if not model.same(done, wanted):
        raise IdempotencyMismatch
    return done


def _must_be_there(world: World, conversation: Conversation, who: Who) -> None:
    """Raises ReaderUnavailable; for the reader Forbidden, where they are not listed, or InvalidState."""
    if who == "client":
        _must_be_reading(world, conversation.reader.user)
        return
    if not readers.reader(world, conversation.reader.user).verified:
        raise Forbidden("Only a verified reader writes to clients.")
    if accounts.is_deleted(world, conversation.client.user):
        raise InvalidState("This person has left.")


def _must_be_reading(world: World, reader: str) -> None:
    if not readers.reader(world, reader).verified or accounts.is_shut_out(world, reader):
        raise ReaderUnavailable("This reader takes no messages.")


def _told(world: World, conversation: Conversation, message: Message) -> Put:
    return outbox.notice(
        world.settings.tables.notices,
        to=conversation.other(message.by).user,
        kind="message_received",
        fact=message.id,
        at=message.at,
        facts={"from": message.sender, "conversation": conversation.id, "priced": message.price > 0},
    )


# --- reading -------------------------------------------------------------------------------------


def page(
    world: World, user: str, conversation_id: str, limit: int, before: int | None, query: str | None
) -> tuple[Conversation, list[Message], int | None]:
    """A page of a conversation's messages, newest first, and before which number the next one starts. With ``query``
    only those that say so and that one may read: a page may then hold fewer than ``limit``, or none, and others follow.

    Raises NotFound, Forbidden, Invalid.
    """
    conversation = conversation_of(world, user, conversation_id)
    if query is None:
        return conversation, *messages_of(world).messages(conversation_id, limit, before)
    return conversation, *_search(world, conversation, conversation.who(user), limit, before, model.sought(query))


def _search(
    world: World, conversation: Conversation, who: Who, limit: int, before: int | None, sought: str
) -> tuple[list[Message], int | None]:
    found: list[Message] = []
    room = _MOST_SAID
    for _ in range(_MOST_PAGES):
        looked_at, before = messages_of(world).messages(conversation.id, _SEARCHED_AT_ONCE, before)
        for each in looked_at:
            said = model.said(each, who)
            room -= len(said)
            if sought in said:
                found.append(each)
            if len(found) == limit or room < 0:
                return found, each.number if each.number > 1 else None
        if before is None:
            break
    return found, before


def read(world: World, user: str, conversation_id: str, up_to: str) -> Conversation:
    """Keep that the person has read up to that message; it never goes back. Raises NotFound, Forbidden."""
    rows = messages_of(world)

    def attempt() -> Conversation:
        was = conversation_of(world, user, conversation_id)
        message = rows.message(up_to)
        if message is None or message.conversation != was.id:
            raise NotFound("There is no such message in this conversation.")
        after = model.read(was, was.who(user), message)
        if after != was:
            world.tables.write(rows.replace_conversation(after, was))
        return after

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def message_of(world: World, message_id: str) -> tuple[Conversation, Message]:
    """A message with its conversation, as stored, whoever asks. Raises NotFound."""
    message = messages_of(world).message(message_id)
    if message is None:
        raise NotFound("There is no such message.")
    return load(world, message.conversation), message
