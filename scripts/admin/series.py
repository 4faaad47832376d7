"""A balance as it went, week by week: what a sparkline is drawn from."""

from collections.abc import Sequence
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import DAY, Millis
from chalicelib.runtime.tables import Key
from chalicelib.wallet import statement
from chalicelib.wallet.model.chain import Entry

_WEEK: Final[Millis] = 7 * DAY
_WEEKS: Final = 12
_AT_ONCE: Final = 100
_MOST_PAGES: Final = 5


def by_week(world: World, account: str) -> list[int]:
    """The balance at the end of each of the last twelve weeks, this moment last; of fewer, where more than 500 entries
    lie between.
    """
    found: list[Entry] = []
    start: Key | None = None
    now = world.now()
    for _ in range(_MOST_PAGES):
        page, start = statement.page(world, account, _AT_ONCE, start)
        found += page
        if start is None or (found and found[-1].at <= now - (_WEEKS - 1) * _WEEK):
            break
    return balances(found, now, whole=start is None)


def balances(newest_first: Sequence[Entry], now: Millis, *, whole: bool) -> list[int]:
    """What ``by_week`` says, of these entries; ``whole`` where the chain has no earlier one."""
    ends = [now - weeks * _WEEK for weeks in reversed(range(_WEEKS))]
    found = [next((each.balance for each in newest_first if each.at <= end), 0 if whole else None) for end in ends[:-1]]
    last = newest_first[0].balance if newest_first else 0
    return [*(each for each in found if each is not None), last]
