"""Giving unused credit back to the cards that paid it (product §4).

One transaction takes the credit and sets each part aside in its payment; only then is Stripe asked, once a part, under
a key of the part's own. What Stripe answers, and what its events tell, is learned by the payment
(``wallet/payments.py``): a part that is refused, or fails later, comes back to the credit. Where Stripe's answer is
not known, the same is asked again, by the minute tick if by nobody else, until it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import (
    Forbidden,
    IdempotencyMismatch,
    InsufficientFunds,
    Invalid,
    NotFound,
    ProviderFailed,
    SessionOpen,
    WalletFrozen,
)
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime import audit, due, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Contended, Key, Operation
from chalicelib.wallet import credit_payments, payments
from chalicelib.wallet.model import payment as model
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.payment import REFUNDABLE, Payment, ToldRefund
from chalicelib.wallet.model.refund import KEY_LIFE, LEAST, Refund, Status, look_again, part_status, split, status
from chalicelib.wallet.payments_store import PLACE, RefundRows, payment_rows
from chalicelib.wallet.service import charge_due, head

__all__ = ["PLACE"]

_TRIES: Final = 100
PATIENCE: Final = 8_000
"""Milliseconds after which no further part is sent for now: who waits for an answer has half a minute, all in all."""
_MOST_LOOKED_AT: Final = 100
"""Payments of a person, newest first, that a refund is looked for in."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A refund and how far it has got, part by part."""

    refund: Refund
    parts: tuple[Status, ...]

    @property
    def status(self) -> Status:
        """Of the whole."""
        return status(self.parts)


def request(
    world: World, user: str, refund_id: str, amount: Cents | None, *, actor: str | None = None, reason: str = ""
) -> Progress:
    """Take ``amount`` cents of unused paid credit, all that can be where None, and send it back; once, if repeated.

    ``actor`` is who asks, where that is not ``user``: the person themselves must ask for ``LEAST`` at least, or for all
    that can be. Raises Invalid, SessionOpen, WalletFrozen, InsufficientFunds, IdempotencyMismatch where the
    repeat asks for another amount, Unavailable.
    """

    def attempt() -> Refund:
        if made := _made_before(world, user, refund_id, amount):
            return made
        newest = charge_due(world, head(world, user))
        now = max(world.now(), newest.at)
        try:
            parts = _planned(world, newest, user, amount, now)
            if actor is None and amount is not None and amount < LEAST:
                _check_that_all_goes(_planned(world, newest, user, None, now), amount)
        except InsufficientFunds:
            if head(world, user).seq != newest.seq:  # the payments were read after something else, as a dispute
                raise Contended("The credit changed meanwhile.") from None
            raise
        out_of = tuple((each.intent, part) for each, part in parts)
        refund = Refund(refund_id, user, amount, USD, now, out_of, look_again(now, now))
        operations = _set_aside(world, newest, refund, parts)
        said = _words(world, refund, actor or user, reason or "asked for by the person")
        world.tables.write(*_rows(world).create(refund), *operations, *said)
        return refund

    undisturbed(world.sleep, attempt, tries=_TRIES)
    advance(world, refund_id)
    return progress(world, refund_id)


def refundable(world: World, user: str) -> tuple[Entry, Cents]:
    """The newest entry of a person's credit, and how much of it could go back to the cards that paid it."""
    newest = charge_due(world, head(world, user))
    now = max(world.now(), newest.at)
    paid = max(0, newest.buckets.paid)
    return newest, min(paid, sum(each.refundable(now) for each in _payments(world, user, now)))


def would_be(world: World, user: str, amount: Cents | None) -> tuple[tuple[Payment, Cents], ...]:
    """Which payments ``request`` would give how much back of. Raises as it does."""
    newest = charge_due(world, head(world, user))
    return _planned(world, newest, user, amount, max(world.now(), newest.at))


def payments_of(world: World, user: str) -> list[Payment]:
    """A person's newest payments, with what became of them."""
    return payment_rows(world).newest_of(user, _MOST_LOOKED_AT, 0)


