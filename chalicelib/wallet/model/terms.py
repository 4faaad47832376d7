"""The bounds of auto-recharge, and why it is turned off: what the API's shapes say of it, apart from its decisions."""

from typing import Final, Literal

from chalicelib.kernel.money import Cents
from chalicelib.wallet.model.topup import LEAST, MOST

__all__ = ["LEAST", "MOST"]

MOST_A_DAY: Final[Cents] = 100_000

OffReason = Literal["declined", "authentication_required", "card_unusable", "excluded", "unknown"]
