"""Where things are sent, and what sending them costs (product §9). Admins keep the rates; Stripe knows of none.

A rate never goes: orders name it. What is not offered any more is stopped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.text import one_line

MOST_RATES: Final = 20
MOST_COUNTRIES: Final = 250
MOST_AMOUNT: Final[Cents] = 20_000
LONGEST_NAME: Final = 100
_ID: Final = re.compile(r"[a-z][a-z0-9_]{1,31}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_POSTAL_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9 -]{0,15}")

LONGEST: Final[Mapping[str, int]] = {"name": 100, "line1": 200, "line2": 200, "city": 100, "state": 100}
"""Characters of each line of an address."""
_NEEDED: Final = ("name", "line1", "city")


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is sent: each field one line of visible text, perhaps empty; ``country`` as ISO 3166 has it."""

    name: str
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Rate:
    """``amount`` cents for all of an order, to any of ``countries``."""

    id: str
    name: str
    amount: Cents
    countries: tuple[str, ...]
    active: bool = True
    """Whether it is offered."""


@dataclass(frozen=True, slots=True)
class Rates:
    """All of them, in the order in which they are shown."""

    rates: tuple[Rate, ...]
    rev: int = 0

    def known(self, rate: str) -> Rate | None:
        """The rate, offered or not."""
        return next((each for each in self.rates if each.id == rate), None)


DEFAULT: Final = Rates((Rate("standard", "Standard shipping", 595, ("US",)),))


def address(written: Address) -> Address:
    """The address as it is kept: on single lines, spaced once, of characters that can be seen. Raises Invalid."""
    kept = Address(
        **{name: one_line(getattr(written, name)) for name in LONGEST},
        postal_code=one_line(written.postal_code).upper(),
        country=written.country.strip().upper(),
    )
    errors = [
        {"field": f"address.{name}", "message": f"at most {most} characters"}
        for name, most in LONGEST.items()
        if len(getattr(kept, name)) > most
    ]
    errors += [
        {"field": f"address.{name}", "message": "write something that can be seen"}
        for name in _NEEDED
        if not getattr(kept, name)
    ]
    if kept.postal_code and not _POSTAL_CODE.fullmatch(kept.postal_code):  # some countries have none
        errors.append({"field": "address.postal_code", "message": "at most 16 letters, digits, blanks and hyphens"})
    if not _COUNTRY.fullmatch(kept.country):
        errors.append({"field": "address.country", "message": "two letters of ISO 3166, such as US"})
    if errors:
        raise Invalid(errors=tuple(errors))
    return kept


def chosen(rates: Rates, rate: str, to: Address) -> Rate:
    """The rate of that id, if it is offered and goes there. Raises Invalid."""
    found = rates.known(rate)
    if found is None or not found.active:
        raise Invalid(errors=({"field": "shipping_rate", "message": "There is no such rate."},))
    if to.country not in found.countries:
        raise Invalid(errors=({"field": "shipping_rate", "message": f"It does not go to {to.country}."},))
    return found


def with_rate(was: Rates, rate: Rate) -> Rates:
    """With ``rate`` added, or in the place of the one of its id. Raises Invalid, InvalidState."""
    errors = []
    if not _ID.fullmatch(rate.id):
        errors.append({"field": "id", "message": "2 to 32 small letters, digits and underscores"})
    if not 0 < len(rate.name) <= LONGEST_NAME or one_line(rate.name) != rate.name:
        errors.append({"field": "name", "message": f"one line of 1 to {LONGEST_NAME} characters"})
    if not 0 <= rate.amount <= MOST_AMOUNT:
        errors.append({"field": "amount", "message": f"from 0 to {MOST_AMOUNT}"})
    if not 1 <= len(rate.countries) <= MOST_COUNTRIES or len(set(rate.countries)) < len(rate.countries):
        errors.append({"field": "countries", "message": f"1 to {MOST_COUNTRIES}, each once"})
    if not all(_COUNTRY.fullmatch(each) for each in rate.countries):
        errors.append({"field": "countries", "message": "two letters of ISO 3166 each, such as US"})
    if errors:
        raise Invalid(errors=tuple(errors))
    if was.known(rate.id) is None and len(was.rates) >= MOST_RATES:
        raise InvalidState(f"There are {MOST_RATES} rates already.")
    others = tuple(each for each in was.rates if each.id != rate.id)
    return replace(was, rates=tuple(sorted((*others, rate), key=lambda each: (each.amount, each.id))))


def to_item(rates: Rates) -> dict[str, Any]:
    """The rates as they are stored, without their key."""
    told = [[each.id, each.name, each.amount, list(each.countries), each.active] for each in rates.rates]
    return {"rates": told, "rev": rates.rev}


def from_item(item: dict[str, Any]) -> Rates:
    """The rates that ``to_item`` stored."""
    told = (Rate(name, title, amount, tuple(to), active) for name, title, amount, to, active in item["rates"])
    return Rates(tuple(told), item["rev"])
