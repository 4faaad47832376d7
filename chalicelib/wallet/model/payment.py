"""A payment by Stripe and what became of it: what Stripe has told so far, and the postings that follow from that.

What is told only ever adds: a refund that was told of is there, its status only moves on; a dispute took the money,
and gave it back. So the order of Stripe's events makes no difference, nor how often each comes: what was learned is
the same, and ``facts`` of it are the postings that must stand. A refund or a dispute may be told before its payment
is; the row then waits, without a user, and posts nothing until it is credited.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeGuard

from chalicelib.kernel.errors import AlreadyDone, Unavailable
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, Millis, ceil_div
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Draft, Entry, Fact

PAYMENTS: Final = "stripe:payments"
REFUNDS: Final = "stripe:refunds"
DISPUTES: Final = "stripe:disputes"

MOST_CENTS: Final = 99_999_999
"""The largest payment that Stripe takes."""
MOST_REFUNDS: Final = 50
"""Of one payment."""
MOST_ASKED: Final = 40
"""When a payment has so many, it gives nothing more back from here: the rest is for those that are made at Stripe."""
MOST_DISPUTES: Final = 10
MOST_AT_ONCE: Final = 10
"""Refunds and disputes that are learned of in one transaction: so many may wait for their payment to be credited."""
REFUNDABLE: Final = 180 * DAY
"""How long a payment can be given back to the card that made it."""

ORDERS: Final = "platform:orders"
"""Where the money is that was paid by Stripe for orders, until the shop moves it on."""

Source = Literal["topup", "recharge", "coins", "order"]
"""Of the last two the money is the platform's, and the person has coins or an order: it is never credit, and never
given back as unused credit is.
"""

_ORDER: Final = {
    "reserved": 0,
    "requires_action": 1,
    "pending": 2,
    "succeeded": 3,
    "canceled": 4,
    "failed": 5,
    "refused": 6,
}
"""A status only moves on. The last three are dead: nothing went back, and the person has it again."""
DEAD: Final = frozenset({"canceled", "failed", "refused"})


class Misfit(Exception):
    """What was told cannot be of this payment, or is more than it can keep; why."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A part of a payment that goes back to where it came from. ``reserved``: we are about to ask Stripe for it."""

    amount: Cents
    status: str
    stripe: str | None = None
    """Stripe's id of it, once it is known."""

    @property
    def dead(self) -> bool:
        """Whether nothing went back in the end."""
        return self.status in DEAD

    @property
    def on_its_way(self) -> bool:
        """Whether it may yet fail."""
        return not self.dead and self.status != "succeeded"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A payment that the bank took back: the money is gone once, and is ``returned`` once if it is won."""

    amount: Cents
    returned: bool = False
    lost: bool = False

    @property
    def open(self) -> bool:
        """Whether it may yet be won."""
        return not self.returned and not self.lost


@dataclass(frozen=True, slots=True)
class ToldRefund:
    """A refund as Stripe tells of it. ``part`` is our own name for it, where its metadata holds one."""

    id: str
    amount: Cents
    currency: str
    status: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One settled payment of a person, in cents. ``reference`` is the top-up, or the recharge, that it paid."""

    intent: str
    user: str | None = None
    """None until it is credited."""
    amount: Cents = 0
    currency: str = USD
    source: Source = "topup"
    reference: str = ""
    at: Millis = 0
    coins: int = 0
    """How many it bought."""
    given: Cents = 0
    """Of an order: what the shop gives back of it, in all, whoever brings it to the buyer."""
    refunds: Mapping[str, Returned] = field(default_factory=dict)
    """By our own name (``{refund}:{part}``), or by Stripe's where it is none of ours."""
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    rev: int = 0

    @property
    def refunded(self) -> Cents:
        """What went back, or is about to."""
        return sum(each.amount for each in self.refunds.values() if not each.dead)

    def refundable(self, now: Millis) -> Cents:
        """What can still go back to where it came from: nothing of one that is old or was ever disputed."""
        if self.user is None or self.source in ("coins", "order") or self.disputes or now - self.at >= REFUNDABLE:
            return 0
        if len(self.refunds) >= MOST_ASKED:
            return 0
        return max(0, self.amount - self.refunded)


# --- what is told ----------------------------------------------------------------------------------


def credited(was: Payment, paid: Payment) -> Payment:
    """The payment once it is credited, without the refunds that waited for it and cannot be of it.

    Raises AlreadyDone where it was, as something else.
    """
    if was.user is None:
        fitting = {name: each for name, each in was.refunds.items() if each.amount <= paid.amount}
        return replace(paid, refunds=fitting, disputes=was.disputes, rev=was.rev)
    if (was.user, was.amount, was.currency, was.reference) != (paid.user, paid.amount, paid.currency, paid.reference):
        raise AlreadyDone
    return was


def reserved(was: Payment, part: str, amount: Cents) -> Payment:
    """Set ``amount`` aside, to be sent back under the name ``part``."""
    return replace(was, refunds={**was.refunds, part: Returned(amount, "reserved")})


