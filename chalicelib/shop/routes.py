"""Products over HTTP: what everybody sees, and what readers sell."""

import re
from typing import Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import Forbidden, IdempotencyMismatch, Invalid, InvalidState, NotFound
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.shop import listing, selling
from chalicelib.shop.model.wanted import Changes
from chalicelib.shop.schemas import NewProduct, OwnProduct, ProductChanges, ProductsQuery, ProductView, WhereQuery

blueprint = Blueprint(__name__)

_OWN: Final = "/v1/reader/products"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@endpoint(blueprint, "GET", "/v1/products", query=ProductsQuery, returns=PageOf[ProductView], public=True)
def list_products(request: Request[None, ProductsQuery]) -> PageOf[ProductView]:
    """What can be bought `where` you are, the newest first. No token is needed.

    A page may hold fewer than `limit`, or none: only `next_cursor` null ends the list. A change shows a moment later.
    """
    query = request.query
    filters = query.filters()
    place: cursors.Shape = (
        {"seller": filters.seller, "created_at": int} if filters.seller else {"listing": "sale", "listed_at": int}
    )
    scope, shape = f"products:{filters}", {**place, "pk": _ID, "sk": "product"}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = listing.page(world(), filters, query.limit, start)
    return PageOf[ProductView](
        items=[ProductView.of(each) for each in page],
        next_cursor=cursors.encode(following, scope) if following else None,
    )


@endpoint(
    blueprint,
    "GET",
    "/v1/products/{product_id}",
    query=WhereQuery,
    returns=ProductView,
    public=True,
    errors=(NotFound,),
)
def get_product(request: Request[None, WhereQuery]) -> ProductView:
    """A product that is on sale. `rails` is empty where it cannot be bought. No token is needed."""
    return ProductView.of(listing.one(world(), request.path["product_id"], request.query.where))


@endpoint(
    blueprint,
    "POST",
    _OWN,
    body=NewProduct,
    returns=OwnProduct,
    status=201,
    role="reader",
    idempotent=True,
    errors=(Forbidden, IdempotencyMismatch, Invalid, InvalidState),
)
def add_product(request: Request[NewProduct, None]) -> OwnProduct:
    """Make a product of yours, as a draft: an admin looks at it before it is sold.

    A digital one needs its file first. Things are sent from the platform's store, which counts their pieces. Verified
    readers make 100 products at most (409 `invalid_state`). In coins it is worth at least your part of its price.
    """
    user, body = request.caller.id, request.body
    made = selling.offer(world(), user, request.derived_id("prd"), body.terms(user), Changes(stock=body.stock))
    return OwnProduct.of(made)


@endpoint(blueprint, "GET", _OWN, query=ListQuery, returns=PageOf[OwnProduct], role="reader")
def list_own_products(request: Request[None, ListQuery]) -> PageOf[OwnProduct]:
    """Your products, the newest first. The list may be a moment behind."""
    query, user = request.query, request.caller.id
    scope = f"products:of:{user}"
    shape: cursors.Shape = {"seller": user, "created_at": int, "pk": _ID, "sk": "product"}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = selling.own_page(world(), user, query.limit, start)
    return PageOf[OwnProduct](
        items=[OwnProduct.of(each) for each in page],
        next_cursor=cursors.encode(following, scope) if following else None,
    )


@endpoint(blueprint, "GET", f"{_OWN}/{{product_id}}", returns=OwnProduct, role="reader", errors=(Forbidden, NotFound))
def get_own_product(request: Request[None, None]) -> OwnProduct:
    """One of your products."""
    return OwnProduct.of(selling.own(world(), request.caller.id, request.path["product_id"]))


@endpoint(
    blueprint,
    "PATCH",
    f"{_OWN}/{{product_id}}",
    body=ProductChanges,
    returns=OwnProduct,
    role="reader",
    errors=(Forbidden, Invalid, InvalidState, NotFound),
)
def change_product(request: Request[ProductChanges, None]) -> OwnProduct:
    """Change a product of yours. Once it is approved, only its price, its coins, its stock and whether it is on sale.

    One change at a time is on its way to Stripe; another one meanwhile is 409 `invalid_state`.
    """
    user = request.caller.id
    return OwnProduct.of(selling.change(world(), user, request.path["product_id"], request.body.changes()))
