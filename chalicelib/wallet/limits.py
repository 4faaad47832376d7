"""What a person lets themselves spend (product §1), held against what their chain says was spent.

A limit counts paid money that was spent in any 24 hours, 7 days and 30 days up to now, less what came back in them:
``Entry.spent`` runs along the chain, so what was spent in a window is the difference of two entries. A decision is made
on the newest entry and on limits that were read after it; setting limits is an entry too, so of a spending and a lower
limit the second sees the first. The newest entry says whether there are any, so who has none pays no read for them; the
open meter carries its ceiling, so a minute asks nothing.

What was paid for coins, and by Stripe for orders, counts too: by Stripe what is not given back, at an app store the
pack's price here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import SpendingLimitReached, Unavailable
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis, rfc3339
from chalicelib.runtime.lazy import on_first_use
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import NOTHING, Entry, follow, genesis
from chalicelib.wallet.store import Ledger

if TYPE_CHECKING:
    from chalicelib.accounts import service as accounts
    from chalicelib.accounts.model.limits import Limits, Wanted
    from chalicelib.wallet import bought, recharges
    from chalicelib.wallet import service as wallet
else:
    accounts = on_first_use("chalicelib.accounts.service")
    bought = on_first_use("chalicelib.wallet.bought")
    recharges = on_first_use("chalicelib.wallet.recharges")
    wallet = on_first_use("chalicelib.wallet.service")

WEEK: Final = 7 * DAY
MONTH: Final = 30 * DAY
_TRIES: Final = 100
_HALVINGS: Final = 40
"""Enough for a chain as long as its numbers can count."""


def ceiling(world: World, newest: Entry, now: Millis) -> Cents | None:
    """What ``Entry.spent`` of the person's credit may reach now; None without limits, ``NOTHING`` while excluded."""
    if not newest.bounded:
        return None
    return _ceiling_under(world, accounts.limits_of(world, _owner(newest.account)), newest, now)


def must_not_be_excluded(world: World, user: str) -> None:
    """Raises SpendingLimitReached for who has excluded themselves."""
    until = accounts.limits_of(world, user).self_excluded_until.value
    if until is not None:
        raise SpendingLimitReached(f"You have excluded yourself until {rfc3339(until)}.")


def must_leave(world: World, user: str, price: Cents) -> None:
    """Raises SpendingLimitReached where the person's limits, or what the open meter holds, leave less than ``price``
    for what is not paid by credit.
    """
    newest = wallet.charge_due(world, wallet.head(world, user))
    now = max(world.now(), newest.at)
    most = ceiling(world, newest, now)
    if most is not None and newest.spent + meter.held(newest, world.settings.rules) + price > most:
        raise SpendingLimitReached


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
        ceiling_now = _ceiling_under(world, decided, newest, now)
        entry = follow(newest, meter.limit(newest, ceiling_now, decided.any), now)
        charged_no_more = entry.refill is None and newest.refill is not None
        off = recharges.turned_off(world, user, "excluded") if charged_no_more else []
        if world.wrote(keep, book.put(entry), *off):
            return decided
        newest = book.head(newest.account)
    raise Unavailable("The wallet is too busy.")


def _ceiling_under(world: World, held: Limits, newest: Entry, now: Millis) -> Cents | None:
    if held.self_excluded_until.value is not None:
        return NOTHING
    windows = ((MONTH, held.month.value), (WEEK, held.week.value), (DAY, held.day.value))
    limited = [(length, most) for length, most in windows if most is not None]
    if not limited:
        return None
    book, before = wallet.ledger(world), genesis(newest.account)
    paid = bought.bought_since(world, _owner(newest.account), now - limited[0][0])
    ceilings = []
    for length, most in limited:  # the longest first: where it begins the shorter ones do not begin earlier
        before = _last_until(book, now - length, before, newest)
        beside = sum(cents for at, cents in paid if at > now - length)
        ceilings.append(max(0, before.spent + most - beside))
    return min(ceilings)


def _last_until(book: Ledger, moment: Millis, low: Entry, newest: Entry) -> Entry:
    """The newest entry that is not after ``moment``, between ``low``, which is not, and ``newest``."""
    if newest.at <= moment:
        return newest
    high = newest.seq
    for _ in range(_HALVINGS):
        if high - low.seq <= 1:
            return low
        middle = book.entry(newest.account, (low.seq + high) // 2)
        if middle.at <= moment:
            low = middle
        else:
            high = middle.seq
    raise Unavailable("The statement is too long to search.")


def _owner(account: str) -> str:
    return account.partition(":")[2]
