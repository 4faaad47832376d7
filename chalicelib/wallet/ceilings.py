"""How much a person's limits let them spend yet: a ceiling for ``Entry.spent``.

A limit counts paid money that was spent in any 24 hours, 7 days and 30 days up to now, less what came back in them:
``Entry.spent`` runs along the chain, so what was spent in a window is the difference of two entries. The newest entry
says whether there are any limits, so who has none pays no read for them; the open meter carries its ceiling, so a
minute asks nothing.

What was paid for coins, and by Stripe for orders, counts too: by Stripe what is not given back, at an app store the
pack's price here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis
from chalicelib.runtime.lazy import on_first_use
from chalicelib.wallet.model.chain import NOTHING, Entry, genesis
from chalicelib.wallet.store import Ledger, ledger, owner_of

if TYPE_CHECKING:
    from chalicelib.accounts import service as accounts
    from chalicelib.accounts.model.limits import Limits
    from chalicelib.wallet import bought
else:
    accounts = on_first_use("chalicelib.accounts.service")
    bought = on_first_use("chalicelib.wallet.bought")

WEEK: Final = 7 * DAY
MONTH: Final = 30 * DAY
_HALVINGS: Final = 40
"""Enough for a chain as long as its numbers can count."""


def ceiling(world: World, newest: Entry, now: Millis) -> Cents | None:
    """What ``Entry.spent`` of the person's credit may reach now; None without limits, ``NOTHING`` while excluded."""
    if not newest.bounded:
        return None
    return under(world, accounts.limits_of(world, owner_of(newest.account)), newest, now)


def under(world: World, held: Limits, newest: Entry, now: Millis) -> Cents | None:
    """The same under the limits ``held``, which need not be kept yet."""
    if held.self_excluded_until.value is not None:
        return NOTHING
    windows = ((MONTH, held.month.value), (WEEK, held.week.value), (DAY, held.day.value))
    limited = [(length, most) for length, most in windows if most is not None]
    if not limited:
        return None
    book, before = ledger(world), genesis(newest.account)
    paid = bought.bought_since(world, owner_of(newest.account), now - limited[0][0])
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
