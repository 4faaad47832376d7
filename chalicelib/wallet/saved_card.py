"""A person's saved card, as their credit moves: charged where it gets short, and no more where nobody may spend it.

A charge is only written down here, so nobody waits for Stripe: ``recharges`` makes it. Whether the card is to be
charged stands in the newest entry, so who has no saved card pays no read for it.
"""

from __future__ import annotations

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import Millis
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Contended, Operation
from chalicelib.wallet import ceilings
from chalicelib.wallet.model import meter
from chalicelib.wallet.model import recharge as model
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.terms import OffReason
from chalicelib.wallet.recharge_store import KIND, recharges_of
from chalicelib.wallet.store import credit_account, ledger


def begin(world: World, user: str) -> None:
    """Write down that the card is to be charged, and have the clock see to it, unless a charge is in flight, the day's
    are used up, or the person's limits would let nobody spend it. It never raises for what can wait a minute.
    """
    try:
        rows, newest = recharges_of(world), ledger(world).head(credit_account(user))
        now = max(world.now(), newest.at)
        if not meter.short(newest, now, world.settings.rules) or _pointless(world, newest, now):
            return
        was = rows.of(user)
        wanted = model.begun(was, derived_id("rch", user, str(was.rev)), now)
    except (Contended, Problem):
        log.warning("recharge_put_off", user=user)  # the next minute, or the next spending, tries again
        return
    if wanted is None:
        return
    after, charge = wanted
    if world.wrote(rows.keep(after, was), rows.add(charge)):
        log.info("recharge_begun", id=charge.id, amount=charge.amount)
        world.wind(KIND, charge.id, 0, now)


def _pointless(world: World, newest: Entry, now: Millis) -> bool:
    """Whether the limits of the person let them spend no more than is there already."""
    ceiling = ceilings.ceiling(world, newest, now)
    return ceiling is not None and ceiling - newest.spent <= newest.buckets.paid


def turned_off(world: World, user: str, reason: OffReason) -> list[Operation]:
    """The operations that have the card charged no more, for a transaction in which the newest entry says so too."""
    was = recharges_of(world).of(user)
    after = model.off(was, reason)
    return [recharges_of(world).keep(after, was)] if after != was else []
