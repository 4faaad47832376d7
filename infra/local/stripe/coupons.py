"""Coupons, and the promotion codes by which people redeem them."""

import re
from typing import Final

from infra.local.store import Thing, new_id
from infra.local.stripe import discounts, prices
from infra.local.stripe.context import Context, Resource, created_filter, listed
from infra.local.stripe.errors import StripeError, invalid, missing
from infra.local.stripe.events import emit
from infra.local.stripe.forms import Params

KIND: Final = "coupon"
CODE: Final = "promotion_code"
_LATEST: Final = 10**12
_MOST_PRODUCTS: Final = 100
_WRITTEN: Final = re.compile(r"[A-Za-z0-9\-]{1,500}")
_DURATIONS: Final = ("forever", "once", "repeating")
_TOO_LATE: Final = "This value must be in the future."


def create(context: Context, params: Params) -> Thing:
    id_ = params.text("id", 200) or new_id("coupon")[-8:].upper()
    off, percent, currency = params.integer("amount_off", 1), params.percent("percent_off"), params.text("currency", 3)
    if (off is None) == (percent is None):
        raise invalid("percent_off", "You must pass either percent_off or amount_off, and not both.")
    if off is not None and not currency:
        raise missing("currency")
    told: Thing = {
        "amount_off": off,
        "percent_off": percent,
        "currency": currency.lower() if off is not None and currency else None,
        "duration": params.choice("duration", _DURATIONS) or "once",
        "duration_in_months": params.integer("duration_in_months", 1),
        "max_redemptions": params.integer("max_redemptions", 1),
        "name": params.text("name", 40),
        "redeem_by": params.integer("redeem_by", most=_LATEST),
        "metadata": params.metadata(),
    }
    only = params.inner("applies_to")
    products = only.texts("products") if only else []
    params.done()
    if len(products) > _MOST_PRODUCTS:
        raise invalid("applies_to[products]", f"Invalid array: at most {_MOST_PRODUCTS} products")
    for product in products:
        context.find(prices.PRODUCT, product, "applies_to[products]")
    if told["redeem_by"] is not None and told["redeem_by"] <= context.now():
        raise invalid("redeem_by", _TOO_LATE)
    if (known := context.store.get(KIND, id_)) and not known.get("deleted"):
        raise StripeError(400, "Coupon already exists.", code="resource_already_exists")
    if products:
        context.store.put({"id": f"_private_{id_}", "object": "_private", "products": products})
    coupon = context.store.put(_object(context, id_) | told)
    emit(context, "coupon.created", coupon)
    return coupon


def update(context: Context, params: Params, id_: str) -> Thing:
    coupon = context.find(KIND, id_)
    name, metadata = params.text("name", 40), params.merged_metadata(coupon["metadata"])
    params.done()
    coupon |= {"name": name or coupon["name"], "metadata": metadata}
    context.store.put(coupon)
    emit(context, "coupon.updated", as_of_now(context, coupon))
    return as_of_now(context, coupon)


