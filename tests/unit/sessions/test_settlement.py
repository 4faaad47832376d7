"""Product §3, rule 9: what a talk cost must be what the ledger says; then both are paid, once."""

from dataclasses import replace

import pytest

from chalicelib.payouts import service as payouts
from chalicelib.sessions import service
from chalicelib.sessions.model.commands import finish, leave
from chalicelib.sessions.store import Sessions
from chalicelib.wallet.statement import trial_balance, verify_chain
from tests.support.reading import CLIENT, READER, SESSION, Stage


@pytest.mark.parametrize(
    ("rate", "ended_at", "charged", "earned", "fee"),
    [
        (250, 130, 750, 525, 225),
        (399, 1, 399, 279, 120),  # 279.3
        (1, 1, 1, 0, 1),  # 0.7
        (3, 1, 3, 2, 1),  # 2.1
        (333, 61, 666, 466, 200),  # 466.2
    ],
)
def test_the_reader_gets_70_percent_rounded_down_and_the_platform_the_rest(
    rate: int, ended_at: float, charged: int, earned: int, fee: int
) -> None:
    stage = Stage(rate=rate).begun().beats(ended_at)
    session = stage.client(finish)
    assert (session.state, session.earned) == ("finalized", earned)
    assert stage.balance == 10_000 - charged
    assert payouts.earnings_of(stage.world, READER).balance == earned
    assert stage.of("platform:fees") == fee
    assert stage.of(f"session:{SESSION}") == 0


def test_refunds_are_shared_by_both_sides() -> None:
    stage = Stage(rate=250).begun().beats(60)
    session = stage.at(80).reader(finish)  # 500 - 167
    assert session.earned == 233  # 233.1
    assert stage.of("platform:fees") == 100


def test_a_talk_refunded_whole_pays_nobody() -> None:
    stage = Stage().begun()
    assert stage.at(0).reader(finish).earned == 0
    assert stage.balance == 10_000
    assert trial_balance(stage.world).chains == ("credit:usr_client",)


def test_a_receipt_is_what_the_ledger_says() -> None:
    stage = Stage().begun().beats(100)
    stage.reader(leave)
    stage.at(150).resumed()
    stage.beats(200).at(210).reader(finish)  # 160 s connected: 3 minutes, 20 s unused
    receipt = stage.cost()
    assert [minute.number for minute in receipt.minutes] == [1, 2, 3]
    assert [refund.amount for refund in receipt.refunds] == [84]  # 83.33
    assert receipt.total == receipt.by_ledger == 666
    assert stage.of("earnings:") + stage.of("platform:fees") == 666


def test_connected_seconds_of_the_sessions_own_timeline_are_rounded_up_to_minutes() -> None:
    stage = Stage().begun()
    for visit in range(4):  # 4 times 16 s: 64 s
        stage.at(visit * 20 + 16).client(leave)
        stage.at(visit * 20 + 20).resumed()
    session = stage.client(finish)
    assert session.connected_before == 64_000
    assert stage.cost().total == 500


def test_settling_again_pays_nothing_more() -> None:
    stage = Stage().begun().at(10)
    ended = stage.client(finish)
    for _ in range(3):
        stage.noticed()
        service.advance(stage.world, replace(ended, state="ended", finalized_at=None), stale=True)
        stage.client(finish)
    assert stage.of("earnings:") == 175


def test_the_books_balance_and_every_clearing_account_is_empty() -> None:
    stage = Stage().begun().beats(130)
    stage.promo(300, until=500)
    stage.reader(finish)
    books = trial_balance(stage.world)
    assert books.total == {"usd": 0}
    assert books.unsettled() == {}
    assert books.drifted == ()
    assert verify_chain(stage.world, f"credit:{CLIENT}").broken_at is None
    assert verify_chain(stage.world, f"earnings:{READER}").broken_at is None


def test_an_unfinished_talk_leaves_its_charges_in_the_clearing_account() -> None:
    stage = Stage().begun()
    assert trial_balance(stage.world).unsettled() == {f"session:{SESSION}": 250}


def mismatched() -> Stage:
    """A talk of 20 s whose row says 130 s."""
    stage = Stage().begun()
    stage.at(20).client(leave)
    was = stage.row()
    _, operations = Sessions(stage.tables, "sessions").replace(replace(was, connected_before=130_000), was)
    stage.tables.write(*operations)
    stage.client(finish)
    return stage


def test_a_mismatch_pays_nobody_and_marks_the_session_for_review() -> None:
    stage = mismatched()
    session = stage.row()
    assert (session.state, session.review) == ("ended", "settlement_mismatch")
    assert stage.of("earnings:") == 0
    assert stage.of("platform:fees") == 0
    assert stage.of(f"session:{SESSION}") == 250


def test_a_session_under_review_holds_nobody_and_is_not_tried_again() -> None:
    stage = mismatched()
    rev = stage.row().rev
    stage.at(30).noticed()
    assert stage.row().rev == rev
    assert service.page_of_shard(stage.world, stage.row().shard, 10, None) == ([], None)
    assert service.busy_among(stage.world, [CLIENT, READER]) == set()


def test_a_mismatch_alarms(capsys: pytest.CaptureFixture[str]) -> None:
    mismatched()
    said = capsys.readouterr().out
    assert '"level":"error","event":"settlement_mismatch"' in said


def test_the_settlement_is_audited_once() -> None:
    stage = Stage().begun().at(10)
    stage.client(finish)
    told = [row for row in stage.tables.rows["audit"].values() if row["action"] == "session_settled"]
    assert [row["detail"] for row in told] == [{"minutes": 1, "charged": 250, "earned": 175}]
