"""What a reading cost, folded from its entries."""

from chalicelib.sessions.model.commands import finish, leave
from chalicelib.wallet.model.buckets import Split
from chalicelib.wallet.model.receipt import Minute, Refund, paid_from, receipt
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


# --- who paid it


def paid(stage: Stage) -> Split:
    return paid_from(stage.entries(), SESSION)


def test_what_paid_a_reading_is_told_in_the_order_of_spending() -> None:
    stage = Stage()
    stage.promo(600, until=9_000)
    stage.begun().beats(125).client(finish)
    assert paid(stage) == (("pro_1", 250), ("pro_1", 250), ("pro_1", 100), ("paid", 150))


def test_minutes_taken_back_whole_paid_nothing() -> None:
    stage = Stage()
    stage.promo(300, until=9_000)
    stage.begun().beats(60)
    stage.client(leave)
    stage.at(70).resumed()
    stage.beats(80).client(finish)
    assert paid(stage) == (("pro_1", 250), ("pro_1", 50), ("paid", 200))
    assert sum(cents for _, cents in paid(stage)) == stage.cost().total


def test_of_a_minute_refunded_in_part_the_first_spent_stays_spent() -> None:
    stage = Stage()
    stage.promo(50, until=9_000)
    stage.begun().at(20).reader(finish)  # 83 of 250 are kept
    assert paid(stage) == (("pro_1", 50), ("paid", 33))
    stage = Stage()
    stage.promo(200, until=9_000)
    stage.begun().at(20).reader(finish)
    assert paid(stage) == (("pro_1", 83),)


def test_a_minute_refunded_whole_paid_nothing() -> None:
    stage = Stage().begun()
    stage.reader(finish)
    assert paid(stage) == ()


def test_other_business_paid_nothing_of_it() -> None:
    stage = Stage().begun().beats(30)
    stage.spend(100)
    stage.beats(70).client(finish)
    assert paid(stage) == (("paid", 250), ("paid", 250))
    assert paid_from(stage.entries(), "ses_2") == ()
