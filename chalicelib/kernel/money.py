"""Money is an ``int`` of minor units (cents) beside a lower-case currency code; never a float."""

from typing import Final

Cents = int
"""An amount in minor units of its currency; negative where money goes back or out."""

USD: Final = "usd"
COINS: Final = "coins"
"""The store-bound currency. It never converts into credit (App Store 3.1.1)."""

READER_SHARE_PERCENT: Final = 70


def reader_share(gross: Cents) -> Cents:
    """The reader's part of ``gross`` cents, rounded down; the platform keeps the rest (product §3, rule 9)."""
    return gross * READER_SHARE_PERCENT // 100


def coin_value(coins: int, cents_per_100: Cents) -> Cents:
    """What ``coins`` are worth in cents when they are spent on a reader, rounded down (product §6)."""
    return coins * cents_per_100 // 100


def part_rounded_up(price: Cents, part: int, whole: int) -> Cents:
    """``price * part / whole`` in cents, rounded up: how an unused part of a minute is refunded (rule 5)."""
    return -(-price * part // whole)
