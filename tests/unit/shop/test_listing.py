"""What everybody sees of the shop."""

from __future__ import annotations

import pytest

from chalicelib.kernel.errors import NotFound
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Key
from chalicelib.shop import catalogue, listing, selling
from chalicelib.shop.listing import Shown
from chalicelib.shop.model.product import Filters
from tests.support.stall import WHY, Stall, terms
from tests.support.worlds import hand_world

WEB = Filters("web")
IOS = Filters("ios")


@pytest.fixture
def stall() -> Stall:
    return Stall(hand_world()).ready()


def names(stall: Stall, filters: Filters = WEB, limit: int = 20) -> list[str]:
    """The names of all that is found, page by page."""
    found, start = list[str](), None
    for _ in range(30):
        page, start = listing.page(stall.world, filters, limit, start)
        assert len(page) <= limit
        found += [each.product.id.removeprefix("prd_1") for each in page]
        if start is None:
            return found
    raise AssertionError("the pages do not end")


def one(stall: Stall, name: str, where: str = "web") -> Shown:
    return listing.one(stall.world, stall.name(name), where)


def test_what_is_on_sale_is_listed_the_newest_first(stall: Stall) -> None:
    for each in ("a", "b", "c"):
        stall.sells(each)
    stall.sells("off", active=False)
    stall.sells("priceless", None)
    stall.till.sells("prd_1nofile")
    catalogue.refresh(stall.world, "prd_1nofile")
    assert names(stall) == ["c", "b", "a"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_of_any_length_hold_each_once(stall: Stall, limit: int) -> None:
    for number in range(7):
        stall.sells(str(number), active=number % 3 != 0)
    assert names(stall, limit=limit) == ["5", "4", "2", "1"]


def test_a_readers_product_shows_what_they_are_called(stall: Stall) -> None:
    stall.approved()
    found = one(stall, "moon")
    assert (found.product.seller, found.seller) == (stall.reader, readers.name_of(stall.world, stall.reader))
    stall.sells("tarot")
    assert one(stall, "tarot").seller is None


def test_who_is_not_in_the_directory_sells_nothing(stall: Stall) -> None:
    stall.approved()
    readers.withdraw(stall.world, stall.reader, **WHY)
    assert names(stall) == []
    with pytest.raises(NotFound):
        one(stall, "moon")
    assert listing.sellers(stall.world, [stall.row()]) == {}


@pytest.mark.parametrize("name", ["draft", "off", "none"])
def test_what_is_not_on_sale_is_not_found(stall: Stall, name: str) -> None:
    stall.draft("draft")
    stall.sells("off", active=False)
    with pytest.raises(NotFound):
        one(stall, name)


def test_filters_choose(stall: Stall) -> None:
    stall.sells("tarot")
    stall.approved("moon", coins=900)
    stall.forward(1)
    stall.approved("sun", name="Sun calendar", description="A year of suns.")
    assert names(stall) == ["sun", "moon", "tarot"]
    assert names(stall, Filters("web", kind="physical")) == ["tarot"]
    assert names(stall, Filters("web", seller=stall.reader), limit=1) == ["sun", "moon"]
    assert names(stall, Filters("web", seller="usr_nobody")) == []
    assert names(stall, Filters("web", q="calendar moon")) == ["moon"]


def test_only_what_can_be_bought_there_is_listed_and_how(stall: Stall) -> None:
    stall.sells("tarot")
    stall.approved("moon", coins=900)
    stall.approved("sun")
    assert names(stall, IOS) == ["moon", "tarot"]
    assert [one(stall, "moon", where).rails for where in ("web", "ios", "android")] == [
        ("stripe",),
        ("coins",),
        ("coins",),
    ]
    assert one(stall, "tarot", "ios").rails == ("credit", "stripe")
    assert one(stall, "sun", "ios").rails == ()


def test_stock_is_shown(stall: Stall) -> None:
    stall.sells("tarot", left=11)
    stall.sells("cup")
    assert (one(stall, "tarot").stock.few, one(stall, "tarot").stock.available) == (None, True)
    assert (one(stall, "cup").stock.few, one(stall, "cup").stock.available) == (0, False)


def test_a_request_looks_at_a_few_hundred_and_the_next_one_goes_on(stall: Stall) -> None:
    for number in range(130):
        stall.sells(f"{number:03d}")
    page, start = listing.page(stall.world, Filters("web", q="prd_1000"), 2, None)
    assert (page, start is not None) == ([], True)
    assert names(stall, Filters("web", q="prd 1000"), limit=2) == ["000"]


def test_what_is_listed_a_moment_late_is_not_shown(stall: Stall) -> None:
    """The index still has it, the row says no."""
    stall.approved()
    start: Key | None = None
    assert names(stall) == ["moon"]
    selling.stop(stall.world, "prd_1moon", **WHY)
    assert listing.page(stall.world, WEB, 20, start) == ([], None)
    assert terms().seller is None
