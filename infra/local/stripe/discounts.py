"""What a coupon takes off, and what stands against it: pure.

Stripe tells how ``percent_off`` and ``amount_off`` work and not how it rounds; here the whole amount is rounded half up
to a cent, and shared among the lines by their parts, the largest remainders first.
"""

from decimal import ROUND_HALF_UP, Decimal

from infra.local.store import Thing


def taken_off(coupon: Thing, lines: list[tuple[str, int]]) -> list[int]:
    """Of each line (product, amount), in cents. A coupon for certain products leaves the others alone."""
    amounts = [amount if is_for(coupon, product) else 0 for product, amount in lines]
    whole = sum(amounts)
    if coupon["amount_off"] is not None:
        off = min(coupon["amount_off"], whole)
    else:
        part = Decimal(str(coupon["percent_off"])) / 100 * whole
        off = int(part.quantize(Decimal(1), ROUND_HALF_UP))
    if not off:
        return [0 for _ in amounts]
    parts = [amount * off // whole for amount in amounts]
    first = sorted(range(len(amounts)), key=lambda place: -(amounts[place] * off % whole))
    for place in first[: off - sum(parts)]:
        parts[place] += 1
    return parts


def is_for(coupon: Thing, product: str) -> bool:
    only = coupon.get("applies_to")
    return not only or product in only["products"]


def is_valid(coupon: Thing, now: float) -> bool:
    """Whether a coupon can still be used."""
    if coupon.get("deleted"):
        return False
    most, until = coupon["max_redemptions"], coupon["redeem_by"]
    return (most is None or coupon["times_redeemed"] < most) and _before(until, now)


def is_active(promotion: Thing, coupon: Thing, now: float) -> bool:
    """Whether a promotion code, not switched off by hand, can still be used."""
    most, until = promotion["max_redemptions"], promotion["expires_at"]
    left = most is None or promotion["times_redeemed"] < most
    return bool(promotion["active"]) and left and _before(until, now) and is_valid(coupon, now)


def why_not(promotion: Thing, subtotal: int, has_bought: bool) -> str | None:
    """What an active promotion code says no for, if anything."""
    asks = promotion["restrictions"]
    if asks["first_time_transaction"] and has_bought:
        return "This promotion code cannot be redeemed because the associated customer has prior transactions."
    if subtotal < (asks["minimum_amount"] or 0):
        return "This promotion code cannot be redeemed because the minimum amount is not reached."
    return None


def _before(until: int | None, now: float) -> bool:
    return until is None or now < until
