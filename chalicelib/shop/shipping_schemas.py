"""What sending things costs, as the API shows it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.runtime.schemas import Money, Schema
from chalicelib.shop.model.shipping import Rate

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="ISO 3166, two letters.")]


class RatesQuery(Schema):
    """Where to."""

    country: Country | None = None


class RateView(Schema):
    """What sending an order costs, however much is in it."""

    id: str = Field(description="`shipping_rate` of a new order.")
    name: str
    amount: Money = Field(description="For all of an order.")
    countries: list[str] = Field(description="Where it goes: ISO 3166, two letters each.")


def rate_view(rate: Rate) -> RateView:
    """One that is offered."""
    return RateView(id=rate.id, name=rate.name, amount=Money(amount=rate.amount), countries=list(rate.countries))
