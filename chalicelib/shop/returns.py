"""What goes back of orders (product §9): who calls one off, and what an admin gives back.

Money goes back the way it came: to the credit it was spent from, as coins, or to the card. One transaction takes it
from whoever has it by then, puts the units on sale again, and gives it to the buyer; by Stripe it sets it aside in the
payment, and Stripe is asked afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import Millis
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
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
        return checkouts.call_off(world, order, why)
    if order.state == "cancelled" or any(each.id == OFF for each in order.refunds):
        return order
    return _given_back(world, order_id, OFF, None, who, shipping=False, restock=False)


# --- giving back -----------------------------------------------------------------------------------


def refund(
    world: World, order_id: str, refund_id: str, units: Mapping[str, int], who: Who, *, shipping: bool, restock: bool
) -> Order:
    """Give back those ``units`` of each item and, with ``shipping``, what sending cost; with ``restock`` what came back
    is on sale again, as what was never sent always is. Audited, once under ``refund_id``.

    Raises NotFound, AlreadyDone (something else went back under ``refund_id``), Invalid, InvalidState (never paid, too
    many refunds, the buyer has left, or Stripe takes none), ProviderFailed, Unavailable.
    """
    return _given_back(world, order_id, refund_id, units, who, shipping=shipping, restock=restock)


def _given_back(
    world: World,
    order_id: str,
    refund_id: str,
    units: Mapping[str, int] | None,
    who: Who,
    *,
    shipping: bool,
    restock: bool,
) -> Order:
    """``units`` None is what is neither the buyer's nor sent."""

    def attempt(was: Order) -> Order:
        if returns.made_before(was, refund_id, units, shipping=shipping):
            return was
        now = max(world.now(), was.paid_at or 0)
        if units is None:
            back = returns.called_off(was, refund_id, now)
        else:
            back = returns.planned(was, refund_id, units, now, shipping=shipping)
        _write(world, was, back, who, restock=restock)
        log.info("order_refunded", id=was.id, amount=back.refund.amount or back.refund.coins)
        return orders.load(world, order_id)

    return advancing.brought_up(world, orders.changed(world, order_id, attempt))


def _write(world: World, was: Order, back: Return, who: Who, *, restock: bool) -> None:
    """Write it in one transaction. Raises ConditionFailed or Contended where another writer came between."""
    refund, key = back.refund, f"{KIND}:{was.id}:{back.refund.id}"
    if was.rail != "stripe" and accounts.is_deleted(world, was.buyer):
        raise InvalidState("The buyer has left: nobody could spend it.")

    def beside(entry: Entry) -> list[Operation]:
        return _operations(world, was, back, who, restock=restock, at=entry.at)[1]

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
        world.tables.write(*others, *(checkouts.set_aside(world, after, refund) if refund.part else []))


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
