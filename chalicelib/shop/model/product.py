"""What is sold: a product as Stripe has it, and what is decided on it here (product §9). Pure.

A product's text, kind, price and whether it is sold at all are Stripe's; ours are its file, its stock, and how far a
reader's product has come:

    draft → approved ⇄ stopped

What was made at Stripe needs nobody's approval here. What Stripe says of a product is believed as far as it can be
sold by: a fault in it takes that one off sale, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.text import one_line, paragraphs, words
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.shop.model.file import File

Kind = Literal["digital", "physical"]
State = Literal["draft", "approved", "stopped"]

LEAST_PRICE: Final[Cents] = 50
"""The least that Stripe takes."""
MOST_PRICE: Final[Cents] = 1_000_000
MOST_COINS: Final = 1_000_000
NAME_LENGTH: Final = 250
DESCRIPTION_LENGTH: Final = 5_000
MOST_IMAGES: Final = 8
SOUGHT_LENGTH: Final = 300
"""Characters of a description that are looked through."""
_ADDRESS_LENGTH: Final = 2_048
_LATEST: Final = 2**33
"""Seconds: what is beyond is no moment."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PRICE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_SELLER: Final = re.compile(r"usr_[A-Za-z0-9]{1,60}")
_COINS: Final = re.compile(r"[1-9][0-9]{0,6}")


@dataclass(frozen=True, slots=True)
class Product:
    """One product. ``rev`` counts the writes of its row."""

    id: str
    """Stripe's own."""
    name: str
    description: str
    """Plain text, perhaps none."""
    images: tuple[str, ...]
    kind: Kind
    price: Cents | None
    """None where it cannot be bought for money."""
    price_id: str | None
    """Stripe's name of that price."""
    coins: int | None
    """What a digital one costs in coins; None where it cannot be bought for them."""
    seller: str | None
    """The reader whose it is; None is the platform."""
    active: bool
    """Whether it is at Stripe, and active there."""
    file: File | None = None
    """What a digital one is."""
    state: State = "approved"
    fault: str | None = None
    """Why it cannot be sold as it is at Stripe."""
    created_at: Millis = 0
    rev: int = 1

    @property
    def offered(self) -> bool:
        """Whether there is something to sell, and it may be."""
        return (
            self.active
            and self.fault is None
            and self.state == "approved"
            and (self.kind == "physical" or self.file is not None)
        )

    @property
    def listed(self) -> bool:
        """Whether it can be bought in some way."""
        return self.offered and (self.price_id is not None or self.coins is not None)

    def on_sale(self, rail: str) -> bool:
        """Whether it can be bought so, as far as it can say: stock, seller and the rails policy are not its own."""
        return self.offered and (self.coins if rail == "coins" else self.price_id) is not None


def is_id(name: object) -> bool:
    """Whether a product can have that id here: one that no path of the API can hold is none of ours."""
    return isinstance(name, str) and _ID.fullmatch(name) is not None


# --- what Stripe says ----------------------------------------------------------------------------


def read(name: str, told: Mapping[str, Any] | None, was: Product | None) -> Product | None:
    """The product as Stripe has it now, keeping what is ours of ``was``. ``rev`` is for the caller to raise.

    ``told`` None is one that is not there (any more): it is off sale, and otherwise as it was. None for one that is
    neither there nor here.
    """
    if told is None:
        return replace(was, active=False) if was else None
    price, price_id, faults = _price(told.get("default_price"))
    kind: Kind = "physical" if told.get("shippable") is True else "digital"
    coins, seller, wrong = _metadata(told.get("metadata"), kind)
    title = one_line(_text(told.get("name")))[:NAME_LENGTH].strip()
    faults = [*faults, *wrong, *([] if title else ["no name"])]
    active = told.get("active") is True
    seen = Product(
        id=name,
        name=title or name,
        description=paragraphs(_text(told.get("description")))[:DESCRIPTION_LENGTH].strip(),
        images=_images(told.get("images")),
        kind=kind,
        price=price,
        price_id=price_id,
        coins=coins,
        seller=seller,
        active=active,
        # Of a reader's product that we have lost, Stripe still says whether it had been approved.
        state="draft" if seller and not active else "approved",
        fault=", ".join(faults) or None,
        created_at=_moment(told.get("created")),
    )
    if was is None:
        return seen
    return replace(seen, file=was.file, state=was.state, created_at=was.created_at, rev=was.rev)


def _price(told: object) -> tuple[Cents | None, str | None, list[str]]:
    """Amount and id of a price that can be asked for, and what is wrong with one that cannot.

    One that is not active is none; so is a product without one.
    """
    if not isinstance(told, Mapping) or told.get("active") is not True:
        return None, None, []
    amount, name = told.get("unit_amount"), told.get("id")
    faults = []
    if told.get("type") != "one_time":
        faults.append("its price recurs")
    if told.get("transform_quantity") is not None:  # Stripe would ask for packages, and we for pieces
        faults.append("its price is of packages")
    if told.get("currency") != USD:
        faults.append("its price is in another currency")
    if type(amount) is not int or not LEAST_PRICE <= amount <= MOST_PRICE:
        faults.append("its price is out of bounds")
    if not isinstance(name, str) or not _PRICE_ID.fullmatch(name):
        faults.append("its price has no name")
    return (None, None, faults) if faults else (amount, name, [])


def _metadata(told: object, kind: Kind) -> tuple[int | None, str | None, list[str]]:
    """Coins and seller, and what is wrong with what stands in their place."""
    said = told if isinstance(told, Mapping) else {}
    coins, seller = said.get("coins"), said.get("seller")
    faults = []
    if coins is not None and not (isinstance(coins, str) and _COINS.fullmatch(coins) and int(coins) <= MOST_COINS):
        faults.append("its coins are no number")
    elif coins is not None and kind == "physical":
        faults.append("a thing is not sold for coins")
    if seller is not None and not (isinstance(seller, str) and _SELLER.fullmatch(seller)):
        faults.append("its seller is nobody")
    if faults:
        return None, seller if isinstance(seller, str) and _SELLER.fullmatch(seller) else None, faults
    return int(coins) if coins is not None else None, seller, []


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""


def _images(told: object) -> tuple[str, ...]:
    """Those that an app may show: a few, each at an https address."""
    listed = told if isinstance(told, list) else []
    shown = [each for each in listed if isinstance(each, str) and _is_address(each)]
    return tuple(shown[:MOST_IMAGES])


def _is_address(written: str) -> bool:
    return written.startswith("https://") and len(written) <= _ADDRESS_LENGTH and written.isascii() and _plain(written)


def _plain(written: str) -> bool:
    return written.isprintable() and " " not in written


def _moment(told: object) -> Millis:
    return told * SECOND if type(told) is int and told in range(_LATEST + 1) else 0


# --- looking for some ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filters:
    """Which products somebody looks for; None leaves a thing open."""

    where: str
    """In which app, or on the web."""
    kind: Kind | None = None
    seller: str | None = None
    q: str | None = None
    """Words that must all be found, or their beginnings."""


def matches(product: Product, filters: Filters) -> bool:
    """Whether the product is one of those, whoever lists it."""
    if filters.kind not in (None, product.kind) or filters.seller not in (None, product.seller):
        return False
    sought = words(filters.q or "")
    said = words(f"{product.name} {product.description[:SOUGHT_LENGTH]}") if sought else ()
    return all(any(each.startswith(word) for each in said) for word in sought)
