"""What a reading cost, folded from its entries."""

from chalicelib.sessions.model.commands import finish, leave
from chalicelib.wallet.model.receipt import Minute, Refund, receipt
from tests.support.reading import SESSION, Stage
from tests.support.worlds import NOON


def test_every_minute_is_on_the_receipt_with_the_moment_of_its_charge() -> None:
    stage = Stage().begun().beats(125)
    stage.client(finish)
    assert stage.cost().minutes == (
        Minute(1, NOON, 250),
        Minute(2, NOON + 60_000, 250),
        Minute(3, NOON + 120_000, 250),
    )
    assert (stage.cost().refunds, stage.cost().total, stage.cost().by_ledger) == ((), 750, 750)


def test_minutes_taken_back_whole_are_not_on_it() -> None:
    stage = Stage().begun().beats(60)
    stage.client(leave)
    assert [minute.number for minute in stage.cost().minutes] == [1]
    stage.at(70).resumed()
    assert stage.cost().minutes[1] == Minute(2, NOON + 70_000, 250)
    assert stage.cost().total == stage.cost().by_ledger == 500


def test_a_refund_is_on_it_once() -> None:
    stage = Stage().begun()
    stage.at(20).reader(finish)
    assert stage.cost().refunds == (Refund(NOON + 20_000, 167),)
    assert stage.cost().total == 83


def test_other_business_in_between_is_passed_over() -> None:
    stage = Stage().begun().beats(30)
    stage.top_up(700)
    stage.spend(100)
    stage.promo(50, until=900)
    stage.beats(70).client(finish)
    assert stage.cost().total == 500


def test_entries_of_another_reading_are_passed_over() -> None:
    stage = Stage().begun().beats(70)
    stage.client(finish)
    assert receipt(stage.entries(), "ses_2").total == 0
    assert receipt(stage.entries(), SESSION).total == 500
