"""What is wanted of a product that is made or changed here, on its way to Stripe (product §9). Pure.

While Stripe has not got it, nothing else can be wanted: each is put there under a name of its own, and a repeat that
comes late is one that Stripe has answered before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.kernel import text
from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.money import Cents, coin_value, reader_share
from chalicelib.kernel.time import DAY, MINUTE, Millis
from chalicelib.shop.model import product as products
from chalicelib.shop.model.product import Kind, Product, State

MOST_MADE: Final = 100
"""Products of one reader."""
LEAST_OF_READERS: Final[Cents] = 100
MOST_OF_READERS: Final[Cents] = 50_000
_LONGEST_PAUSE: Final[Millis] = DAY


@dataclass(frozen=True, slots=True)
class Terms:
    """What Stripe is to have of a product. ``price`` in cents; None leaves it without one."""

    name: str
    description: str
    kind: Kind
    price: Cents | None
    coins: int | None
    seller: str | None
    active: bool

    @property
    def metadata(self) -> Mapping[str, str]:
        """As Stripe keeps it; a field that is empty is taken away there."""
        return {"seller": self.seller or "", "coins": "" if self.coins is None else str(self.coins)}


@dataclass(frozen=True, slots=True)
class Changes:
    """What somebody wants to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    kind: Kind | None = None
    price: Cents | None = None
    coins: int | None = None
    """0 has it sold for coins no more."""
    on_sale: bool | None = None
    stock: int | Literal["unlimited"] | None = None
    """How many pieces there are."""

    @property
    def left(self) -> int | None:
        """How many pieces there are to be, None without limit, where ``stock`` says."""
        return None if self.stock == "unlimited" else self.stock


@dataclass(frozen=True, slots=True)
class Wanted:
    """Terms that Stripe has not got yet. ``name`` is what they are known by there."""

    product: str
    name: str
    terms: Terms
    look_at: Millis | None
    """When it is put there (again); None where Stripe refused it."""
    tries: int = 0
    refused: str | None = None
    """Stripe's word for why not; something else may be wanted then."""


def terms_of(product: Product) -> Terms:
    """What Stripe has of it, as we know it."""
    return Terms(
        product.name,
        product.description,
        product.kind,
        product.price,
        product.coins,
        product.seller,
        product.active,
    )


def written(terms: Terms, cents_per_100: Cents) -> Terms:
    """The terms, cleaned. Raises Invalid: nothing to be seen, too long, out of bounds, coins for a thing, or so few
    that they are worth less than what a reader gets of the price. What the platform sells for coins needs no price, and
    what it sells no description.
    """
    name, description = text.one_line(terms.name), text.paragraphs(terms.description)
    errors = []
    if not 1 <= len(name) <= products.NAME_LENGTH:
        errors.append({"field": "name", "message": f"1 to {products.NAME_LENGTH} visible characters"})
    if len(description) > products.DESCRIPTION_LENGTH or (terms.seller and not description):
        errors.append({"field": "description", "message": f"1 to {products.DESCRIPTION_LENGTH} visible characters"})
    if why := _price_fault(terms):
        errors.append({"field": "price", "message": why})
    elif why := _coins_fault(terms, cents_per_100):
        errors.append({"field": "coins", "message": why})
    if errors:
        raise Invalid(errors=tuple(errors))
    return replace(terms, name=name, description=description)


def _price_fault(terms: Terms) -> str | None:
    if terms.price is None and terms.coins is not None and terms.seller is None:
        return None
    least, most = (LEAST_OF_READERS, MOST_OF_READERS) if terms.seller else (products.LEAST_PRICE, products.MOST_PRICE)
    if terms.price is not None and least <= terms.price <= most:
        return None
    return f"from {least} to {most} cents"


def _coins_fault(terms: Terms, cents_per_100: Cents) -> str | None:
    if terms.coins is None:
        return None
    if terms.kind == "physical":
        return "only what is digital is sold for coins"
    if not 1 <= terms.coins <= products.MOST_COINS:
        return f"from 1 to {products.MOST_COINS}"
    if terms.price is not None and coin_value(terms.coins, cents_per_100) < (owed := reader_share(terms.price)):
        return f"worth at least {owed} cents: so much is a reader's part of the price"
    return None


