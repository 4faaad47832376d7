"""What a person lets themselves spend (product §1), held against what their chain says was spent.

A decision is made on the newest entry and on limits that were read after it; setting limits is an entry too, so of a
spending and a lower limit the second sees the first. What counts, and what is left of it: ``ceilings``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import SpendingLimitReached, Unavailable
from chalicelib.kernel.time import rfc3339
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import ceilings
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import follow
from chalicelib.wallet.model.held_page import MOST_PAGES, HeldPage
from chalicelib.wallet.topup_store import TopUps

if TYPE_CHECKING:
    from chalicelib.accounts import service as accounts
    from chalicelib.accounts.model.limits import Limits, Wanted
    from chalicelib.wallet import saved_card
else:
    accounts = on_first_use("chalicelib.accounts.service")
    saved_card = on_first_use("chalicelib.wallet.saved_card")

Over = Callable[[str], bool]
"""Says of an order's id whether it waits for nothing any more: the shop knows."""
_TRIES: Final = 100
_PAGES_COUNT: Final = "Payment pages that you have open count. Pay or cancel them, or wait until they end."


def must_not_be_excluded(world: World, user: str) -> None:
    """Raises SpendingLimitReached for who has excluded themselves."""
    until = accounts.limits_of(world, user).self_excluded_until.value
    if until is not None:
        raise SpendingLimitReached(f"You have excluded yourself until {rfc3339(until)}.")


def hold_page(world: World, user: str, page: HeldPage, over: Over) -> list[Operation]:
    """What keeps ``page`` of Stripe's counted until it is paid or over, for the transaction that makes what it pays
    for; nothing where the person has no limits. It fails where another page came first, so of two at once the second
    sees the first.

    Raises SpendingLimitReached where the limits, what the open meter holds and other pages that may yet be paid leave
    less than it costs.
    """
    newest = wallet.charge_due(world, wallet.head(world, user))
    now = max(world.now(), newest.at)
    rows = TopUps(world.tables, world.settings.tables.wallet)
    if not newest.bounded:
        return []

    def is_over(name: str) -> bool:
        topup = rows.get(name)
        return topup.status != "pending" if topup else over(name)

    others = rows.held_pages(user).open_beside(page.id, now, is_over)
    most = ceilings.ceiling(world, newest, now)  # after the pages: one that is paid in between counts twice, not never
    if most is None:
        return []
    spent = newest.spent + meter.held(newest, world.settings.rules)
    if spent + page.cents > most:
        raise SpendingLimitReached
    if spent + others.cents + page.cents > most or len(others.pages) >= MOST_PAGES:
        raise SpendingLimitReached(_PAGES_COUNT)
    return [rows.hold_pages(user, others.with_page(page))]


def set_limits(world: World, user: str, wanted: Wanted) -> Limits:
    """Take what the person asks for: what is stricter at once, what is looser in 24 hours. An open meter is bound by it
    in the same transaction.

    Raises Invalid, Unavailable when storage stays contended.
    """
    book = wallet.ledger(world)
    newest = wallet.head(world, user)
    for _ in range(_TRIES):
        newest = wallet.charge_due(world, newest)
        now = max(world.now(), newest.at)
        decided, keep = accounts.limits_change(world, user, wanted)
        if keep is None:
            return decided
        ceiling_now = ceilings.under(world, decided, newest, now)
        entry = follow(newest, meter.limit(newest, ceiling_now, decided.any), now)
        charged_no_more = entry.refill is None and newest.refill is not None
        off = saved_card.turned_off(world, user, "excluded") if charged_no_more else []
        if world.wrote(keep, book.put(entry), *off):
            return decided
        newest = book.head(newest.account)
    raise Unavailable("The wallet is too busy.")
