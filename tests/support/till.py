"""What the shop asks of Stripe, in dicts: products, prices, promotion codes, and the pages of orders.

The same tests as on the local Stripe say that it does what that does (tests/unit/gateways/test_stripe_shop.py).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.gateways.stripe import Refused
from chalicelib.gateways.stripe_shop import OrderPage, discount_asked, page_of
from chalicelib.kernel.errors import ProviderFailed
from chalicelib.kernel.time import Millis
from infra.local.stripe import discounts

Thing = dict[str, Any]
_SHORTEST: Final = 1_800
_LONGEST: Final = 86_400
_LEAST: Final = 50
_MOST_LISTED: Final = 100


@dataclass
class OfflineTill:
    """The shop's part of ``Payments``. It can be ``down``, lose its answers, and refuse what is in ``refusing``."""

    refusing: set[str] = field(default_factory=set)
    """PaymentIntents that nothing goes back of; orders, pages and products that it says no to."""
    down: bool = False
    loses_answers: bool = False
    asked: int = 0
    takes_time: Callable[[], object] = lambda: None
    """What goes on while it is asked."""
    now: Callable[[], Millis] | None = None
    """Its own clock; without one nothing is too early or too late."""
    catalogue: dict[str, Thing] = field(default_factory=dict)
    """Products by id, their prices not expanded."""
    prices: dict[str, Thing] = field(default_factory=dict)
    promotions: dict[str, Thing] = field(default_factory=dict)
    """Promotion codes by id, with their coupons."""
    pages: dict[str, Thing] = field(default_factory=dict)
    """Checkout Sessions of orders by id."""
    answered: dict[str, tuple[object, Thing]] = field(default_factory=dict)
    """What was asked and answered under each idempotency key."""

    # what a test arranges, as the dashboard and people do

    def sells(
        self, product: str, amount: int | None = 1_000, *, active: bool = True, shippable: bool = False, **metadata: str
    ) -> Thing:
        """A product is there, with a default price unless it has none."""
        made = _product(product, product, "", shippable=shippable, metadata=metadata, active=active)
        self.catalogue[product] = made | {"created": 1_700_000_000 + len(self.catalogue)}
        if amount is not None:
            self.catalogue[product]["default_price"] = self._price(product, amount, "usd")["id"]
        return self.catalogue[product]

    def offers(
        self,
        code: str,
        *,
        percent_off: float | None = None,
        amount_off: int | None = None,
        products: Sequence[str] | None = None,
        minimum_amount: int | None = None,
        first_time_transaction: bool = False,
        max_redemptions: int | None = None,
        expires_at: int | None = None,
    ) -> Thing:
        """A promotion code is there, with a coupon of its own."""
        coupon: Thing = {
            "id": f"coupon_{code}",
            "object": "coupon",
            "amount_off": amount_off,
            "currency": None if amount_off is None else "usd",
            "percent_off": percent_off,
            "max_redemptions": None,
            "redeem_by": None,
            "times_redeemed": 0,
            "valid": True,
            "name": code.title(),
        }
        if products is not None:
            coupon["applies_to"] = {"products": list(products)}
        restrictions = {
            "first_time_transaction": first_time_transaction,
            "minimum_amount": minimum_amount,
            "minimum_amount_currency": None if minimum_amount is None else "usd",
        }
        self.promotions[f"promo_{code}"] = {
            "id": f"promo_{code}",
            "object": "promotion_code",
            "active": True,
            "code": code,
            "customer": None,
            "expires_at": expires_at,
            "max_redemptions": max_redemptions,
            "promotion": {"type": "coupon", "coupon": coupon},
            "restrictions": restrictions,
            "times_redeemed": 0,
        }
        return self.promotions[f"promo_{code}"]

    def pays(self, page: str) -> Thing:
        """The buyer pays on the page by card: the Session as its event tells of it."""
        session = self.pages[page]
        assert session["status"] == "open", "only an open page can be paid"
        free = not session["amount_total"]
        session |= {
            "status": "complete",
            "payment_status": "no_payment_required" if free else "paid",
            "payment_intent": None if free else f"pi_{session['client_reference_id']}",
            "url": None,
        }
        for used in session["discounts"]:
            if used["promotion_code"]:
                self.promotions[used["promotion_code"]]["times_redeemed"] += 1
        return copy.deepcopy(session)

    def bounces(self, page: str) -> Thing:
        """The buyer pays from a bank account, and the bank refuses: the Session as its event tells of it."""
        intent = {"id": f"pi_{self.pages[page]['client_reference_id']}", "status": "requires_payment_method"}
        self.pages[page] |= {"status": "complete", "url": None, "payment_intent": intent}
        return copy.deepcopy(self.pages[page]) | {"payment_intent": intent["id"]}

    def runs_out(self, page: str) -> Thing:
        """Nobody paid in time: the Session as its event tells of it."""
        self.pages[page] |= {"status": "expired", "url": None}
        return copy.deepcopy(self.pages[page])

    # what the shop asks

    def open_order(
        self,
        *,
        order: str,
        user: str,
        lines: Sequence[tuple[str, int]],
        shipping: tuple[str, int] | None,
        promotion: str | None,
        expires_at: int,
        return_url: str,
    ) -> OrderPage:
        def make() -> Thing:
            session = self._session(order, user, lines, shipping, promotion, expires_at)
            self.pages[session["id"]] = session | {"url": f"{return_url}/pay/{order}"}
            return self.pages[session["id"]]

        wanted = (user, tuple(lines), shipping, promotion, expires_at, return_url)
        made = page_of(self._once(order, f"order:{order}", wanted, make))
        assert made, "a page that was just made has an address"
        return made

    def checkout(self, page: str) -> Thing:
        self._reached()
        if page in self.refusing or page not in self.pages:
            raise Refused("resource_missing")
        session = copy.deepcopy(self.pages[page])
        intent = session["payment_intent"]
        if isinstance(intent, str):
            status = "succeeded" if session["payment_status"] == "paid" else "processing"
            session["payment_intent"] = {"id": intent, "object": "payment_intent", "status": status}
        return session

    def expire_checkout(self, page: str) -> Thing:
        def close() -> Thing:
            if page not in self.pages:
                raise Refused("resource_missing")
            if self.pages[page]["status"] != "open":
                raise Refused(None)
            return self.runs_out(page)

        return self._once(page, f"expire:{page}", page, close)

    def promotion(self, code: str) -> Thing | None:
        self._reached()
        found = [
            each
            for each in self.promotions.values()
            if each["code"].lower() == code.lower()
            and discounts.is_active(each, each["promotion"]["coupon"], self._at())
        ]
        return copy.deepcopy(found[0]) if found else None

    def product(self, product: str) -> Thing | None:
        self._reached()
        return self._shown(self.catalogue[product]) if product in self.catalogue else None

    def products(self, after: str | None) -> tuple[list[Thing], bool]:
        self._reached()
        newest = sorted(self.catalogue.values(), key=lambda each: (-each["created"], each["id"]))
        ids = [each["id"] for each in newest]
        if after and after not in ids:
            raise Refused("resource_missing")
        rest = newest[ids.index(after) + 1 :] if after else newest
        return [self._shown(each) for each in rest[:_MOST_LISTED]], len(rest) > _MOST_LISTED

    def put_product(
        self,
        product: str,
        *,
        name: str,
        description: str,
        shippable: bool,
        metadata: Mapping[str, str],
        active: bool,
        key: str,
    ) -> Thing:
        def put() -> Thing:
            known = self.catalogue.get(product)
            made = _product(product, name, description, shippable=shippable, metadata=metadata, active=active)
            if known:
                made |= {name_: known[name_] for name_ in ("created", "default_price", "images")}
                kept = known["metadata"] | dict(metadata)
                made["metadata"] = {each: text for each, text in kept.items() if text}
            else:
                made["created"] = 1_700_000_000 + len(self.catalogue)
            self.catalogue[product] = made
            return made

        wanted = (name, description, shippable, dict(metadata), active)
        return self._once(product, f"product:{product}:{key}", wanted, put)

    def put_price(self, product: str, amount: int, currency: str, *, key: str) -> Thing:
        def put() -> Thing:
            if product not in self.catalogue:
                raise Refused("resource_missing")
            made = self._price(product, amount, currency)
            self.catalogue[product]["default_price"] = made["id"]
            for price in self.prices.values():
                if price["product"] == product and price["id"] != made["id"]:
                    price["active"] = False
            return made

        return self._once(product, f"price:{product}:{key}", (amount, currency), put)

    # how

    def _reached(self) -> None:
        self.asked += 1
        self.takes_time()
        if self.down:
            raise ProviderFailed

    def _once(self, thing: str, key: str, wanted: object, act: Callable[[], Thing]) -> Thing:
        """What was answered under the key, or what is done now. Raises Refused, ProviderFailed."""
        self._reached()
        if thing in self.refusing:
            raise Refused("refused")
        if key not in self.answered:
            self.answered[key] = (wanted, copy.deepcopy(act()))
        before, answer = self.answered[key]
        if before != wanted or self.loses_answers:
            raise ProviderFailed
        return copy.deepcopy(answer)

    def _at(self) -> float:
        return self.now() / 1000 if self.now else 0.0

    def _session(
        self,
        order: str,
        user: str,
        lines: Sequence[tuple[str, int]],
        shipping: tuple[str, int] | None,
        promotion: str | None,
        expires_at: int,
    ) -> Thing:
        self._check_moment(expires_at)
        bought = [(self._to_buy(price), quantity) for price, quantity in lines]
        amounts = [(each["product"], each["unit_amount"] * quantity) for each, quantity in bought]
        subtotal = sum(amount for _, amount in amounts)
        used = self._discount(promotion, amounts) if promotion else None
        off = sum(discounts.taken_off(used["promotion"]["coupon"], amounts)) if used else 0
        carriage = shipping[1] if shipping else 0
        total = subtotal - off + carriage
        if 0 < total < _LEAST:
            raise Refused("amount_too_small")
        return {
            "id": f"cs_test_{order}",
            "object": "checkout.session",
            "amount_subtotal": subtotal,
            "amount_total": total,
            "client_reference_id": order,
            "currency": "usd",
            "discounts": [_told(used)] if used else [],
            "expires_at": expires_at,
            "livemode": False,
            "metadata": {"order": order, "user": user},
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "shipping_cost": {"amount_subtotal": carriage, "amount_tax": 0, "amount_total": carriage}
            if shipping
            else None,
            "status": "open",
            "total_details": {"amount_discount": off, "amount_shipping": carriage, "amount_tax": 0},
        }

    def _check_moment(self, expires_at: int) -> None:
        if self.now and not _SHORTEST <= expires_at - int(self._at()) <= _LONGEST:
            raise Refused(None)

    def _to_buy(self, price: str) -> Thing:
        if price not in self.prices:
            raise Refused("resource_missing")
        found: Thing = self.prices[price]
        if not found["active"] or not self.catalogue[found["product"]]["active"]:
            raise Refused(None)
        return found

    def _discount(self, promotion: str, lines: list[tuple[str, int]]) -> Thing:
        if promotion not in self.promotions:
            raise Refused("resource_missing")
        found = self.promotions[promotion]
        if not discounts.is_active(found, found["promotion"]["coupon"], self._at()):
            raise Refused(None)
        if not any(discounts.is_for(found["promotion"]["coupon"], product) for product, _ in lines):
            raise Refused(None)
        # A page for a first purchase gets the coupon: none of the code's own conditions is looked at.
        asks = found["restrictions"]["first_time_transaction"]
        if not asks and discounts.why_not(found, sum(amount for _, amount in lines), has_bought=False):
            raise Refused(None)
        return found

    def _price(self, product: str, amount: int, currency: str) -> Thing:
        number = sum(price["product"] == product for price in self.prices.values())
        made: Thing = {
            "id": f"price_{product}_{number}",
            "object": "price",
            "active": True,
            "currency": currency,
            "product": product,
            "type": "one_time",
            "unit_amount": amount,
        }
        self.prices[made["id"]] = made
        return made

    def _shown(self, product: Thing) -> Thing:
        price = product["default_price"]
        return copy.deepcopy(product | {"default_price": self.prices[price] if price else None})


def _told(used: Thing) -> Thing:
    """How a page shows its discount: one for a first purchase by its coupon, see ``stripe_shop``."""
    asked = discount_asked(used | {"promotion": {"coupon": used["promotion"]["coupon"]["id"]}})
    return {"coupon": None, "promotion_code": None} | asked


def _product(
    product: str, name: str, description: str, *, shippable: bool, metadata: Mapping[str, str], active: bool
) -> Thing:
    return {
        "id": product,
        "object": "product",
        "active": active,
        "default_price": None,
        "description": description or None,
        "images": [],
        "livemode": False,
        "metadata": {each: text for each, text in metadata.items() if text},
        "name": name,
        "shippable": shippable,
    }
