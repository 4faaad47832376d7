"""Keeping the sums: what is new is read where it is, from where the last time stopped, and added once.

A stream's record says only that there is news. A chain is read from the entry after the last one that is summed, so
records may come twice, in any order, or not at all, as long as a later one of the same chain comes; what is no chain
has a row that says that it was counted. Sums and these rows are one transaction, on the condition that nobody changed
them since they were read: of two who add the same, the second reads again and finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.dashboards.model.fold import TOTAL, Place, Plan, Row, Step
from chalicelib.dashboards.model.measures import PLATFORM, asked, home, is_known, of_entry, of_fact
from chalicelib.dashboards.model.news import Came, Chain, News, Posted, Stands
from chalicelib.dashboards.rollups import builds
from chalicelib.dashboards.store import Rollups
from chalicelib.dashboards.things import Things, Unseen, thing
from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.readers import service as readers
from chalicelib.runtime import metrics
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry, JournalFact, genesis

AT_ONCE: Final = 25
"""News that are one transaction."""
MOST_ROWS: Final = 90
"""Rows of one transaction: it takes 100 operations."""
MOST_ENTRIES: Final = 100
"""Of one chain in one transaction."""
_TRIES: Final = 40
"""All that is summed at a time meets on the platform's rows."""
_MOST_ROUNDS: Final = 10_000
SPARE: Final[Millis] = 15 * SECOND
"""What must be left of a function's time to begin with more."""

Left = Callable[[], Millis]
"""How much time there is."""


def fold(world: World, news: Sequence[News], left: Left) -> list[News]:
    """Add all that is new; what could not be added, for lack of time or for a fault of its own, is answered.

    It may be called at any moment, any number of times, from anywhere at once.
    """
    failed: list[News] = []
    waiting = list(dict.fromkeys(news))
    for _ in range(_MOST_ROUNDS):
        if not waiting or left() < SPARE:
            break
        some, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        try:
            waiting = _added(world, some) + waiting
        except Unavailable:
            if len(some) == 1:  # of several, too many came between
                log.warning("not_summed", kind=type(some[0]).__name__, id=_id(some[0]))
            failed += some
        except Exception as error:  # noqa: BLE001 - one that cannot be summed must not hold up the others
            if len(some) > 1:
                alone = [fold(world, [each], left) for each in some]
                failed += [each for found in alone for each in found]
            else:
                log.exception("not_summed", error, kind=type(some[0]).__name__, id=_id(some[0]))
                failed += some
    return failed + waiting


def _added(world: World, news: Sequence[News]) -> list[News]:
    """What is left of the news once some of it was added. Raises Unavailable."""
    return undisturbed(world.sleep, partial(_try, world, news), tries=_TRIES)


def _try(world: World, news: Sequence[News]) -> list[News]:
    build = builds(world).now()
    rows = Rollups(world.tables, world.settings.tables.rollups, build.kept)
    marks = rows.read({_mark(each) for each in news})  # before what they are of: a mark that is older is found out
    facts = _facts(world, news)
    things = cache(partial(thing, world))  # all gifts of a stream are its host's
    plan, left = Plan(MOST_ROWS, build.since), list[News]()
    for each in news:
        try:
            if not _all_taken(plan, _steps(world, things, each, marks[_mark(each)], facts)):
                left.append(each)
        except Unseen as unseen:
            if len(news) == 1:
                raise
            raise LookupError("it is waited for by itself, for it may be so for good") from unseen
    if plan.places:
        read = marks | rows.read(plan.places - marks.keys())
        world.tables.write(*map(rows.put, plan.rows(read)))
        _measure(plan.new(Place(PLATFORM, TOTAL)))
    return left


def _measure(added: Mapping[str, int]) -> None:
    money: metrics.Measures = {
        "MinutesCharged": added.get("minutes", 0),
        "CentsCharged": added.get("spent.reading", 0),
        "CentsToppedUp": added.get("topped_up", 0),
        "CentsRefunded": added.get("refunded", 0),
        "CentsPaidOut": added.get("paid_out", 0),
    }
    if any(money.values()):
        metrics.add(**money)


