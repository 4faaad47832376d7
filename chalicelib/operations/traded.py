"""What a person ordered, sells and has sold, for the file of all that is theirs: in the shapes of the API.

As ``written``: a page takes where it starts and gives what is on it, and where the next one does. No link of a page to
pay on, or of a file, is in it: none lasts as long as the file that would hold it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.operations.written import Facts, Page
from chalicelib.shop import orders, selling
from chalicelib.shop.order_schemas import order_view, sale_views
from chalicelib.shop.schemas import OwnProduct

_AT_ONCE: Final = 100


def pages(world: World, person_id: str) -> dict[str, Page]:
    """How to page through each list, by its name."""
    return {
        "orders": partial(_orders, world, person_id),
        "products": partial(_products, world, person_id),
        "sales": partial(_sales, world, person_id),
    }


def _orders(world: World, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = orders.page_of_buyer(world, user, _AT_ONCE, start)
    return [order_view(each).model_dump(mode="json", exclude={"checkout_url"}) for each in page], following


def _products(world: World, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = selling.own_page(world, user, _AT_ONCE, start)
    return [OwnProduct.of(each).model_dump(mode="json") for each in page], following


def _sales(world: World, user: str, start: Any) -> tuple[list[Facts], Any]:
    page, following = orders.page_of_seller(world, user, _AT_ONCE, start)
    return [view.model_dump(mode="json") for order in page for view in sale_views(order, user)], following
