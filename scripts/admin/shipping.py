"""The verbs of shipping rates. Amounts are in cents."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.shop import rates
from chalicelib.shop.model.shipping import Rate
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, a_text, takes_nothing


def list_rates(world: World, asked: Namespace) -> Answer:
    """All of them, also those that are not offered any more."""
    del asked
    return Answer([_facts(each) for each in rates.every(world)])


def set_rate(world: World, asked: Namespace) -> Plan:
    """Also brings back one that was stopped. Orders keep what they were made with."""
    rate = Rate(asked.rate, asked.name, asked.amount, tuple(sorted(set(asked.countries))))
    known: Rate | None = None
    with suppress(NotFound):
        known = rates.known(world, rate.id)
    rates.must_suit(world, rate)  # what is not acceptable is refused before it is confirmed
    was = f", now {_named(known)}" if known else ", a new one"
    return _keep(world, rate, known, f"offer {_named(rate)}{was}")


def stop_rate(world: World, asked: Namespace) -> Plan:
    """Orders that chose it stay as they are."""
    known = rates.known(world, asked.rate)
    return _keep(world, replace(known, active=False), known, f"let nobody choose {known.id} any more")


def _keep(world: World, rate: Rate, known: Rate | None, will: str) -> Plan:
    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(rates.keep(world, rate, actor=operator, reason=reason))])

    return Plan(() if known == rate else (will,), act)


def _named(rate: Rate) -> str:
    to = " ".join(rate.countries)
    return f"{rate.name} ({rate.id}) for {rate.amount} cents to {to}{'' if rate.active else ', stopped'}"


def _facts(rate: Rate) -> Facts:
    return {
        "rate": rate.id,
        "name": rate.name,
        "amount_cents": rate.amount,
        "countries": list(rate.countries),
        "active": rate.active,
    }


@cache
def _countries() -> frozenset[str]:
    """The countries of ISO 3166, as the database of time zones lists them."""
    lines = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text().splitlines()
    return frozenset(line.split("\t")[0] for line in lines if not line.startswith("#"))


def _country(written: str) -> str:
    if written not in _countries():
        raise ArgumentTypeError("write a country by two letters of ISO 3166, such as US")
    return written


def _takes_rate(parser: ArgumentParser) -> None:
    parser.add_argument("rate", type=a_text, metavar="RATE", help="its id: small letters, digits and underscores")


def _takes_terms(parser: ArgumentParser) -> None:
    _takes_rate(parser)
    parser.add_argument("--name", type=a_text, required=True, help="what people see")
    parser.add_argument("--amount", type=a_number, required=True, help="cents, for all of an order")
    parser.add_argument(
        "--countries", type=_country, nargs="+", required=True, metavar="US", help="where it goes: ISO 3166"
    )


VERBS: Final = (
    Verb(
        "shipping",
        "list",
        "List the shipping rates, also those that were stopped.",
        ("shipping list --stage prod", "shipping list --local --json"),
        takes_nothing,
        list_rates,
    ),
    Verb(
        "shipping",
        "set",
        "Offer a shipping rate, or change one. Orders keep what they were made with.",
        (f"shipping set express --name Express --amount 1995 --countries US CA --stage prod {WHY}",),
        _takes_terms,
        set_rate,
        changes=True,
    ),
    Verb(
        "shipping",
        "stop",
        "Let nobody choose a shipping rate any more.",
        (f"shipping stop express --stage prod {WHY}",),
        _takes_rate,
        stop_rate,
        changes=True,
    ),
)