def _all_taken(plan: Plan, steps: Iterator[Step]) -> bool:
    """Add the steps to the plan; whether there was room for all of them, and there are no more."""
    number = 0
    for number, step in enumerate(steps, 1):  # noqa: B007 - the last one tells how many there were
        if not plan.take(step):
            return False
    return number < MOST_ENTRIES


def _steps(world: World, things: Things, news: News, mark: Row, facts: Mapping[News, JournalFact]) -> Iterator[Step]:
    """What is to be added of the news, ``mark`` saying how much of it is."""
    match news:
        case Chain(account):
            yield from _of_chain(world, things, account, mark.through.get(_kind(account), 0))
        case Posted() if not mark.rev:
            yield _of_fact(things, facts[news])
        case Came(user) if not mark.rev:
            yield _of_person(world, user)
        case Stands(user):
            yield from _of_reader(world, user, mark)


def _mark(news: News) -> Place:
    """The row that says how much of it is summed."""
    match news:
        case Chain(account):
            return Place(home(account), TOTAL)
        case Posted(account, key):
            return Place(account, key)
        case Came(user):
            return Place(f"person:{user}", TOTAL)
        case Stands(user):
            return Place(f"standing:{user}", TOTAL)


def _id(news: News) -> str:
    return news.user if isinstance(news, Came | Stands) else news.account


def _kind(account: str) -> str:
    return account.partition(":")[0]


def _of_chain(world: World, things: Things, account: str, through: int) -> Iterator[Step]:
    """The entries after the one with the number ``through``, 100 at most."""
    mark = Place(home(account), TOTAL)
    before = genesis(account)
    for entry in wallet.ledger(world).between(account, max(through, 1), through + MOST_ENTRIES):
        if entry.seq == through:
            before = entry
            continue
        if entry.seq != before.seq + 1:
            return  # of a transaction that is just being written: the record of what is missing is still to come
        yield Step(entry.at, _of_entry(things, entry, before), mark, through={_kind(account): entry.seq})
        before = entry


def _of_entry(things: Things, entry: Entry, before: Entry) -> Mapping[str, dict[str, int]]:
    _must_be_known(entry)
    return of_entry(entry, before, things(asked(entry)))


def _facts(world: World, news: Sequence[News]) -> dict[News, JournalFact]:
    """The facts that were posted, as they are in the ledger. Raises LookupError."""
    posted = [each for each in news if isinstance(each, Posted)]
    found = wallet.ledger(world).facts([(each.account, each.key) for each in posted]) if posted else []
    facts: dict[News, JournalFact] = {each: fact for each, fact in zip(posted, found, strict=True) if fact}
    if len(facts) < len(posted):
        raise LookupError("a fact that was posted is not in the ledger")
    return facts


def _of_fact(things: Things, fact: JournalFact) -> Step:
    _must_be_known(fact)
    return Step(fact.at, of_fact(fact, things(asked(fact))), Place(fact.account, fact.key))


def _must_be_known(entry: Entry | JournalFact) -> None:
    """It is counted as unknown, and whoever sees the alarm says what it is, and has the sums made anew."""
    if not is_known(entry):
        log.error("entry_of_unknown_kind", account=entry.account, kind=entry.kind)


def _of_person(world: World, user: str) -> Step:
    person = accounts.person(world, user)
    return Step(person.created_at, {PLATFORM: {"people": 1}}, _mark(Came(user)))


def _of_reader(world: World, user: str, counted: Row) -> Iterator[Step]:
    """What changes where a reader stands elsewhere than they were counted: then, for when it was is nowhere."""
    reader = readers.reader(world, user)
    stands = {f"standing.{reader.standing}": 1}
    if counted.sums == stands:
        return
    left = {name: -count for name, count in counted.sums.items()}
    new = {} if counted.rev else {"readers": 1}
    at = world.now() if counted.rev else reader.created_at
    yield Step(at, {PLATFORM: new | left | stands}, counted.place, own=left | stands)
