"""Ordering (product §9): what somebody wants, at the price that it has now, once.

By credit or coins it is one transaction: the debit, the order as paid, its stock and its coupon's use, or nothing
happened. By Stripe the first transaction is without the debit, and the page comes after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    InvalidState,
    NotFound,
    WalletFrozen,
)
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation
from chalicelib.shop import advancing, catalogue, orders, stock
from chalicelib.shop.model import discount as discounts
from chalicelib.shop.model import order as model
from chalicelib.shop.model.discount import Discount
from chalicelib.shop.model.order import Line, Order, Rail, Shipping
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.shipping import Address
from chalicelib.shop.model.shipping import address as cleaned
from chalicelib.shop.order_store import orders_of
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import rails
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.held_page import HeldPage
from chalicelib.wallet.model.rails import Where

if TYPE_CHECKING:
    from chalicelib.readers import service as readers
    from chalicelib.shop import checkouts, coupons, rates
    from chalicelib.wallet import coins, limits
else:
    checkouts = on_first_use("chalicelib.shop.checkouts")
    coupons = on_first_use("chalicelib.shop.coupons")
    rates = on_first_use("chalicelib.shop.rates")
    readers = on_first_use("chalicelib.readers.service")
    coins = on_first_use("chalicelib.wallet.coins")
    limits = on_first_use("chalicelib.wallet.limits")

KIND: Final = "order"
"""Of the debit."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to order: how many units of which products, how it is paid and where."""

    items: tuple[tuple[str, int], ...]
    rail: Rail
    where: Where
    coupon: str | None = None
    address: Address | None = field(default=None, repr=False)
    shipping_rate: str | None = None
    expected_total: int | None = None
    """What the app showed, in cents or coins: another total is not charged."""


def create(world: World, buyer: str, order_id: str, wanted: Wanted) -> Order:
    """Order, and pay if that is by credit or coins, once: ``order_id`` derives from the request.

    Raises Invalid, NotFound (no such product), Forbidden (not so, not here, or one's own), Blocked, InvalidState (not
    on sale, another price, or refused by Stripe), OutOfStock, InsufficientFunds, SpendingLimitReached, WalletFrozen,
    RateLimited (too many wrong codes), IdempotencyMismatch, ProviderFailed (the repeat goes on), Unavailable.
    """
    order = orders_of(world).get(order_id)
    if order is None:
        drafted = _drafted(world, buyer, order_id, wanted)
        order = undisturbed(world.sleep, lambda: _placed(world, drafted), tries=orders.TRIES)
        log.info("order_made", id=order.id, amount=order.total or order.coins)
    elif not _same(order, wanted):
        raise IdempotencyMismatch
    if order.rail == "stripe" and order.state == "pending":
        return checkouts.open_page(world, order)
    if order.state == "cancelled":
        raise InvalidState("This order was called off. Order again, with a new Idempotency-Key.")
    return advancing.brought_up(world, order)


def _drafted(world: World, buyer: str, order_id: str, wanted: Wanted) -> Order:
    """The order that nobody has paid, of products as they are on sale now. Raises as ``create``."""
    _must_be_possible(wanted)
    products = catalogue.products_of(world, [product for product, _ in wanted.items])
    lines = [_line(products, product, quantity, wanted) for product, quantity in wanted.items]
    _must_be_welcome(world, buyer, {each.seller for each in lines if each.seller})
    shipping = _shipping(world, wanted, sends=any(each.kind == "physical" for each in lines))
    discount = _discount(world, buyer, wanted, lines)
    how, worth = (wanted.rail, wanted.where), world.settings.cents_per_100_coins
    order = model.ordered(order_id, buyer, how, lines, discount, shipping, worth, world.now())
    if discount:
        discounts.must_suit(wanted.rail, order.total)
    if wanted.expected_total not in (None, order.coins if wanted.rail == "coins" else order.total):
        raise InvalidState("A price has changed. Look at the products again.")
    if wanted.rail == "stripe":
        if wallet.head(world, buyer).frozen:
            raise WalletFrozen
        limits.must_not_be_excluded(world, buyer)
    return order


def _must_be_possible(wanted: Wanted) -> None:
    errors = []
    if not 1 <= len(wanted.items) <= model.MOST_LINES or len({each for each, _ in wanted.items}) < len(wanted.items):
        errors.append({"field": "items", "message": f"1 to {model.MOST_LINES} different products"})
    if any(not 1 <= quantity <= model.MOST_UNITS for _, quantity in wanted.items):
        errors.append({"field": "items", "message": f"1 to {model.MOST_UNITS} units of each"})
    if errors:
        raise Invalid(errors=tuple(errors))


def _line(products: Mapping[str, Product], name: str, quantity: int, wanted: Wanted) -> Line:
    """The line of one product. Raises NotFound, Forbidden, InvalidState, Invalid."""
    product = products.get(name)
    if product is None:
        raise NotFound(f"There is no product {name}.")
    rails.must_allow(product.kind, wanted.where, wanted.rail)
    if not product.on_sale(wanted.rail):
        raise InvalidState(f"{name} is not on sale so.")
    if product.kind == "digital" and quantity > 1:
        raise Invalid(errors=({"field": "items", "message": f"{name} is a file: one is enough."},))
    return Line(
        product=product.id,
        name=product.name,
        kind=product.kind,
        seller=product.seller,
        quantity=quantity,
        unit=product.price or 0,
        coins=product.coins or 0,
        price_id=product.price_id,
    )


