"""Products: what can be bought. One that has prices is never deleted, only put away (``active`` false)."""

import re
from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import prices
from infra.local.stripe.context import Context, Lever, Resource, created_filter, listed
from infra.local.stripe.errors import StripeError, empty, invalid
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = prices.PRODUCT
_MOST_IMAGES: Final = 8
_ID: Final = re.compile(r"[A-Za-z0-9_\-]{1,255}")
_CHANGEABLE: Final = ("active", "default_price", "description", "images", "metadata", "name", "shippable", "url")
"""What the lever changes."""


def create(context: Context, params: Params) -> Thing:
    """With an id of its own, if one is told, which nobody else may have; and with its default price."""
    id_ = params.text("id") or new_id("prod")
    if not _ID.fullmatch(id_):
        raise invalid("id", f"Invalid id: {id_[:40]}")
    told = _read(params, params.required("name"))
    if params.emptied("description"):
        raise empty("description")
    price = prices.read_inner(params.inner("default_price_data"))
    metadata = params.new_metadata()
    params.done()
    if (known := context.store.get(KIND, id_)) and not known.get("deleted"):
        raise StripeError(400, "Product already exists.", code="resource_already_exists")
    product = context.store.put(_object(context, id_) | told | {"metadata": metadata})
    if price:
        # As at Stripe, the product's event tells of the price already.
        product["default_price"] = prices.new(context, id_, **price)["id"]
        context.store.put(product)
    emit(context, "product.created", product)
    return product


def update(context: Context, params: Params, id_: str) -> Thing:
    product = context.find(KIND, id_)
    told = _read(params, params.text("name"))
    default = params.text("default_price")
    metadata = params.merged_metadata(product["metadata"])
    params.done()
    if default:
        told["default_price"] = _default(context, default, id_)
    product |= {name: value for name, value in told.items() if value is not None}
    product |= {name: None for name in ("description", "default_price", "url") if params.emptied(name)}
    if params.emptied("images"):
        product["images"] = []
    product |= {"metadata": metadata, "updated": context.now()}
    context.store.put(product)
    emit(context, "product.updated", product)
    return product


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return context.find(KIND, id_)


def list_(context: Context, params: Params) -> Thing:
    active, shippable, ids = params.flag("active"), params.flag("shippable"), params.texts("ids")
    created = created_filter(params)
    return listed(
        context,
        params,
        KIND,
        "/v1/products",
        lambda product: (
            "deleted" not in product
            and created(product)
            and active in (None, product["active"])
            and shippable in (None, bool(product["shippable"]))
            and (not ids or product["id"] in ids)
        ),
    )


def delete(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    product = context.find(KIND, id_)
    if any(context.store.newest(prices.KIND, id_)):
        raise StripeError(400, "This product cannot be deleted because it has one or more user-created prices.")
    emit(context, "product.deleted", product)
    return context.store.put({"id": id_, "object": KIND, "deleted": True})


def _read(params: Params, name: str | None) -> Thing:
    told: Thing = {
        "name": name,
        "description": params.text("description"),
        "active": params.flag("active"),
        "shippable": params.flag("shippable"),
        "images": params.texts("images") or None,
        "url": params.text("url"),
    }
    if len(told["images"] or ()) > _MOST_IMAGES:
        raise invalid("images", f"Invalid array: images takes at most {_MOST_IMAGES} addresses")
    return {field: value for field, value in told.items() if value is not None}


def _default(context: Context, price: str, product: str) -> str:
    found = context.find(prices.KIND, price, "default_price")
    if found["product"] != product:
        raise invalid("default_price", "The price specified is not of this product.")
    prices.check_active(found, "default_price")
    return price


def _object(context: Context, id_: str) -> Thing:
    return {
        "id": id_,
        "object": KIND,
        "active": True,
        "created": context.now(),
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": "",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": context.now(),
        "url": None,
    }


def _put(context: Context, body: dict[str, Any], id_: str) -> Thing:
    """Made or changed, with a new default price for ``unit_amount``, and nobody is told."""
    product = context.store.get(KIND, id_)
    if product is None or "deleted" in product:
        product = _object(context, id_) | {"name": id_}
    if unknown := set(body) - {*_CHANGEABLE, "unit_amount"}:
        raise invalid(", ".join(sorted(unknown)), "There is no such field to change.")
    product |= {name: body[name] for name in _CHANGEABLE if name in body}
    if "unit_amount" in body:
        price = prices.new(context, id_, int(body["unit_amount"]), "usd", tell=False)
        product["default_price"] = price["id"]
    return context.store.put(product | {"updated": context.now()})


def _drop(context: Context, _: dict[str, Any], id_: str) -> Thing:
    """Gone with its prices, and nobody is told."""
    context.find(KIND, id_)
    for price in list(context.store.newest(prices.KIND, id_)):
        context.store.remove(price["id"])
    context.store.remove(id_)
    return {"id": id_, "object": KIND, "deleted": True}


ROUTES: Final[list[Resource]] = [
    ("POST", r"/products", create),
    ("GET", r"/products", list_),
    ("GET", r"/products/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/products/(?P<id_>[^/]+)", update),
    ("DELETE", r"/products/(?P<id_>[^/]+)", delete),
]
LEVERS: Final[list[Lever]] = [
    ("PUT", r"/products/(?P<id_>[^/]+)", _put),
    ("DELETE", r"/products/(?P<id_>[^/]+)", _drop),
]
