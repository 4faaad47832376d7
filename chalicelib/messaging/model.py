"""The rules of a conversation: who may write what, what is read, what of a message whoever may see. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from chalicelib.accounts.model.attachment import Attachment
from chalicelib.kernel import text
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.time import Millis

Who = Literal["client", "reader"]

TEXT_LENGTH: Final = 4_000
REPLY_PRICE: Final[Cents] = 100
"""What a paid reply costs: the only price there is."""
MOST_LOCKED: Final = 3
"""Paid replies of a conversation that nobody has paid for yet: nobody is flooded with priced envelopes."""
QUERY_LENGTH: Final = 100


# --- a conversation ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One side's part in a conversation."""

    user: str
    sent: int = 0
    """How many messages they sent."""
    read: int = 0
    """How many of the other's they have read, always the oldest ones."""
    read_up_to: str | None = None
    """The message that they said they have read up to."""


@dataclass(frozen=True, slots=True)
class Last:
    """The newest message, as a list needs it."""

    id: str
    sender: str
    at: Millis


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that a client and a reader wrote to each other. There is one for the two; ``rev`` counts its writes."""

    id: str
    client: Part
    reader: Part
    created_at: Millis
    recent_at: Millis
    """When something was written last; never goes back."""
    locked: int = 0
    """Paid replies that can be unlocked now."""
    last: Last | None = None
    rev: int = 1

    @property
    def count(self) -> int:
        """Of its messages, which are numbered from 1."""
        return self.client.sent + self.reader.sent

    def who(self, user: str) -> Who:
        """Which side that is. Raises Forbidden for a stranger."""
        if user == self.client.user:
            return "client"
        if user == self.reader.user:
            return "reader"
        raise Forbidden("This conversation is not yours.")

    def side(self, who: Who) -> Part:
        """One of the two."""
        return self.client if who == "client" else self.reader

    def other(self, who: Who) -> Part:
        """The one whom ``who`` writes with."""
        return self.reader if who == "client" else self.client

    def unread(self, who: Who) -> int:
        """How many of the other's messages that side has not read."""
        return self.other(who).sent - self.side(who).read


def opened(conversation: str, client: str, reader: str, now: Millis) -> Conversation:
    """A conversation in which nothing was written yet."""
    return Conversation(conversation, Part(client), Part(reader), created_at=now, recent_at=now)


def _with(conversation: Conversation, who: Who, part: Part) -> Conversation:
    if who == "client":
        return replace(conversation, client=part)
    return replace(conversation, reader=part)


# --- a message -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Nothing of what it says is shown before ``readable`` says so."""

    id: str
    conversation: str
    number: int
    """Its place in the conversation, from 1."""
    by: Who
    sender: str
    text: str = field(repr=False)
    attachments: tuple[Attachment, ...]
    price: Cents
    """0 for one that is free to read."""
    at: Millis
    sent: int
    """How many the sender has sent with it …"""
    heard: int
    """… and how many the other had by then."""
    unlocked_at: Millis | None = None
    entry: str | None = None
    """The entry of the client's credit that paid for it."""
    refunded_at: Millis | None = None
    standing: Standing = "shown"
    erased: bool = False
    """Its author has left, and what it said is gone."""
    rev: int = 1

    @property
    def place(self) -> str:
        """Where its attachments are."""
        return attachments_of(self.sender, self.id)

    @property
    def locked(self) -> bool:
        """Whether it has a price that nobody has paid."""
        return self.price > 0 and self.unlocked_at is None

    @property
    def on_sale(self) -> bool:
        """Whether it can be unlocked now."""
        return self.locked and self.standing == "shown" and not self.erased

    def read_by(self, who: Who) -> int:
        """How many of the other's messages that side has read who has read up to this one."""
        return self.heard if who == self.by else self.sent


def attachments_of(sender: str, message: str) -> str:
    """Where the attachments of a message are, written or to be."""
    return f"messages/{sender}/{message}"


