"""When earnings may be paid out. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis

HOLD: Final = 3 * DAY
"""Earnings wait this long before they can be paid out (product §10)."""


@dataclass(frozen=True, slots=True)
class Earnings:
    """``balance`` is all that is earned and not paid out; ``pending`` the part still held, ``available`` the rest."""

    balance: Cents
    pending: Cents
    available: Cents


def earnings(balance: Cents, recent: Iterable[tuple[Millis, Cents]], now: Millis) -> Earnings:
    """Split ``balance`` by age. ``recent`` are the newest postings ``(at, amount)``, back to ``now - HOLD``."""
    held = sum(amount for at, amount in recent if amount > 0 and at > now - HOLD)
    pending = max(0, min(balance, held))
    return Earnings(balance, pending, balance - pending)
