"""The satisfaction request: who may ask, when, for how much; what granting moves, and out of whose pocket."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, NotFound
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.payouts import service as payouts
from chalicelib.runtime.tables import Operation
from chalicelib.sessions import afterwards, asking, costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import afterwards as model
from chalicelib.sessions.model.afterwards import Guarantee, Restitution
from chalicelib.sessions.model.commands import accept, cancel, finish, join
from chalicelib.sessions.model.session import Booked, Side
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import Lot
from chalicelib.wallet.statement import trial_balance, verify_chain
from tests.support.memory import MemoryTables
from tests.support.people import person
from tests.support.reading import CLIENT, READER, SESSION, Stage
from tests.support.rows import ACTIVE
from tests.support.worlds import NOON

WHY = "It was not what I was told."
ADMIN = {"actor": "arn:admin", "reason": "ticket 7"}
FINALIZED = replace(ACTIVE, state="finalized", finalized_at=NOON)


def settled(stage: Stage | None = None, seconds: float = 130) -> Stage:
    """Three minutes of 250 cents, settled: the reader has 525 of 750."""
    stage = (stage or Stage()).begun().beats(seconds)
    stage.client(finish)
    return stage


def ask(stage: Stage, user: str = CLIENT, reason: str = WHY) -> Guarantee:
    return afterwards.ask_guarantee(stage.world, SESSION, user, reason)


def grant(stage: Stage) -> Guarantee:
    return afterwards.grant(stage.world, ask(stage).id, **ADMIN)


def begin_another(stage: Stage) -> None:
    """The same two talk again."""
    stage.asked(session="ses_2")
    for user, command in ((READER, accept), (CLIENT, join), (READER, join)):
        sessions.perform(stage.world, "ses_2", user, command)


def settle_another(stage: Stage) -> None:
    begin_another(stage)
    stage.clock.forward(1_000)
    sessions.perform(stage.world, "ses_2", CLIENT, finish)


def audited(stage: Stage) -> list[Any]:
    rows = stage.tables.rows["audit"].values()
    return [(row["pk"], row["action"], row["reason"], row["detail"]) for row in rows if row["actor"] == "arn:admin"]


def assert_books(stage: Stage) -> None:
    books = trial_balance(stage.world)
    assert (books.total, books.unsettled(), books.drifted) == ({"usd": 0}, {}, ())
    assert all(verify_chain(stage.world, chain).broken_at is None for chain in books.chains)


# --- asking


def test_a_client_asks_for_what_the_reading_cost() -> None:
    stage = settled()
    asked = ask(stage)
    assert (asked.status, asked.amount, asked.session, asked.user) == ("pending", 750, SESSION, CLIENT)
    assert afterwards.guarantee_of(stage.world, SESSION, CLIENT) == asked
    assert afterwards.pending_guarantees(stage.world) == [asked]
    assert stage.balance == 9_250


@pytest.mark.parametrize(("cost", "amount"), [(1, 1), (2_499, 2_499), (2_500, 2_500), (2_501, 2_500), (90_000, 2_500)])
def test_the_amount_is_the_cost_up_to_25_dollars(cost: int, amount: int) -> None:
    assert model.asked("gua_1", FINALIZED, cost, WHY, None, NOON).amount == amount


def test_the_amount_is_net_of_what_came_back_before() -> None:
    stage = Stage().begun().at(20)
    stage.reader(finish)
    assert ask(stage).amount == 250 - 167


@pytest.mark.parametrize("late", [0, 1])
def test_it_is_asked_for_within_72_hours(late: int) -> None:
    moment = NOON + 72 * HOUR - 1 + late
    if late:
        with pytest.raises(InvalidState):
            model.asked("gua_1", FINALIZED, 750, WHY, None, moment)
    else:
        assert model.asked("gua_1", FINALIZED, 750, WHY, None, moment).asked_at == moment


def test_it_is_asked_for_once_in_30_days() -> None:
    with pytest.raises(InvalidState, match=r"at 2030-03-17T17:46:40\.001Z"):
        model.asked("gua_1", FINALIZED, 750, WHY, NOON - 30 * DAY + 1, NOON)
    assert model.asked("gua_1", FINALIZED, 750, WHY, NOON - 30 * DAY, NOON)


def test_a_second_reading_within_30_days_is_not_asked_for_whatever_became_of_the_first() -> None:
    stage = settled()
    afterwards.refuse(stage.world, ask(stage).id, **ADMIN)
    settle_another(stage)
    with pytest.raises(InvalidState, match="again at"):
        afterwards.ask_guarantee(stage.world, "ses_2", CLIENT, WHY)
    assert afterwards.pending_guarantees(stage.world) == []


def test_of_two_requests_that_met_the_second_is_refused() -> None:
    class Raced(MemoryTables):
        """The client asks for the other reading just before the first write."""

        raced = False

        def write(self, *operations: Operation) -> None:
            if not self.raced:
                self.raced = True
                ask(stage)
            super().write(*operations)

    stage = settled()
    settle_another(stage)
    tables = Raced()
    tables.rows = stage.tables.rows
    with pytest.raises(InvalidState, match="again at"):
        afterwards.ask_guarantee(replace(stage.world, tables=tables), "ses_2", CLIENT, WHY)
    assert [each.session for each in afterwards.pending_guarantees(stage.world)] == [SESSION]


def test_the_same_request_again_is_the_same_and_another_reason_is_refused() -> None:
    stage = settled()
    first = ask(stage)
    stage.at(500)
    assert ask(stage, reason=f"  {WHY} ") == first
    with pytest.raises(AlreadyDone):
        ask(stage, reason="Another.")


@pytest.mark.parametrize("user", [READER, "usr_stranger"])
def test_only_the_client_asks_and_looks(user: str) -> None:
    stage = settled()
    with pytest.raises(Forbidden):
        ask(stage, user)
    ask(stage)
    with pytest.raises(Forbidden):
        afterwards.guarantee_of(stage.world, SESSION, user)


def test_where_nobody_asked_there_is_none() -> None:
    with pytest.raises(NotFound):
        afterwards.guarantee_of(settled().world, SESSION, CLIENT)


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 2_001])
def test_a_reason_is_given(reason: str) -> None:
    with pytest.raises(Invalid):
        ask(settled(), reason=reason)


def test_an_open_reading_is_not_asked_for() -> None:
    with pytest.raises(InvalidState):
        ask(Stage().begun())


def test_what_cost_nothing_is_not_asked_for() -> None:
    stage = Stage()
    stage.asked()
    stage.client(cancel)
    with pytest.raises(InvalidState):
        ask(stage)
    stage = Stage().begun()
    stage.reader(finish)
    with pytest.raises(InvalidState):
        ask(stage)


# --- granting


def test_granting_gives_the_client_the_amount_from_the_reader_and_the_platform() -> None:
    stage = settled()
    granted = grant(stage)
    assert (granted.status, granted.decided_at) == ("granted", stage.clock.now)
    assert stage.balance == 10_000
    assert (stage.head.kind, stage.head.amount, stage.head.reference) == ("guarantee", 750, SESSION)
    assert payouts.earnings_of(stage.world, READER).balance == 0
    assert stage.of("platform:guarantees") == -225
    assert afterwards.pending_guarantees(stage.world) == []
    assert_books(stage)


def test_granting_is_audited_once_however_often_it_is_done() -> None:
    stage = settled()
    first = grant(stage)
    stage.at(600)
    assert afterwards.grant(stage.world, first.id, **ADMIN) == first
    detail = {"guarantee": first.id, "amount": 750, "promo": 0, "from_reader": 525}
    assert audited(stage) == [(SESSION, "guarantee_granted", "ticket 7", detail)]
    assert stage.balance == 10_000


def test_it_changes_nothing_in_what_the_reading_cost() -> None:
    stage = settled()
    before = stage.cost()
    grant(stage)
    assert stage.cost() == before


def test_earnings_that_were_paid_out_go_below_zero() -> None:
    stage = settled()
    _, paid_out = wallet.earn(stage.world, f"earnings:{READER}", "payout", -525, "stripe:payouts", "po_1")
    stage.tables.write(paid_out)
    grant(stage)
    earned = payouts.earnings_of(stage.world, READER)
    assert (earned.balance, earned.pending, earned.available) == (-525, 0, -525)
    assert_books(stage)


def test_promotional_credit_comes_back_as_a_lot_of_seven_days_and_never_as_paid_money() -> None:
    stage = Stage(credit=400)
    stage.promo(600, until=9_000)
    settled(stage)
    assert (stage.head.buckets.paid, stage.head.buckets.lots) == (250, ())
    grant(stage)
    assert stage.head.buckets.paid == 400
    assert stage.head.buckets.lots == (Lot("pro_1", 600, stage.clock.now + 7 * DAY),)
    assert audited(stage)[0][3]["promo"] == 600
    assert_books(stage)


def test_of_a_part_the_last_spent_comes_back_first() -> None:
    spent = (("pro_1", 600), ("paid", 150), ("paid", 250))
    asked = Guarantee("gua_1", SESSION, CLIENT, 500, WHY, NOON)
    moved = model.restitution(asked, spent, 700)
    assert moved == Restitution((("paid", 250), ("paid", 150), ("pro_1", 100)), 350, 150)
    assert moved.promo == 100
    assert model.restitution(asked, (("given", 500),), 700).promo == 0  # it does not expire


def test_with_all_slots_taken_it_joins_the_lot_that_expires_last() -> None:
    stage = Stage(credit=400)
    stage.promo(600, until=9_000)
    settled(stage)
    asked = ask(stage)
    for number in range(4):
        stage.promo(10, until=9_000 + number, name=f"pro_{number + 2}")
    assert afterwards.grant(stage.world, asked.id, **ADMIN).status == "granted"
    assert [(lot.id, lot.rest) for lot in stage.head.buckets.lots][-1] == ("pro_5", 610)
    assert stage.head.buckets.paid == 400
    assert_books(stage)


@pytest.mark.parametrize(
    ("amount", "earned", "share"), [(2_500, 9_000, 1_750), (750, 525, 525), (333, 999, 233), (10, 3, 3), (10, 0, 0)]
)
def test_the_reader_bears_their_share_and_never_more_than_the_reading_earned_them(
    amount: int, earned: int, share: int
) -> None:
    asked = Guarantee("gua_1", SESSION, CLIENT, amount, WHY, NOON)
    moved = model.restitution(asked, (("paid", 10_000),), earned)
    assert (moved.from_reader, moved.from_platform) == (share, amount - share)


def test_a_reader_who_earned_nothing_has_no_entry() -> None:
    stage = settled(Stage(rate=1), seconds=10)
    grant(stage)
    assert stage.of("platform:guarantees") == -1
    assert_books(stage)
    assert trial_balance(stage.world).chains == (f"credit:{CLIENT}",)


def test_what_the_ledger_does_not_show_is_not_given_back() -> None:
    asked = Guarantee("gua_1", SESSION, CLIENT, 751, WHY, NOON)
    with pytest.raises(InvalidState):
        model.restitution(asked, (("paid", 750),), 525)


def test_granting_while_the_next_reading_runs_leaves_its_meter_alone() -> None:
    stage = settled()
    asked = ask(stage)
    begin_another(stage)
    meter = stage.head.meter
    afterwards.grant(stage.world, asked.id, **ADMIN)
    assert stage.head.meter == meter
    assert stage.balance == 9_750


@pytest.mark.parametrize(
    ("refunded", "amount", "back"),
    [(0, 2_500, (("paid", 2_500),)), (6_000, 1_500, (("paid", 500), ("pro_1", 1_000)))],
)
def test_of_a_reading_that_a_booking_has_paid_the_bookings_money_comes_back(
    refunded: int, amount: int, back: tuple[tuple[str, int], ...]
) -> None:
    stage = Stage()
    stage.promo(1_000, until=90_000)
    wallet.spend(stage.world, CLIENT, "booking", 7_500, "escrow:bok_1", "booking:bok_1", "bok_1")
    sides = (Side(CLIENT, "Cee"), Side(READER, "Are"))
    booked = Booked("bok_1", SESSION, *sides, "text", 250, 30, stage.clock.now + 60_000, stage.clock.now + 1_800_000)
    asking.open_booked(stage.world, booked)
    stage.client(join)
    stage.reader(join)
    ended = stage.at(5).client(finish)
    stage.tables.write(*sessions.settle_booked(stage.world, ended, refunded, 5_250, stage.clock.now))
    asked = ask(stage)
    assert asked.amount == amount
    moved = afterwards.restitution_of(stage.world, asked)
    assert (moved.back, moved.from_reader) == (back, amount * 70 // 100)


def test_a_booking_whose_charge_is_not_in_the_ledger_is_not_given_back() -> None:
    stage = settled()
    unpaid = replace(stage.row(), booking="bok_1")
    assert costs.paid_from(stage.world, unpaid) == ()


# --- refusing


def test_refusing_moves_nothing_and_is_audited_once() -> None:
    stage = settled()
    asked = ask(stage)
    refused = afterwards.refuse(stage.world, asked.id, **ADMIN)
    stage.at(600)
    assert afterwards.refuse(stage.world, asked.id, **ADMIN) == refused
    assert (refused.status, stage.balance) == ("refused", 9_250)
    detail = {"guarantee": asked.id, "amount": 750}
    assert audited(stage) == [(SESSION, "guarantee_refused", "ticket 7", detail)]
    assert afterwards.pending_guarantees(stage.world) == []


def test_a_decision_is_final() -> None:
    stage = settled()
    asked = ask(stage)
    afterwards.refuse(stage.world, asked.id, **ADMIN)
    with pytest.raises(AlreadyDone):
        afterwards.grant(stage.world, asked.id, **ADMIN)
    stage = settled()
    grant(stage)
    with pytest.raises(AlreadyDone):
        afterwards.refuse(stage.world, asked.id, **ADMIN)
    assert stage.balance == 10_000


def test_there_must_be_such_a_request() -> None:
    with pytest.raises(NotFound):
        afterwards.grant(Stage().world, "gua_none", **ADMIN)


def test_to_a_client_who_has_left_nothing_is_granted() -> None:
    stage = Stage(credit=1_000)
    settled(stage)
    asked = ask(stage)
    person(stage.world, CLIENT, "deleted")
    with pytest.raises(InvalidState):
        afterwards.grant(stage.world, asked.id, **ADMIN)
    assert payouts.earnings_of(stage.world, READER).balance == stage.row().earned
    assert afterwards.refuse(stage.world, asked.id, **ADMIN).status == "refused"
