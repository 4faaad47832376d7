"""Packs of coins: bought on the web by Stripe Checkout, as a top-up is; made and stopped by admins."""

from __future__ import annotations

from dataclasses import asdict, replace

from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.money import USD
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.wallet import limits, topups
from chalicelib.wallet.model import packs as model
from chalicelib.wallet.model import rails
from chalicelib.wallet.model.packs import Pack
from chalicelib.wallet.model.topup import TopUp
from chalicelib.wallet.purchases import pack_of, pack_rows, packs_of


def sold(world: World) -> list[Pack]:
    """The packs that are sold, the smallest first."""
    return [each for each in packs_of(world).packs if each.active]


def open_checkout(world: World, user: str, topup_id: str, pack: str, where: str) -> TopUp:
    """Start a purchase of ``pack`` by Stripe and return it with its payment page; the same one when repeated.

    ``topup_id`` derives from the request. Raises Forbidden where that cannot be bought so, NotFound (no such pack to
    buy), SpendingLimitReached (excluded, or the price is above what the limits leave), IdempotencyMismatch,
    ProviderFailed as for a top-up.
    """
    rails.must_allow("coins", where, "stripe")
    wanted = pack_of(world, pack)
    if wanted is None or not wanted.active:
        raise NotFound("There is no such pack to buy.")
    limits.must_not_be_excluded(world, user)
    limits.must_leave(world, user, wanted.price)
    opened = TopUp(topup_id, user, wanted.price, USD, "pending", world.now(), pack=wanted.id, coins=wanted.coins)
    return topups.open_page(world, opened)


def keep(world: World, pack: Pack, *, actor: str, reason: str) -> Pack:
    """Sell ``pack`` as it is here from now on, or no more, audited. Raises Invalid (out of bounds, or cheaper than what
    readers get of its coins), InvalidState (other coins).
    """
    model.must_cover(pack, world.settings.cents_per_100_coins)

    def attempt() -> Pack:
        was = packs_of(world)
        now = model.with_pack(was, pack)
        if now == was:
            return pack
        detail = asdict(pack)
        said = audit.entry(
            world.settings.tables.audit,
            subject=f"pack:{pack.id}",
            action="pack_set" if pack.active else "pack_stopped",
            actor=actor,
            reason=reason,
            at=world.now(),
            detail=detail,
        )
        world.tables.write(pack_rows(world).replace(now), said)
        return pack

    return undisturbed(world.sleep, attempt)


def stop(world: World, pack: str, *, actor: str, reason: str) -> Pack:
    """Sell the pack no more, audited; what was bought stays. Raises NotFound."""
    known = pack_of(world, pack)
    if known is None:
        raise NotFound("There is no such pack.")
    return keep(world, replace(known, active=False), actor=actor, reason=reason)
