"""Paid replies: paid for and opened in one transaction, or neither (product §7).

The client's debit, the reader's and the platform's shares, and the message's row with the entry's id are one write. The
entry refers to the message and the message to the entry, so that each leads to the other.
"""

from __future__ import annotations

from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts import uploads
from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, InvalidState
from chalicelib.messaging import model
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Conversation, Message
from chalicelib.messaging.store import messages_of
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import ConditionFailed, Operation
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry

KIND: Final = "reply"
REFUND: Final = "unlock_refund"


def unlock(world: World, user: str, message_id: str) -> tuple[Conversation, Message]:
    """Pay for a reply and open it, once; one that is open already is answered again.

    Raises NotFound, Forbidden (not the client), InvalidState (free, hidden, or its reader is gone), Blocked,
    InsufficientFunds, SpendingLimitReached, WalletFrozen, Unavailable.
    """
    undisturbed(world.sleep, lambda: _paid(world, user, message_id))
    return messages.message_of(world, message_id)


def _paid(world: World, user: str, message_id: str) -> None:
    conversation, message = messages.message_of(world, message_id)
    if conversation.who(user) != "client":
        raise Forbidden("Only the client can unlock it.")
    if message.unlocked_at is not None:
        return
    model.must_be_on_sale(message)
    if accounts.is_shut_out(world, message.sender):
        raise InvalidState("This reader has left.")

    def beside(debit: Entry) -> list[Operation]:
        before = messages.message_of(world, message_id)
        after = model.unlocked(*before, entry=debit.id, at=debit.at)
        return [
            *accounts.unblocked(world, user, message.sender),
            *messages_of(world).changed(after, before),
            *payouts.reply_earned(world, message.sender, message_id, message.price, debit.at),
            _told(world, after[1], conversation, debit),
        ]

    try:
        wallet.spend(
            world, user, KIND, message.price, f"{KIND}:{message_id}", f"unlock:{message_id}", message_id, beside
        )
    except ConditionFailed as failed:
        messages.refuse_if_blocked(failed)
        raise
    log.info("reply_unlocked", id=message_id, amount=message.price)


def _told(world: World, message: Message, conversation: Conversation, debit: Entry) -> Operation:
    return outbox.notice(
        world.settings.tables.notices,
        to=message.sender,
        kind="reply_unlocked",
        fact=message.id,
        at=debit.at,
        facts={"from": conversation.client.user, "conversation": conversation.id, "amount": message.price},
    )


def refund(world: World, message_id: str, *, actor: str, reason: str) -> Message:
    """Give the client back what the reply cost, once: the reader's share from the reader, the rest from the platform.
    Audited. The reply stays open; a refunded one stays as it is. Where its author has left, nothing keeps what it said.

    Raises NotFound, InvalidState (never paid, or the client has left), Unavailable, ProviderFailed.
    """

    def attempt() -> Message:
        conversation, was = messages.message_of(world, message_id)
        if model.refunded(was, world.now()) == was:
            return was
        client = conversation.client.user
        if accounts.is_deleted(world, client):
            raise InvalidState("The client has left: nobody could spend it.")
        paid = wallet.posted(world, f"unlock:{message_id}")
        if paid is None:
            raise LookupError(f"{message_id} is unlocked and was never paid")

        def beside(credit: Entry) -> list[Operation]:
            before = conversation, was
            after = conversation, model.refunded(was, credit.at)
            if accounts.is_deleted(world, was.sender):
                after = model.erased(*after)
            bearers = payouts.reply_returned(world, was.sender, message_id, was.price, credit.at)
            said = _audited(world, after[1], credit, actor, reason)
            return [*messages_of(world).changed(after, before), *bearers, said]

        wallet.compensate(world, client, REFUND, message_id, wallet.origin(world, paid), message_id, beside)
        log.info("reply_refunded", id=message_id, amount=was.price)
        return messages.message_of(world, message_id)[1]

    done = undisturbed(world.sleep, attempt)
    if done.erased:
        uploads.drop(world, done.place)
    return done


def _audited(world: World, message: Message, credit: Entry, actor: str, reason: str) -> Operation:
    return audit.entry(
        world.settings.tables.audit,
        subject=message.id,
        action="reply_refunded",
        actor=actor,
        reason=reason,
        at=credit.at,
        detail={"amount": message.price, "paid_by": message.entry, "given_back_by": credit.id},
    )
