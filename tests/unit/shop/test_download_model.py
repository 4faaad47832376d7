"""A link is good for a day and three openings, an item for ten downloads."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import Forbidden, InvalidState, LinkExpired
from chalicelib.kernel.time import DAY
from chalicelib.shop.model import download as model
from chalicelib.shop.model.download import Download, Links
from chalicelib.shop.model.order import Item, Order
from tests.support.worlds import NOON

LINK = Download("dow_1", "ord_1", "1", "usr_b", NOON)
LINKS = Links("ord_1", "1")
ITEM = Item("1", "prd_1", "Guide", "digital", None, 1, 1_000, 1_000, 0, state="fulfilled")


def test_a_link_is_its_buyers() -> None:
    LINK.must_be_of("usr_b")
    for stranger in ("usr_a", "", "usr_B"):
        with pytest.raises(Forbidden) as refused:
            LINK.must_be_of(stranger)
        assert refused.value.detail == "This link is somebody else's."


def test_a_link_is_good_for_a_day() -> None:
    assert LINK.expires_at == NOON + DAY
    assert model.opened(LINK, "a", NOON + DAY - 1) == replace(LINK, openings=("a",), rev=2)
    with pytest.raises(LinkExpired) as refused:
        model.opened(LINK, "a", NOON + DAY)
    assert refused.value.detail == "This link was good for a day. Make another one."


def test_a_link_is_opened_three_times() -> None:
    link = LINK
    for number, name in enumerate("abc", start=2):
        link = model.opened(link, name, NOON)
        assert (link.openings[-1], link.rev) == (name, number)
    assert link.openings == ("a", "b", "c")
    with pytest.raises(LinkExpired) as refused:
        model.opened(link, "d", NOON)
    assert refused.value.detail == "This link was opened 3 times. Make another one."


def test_an_item_has_twenty_links_of_a_day() -> None:
    links = LINKS
    for number in range(20):
        links = model.linked(links, replace(LINK, id=f"dow_{number}", created_at=NOON + number))
        assert links.rev == number + 1
    assert links.until["dow_0"] == NOON + DAY
    late = NOON + DAY - 1
    with pytest.raises(InvalidState) as refused:
        model.linked(links, replace(LINK, id="dow_20", created_at=late))
    assert refused.value.detail == "There are 20 links to this file already. Open one of them, or wait a day."
    more = model.linked(links, replace(LINK, id="dow_20", created_at=late + 1))
    assert list(more.until) == [f"dow_{number}" for number in range(1, 21)], "the first is over"
    assert (more.until["dow_20"], more.order, more.item, more.rev) == (late + 1 + DAY, "ord_1", "1", 21)


@pytest.mark.parametrize(
    ("item", "refusal", "why"),
    [
        ({"kind": "physical"}, InvalidState, "This is sent, and no file."),
        ({"state": "pending"}, InvalidState, "This is not paid yet."),
        ({"state": "paid"}, InvalidState, "This is not paid yet."),
        ({"refunded": 1}, LinkExpired, "This was given back, or never paid."),
        ({"state": "cancelled", "cancelled": 1}, LinkExpired, "This was given back, or never paid."),
        (
            {"downloads": 10},
            LinkExpired,
            "This file was downloaded 10 times, which is how often it can be.",
        ),
    ],
    ids=str,
)
def test_what_is_not_the_buyers_cannot_be_downloaded(item: dict[str, Any], refusal: Any, why: str) -> None:
    with pytest.raises(refusal) as refused:
        model.must_be_downloadable(replace(ITEM, **item))
    assert refused.value.detail == why


def test_what_is_the_buyers_can_be_downloaded_ten_times() -> None:
    for downloads in range(10):
        item = replace(ITEM, downloads=downloads)
        model.must_be_downloadable(item)
        assert model.left(item) == 10 - downloads
    assert [model.left(replace(ITEM, downloads=downloads)) for downloads in (10, 11)] == [0, 0]


def test_a_download_is_counted_at_its_item() -> None:
    other = replace(ITEM, id="2", downloads=4)
    order = Order("ord_1", "usr_b", "credit", "web", (ITEM, other), NOON, 2_000)
    assert model.counted(order, "1") == replace(order, items=(replace(ITEM, downloads=1), other))
    assert model.counted(order, "2").items == (ITEM, replace(other, downloads=5))
