"""A page of the directory: its requests and read units, from a hundred readers to ten thousand.

The rows are in memory, where units follow from the size of the items; a smaller directory on DynamoDB shows that the
requests are the same there. The mixture is the same however many they are, so that the same pages are full.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from chalicelib.gateways import World
from chalicelib.readers import service
from chalicelib.readers.model import MODALITIES, ONLINE_LIFE, Description, Filters, Price, Reader, Sort
from chalicelib.readers.store import Readers
from chalicelib.sessions.service import busy_among
from tests.load.report import Told, at_most, holds, shown
from tests.load.stage import Stage
from tests.load.tables import CountedTables
from tests.support.aws import tables_on
from tests.support.capacity import billed
from tests.support.worlds import hand_world, settings

_COUNTS: Final = (100, 1_000, 10_000)
_ON_DYNAMODB: Final = 100
_FLAT: Final = 1.1
_LIMIT: Final = 5
_PAGES: Final = 2
"""The first, and the one after it."""

LISTS: Final[dict[str, tuple[Filters, Sort]]] = {
    "all, by name": (Filters(), "name"),
    "all, by rating": (Filters(), "rating"),
    "video, up to $3, by rate": (Filters(modality="video", max_rate=300), "rate"),
    "online now, by rating": (Filters(online=True), "rating"),
    "a specialty, online now, by rate": (Filters(specialty="specialty 1", online=True), "rate"),
    "a word of the biography, by name": (Filters(q="word3"), "name"),
    "a specialty, 4 stars and more, by name": (Filters(specialty="specialty 2", min_rating=4), "name"),
}


def measure(stage: Stage) -> Iterator[Told]:
    """Lines about each list among few and among many."""
    pages = {count: _pages_among(count) for count in _COUNTS}
    few, many = pages[min(_COUNTS)], pages[max(_COUNTS)]
    for name, (requests, units) in many.items():
        yield shown(f"{name}, of {max(_COUNTS):,}", f"{requests:.1f} requests {units:.1f}r")
    for place, what in enumerate(("requests", "read units")):
        worst = max(many[name][place] / few[name][place] for name in LISTS)
        yield at_most(f"  {what} of a page, 10,000 readers beside 100", worst, _FLAT)
    yield _on_dynamodb(stage, few)


def _pages_among(count: int) -> dict[str, tuple[float, float]]:
    """Requests and read units of a page of each list, the mean of the first two."""
    tables = CountedTables()
    world = hand_world(tables)
    fill(world, count)
    found = {}
    for name in LISTS:
        tables.reset()
        read_pages(world, name)
        units = sum(units for what, units in tables.units.items() if what.endswith("read"))
        found[name] = tables.requests.total() / _PAGES, units / _PAGES
    return found


def fill(world: World, count: int) -> None:
    """That many verified readers, every other one online."""
    rows = Readers(world.tables, world.settings.tables.readers)
    for number in range(count):
        said = Description(
            slug=f"reader-{number:05}",
            name=f"Reader {number:05}",
            biography=f"I have read the cards since word{number % 8}.",
            specialties=(f"specialty {number // 2 % 3}", "tarot"),
            languages=("en",),
        )
        prices = {each: Price(100 + number * 31 % 400, offered=True) for each in MODALITIES}
        stars = number * 17 % 5 + 1
        reader = Reader(f"usr_{number:026}", "verified", said, prices, rating_total=stars, rating_count=1)
        world.tables.write(*rows.add(reader))
        if number % 2:
            world.tables.write(*rows.come(reader, world.now() + ONLINE_LIFE, world.now()))


def read_pages(world: World, name: str) -> list[int]:
    """How many readers the first pages of the list show. Raises RuntimeError where it ends before."""
    filters, sort = LISTS[name]
    cursor, sizes = None, []
    for place in range(_PAGES):
        listing = service.listing(
            world,
            filters,
            sort=sort,
            limit=_LIMIT,
            cursor=cursor,
            busy=lambda people: busy_among(world, people, consistent=False),
        )
        cursor = listing.next_cursor
        sizes.append(len(listing.items))
        if cursor is None and place + 1 < _PAGES:
            raise RuntimeError(f"{name}: too few readers for {_PAGES} pages")
    return sizes


def _on_dynamodb(stage: Stage, in_memory: dict[str, tuple[float, float]]) -> Told:
    """On tables of its own: a directory holds whoever is in it."""
    with tables_on(stage.client) as names:
        world = hand_world(stage.world.tables, settings=settings(names=names))
        fill(world, _ON_DYNAMODB)
        asked = {}
        for name in LISTS:
            with billed(stage.client) as bill:
                read_pages(world, name)
            asked[name] = len(bill.requests) / _PAGES
    right = all(asked[name] == in_memory[name][0] for name in LISTS)
    return holds(f"requests of {_ON_DYNAMODB} readers on DynamoDB", f"{sum(asked.values()):.1f}", met=right)
