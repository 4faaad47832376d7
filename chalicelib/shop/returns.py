"""What goes back of orders (product §9): who calls one off, and what an admin gives back.

Money goes back the way it came: to the credit it was spent from, as coins, or to the card. One transaction takes it
from whoever has it by then, puts the units on sale again, and gives it to the buyer; by Stripe it sets it aside in the
payment, and Stripe is asked afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation
from chalicelib.shop import advancing, fulfilment, orders, stock
from chalicelib.shop.model import returns
from chalicelib.shop.model.order import Order, Why
from chalicelib.shop.model.returns import Return
from chalicelib.shop.order_store import orders_of
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Draft, Entry, Fact

if TYPE_CHECKING:
    from chalicelib.shop import checkouts
    from chalicelib.wallet import coins
else:
    checkouts = on_first_use("chalicelib.shop.checkouts")
    coins = on_first_use("chalicelib.wallet.coins")

KIND: Final = "order_refund"
"""Of what the buyer gets back."""
OFF: Final = "cancel"
"""The refund that calling off makes: nothing can be called off twice."""


@dataclass(frozen=True, slots=True)
class Who:
    """On whose word something goes back."""

    actor: str
    reason: str


# --- calling off -----------------------------------------------------------------------------------


def cancel(world: World, user: str, order_id: str) -> Order:
    """Call off what one has ordered and is neither one's own yet nor sent. Raises as ``call_off``; Forbidden."""
    advancing.current(world, user, order_id)
    return call_off(world, order_id, Who(user, "called off by the buyer"))


def call_off(world: World, order_id: str, who: Who, why: Why = "buyer") -> Order:
    """Call off, for ``why``, what nobody has paid yet, or give back what was paid and is neither the buyer's nor sent,
    what sending costs with it unless something was sent. What was called off stays so.

    Raises NotFound, InvalidState (nothing left to call off, or it is being paid), ProviderFailed, Unavailable.
    """
    order = orders.load(world, order_id)
    if order.state == "pending":
        said = [] if why == "buyer" else [_called_off(world, order, who)]
        return checkouts.call_off(world, order, why, *said)
    if order.state == "cancelled" or any(each.id == OFF for each in order.refunds):
        return order

    def attempt(was: Order) -> Order:
        if any(each.id == OFF for each in was.refunds):
            return was
        back = returns.called_off(was, OFF, max(world.now(), was.paid_at or 0))
        if was.rail != "stripe" and accounts.is_deleted(world, was.buyer):
            raise InvalidState("The buyer has left: nobody could spend it.")
        return _write(world, was, back, who, restock=False)

    return advancing.brought_up(world, orders.changed(world, order_id, attempt))


def _called_off(world: World, order: Order, who: Who) -> Operation:
    return audit.entry(
        world.settings.tables.audit,
        subject=order.id,
        action="order_called_off",
        actor=who.actor,
        reason=who.reason,
        at=world.now(),
        detail={"amount": order.total},
    )


# --- giving back -----------------------------------------------------------------------------------


def refund(
    world: World,
    order_id: str,
    refund_id: str,
    units: Mapping[str, int],
    who: Who,
    *,
    shipping: bool,
    restock: bool,
    most: Cents | None = None,
) -> Order:
    """Give back those ``units`` of each item and, with ``shipping``, what sending cost; with ``restock`` what came back
    is on sale again, as what was never sent always is. Audited, once under ``refund_id``.

    Raises NotFound, AlreadyDone (something else went back under ``refund_id``), Invalid, InvalidState (never paid, too
    many refunds, the buyer has left, Stripe takes none, or more than ``most`` cents of it are readers' and the
    platform's already), ProviderFailed, Unavailable.
    """

    def attempt() -> Order:
        return refund_once(world, order_id, refund_id, units, who, shipping=shipping, restock=restock, most=most)

    return undisturbed(world.sleep, attempt, tries=orders.TRIES)


