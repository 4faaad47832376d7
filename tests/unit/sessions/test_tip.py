"""A tip: from the client's credit, once the reading is settled; the reader has 70 % of it in the same write."""

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import AlreadyDone, Forbidden, InsufficientFunds, Invalid, InvalidState, NotFound, Problem
from chalicelib.payouts import service as payouts
from chalicelib.sessions import afterwards
from chalicelib.sessions.afterwards import Tip
from chalicelib.sessions.model.afterwards import must_have_talked
from chalicelib.sessions.model.commands import cancel, finish
from chalicelib.wallet import service as wallet
from chalicelib.wallet.statement import trial_balance, verify_chain
from tests.support.people import person
from tests.support.reading import CLIENT, READER, SESSION, Stage


def settled(credit: int = 10_000) -> Stage:
    """One minute of 250 cents, settled: the reader has 175 of it."""
    stage = Stage(credit=credit).begun().at(10)
    stage.client(finish)
    return stage


def tip(stage: Stage, amount: int = 500, name: str = "tip_1", user: str = CLIENT) -> Tip:
    return afterwards.tip(stage.world, SESSION, user, name, amount)


@pytest.mark.parametrize(("amount", "share"), [(100, 70), (101, 70), (333, 233), (5_000, 3_500)])
def test_the_reader_gets_70_percent_rounded_down_and_the_platform_the_rest(amount: int, share: int) -> None:
    stage = settled()
    assert tip(stage, amount) == Tip("tip_1", SESSION, amount, stage.clock.now)
    assert stage.balance == 9_750 - amount
    assert payouts.earnings_of(stage.world, READER).balance == 175 + share
    assert stage.of("platform:fees") == 75 + amount - share
    books = trial_balance(stage.world)
    assert (books.total, books.unsettled(), books.drifted) == ({"usd": 0}, {}, ())


def test_a_tip_stands_in_both_statements() -> None:
    stage = settled()
    tip(stage)
    assert (stage.head.kind, stage.head.amount, stage.head.reference) == ("tip", -500, SESSION)
    earned = wallet.ledger(stage.world).head(f"earnings:{READER}")
    assert (earned.kind, earned.amount, earned.reference) == ("tip_earned", 350, SESSION)


def test_a_tip_changes_nothing_in_what_the_reading_cost() -> None:
    stage = settled()
    before = stage.cost()
    tip(stage)
    assert stage.cost() == before
    assert stage.noticed().earned == 175


def test_the_same_tip_again_is_the_same_tip_and_another_is_another() -> None:
    stage = settled()
    first = tip(stage)
    stage.at(20)
    assert tip(stage) == first
    assert stage.balance == 9_250
    tip(stage, name="tip_2")
    assert stage.balance == 8_750


def test_a_repeat_succeeds_though_the_first_took_the_last_cent() -> None:
    stage = settled(credit=750)
    assert tip(stage) == tip(stage)
    assert stage.balance == 0


def test_the_same_tip_of_another_amount_is_refused() -> None:
    stage = settled()
    tip(stage)
    with pytest.raises(AlreadyDone):
        tip(stage, 501)
    assert stage.balance == 9_250


@pytest.mark.parametrize("amount", [-1, 0, 99, 50_001])
def test_a_tip_is_1_to_500_dollars(amount: int) -> None:
    stage = settled(credit=100_000)
    with pytest.raises(Invalid):
        tip(stage, amount)
    tip(stage, 100)
    tip(stage, 50_000, "tip_2")


@pytest.mark.parametrize("user", [READER, "usr_stranger"])
def test_only_the_client_tips(user: str) -> None:
    with pytest.raises(Forbidden):
        tip(settled(), user=user)


def test_there_must_be_such_a_reading() -> None:
    with pytest.raises(NotFound):
        afterwards.tip(settled().world, "ses_none", CLIENT, "tip_1", 500)


def test_an_open_reading_is_not_tipped() -> None:
    stage = Stage().begun().at(10)
    with pytest.raises(InvalidState):
        tip(stage)
    assert stage.balance == 9_750


def test_a_reading_whose_settlement_is_under_review_is_not_tipped() -> None:
    stage = settled()
    with pytest.raises(InvalidState):
        must_have_talked(replace(stage.row(), state="ended", review="settlement_mismatch"))


def test_a_talk_that_never_began_is_not_tipped() -> None:
    stage = Stage()
    stage.asked()
    stage.client(cancel)
    with pytest.raises(InvalidState):
        tip(stage)


def test_a_talk_that_was_given_back_whole_may_be_tipped() -> None:
    stage = Stage().begun()
    stage.reader(finish)
    tip(stage)
    assert payouts.earnings_of(stage.world, READER).balance == 350


def test_what_is_not_there_is_no_tip() -> None:
    stage = settled(credit=600)
    with pytest.raises(InsufficientFunds):
        tip(stage)
    assert (stage.balance, payouts.earnings_of(stage.world, READER).balance) == (350, 175)


def test_a_frozen_wallet_gives_no_tip() -> None:
    stage = settled()
    stage.freeze()
    with pytest.raises(Problem) as refused:
        tip(stage)
    assert refused.value.status == 423


def test_a_reading_whose_end_nobody_has_noticed_is_settled_first() -> None:
    stage = Stage().begun().beats(30).at(1_000)
    assert tip(stage).amount == 500
    assert stage.row().state == "finalized"


def test_both_chains_stay_whole() -> None:
    stage = settled()
    for number in range(5):
        tip(stage, name=f"tip_{number}")
    assert verify_chain(stage.world, f"credit:{CLIENT}").broken_at is None
    assert verify_chain(stage.world, f"earnings:{READER}").broken_at is None


def test_a_reader_who_has_left_gets_no_tip() -> None:
    stage = settled()
    person(stage.world, READER, "deleted")
    with pytest.raises(InvalidState):
        tip(stage)
    assert stage.balance == 9_750