def readable(message: Message, who: Who | None) -> bool:
    """Whether that side may see what the message says; None is a moderator. Its author always sees their own."""
    if message.erased:
        return False
    return who in (None, message.by) or (message.standing == "shown" and not message.locked)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to send."""

    text: str = field(repr=False)
    uploads: tuple[str, ...] = ()
    price: Cents = 0


def written(wanted: Wanted) -> Wanted:
    """What is wanted, cleaned. Raises Invalid: nothing to be seen and no attachment, too long, another price."""
    cleaned = text.paragraphs(wanted.text)
    errors = []
    if len(cleaned) > TEXT_LENGTH or not (cleaned or wanted.uploads):
        errors.append(
            {"field": "text", "message": f"Write 1 to {TEXT_LENGTH} visible characters, or attach something."}
        )
    if wanted.price not in (0, REPLY_PRICE):
        errors.append({"field": "price", "message": f"{REPLY_PRICE} cents, or none."})
    if errors:
        raise Invalid(errors=tuple(errors))
    return replace(wanted, text=cleaned)


def must_be_sendable(conversation: Conversation, who: Who, price: Cents) -> None:
    """Raises Forbidden for a price of a client's; InvalidState for a reader whom the client has not written to, and for
    one paid reply more than may wait.
    """
    if who == "client":
        if price:
            raise Forbidden("Only a reader's reply can have a price.")
        return
    if conversation.client.sent == 0:
        raise InvalidState("The client has not written to you yet.")
    if price and conversation.locked >= MOST_LOCKED:
        raise InvalidState(f"{MOST_LOCKED} paid replies wait to be unlocked. Send no more of them before one is.")


def sent(
    conversation: Conversation, who: Who, message: str, wanted: Wanted, attachments: tuple[Attachment, ...], now: Millis
) -> tuple[Conversation, Message]:
    """The conversation with one message more, and that message. Raises as ``must_be_sendable``."""
    must_be_sendable(conversation, who, wanted.price)
    own, other, at = conversation.side(who), conversation.other(who), max(now, conversation.recent_at)
    made = Message(
        id=message,
        conversation=conversation.id,
        number=conversation.count + 1,
        by=who,
        sender=own.user,
        text=wanted.text,
        attachments=attachments,
        price=wanted.price,
        at=at,
        sent=own.sent + 1,
        heard=other.sent,
    )
    after = replace(
        _with(conversation, who, replace(own, sent=own.sent + 1)),
        recent_at=at,
        locked=conversation.locked + (1 if made.on_sale else 0),
        last=Last(made.id, made.sender, at),
        rev=conversation.rev + 1,
    )
    return after, made


def same(message: Message, wanted: Wanted) -> bool:
    """Whether the message is what was wanted. What it was erased to says nothing."""
    files = tuple(each.id for each in message.attachments)
    return message.erased or (message.text, files, message.price) == (wanted.text, wanted.uploads, wanted.price)


def read(conversation: Conversation, who: Who, message: Message) -> Conversation:
    """The conversation that ``who`` has read up to that message; as it was where they have read further."""
    part = conversation.side(who)
    count = message.read_by(who)
    if count <= part.read:
        return conversation
    changed = _with(conversation, who, replace(part, read=count, read_up_to=message.id))
    return replace(changed, rev=conversation.rev + 1)


# --- paid replies --------------------------------------------------------------------------------


def must_be_on_sale(message: Message) -> None:
    """Raises InvalidState where there is nothing to unlock."""
    if message.price == 0:
        raise InvalidState("This message is free to read.")
    if not message.on_sale:
        raise InvalidState("This reply cannot be unlocked.")


def unlocked(conversation: Conversation, message: Message, entry: str, at: Millis) -> tuple[Conversation, Message]:
    """Both once the client has paid for it by ``entry``. Raises InvalidState where there is nothing to unlock."""
    must_be_on_sale(message)
    return _put_on_sale(conversation, message, replace(message, unlocked_at=at, entry=entry))


def refunded(message: Message, now: Millis) -> Message:
    """The message, whose price went back. As it was where that was so before. Raises InvalidState (never paid)."""
    if message.unlocked_at is None:
        raise InvalidState("Nobody has paid for this message.")
    if message.refunded_at is not None:
        return message
    return replace(message, refunded_at=now, rev=message.rev + 1)


# --- what moderators do --------------------------------------------------------------------------


def stood(conversation: Conversation, message: Message, standing: Standing) -> tuple[Conversation, Message]:
    """Both once a moderator has put the message there. What nobody may see, nobody can pay for."""
    return _put_on_sale(conversation, message, replace(message, standing=standing))


def erased(conversation: Conversation, message: Message) -> tuple[Conversation, Message]:
    """Both once what the message said is gone with its author."""
    return _put_on_sale(conversation, message, replace(message, text="", attachments=(), erased=True))


def _put_on_sale(conversation: Conversation, was: Message, now: Message) -> tuple[Conversation, Message]:
    """Both after a change of the message. The conversation counts what can be unlocked, and else stays as it was."""
    raised = replace(now, rev=was.rev + 1)
    change = int(now.on_sale) - int(was.on_sale)
    if change == 0:
        return conversation, raised
    return replace(conversation, locked=conversation.locked + change, rev=conversation.rev + 1), raised


# --- searching -----------------------------------------------------------------------------------


def sought(query: str) -> str:
    """What to look for, folded. Raises Invalid for nothing that can be seen, or too much."""
    folded = text.folded(text.one_line(query))
    if not 1 <= len(folded) <= QUERY_LENGTH:
        raise Invalid(errors=({"field": "q", "message": f"Write 1 to {QUERY_LENGTH} visible characters."},))
    return folded


def said(message: Message, who: Who) -> str:
    """What the message says, folded, as far as that side may see it: a locked one is not looked into."""
    return " ".join(text.folded(message.text).split()) if readable(message, who) else ""
