"""Readers whom a client keeps at hand, and who is told when one comes online."""

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import HOUR, MINUTE, SECOND
from chalicelib.notifications import handlers
from chalicelib.readers import service
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Item, _marshalled
from tests.support.memory import MemoryTables
from tests.support.reading import READER, add_reader
from tests.support.worlds import HandClock, OfflineMail, hand_world

ADMIN = {"actor": "arn:admin", "reason": "because"}


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def world(tables: MemoryTables, clock: HandClock) -> World:
    world = hand_world(tables, now=clock)
    add_reader(world)
    return world


def kept(world: World, client: str = "ann") -> list[tuple[str, bool]]:
    return [(card.id, favorite.notify_online) for favorite, card in service.favorites(world, client, 100, None)[0]]


def words(tables: MemoryTables, kind: str = "reader_online") -> list[Item]:
    return [row for row in tables.rows["notices"].values() if row["kind"] == kind]


def test_a_favorite_is_kept_once_by_slug_or_id_with_the_latest_wish(world: World) -> None:
    service.keep_favorite(world, "ann", READER, notify_online=False)
    service.keep_favorite(world, "ann", "usr-reader", notify_online=True)
    assert kept(world) == [(READER, True)]
    assert kept(world, "bea") == []


def test_only_who_asked_to_be_told_is_a_follower(world: World) -> None:
    service.keep_favorite(world, "ann", READER, notify_online=True)
    service.keep_favorite(world, "bea", READER, notify_online=False)
    service.keep_favorite(world, "cat", READER, notify_online=True)
    service.keep_favorite(world, "cat", READER, notify_online=False)
    assert service.followers(world, READER, 100, None) == (["ann"], None)
    for _ in range(2):
        service.drop_favorite(world, "ann", "usr-reader")
    assert (kept(world), service.followers(world, READER, 100, None)) == ([], ([], None))


def test_favorites_and_followers_are_read_page_by_page(world: World) -> None:
    for number in range(3):
        add_reader(world, f"usr_{number}")
        service.keep_favorite(world, "ann", f"usr_{number}", notify_online=False)
        service.keep_favorite(world, f"c{number}", READER, notify_online=True)
    (first, start), (followers, following) = (
        service.favorites(world, "ann", 2, None),
        service.followers(world, READER, 2, None),
    )
    assert [card.id for _, card in first] == ["usr_0", "usr_1"]
    assert [card.id for _, card in service.favorites(world, "ann", 2, start)[0]] == ["usr_2"]
    assert followers == ["c0", "c1"]
    assert service.followers(world, READER, 2, following) == (["c2"], None)


def test_who_is_not_in_the_directory_cannot_be_kept_and_is_not_shown(world: World) -> None:
    service.keep_favorite(world, "ann", READER, notify_online=False)
    service.withdraw(world, READER, **ADMIN)
    assert kept(world) == []
    with pytest.raises(NotFound):
        service.keep_favorite(world, "bea", READER, notify_online=False)


def test_coming_online_is_told_once_an_hour_at_most(world: World, clock: HandClock, tables: MemoryTables) -> None:
    service.set_presence(world, READER, "online")
    clock.forward(30 * SECOND)
    service.set_presence(world, READER, "online")
    service.set_presence(world, READER, "offline")
    clock.forward(HOUR - 30 * SECOND - 1)
    service.set_presence(world, READER, "online")
    service.set_presence(world, READER, "offline")
    assert len(words(tables)) == 1
    clock.forward(1)
    service.set_presence(world, READER, "online")
    assert [row["at"] for row in words(tables)] == [clock.now - HOUR, clock.now]


def test_silence_is_being_offline_and_coming_back_from_it_is_told(
    world: World, clock: HandClock, tables: MemoryTables
) -> None:
    service.set_presence(world, READER, "online")
    clock.forward(HOUR)
    service.set_presence(world, READER, "online")
    assert len(words(tables)) == 2


def test_followers_are_mailed_each_once_that_a_favorite_is_online(world: World, tables: MemoryTables) -> None:
    ann, bea = (accounts.sign_in(world, Claims(name, f"{name}@example.test", name)).id for name in ("ann", "bea"))
    service.keep_favorite(world, ann, READER, notify_online=True)
    service.keep_favorite(world, bea, READER, notify_online=False)
    service.set_presence(world, READER, "online")
    for kind in ("reader_online", "reader_online", "favorite_online"):
        handlers.told(world, {"Records": [_record(row) for row in words(tables, kind)]}, lambda: MINUTE)
    assert [row["pk"] for row in words(tables, "favorite_online")] == [ann]
    assert isinstance(world.mail, OfflineMail)
    assert [(letter.to, letter.subject) for letter in world.mail.sent] == [
        ("ann@example.test", "Name of usr_reader is online")
    ]


def _record(row: Item) -> dict[str, object]:
    return {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": _marshalled(row)}}
