"""Payment pages of Stripe's that somebody with limits has open: each may yet be paid, so all of them count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis

MOST_PAGES: Final = 50
"""Of one person at one time."""


@dataclass(frozen=True, slots=True)
class HeldPage:
    """``id`` is what it pays for: a top-up, or an order. Until ``ends`` somebody may pay ``cents`` on it."""

    id: str
    cents: Cents
    ends: Millis


@dataclass(frozen=True, slots=True)
class HeldPages:
    """Those of one person."""

    pages: tuple[HeldPage, ...] = ()
    rev: int = 0

    def open_beside(self, page: str, now: Millis, over: Callable[[str], bool]) -> HeldPages:
        """Those that may yet be paid, beside ``page``: what is ``over`` was paid, or will not be."""
        alive = [each for each in self.pages if each.id != page and each.ends > now and not over(each.id)]
        return replace(self, pages=tuple(alive))

    @property
    def cents(self) -> Cents:
        """What may yet be paid on all of them."""
        return sum(each.cents for each in self.pages)

    def with_page(self, page: HeldPage) -> HeldPages:
        """One more."""
        return replace(self, pages=(*self.pages, page))
