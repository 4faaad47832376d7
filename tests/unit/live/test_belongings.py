"""What a person gave is found by their coins, and shows another name once they are forgotten."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.live import belongings, gifts
from chalicelib.runtime.tables import Key
from tests.support.show import Show
from tests.support.worlds import hand_world


@pytest.fixture
def show() -> Show:
    return Show(hand_world())


def test_gifts_and_tickets_of_one_person_are_found_page_by_page(show: Show) -> None:
    ann, bea = show.patron("ann"), show.patron("bea")
    show.live("premium", 300)
    other = Show(show.world, "2").live()
    for user in (ann, bea):
        show.pays(user)
        show.gives(user)
    other.gives(ann, "heart", "2")
    found, start = [], None
    for _ in range(10):
        page, start = belongings.gifts_of(show.world, ann, 2, start)
        found += page
        if start is None:
            break
    assert [(each.stream, each.gift, each.user) for each in found] == [
        (other.stream, "heart", ann),
        (show.stream, "rose", ann),
    ]
    (ticket,), _ = belongings.tickets_of(show.world, ann, 100, None)
    assert (ticket.stream, ticket.coins) == (show.stream, 300)


def test_two_gifts_of_one_moment_are_two(show: Show) -> None:
    ann = show.patron("ann")
    show.live()
    sent = [show.gives(ann, name=str(number)).sent.id for number in range(2)]
    found, _ = belongings.gifts_of(show.world, ann, 100, None)
    assert [each.id for each in found] == sent[::-1]


class CountingTables:
    """How often what was asked of them."""

    def __init__(self, tables: Any) -> None:
        self._tables = tables
        self.reads = Counter[str]()

    def __getattr__(self, name: str) -> Any:
        self.reads[name] += 1
        return getattr(self._tables, name)


@pytest.mark.parametrize("count", [1, 30])
def test_a_page_of_coins_leads_to_its_gifts_and_tickets_in_one_read_more(show: Show, count: int) -> None:
    ann = show.patron("ann")
    show.live("premium", 300).pays(ann)
    for number in range(count):
        show.gives(ann, name=str(number))
    tables = CountingTables(show.world.tables)
    counted = replace(show.world, tables=tables)
    found, _ = belongings.gifts_of(counted, ann, 100, None)
    tickets, _ = belongings.tickets_of(counted, ann, 100, None)
    assert (len(found), len(tickets)) == (count, 1)
    assert tables.reads == {"query": 2, "get_many": 2}


def test_a_ticket_that_went_back_is_none(show: Show) -> None:
    ann = show.patron("ann")
    show.scheduled("premium", 300)
    show.pays(ann)
    show.ends()
    assert belongings.tickets_of(show.world, ann, 100, None) == ([], None)


def test_who_is_forgotten_is_named_nowhere_and_what_they_gave_stays(show: Show) -> None:
    ann, bea = show.patron("ann"), show.patron("bea")
    show.live()
    for number in range(3):
        show.gives(ann, name=str(number))
    show.gives(bea)
    start: Key | None = None
    for _ in range(10):
        start = belongings.rename(show.world, ann, "Nobody", 2, start)
        if start is None:
            break
    assert belongings.rename(show.world, ann, "Nobody", 100, None) is None
    page, _ = gifts.feed(show.world, bea, show.stream, 0, 10, None)
    assert sorted((each.name, each.coins) for each in page) == [("Nobody", 100)] * 3 + [("bea", 100)]
    found = gifts.leaders(show.world, bea, show.stream)
    assert [(each.name, each.total, each.count) for each in found] == [("Nobody", 300, 3), ("bea", 100, 1)]
    assert show.ends().state == "finalized"
    assert show.earned() == [("gift_earned", 280, show.stream)]
