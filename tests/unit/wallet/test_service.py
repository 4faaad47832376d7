"""Posting to a wallet: once, on the newest entry, never beyond what is there."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, InsufficientFunds, InvalidState, Unavailable, WalletFrozen
from chalicelib.runtime.tables import Absent, ConditionFailed, Contended, Operation, Put
from chalicelib.sessions.model.commands import heartbeat
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.buckets import Lot
from chalicelib.wallet.model.chain import Draft, Entry, Fact
from tests.support.memory import MemoryTables
from tests.support.reading import CLIENT, Stage, grant
from tests.support.worlds import NOON, hand_world

ACCOUNT = wallet.credit_account(CLIENT)
EARNINGS = "earnings:usr_reader"


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


def receiving(cents: int) -> Callable[[Entry, int], Draft]:
    return lambda newest, _: meter.receive(newest, "topup", cents, "stripe:payments", "top_1")


def post(world: Any, cents: int, key: str = "topup:pi_1", beside: wallet.Beside = wallet.nothing) -> Entry:
    fact = Fact("topup", cents, "stripe:payments", "top_1")
    return wallet.post_once(world, ACCOUNT, key, fact, receiving(cents), beside)


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
            world,
            "credit:usr_2",
            "topup:pi_1",
            Fact("topup", 500, "stripe:payments", "top_1"),
            lambda newest, _: meter.receive(newest, "topup", 500, "stripe:payments", "top_1"),
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
    post(world, 500, "topup:pi_1", lambda _: [beside])
    assert ("event#1", "event") in tables.rows["wallet"]
    other = Put("wallet", {"pk": "event#2", "sk": "event"}, (Absent("pk"),))
    with pytest.raises(ConditionFailed) as failed:
        post(world, 500, "topup:pi_2", lambda _: [other, beside])
    assert failed.value.found == {1: beside.item}, "by the places that the caller knows"
    assert wallet.head(world, CLIENT).balance == 500
    assert ("event#2", "event") not in tables.rows["wallet"]


def earns(world: Any, entry: Entry) -> list[Operation]:
    """Half of it goes to a reader, whose chain moves too."""
    _, posting = wallet.earn(world, EARNINGS, "earned", entry.amount // 2, "stripe:payments", entry.reference)
    return [posting]


class Raced(Failing):
    """Another posting takes the next number of ``account`` just before each of the first ``times`` writes."""

    def __init__(self, account: str, times: int) -> None:
        super().__init__()
        self._account = account
        self._times = times

    def write(self, *operations: Operation) -> None:
        if self._times:
            self._times -= 1
            _, other = wallet.earn(hand_world(self), self._account, "other", 70, "stripe:payments", "top_2")
            MemoryTables.write(self, other)
        super().write(*operations)


@pytest.mark.parametrize("account", [ACCOUNT, EARNINGS])
@pytest.mark.parametrize("times", [1, 3])
def test_where_another_posting_came_first_on_either_chain_both_are_decided_again(account: str, times: int) -> None:
    world = hand_world(Raced(account, times))
    post(world, 500, beside=lambda entry: earns(world, entry))
    book = wallet.ledger(world)
    own = {ACCOUNT: 500, EARNINGS: 250}
    assert {name: book.head(name).balance for name in own} == own | {account: own[account] + 70 * times}


def test_where_another_posting_came_first_and_another_clause_fails_too_the_second_try_says_which() -> None:
    world = hand_world(Raced(EARNINGS, 1))
    there = Put("wallet", {"pk": "event#1", "sk": "event"}, (Absent("pk"),))
    world.tables.rows["wallet"][("event#1", "event")] = there.item  # type: ignore[attr-defined]  # tables in memory
    tries: list[Entry] = []

    def beside(entry: Entry) -> list[Operation]:
        tries.append(entry)
        return [*earns(world, entry), there]

    with pytest.raises(ConditionFailed) as failed:
        post(world, 500, beside=beside)
    assert failed.value.found == {1: there.item}
    assert len(tries) == 2
    assert wallet.head(world, CLIENT).seq == 0


def test_what_stands_beside_a_fact_is_written_once_with_it_however_often_it_is_posted(world: Any) -> None:
    for _ in range(3):
        post(world, 500, beside=lambda entry: earns(world, entry))
    assert wallet.ledger(world).head(EARNINGS).balance == 250


def test_what_stands_beside_may_refuse_unless_the_fact_was_posted(world: Any) -> None:
    def refuses(entry: Entry) -> list[Operation]:
        raise InvalidState

    with pytest.raises(InvalidState):
        post(world, 500, beside=refuses)
    assert wallet.head(world, CLIENT).seq == 0
    first = post(world, 500)
    assert post(world, 500, beside=refuses) == first


def test_a_draft_of_another_meaning_is_a_bug_and_is_not_posted(world: Any) -> None:
    with pytest.raises(ValueError, match="is not"):
        wallet.post_once(world, ACCOUNT, "key", Fact("topup", 500, "stripe:payments", "top_1"), receiving(501))
    assert wallet.head(world, CLIENT).seq == 0


@pytest.mark.parametrize(
    ("account", "fact"),
    [
        ("credit:usr_2", Fact("topup", 500, "stripe:payments", "top_1")),
        (ACCOUNT, Fact("refund", 500, "stripe:payments", "top_1")),
        (ACCOUNT, Fact("topup", 500, "stripe:payouts", "top_1")),
        (ACCOUNT, Fact("topup", 500, "stripe:payments", "top_2")),
        (ACCOUNT, Fact("topup", 499, "stripe:payments", "top_1")),
    ],
)
@pytest.mark.parametrize("refuses", [True, False])
def test_a_key_means_one_thing_whether_its_repeat_would_be_refused_or_not(
    world: Any, account: str, fact: Fact, refuses: bool
) -> None:
    post(world, 500)

    def draft_of(newest: Entry, _: int) -> Draft:
        if refuses:
            raise InsufficientFunds
        return meter.receive(newest, fact.kind, fact.amount, fact.counter, fact.reference)

    with pytest.raises(AlreadyDone):
        wallet.post_once(world, account, "topup:pi_1", fact, draft_of)


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
