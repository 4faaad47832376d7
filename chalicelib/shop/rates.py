"""Shipping rates: what people choose from, made and stopped by admins."""

from __future__ import annotations

from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.shop.model import shipping as model
from chalicelib.shop.model.shipping import Address, Rate
from chalicelib.shop.terms_store import terms_of


def chosen(world: World, rate: str, to: Address) -> Rate:
    """The rate of that id, if it is offered and goes there. Raises Invalid."""
    return model.chosen(terms_of(world).rates(), rate, to)


def every(world: World) -> tuple[Rate, ...]:
    """All of them, also those that are not offered any more; the cheapest first."""
    return terms_of(world).rates().rates


def offered(world: World, country: str | None) -> list[Rate]:
    """Those that are offered, to ``country`` or to anywhere; the cheapest first."""
    return [each for each in every(world) if each.active and (country is None or country in each.countries)]


def keep(world: World, rate: Rate, *, actor: str, reason: str) -> Rate:
    """Offer ``rate`` as it is here from now on, or no more, audited. Raises Invalid, InvalidState (too many)."""

    def attempt() -> Rate:
        rows = terms_of(world)
        was = rows.rates()
        now = model.with_rate(was, rate)
        if now == was:
            return rate
        said = audit.entry(
            world.settings.tables.audit,
            subject=f"shipping:{rate.id}",
            action="shipping_rate_set" if rate.active else "shipping_rate_stopped",
            actor=actor,
            reason=reason,
            at=world.now(),
            detail={"name": rate.name, "amount": rate.amount, "countries": " ".join(rate.countries)},
        )
        world.tables.write(rows.replace_rates(now), said)
        return rate

    return undisturbed(world.sleep, attempt)


def must_suit(world: World, rate: Rate) -> None:
    """Raises Invalid, InvalidState for one that cannot be kept."""
    model.with_rate(terms_of(world).rates(), rate)


def known(world: World, rate: str) -> Rate:
    """The rate, offered or not. Raises NotFound."""
    found = terms_of(world).rates().known(rate)
    if found is None:
        raise NotFound("There is no such shipping rate.")
    return found
