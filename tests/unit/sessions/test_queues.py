"""Waiting for a reader, and being the one who gets them."""

from collections.abc import Callable

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    InsufficientFunds,
    Invalid,
    NotFound,
    ReaderBusy,
    ReaderUnavailable,
    WalletFrozen,
)
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.readers import service as readers
from chalicelib.readers.model import Queue
from chalicelib.runtime.tables import Item, Operation
from chalicelib.sessions import asking, queues, service
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from tests.support.memory import MemoryTables
from tests.support.people import person
from tests.support.reading import READER, add_reader, pay_in
from tests.support.worlds import HandClock, hand_world


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def world(tables: MemoryTables, clock: HandClock) -> World:
    """Three clients with credit, and a reader who is online."""
    world = hand_world(tables, now=clock)
    add_reader(world)
    for client in ("ann", "bea", "cat"):
        pay_in(world, client, 1_000, client)
    online(world)
    return world


def online(world: World) -> None:
    """The reader's beat, as the API takes it."""
    readers.set_presence(world, READER, "online")
    queues.bring_up_to_date(world, READER)


def ask(world: World, client: str) -> None:
    asking.create(world, Side(client, client), f"ses_{client}", READER, "text")


def hang_up(world: World, client: str) -> None:
    service.perform(world, f"ses_{client}", client, commands.finish)


def join(world: World, client: str) -> Queue:
    return queues.join(world, READER, client, "text")


def offers(tables: MemoryTables) -> list[Item]:
    return [row for row in tables.rows["notices"].values() if row["kind"] == "queue_offer"]


def test_a_busy_reader_is_offered_to_the_first_when_they_are_free(world: World, tables: MemoryTables) -> None:
    ask(world, "cat")
    assert (join(world, "ann").position("ann"), join(world, "bea").position("bea")) == (1, 2)
    assert offers(tables) == []
    hang_up(world, "cat")
    online(world)
    assert join(world, "bea").offered_to == "ann"
    (told,) = offers(tables)
    assert (told["pk"], told["facts"]["offered_until"]) == ("ann", world.now() + 2 * MINUTE)


def test_who_could_not_pay_a_minute_does_not_wait(world: World) -> None:
    ask(world, "cat")
    pay_in(world, "dan", 249, "dan")
    with pytest.raises(InsufficientFunds):
        join(world, "dan")
    wallet.freeze(world, "ann", "dispute")
    with pytest.raises(WalletFrozen):
        join(world, "ann")
    assert readers.reader(world, READER).queue.waiting == ()


@pytest.mark.parametrize("why", ["blocked", "suspended", "deleted"])
def test_who_could_not_come_is_not_offered_the_reader_and_holds_up_nobody(
    world: World, tables: MemoryTables, why: str
) -> None:
    ask(world, "cat")
    join(world, "ann")
    join(world, "bea")
    person(world, "ann", "active" if why == "blocked" else why)  # type: ignore[arg-type]  # one of the two
    if why == "blocked":
        accounts.block(world, READER, "ann")
    hang_up(world, "cat")
    online(world)
    assert readers.reader(world, READER).queue.offered_to == "bea"
    assert [each["pk"] for each in offers(tables)] == ["bea"]
    ask(world, "bea")


def test_a_poll_offers_too_without_waiting_for_the_readers_beat(world: World) -> None:
    ask(world, "cat")
    join(world, "ann")
    hang_up(world, "cat")
    assert join(world, "ann").offered_to == "ann"


def test_while_somebody_is_offered_the_reader_nobody_else_gets_them(world: World) -> None:
    assert join(world, "ann").offered_to == "ann"
    join(world, "bea")
    for other in ("bea", "cat"):
        with pytest.raises(ReaderBusy):
            ask(world, other)
    ask(world, "ann")
    assert service.busy_among(world, [READER]) == {READER}
    assert [each.client for each in readers.reader(world, READER).queue.waiting] == ["bea"]


def test_who_asks_for_a_reader_that_others_wait_for_has_them_offered_to_the_first(
    world: World, tables: MemoryTables
) -> None:
    ask(world, "cat")
    join(world, "ann")
    hang_up(world, "cat")
    with pytest.raises(ReaderBusy):
        ask(world, "bea")
    assert [told["pk"] for told in offers(tables)] == ["ann"]
    ask(world, "ann")


