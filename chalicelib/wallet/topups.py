"""Topping up credit by Stripe Checkout (product §4).

The top-up is stored before its page is asked for, so a crash in between leaves a record that a repeat of the request
finishes. Credit comes only by webhook, together with the event and the top-up's new status, in one transaction.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, IdempotencyMismatch, Invalid, NotFound, Unavailable
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import ConditionFailed, Contended, Operation
from chalicelib.wallet import limits
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Draft, Entry, Fact
from chalicelib.wallet.model.topup import HANDLED, LEAST, MOST, Close, Credit, Ignore, TopUp, is_id, judge
from chalicelib.wallet.service import credit_account, post_once
from chalicelib.wallet.store import TopUps

_TRIES: Final = 10


def open_topup(world: World, user: str, topup_id: str, amount: Cents) -> TopUp:
    """Start a top-up of ``amount`` cents and return it with its payment page; the same one when repeated.

    ``topup_id`` derives from the request, so that a repeat finds it. Raises Invalid outside $5 to $500,
    SpendingLimitReached for who has excluded themselves, IdempotencyMismatch where the repeat asks for another amount,
    ProviderFailed when Stripe does not answer: the repeat then goes on where this stopped.
    """
    if not LEAST <= amount <= MOST:
        raise Invalid(errors=({"field": "amount", "message": f"between {LEAST} and {MOST} cents"},))
    limits.must_not_be_excluded(world, user)
    rows = _rows(world)
    topup = TopUp(topup_id, user, amount, USD, "pending", world.now())
    try:
        world.tables.write(rows.create(topup))
    except ConditionFailed:
        topup = topup_of(world, user, topup_id)
        if topup.amount != amount:
            raise IdempotencyMismatch from None
    if topup.checkout_url:
        return topup
    page = world.payments.open_checkout(
        topup=topup.id,
        user=user,
        amount=topup.amount,
        currency=topup.currency,
        return_url=world.settings.checkout_return_url,
    )
    opened = replace(topup, checkout=page.id, checkout_url=page.url)
    try:
        world.tables.write(rows.replace(opened, was=topup))
    except ConditionFailed:
        return topup_of(world, user, topup_id)  # paid or ended meanwhile
    return opened


def topup_of(world: World, user: str, topup_id: str) -> TopUp:
    """A client's own top-up. Raises NotFound, or Forbidden for somebody else's."""
    topup = _rows(world).get(topup_id)
    if topup is None:
        raise NotFound
    if topup.user != user:
        raise Forbidden
    return topup


def apply_event(world: World, event: Mapping[str, Any]) -> None:
    """Apply an event that Stripe signed, once, however often and in whatever order it comes.

    Raises when its effect could not be stored, so that Stripe delivers it again.
    """
    rows = _rows(world)
    for _ in range(_TRIES):
        if rows.event_seen(event["id"]):
            return
        checkout = event["data"]["object"]
        reference = checkout.get("client_reference_id")
        topup = rows.get(reference) if event["type"] in HANDLED and is_id(reference) else None
        verdict = judge(event["type"], checkout, topup) if event["type"] in HANDLED else Ignore("not ours to handle")
        try:
            _carry_out(world, rows, event, verdict, topup)
        except (ConditionFailed, Contended):
            continue  # the event was applied elsewhere, or the top-up moved on: look again
        if isinstance(verdict, Credit) and not rows.event_seen(event["id"]):
            continue  # another event of this payment credited it just now: this one is still to be stored
        log.info("stripe_event", event_type=event["type"], outcome=_outcome(verdict))
        return
    raise Unavailable("The event could not be stored.")


def _carry_out(
    world: World, rows: TopUps, event: Mapping[str, Any], verdict: Credit | Close | Ignore, topup: TopUp | None
) -> None:
    """Store the event and its effect in one transaction."""
    seen = rows.put_event(event["id"], event["type"], _outcome(verdict), world.now())
    match verdict, topup:
        case Credit(payment_intent=intent), TopUp():
            paid = replace(topup, status="paid", payment_intent=intent)
            _credit(world, topup, intent, seen, rows.replace(paid, was=topup))
        case Close(status=status), TopUp():
            world.tables.write(seen, rows.replace(replace(topup, status=status), was=topup))
        case _:
            if isinstance(verdict, Ignore) and verdict.alarming:
                log.error("stripe_event_unexpected", event_type=event["type"], outcome=verdict.why)
            world.tables.write(seen)


def _credit(world: World, topup: TopUp, intent: str, *beside: Operation) -> None:
    fact = Fact("topup", topup.amount, "stripe:payments", topup.id)

    def draft_of(newest: Entry, now: Millis) -> Draft:
        del now
        return meter.receive(newest, fact.kind, fact.amount, fact.counter, fact.reference)

    post_once(world, credit_account(topup.user), f"topup:{intent}", fact, draft_of, lambda _: beside)


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
