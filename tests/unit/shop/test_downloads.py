"""What was bought as a file: only the buyer gets it, counted, for as long as it is theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, InvalidState, LinkExpired, NotFound
from chalicelib.kernel.time import DAY, SECOND
from chalicelib.runtime.tables import Operation
from chalicelib.shop import downloads
from chalicelib.shop.store import products_of
from chalicelib.wallet.model.payment import Dispute, Returned
from chalicelib.wallet.payments import payment_rows
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.shelf import OTHER_PDF, Shelf, digest
from tests.support.worlds import NOON, HandClock, hand_world


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf(world).bought()


def forward(world: World, millis: int) -> None:
    clock = world.now
    assert isinstance(clock, HandClock)
    clock.forward(millis)


def test_a_link_gives_the_file_of_today_for_five_minutes_and_counts(shelf: Shelf) -> None:
    link = shelf.links()
    assert (link.expires_at, shelf.item.downloads) == (NOON + DAY, 0)
    assert shelf.file
    opened = shelf.opens(link)
    assert opened.url == f"memory:///products/{shelf.name}/{shelf.file.id}?300&Guide.pdf&application/pdf"
    assert (opened.file, opened.left, opened.expires_at) == (shelf.file, 9, NOON + 300 * SECOND)
    shelf.takes_up(shelf.uploaded(OTHER_PDF))
    assert shelf.opens(link).file.sha256 == digest(OTHER_PDF)
    assert shelf.item.downloads == 2


def test_a_file_that_is_lost_counts_nothing(shelf: Shelf) -> None:
    link = shelf.links()
    rows, world = products_of(shelf.world), shelf.world
    was = rows.product(shelf.name)
    assert was
    gone = replace(was, file=None, rev=was.rev + 1)
    world.tables.write(rows.keep(gone, was))  # as the sync makes a row that was lost
    for _ in range(4):
        with pytest.raises(NotFound, match="support"):
            shelf.opens(link)
    assert shelf.item.downloads == 0
    world.tables.write(rows.keep(replace(was, rev=gone.rev + 1), gone))
    assert shelf.opens(link).left == 9


def test_the_same_request_makes_the_same_link(shelf: Shelf) -> None:
    link = shelf.links()
    shelf.opens(link)
    again, left = downloads.make(shelf.world, shelf.buyer, shelf.order, "1", link.id)
    assert (again.id, again.expires_at, left) == (link.id, link.expires_at, 9)
    assert len(again.openings) == 1


def test_a_stranger_gets_nothing_and_counts_nothing(shelf: Shelf) -> None:
    link = shelf.links()
    for stranger in ("usr_other", shelf.seller, "usr_admin"):
        with pytest.raises(Forbidden):
            downloads.open_link(shelf.world, stranger, link.id)
        with pytest.raises(Forbidden):
            downloads.make(shelf.world, stranger, shelf.order, "1", "dow_x")
    assert shelf.item.downloads == 0


def test_what_is_not_there_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        downloads.open_link(shelf.world, shelf.buyer, "dow_none")
    with pytest.raises(NotFound):
        downloads.make(shelf.world, shelf.buyer, "ord_none", "1", "dow_x")
    with pytest.raises(NotFound):
        downloads.make(shelf.world, shelf.buyer, shelf.order, "2", "dow_x")


def test_a_link_is_opened_three_times_and_for_a_day(world: World, shelf: Shelf) -> None:
    link, other = shelf.links(), shelf.links("2")
    for _ in range(3):
        shelf.opens(link)
    with pytest.raises(LinkExpired):
        shelf.opens(link)
    forward(world, DAY - 1)
    shelf.opens(other)
    forward(world, 1)
    with pytest.raises(LinkExpired):
        shelf.opens(other)
    assert shelf.item.downloads == 4
    assert shelf.opens(shelf.links("3")).left == 5


def test_an_item_is_downloaded_ten_times_by_whatever_links(shelf: Shelf) -> None:
    links = [shelf.links(name) for name in "abcd"]
    lefts = [shelf.opens(link).left for link in links for _ in range(3) if shelf.item.downloads < 10]
    assert lefts == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(LinkExpired):
        shelf.opens(links[3])
    with pytest.raises(LinkExpired):
        shelf.links("e")
    assert shelf.item.downloads == 10


def test_twenty_links_of_an_item_are_open_and_the_next_is_there_when_one_is_over(world: World, shelf: Shelf) -> None:
    for number in range(20):
        shelf.links(str(number))
    with pytest.raises(InvalidState):
        shelf.links("20")
    forward(world, DAY)
    shelf.links("20")


@pytest.mark.parametrize(
    ("item", "refusal"),
    [
        ({"state": "refunded", "refunded": 1}, LinkExpired),
        ({"state": "cancelled", "cancelled": 1}, LinkExpired),
    ],
    ids=str,
)
def test_what_is_given_back_is_downloaded_no_more_by_links_that_there_are(
    shelf: Shelf, item: dict[str, Any], refusal: Any
) -> None:
    link = shelf.links()
    shelf.item_becomes(**item)
    with pytest.raises(refusal):
        shelf.opens(link)
    with pytest.raises(refusal):
        shelf.links("2")
    assert shelf.item.downloads == 0


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        ({}, True),
        ({"disputes": {"dp_1": Dispute(1_000)}}, False),
        ({"disputes": {"dp_1": Dispute(1_000, lost=True)}}, False),
        ({"disputes": {"dp_1": Dispute(1_000, returned=True)}}, True),
        ({"disputes": {"dp_1": Dispute(1_000, returned=True), "dp_2": Dispute(1_000)}}, False),
        ({"refunds": {"re_1": Returned(1_000, "succeeded", "re_1")}}, False),
        ({"refunds": {"re_1": Returned(999, "succeeded", "re_1")}}, True),
        ({"refunds": {"re_1": Returned(1_000, "failed", "re_1")}}, True),
        ({"refunds": {"ord_1:1": Returned(1_000, "succeeded", "re_1")}}, True),  # of another item, say: by the shop
    ],
    ids=str,
)
def test_what_was_taken_back_at_stripe_is_downloaded_no_more(shelf: Shelf, told: dict[str, Any], stands: bool) -> None:
    link = shelf.links()
    rows = payment_rows(shelf.world)
    was = rows.get("pi_1")
    assert was
    shelf.world.tables.write(*rows.replace(replace(was, **told), was))
    if stands:
        shelf.opens(link)
        return
    with pytest.raises(LinkExpired):
        shelf.opens(link)
    with pytest.raises(LinkExpired):
        shelf.links("2")
    assert shelf.item.downloads == 0


def test_a_seller_who_stops_selling_takes_nothing_from_who_bought(shelf: Shelf) -> None:
    shelf.becomes(state="stopped", active=False)
    assert shelf.opens(shelf.links()).left == 9


def test_links_are_no_orders_of_their_buyer_and_go_by_themselves(shelf: Shelf) -> None:
    link = shelf.links()
    assert [
        each["sk"] for each in shelf.world.tables.query("shop", ("buyer", shelf.buyer), index="of_buyer").items
    ] == ["order"]
    rows = {each["sk"]: each.get("expires") for each in shelf.world.tables.scan("shop").items}
    assert rows["download"] == (link.expires_at + 30 * DAY) // SECOND
    assert rows["links#1"] == link.expires_at // SECOND


class Interrupted(MemoryTables):
    """Right before each of the next writes, something of the order's is changed by somebody else."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[Any] = []

    def write(self, *operations: Operation) -> None:
        if self.acts:
            act = self.acts.pop()
            waiting, self.acts = self.acts, []
            act()
            self.acts = waiting
        super().write(*operations)


