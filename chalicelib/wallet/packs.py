"""Packs of coins: bought on the web by Stripe Checkout, as a top-up is, and sent back to the card of who has left; made
and stopped by admins.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import NotFound, ProviderFailed
from chalicelib.kernel.money import USD
from chalicelib.kernel.time import DAY, Millis
from chalicelib.runtime import audit
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.wallet import bought, limits, payments, topups
from chalicelib.wallet.model import packs as model
from chalicelib.wallet.model import rails
from chalicelib.wallet.model.held_page import HeldPage
from chalicelib.wallet.model.packs import Pack
from chalicelib.wallet.model.payment import Misfit, left_of, refund_told
from chalicelib.wallet.model.topup import TopUp
from chalicelib.wallet.purchases import pack_of, packs_of
from chalicelib.wallet.purchases_store import pack_rows

_PAGE_LIFE: Final[Millis] = DAY
"""How long Stripe lets people pay on a page that says nothing else."""
_MOST_SENT: Final = 20
"""At one time: more than anybody pays on pages that were left open."""


def sold(world: World) -> list[Pack]:
    """The packs that are sold, the smallest first."""
    return [each for each in packs_of(world).packs if each.active]


def open_checkout(
    world: World, user: str, topup_id: str, pack: str, where: str, over: limits.Over = lambda _: False
) -> TopUp:
    """Start a purchase of ``pack`` by Stripe and return it with its payment page; the same one when repeated.

    ``topup_id`` derives from the request; ``over`` as in ``limits.hold_page``. Raises Forbidden where that cannot be
    bought so, NotFound (no such pack to buy), SpendingLimitReached (excluded, or the price is above what the limits
    leave), IdempotencyMismatch, ProviderFailed as for a top-up.
    """
    rails.must_allow("coins", where, "stripe")
    wanted = pack_of(world, pack)
    if wanted is None or not wanted.active:
        raise NotFound("There is no such pack to buy.")
    limits.must_not_be_excluded(world, user)
    opened = TopUp(topup_id, user, wanted.price, USD, "pending", world.now(), pack=wanted.id, coins=wanted.coins)
    page = HeldPage(opened.id, opened.amount, opened.created_at + _PAGE_LIFE)
    return topups.open_page(world, opened, lambda: limits.hold_page(world, user, page, over))


def give_back_since(world: World, user: str, moment: Millis) -> None:
    """Send back to the cards what was paid by Stripe for coins since ``moment``, when nobody could spend them any more.

    It may be repeated, and alarms where something could not be sent, or came back because no bank took it.
    """
    found, _ = bought.bought_by(world, user, _MOST_SENT, None, moment)
    for each in found:
        if each.store != bought.STRIPE or not each.cents:
            continue
        try:
            told = refund_told(world.payments.refund(intent=each.id, amount=each.cents, part=f"late:{each.id}"))
            known = undisturbed(world.sleep, partial(payments.learn_all, world, each.id, [told] if told else []))
            sent = not left_of(known)[0]
        except (Refused, ProviderFailed, Misfit):
            sent = False
        if not sent:
            log.error("deleted_with_coins", user=user, id=each.id, amount=each.cents)


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