def retrieve(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return as_of_now(context, context.find(KIND, id_))


def list_(context: Context, params: Params) -> Thing:
    created = created_filter(params)
    page = listed(context, params, KIND, "/v1/coupons", lambda each: "deleted" not in each and created(each))
    return page | {"data": [as_of_now(context, each) for each in page["data"]]}


def delete(context: Context, params: Params, id_: str) -> Thing:
    """Nobody redeems it any more, nor by its codes."""
    params.done()
    coupon = context.find(KIND, id_)
    emit(context, "coupon.deleted", coupon)
    context.store.remove(f"_private_{id_}")
    return context.store.put({"id": id_, "object": KIND, "deleted": True})


def create_code(context: Context, params: Params) -> Thing:
    promotion = params.inner("promotion")
    if promotion is None:
        raise missing("promotion")
    promotion.choice("type", ("coupon",))
    coupon_id = promotion.required("coupon")
    written = params.text("code") or new_id("promo")[-8:].upper()
    if not _WRITTEN.fullmatch(written):
        raise invalid("code", "Promotion codes are of letters, digits and dashes.")
    asks = params.inner("restrictions") or Params({})
    least, currency = asks.integer("minimum_amount", 1), asks.text("minimum_amount_currency", 3)
    if (least is None) != (currency is None):
        raise missing(asks.path("minimum_amount_currency" if least else "minimum_amount"))
    first = bool(asks.flag("first_time_transaction"))
    told: Thing = {
        "active": params.flag("active") is not False,
        "expires_at": params.integer("expires_at", most=_LATEST),
        "max_redemptions": params.integer("max_redemptions", 1),
        "metadata": params.metadata(),
    }
    params.done()
    coupon = context.find(KIND, coupon_id, "promotion[coupon]")
    if told["expires_at"] is not None and told["expires_at"] <= context.now():
        raise invalid("expires_at", _TOO_LATE)
    if any(each["code"].lower() == written.lower() for each in _active_codes(context)):
        raise invalid("code", f"An active promotion code with `code: {written}` already exists.")
    code = context.store.put(
        _code_object(context, written, coupon["id"])
        | told
        | {
            "restrictions": {
                "first_time_transaction": first,
                "minimum_amount": least,
                "minimum_amount_currency": currency.lower() if currency else None,
            }
        }
    )
    emit(context, "promotion_code.created", code)
    return code_as_of_now(context, code)


def update_code(context: Context, params: Params, id_: str) -> Thing:
    code = context.find(CODE, id_)
    active, metadata = params.flag("active"), params.merged_metadata(code["metadata"])
    params.done()
    code |= {"metadata": metadata, "active": code["active"] if active is None else active}
    if active and not code_as_of_now(context, code)["active"]:
        raise invalid("active", "This promotion code cannot be redeemed any more.")
    context.store.put(code)
    emit(context, "promotion_code.updated", code_as_of_now(context, code))
    return code_as_of_now(context, code)


def retrieve_code(context: Context, params: Params, id_: str) -> Thing:
    params.done()
    return code_as_of_now(context, context.find(CODE, id_))


def list_codes(context: Context, params: Params) -> Thing:
    active, written, coupon = params.flag("active"), params.text("code"), params.text("coupon")
    created = created_filter(params)
    page = listed(
        context,
        params,
        CODE,
        "/v1/promotion_codes",
        lambda code: (
            created(code)
            and active in (None, code_as_of_now(context, code)["active"])
            and (written is None or code["code"].lower() == written.lower())
            and coupon in (None, code["promotion"]["coupon"])
        ),
    )
    return page | {"data": [code_as_of_now(context, code) for code in page["data"]]}


def as_of_now(context: Context, coupon: Thing) -> Thing:
    return coupon | {"valid": discounts.is_valid(coupon, context.clock())}


def code_as_of_now(context: Context, code: Thing) -> Thing:
    coupon = context.store.get(KIND, code["promotion"]["coupon"]) or {"deleted": True}
    return code | {"active": discounts.is_active(code, coupon, context.clock())}


def applies_to(context: Context, _: Params, id_: str) -> Thing | None:
    """What it is for; there only when it is asked for."""
    kept = context.store.get("_private", f"_private_{id_}")
    return {"products": kept["products"]} if kept else None


def to_redeem(context: Context, discount: Params, subtotal: int, customer: str | None) -> tuple[Thing, Thing]:
    """The coupon, with what it is for, and the discount as a page shows it. Raises StripeError where Stripe says no."""
    coupon_id, code_id = discount.text("coupon"), discount.text("promotion_code")
    if (coupon_id is None) == (code_id is None):
        raise invalid(discount.path("coupon"), "You must pass one of coupon and promotion_code.")
    param = discount.path("promotion_code" if code_id else "coupon")
    if code_id:
        code = code_as_of_now(context, context.find(CODE, code_id, param))
        if not code["active"]:
            raise invalid(param, "This promotion code is inactive or has expired.", "promotion_code_inactive")
        # Without a customer Stripe cannot tell, and says no: https://github.com/stripe/stripe-node/issues/1318
        if reason := discounts.why_not(code, subtotal, customer is None or _has_bought(context, customer)):
            raise invalid(param, reason)
        coupon_id = code["promotion"]["coupon"]
    coupon = context.find(KIND, str(coupon_id), param)
    if not discounts.is_valid(coupon, context.clock()):
        raise invalid(param, f"Coupon expired: {coupon_id}", "coupon_expired")
    shown = {"coupon": None if code_id else coupon_id, "promotion_code": code_id}
    return coupon | {"applies_to": applies_to(context, discount, coupon["id"])}, shown


def redeem(context: Context, discount: Thing) -> None:
    """It was used once more; Stripe tells nobody."""
    coupon_id = discount["coupon"]
    if code := context.store.get(CODE, discount["promotion_code"] or ""):
        context.store.put(code | {"times_redeemed": code["times_redeemed"] + 1})
        coupon_id = code["promotion"]["coupon"]
    coupon = context.store.get(KIND, coupon_id or "")
    if coupon and "deleted" not in coupon:
        context.store.put(coupon | {"times_redeemed": coupon["times_redeemed"] + 1})


def _has_bought(context: Context, customer: str) -> bool:
    return any(
        intent["customer"] == customer and intent["status"] == "succeeded"
        for intent in context.store.newest("payment_intent")
    )


def _active_codes(context: Context) -> list[Thing]:
    return [code for code in context.store.newest(CODE) if code_as_of_now(context, code)["active"]]


def _object(context: Context, id_: str) -> Thing:
    return {
        "id": id_,
        "object": KIND,
        "amount_off": None,
        "created": context.now(),
        "currency": None,
        "duration": "once",
        "duration_in_months": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": None,
        "percent_off": None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }


def _code_object(context: Context, written: str, coupon: str) -> Thing:
    return {
        "id": new_id("promo"),
        "object": CODE,
        "active": True,
        "code": written,
        "created": context.now(),
        "customer": None,
        "customer_account": None,
        "expires_at": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "promotion": {"coupon": coupon, "type": "coupon"},
        "times_redeemed": 0,
    }


ROUTES: Final[list[Resource]] = [
    ("POST", r"/coupons", create),
    ("GET", r"/coupons", list_),
    ("GET", r"/coupons/(?P<id_>[^/]+)", retrieve),
    ("POST", r"/coupons/(?P<id_>[^/]+)", update),
    ("DELETE", r"/coupons/(?P<id_>[^/]+)", delete),
    ("POST", r"/promotion_codes", create_code),
    ("GET", r"/promotion_codes", list_codes),
    ("GET", r"/promotion_codes/(?P<id_>[^/]+)", retrieve_code),
    ("POST", r"/promotion_codes/(?P<id_>[^/]+)", update_code),
]