def test_what_is_given_back_while_it_is_opened_is_not_given_out() -> None:
    tables = Interrupted()
    shelf = Shelf(hand_world(tables)).bought()
    link = shelf.links()
    tables.acts = [lambda: shelf.item_becomes(state="refunded", refunded=1)]
    with pytest.raises(LinkExpired):
        shelf.opens(link)
    assert shelf.item.downloads == 0


def test_two_openings_of_the_tenth_download_are_one() -> None:
    tables = Interrupted()
    shelf = Shelf(hand_world(tables)).bought()
    shelf.item_becomes(downloads=9)
    one, other = shelf.links("1"), shelf.links("2")
    tables.acts = [lambda: shelf.opens(other)]
    with pytest.raises(LinkExpired):
        shelf.opens(one)
    assert shelf.item.downloads == 10


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(2))
def test_whichever_write_is_lost_there_is_one_link_and_one_download(at: int, *, after: bool) -> None:
    tables = LosingTables(10**6, after=after)
    shelf = Shelf(hand_world(tables)).bought()
    tables.left = at
    opened = shelf.opens(shelf.links())
    assert tables.left <= -1, "the write was lost"
    assert (shelf.item.downloads, opened.left) == (1, 9)
    (link,) = [each for each in tables.rows["shop"].values() if each["sk"] == "download"]
    assert len(link["openings"]) == 1


def test_no_line_of_the_log_says_where_a_file_is(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    link = shelf.links()
    shelf.opens(link)
    shelf.takes_up(shelf.uploaded(OTHER_PDF))
    logged = capsys.readouterr().out
    assert shelf.file
    assert "downloaded" in logged
    for secret in (shelf.file.id, link.id, "memory://", "products/", "Guide"):
        assert secret not in logged


def test_what_was_paid_by_credit_is_downloaded_too(world: World) -> None:
    shelf = Shelf(world).bought(intent=None, rail="credit")
    assert shelf.opens(shelf.links()).left == 9


def test_what_was_paid_a_moment_ago_is_fulfilled_for_the_link(shelf: Shelf) -> None:
    shelf.item_becomes(state="paid", fulfilled_at=None)
    link = shelf.links()
    assert (shelf.item.state, shelf.ordered().state) == ("fulfilled", "fulfilled")
    assert shelf.opens(link).left == 9
