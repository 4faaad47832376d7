"""Holding the sums that are shown against what they are sums of: the ledger, people and readers, each read once.

All that was added and all that is stored is in memory meanwhile, about 1 KB for each person and hour.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from chalicelib.dashboards.model.fold import QUARTER, TOTAL, Place, Row, Step, by_quarter, changes
from chalicelib.dashboards.model.measures import PLATFORM, Added, Thing, asked, of_entry, of_fact
from chalicelib.dashboards.model.news import Came, Posted, Stands, news_of
from chalicelib.dashboards.rollups import builds, shown
from chalicelib.dashboards.store import Rollups, of_build
from chalicelib.dashboards.things import Asked, thing
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import Millis
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Advance, Item, whole
from chalicelib.wallet.model.chain import Entry, fact_from_item, from_item, genesis

_SUBJECTS: Final = ("client:", "reader:")
_STANDING: Final = "standing."
_LOOKS: Final = 5
_KEPT: Final = 1_000
"""Things that entries refer to, the last ones: those of one stream's entries come one after the other."""

Quarters = Mapping[Millis, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum that is not what it should be."""

    subject: str
    begins: Millis | None
    """Of which quarter of an hour; None for all that ever was."""
    measure: str
    stored: int
    right: int


def check(world: World, margin: Millis, advance: Advance) -> list[Difference]:
    """Every sum that is not what it should be, of the quarters that were over ``margin`` ago, and whatever was added
    beside a total or not to it. With a margin of 0, all sums: nothing may be posted meanwhile.

    Raises InvalidState while sums are made anew, those that are shown are not kept up then, and where others came in
    their place meanwhile.
    """
    build = builds(world).now()
    if build.kept != build.shown:
        raise InvalidState("The sums are being made anew. `rollups rebuild` goes on with that.")
    until = world.now() - margin
    right = _right(world, advance)
    stored = _stored(world, build.shown, advance)
    found: list[Difference] = []
    for place in sorted(right.keys() | stored.keys()):
        if place.sort != TOTAL:
            pair = (by_quarter([Row(place, dict(sums.get(place, {})))]) for sums in (stored, right))
            found += _of_hour(place.subject, *pair, until=None if margin == 0 else until)
        elif margin == 0:
            found += _apart(place.subject, None, stored.get(place, {}), right.get(place, {}))
    sums = shown(world)
    for subject in sorted(_torn(stored)):
        found += _not_adding_up(sums, subject)
    if builds(world).now() != build:
        raise InvalidState("The sums were made anew meanwhile. Ask again.")
    return found


def _of_hour(subject: str, stored: Quarters, right: Quarters, *, until: Millis | None) -> Iterator[Difference]:
    for begins in sorted(stored.keys() | right.keys()):
        if until is None or begins + QUARTER <= until:
            yield from _apart(subject, begins, stored.get(begins, {}), right.get(begins, {}))


def _apart(
    subject: str, begins: Millis | None, stored: Mapping[str, int], right: Mapping[str, int]
) -> Iterator[Difference]:
    for measure in sorted(stored.keys() | right.keys()):
        if begins is not None and measure.startswith(_STANDING):
            continue  # of which nobody keeps when it changed
        if (is_ := stored.get(measure, 0)) != (should := right.get(measure, 0)):
            yield Difference(subject, begins, measure, is_, should)


def _added(hours: Iterable[Row]) -> Counter[str]:
    """What these come to, all quarters of them."""
    added = Counter[str]()
    for hour in hours:
        for quarter in by_quarter([hour]).values():
            added.update(quarter)
    return added


def _torn(stored: Mapping[Place, Mapping[str, int]]) -> set[str]:
    """Whose total is not what their hours add up to, as they were read: one after the other."""
    apart = defaultdict[str, Counter[str]](Counter)
    for place, sums in stored.items():
        if place.sort == TOTAL:
            apart[place.subject].subtract(sums)
        else:
            apart[place.subject].update(_added([Row(place, dict(sums))]))
    return {subject for subject, left in apart.items() if any(left.values())}


def _not_adding_up(sums: Rollups, subject: str) -> list[Difference]:
    """What a subject's hours add up to and its total does not say, or the other way round."""
    found: list[Difference] = []
    for _ in range(_LOOKS):  # something may be added between the two reads
        total = sums.total(subject)
        found = list(_apart(subject, None, total.sums, _added(sums.hours(subject))))
        if not found:
            break
    return found


# --- what is stored, and what should be ------------------------------------------------------------


def _stored(world: World, build: int, advance: Advance) -> dict[Place, Mapping[str, int]]:
    found: dict[Place, Mapping[str, int]] = {}
    for number, row in filter(None, map(of_build, whole(world.tables, world.settings.tables.rollups, advance))):
        subject = row.place.subject
        if number == build and (subject == PLATFORM or subject.startswith(_SUBJECTS)):
            found[row.place] = row.sums
    return found


def _right(world: World, advance: Advance) -> dict[Place, Mapping[str, int]]:
    found: defaultdict[Place, Counter[str]] = defaultdict(Counter)
    tables = world.settings.tables
    for table, steps in ((tables.ledger, _of_ledger), (tables.accounts, _of_people), (tables.readers, _of_readers)):
        for at, added in steps(world, whole(world.tables, table, advance)):
            for place, sums in changes(Step(at, added, Place("", ""))):
                found[place].update(sums)
    return {place: {name: amount for name, amount in sums.items() if amount} for place, sums in found.items()}


def _of_ledger(world: World, items: Iterable[Item]) -> Iterator[tuple[Millis, Added]]:
    """Chains come in the order of their entries, also from a scan."""
    last: dict[str, Entry] = {}
    things = lru_cache(_KEPT)(partial(_seen, world))  # all gifts of a stream are its host's
    for item in items:
        news = news_of("ledger", item)
        if isinstance(news, Posted):
            fact = fact_from_item(item)
            yield fact.at, of_fact(fact, things(asked(fact)))
        elif news:
            entry = from_item(item)
            before = last.get(entry.account, genesis(entry.account))
            last[entry.account] = entry
            yield entry.at, of_entry(entry, before, things(asked(entry)))


def _seen(world: World, asked: Asked) -> Thing:
    return undisturbed(world.sleep, partial(thing, world, asked))


def _of_people(world: World, items: Iterable[Item]) -> Iterator[tuple[Millis, Added]]:
    del world
    for item in items:
        if isinstance(news_of("accounts", item), Came):
            yield item["created_at"], {PLATFORM: {"people": 1}}


def _of_readers(world: World, items: Iterable[Item]) -> Iterator[tuple[Millis, Added]]:
    del world
    for item in items:
        if isinstance(news_of("readers", item), Stands):
            yield item["created_at"], {PLATFORM: {"readers": 1, f"{_STANDING}{item['standing']}": 1}}
