"""Orders that are paid on a page of Stripe's (product §9).

The order is kept before its page is asked for, with the moment at which that ends, so a repeat asks for the same page
under the same key. It is paid by webhook only, together with the event. What it has taken of the stock, and its use of
a coupon, come back when its page is known to be over, never before; money that comes all the same goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.gateways.stripe_shop import OrderPage
from chalicelib.kernel.errors import InvalidState, Problem, ProviderFailed
from chalicelib.kernel.money import USD
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Operation
from chalicelib.shop import orders
from chalicelib.shop.model import checkout as model
from chalicelib.shop.model import returns as reckoning
from chalicelib.shop.model.checkout import Ignore, Over, Paid, Waits
from chalicelib.shop.model.order import Order, Refund, Why, closing, looked
from chalicelib.shop.order_store import orders_of
from chalicelib.wallet import order_payments, payments
from chalicelib.wallet.events import Stored
from chalicelib.wallet.model.payment import Payment, given_back, stands
from chalicelib.wallet.model.refund import look_again
from chalicelib.wallet.model.topup import is_id

if TYPE_CHECKING:
    from chalicelib.accounts import service as accounts
    from chalicelib.shop import catalogue
    from chalicelib.wallet import refunds
else:  # few payments need them
    accounts = on_first_use("chalicelib.accounts.service")
    catalogue = on_first_use("chalicelib.shop.catalogue")
    refunds = on_first_use("chalicelib.wallet.refunds")


# --- the page ------------------------------------------------------------------------------------


def open_page(world: World, order: Order) -> Order:
    """The pending order with its payment page; as it is where it has one, or needs none.

    Raises InvalidState where Stripe does not sell it so any more: the order is called off then, and what it had taken
    is free. Raises ProviderFailed where Stripe does not answer: the repeat of the request goes on where this stopped.
    """
    opened = _opened(world, order)
    if opened.state == "cancelled" and order.state == "pending":
        raise InvalidState(
            "Something of this order, or its code, is not sold like this any more. Look again and order."
        )
    return opened


def look(world: World, order: Order) -> Order:
    """A pending order whose page is over, as what became of that tells; with when to look again where it is unclear.

    That it was paid, only the event tells. Raises Unavailable.
    """
    if order.state != "pending" or order.checkout is None:
        return order
    now, ends = world.now(), order.checkout.expires_at
    if now < ends:
        return _look_again(world, order, ends)
    verdict: model.Verdict = Ignore("not known")
    try:
        order = _opened(world, order)
        if order.state == "pending":
            verdict = model.judge(None, _closed(world, order), order)
    except ProviderFailed:
        log.warning("order_page_not_answered", id=order.id)
    if isinstance(verdict, Over):
        return _called_off(world, order.id, verdict.why)
    if order.state != "pending":
        return order
    if model.suspect(now - ends, with_bank=isinstance(verdict, Waits)):
        log.error("order_page_unclear", id=order.id)
    return _look_again(world, order, look_again(ends, now))


def call_off(world: World, order: Order, why: Why = "buyer", *said: Operation) -> Order:
    """The order once nobody can pay it any more, for ``why``; one that was called off before stays as it was. What is
    ``said`` of it is written where it first says why, and where it said another reason.

    Raises InvalidState where it is paid, or is being paid; ProviderFailed, Unavailable.
    """
    order = _closing(world, _opened(world, order), why, said)
    if order.state == "pending" and order.checkout:
        verdict = model.judge(None, _closed(world, order), order)
        if not isinstance(verdict, Over):
            raise InvalidState("The order is being paid. Cancel it once it is paid.")
        order = _called_off(world, order.id, why)
    if order.state != "cancelled":
        raise InvalidState(f"The order is {order.state}.")
    return order


def _closing(world: World, order: Order, why: Why, said: Sequence[Operation]) -> Order:
    """The order that says why its page is about to be closed: Stripe may tell that it is over before we write that."""

    def attempt(was: Order) -> Order:
        now = closing(was, why)
        if now != was:
            return _written(world, now, was, *said)
        if said and was.checkout and was.state == "pending" and was.checkout.closing != why:
            world.tables.write(*said)
        return was

    return orders.changed(world, order.id, attempt)


def _opened(world: World, order: Order) -> Order:
    """The order with its page, or called off where there will never be one. Raises ProviderFailed, Unavailable."""
    if order.state != "pending" or order.checkout is None or order.checkout.id:
        return order
    try:
        page = _asked(world, order)
    except Refused as refused:  # also of a moment that is over: then no page was ever made
        log.warning("order_page_refused", id=order.id, code=refused.code or "none")
        return _not_sold(world, order)
    if model.fitted(order, page) is None:
        log.error("order_page_differs", id=order.id, amount=page.total)
        _expire(world, page.id)
        return _not_sold(world, order)

    def attempt(was: Order) -> Order:
        now = model.fitted(was, page)
        if now is None or was.state != "pending" or (was.checkout and was.checkout.id):
            return was  # told of meanwhile
        return _written(world, now, was)

    return orders.changed(world, order.id, attempt)


def _asked(world: World, order: Order) -> OrderPage:
    if order.checkout is None or not all(each.price_id for each in order.items):
        raise ValueError(f"{order.id} is not for a page of Stripe's")
    return world.payments.open_order(
        order=order.id,
        user=order.buyer,
        lines=[(each.price_id or "", each.quantity) for each in order.items],
        shipping=(order.shipping.name, order.shipping.amount) if order.shipping else None,
        promotion=order.discount.promotion if order.discount else None,
        expires_at=order.checkout.expires_at // SECOND,
        return_url=world.settings.checkout_return_url,
    )


def _closed(world: World, order: Order) -> Mapping[str, Any]:
    """The page as it is once nobody can begin to pay on it. Raises ProviderFailed."""
    return _expire(world, order.checkout.id) if order.checkout and order.checkout.id else {}


def _expire(world: World, page: str) -> Mapping[str, Any]:
    unknown: ProviderFailed | None = None
    try:
        return world.payments.expire_checkout(page)
    except Refused:  # it is complete, or had ended by itself
        pass
    except ProviderFailed as failed:  # for a day Stripe says again what it said first, also that it failed
        unknown = failed
    try:
        found = world.payments.checkout(page)
    except Refused as refused:
        raise ProviderFailed from refused
    if unknown and found.get("status") == "open":
        raise unknown
    return found


def _not_sold(world: World, order: Order) -> Order:
    """Call the order off, and read again what it was for: our rows were of another day than Stripe's."""
    done = _called_off(world, order.id, "refused")
    for each in order.items:
        try:
            catalogue.refresh(world, each.product)
        except (Problem, Refused) as failed:  # an event, or the daily run, does it
            log.warning("product_not_read", id=each.product, code=failed.code or "none")
    return done


