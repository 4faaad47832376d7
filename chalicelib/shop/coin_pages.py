"""Pages of Stripe's for coins. Limits count all pages that may yet be paid; of orders the shop knows which."""

from functools import partial

from chalicelib.gateways import World
from chalicelib.shop import orders
from chalicelib.wallet import packs
from chalicelib.wallet.model.topup import TopUp


def open_checkout(world: World, user: str, topup_id: str, pack: str, where: str) -> TopUp:
    """As ``packs.open_checkout``: an order that was paid, or is called off, is not held against it."""
    return packs.open_checkout(world, user, topup_id, pack, where, partial(orders.waits_for_nothing, world))
