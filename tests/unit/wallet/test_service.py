"""Posting to a wallet: once, on the newest entry, never beyond what is there."""

from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, InsufficientFunds, Unavailable, WalletFrozen
from chalicelib.runtime.tables import Absent, ConditionFailed, Contended, Operation, Put
from chalicelib.sessions.model.commands import heartbeat
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.buckets import Lot
from chalicelib.wallet.model.chain import Draft, Entry
from tests.support.memory import MemoryTables
from tests.support.reading import CLIENT, Stage, grant, pay_in
from tests.support.worlds import NOON, hand_world

ACCOUNT = wallet.credit_account(CLIENT)


class Failing(MemoryTables):
    """Tables whose next writes fail: ``before`` the write takes effect, or ``after``."""

    def __init__(self) -> None:
        super().__init__()
        self.coming: list[str] = []
        self.writes = 0

    def write(self, *operations: Operation) -> None:
        self.writes += 1
        when = self.coming.pop(0) if self.coming else ""
        if when == "before":
            raise Contended("TransactionConflict")
        super().write(*operations)
        if when == "after":
            raise Contended("ReadTimeout")


def post(world: Any, cents: int, key: str = "topup:pi_1", *beside: Operation) -> Entry:
    def draft_of(newest: Entry, _: int) -> Draft:
        return meter.receive(newest, "topup", cents, "stripe:payments", "top_1")

    return wallet.post_once(world, ACCOUNT, key, draft_of, *beside)


@pytest.fixture
def tables() -> Failing:
    return Failing()


@pytest.fixture
def world(tables: Failing) -> Any:
    return hand_world(tables)


# --- posting once


def test_what_exists_and_is_the_same_is_success(world: Any) -> None:
    assert post(world, 500) == post(world, 500)
    assert wallet.head(world, CLIENT).seq == 1


def test_what_exists_and_is_different_is_an_error(world: Any) -> None:
    post(world, 500)
    with pytest.raises(AlreadyDone):
        post(world, 501)
    with pytest.raises(AlreadyDone):
        wallet.post_once(
            world, "credit:usr_2", "topup:pi_1", lambda newest, _: meter.receive(newest, "topup", 500, "x:y", "top_1")
        )
    assert wallet.head(world, CLIENT).balance == 500


def test_other_keys_are_other_facts(world: Any) -> None:
    post(world, 500)
    post(world, 500, "topup:pi_2")
    assert wallet.head(world, CLIENT).balance == 1_000


@pytest.mark.parametrize("coming", [["before"], ["after"], ["before", "after"], ["before"] * 5, ["after", "after"]])
def test_a_write_of_unknown_outcome_is_read_again_and_posted_once(
    world: Any, tables: Failing, coming: list[str]
) -> None:
    tables.coming = list(coming)
    assert post(world, 500).balance == 500
    assert wallet.head(world, CLIENT).seq == 1


def test_storage_that_stays_contended_is_unavailable(world: Any, tables: Failing) -> None:
    tables.coming = ["before"] * 1_000
    with pytest.raises(Unavailable):
        post(world, 500)
    assert tables.writes <= 200


def test_a_fact_is_posted_together_with_what_stands_beside_it(world: Any, tables: Failing) -> None:
    beside = Put("wallet", {"pk": "event#1", "sk": "event"}, (Absent("pk"),))
    post(world, 500, "topup:pi_1", beside)
    assert ("event#1", "event") in tables.rows["wallet"]
    with pytest.raises(ConditionFailed):
        post(world, 500, "topup:pi_2", beside)
    assert wallet.head(world, CLIENT).balance == 500


def test_two_writers_of_one_number_both_get_through() -> None:
    class Raced(Failing):
        """Another writer takes the next number just before the first write."""

        def write(self, *operations: Operation) -> None:
            if not self.writes:
                self.writes += 1
                pay_in(hand_world(self), CLIENT, 70, "topup:other")
            super().write(*operations)

    world = hand_world(Raced())
    assert post(world, 500).balance == 570
    assert wallet.head(world, CLIENT).seq == 2


