"""A year of a reader's earnings, by source, and the statement over HTTP."""

from datetime import UTC, datetime

from chalicelib.kernel.time import DAY, Millis
from chalicelib.payouts import statement
from chalicelib.payouts.model import by_source
from chalicelib.payouts.statement import Year
from tests.support.payee import READER, Desk


def new_year(year: int) -> Millis:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1_000)


def test_each_kind_counts_for_its_source() -> None:
    kinds = {
        "reading_earned": "readings",
        "tip_earned": "tips",
        "reply_earned": "replies",
        "reply_returned": "replies",
        "booking_earned": "bookings",
        "gift_earned": "gifts",
        "sale_earned": "products",
        "sale_returned": "products",
        "guarantee_returned": "guarantees",
        "payout": "payouts",
        "payout_returned": "payouts",
        "payout_reversed": "payouts",
        "something_new": "other",
    }
    for kind, source in kinds.items():
        assert by_source([(kind, 5), (kind, -2)]) == {source: 3}


def test_a_year_begins_and_ends_with_utc(desk: Desk) -> None:
    desk.clock.now = new_year(2031)
    desk.earned(100, ago=1).earned(1_000, ago=0)
    desk.clock.now = new_year(2032)
    desk.earned(20, ago=1, kind="tip_earned").earned(7, ago=0)
    of = {year: statement.year_of(desk.world, READER, year) for year in (2029, 2030, 2031, 2032, 2033)}
    assert of[2029] == Year(2029, 0, 0, {})
    assert of[2030] == Year(2030, 0, 100, {"readings": 100})
    assert of[2031] == Year(2031, 100, 1_120, {"readings": 1_000, "tips": 20})
    assert of[2032] == Year(2032, 1_120, 1_127, {"readings": 7})
    assert of[2033] == Year(2033, 1_127, 1_127, {})


def test_who_never_earned_has_empty_years(desk: Desk) -> None:
    assert statement.year_of(desk.world, READER, 2030) == Year(2030, 0, 0, {})


def test_a_year_of_many_pages_is_exact(desk: Desk) -> None:
    desk.clock.now = new_year(2031) + 8 * DAY
    for _ in range(250):
        desk.earned(3, ago=0)
    assert statement.year_of(desk.world, READER, 2031) == Year(2031, 0, 750, {"readings": 750})


def test_what_was_paid_out_and_what_came_back_are_one_source(desk: Desk) -> None:
    desk.clock.now = new_year(2031) + 8 * DAY
    payout = desk.ready().earned(2_000).paid_out()
    assert payout
    desk.stripe.reverse(payout.id, 500)
    desk.hear()
    assert statement.year_of(desk.world, READER, 2031) == Year(2031, 0, 500, {"readings": 2_000, "payouts": -1_500})
