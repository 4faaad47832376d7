"""The verbs of orders. Money is in cents. Where something is sent to is shown only where it is asked for."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import asdict
from functools import partial
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.operations.model.adjustment import returning
from chalicelib.shop import fulfilment, orders, returns
from chalicelib.shop.model import order as model
from chalicelib.shop.model import returns as reckoning
from chalicelib.shop.model.order import Item, Order, Shipment
from chalicelib.shop.returns import Who
from scripts.admin.adjustments import by_hand
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, a_reason, a_text, an_id
from scripts.admin.auditing import record_look

_MOST_LISTED: Final = 100


def list_orders(world: World, asked: Namespace) -> Answer:
    """A hundred at most: what waits to be sent, the one that was paid first first; or one person's, newest first."""
    if asked.to_ship:
        page, _ = orders.page_to_ship(world, _MOST_LISTED, None)
    else:
        page, _ = orders.page_of_buyer(world, asked.of, _MOST_LISTED, None)
    return Answer([_row(each) for each in page])


def show_order(world: World, asked: Namespace) -> Answer:
    """An address is personal data: what is shown is not to be copied elsewhere."""
    order = orders.load(world, asked.order)
    facts = _facts(order)
    if asked.address and order.shipping and order.shipping.address:
        record_look(world, asked, order.id, "address_viewed")
        facts["address"] = asdict(order.shipping.address)
    return Answer([facts])


def ship_items(world: World, asked: Namespace) -> Plan:
    """What is sent is divided: the reader's share is theirs from then on."""
    order, shipment = orders.load(world, asked.order), model.written(Shipment(asked.carrier, asked.tracking))
    which = tuple(asked.item) or model.waiting(order, "paid")
    if all((each.carrier, each.tracking) == (shipment.carrier, shipment.tracking) for each in map(order.item, which)):
        return Plan((), _nothing)
    model.shipped(order, which, shipment, world.now())

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(fulfilment.ship(world, order.id, which, shipment, actor=operator, reason=reason))])

    will = [f"say that {_named(each)} was sent with {shipment.carrier}" for each in map(order.item, which)]
    return Plan(tuple(will), act)


def deliver_items(world: World, asked: Namespace) -> Plan:
    """The buyer is told that it has arrived."""
    order = orders.load(world, asked.order)
    which = tuple(asked.item) or model.waiting(order, "shipped")
    if all(each.delivered_at is not None for each in map(order.item, which)):
        return Plan((), _nothing)
    model.delivered(order, which, world.now())

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(fulfilment.deliver(world, order.id, which, actor=operator, reason=reason))])

    return Plan(tuple(f"say that {_named(each)} has arrived" for each in map(order.item, which)), act)


def refund_items(world: World, asked: Namespace) -> Plan:
    """Without ``--item``, all that is left of it. ``--ref`` is what makes it once, also of two who are at it at once;
    under another one it is another refund, so what went back before is shown. What readers and the platform have of it
    already counts towards what one person may give alone.
    """
    order = orders.load(world, asked.order)
    name = derived_id("adj", "order", order.id, asked.ref)
    wanted = dict(asked.item) or ({} if asked.shipping else None)
    if len(dict(asked.item)) < len(asked.item):
        raise Invalid(errors=({"field": "item", "message": "name each item once, with all that goes back of it"},))
    if reckoning.made_before(order, name, wanted, shipping=asked.shipping):
        return Plan()
    units = reckoning.everything(order) if wanted is None else wanted
    back = reckoning.planned(order, name, units, world.now(), shipping=asked.shipping)

    def act(operator: str, reason: str) -> Answer:
        who, how = Who(operator, reason), {"shipping": asked.shipping, "restock": asked.restock}
        return Answer([_facts(returns.refund(world, order.id, name, units, who, **how, most=0))])

    sellers = {each.seller for each in back.borne if each.seller}
    taken = [(seller, sum(each.share for each in back.borne if each.seller == seller)) for seller in sorted(sellers)]
    again = {**back.unsent, **(back.sent if asked.restock else {})}
    will = [
        f"give {back.refund.coins} coins back to {order.buyer}"
        if order.rail == "coins"
        else f"give {back.refund.amount} cents back to {order.buyer}, {_WAY[order.rail]}",
        *(f"take {cents} cents of that from the earnings of {seller}" for seller, cents in taken),
        *(f"put {count} of {product} on sale again" for product, count in again.items()),
    ]
    if order.refunds:
        before = f"{order.returned_coins} coins" if order.rail == "coins" else f"{order.returned} cents"
        will.append(f"do so beside the {before} that were given back before")
    if not back.divided:
        return Plan(tuple(will), act)
    change = returning(name, order, back, restock=asked.restock)
    return by_hand(world, asked, change, tuple(will), lambda: _facts(orders.load(world, order.id)))


def cancel_order(world: World, asked: Namespace) -> Plan:
    """What nobody has paid, or what is neither the buyer's nor sent."""
    order = orders.load(world, asked.order)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(returns.call_off(world, order.id, Who(operator, reason), why="admin"))])

    if order.state == "pending":
        return Plan((f"call off {order.id}, which nobody has paid",), act)
    units = reckoning.unsent(order)
    will = [
        f"call off {count} of {_named(order.item(item))}, and give back what was paid" for item, count in units.items()
    ]
    return Plan(tuple(will), act, "Nothing to do: nothing of it waits any more.")


