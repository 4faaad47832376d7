"""The verbs of messages. Money is in cents. What people wrote to each other is shown only where it is asked for."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.money import reader_share
from chalicelib.kernel.time import rfc3339_or_none
from chalicelib.messaging import model, unlocking
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Message
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_reason, an_id
from scripts.admin.auditing import record_look


def show_message(world: World, asked: Namespace) -> Answer:
    """What it says is not to be copied elsewhere."""
    _, message = messages.message_of(world, asked.message)
    if asked.text:
        record_look(world, asked, message.id, "message_viewed")
    return Answer([_facts(message) | ({"text": message.text} if asked.text else {})])


def refund_reply(world: World, asked: Namespace) -> Plan:
    """For one that was removed, say: the reply stays as it is."""
    conversation, message = messages.message_of(world, asked.message)
    done = model.refunded(message, world.now()) == message
    share = reader_share(message.price)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(unlocking.refund(world, message.id, actor=operator, reason=reason))])

    will = (
        f"give {message.price} cents back to the client {conversation.client.user} for {message.id}",
        f"take {share} cents of that from the earnings of {message.sender}",
        f"let the platform bear the other {message.price - share} cents",
    )
    return Plan(() if done else will, act)


def _facts(message: Message) -> Facts:
    moments = ("at", "unlocked_at", "refunded_at")
    return {
        "id": message.id,
        "conversation": message.conversation,
        "by": f"{message.by} {message.sender}",
        "standing": "deleted" if message.erased else message.standing,
        "price": message.price,
        "entry": message.entry,
        **{name: rfc3339_or_none(getattr(message, name)) for name in moments},
        "attachments": [f"{each.id} {each.media_type} {each.size}" for each in message.attachments],
    }


def _takes_message(parser: ArgumentParser) -> None:
    parser.add_argument("message", type=an_id, metavar="MESSAGE", help="its id, msg_…")


def _takes_message_and_text(parser: ArgumentParser) -> None:
    _takes_message(parser)
    parser.add_argument("--text", action="store_true", help="what it says too: that look is recorded")
    parser.add_argument("--reason", type=a_reason, help="why, with --text; kept in the audit log for ever")


VERBS: Final = (
    Verb(
        "messages",
        "show",
        "Show who wrote a message and when, what it cost, and where it stands.",
        ("messages show msg_01J… --stage prod", 'messages show msg_01J… --text --local --json --reason "ticket 1234"'),
        _takes_message_and_text,
        show_message,
    ),
    Verb(
        "messages",
        "refund",
        "Give a client back what they paid for a reply, once.",
        (f"messages refund msg_01J… --stage prod {WHY}",),
        _takes_message,
        refund_reply,
        changes=True,
    ),
)