def _must_be_welcome(world: World, buyer: str, sellers: set[str]) -> None:
    """Raises Forbidden for one's own product, InvalidState for one of who does not sell any more, Blocked."""
    present = readers.names_of(world, sellers) if sellers else {}
    for seller in sorted(sellers):
        if seller == buyer:
            raise Forbidden("This is your own product.")
        if seller not in present or accounts.is_shut_out(world, seller):
            raise InvalidState("The reader whose product this is sells nothing at present.")
        if accounts.is_blocked(world, buyer, seller):
            raise Blocked


def _shipping(world: World, wanted: Wanted, *, sends: bool) -> Shipping | None:
    """How and where to it is sent. Raises Invalid where that is not said, or where nothing is to be sent."""
    said = {"address": wanted.address, "shipping_rate": wanted.shipping_rate}
    if not sends:
        if any(each is not None for each in said.values()):
            raise Invalid("Nothing of this is sent: say no address.")
        return None
    errors = tuple({"field": name, "message": "say where to"} for name, each in said.items() if each is None)
    if wanted.address is None or wanted.shipping_rate is None:
        raise Invalid(errors=errors)
    address = cleaned(wanted.address)
    rate = rates.chosen(world, wanted.shipping_rate, address)
    return Shipping(rate.id, rate.name, rate.amount, address)


def _discount(world: World, buyer: str, wanted: Wanted, lines: Sequence[Line]) -> Discount | None:
    """What the coupon takes off, asked for at Stripe. Raises Invalid, RateLimited, ProviderFailed."""
    if wanted.coupon is None:
        return None
    if wanted.rail == "coins":
        discounts.must_suit(wanted.rail, 0)
    priced = [discounts.Line(each.product, each.unit * each.quantity) for each in lines]
    return coupons.quoted(world, buyer, wanted.coupon, priced)


def _placed(world: World, order: Order) -> Order:
    """The order once it is written, with its debit; one try. Raises ConditionFailed where another writer came between,
    OutOfStock, and as ``create``.
    """
    _must_be_welcome(world, order.buyer, {each.seller for each in order.items if each.seller})
    if order.rail == "stripe":
        return _pending(world, order)
    if not (order.total or order.coins):
        return _for_nothing(world, order)

    def beside(entry: Entry) -> list[Operation]:
        spent = wallet.origin(world, entry) if order.rail == "credit" else ()
        paid = model.paid(replace(order, created_at=entry.at), entry.at, entry=entry.id, spent=spent)
        return [*_made(world, paid)[1], *orders.on_payment(world, paid, entry.at)]

    key = f"{KIND}:{order.id}"
    if order.rail == "coins":
        coins.spend(world, order.buyer, KIND, order.coins, key, order.id, beside)
    else:
        wallet.spend(world, order.buyer, KIND, order.total, order.clearing, key, order.id, beside)
    return orders.load(world, order.id)


def _pending(world: World, order: Order) -> Order:
    """Written to be paid on a page; its own of an earlier try where that was written after all."""
    rows = orders_of(world)
    if done := rows.get(order.id):
        return done
    waiting, operations = _made(world, model.awaiting(order, world.now()))
    page = HeldPage(order.id, order.total, world.now() + model.PAGE_LIFE)
    over = partial(orders.waits_for_nothing, world)
    world.tables.write(*operations, *limits.hold_page(world, order.buyer, page, over))
    return waiting


def _for_nothing(world: World, order: Order) -> Order:
    """A coupon took off everything: paid, and nothing is posted."""
    rows = orders_of(world)
    if done := rows.get(order.id):
        return done
    if wallet.head(world, order.buyer).frozen:
        raise WalletFrozen
    paid, operations = _made(world, model.paid(order, order.created_at))
    world.tables.write(*operations, *orders.on_payment(world, paid, order.created_at))
    return paid


def _made(world: World, order: Order) -> tuple[Order, list[Operation]]:
    """The order, and what makes it: its row, its stock, its coupon's use, and that nobody is blocked."""
    apart = [
        check
        for seller in sorted({each.seller for each in order.items if each.seller})
        for check in accounts.unblocked(world, order.buyer, seller)
    ]
    used = coupons.redeemed(world, order.discount, order.rail) if order.discount else []
    pieces = stock.taken(world, order.wants())
    made = model.taking(order, {each.item["pk"] for each in pieces})
    return made, [orders_of(world).create(made), *pieces, *used, *apart]


def _same(order: Order, wanted: Wanted) -> bool:
    """Whether the order was asked for in these words. An address that was erased says nothing."""
    said = (tuple((each.product, each.quantity) for each in order.items), order.rail, order.where)
    if said != (wanted.items, wanted.rail, wanted.where):
        return False
    code = order.discount.code if order.discount else ""
    if code.casefold() != (wanted.coupon or "").strip().casefold():
        return False
    if order.shipping is None:
        return wanted.address is None and wanted.shipping_rate is None
    address = cleaned(wanted.address) if wanted.address else None
    return order.shipping.rate == wanted.shipping_rate and order.shipping.address in (None, address)