def test_a_grant_of_unknown_outcome_is_granted_once(world: Any, tables: Failing) -> None:
    lot = Lot("pro_1", 500, NOON + 1_000)
    tables.coming = ["after"]
    first = grant(world, CLIENT, lot)
    assert grant(world, CLIENT, lot) == first
    assert wallet.head(world, CLIENT).balance == 500


# --- spending


def test_credit_is_spent_once() -> None:
    stage = Stage(credit=1_000)
    assert stage.spend(300) == stage.spend(300)
    assert stage.balance == 700
    assert stage.of("platform:shop") == 300


def test_a_repeat_succeeds_though_the_first_spent_what_the_second_misses() -> None:
    stage = Stage(credit=300)
    first = stage.spend(300)
    assert stage.spend(300) == first
    stage.freeze()
    assert stage.spend(300) == first


def test_the_same_key_for_another_amount_is_an_error() -> None:
    stage = Stage(credit=1_000)
    stage.spend(300)
    with pytest.raises(AlreadyDone):
        stage.spend(301)


def test_the_same_key_for_an_amount_that_is_not_there_is_an_error_too() -> None:
    stage = Stage(credit=1_000)
    stage.spend(300)
    with pytest.raises(AlreadyDone):
        stage.spend(5_000)


def test_the_same_key_for_another_amount_on_a_frozen_wallet_is_an_error_too() -> None:
    stage = Stage(credit=1_000)
    stage.spend(300)
    stage.freeze()
    with pytest.raises(AlreadyDone):
        stage.spend(301)


@pytest.mark.parametrize("cents", [1_001, 5_000])
def test_what_is_not_there_is_not_spent(cents: int) -> None:
    stage = Stage(credit=1_000)
    with pytest.raises(InsufficientFunds):
        stage.spend(cents)
    assert stage.balance == 1_000


def test_a_frozen_wallet_spends_nothing() -> None:
    stage = Stage(credit=1_000)
    stage.freeze()
    with pytest.raises(WalletFrozen):
        stage.spend(1)
    stage.unfreeze()
    stage.spend(1)


def test_only_a_dispute_makes_a_wallet_negative_and_then_nothing_is_spent() -> None:
    stage = Stage(credit=1_000)
    stage.top_up(-1_500)
    assert stage.balance == -500
    with pytest.raises(InsufficientFunds):
        stage.spend(1)
    stage.top_up(501)
    stage.spend(1)
    assert stage.balance == 0


# --- the meter


def test_minutes_that_are_due_are_posted_in_order_each_once() -> None:
    stage = Stage().begun().beats(50)
    stage.at(124)
    newest = wallet.charge_due(stage.world, stage.head)
    assert newest.balance == 9_250
    assert wallet.charge_due(stage.world, newest) == newest
    assert [entry.minute for entry in stage.entries()] == [0, 1, 2, 3]


def test_a_stale_head_charges_no_minute_twice() -> None:
    stage = Stage().begun().beats(50)
    stale = stage.head
    stage.at(61).noticed()
    wallet.charge_due(stage.world, stale)
    assert stage.balance == 9_500


@pytest.mark.parametrize("coming", [["before"], ["after"], ["after", "before", "after"]])
def test_a_charge_of_unknown_outcome_is_charged_once(coming: list[str]) -> None:
    tables = Failing()
    stage = Stage()
    tables.rows = stage.tables.rows
    stage.begun().beats(50)
    world = hand_world(tables, now=stage.at(61).clock)
    tables.coming = list(coming)
    assert wallet.charge_due(world, wallet.head(world, CLIENT)).balance == 9_500
    assert stage.balance == 9_500


def test_a_freeze_that_met_a_charge_decides_again() -> None:
    stage = Stage().begun().beats(50)
    stage.at(61).client(heartbeat)
    assert stage.freeze().seq == stage.head.seq
    assert stage.balance == 9_500