_WAY: Final = {"credit": "to their credit", "stripe": "to the card"}


def _nothing(operator: str, reason: str) -> Answer:
    del operator, reason
    return Answer([])


def _named(item: Item) -> str:
    return f"item {item.id} ({item.left} x {item.name})"


def _row(order: Order) -> Facts:
    return {
        "id": order.id,
        "state": order.state,
        "buyer": order.buyer,
        "paid_at": rfc3339_or_none(order.paid_at),
        "items": [f"{each.id}: {each.left} x {each.name}, {each.state}" for each in order.items],
    }


def _facts(order: Order) -> Facts:
    shipping = order.shipping
    return {
        "id": order.id,
        "state": order.state,
        "buyer": order.buyer,
        "paid_by": f"{order.rail} on {order.where}",
        "total": order.coins if order.rail == "coins" else order.total,
        "discount": f"{order.discount.amount} by {order.discount.code}" if order.discount else None,
        "shipping": f"{shipping.amount} by {shipping.rate}" if shipping else None,
        "created_at": rfc3339(order.created_at),
        "paid_at": rfc3339_or_none(order.paid_at),
        "cancelled_for": order.cancelled_for,
        "payment": order.intent or order.entry,
        "items": [_item(each) for each in order.items],
        "refunds": [
            {
                "refund": each.id,
                "amount": each.coins if order.rail == "coins" else each.amount,
                "at": rfc3339(each.at),
                "done": each.done,
            }
            for each in order.refunds
        ],
    }


def _item(item: Item) -> Facts:
    return {
        "item": item.id,
        "product": item.product,
        "name": item.name,
        "state": item.state,
        "units": item.quantity,
        "left": item.left,
        "net": item.net,
        "seller": item.seller,
        "tracking": f"{item.carrier} {item.tracking}" if item.tracking else None,
    }


def _units(written: str) -> tuple[str, int]:
    name, _, count = written.partition(":")
    if not name.isalnum():
        raise ArgumentTypeError("write an item and how many of it: 2:1")
    return name, a_number(count or "1")


def _takes_order(parser: ArgumentParser) -> None:
    parser.add_argument("order", type=an_id, metavar="ORDER", help="its id, ord_…")


def _takes_list(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--to-ship", action="store_true", help="those of which something is to be sent")
    which.add_argument("--of", type=an_id, metavar="USER", help="those of that person")


def _takes_show(parser: ArgumentParser) -> None:
    _takes_order(parser)
    parser.add_argument("--address", action="store_true", help="where it is sent to, too: that look is recorded")
    parser.add_argument("--reason", type=a_reason, help="why, with --address; kept in the audit log for ever")


def _takes_items(parser: ArgumentParser) -> None:
    _takes_order(parser)
    parser.add_argument(
        "--item",
        type=an_id,
        action="append",
        default=[],
        metavar="N",
        help="one of its items; without, all that can be",
    )


def _takes_shipment(parser: ArgumentParser) -> None:
    _takes_items(parser)
    parser.add_argument("--carrier", type=a_text, required=True, help="who carries it")
    parser.add_argument("--tracking", type=a_text, required=True, help="the number it can be followed by")


def _takes_refund(parser: ArgumentParser) -> None:
    _takes_order(parser)
    parser.add_argument(
        "--item", type=_units, action="append", default=[], metavar="N:UNITS", help="so many of an item; without, all"
    )
    parser.add_argument("--ref", type=an_id, required=True, help="what it is for, such as a ticket: done once a ref")
    parser.add_argument("--shipping", action="store_true", help="what sending it cost too (alone, without --item)")
    parser.add_argument("--restock", action="store_true", help="what was sent came back, and is on sale again")


_verb = partial(Verb, "orders")

VERBS: Final = (
    _verb(
        "list",
        "List orders of which something is to be sent, or those of a person: a hundred at most.",
        ("orders list --to-ship --stage prod", "orders list --of usr_01J… --local --json"),
        _takes_list,
        list_orders,
    ),
    _verb(
        "show",
        "Show an order, and how far each of its items is.",
        ("orders show ord_01J… --stage prod", 'orders show ord_01J… --address --local --reason "to pack it"'),
        _takes_show,
        show_order,
    ),
    _verb(
        "ship",
        "Say that items were sent; the buyer is told, and the reader has their share.",
        (f"orders ship ord_01J… --carrier USPS --tracking 9400… --stage prod {WHY}",),
        _takes_shipment,
        ship_items,
        changes=True,
    ),
    _verb(
        "deliver",
        "Say that items have arrived; the buyer is told.",
        (f"orders deliver ord_01J… --item 2 --stage prod {WHY}",),
        _takes_items,
        deliver_items,
        changes=True,
    ),
    _verb(
        "refund",
        "Give back what was paid for items, the way it was paid. What was sent counts as given by hand.",
        (f"orders refund ord_01J… --item 2:1 --restock --ref ticket-1234 --stage prod {WHY}",),
        _takes_refund,
        refund_items,
        changes=True,
    ),
    _verb(
        "cancel",
        "Call off what nobody has paid yet, or what was paid and not sent.",
        (f"orders cancel ord_01J… --stage prod {WHY}",),
        _takes_order,
        cancel_order,
        changes=True,
    ),
)