def changed(terms: Terms, changes: Changes) -> Terms:
    """The terms with what is to change."""
    coins = terms.coins if changes.coins is None else changes.coins or None
    return Terms(
        name=terms.name if changes.name is None else changes.name,
        description=terms.description if changes.description is None else changes.description,
        kind=changes.kind or terms.kind,
        price=terms.price if changes.price is None else changes.price,
        coins=coins,
        seller=terms.seller,
        active=terms.active if changes.on_sale is None else changes.on_sale,
    )


def must_be_changeable(product: Product, changes: Changes) -> None:
    """Raises InvalidState for what its reader may not change: what an admin has looked at stays as it is, but for its
    price and whether it is sold; nothing is sold that no admin has looked at, nor what one has stopped. Raises Invalid
    for the pieces of a thing, which the platform counts.
    """
    must_be_countable(product, changes)
    if product.state == "stopped":
        raise InvalidState("This product was stopped. It stays as it is.")
    if product.state == "draft":
        if changes.on_sale:
            raise InvalidState("An admin looks at it first.")
        return
    said = ((changes.name, product.name), (changes.description, product.description), (changes.kind, product.kind))
    if any(wanted is not None and wanted != present for wanted, present in said):
        raise InvalidState("An admin has approved it as it is: only its price, and whether it is sold, can change.")


def must_be_countable(product: Product, changes: Changes) -> None:
    """Raises Invalid for the pieces of a thing."""
    if changes.stock is not None and (changes.kind or product.kind) == "physical":
        raise Invalid(errors=({"field": "stock", "message": "the platform counts the pieces of what it sends"},))


def must_be_free(wanted: Wanted | None) -> None:
    """Raises InvalidState while something else is on its way to Stripe."""
    if wanted and wanted.refused is None:
        raise InvalidState("The last change of it is still on its way to Stripe. Try again in a minute.")


def made(product: str, terms: Terms, now: Millis) -> Product:
    """A product of these terms that Stripe has not got yet."""
    state: State = "draft" if terms.seller else "approved"
    return Product(
        id=product,
        name=terms.name,
        description=terms.description,
        images=(),
        kind=terms.kind,
        price=terms.price,
        price_id=None,
        coins=terms.coins,
        seller=terms.seller,
        active=False,
        state=state,
        created_at=now,
    )


def shown(product: Product, wanted: Wanted | None) -> Product:
    """The product as whoever sells it sees it: as it will be once Stripe has what is wanted."""
    return shown_by(product, wanted.terms) if wanted else product


def shown_by(product: Product, terms: Terms) -> Product:
    """The product as these terms have it. Whether it is on sale, Stripe still has to hear."""
    return replace(
        product,
        name=terms.name,
        description=terms.description,
        kind=terms.kind,
        price=terms.price,
        coins=terms.coins,
    )


def tried(wanted: Wanted, now: Millis) -> Wanted:
    """With one more try of which nobody knows what became: each pause is twice the one before, a day at most."""
    pause = min(_LONGEST_PAUSE, MINUTE << wanted.tries)
    return replace(wanted, tries=wanted.tries + 1, look_at=now + pause)


def refused(wanted: Wanted, why: str) -> Wanted:
    """Stripe will not have it: it is not tried again, and something else may be wanted."""
    return replace(wanted, tries=wanted.tries + 1, look_at=None, refused=why)


def following(wanted: Wanted, product: Product, name: str, now: Millis) -> Wanted | None:
    """What is wanted under ``name`` once Stripe has what was: nothing, but where the product was stopped meanwhile."""
    if product.state != "stopped" or not product.active:
        return None
    return Wanted(wanted.product, name, replace(wanted.terms, active=False), now)


def off_sale(product: Product, terms: Terms) -> Product:
    """The product that is to be off sale by these terms is so at once, whenever Stripe hears of it."""
    return product if terms.active else replace(product, active=False)


# --- what an admin decides -----------------------------------------------------------------------


def approved(product: Product) -> Product:
    """Let it be sold. As it was where it is so. Raises InvalidState for a digital one without a file."""
    if product.kind == "digital" and product.file is None:
        raise InvalidState("It has no file yet.")
    return replace(product, state="approved")


def must_be_as_seen(product: Product, seen: Product) -> None:
    """Raises InvalidState where its seller gave it another text, price or file since an admin looked at it."""
    shown = (product.name, product.description, product.kind, product.price, product.coins, product.file)
    if shown != (seen.name, seen.description, seen.kind, seen.price, seen.coins, seen.file):
        raise InvalidState("It has changed since you looked at it. Look again.")


def stopped(product: Product) -> Product:
    """Let nobody buy it from this moment on. As it was where it is so."""
    return replace(product, state="stopped")
