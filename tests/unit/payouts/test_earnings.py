"""Product §10: earnings are held three days, then available."""

import pytest

from chalicelib.kernel.time import DAY
from chalicelib.payouts import service
from chalicelib.payouts.model import Earnings, earnings
from chalicelib.sessions.model.commands import finish
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from tests.support.reading import READER, Stage
from tests.support.worlds import NOON


def test_what_is_younger_than_three_days_is_pending() -> None:
    recent = [(NOON - 1, 70), (NOON - 3 * DAY + 1, 30), (NOON - 3 * DAY, 500), (NOON - 9 * DAY, 1_000)]
    assert earnings(1_600, recent, NOON, 3 * DAY) == Earnings(1_600, 100, 1_500)


def test_what_was_paid_out_or_taken_back_is_not_pending() -> None:
    assert earnings(30, [(NOON, -70), (NOON, 100)], NOON, 3 * DAY) == Earnings(30, 30, 0)
    assert earnings(1_030, [(NOON, -70), (NOON, 100)], NOON, 3 * DAY) == Earnings(1_030, 100, 930)
    assert earnings(-20, [(NOON, 100)], NOON, 3 * DAY) == Earnings(-20, 0, -20)
    assert earnings(0, [], NOON, 3 * DAY) == Earnings(0, 0, 0)


def test_a_cent_is_held_too() -> None:
    assert earnings(5, [(NOON, 1)], NOON, 3 * DAY) == Earnings(5, 1, 4)


def test_a_settled_reading_is_pending_for_three_days() -> None:
    stage = Stage().begun().at(10)
    stage.client(finish)
    assert service.earnings_of(stage.world, READER) == Earnings(175, 175, 0)
    stage.at(10 + 3 * 86_400 - 0.001)
    assert service.earnings_of(stage.world, READER).available == 0
    stage.at(10 + 3 * 86_400)
    assert service.earnings_of(stage.world, READER) == Earnings(175, 0, 175)


def test_a_reader_without_readings_has_earned_nothing() -> None:
    assert service.earnings_of(Stage().world, READER) == Earnings(0, 0, 0)


def test_an_unfinished_reading_has_earned_nothing_yet() -> None:
    assert service.earnings_of(Stage().begun().world, READER).balance == 0


def earn(stage: Stage, cents: int, reference: str) -> Entry:
    entry, posting = wallet.earn(
        stage.world, service.earnings_account(READER), "reading_earned", cents, f"session:{reference}", reference
    )
    stage.world.tables.write(posting)
    return entry


def test_many_readings_of_three_days_are_added_up_over_pages() -> None:
    stage = Stage()
    earn(stage, 5, "ses_old")
    stage.at(3 * 86_400)
    for number in range(130):
        earn(stage, 10, f"ses_{number}")
    assert service.earnings_of(stage.world, READER) == Earnings(1_305, 1_300, 5)


@pytest.mark.parametrize(("gross", "share", "fee"), [(541, 378, 163), (1, 0, 1), (100, 70, 30)])
def test_both_shares_of_a_reading_are_posted_from_its_clearing_account(gross: int, share: int, fee: int) -> None:
    stage = Stage(credit=0)
    earned, operations = service.reading_earned(stage.world, READER, "ses_9", gross, NOON)
    stage.world.tables.write(*operations)
    assert earned == share
    assert (stage.of("earnings:"), stage.of("platform:fees"), stage.of("session:ses_9")) == (share, fee, -gross)


def test_a_reading_that_cost_nothing_posts_nothing() -> None:
    assert service.reading_earned(Stage().world, READER, "ses_9", 0, NOON) == (0, [])


@pytest.mark.parametrize(("gross", "share"), [(100, 70), (101, 70), (1, 0)])
def test_a_booking_pays_the_reader_and_the_platform_out_of_its_escrow(gross: int, share: int) -> None:
    stage = Stage(credit=0)
    earned, operations = service.booking_earned(stage.world, READER, "bok_1", gross, NOON)
    stage.world.tables.write(*operations)
    assert earned == share
    rows = stage.world.tables.scan("ledger").items
    assert sorted((row["kind"], row["amount"], row["counter"]) for row in rows) == [
        *([("booking_earned", share, "escrow:bok_1")] if share else []),
        ("fees", gross - share, "escrow:bok_1"),
    ]
    assert [row["seq"] for row in rows if row["kind"] == "fees"] == ["booking:bok_1"]


def test_a_booking_of_which_nothing_stays_pays_nobody() -> None:
    assert service.booking_earned(Stage().world, READER, "bok_1", 0, NOON) == (0, [])
