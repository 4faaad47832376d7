"""Product §9: where things are sent, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.shop.model import shipping as model
from chalicelib.shop.model.shipping import DEFAULT, MOST_RATES, Address, Rate, Rates, chosen, with_rate

HOME = Address("Ada Lovelace", "12 St James's Square", "", "Springfield", "IL", "62701", "US")
EXPRESS = Rate("express", "Express", 1_995, ("CA", "US"))


def said(refused: pytest.ExceptionInfo[Invalid]) -> tuple[str, str]:
    """The field at fault, and what is said of it."""
    (error,) = refused.value.errors
    return error["field"], error["message"]


def test_an_address_is_kept_on_single_lines_of_what_can_be_seen() -> None:
    written = Address(
        " Ada\u202e  Lovelace\n", "12\tSt\u00a0James's Square", "\u200b", "Springfield ", "", " sw1y 4jh", "gb"
    )
    assert model.address(written) == Address(
        "Ada Lovelace", "12 St James's Square", "", "Springfield", "", "SW1Y 4JH", "GB"
    )


@pytest.mark.parametrize("name", ["name", "line1", "city"])
def test_an_address_needs_a_name_a_street_and_a_place(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        model.address(replace(HOME, **{name: "\u200b"}))
    assert said(refused) == (f"address.{name}", "write something that can be seen")


@pytest.mark.parametrize(
    ("name", "most"), [("name", 100), ("line1", 200), ("line2", 200), ("city", 100), ("state", 100)]
)
def test_each_line_has_an_end(name: str, most: int) -> None:
    changed: Any = {name: "x" * most}
    assert getattr(model.address(replace(HOME, **changed)), name) == "x" * most
    with pytest.raises(Invalid) as refused:
        model.address(replace(HOME, **{name: "x" * (most + 1)}))
    assert said(refused) == (f"address.{name}", f"at most {most} characters")


@pytest.mark.parametrize("code", ["", "1010", "D02 X285", "123-4567", "1" * 16])
def test_a_postal_code_is_as_loose_as_countries_are(code: str) -> None:
    assert model.address(replace(HOME, postal_code=code)).postal_code == code


@pytest.mark.parametrize("code", ["1" * 17, "-1", "12;34", "١٢٣"])
def test_what_is_no_postal_code_anywhere_is_refused(code: str) -> None:
    with pytest.raises(Invalid) as refused:
        model.address(replace(HOME, postal_code=code))
    assert said(refused) == ("address.postal_code", "at most 16 letters, digits, blanks and hyphens")


@pytest.mark.parametrize("country", ["", "U", "USA", "U1", "ÄT"])
def test_a_country_is_two_letters(country: str) -> None:
    with pytest.raises(Invalid) as refused:
        model.address(replace(HOME, country=country))
    assert said(refused) == ("address.country", "two letters of ISO 3166, such as US")


# --- rates -----------------------------------------------------------------------------------------


def test_there_is_one_rate_at_first() -> None:
    assert DEFAULT.rates == (Rate("standard", "Standard shipping", 595, ("US",)),)


def test_a_rate_is_added_cheapest_first_or_changed_in_its_place() -> None:
    both = with_rate(DEFAULT, EXPRESS)
    assert [each.id for each in both.rates] == ["standard", "express"]
    cheaper = with_rate(both, replace(EXPRESS, amount=0))
    assert [(each.id, each.amount) for each in cheaper.rates] == [("express", 0), ("standard", 595)]
    twin = with_rate(both, replace(EXPRESS, id="courier"))
    assert [each.id for each in twin.rates] == ["standard", "courier", "express"]


def test_a_rate_that_is_offered_and_goes_there_is_chosen() -> None:
    assert chosen(with_rate(DEFAULT, EXPRESS), "express", HOME) == EXPRESS
    assert chosen(with_rate(DEFAULT, EXPRESS), "express", replace(HOME, country="CA")) == EXPRESS


@pytest.mark.parametrize("rate", ["express", "other", ""])
def test_a_rate_that_was_stopped_or_never_was_is_refused(rate: str) -> None:
    with pytest.raises(Invalid) as refused:
        chosen(with_rate(DEFAULT, replace(EXPRESS, active=False)), rate, HOME)
    assert refused.value.errors == ({"field": "shipping_rate", "message": "There is no such rate."},)


def test_a_rate_that_does_not_go_there_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        chosen(DEFAULT, "standard", replace(HOME, country="AT"))
    assert refused.value.errors == ({"field": "shipping_rate", "message": "It does not go to AT."},)


NO_ID = "2 to 32 small letters, digits and underscores"
NO_NAME = "one line of 1 to 100 characters"
NO_LIST = "1 to 250, each once"


@pytest.mark.parametrize(
    ("changed", "field", "why"),
    [
        ({"id": "e"}, "id", NO_ID),
        ({"id": "e" * 33}, "id", NO_ID),
        ({"id": "Express"}, "id", NO_ID),
        ({"name": ""}, "name", NO_NAME),
        ({"name": "x" * 101}, "name", NO_NAME),
        ({"name": "two\nlines"}, "name", NO_NAME),
        ({"amount": -1}, "amount", "from 0 to 20000"),
        ({"amount": 20_001}, "amount", "from 0 to 20000"),
        ({"countries": ()}, "countries", NO_LIST),
        ({"countries": ("US", "US")}, "countries", NO_LIST),
        ({"countries": ("us",)}, "countries", "two letters of ISO 3166 each, such as US"),
    ],
)
def test_what_can_be_no_rate_is_refused(changed: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        with_rate(DEFAULT, replace(EXPRESS, **changed))
    assert said(refused) == (field, why)


@pytest.mark.parametrize(
    "changed", [{"id": "ex"}, {"id": "e" * 32}, {"name": "x"}, {"name": "x" * 100}, {"amount": 0}, {"amount": 20_000}]
)
def test_a_rate_at_its_bounds_is_kept(changed: dict[str, Any]) -> None:
    wanted = replace(EXPRESS, **changed)
    assert with_rate(DEFAULT, wanted).known(wanted.id) == wanted


def test_there_are_twenty_rates_at_most() -> None:
    full = Rates(tuple(Rate(f"rate_{number}", "Rate", number, ("US",)) for number in range(MOST_RATES)))
    assert with_rate(full, replace(full.rates[3], amount=7)).known("rate_3")
    with pytest.raises(InvalidState, match="There are 20 rates already"):
        with_rate(full, EXPRESS)


def test_all_countries_fit_into_one_rate() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    every = tuple(one + other for one in letters for other in letters)
    assert with_rate(DEFAULT, replace(EXPRESS, countries=every[:250])).known("express")
    with pytest.raises(Invalid):
        with_rate(DEFAULT, replace(EXPRESS, countries=every[:251]))


def test_rates_are_read_as_they_were_stored() -> None:
    both = replace(with_rate(DEFAULT, replace(EXPRESS, active=False)), rev=4)
    assert model.from_item(model.to_item(both)) == both
