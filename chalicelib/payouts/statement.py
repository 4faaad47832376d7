"""A reader's earnings over a year, by source: the stretch of the chain that the year is, added up.

Entries of a chain never go back in time, so where a year begins and ends is found by halving: some twenty reads.
"""

from bisect import bisect_left
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
    numbers = range(1, newest.seq + 1)

    def at(number: int) -> Millis:
        return next(book.between(account, number, number)).at

    first, last = (bisect_left(numbers, _beginning(each), key=at) + 1 for each in (year, year + 1))
    last -= 1
    if last - first >= _MOST_ENTRIES:
        raise Unavailable("There is too much in this year to add up at once.")
    entries = list(book.between(account, first, last)) if first <= last else []
    sources = by_source((entry.kind, entry.amount) for entry in entries)
    before = next(book.between(account, first - 1, first - 1)).balance if first > 1 else 0
    return Year(year, before, before + sum(sources.values()), sources)


def _beginning(year: int) -> Millis:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND
