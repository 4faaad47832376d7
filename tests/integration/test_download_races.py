"""Files that are downloaded, and set, by many at once, on a real DynamoDB, with any write gone wrong."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import LinkExpired, NotFound, Unavailable
from chalicelib.runtime.tables import DynamoTables
from chalicelib.shop import downloads
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.shelf import OTHER_PDF, Shelf
from tests.support.worlds import hand_world, settings


@pytest.fixture
def shelf(world: World) -> Shelf:
    """Ids of its own."""
    return Shelf(world, uuid4().hex[:10]).bought()


@pytest.fixture
def threads(world: World) -> Crowd:
    """Many at once in this process alone."""
    return Crowd(world, None)


def open_link(world: World, place: int, user: str, names: list[str]) -> int:
    return downloads.open_link(world, user, names[place % len(names)]).left


def test_32_who_open_links_at_once_have_exactly_ten_downloads(shelf: Shelf, threads: Crowd) -> None:
    links = [shelf.links(str(number)) for number in range(8)]
    outcomes = threads(32, open_link, shelf.buyer, [each.id for each in links])
    assert refusals(outcomes) == {LinkExpired.code: 22}
    assert sorted(each for each in outcomes if isinstance(each, int)) == list(range(10))
    assert shelf.item.downloads == 10


def test_16_who_open_one_link_at_once_open_it_three_times(shelf: Shelf, threads: Crowd) -> None:
    link = shelf.links()
    outcomes = threads(16, open_link, shelf.buyer, [link.id])
    assert refusals(outcomes) == {LinkExpired.code: 13}
    assert shelf.item.downloads == 3


def make_link(world: World, place: int, user: str, order: str, own: str) -> str:
    return downloads.make(world, user, order, "1", f"dow_{own}{place}")[0].id


def test_24_links_that_are_made_at_once_are_twenty(shelf: Shelf, threads: Crowd) -> None:
    outcomes = threads(24, make_link, shelf.buyer, shelf.order, shelf.own)
    assert len([each for each in outcomes if isinstance(each, str)]) == 24 - refusals(outcomes).total() == 20


def take_up(world: World, place: int, shelf: Shelf, uploads: list[str]) -> str:
    file = Shelf(world, shelf.own).takes_up(uploads[place % len(uploads)]).file
    assert file
    return file.id


def test_a_file_that_is_set_by_many_at_once_is_one_of_them_and_the_others_are_gone(
    shelf: Shelf, threads: Crowd
) -> None:
    uploads = [shelf.uploaded(OTHER_PDF) for _ in range(4)]
    refused = refusals(threads(8, take_up, shelf, uploads))
    assert set(refused) <= {NotFound.code, Unavailable.code}, "replaced meanwhile"
    shelf.takes_up(shelf.uploaded())
    assert shelf.file
    assert list(shelf.copies()) == [shelf.file.id]


# --- any write of which goes wrong ---------------------------------------------------------------


@pytest.fixture
def fragile(dynamodb_url: str) -> Any:
    """A client of one's own, to put faults into."""
    return dynamodb_client(dynamodb_url)


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_a_file_is_set_and_downloaded_alike_whichever_write_goes_wrong(
    fragile: Any, table_names: dict[str, str], wrong: Send
) -> None:
    def played(at: int) -> tuple[tuple[int, int, list[str], int], int]:
        shelf = Shelf(hand_world(DynamoTables(fragile), settings=settings(names=table_names)), uuid4().hex[:10])
        shelf.bought()
        with fault(fragile, wrong, *WRITES, at=at) as made:
            shelf.takes_up(shelf.uploaded(OTHER_PDF))
            link = shelf.links()
            left = [shelf.opens(link).left for _ in range(2)]
            copies = [key for key in shelf.copies() if shelf.file and key != shelf.file.id]
            return (left[-1], shelf.item.downloads, copies, shelf.product.rev), made()

    expected, writes = played(at=-1)
    assert (expected, writes) == ((8, 2, [], 3), 5)
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
