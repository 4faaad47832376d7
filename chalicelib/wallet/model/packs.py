"""Packs of coins (product §4): how many for how much. A pack's id is also its product id at both stores.

A pack never goes and never changes its coins, for there may be purchases of it that we hear of later: what is not sold
any more is stopped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.money import Cents, coin_value, reader_share

MOST_PACKS: Final = 40
MOST_COINS: Final = 1_000_000
LEAST_PRICE: Final[Cents] = 50
"""The least that Stripe takes."""
MOST_PRICE: Final[Cents] = 50_000
_ID: Final = re.compile(r"[a-z][a-z0-9_]{2,39}")


@dataclass(frozen=True, slots=True)
class Pack:
    """``price`` in cents, as it is on the web; the stores have prices of their own for it."""

    id: str
    coins: int
    price: Cents
    active: bool = True
    """Whether it is sold."""


@dataclass(frozen=True, slots=True)
class Packs:
    """All of them, in the order in which they are shown."""

    packs: tuple[Pack, ...]
    rev: int = 0

    def known(self, pack: str) -> Pack | None:
        """The pack, sold or not."""
        return next((each for each in self.packs if each.id == pack), None)


DEFAULT: Final = Packs(
    (
        Pack("coins_100", 100, 149),
        Pack("coins_500", 500, 699),
        Pack("coins_1200", 1_200, 1_599),
        Pack("coins_2500", 2_500, 3_199),
        Pack("coins_6500", 6_500, 7_999),
    )
)


def with_pack(was: Packs, pack: Pack) -> Packs:
    """With ``pack`` added, or in the place of the one of its id. Raises Invalid, InvalidState."""
    bounds = {
        "coins": (pack.coins, 1, MOST_COINS),
        "price": (pack.price, LEAST_PRICE, MOST_PRICE),
    }
    errors = [
        {"field": name, "message": f"from {least} to {most}"}
        for name, (value, least, most) in bounds.items()
        if not least <= value <= most
    ]
    if not _ID.fullmatch(pack.id):
        errors.append({"field": "id", "message": "3 to 40 small letters, digits and underscores"})
    if errors:
        raise Invalid(errors=tuple(errors))
    known = was.known(pack.id)
    if known and known.coins != pack.coins:
        raise InvalidState(f"{pack.id} is {known.coins} coins for good. Make another pack, and stop this one.")
    if known is None and len(was.packs) >= MOST_PACKS:
        raise InvalidState(f"There are {MOST_PACKS} packs already.")
    others = tuple(each for each in was.packs if each.id != pack.id)
    return replace(was, packs=tuple(sorted((*others, pack), key=lambda each: (each.coins, each.id))))


def must_cover(pack: Pack, cents_per_100: Cents) -> None:
    """Raises Invalid for a pack that is sold for less than readers get of what its coins buy."""
    owed = reader_share(coin_value(pack.coins, cents_per_100))
    if pack.active and pack.price < owed:
        why = f"at least {owed}: so much do readers get of {pack.coins} coins"
        raise Invalid(errors=({"field": "price", "message": why},))


def to_item(packs: Packs) -> dict[str, Any]:
    """The packs as they are stored, without their key."""
    return {"packs": [[each.id, each.coins, each.price, each.active] for each in packs.packs], "rev": packs.rev}


def from_item(item: dict[str, Any]) -> Packs:
    """The packs that ``to_item`` stored."""
    return Packs(tuple(Pack(*each) for each in item["packs"]), item["rev"])
