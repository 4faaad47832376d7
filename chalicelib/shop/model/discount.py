"""What a promotion code of Stripe's takes off an order (product §9): for whom, off which lines, and how many times.

Promotions are Stripe's own, as its API gives them: a promotion code with its coupon inside. Pure: what is to be paid by
credit is reckoned here; what is paid on a page of Stripe's, Stripe reckons, and its word rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NoReturn

from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import SECOND, Millis

LEAST_BY_STRIPE: Final[Cents] = 50
"""The least that Stripe takes."""
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_LONGEST_NAME: Final = 40
"""Characters of a coupon's name, at Stripe."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a discount is reckoned on: all units of one product."""

    product: str
    amount: Cents


@dataclass(frozen=True, slots=True)
class Limit:
    """A promotion may be used ``most`` times in all. ``of`` names what is counted, ``told`` is Stripe's own count."""

    of: str
    most: int
    told: int = 0


@dataclass(frozen=True, slots=True)
class Uses:
    """How often what a ``Limit`` names was used by orders of ours, also those that are not paid yet."""

    of: str
    credit: int = 0
    """Paid by credit: Stripe knows nothing of them."""
    stripe: int = 0
    """On pages of Stripe's, which counts one itself once it is paid."""
    rev: int = 0


@dataclass(frozen=True, slots=True)
class Discount:
    """``amount`` cents off an order by the promotion code ``promotion`` (Stripe's id of it), written as ``code``."""

    promotion: str
    code: str
    name: str
    amount: Cents
    products: tuple[str, ...] = ()
    """What of the order it is good for; everything, if none is named."""
    limits: tuple[Limit, ...] = ()

    def over(self, lines: Sequence[Line]) -> tuple[Cents, ...]:
        """What it takes off each line; adds up to ``amount``. Raises ValueError where the lines it is good for do not
        bear that.
        """
        return allocated(self.amount, [each.amount if self._good_for(each) else 0 for each in lines])

    def _good_for(self, line: Line) -> bool:
        return not self.products or line.product in self.products


def code_of(written: str) -> str:
    """The code that somebody wrote. Raises Invalid for what can be none."""
    code = written.strip()
    if not _CODE.fullmatch(code):
        refuse("1 to 64 letters, digits and hyphens")
    return code


def discounted(
    promotion: Mapping[str, Any], lines: Sequence[Line], *, buyer: str, now: Millis, new_customer: bool
) -> Discount:
    """What the promotion takes off ``lines`` for ``buyer``, if nobody has used it up. Raises Invalid."""
    coupon = promotion["promotion"]["coupon"]
    named = (coupon.get("applies_to") or {}).get("products") or ()
    return Discount(
        promotion=promotion["id"],
        code=promotion["code"],
        name=(coupon.get("name") or promotion["code"])[:_LONGEST_NAME],
        amount=priced(promotion, lines, now=now, new_customer=new_customer),
        products=tuple(each.product for each in lines if each.product in named),
        limits=_limits(promotion, coupon, buyer),
    )


def priced(promotion: Mapping[str, Any], lines: Sequence[Line], *, now: Millis, new_customer: bool) -> Cents:
    """What the promotion takes off ``lines``, more than nothing and never more than they cost. Raises Invalid."""
    coupon = promotion["promotion"]["coupon"]
    restrictions = promotion["restrictions"]
    ends = [each * SECOND for each in (promotion.get("expires_at"), coupon.get("redeem_by")) if each is not None]
    if not promotion["active"] or any(now >= each for each in ends):
        refuse("This code is no longer valid.")
    if promotion.get("customer") or promotion.get("customer_account"):
        refuse("This code is not for you.")
    if restrictions.get("first_time_transaction") and not new_customer:
        refuse("This code is for a first order.")
    least = restrictions.get("minimum_amount")
    if least is not None:
        if restrictions.get("minimum_amount_currency") != USD:
            refuse("This code is for another currency.")
        if sum(each.amount for each in lines) < least:
            refuse(f"This code is for orders of {least} cents or more.")
    products = (coupon.get("applies_to") or {}).get("products")
    eligible = sum(each.amount for each in lines if not products or each.product in products)
    if not eligible:
        refuse("This code is for other products.")
    amount = min(_off(coupon, eligible), eligible)
    if amount <= 0:
        refuse("This code takes nothing off these.")
    return amount


