"""A reader's earnings over a year, by source: the stretch of the chain that the year is, added up.

Entries of a chain never go back in time, so where a year begins and ends is found by halving: some twenty reads.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.payouts.model import Source, by_source
from chalicelib.payouts.service import earnings_account
from chalicelib.wallet import service as wallet
from chalicelib.wallet.store import Ledger

FIRST_YEAR: Final = 2020
LAST_YEAR: Final = 2100
_MOST_ENTRIES: Final = 50_000
"""In one year: a hundred and thirty a day."""


@dataclass(frozen=True, slots=True)
class Year:
    """What a year of UTC brought: ``opening`` and what the sources add up to make ``closing``."""

    year: int
    opening: Cents
    closing: Cents
    sources: dict[Source, Cents]


def year_of(world: World, reader: str, year: int) -> Year:
    """The reader's earnings of that year. Raises Unavailable beyond 50,000 postings."""
    book, account = wallet.ledger(world), earnings_account(reader)
    newest = book.head(account)
    first = _first_since(book, account, newest.seq, _beginning(year))
    last = _first_since(book, account, newest.seq, _beginning(year + 1)) - 1
    if last - first >= _MOST_ENTRIES:
        raise Unavailable("There is too much in this year to add up at once.")
    entries = list(book.between(account, first, last)) if first <= last else []
    sources = by_source((entry.kind, entry.amount) for entry in entries)
    before = next(book.between(account, first - 1, first - 1)).balance if first > 1 else 0
    return Year(year, before, before + sum(sources.values()), sources)


def _first_since(book: Ledger, account: str, newest: int, moment: Millis) -> int:
    """The number of the first entry at ``moment`` or later; one more than the newest where there is none."""
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        if next(book.between(account, middle, middle)).at < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _beginning(year: int) -> Millis:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND
