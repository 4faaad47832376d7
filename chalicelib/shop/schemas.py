"""What the endpoints of products take and give."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from chalicelib.kernel.time import rfc3339
from chalicelib.runtime.schemas import Id, ListQuery, Money, PersonView, Schema
from chalicelib.shop.file_schemas import FileView
from chalicelib.shop.listing import Shown
from chalicelib.shop.model import stock
from chalicelib.shop.model.product import (
    DESCRIPTION_LENGTH,
    MOST_COINS,
    NAME_LENGTH,
    Filters,
    Kind,
    State,
)
from chalicelib.shop.model.wanted import LEAST_OF_READERS, MOST_OF_READERS, Changes, Terms
from chalicelib.shop.selling import Own
from chalicelib.wallet.model.rails import Rail, Where

Price = Annotated[int, Field(ge=LEAST_OF_READERS, le=MOST_OF_READERS, description="Cents.")]
Coins = Annotated[int, Field(ge=0, le=MOST_COINS, description="The price in coins, only of what is digital; 0: none.")]
Pieces = Annotated[int, Field(ge=0, le=stock.MOST)]
Stock = Annotated[
    Pieces | Literal["unlimited"],
    Field(description="Pieces of a digital one, at first without limit; the platform counts those of a thing."),
]
Name = Annotated[
    str, Field(min_length=1, max_length=2 * NAME_LENGTH, description=f"One line, {NAME_LENGTH} characters at most.")
]
Description = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2 * DESCRIPTION_LENGTH,
        description=f"Plain text, {DESCRIPTION_LENGTH:,} characters at most.",
    ),
]


class WhereQuery(Schema):
    """Where it is looked at."""

    where: Annotated[Where, Field(description="`rails` says how it may be paid there.")] = "web"


class ProductsQuery(ListQuery):
    """Which products."""

    kind: Kind | None = None
    seller: Annotated[Id, Field(description="The reader's id, not the slug.")] | None = None
    q: (
        Annotated[str, Field(max_length=200, description="Words that must all be found, or their beginnings.")] | None
    ) = None
    where: Annotated[Where, Field(description="What can be bought there; `rails` says how it may be paid.")] = "web"

    def filters(self) -> Filters:
        return Filters(where=self.where, kind=self.kind, seller=self.seller, q=self.q)


class ProductView(Schema):
    """A product that is on sale."""

    id: str
    name: str
    description: Annotated[str, Field(description="Plain text.")]
    images: Annotated[tuple[str, ...], Field(description="Addresses that Stripe was told.")]
    kind: Kind
    price: Annotated[Money | None, Field(description="Null where it is sold for coins alone.")]
    coins: Annotated[int | None, Field(description="The price in coins; null where it is not sold for them.")]
    seller: Annotated[PersonView | None, Field(description="The reader who sells it; null is the platform.")]
    available: Annotated[bool, Field(description="Whether at least one is left.")]
    left: Annotated[int | None, Field(description="How many pieces are left, where there are 10 or fewer.")]
    rails: Annotated[tuple[Rail, ...], Field(description="How it may be paid where it is looked at.")]

    @classmethod
    def of(cls, shown: Shown) -> Self:
        product = shown.product
        return cls(
            id=product.id,
            name=product.name,
            description=product.description,
            images=product.images,
            kind=product.kind,
            price=Money(amount=product.price) if product.price is not None else None,
            coins=product.coins,
            seller=PersonView(id=product.seller, display_name=shown.seller)
            if product.seller and shown.seller
            else None,
            available=shown.stock.available,
            left=shown.stock.few,
            rails=shown.rails,
        )


# --- a reader's own ------------------------------------------------------------------------------


class NewProduct(Schema):
    """A product to sell, once an admin has looked at it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Moon calendar",
                    "description": "A year of moons, as a PDF.",
                    "kind": "digital",
                    "price": 900,
                    "coins": 900,
                }
            ]
        }
    )

    name: Name
    description: Description
    kind: Kind
    price: Price
    coins: Coins | None = None
    stock: Stock | None = None

    def terms(self, seller: str) -> Terms:
        return Terms(self.name, self.description, self.kind, self.price, self.coins or None, seller, active=False)


class ProductChanges(Schema):
    """What to change. A field that is absent or null stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"price": 1200}, {"on_sale": False}]})

    name: Name | None = None
    description: Description | None = None
    kind: Kind | None = None
    price: Price | None = None
    coins: Coins | None = None
    stock: Stock | None = None
    on_sale: bool | None = None

    def changes(self) -> Changes:
        return Changes(self.name, self.description, self.kind, self.price, self.coins, self.on_sale, self.stock)


class OwnProduct(Schema):
    """A product as its seller sees it."""

    id: str
    name: str
    description: str
    images: tuple[str, ...]
    kind: Kind
    price: Money | None
    coins: Annotated[int | None, Field(description="The price in coins; null where it is not sold for them.")]
    state: Annotated[State, Field(description="An admin looks at a `draft`; what one has stopped stays so.")]
    on_sale: Annotated[bool, Field(description="Whether people can buy it, while pieces are left.")]
    waiting: Annotated[bool, Field(description="The last change is still on its way to Stripe.")]
    refused: Annotated[bool, Field(description="Stripe would not have the last change. Change it.")]
    stock: Annotated[int | None, Field(description="Pieces that are left; null is without limit.")]
    file: FileView | None
    created_at: str

    @classmethod
    def of(cls, own: Own) -> Self:
        product, file = own.product, own.product.file
        return cls(
            id=product.id,
            name=product.name,
            description=product.description,
            images=product.images,
            kind=product.kind,
            price=Money(amount=product.price) if product.price is not None else None,
            coins=product.coins,
            state=product.state,
            on_sale=product.listed,
            waiting=own.waiting,
            refused=own.wanted is not None and own.wanted.refused is not None,
            stock=own.stock.left,
            file=FileView.of(file) if file else None,
            created_at=rfc3339(product.created_at),
        )
