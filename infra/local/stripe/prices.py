"""Prices: what one piece of a product costs. A price never changes; another one is made and this one is put away.

Stripe's API deletes none; its dashboard does, where a price was never used: a lever here.
"""

from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe.context import Context, Lever, Resource, created_filter, listed
from infra.local.stripe.errors import StripeError, invalid, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "price"
PRODUCT: Final = "product"


def create(context: Context, params: Params) -> Thing:
    product = params.required("product")
    told = _read(params) | {"active": params.flag("active") is not False, "nickname": params.text("nickname")}
    told["metadata"] = params.metadata()
    params.done()
    context.find(PRODUCT, product, "product")
    return new(context, product, **told)


def new(context: Context, product: str, amount: int, currency: str, *, tell: bool = True, **told: Any) -> Thing:
    price = context.store.put(shown(product, amount, currency, context.now()) | told, parent=product)
    if tell:
        emit(context, "price.created", price)
    return price


def update(context: Context, params: Params, id_: str) -> Thing:
    price = context.find(KIND, id_)
    active, nickname = params.flag("active"), params.text("nickname")
    metadata = params.merged_metadata(price["metadata"])
    params.done()
    if active is False and context.find(PRODUCT, price["product"])["default_price"] == id_:
        raise StripeError(400, "This price cannot be archived because it is the default price of its product.")
    price |= {"metadata": metadata, "active": price["active"] if active is None else active}
    price["nickname"] = None if params.emptied("nickname") else nickname or price["nickname"]
    context.store.put(price)
    emit(context, "price.updated", price)
    return price


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_)


def list_(context: Context, params: Params) -> Thing:
    """The active ones, unless told otherwise."""
    active, product, currency = params.flag("active"), params.text("product"), params.text("currency")
    wanted, created = active is not False, created_filter(params)
    kind = params.choice("type", ("one_time", "recurring"))
    return listed(
        context,
        params,
        KIND,
        "/v1/prices",
        lambda price: (
            price["active"] is wanted
            and created(price)
            and product in (None, price["product"])
            and currency in (None, price["currency"])
            and kind in (None, price["type"])
        ),
    )


def check_active(price: Thing, param: str) -> None:
    """Raises StripeError."""
    if not price["active"]:
        raise invalid(param, "The price specified is inactive. This field only accepts active prices.")


def to_buy(context: Context, id_: str, param: str) -> tuple[Thing, Thing]:
    """The price and its product. Raises StripeError where it cannot be bought."""
    price = context.find(KIND, id_, param)
    check_active(price, param)
    product = context.find(PRODUCT, price["product"])
    if not product["active"]:
        raise invalid(param, f"Price `{id_}` is not available to be purchased because its product is not active.")
    return price, product


def read_inner(price: Params | None) -> Thing | None:
    """The price that a product is made with."""
    if price is None:
        return None
    return _read(price) | {"metadata": price.metadata()}


def shown(product: str, amount: int, currency: str, now: int, *, active: bool = True) -> Thing:
    return {
        "id": new_id("price"),
        "object": KIND,
        "active": active,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product,
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def _read(params: Params) -> Thing:
    amount, currency = params.integer("unit_amount"), params.required("currency", 3).lower()
    if amount is None:
        raise missing(params.path("unit_amount"))
    if not (currency.isascii() and currency.isalpha()):
        raise invalid(params.path("currency"), f"Invalid currency: {currency}")
    return {"amount": amount, "currency": currency}


def _delete(context: Context, _: dict[str, Any], id_: str) -> Thing:
    """As the dashboard does it, of a default price too."""
    price = context.find(KIND, id_)
    product = context.find(PRODUCT, price["product"])
    if product["default_price"] == id_:
        context.store.put(product | {"default_price": None})
        emit(context, "product.updated", product | {"default_price": None})
    context.store.remove(id_)
    emit(context, "price.deleted", price)
    return {"id": id_, "object": KIND, "deleted": True}


ROUTES: Final[list[Resource]] = [
    ("POST", r"/prices", create),
    ("GET", r"/prices", list_),
    ("GET", r"/prices/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/prices/(?P<id_>[^/]+)", update),
]
LEVERS: Final[list[Lever]] = [("DELETE", r"/prices/(?P<id_>[^/]+)", _delete)]
