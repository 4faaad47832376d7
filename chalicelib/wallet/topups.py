"""Topping up credit by Stripe Checkout (product §4).

The top-up is stored before its page is asked for, so a crash in between leaves a record that a repeat of the request
finishes. Credit comes only by webhook, together with the event and the top-up's new status, in one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, IdempotencyMismatch, Invalid, NotFound
from chalicelib.kernel.money import USD, Cents
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import ConditionFailed, Operation
from chalicelib.wallet import limits, payments
from chalicelib.wallet.model.payment import Payment, Source
from chalicelib.wallet.model.terms import LEAST, MOST
from chalicelib.wallet.model.topup import Close, Credit, Ignore, TopUp, is_id, judge, same
from chalicelib.wallet.store import Stored
from chalicelib.wallet.topup_store import TopUps


def open_topup(world: World, user: str, topup_id: str, amount: Cents) -> TopUp:
    """Start a top-up of ``amount`` cents and return it with its payment page; the same one when repeated.

    ``topup_id`` derives from the request, so that a repeat finds it. Raises Invalid outside $5 to $500,
    SpendingLimitReached for who has excluded themselves, IdempotencyMismatch where the repeat asks for another amount,
    ProviderFailed when Stripe does not answer: the repeat then goes on where this stopped.
    """
    if not LEAST <= amount <= MOST:
        raise Invalid(errors=({"field": "amount", "message": f"between {LEAST} and {MOST} cents"},))
    limits.must_not_be_excluded(world, user)
    return open_page(world, TopUp(topup_id, user, amount, USD, "pending", world.now()))


def open_page(world: World, wanted: TopUp, beside: Callable[[], Sequence[Operation]] = tuple) -> TopUp:
    """Keep what is ``wanted``, with what stands ``beside`` it, and return it with its payment page; the one there is
    when repeated.

    Raises IdempotencyMismatch where that is of something else, ProviderFailed when Stripe does not answer.
    """
    rows = _rows(world)

    def attempt() -> TopUp:
        try:
            world.tables.write(rows.create(wanted), *beside())
        except ConditionFailed:
            if rows.get(wanted.id) is None:  # what stands beside it changed: decide again
                raise
            return topup_of(world, wanted.user, wanted.id)
        return wanted

    topup = undisturbed(world.sleep, attempt)
    if not same(topup, wanted):
        raise IdempotencyMismatch
    if topup.checkout_url:
        return topup
    page = world.payments.open_checkout(
        topup=topup.id,
        user=topup.user,
        sold=f"{topup.coins:,} SoulSeer coins" if topup.coins else "SoulSeer credit",
        amount=topup.amount,
        currency=topup.currency,
        return_url=world.settings.checkout_return_url,
    )
    opened = replace(topup, checkout=page.id, checkout_url=page.url)
    try:
        world.tables.write(rows.replace(opened, was=topup))
    except ConditionFailed:
        return topup_of(world, topup.user, topup.id)  # paid or ended meanwhile
    return opened


def topup_of(world: World, user: str, topup_id: str) -> TopUp:
    """A client's own top-up. Raises NotFound, or Forbidden for somebody else's."""
    topup = _rows(world).get(topup_id)
    if topup is None:
        raise NotFound
    if topup.user != user:
        raise Forbidden
    return topup


def told(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event on a Checkout Session did to the top-up that it names, stored with it: one try.

    Raises ConditionFailed or Contended where another writer came between.
    """
    rows = _rows(world)
    checkout = event["data"]["object"]
    reference = checkout.get("client_reference_id")
    topup = rows.get(reference) if is_id(reference) else None
    verdict = judge(event["type"], checkout, topup)
    outcome = _outcome(verdict)
    match verdict, topup:
        case Credit(payment_intent=intent), TopUp():
            paid = replace(topup, status="paid", payment_intent=intent)
            source: Source = "coins" if topup.coins else "topup"
            payment = Payment(
                intent, topup.user, topup.amount, topup.currency, source, topup.id, world.now(), topup.coins
            )
            payments.credit(world, payment, stored(outcome), rows.replace(paid, was=topup))
        case Close(status=status), TopUp():
            world.tables.write(stored(outcome), rows.replace(replace(topup, status=status), was=topup))
        case _:
            if isinstance(verdict, Ignore) and verdict.alarming:
                log.error("stripe_event_unexpected", event_type=event["type"], outcome=outcome)
            world.tables.write(stored(outcome))
    return outcome


def _outcome(verdict: Credit | Close | Ignore) -> str:
    match verdict:
        case Credit():
            return "credited"
        case Close(status=status):
            return status
        case Ignore(why=why):
            return why


def _rows(world: World) -> TopUps:
    return TopUps(world.tables, world.settings.tables.wallet)