def _off(coupon: Mapping[str, Any], eligible: Cents) -> Cents:
    percent, amount = coupon.get("percent_off"), coupon.get("amount_off")
    if percent is not None:
        exact = Decimal(eligible) * Decimal(str(percent)) / 100
        return int(exact.to_integral_value(ROUND_HALF_UP))
    if amount is None or coupon.get("currency") != USD:
        refuse("This code is for another currency.")
    return int(amount)


def _limits(promotion: Mapping[str, Any], coupon: Mapping[str, Any], buyer: str) -> tuple[Limit, ...]:
    """What has no limit at Stripe has none here, and nobody counts it."""
    counted = [
        Limit(f"{kind}#{each['id']}", each["max_redemptions"], each["times_redeemed"])
        for kind, each in (("promotion", promotion), ("coupon", coupon))
        if each.get("max_redemptions") is not None
    ]
    if promotion["restrictions"].get("first_time_transaction"):
        counted.append(Limit(f"first#{buyer}", 1))  # two first orders at once are one too many
    return tuple(counted)


def used(limit: Limit, was: Uses, rail: str) -> Uses:
    """With one use more, of an order that is paid by ``rail``. Raises Invalid where no more are left."""
    if was.credit + max(was.stripe, limit.told) >= limit.most:
        refuse("This code was used up.")
    return _counted(was, rail, 1)


def unused(was: Uses, rail: str) -> Uses:
    """With one use less, of an order that was called off before it was paid."""
    return _counted(was, rail, -1)


def _counted(was: Uses, rail: str, by: int) -> Uses:
    if rail == "stripe":
        return replace(was, stripe=max(0, was.stripe + by))
    return replace(was, credit=max(0, was.credit + by))


def must_suit(rail: str, total: Cents) -> None:
    """Raises Invalid where an order with a code, which costs ``total`` with shipping, cannot be paid by ``rail``."""
    if rail == "coins":
        refuse("Codes are not for coins.")
    if rail == "stripe" and total < LEAST_BY_STRIPE:
        refuse(f"With this code less than {LEAST_BY_STRIPE} cents are left to pay, which no card can.")


def allocated(amount: Cents, lines: Sequence[Cents]) -> tuple[Cents, ...]:
    """``amount`` divided over ``lines`` by what each costs: whole cents, none above its line, ``amount`` in all.

    What rounding down leaves goes to the largest remainders, the first of equal ones first. Raises ValueError where the
    lines do not cost as much.
    """
    total = sum(lines)
    if not 0 <= amount <= total:
        raise ValueError(f"{amount} cents cannot be taken off {total}")
    if not amount:
        return (0,) * len(lines)
    parts = [amount * each // total for each in lines]
    left = amount - sum(parts)
    by_remainder = sorted(range(len(lines)), key=lambda place: (-(amount * lines[place] % total), place))
    for place in by_remainder[:left]:
        parts[place] += 1
    return tuple(parts)


def refuse(why: str) -> NoReturn:
    """Raises Invalid, of the field ``coupon``."""
    raise Invalid(errors=({"field": "coupon", "message": why},))


def to_item(discount: Discount) -> dict[str, Any]:
    """The discount as an order's row holds it."""
    return {
        "promotion": discount.promotion,
        "code": discount.code,
        "name": discount.name,
        "amount": discount.amount,
        "products": list(discount.products),
        "limits": [[each.of, each.most, each.told] for each in discount.limits],
    }


def from_item(item: Mapping[str, Any]) -> Discount:
    """The discount that ``to_item`` stored."""
    limits = tuple(Limit(*each) for each in item["limits"])
    told = {name: item[name] for name in ("promotion", "code", "name", "amount")}
    return Discount(**told, products=tuple(item["products"]), limits=limits)