def given_back(was: Payment, part: str, amount: Cents) -> Payment:
    """The shop gives ``amount`` of an order back: what is left of the payment for that is set aside as ``part``.

    What went back without the shop, as by hand, counts.
    """
    left = min(rest_of(was) - credit_of(was), amount)
    now = replace(was, given=was.given + amount)
    return reserved(now, part, left) if left else now


def refused(was: Payment, part: str) -> Payment:
    """Stripe will not send the part back. Where it was told meanwhile to exist, it does."""
    known = was.refunds[part]
    if known.stripe or known.dead:
        return was
    return replace(was, refunds={**was.refunds, part: replace(known, status="refused")})


def name_of(payment: Payment, told: ToldRefund) -> str:
    """The name of a refund in ``payment``: the one that it has; of a new one ours only if it is what we reserved."""
    for name, known in payment.refunds.items():
        if known.stripe == told.id:
            return name
    own = payment.refunds.get(told.part) if told.part else None
    ours = own and own.amount == told.amount and own.stripe is None and own.status != "refused"
    return told.part if ours and told.part else told.id


def returned(was: Payment, told: ToldRefund) -> Payment:
    """A refund is told of, for the first time or again. Raises Misfit, and Unavailable where it is to be told again."""
    _same_currency(was, told.currency)
    if was.user and told.amount > was.amount:
        raise Misfit("larger than its payment")
    name = name_of(was, told)
    known = was.refunds.get(name)
    if known is None:
        _room_for_one_more(was, len(was.refunds), MOST_REFUNDS)
        known = Returned(told.amount, told.status, told.id)
    if told.amount != known.amount:
        raise Misfit("of another amount")
    status = max(known.status, told.status, key=_ORDER.__getitem__)
    now = replace(known, status=status, stripe=told.id)
    return was if now == was.refunds.get(name) else replace(was, refunds={**was.refunds, name: now})


def disputed(was: Payment, dispute: str, currency: str, told: Dispute) -> Payment:
    """A dispute that took the money is told of, for the first time or again. Raises Misfit, Unavailable as above."""
    _same_currency(was, currency)
    known = was.disputes.get(dispute)
    if known is None:
        _room_for_one_more(was, len(was.disputes), MOST_DISPUTES)
        return replace(was, disputes={**was.disputes, dispute: told})
    now = Dispute(known.amount, known.returned or told.returned, known.lost or told.lost)
    return was if now == known else replace(was, disputes={**was.disputes, dispute: now})


def unknown(payment: Payment, amount_refunded: Cents) -> bool:
    """Whether Stripe counts more as refunded than we were told of, refund by refund."""
    told = sum(each.amount for each in payment.refunds.values() if each.stripe and not each.dead)
    return amount_refunded > told


def unexplained(payment: Payment, amount_refunded: Cents) -> bool:
    """Whether not even what failed since explains how much Stripe counted as refunded."""
    return amount_refunded > sum(each.amount for each in payment.refunds.values() if each.stripe)


def _same_currency(payment: Payment, currency: str) -> None:
    """Of one that waits too: there is one currency, and its row holds it before anybody is credited."""
    if payment.currency != currency:
        raise Misfit("of another currency")


def _room_for_one_more(payment: Payment, there: int, most: int) -> None:
    if payment.user is None and len(payment.refunds) + len(payment.disputes) >= MOST_AT_ONCE:
        raise Unavailable("More waits for this payment than is credited at once. Tell it again later.")
    if there >= most:
        raise Misfit("more than a payment can keep")


# --- what follows ----------------------------------------------------------------------------------


def facts(payment: Payment) -> dict[str, Fact]:
    """Every posting that follows from what was told, by its key, in the order in which they are made."""
    if payment.user is None:
        return {}
    found = {f"topup:{payment.intent}": Fact(payment.source, payment.amount, PAYMENTS, payment.reference)}
    for name, refund in payment.refunds.items():
        found[f"refund:{name}"] = Fact("refund", -refund.amount, REFUNDS, name)
        if refund.dead:
            found[f"refund_failed:{name}"] = Fact("refund_failed", refund.amount, REFUNDS, name)
    for name, dispute in payment.disputes.items():
        found[f"dispute:{name}"] = Fact("dispute", -dispute.amount, DISPUTES, name)
        if dispute.returned:
            found[f"dispute_won:{name}"] = Fact("dispute_won", dispute.amount, DISPUTES, name)
    return found


def coins_of(was: Payment, now: Payment, due: Mapping[str, Fact]) -> dict[str, int]:
    """How many coins each posting that is ``due`` of a payment for coins moves, by its key: all that it bought, and of
    what goes back its part, rounded up.

    Reckoned from what went back in all, so that parts never add up to more, and all of the money takes all coins.
    """
    back = -sum(fact.amount for fact in facts(was).values() if fact.counter != PAYMENTS)
    moved: dict[str, int] = {}
    for key, fact in due.items():
        if fact.counter == PAYMENTS:
            moved[key] = now.coins
        else:
            moved[key] = _coins_gone(now, back) - _coins_gone(now, back - fact.amount)
            back -= fact.amount
    return moved