def _called_off(world: World, order_id: str, why: Why) -> Order:
    def attempt(was: Order) -> Order:
        if was.state != "pending":
            return was
        now, operations = orders.calling_off(world, was, why)
        world.tables.write(*operations)
        return now

    return orders.changed(world, order_id, attempt)


def _look_again(world: World, order: Order, at: Millis | None) -> Order:
    """The order, to be looked at then. Where somebody else wrote it, they knew more."""
    if order.look_at == at:
        return order
    now, row = orders_of(world).replace(replace(order, look_at=at), order)
    return now if world.wrote(row) else orders.load(world, order.id)


def _written(world: World, now: Order, was: Order, *beside: Operation) -> Order:
    raised, row = orders_of(world).replace(now, was)
    world.tables.write(row, *beside)
    return raised


# --- what is told of it --------------------------------------------------------------------------


def told(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event on a Checkout Session did to the order that it names, stored with it: one try.

    Raises ConditionFailed or Contended where another writer came between.
    """
    page = event["data"]["object"]
    reference = page.get("client_reference_id")
    order = orders_of(world).get(reference) if is_id(reference) else None
    verdict = model.judge(event["type"], page, order)
    match verdict, order:
        case Paid(intent=intent, late=late), Order():
            payment = Payment(intent, order.buyer, order.total, USD, "order", order.id, world.now())
            if not late and _a_seller_left(world, order):
                order, late = _called_off(world, order.id, "refused"), True
            return _paid_late(world, order, payment, stored) if late else _paid(world, order, payment, stored)
        case Over(why=why), Order():
            _, operations = orders.calling_off(world, order, why)
            world.tables.write(stored(why), *operations)
            return why
        case Waits(page=name), Order():
            world.tables.write(stored("not paid yet"), *_named(world, order, name))
            return "not paid yet"
        case Ignore(why=why, alarming=alarming), _:
            if alarming:
                log.error("stripe_event_unexpected", event_type=event["type"], outcome=why)
            world.tables.write(stored(why))
            return why
    raise AssertionError(verdict)


def _a_seller_left(world: World, order: Order) -> bool:
    """Whether what is paid would earn somebody something who is not there any more. Of a departure in this very moment
    it may not know.
    """
    return any(accounts.is_deleted(world, seller) for seller in {each.seller for each in order.items} if seller)


def _paid(world: World, order: Order, payment: Payment, stored: Stored) -> str:
    _, operations = orders.paying(world, order, payment.at, intent=payment.intent)
    payments.credit(world, payment, stored("paid"), *operations)
    log.info("order_paid", id=order.id, amount=order.total)
    return "paid"


def _paid_late(world: World, order: Order, payment: Payment, stored: Stored) -> str:
    """Taken and set aside whole at once: nothing of it is sold, and nothing of it ever was the order's."""
    back = reckoning.paid_late(order, payment.at, payment.intent)
    part, amount = back.refund.part, back.refund.amount

    def aside(known: Payment) -> Payment:
        return given_back(known, part, amount) if part else known

    _, row = orders_of(world).replace(back.order, order)
    payments.credit(world, payment, stored("paid late"), row, then=aside)
    log.warning("order_paid_late", id=order.id, amount=order.total)
    return "paid late"


def _named(world: World, order: Order, page: str) -> list[Operation]:
    """Keeps which page is complete, where its making went unanswered: it could not be asked for for ever."""
    if order.checkout is None or order.checkout.id:
        return []
    _, row = orders_of(world).replace(replace(order, checkout=replace(order.checkout, id=page)), order)
    return [row]


# --- what goes back ------------------------------------------------------------------------------


def set_aside(world: World, order: Order, refund: Refund) -> list[Operation]:
    """The operations that set ``refund`` aside in the order's payment, for the caller's transaction.

    What was given back by hand at Stripe counts: never more is set aside than is left of the payment. Raises
    InvalidState while a dispute of it is open.
    """
    if refund.part is None or not refund.amount:
        return []
    was = _payment(world, order)
    if any(each.open for each in was.disputes.values()):
        raise InvalidState("The payment is disputed. Wait for what the bank decides.")
    return order_payments.given_back(world, was, refund.part, refund.amount)


def bring_back(world: World, order: Order) -> Order:
    """Send what is set aside to the card, as much of it as Stripe answers soon; the order, with when to look again.

    Safe to call at any moment, any number of times, at the same time. Raises Unavailable.
    """
    waiting = [each for each in order.refunds if not each.done]
    if not waiting or order.intent is None:
        return order
    begun = world.now()
    for each in waiting:
        aside = _payment(world, order).refunds.get(each.part or "")
        if aside is None or aside.dead or aside.status == "succeeded":
            continue
        if world.now() - begun >= refunds.PATIENCE:
            break
        if not refunds.bring_on(world, order.intent, aside.amount, each.part or "", each.at):
            break  # each further one might take as long to say nothing
    return orders.changed(world, order.id, partial(_brought_back, world))


def _brought_back(world: World, was: Order) -> Order:
    payment = _payment(world, was)
    parts = tuple(replace(each, done=each.done or _is_done(payment, each)) for each in was.refunds)
    waiting = [each.at for each in parts if not each.done]
    look_at = was.look_at
    if waiting:
        look_at = look_again(min(waiting), world.now())
        if look_at is None and was.look_at is not None:
            log.error("refund_stuck", id=was.id)
    elif was.look_at is not None:
        look_at = looked(replace(was, refunds=parts), world.now()).look_at
    now = replace(was, refunds=parts, look_at=look_at)
    return _written(world, now, was) if now != was else was


def _is_done(payment: Payment, refund: Refund) -> bool:
    """Whether it is on the card, or the buyer's credit; nothing of it was set aside where it went back before."""
    part = payment.refunds.get(refund.part or "")
    return part is None or part.dead or part.status == "succeeded"


def payment_stands(world: World, order: Order) -> bool:
    """Whether what was paid for the order is still here: what is not must neither be sent nor fetched.

    Without asking Stripe. By credit and coins nobody takes it back but we.
    """
    if order.rail != "stripe":
        return order.paid_at is not None
    return order.intent is not None and stands(_payment(world, order))


def _payment(world: World, order: Order) -> Payment:
    found = payments.payment_rows(world).get(order.intent) if order.intent else None
    if found is None:
        raise LookupError(f"{order.id} has no payment")
    return found
