"""The rails policy: what may be paid how, by what is sold and where (product §4, §9).

Inside the apps of Apple and Google everything digital that is for many at once is bought with coins, and coins are
bought at their store; live readings of one person, and things, may be paid by any means. What is not in the table may
not be paid at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from chalicelib.kernel.errors import Forbidden

Sold = Literal["credit", "coins", "gift", "ticket", "digital", "physical"]
Where = Literal["ios", "android", "web"]
Rail = Literal["apple", "google", "stripe", "coins", "credit"]

VERSION: Final = 1
"""Raised with every change of the table: apps may keep what they were told, by it."""

_POLICY: Final[Mapping[tuple[Sold, Where], frozenset[Rail]]] = {
    ("credit", "ios"): frozenset({"stripe"}),
    ("credit", "android"): frozenset({"stripe"}),
    ("credit", "web"): frozenset({"stripe"}),
    ("coins", "ios"): frozenset({"apple"}),
    ("coins", "android"): frozenset({"google"}),
    ("coins", "web"): frozenset({"stripe"}),
    ("gift", "ios"): frozenset({"coins"}),
    ("gift", "android"): frozenset({"coins"}),
    ("gift", "web"): frozenset({"coins"}),
    ("ticket", "ios"): frozenset({"coins"}),
    ("ticket", "android"): frozenset({"coins"}),
    ("ticket", "web"): frozenset({"coins"}),
    ("digital", "ios"): frozenset({"coins"}),
    ("digital", "android"): frozenset({"coins"}),
    ("digital", "web"): frozenset({"stripe"}),
    ("physical", "ios"): frozenset({"credit", "stripe"}),
    ("physical", "android"): frozenset({"credit", "stripe"}),
    ("physical", "web"): frozenset({"credit", "stripe"}),
}


_NAMES: Final[Mapping[str, str]] = {
    "apple": "in the App Store",
    "google": "in Google Play",
    "stripe": "by Stripe",
    "coins": "for coins",
    "credit": "from credit",
}


def rails(sold: str, where: str) -> frozenset[Rail]:
    """How ``sold`` may be paid ``where``; by nothing, for whatever the policy does not know."""
    return next((by for case, by in _POLICY.items() if case == (sold, where)), frozenset())


def must_allow(sold: str, where: str, rail: str) -> None:
    """Raises Forbidden, which says how it is bought there and where so, unless ``sold`` may be paid by ``rail``."""
    if rail in rails(sold, where):
        return
    places = [each for each in get_args(Where) if rail in rails(sold, each)]
    here = " or ".join(sorted(_NAMES[each] for each in rails(sold, where)))
    how = _NAMES.get(rail, f"by {rail}")
    instead = f", but {here}" if here else ""
    elsewhere = f" It is bought {how} on: {', '.join(places)}." if places else ""
    raise Forbidden(f"This cannot be bought {how} here{instead}.{elsewhere}")
