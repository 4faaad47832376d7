"""The payments of people and what becomes of them, as Stripe tells it (product §4).

What is learned of a payment and the postings that follow from it are written together, on the condition that nobody
learned more meanwhile and that nothing else was posted: whoever loses reads and decides again. So each function here
makes one try: it raises ConditionFailed or Contended where another writer came between, or what stands beside it was
written before.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import credit_payments
from chalicelib.wallet.model import payment as model
from chalicelib.wallet.model.chain import BY_HAND, Fact
from chalicelib.wallet.model.payment import Payment, ToldRefund
from chalicelib.wallet.model.topup import is_id
from chalicelib.wallet.payments_store import payment_rows
from chalicelib.wallet.service import charge_due, credit_account, ledger
from chalicelib.wallet.store import Stored, coins_account

if TYPE_CHECKING:
    from chalicelib.wallet import coin_payments, order_payments
else:
    coin_payments = on_first_use("chalicelib.wallet.coin_payments")
    order_payments = on_first_use("chalicelib.wallet.order_payments")

__all__ = ["payment_rows"]

_NONE: Final[Mapping[str, int]] = {}
_PAGE: Final = 100
_MOST_PAGES: Final = 10

Told = Callable[[Payment], Payment]
"""What is known of a payment once it was told more."""


def credit(world: World, paid: Payment, *beside: Operation, then: Told | None = None) -> Payment:
    """Credit ``paid`` once, with what was told of it before and fits it, and write what stands ``beside`` it; ``then``
    is what is done with it in the same transaction.

    ``paid`` says who, how much, what for and when. Raises AlreadyDone where the PaymentIntent was credited as something
    else.
    """

    def told(was: Payment) -> Payment:
        now = model.credited(was, paid)
        for name in was.refunds.keys() - now.refunds.keys():
            log.error("stripe_refund_left_out", id=name)
        return then(now) if then else now

    return learn(world, paid.intent, told, *beside)


def learn(world: World, intent: str, told: Told, *beside: Operation) -> Payment:
    """Write what was ``told`` of a payment, the postings that follow and what stands ``beside``, in one transaction."""
    was = payment_rows(world).get(intent) or Payment(intent)
    now = told(was)
    operations = [*_changes(world, was, now), *beside]
    if operations:
        world.tables.write(*operations)
    return now


def _changes(world: World, was: Payment, now: Payment) -> list[Operation]:
    """The payment's row, what follows from ``now`` and did not from ``was``, and who is told of it."""
    if now == was:
        return []
    rows = payment_rows(world).replace(now, was)
    before = model.facts(was)
    due = {key: fact for key, fact in model.facts(now).items() if key not in before}
    if not due or now.user is None:
        return [*rows]
    if now.source == "coins":
        coins = model.coins_of(was, now, due)
        at, postings = coin_payments.posted(world, now.user, now, due, coins)
        return [*rows, *postings, *_words(world, now.user, now, due, at, coins)]
    if now.source == "order":
        gained = model.credit_of(now) - model.credit_of(was)
        at, postings = order_payments.posted(world, now.user, now, due, gained)
        return [*rows, *postings, *_words(world, now.user, now, due, at, credit=gained)]
    newest = charge_due(world, ledger(world).head(credit_account(now.user)))
    newest, postings = credit_payments.posted(world, newest, now, due)
    return [*rows, *postings, *_words(world, now.user, now, due, newest.at)]


def _words(
    world: World,
    user: str,
    payment: Payment,
    due: Mapping[str, Fact],
    at: Millis,
    coins: Mapping[str, int] = _NONE,
    credit: Cents = 0,
) -> list[Operation]:
    """The audit log's word, and the person's, of every posting but the payment itself; ``coins`` that it moved, and of
    an order, what the person's ``credit`` gained by all of it.
    """
    tables = world.settings.tables
    said: list[Operation] = []
    for key, fact in due.items():
        if fact.counter == model.PAYMENTS:
            continue
        moved: dict[str, str | int | bool | None] = {"coins": abs(coins[key])} if key in coins else {}
        if payment.source == "order":
            moved = {"order": payment.reference, "credited": credit > 0}
        detail = moved | {"amount": fact.amount, "payment": payment.intent, "of": fact.reference}
        twice = fact.kind == "dispute_won" and payment.source != "order"
        if twice and (by_hand := _by_hand_since(world, user, payment, fact)):
            detail["by_hand"] = by_hand = min(by_hand, abs(coins.get(key, fact.amount)))
            log.error("dispute_won_after_adjustment", user=user, id=fact.reference, amount=by_hand)
        said += [
            audit.entry(
                tables.audit,
                subject=user,
                action=fact.kind,
                actor="stripe",
                reason="told by Stripe",
                at=at,
                detail=detail,
            ),
            outbox.notice(
                tables.notices,
                to=user,
                kind=fact.kind,
                fact=key,
                at=at,
                facts=moved | {"amount": abs(fact.amount)},
            ),
        ]
    return said