def test_a_reader_in_a_reading_is_busy_and_nobody_is_offered_them_by_asking(world: World, tables: MemoryTables) -> None:
    ask(world, "cat")
    join(world, "ann")
    with pytest.raises(ReaderBusy):
        ask(world, "ann")
    assert offers(tables) == []


def test_an_offer_that_runs_out_goes_to_the_next(world: World, clock: HandClock, tables: MemoryTables) -> None:
    join(world, "ann")
    join(world, "bea")
    for _ in range(4):
        clock.forward(30 * SECOND)
        online(world)
    with pytest.raises(ReaderBusy):
        ask(world, "ann")
    assert [told["pk"] for told in offers(tables)] == ["ann", "bea"]
    ask(world, "bea")


def test_an_offer_that_ran_out_unnoticed_is_no_bar_to_the_only_one_who_waits(world: World, clock: HandClock) -> None:
    join(world, "ann")
    for _ in range(4):
        clock.forward(30 * SECOND)
        readers.set_presence(world, READER, "online")
    ask(world, "ann")


def test_a_reader_who_goes_keeps_who_waits_and_is_offered_to_the_same_on_return(world: World) -> None:
    join(world, "ann")
    readers.set_presence(world, READER, "offline")
    assert queues.bring_up_to_date(world, READER).offered_to is None
    with pytest.raises(ReaderUnavailable):
        ask(world, "ann")
    online(world)
    assert join(world, "ann").offered_to == "ann"


def test_leaving_passes_the_offer_on_and_may_be_repeated(world: World) -> None:
    join(world, "ann")
    join(world, "bea")
    for _ in range(2):
        queues.leave(world, READER, "ann")
    assert readers.reader(world, READER).queue.offered_to == "bea"


def test_polling_writes_nothing(world: World) -> None:
    rev = join(world, "ann").rev
    assert [join(world, "ann").rev for _ in range(3)] == [rev] * 3


def test_nobody_waits_for_who_is_away_or_does_not_offer_it_or_is_oneself_or_nobody(world: World) -> None:
    with pytest.raises(Invalid):
        queues.join(world, READER, READER, "text")
    with pytest.raises(NotFound):
        queues.join(world, "nobody", "ann", "text")
    readers.set_rates(world, READER, {"voice": 250})
    with pytest.raises(ReaderUnavailable):
        queues.join(world, READER, "ann", "text")
    readers.set_presence(world, READER, "offline")
    with pytest.raises(ReaderUnavailable):
        queues.join(world, READER, "ann", "voice")
    assert readers.reader(world, READER).queue == Queue()


def test_a_reading_that_is_asked_for_again_by_its_key_is_the_same_one_though_the_turn_is_over(world: World) -> None:
    join(world, "ann")
    ask(world, "ann")
    join(world, "bea")
    ask(world, "ann")


class _Raced(MemoryTables):
    """Tables where ``act`` comes right before the first write to ``table``."""

    def __init__(self, table: str, act: Callable[[World], object]) -> None:
        super().__init__()
        self._table = table
        self._act: Callable[[World], object] | None = act
        self.world = hand_world(self)

    def write(self, *operations: Operation) -> None:
        if self._act and any(each.table == self._table for each in operations):
            act, self._act = self._act, None
            act(self.world)
        super().write(*operations)


def _set_up(world: World) -> None:
    add_reader(world)
    for client in ("ann", "cat"):
        pay_in(world, client, 1_000, client)
    readers.set_presence(world, READER, "online")


def test_a_reader_who_is_taken_between_the_look_and_the_offer_is_offered_to_nobody() -> None:
    tables = _Raced("nowhere", lambda world: ask(world, "cat"))
    _set_up(tables.world)
    tables._table = "notices"
    queue = join(tables.world, "ann")
    assert (queue.position("ann"), queue.offered_to) == (1, None)
    assert offers(tables) == []


def test_who_comes_to_wait_between_the_look_and_the_reading_is_offered_the_reader_instead() -> None:
    tables = _Raced("nowhere", lambda world: join(world, "ann"))
    _set_up(tables.world)
    tables._table = "sessions"
    with pytest.raises(ReaderBusy):
        ask(tables.world, "cat")
    assert readers.reader(tables.world, READER).queue.offered_to == "ann"
