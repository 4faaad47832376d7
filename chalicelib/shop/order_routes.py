"""Orders over HTTP."""

from typing import TYPE_CHECKING, Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    InsufficientFunds,
    InvalidState,
    NotFound,
    OutOfStock,
    ProviderFailed,
    RateLimited,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.shop import advancing, ordering, orders
from chalicelib.shop.order_schemas import NewOrder, OrderView, SaleView, order_view, sale_views
from chalicelib.shop.order_store import sale_key, sales

if TYPE_CHECKING:
    from chalicelib.shop import returns
else:
    returns = on_first_use("chalicelib.shop.returns")

blueprint = Blueprint(__name__)

_ORDER: Final = "/v1/orders/{order_id}"


@endpoint(
    blueprint,
    "POST",
    "/v1/orders",
    body=NewOrder,
    returns=OrderView,
    status=201,
    idempotent=True,
    errors=(
        Blocked,
        Forbidden,
        IdempotencyMismatch,
        InsufficientFunds,
        InvalidState,
        NotFound,
        OutOfStock,
        ProviderFailed,
        RateLimited,
        SpendingLimitReached,
        WalletFrozen,
    ),
)
def create_order(request: Request[NewOrder, None]) -> OrderView:
    """Order products.

    By `credit` and `coins` it is paid at once, or nothing happens; by `stripe` one goes on to `checkout_url`, and it is
    paid once Stripe has told us so.

    What may be paid how and where, `rails` of a product says (403 `forbidden` otherwise); all of an order is paid in
    one way. What is digital is fulfilled as soon as it is paid. What nobody pays in half an hour is called off.
    """
    return order_view(ordering.create(world(), request.caller.id, request.derived_id("ord"), request.body.wanted()))


@endpoint(blueprint, "GET", "/v1/orders", query=ListQuery, returns=PageOf[OrderView])
def list_orders(request: Request[None, ListQuery]) -> PageOf[OrderView]:
    """One's orders, newest first. The list may be a moment behind."""
    query, user = request.query, request.caller.id
    scope = f"orders:{user}"
    shape: cursors.Shape = {"buyer": user, "created_at": int, "pk": cursors.AN_ID, "sk": "order"}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = orders.page_of_buyer(world(), user, query.limit, start)
    return PageOf[OrderView](
        items=[order_view(each) for each in page],
        next_cursor=cursors.encode(following, scope) if following else None,
    )


@endpoint(blueprint, "GET", _ORDER, returns=OrderView, errors=(Forbidden, NotFound))
def get_order(request: Request[None, None]) -> OrderView:
    """One of one's orders."""
    return order_view(advancing.current(world(), request.caller.id, request.path["order_id"]))


@endpoint(
    blueprint,
    "POST",
    f"{_ORDER}/cancel",
    returns=OrderView,
    errors=(Forbidden, InvalidState, NotFound, ProviderFailed),
)
def cancel_order(request: Request[None, None]) -> OrderView:
    """Call off what is not paid, or not sent yet: it goes back as it was paid. What is fulfilled or was sent stays.

    409 `invalid_state` where there is nothing left to call off, or while it is being paid on its page.
    """
    return order_view(returns.cancel(world(), request.caller.id, request.path["order_id"]))


@endpoint(blueprint, "GET", "/v1/reader/sales", query=ListQuery, returns=PageOf[SaleView], role="reader")
def list_sales(request: Request[None, ListQuery]) -> PageOf[SaleView]:
    """What was sold of one's own products, the last order first.

    `limit` counts orders, of which each may have several items. The list may be a moment behind.
    """
    query, user = request.query, request.caller.id
    scope = f"sales:{user}"
    shape: cursors.Shape = {"seller": sales(user), "created_at": int, "pk": cursors.AN_ID, "sk": sale_key(user)}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = orders.page_of_seller(world(), user, query.limit, start)
    return PageOf[SaleView](
        items=[view for each in page for view in sale_views(each, user)],
        next_cursor=cursors.encode(following, scope) if following else None,
    )
