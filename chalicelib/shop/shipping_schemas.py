"""Where things are sent and what that costs, as the API shows it."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from chalicelib.runtime.schemas import Money, Schema
from chalicelib.shop.model import shipping as model
from chalicelib.shop.model.shipping import Address, Rate

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="ISO 3166, two letters.")]
Line = Annotated[str, StringConstraints(max_length=200)]


class AddressView(Schema):
    """Where an order is sent: each on one line."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Ada Lovelace",
                    "line1": "12 St James's Square",
                    "city": "Springfield",
                    "state": "IL",
                    "postal_code": "62701",
                    "country": "US",
                }
            ]
        }
    )

    name: Annotated[Line, Field(description="Who receives it: at most 100 characters.")]
    line1: Line
    line2: Line = ""
    city: Annotated[Line, Field(description="At most 100 characters.")]
    state: Annotated[Line, Field(description="State, province or region, where there is one.")] = ""
    postal_code: Annotated[Line, Field(description="Where there is one: letters, digits, blanks and hyphens.")] = ""
    country: Country

    def address(self) -> Address:
        """The address as it is kept. Raises Invalid."""
        return model.address(Address(**dict(self)))


class RatesQuery(Schema):
    """Where to."""

    country: Country | None = None


class RateView(Schema):
    """What sending an order costs, however much is in it."""

    id: str = Field(description="`shipping_rate` of a new order.")
    name: str
    amount: Money
    countries: list[str] = Field(description="Where it goes: ISO 3166, two letters each.")


def address_view(address: Address) -> AddressView:
    """An address, to whose it is."""
    return AddressView(**{name: getattr(address, name) for name in AddressView.model_fields})


def rate_view(rate: Rate) -> RateView:
    """One that is offered."""
    return RateView(id=rate.id, name=rate.name, amount=Money(amount=rate.amount), countries=list(rate.countries))