def _by_hand_since(world: World, user: str, payment: Payment, won: Fact) -> int:
    """What people of the platform gave by hand, cents or coins, less what they took, since the dispute that is ``won``
    took its part: if that was to make up for it, it is there twice now. Nobody but them knows, so they are told.
    """
    with_coins = payment.source == "coins"
    account = coins_account(user) if with_coins else credit_account(user)
    taken = ("coins_taken_back", payment.reference) if with_coins else ("dispute", won.reference)
    given, start = 0, None
    for _ in range(_MOST_PAGES):
        page, start = ledger(world).newest_first(account, _PAGE, start)
        for entry in page:
            if (entry.kind, entry.reference) == taken:
                return max(0, given)
            if entry.counter in BY_HAND:
                given += entry.amount
        if start is None:
            return 0  # told of both at once
    return max(0, given)


# --- Stripe's events ------------------------------------------------------------------------------


def refund_told(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """An event on a Refund; the outcome that was stored with its effect."""
    said = event["data"]["object"]
    refund, intent = model.refund_told(said), said.get("payment_intent")
    if refund is None or not is_id(intent):
        return _alarming(world, event, stored, "a refund of no payment of ours")
    return _heard(world, event, stored, intent, lambda was: model.returned(was, refund))


def charge_refunded(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """A Charge whose ``amount_refunded`` grew. What it counts and we have not heard of is asked for at Stripe.

    Raises Unavailable while Stripe's list does not explain what Stripe counted, and ProviderFailed.
    """
    said = event["data"]["object"]
    intent, amount = said.get("payment_intent"), said.get("amount_refunded")
    if not is_id(intent) or type(amount) is not int:
        return _alarming(world, event, stored, "a refund of no payment of ours")
    known = payment_rows(world).get(intent) or Payment(intent)
    if model.unknown(known, amount):
        try:
            known = learn_all(world, intent, refunds_at_stripe(world, intent))
        except model.Misfit as misfit:
            return _alarming(world, event, stored, str(misfit))
        except Refused:
            return _alarming(world, event, stored, "Stripe refuses to list its refunds")
        if model.unexplained(known, amount):
            raise Unavailable("Stripe counts more as refunded than it lists.")
    world.tables.write(stored("counted"))
    return "counted"


def dispute_told(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """An event on a Dispute; the outcome that was stored with its effect. An inquiry takes no money."""
    said = event["data"]["object"]
    id_, intent, currency = said.get("id"), said.get("payment_intent"), said.get("currency")
    if not model.is_short_id(id_) or not is_id(intent) or not isinstance(currency, str):
        return _alarming(world, event, stored, "a dispute of no payment of ours")
    dispute = model.dispute_told(event["type"], said)
    if dispute is None:
        world.tables.write(stored("took no money"))
        return "took no money"
    return _heard(world, event, stored, intent, lambda was: model.disputed(was, id_, currency, dispute))


def refunds_at_stripe(world: World, intent: str) -> list[ToldRefund]:
    """Every refund of a payment that Stripe knows. Raises Refused, ProviderFailed."""
    return [told for each in world.payments.refunds_of(intent) if (told := model.refund_told(each))]


def learn_all(world: World, intent: str, listed: Sequence[ToldRefund]) -> Payment:
    """Learn of all these refunds, some in each transaction. Raises Misfit, Unavailable, and what ``learn`` raises."""
    now = payment_rows(world).get(intent) or Payment(intent)
    for first in range(0, len(listed), model.MOST_AT_ONCE):
        some = listed[first : first + model.MOST_AT_ONCE]
        now = learn(world, intent, partial(reduce, model.returned, some))
    return now


def _heard(world: World, event: Mapping[str, Any], stored: Stored, intent: str, told: Told) -> str:
    """Learn what an event told of a payment, together with the event."""
    try:
        learn(world, intent, told, stored("learned"))
    except model.Misfit as misfit:
        return _alarming(world, event, stored, str(misfit))
    return "learned"


def _alarming(world: World, event: Mapping[str, Any], stored: Stored, why: str) -> str:
    """Money may have moved that we cannot follow: somebody has to look."""
    log.error("stripe_event_unexpected", event_type=event["type"], outcome=why)
    world.tables.write(stored(why))
    return why