def orders_paid_by(world: World, user: str, since: Millis) -> list[Payment]:
    """A person's newest payments for orders, of ``since`` or later, with what became of them."""
    return payment_rows(world).newest_of(user, _MOST_LOOKED_AT, since, "order")


def may_come_back(world: World, user: str) -> Cents:
    """What may be a person's credit again, or hold it up: what is on its way to their cards, for orders too, and what
    banks took and have not kept.
    """
    known = payments_of(world, user) + orders_paid_by(world, user, 0)
    parts = [each.amount for payment in known for each in payment.refunds.values() if each.on_its_way]
    return sum(parts) + sum(each.amount for payment in known for each in payment.disputes.values() if each.open)


def asked_before(world: World, user: str, refund_id: str, amount: Cents | None) -> bool:
    """Whether the same was asked for before. Raises IdempotencyMismatch where it was another amount."""
    return _made_before(world, user, refund_id, amount) is not None


def refund_of(world: World, user: str, refund_id: str) -> Progress:
    """A person's own refund. Raises NotFound, or Forbidden for somebody else's."""
    found = progress(world, refund_id)
    if found.refund.user != user:
        raise Forbidden
    return found


def refunds_of(world: World, user: str, limit: int, after: str | None) -> tuple[list[Progress], str | None]:
    """A page of a person's refunds, newest first. ``after`` is the place of the last one shown, as answered before."""
    refunds, following = _rows(world).of_user(user, limit, after)
    return _progress(world, refunds), following


def progress(world: World, refund_id: str) -> Progress:
    """A refund, and how far it has got. Raises NotFound."""
    refund = _rows(world).get(refund_id)
    if refund is None:
        raise NotFound("There is no such refund.")
    return _progress(world, [refund])[0]


# --- bringing it on ------------------------------------------------------------------------------


def advance(world: World, refund_id: str) -> Millis | None:
    """Ask Stripe for the parts of which the outcome is not known, as many as it answers soon; answer when to look
    again, None for never.

    Safe to call at any moment, any number of times, at the same time. Raises NotFound, Unavailable.
    """
    seen = progress(world, refund_id)
    refund = seen.refund
    begun = world.now()
    for number in (number for number, so_far in enumerate(seen.parts) if so_far == "pending"):
        name, (intent, amount) = refund.name(number), refund.parts[number]
        if world.now() - begun >= PATIENCE or not bring_on(world, intent, amount, name, refund.created_at):
            break  # each further one might take as long to say nothing
    done = progress(world, refund_id).status != "pending"
    look_at = None if done else look_again(refund.created_at, world.now())
    if look_at is None and not done and refund.look_at is not None:
        log.error("refund_stuck", id=refund.id)
    if look_at != refund.look_at:
        world.wrote(_rows(world).replace(replace(refund, look_at=look_at)))
    return look_at


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[tuple[str, Key]], Key | None]:
    """Refunds that are to be looked at, with their places in the listing, for the minute tick."""
    return _rows(world).due(shard, world.now(), limit, start)


def in_progress(world: World, most: int) -> tuple[int, bool]:
    """How many refunds there are of which Stripe has not said the last word, counted to ``most`` in each shard, and
    whether there are more. A moment ago.
    """
    rows, shards = _rows(world), range(world.settings.tick_shards)
    pages = [rows.due(str(shard), due.FOREVER, most, None) for shard in shards]
    return sum(len(found) for found, _ in pages), any(following for _, following in pages)


def bring_on(world: World, intent: str, amount: Cents, name: str, set_aside_at: Millis) -> bool:
    """Send what was set aside in a payment under ``name``, or ask how it goes on; False where Stripe did not answer,
    and it stays as it is. Raises Unavailable.
    """
    try:
        told = _told_of(world, intent, name, set_aside_at)
        if told is None:
            said = model.refund_told(world.payments.refund(intent=intent, amount=amount, part=name))
            told = [said] if said else []
        undisturbed(world.sleep, lambda: payments.learn_all(world, intent, told), tries=_TRIES)
    except Refused as refusal:
        log.warning("refund_refused", id=name, code=refusal.code or "none")
        undisturbed(
            world.sleep, lambda: payments.learn(world, intent, lambda was: model.refused(was, name)), tries=_TRIES
        )
    except model.Misfit as misfit:
        log.error("refund_unexpected", id=name, outcome=str(misfit))
    except ProviderFailed:
        log.warning("refund_not_answered", id=name)
        return False
    return True


