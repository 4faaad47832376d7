"""A queue under a crowd: all join, poll, ask and beat at once, in threads and processes on a real DynamoDB."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem, ReaderBusy
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.readers import service as readers
from chalicelib.sessions import asking, queues, service
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from tests.support.crowd import Crowd
from tests.support.reading import add_reader, pay_in
from tests.support.worlds import HandClock

CROWD = 16


@pytest.fixture
def own() -> str:
    return uuid4().hex[:10]


@pytest.fixture
def reader(world: World, own: str) -> str:
    """One who is online, and to whom a crowd of clients with credit has come."""
    reader = f"usr_r{own}"
    add_reader(world, reader)
    readers.set_presence(world, reader, "online")
    for place in range(CROWD):
        pay_in(world, client(own, place), 1_000, f"topup:{own}:{place}")
    return reader


def client(own: str, place: int) -> str:
    return f"usr_c{own}{place:02}"


def join(world: World, place: int, own: str, reader: str) -> int | None:
    return queues.join(world, reader, client(own, place), "text").position(client(own, place))


def ask(world: World, place: int, own: str, reader: str, turn: int) -> str:
    """Every place asks under an id of its own for each turn."""
    who = client(own, place)
    try:
        asking.create(world, Side(who, "Cee"), f"ses_{own}{place:02}{turn}", reader, "text")
    except Problem as refused:
        return refused.code
    return who


def press(world: World, place: int, own: str, reader: str) -> str:
    """Some ask for a reading, some join, and the reader beats."""
    match place % 4:
        case 0:
            readers.set_presence(world, reader, "online")
            queues.bring_up_to_date(world, reader)
            return "beat"
        case 1:
            return f"place {join(world, place, own, reader)}"
        case _:
            return ask(world, place, own, reader, 0)


def join_in_turn(world: World, own: str, reader: str) -> list[str]:
    """Everybody waits, in this order."""
    for place in range(CROWD):
        join(world, place, own, reader)
    return waiting(world, reader)


def waiting(world: World, reader: str) -> list[str]:
    return [each.client for each in readers.reader(world, reader).queue.waiting]


def end(world: World, reader: str) -> None:
    seen = service.open_session(world, reader)
    assert seen
    service.perform(world, seen.session.id, reader, commands.finish)


def beat_on(world: World, reader: str) -> None:
    """Two minutes go by, and the reader beats."""
    assert isinstance(world.now, HandClock)
    for _ in range(4):
        world.now.forward(30 * SECOND)
        readers.set_presence(world, reader, "online")
    queues.bring_up_to_date(world, reader)


def test_who_joins_at_once_with_everybody_has_one_place_and_nobody_shares_it(
    world: World, crowd: Crowd, own: str, reader: str
) -> None:
    assert sorted(crowd(CROWD, join, own, reader)) == list(range(1, CROWD + 1))
    order = waiting(world, reader)
    places = crowd(CROWD, join, own, reader)
    assert [client(own, place) for place in sorted(range(CROWD), key=places.__getitem__)] == order


def test_everybody_asks_at_once_and_at_each_turn_exactly_the_first_gets_the_reader(
    world: World, crowd: Crowd, own: str, reader: str
) -> None:
    order = join_in_turn(world, own, reader)
    for turn in range(3):
        outcomes = crowd(CROWD, ask, own, reader, turn)
        won = [each for each in outcomes if each not in ("reader_busy", "session_open")]
        assert won == [order[turn]]
        assert outcomes.count("reader_busy") == CROWD - 1
        assert waiting(world, reader) == order[turn + 1 :]
        end(world, reader)
        queues.bring_up_to_date(world, reader)


def test_an_offer_that_runs_out_while_everybody_asks_goes_to_the_next_alone(
    world: World, crowd: Crowd, own: str, reader: str
) -> None:
    order = join_in_turn(world, own, reader)
    beat_on(world, reader)
    assert readers.reader(world, reader).queue.offered_to == order[1]
    outcomes = crowd(CROWD, ask, own, reader, 0)
    assert [each for each in outcomes if each != "reader_busy"] == [order[1]]
    assert waiting(world, reader) == order[2:]


def test_while_some_join_and_some_ask_one_gets_the_reader_and_nobody_is_offered_them_meanwhile(
    world: World, crowd: Crowd, own: str, reader: str
) -> None:
    outcomes = crowd(CROWD, press, own, reader)
    assert not [each for each in outcomes if isinstance(each, Exception)]
    winners = [each for each in outcomes if each.startswith("usr_")]
    queue = readers.reader(world, reader).queue
    assert len(queue.waiting) == CROWD // 4
    # Either somebody asked before anybody waited, or the first who waits is offered the reader; never both.
    assert (len(winners), queue.offered_to) in ((1, None), (0, queue.waiting[0].client))


def test_one_offer_is_told_once_however_many_make_it(world: World, crowd: Crowd, own: str, reader: str) -> None:
    first, second, *_ = join_in_turn(world, own, reader)
    beat_on(world, reader)
    assert isinstance(world.now, HandClock)
    world.now.forward(MINUTE)
    crowd(CROWD, join, own, reader)
    told = {who: world.tables.query(world.settings.tables.notices, ("pk", who)).items for who in (first, second)}
    assert [len(rows) for rows in told.values()] == [1, 1]


def test_a_stranger_is_refused_while_somebody_waits(world: World, own: str, reader: str) -> None:
    join(world, 0, own, reader)
    with pytest.raises(ReaderBusy):
        asking.create(world, Side(client(own, 1), "Cee"), f"ses_{own}x", reader, "text")