def refund_once(
    world: World,
    order_id: str,
    refund_id: str,
    units: Mapping[str, int],
    who: Who,
    *,
    shipping: bool,
    restock: bool,
    most: Cents | None,
    beside: Sequence[Operation] = (),
) -> Order:
    """As ``refund``, with what is written ``beside`` it. One try: raises ConditionFailed or Contended where another
    writer came between.
    """
    order = orders.load(world, order_id)
    if not returns.made_before(order, refund_id, units, shipping=shipping):
        now = max(world.now(), order.paid_at or 0)
        back = returns.planned(order, refund_id, units, now, shipping=shipping)
        if most is not None and back.divided > most:
            raise InvalidState("More of it was sent meanwhile. Look at it again.")
        there = [] if order.rail == "stripe" else [accounts.still_there(world, order.buyer)]
        order = _write(world, order, back, who, restock=restock, more=[*beside, *there])
    return advancing.brought_up(world, order)


def _write(world: World, was: Order, back: Return, who: Who, *, restock: bool, more: Sequence[Operation] = ()) -> Order:
    """Write it in one transaction; the order then. Raises ConditionFailed or Contended where another writer came
    between.
    """
    refund, key = back.refund, f"{KIND}:{was.id}:{back.refund.id}"

    def beside(entry: Entry) -> list[Operation]:
        return [*_operations(world, was, back, who, restock=restock, at=entry.at)[1], *more]

    if refund.coins:
        coins.give_back(world, was.buyer, KIND, refund.coins, key, was.id, beside)
    elif was.rail == "credit" and refund.amount:
        parts = returns.parts_back(was.spent, was.returned, refund.amount)
        fact = Fact(KIND, refund.amount, was.clearing, was.id)

        def draft_of(newest: Entry, now: Millis) -> Draft:
            return meter.take_back(newest, KIND, parts, was.clearing, was.id, now)

        wallet.post_once(world, wallet.credit_account(was.buyer), key, fact, draft_of, beside)
    else:
        after, others = _operations(world, was, back, who, restock=restock, at=refund.at)
        world.tables.write(*others, *(checkouts.set_aside(world, after, refund) if refund.part else []), *more)
    log.info("order_refunded", id=was.id, amount=refund.amount or refund.coins)
    return orders.load(world, was.id)


def _operations(
    world: World, was: Order, back: Return, who: Who, *, restock: bool, at: Millis
) -> tuple[Order, list[Operation]]:
    """The order after it, and the operations that take what goes back from whoever has it and put it into what was paid
    for the order; by Stripe from there to the platform, which is to send it. They fail where the order changed.
    """
    refund = back.refund
    after, row = orders_of(world).replace(back.order, was)
    source = fulfilment.COINS if was.rail == "coins" else was.clearing
    which = f"{was.id}:{refund.id}"
    moved = [*_borne(world, was, back, source, which, at), *fulfilment.postage(world, was, after, at)]
    if was.rail == "stripe" and refund.amount:
        moved.append(wallet.journal(world, orders.RECEIVED, f"{KIND}:{which}", refund.amount, was.clearing, at))
    units = Counter(back.unsent) + Counter(back.sent if restock else {})
    restocked = stock.returned(world, units) if units else []
    amount = {"coins": refund.coins} if was.rail == "coins" else {"amount": refund.amount}
    word = orders.told(world, after, "order_refunded", refund.id, at, **amount)
    act = audit.entry(
        world.settings.tables.audit,
        subject=was.id,
        action="order_refunded",
        actor=who.actor,
        reason=who.reason,
        at=at,
        detail={
            "refund": refund.id,
            "amount": refund.amount,
            "coins": refund.coins,
            "units": " ".join(f"{item}:{count}" for item, count in refund.units.items()),
            "shipping": refund.shipping,
            "restocked": restock,
        },
    )
    return after, [row, *moved, *restocked, word, act]


def _borne(world: World, was: Order, back: Return, source: str, which: str, at: Millis) -> list[Operation]:
    """Who gives back what was divided: each reader their share, the platform the rest."""
    operations: list[Operation] = []
    by_id = {each.item: each for each in back.borne}
    for seller, items in fulfilment.by_seller([was.item(each) for each in by_id]).items():
        parts = {f"{which}.{each.id}": (by_id[each.id].amount, by_id[each.id].share) for each in items}
        if seller is None:
            operations += [
                fulfilment.platform(world, f"sale_returned:{fact}", -amount, source, at)
                for fact, (amount, _) in parts.items()
                if amount
            ]
        else:
            operations += payouts.sale_returned(world, seller, was.id, parts, source, at)
    if back.shipping_borne:
        fact = f"shipping_returned:{which}"
        operations.append(fulfilment.platform(world, fact, -back.shipping_borne, source, at))
    return operations