def _told_of(world: World, intent: str, name: str, set_aside_at: Millis) -> list[ToldRefund] | None:
    """What Stripe lists of the payment, where that tells of this part; None where it is to be sent, perhaps again.

    Raises ProviderFailed.
    """
    payment = payment_rows(world).get(intent)
    known = payment.refunds[name].stripe if payment else None
    if not known and world.now() - set_aside_at < KEY_LIFE:
        return None
    try:
        listed = payments.refunds_at_stripe(world, intent)
    except Refused as refusal:  # the look was refused, which says nothing of the refund
        raise ProviderFailed from refusal
    told = [each for each in listed if (each.id == known if known else each.part == name)]
    return told if known or told else None


def _made_before(world: World, user: str, refund_id: str, amount: Cents | None) -> Refund | None:
    made = _rows(world).get(refund_id)
    if made and (made.user, made.asked) != (user, amount):
        raise IdempotencyMismatch("Another amount was asked for under this name before.")
    return made


# --- setting it aside ----------------------------------------------------------------------------


def _planned(
    world: World, newest: Entry, user: str, amount: Cents | None, now: Millis
) -> tuple[tuple[Payment, Cents], ...]:
    if newest.frozen:
        raise WalletFrozen
    if newest.meter:
        raise SessionOpen
    return split(_payments(world, user, now), amount, newest.buckets.paid, now)


def _check_that_all_goes(most: Iterable[tuple[Payment, Cents]], amount: Cents) -> None:
    """A payment keeps a number of refunds: nobody uses them up by cents. Raises Invalid."""
    if amount != sum(part for _, part in most):
        raise Invalid(errors=({"field": "amount", "message": f"at least {LEAST} cents, or all that can go back"},))


def _payments(world: World, user: str, now: Millis) -> list[Payment]:
    return payment_rows(world).newest_of(user, _MOST_LOOKED_AT, max(0, now - REFUNDABLE))


def _set_aside(world: World, newest: Entry, refund: Refund, parts: Iterable[tuple[Payment, Cents]]) -> list[Operation]:
    """The operations that take each part from the credit and set it aside in its payment."""
    operations: list[Operation] = []
    for number, (was, amount) in enumerate(parts):
        name = refund.name(number)
        now = model.reserved(was, name, amount)
        key = f"refund:{name}"
        newest, postings = credit_payments.posted(world, newest, now, {key: model.facts(now)[key]})
        operations += [*payment_rows(world).replace(now, was), *postings]
    return operations


def _words(world: World, refund: Refund, actor: str, reason: str) -> list[Operation]:
    """The audit log's word of it, and the person's, where somebody else asked for it."""
    tables, at = world.settings.tables, refund.created_at
    detail: dict[str, str | int | bool | None] = {"refund": refund.id, "amount": refund.amount}
    said: list[Operation] = [
        audit.entry(
            tables.audit, subject=refund.user, action="refund_asked", actor=actor, reason=reason, at=at, detail=detail
        )
    ]
    if actor != refund.user:
        facts = {"amount": refund.amount}
        said.append(outbox.notice(tables.notices, to=refund.user, kind="refund", fact=refund.id, at=at, facts=facts))
    return said


def _progress(world: World, refunds: list[Refund]) -> list[Progress]:
    intents = list(dict.fromkeys(intent for each in refunds for intent, _ in each.parts))
    known: dict[str, Payment] = {}
    for first in range(0, len(intents), _MOST_LOOKED_AT):
        known |= payment_rows(world).get_many(intents[first : first + _MOST_LOOKED_AT])
    return [
        Progress(each, tuple(part_status(known, each, number) for number in range(len(each.parts)))) for each in refunds
    ]


def _rows(world: World) -> RefundRows:
    return RefundRows(world.tables, world.settings.tables.wallet, world.settings.tick_shards)
