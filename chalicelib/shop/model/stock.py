"""How many pieces are left of a product (product §9). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.errors import Invalid, OutOfStock
from chalicelib.shop.model.product import Kind

MOST: Final = 1_000_000
FEW: Final = 10
"""So many or fewer are told to everybody."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What is left of one product. ``left`` None is without limit. ``rev`` counts its writes; 0 where nobody said."""

    product: str
    left: int | None = None
    rev: int = 0

    @property
    def available(self) -> bool:
        """Whether at least one is left."""
        return self.left is None or self.left > 0

    @property
    def few(self) -> int | None:
        """How many are left, where it is worth telling."""
        return self.left if self.left is not None and self.left <= FEW else None


def of_kind(stock: Stock, kind: Kind) -> Stock:
    """The stock of a product of that kind: where nobody said how many there are, files are copied without end, and of
    things there are none.
    """
    return replace(stock, left=0) if kind == "physical" and stock.left is None else stock


def taken(stock: Stock, quantity: int) -> Stock:
    """With ``quantity`` pieces less. Raises OutOfStock."""
    if stock.left is None:
        return stock
    if stock.left < quantity:
        raise OutOfStock(f"{stock.left or 'None'} left of {stock.product}." if stock.few is not None else None)
    return replace(stock, left=stock.left - quantity, rev=stock.rev + 1)


def returned(stock: Stock, quantity: int) -> Stock:
    """With ``quantity`` pieces more."""
    if stock.left is None:
        return stock
    return replace(stock, left=stock.left + quantity, rev=stock.rev + 1)


def counted(stock: Stock, left: int | None) -> Stock:
    """With ``left`` pieces, as somebody counted them; None is without limit. As it was where it is so already.

    Raises Invalid.
    """
    if left is not None and not 0 <= left <= MOST:
        raise Invalid(errors=({"field": "stock", "message": f"from 0 to {MOST}"},))
    if stock.left == left:
        return stock
    return replace(stock, left=left, rev=stock.rev + 1)