def rest_of(payment: Payment) -> Cents:
    """What of a payment is still here, in cents: neither back at the card, nor on its way there, nor with the bank."""
    taken = sum(each.amount for each in payment.disputes.values() if not each.returned)
    return max(0, payment.amount - payment.refunded - taken) if payment.user else 0


def credit_of(payment: Payment) -> Cents:
    """What of an order's payment is the buyer's credit: what the shop gives back and no card has, or will have.

    Never more than what is still here: what went back by hand as well, or a bank took, they do not have twice, and
    whatever of that fails, or is won, comes to them. So it may become less again.
    """
    sent = sum(each.amount for name, each in payment.refunds.items() if not each.dead and _is_of(payment, name))
    return min(payment.given - sent, rest_of(payment))


def stands(payment: Payment) -> bool:
    """Whether it still pays for an order: it was credited, no dispute of it is open or lost, and it did not all go back
    without the shop.
    """
    others = any(not each.dead and not _is_of(payment, name) for name, each in payment.refunds.items())
    gone = others and not rest_of(payment)
    return payment.user is not None and not gone and all(each.returned for each in payment.disputes.values())


def _is_of(payment: Payment, part: str) -> bool:
    """Whether the shop set that part aside, for the order that was paid."""
    return part.startswith(f"{payment.reference}:")


def left_of(payment: Payment) -> tuple[Cents, int]:
    """What of a payment for coins is not taken back: cents, and coins."""
    back = -sum(fact.amount for fact in facts(payment).values() if fact.counter != PAYMENTS)
    return max(0, payment.amount - back), payment.coins - _coins_gone(payment, back)


def _coins_gone(payment: Payment, back: Cents) -> int:
    """How many of its coins are gone while ``back`` cents of it are: a refund and a dispute may both take the same."""
    return ceil_div(payment.coins * min(back, payment.amount), payment.amount)


def draft(head: Entry, fact: Fact, payment: Payment, now: Millis, rules: Rules) -> Draft:
    """The entry that posts ``fact``: a dispute freezes the wallet for as long as it has not given the money back."""
    if fact.kind == "dispute" and not payment.disputes[fact.reference].returned:
        return meter.dispute(head, -fact.amount, fact.counter, fact.reference, now, rules)
    if fact.kind == "dispute_won":
        return meter.dispute_won(head, fact.amount, fact.counter, fact.reference)
    return meter.receive(head, fact.kind, fact.amount, fact.counter, fact.reference)


# --- what Stripe says ------------------------------------------------------------------------------


def is_short_id(value: object) -> TypeGuard[str]:
    """Whether this may be the id of a refund or a dispute: it goes into entries, which must stay small."""
    return isinstance(value, str) and _SHORT_ID.fullmatch(value) is not None


def refund_told(said: Mapping[str, Any]) -> ToldRefund | None:
    """What a Refund of Stripe's says; None where it is none. A status that we do not know yet counts as pending."""
    id_, amount, currency, status = (said.get(name) for name in ("id", "amount", "currency", "status"))
    if not is_short_id(id_) or not isinstance(currency, str) or not _is_amount(amount):
        return None
    metadata = said.get("metadata")
    own = metadata.get("refund_part") if isinstance(metadata, Mapping) else None
    known = status if isinstance(status, str) and status in _STRIPES else "pending"
    return ToldRefund(id_, amount, currency, known, own if isinstance(own, str) else None)


def dispute_told(event_type: str, said: Mapping[str, Any]) -> Dispute | None:
    """What an event on a Dispute of Stripe's says; None where it took no money, as an inquiry (``warning_…``)."""
    amount, status = said.get("amount"), said.get("status")
    gives = event_type == "charge.dispute.funds_reinstated" or status == "won"
    takes = gives or event_type == "charge.dispute.funds_withdrawn" or (isinstance(status, str) and status in _TAKING)
    if not takes or not _is_amount(amount):
        return None
    return Dispute(amount, returned=gives, lost=status == "lost")


def _is_amount(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= MOST_CENTS


_SHORT_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_STRIPES: Final = frozenset({"requires_action", "pending", "succeeded", "canceled", "failed"})
_TAKING: Final = frozenset({"needs_response", "under_review", "lost"})


# --- the row ---------------------------------------------------------------------------------------


def to_item(payment: Payment) -> dict[str, Any]:
    """The payment as it is stored, without its key."""
    return {name: getattr(payment, name) for name in (*_PLAIN, *_LATER)} | {
        "refunds": {key: [each.amount, each.status, each.stripe] for key, each in payment.refunds.items()},
        "disputes": {key: [each.amount, each.returned, each.lost] for key, each in payment.disputes.items()},
    }


def from_item(item: Mapping[str, Any]) -> Payment:
    """The payment that ``to_item`` stored."""
    return Payment(
        **{name: item[name] for name in _PLAIN},
        **{name: item.get(name, 0) for name in _LATER},
        refunds={key: Returned(*each) for key, each in item["refunds"].items()},
        disputes={key: Dispute(*each) for key, each in item["disputes"].items()},
    )


_LATER: Final = ("coins", "given")
_PLAIN: Final = ("intent", "user", "amount", "currency", "source", "reference", "at", "rev")
