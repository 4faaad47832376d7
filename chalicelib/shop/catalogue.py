"""Products as Stripe has them: reading ours, and bringing ours up to date (product §9).

Whatever Stripe tells of a product or a price only makes us read that product there, and write what it says if nobody
wrote since we began: so in whatever order events come, and however often, the newest state at Stripe is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import NotFound, ProviderFailed
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Put
from chalicelib.shop.model import product as model
from chalicelib.shop.model.product import Product
from chalicelib.shop.store import products_of as rows_of

if TYPE_CHECKING:
    from chalicelib.wallet.events import Stored

_TRIES: Final = 4
"""Of a refresh: each asks Stripe, and one that lost means that another has just read it."""


def product(world: World, product_id: str) -> Product:
    """The product as we know it, on sale or not. Raises NotFound."""
    if found := rows_of(world).product(product_id):
        return found
    raise NotFound("There is no such product.")


def products_of(world: World, product_ids: Iterable[str]) -> dict[str, Product]:
    """Those of these products that there are, on sale or not, by their ids."""
    return rows_of(world).products(product_ids)


def refresh(world: World, product_id: str) -> Product | None:
    """Read the product at Stripe, and keep what it says; None for one that is neither there nor here.

    Raises Refused, ProviderFailed, Unavailable.
    """

    def attempt() -> Product | None:
        seen, operations = _reading(world, product_id)
        if operations:
            world.tables.write(*operations)
        return seen

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def told(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event on a product or a price did: one try. Raises ProviderFailed, ConditionFailed, Contended."""
    thing = event["data"]["object"]
    name = thing.get("product") if event["type"].startswith("price.") else thing.get("id")
    if isinstance(name, Mapping):
        name = name.get("id")
    if not model.is_id(name):
        world.tables.write(stored("no product that can be sold here"))
        return "no product that can be sold here"
    try:
        seen, operations = _reading(world, str(name))
    except Refused as refused:
        raise ProviderFailed from refused
    outcome = "not there" if seen is None else "listed" if seen.listed else "not listed"
    world.tables.write(stored(outcome), *operations)
    return outcome


def _reading(world: World, product_id: str) -> tuple[Product | None, list[Put]]:
    """The product as Stripe has it now, and the operation that keeps it; it fails where another write came first.

    It is written also where it says nothing new, so that who read before us, and is slow, does not write after us.
    """
    rows = rows_of(world)
    was = rows.product(product_id)
    seen = model.read(product_id, world.payments.product(product_id), was)
    if seen is None:
        return None, []
    if seen.fault:
        log.warning("product_faulty", id=product_id, outcome=seen.fault)
    kept = replace(seen, rev=was.rev + 1 if was else 1)
    return kept, [rows.keep(kept, was)]
