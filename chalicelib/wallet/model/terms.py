"""The bounds of top-ups and of auto-recharge, and why that is turned off: what the API's shapes say of them, apart from
their decisions.
"""

from typing import Final, Literal

from chalicelib.kernel.money import Cents

LEAST: Final[Cents] = 500
MOST: Final[Cents] = 50_000
MOST_A_DAY: Final[Cents] = 100_000

OffReason = Literal["declined", "authentication_required", "card_unusable", "excluded", "unknown"]
