"""Product §4: a saved card is charged when credit gets short; one in flight, a daily cap, off when the bank says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts.model.limits import Wanted as WantedLimits
from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused, SavedCard
from chalicelib.kernel.errors import (
    Invalid,
    InvalidState,
    NotFound,
    ProviderFailed,
    SpendingLimitReached,
)
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.operations import handlers
from chalicelib.runtime.tables import Contended, Item, Key
from chalicelib.sessions import sooner
from chalicelib.sessions.model.commands import finish, leave
from chalicelib.wallet import recharges, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.recharge import DECLINES, REST, AutoRecharge, Recharge, Wanted
from chalicelib.wallet.recharge_store import recharges_of
from tests.support.emf import taken
from tests.support.events import recharge_event, setup_event
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.reading import CLIENT, Stage, pay_in
from tests.support.worlds import NOON, OfflinePayments, hand_world

PAID = "payment_intent.succeeded"
FAILED = "payment_intent.payment_failed"
ON = Wanted(True, 1_000, 2_500, 10_000)


def carded(world: World, wanted: Wanted | None = ON) -> World:
    """With a saved card, and auto-recharge as ``wanted``."""
    recharges.open_setup(world, CLIENT, "set_1")
    apply_event(world, setup_event("evt_setup", CLIENT))
    if wanted:
        recharges.set_auto(world, CLIENT, wanted)
    return world


@pytest.fixture
def stage() -> Stage:
    staged = Stage(credit=5_000)
    carded(staged.world)
    return staged


def settings(stage: Stage) -> AutoRecharge:
    return recharges.settings_of(stage.world, CLIENT)


def in_flight(stage: Stage) -> Recharge:
    name = settings(stage).in_flight
    assert name
    found = recharges_of(stage.world).get(name)
    assert found
    return found


def vendor(stage: Stage) -> OfflinePayments:
    assert isinstance(stage.world.payments, OfflinePayments)
    return stage.world.payments


def told(stage: Stage, charge: Recharge, kind: str = PAID, event: str = "evt_1", **other: Any) -> None:
    apply_event(stage.world, recharge_event(event, kind, charge, **other))


def outcome(stage: Stage, event: str) -> str:
    return str(stage.tables.rows["wallet"][f"event#{event}", "event"]["outcome"])


def notices(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    found = stage.tables.query("notices", ("pk", CLIENT)).items
    return [(row["kind"], row["facts"]) for row in found]


# --- the card ------------------------------------------------------------------------------------


def test_a_page_saves_a_card_for_the_customer_that_was_made_once(stage: Stage) -> None:
    assert recharges.open_setup(stage.world, CLIENT, "set_2").endswith(f"/setup/set_2/{CLIENT}/cus_{CLIENT}")
    card = settings(stage).card
    assert card
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == ("visa", "4242", 12, 2034)
    assert outcome(stage, "evt_setup") == "card saved"


def test_the_card_that_was_saved_last_counts_in_whatever_order_that_is_told(stage: Stage) -> None:
    vendor(stage).card = SavedCard(f"cus_{CLIENT}", "pm_new", "amex", "0005", 1, 2035)
    apply_event(stage.world, setup_event("evt_new", CLIENT, created=1_900_000_100))
    vendor(stage).card = SavedCard(f"cus_{CLIENT}", "pm_old", "visa", "1111", 1, 2031)
    apply_event(stage.world, setup_event("evt_old", CLIENT, created=1_900_000_050))
    card = settings(stage).card
    assert card
    assert card.payment_method == "pm_new"


@pytest.mark.parametrize(
    "other",
    [
        {"customer": "cus_somebody_else"},
        {"customer": None},
        {"metadata": {"user": "usr_unknown"}},
        {"metadata": {}},
        {"metadata": None},
        {"setup_intent": None},
    ],
)
def test_a_page_that_is_not_the_persons_saves_nothing(other: dict[str, Any]) -> None:
    stage = Stage()
    recharges.open_setup(stage.world, CLIENT, "set_1")
    apply_event(stage.world, setup_event("evt_1", CLIENT, **other))
    assert settings(stage).card is None
    assert outcome(stage, "evt_1") == "no page of ours"


def test_a_card_of_another_customer_or_none_is_not_kept() -> None:
    for number, card in enumerate((None, SavedCard("cus_other", "pm_1", "visa", "4242", 1, 2030))):
        stage = Stage()
        vendor(stage).card = card
        recharges.open_setup(stage.world, CLIENT, "set_1")
        apply_event(stage.world, setup_event(f"evt_{number}", CLIENT))
        assert settings(stage).card is None


# --- what the person sets ------------------------------------------------------------------------


def test_without_a_card_it_cannot_be_turned_on_but_off() -> None:
    stage = Stage()
    with pytest.raises(InvalidState):
        recharges.set_auto(stage.world, CLIENT, ON)
    recharges.set_auto(stage.world, CLIENT, replace(ON, enabled=False))
    assert stage.head.refill is None


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": -1},
        {"threshold": 50_001},
        {"amount": 499},
        {"amount": 50_001},
        {"daily_cap": 2_499},
        {"daily_cap": 100_001},
    ],
)
def test_amounts_out_of_bounds_change_nothing(stage: Stage, change: dict[str, int]) -> None:
    before = settings(stage)
    with pytest.raises(Invalid):
        recharges.set_auto(stage.world, CLIENT, replace(ON, **change))  # type: ignore[arg-type]  # amounts
    assert settings(stage) == before


def test_amounts_at_their_bounds_are_taken(stage: Stage) -> None:
    recharges.set_auto(stage.world, CLIENT, Wanted(True, 0, 500, 500))
    recharges.set_auto(stage.world, CLIENT, Wanted(True, 4_000, 50_000, 100_000))
    assert stage.head.refill == 4_000


def test_the_newest_entry_says_below_what_the_card_is_charged(stage: Stage) -> None:
    assert stage.head.refill == 1_000
    stage.spend(1)
    assert stage.head.refill == 1_000
    recharges.set_auto(stage.world, CLIENT, replace(ON, enabled=False))
    assert stage.head.refill is None
    assert statement.verify_chain(stage.world, stage.head.account).broken_at is None


def test_turning_it_on_with_little_credit_charges_at_once() -> None:
    stage = Stage(credit=999)
    carded(stage.world)
    assert in_flight(stage).amount == 2_500


def test_who_has_excluded_themselves_cannot_turn_it_on_and_excluding_turns_it_off(stage: Stage) -> None:
    sooner.limit_spending(stage.world, CLIENT, WantedLimits(None, None, None, NOON + DAY))
    after = settings(stage)
    assert (after.enabled, after.off_reason, stage.head.refill) == (False, "excluded", None)
    with pytest.raises(SpendingLimitReached):
        recharges.set_auto(stage.world, CLIENT, ON)


# --- when it is charged --------------------------------------------------------------------------


def test_whoever_spends_below_the_threshold_is_charged_and_exactly_at_it_is_not(stage: Stage) -> None:
    stage.spend(4_000)
    assert settings(stage).in_flight is None
    stage.spend(1, "order:2")
    charge = in_flight(stage)
    assert (charge.amount, charge.status, charge.payment_method) == (2_500, "pending", "pm_1")
    assert stage.executions.started[f"{charge.id}-0"] == NOON
    assert vendor(stage).charged == []


def test_one_charge_is_in_flight_at_a_time(stage: Stage) -> None:
    stage.spend(4_001)
    first = in_flight(stage)
    stage.spend(100, "order:2")
    assert in_flight(stage) == first
    charges = [pk for pk, sk in stage.tables.rows["wallet"] if sk == "recharge"]
    assert charges == [f"recharge#{first.id}"]


def test_the_daily_cap_holds_in_any_24_hours(stage: Stage) -> None:
    recharges.set_auto(stage.world, CLIENT, Wanted(True, 1_000, 2_500, 5_000))
    for number in range(3):
        stage.spend(stage.balance, f"order:{number}")
        if settings(stage).in_flight:
            told(stage, in_flight(stage), event=f"evt_{number}")
        stage.clock.forward(HOUR)
    assert stage.balance == 0
    stage.clock.now = NOON + DAY - 1
    wallet.look_after(stage.world, stage.head)
    assert settings(stage).in_flight is None
    stage.clock.now = NOON + DAY
    wallet.look_after(stage.world, stage.head)
    assert in_flight(stage).created_at == NOON + DAY


def test_a_reading_is_short_when_less_is_left_than_seven_minutes_cost() -> None:
    stage = Stage(rate=250, credit=2_500)
    carded(stage.world, replace(ON, threshold=500))
    stage.begun().beats(119)
    assert settings(stage).in_flight is None  # 2,000 are left, and 1,750 are held
    stage.beats(180)
    assert in_flight(stage).created_at == NOON + 180_000  # 1,500 are left


def test_a_reading_goes_on_by_what_was_charged_in_its_middle() -> None:
    stage = Stage(rate=250, credit=1_000)
    carded(stage.world, replace(ON, threshold=500))
    stage.begun()
    charge = in_flight(stage)
    handlers.tell(stage.world, {"kind": "recharge", "id": charge.id, "epoch": 0})
    stage.beats(100)
    told(stage, charge)
    session = stage.beats(700).noticed()
    assert session.state == "active"
    assert stage.of("stripe:payments") == -3_500
    stage.client(finish)
    assert statement.trial_balance(stage.world).total == {"usd": 0}


def test_a_paused_reading_whose_credit_ran_out_goes_on_when_the_charge_comes_late() -> None:
    stage = Stage(rate=250, credit=500)
    carded(stage.world, replace(ON, threshold=0))
    stage.begun()
    charge = in_flight(stage)
    session = stage.beats(120).noticed()
    assert (session.state, session.reason) == ("paused", "low_balance")
    told(stage, charge)
    assert stage.resumed().state == "active"


def test_no_heartbeat_waits_for_a_bank(stage: Stage) -> None:
    stage.begun().beats(800)
    assert in_flight(stage)
    assert vendor(stage).charged == []


def test_a_standing_meter_holds_nothing_so_only_the_threshold_counts() -> None:
    stage = Stage(rate=250, credit=2_500)
    carded(stage.world, replace(ON, threshold=100))
    stage.begun().beats(10)
    stage.client(leave)
    stage.spend(1_000)
    assert settings(stage).in_flight is None


def test_a_frozen_wallet_or_one_that_owes_something_is_not_filled_by_itself(stage: Stage) -> None:
    stage.top_up(-6_000)
    wallet.look_after(stage.world, stage.head)
    assert settings(stage).in_flight is None
    stage.top_up(1_500)
    stage.freeze()
    wallet.look_after(stage.world, stage.head)
    assert settings(stage).in_flight is None


def test_where_the_persons_limits_let_them_spend_no_more_than_is_there_the_card_is_left_alone(stage: Stage) -> None:
    sooner.limit_spending(stage.world, CLIENT, WantedLimits(4_900, None, None, None))
    stage.spend(4_100)
    assert (stage.balance, settings(stage).in_flight) == (900, None)  # 800 may still be spent today
    stage.clock.forward(DAY)
    wallet.look_after(stage.world, stage.head)
    assert in_flight(stage)


def test_a_spending_that_is_repeated_after_a_top_up_charges_nothing(stage: Stage) -> None:
    stage.spend(4_900)
    told(stage, in_flight(stage))
    stage.spend(4_900)
    assert (stage.balance, settings(stage).in_flight) == (2_600, None)


# --- what becomes of it --------------------------------------------------------------------------


def test_credit_comes_by_the_webhook_alone_once_and_the_person_is_told(stage: Stage) -> None:
    stage.spend(4_500)
    charge = in_flight(stage)
    assert recharges.advance(stage.world, charge.id) is None
    assert (stage.balance, in_flight(stage).status) == (500, "sent")
    for event in ("evt_1", "evt_1", "evt_2"):
        told(stage, charge, event=event)
    assert stage.balance == 3_000
    head = stage.head
    assert (head.kind, head.counter, head.reference) == ("recharge", "stripe:payments", charge.id)
    assert wallet.posted(stage.world, f"topup:pi_{charge.id}") == head
    assert settings(stage).in_flight is None
    assert (outcome(stage, "evt_1"), outcome(stage, "evt_2")) == ("credited", "already credited")
    assert [kind for kind, _ in notices(stage)] == ["recharge_paid"]
    assert recharges.advance(stage.world, charge.id) is None
    assert vendor(stage).charged == [(charge.id, "pm_1", 2_500)]


def test_the_webhook_may_be_quicker_than_the_answer(stage: Stage) -> None:
    stage.spend(4_500)
    charge = in_flight(stage)
    told(stage, charge)
    assert recharges.advance(stage.world, charge.id) is None
    assert (stage.balance, vendor(stage).charged) == (3_000, [])


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 2_501},
        {"amount_received": 2_499},
        {"amount_received": None},
        {"currency": "eur"},
        {"customer": "cus_other"},
        {"metadata": {"recharge": "RECHARGE", "user": "usr_other"}},
    ],
)
def test_paid_but_not_what_our_own_record_says_is_stored_and_credits_nothing(
    stage: Stage, capsys: Any, other: dict[str, Any]
) -> None:
    stage.spend(4_500)
    charge = in_flight(stage)
    if "metadata" in other:
        other = {"metadata": other["metadata"] | {"recharge": charge.id}}
    told(stage, charge, **other)
    assert (stage.balance, outcome(stage, "evt_1")) == (500, "paid, but not what our record says")
    assert "stripe_event_unexpected" in capsys.readouterr().out
    assert in_flight(stage).status == "pending"


def test_another_payment_of_the_same_recharge_is_money_that_we_did_not_ask_for(stage: Stage, capsys: Any) -> None:
    stage.spend(4_500)
    charge = in_flight(stage)
    told(stage, charge)
    told(stage, charge, event="evt_2", id="pi_another")
    assert stage.balance == 3_000
    assert "stripe_event_unexpected" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [PAID, FAILED])
def test_a_payment_of_no_recharge_of_ours_changes_nothing(stage: Stage, kind: str) -> None:
    stranger = Recharge("rch_unknown", CLIENT, 2_500, "usd", f"cus_{CLIENT}", "pm_1", NOON)
    told(stage, stranger, kind)
    assert (stage.balance, outcome(stage, "evt_1")) == (5_000, "no recharge of ours")


def test_a_payment_of_a_top_up_is_told_by_its_page(stage: Stage, capsys: Any) -> None:
    stranger = Recharge("rch_1", CLIENT, 2_500, "usd", f"cus_{CLIENT}", "pm_1", NOON)
    told(stage, stranger, metadata={"topup": "top_1", "user": CLIENT})
    assert outcome(stage, "evt_1") == "not ours to handle"
    assert "stripe_event_unexpected" not in capsys.readouterr().out


# --- when the bank refuses -----------------------------------------------------------------------


def refused_by_the_answer(stage: Stage, charge: Recharge, code: str) -> None:
    vendor(stage).coming = [Refused("card_declined", code)]
    recharges.advance(stage.world, charge.id)


def refused_by_the_webhook(stage: Stage, charge: Recharge, code: str) -> None:
    error = {"code": "card_declined", "decline_code": code}
    told(stage, charge, FAILED, event=f"evt_{charge.id}", last_payment_error=error)


def refused_by_both(stage: Stage, charge: Recharge, code: str) -> None:
    refused_by_the_webhook(stage, charge, code)
    refused_by_the_answer(stage, charge, code)


def refused_by_both_the_other_way_round(stage: Stage, charge: Recharge, code: str) -> None:
    refused_by_the_answer(stage, charge, code)
    refused_by_the_webhook(stage, charge, code)


Refusing = Callable[[Stage, Recharge, str], None]
ways = pytest.mark.parametrize(
    "refuse",
    [refused_by_the_answer, refused_by_the_webhook, refused_by_both, refused_by_both_the_other_way_round],
)


@ways
def test_where_the_bank_asks_for_its_customer_it_is_off_at_once_and_they_are_told(
    stage: Stage, refuse: Refusing
) -> None:
    stage.spend(4_500)
    refuse(stage, in_flight(stage), "authentication_required")
    after = settings(stage)
    assert (after.enabled, after.off_reason, after.in_flight) == (False, "authentication_required", None)
    assert (stage.head.refill, stage.balance) == (None, 500)
    ((kind, facts),) = notices(stage)
    said = words(Notice(CLIENT, kind, facts), "Europe/Vienna")
    assert said
    assert "$25.00" in said.text
    assert "bank wants you to confirm" in said.text


@ways
def test_a_card_that_a_bank_declines_is_counted_once(
    stage: Stage, refuse: Refusing, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.spend(4_500)
    taken(lambda: capsys.readouterr().out)
    refuse(stage, in_flight(stage), "do_not_honor")
    assert sum(taken(lambda: capsys.readouterr().out)["CardsDeclined"]) == 1


@ways
@pytest.mark.parametrize("code", ["expired_card", "lost_card", "stolen_card"])
def test_a_card_that_cannot_pay_any_more_turns_it_off_at_once(stage: Stage, refuse: Refusing, code: str) -> None:
    stage.spend(4_500)
    refuse(stage, in_flight(stage), code)
    assert (settings(stage).enabled, settings(stage).off_reason) == (False, "card_unusable")


@ways
def test_another_refusal_is_off_the_third_time_in_a_row_and_rests_in_between(stage: Stage, refuse: Refusing) -> None:
    stage.spend(4_500)
    for number in range(DECLINES):
        assert settings(stage).enabled
        refuse(stage, in_flight(stage), "insufficient_funds")
        assert settings(stage).declines == number + 1
        stage.clock.forward(REST - 1)
        wallet.look_after(stage.world, stage.head)
        assert settings(stage).in_flight is None
        stage.clock.forward(1)
        wallet.look_after(stage.world, stage.head)
    assert (settings(stage).enabled, settings(stage).off_reason) == (False, "declined")
    assert [kind for kind, _ in notices(stage)] == ["recharge_off"]


def test_what_was_paid_begins_the_count_of_refusals_anew(stage: Stage) -> None:
    stage.spend(4_500)
    for number in range(DECLINES * 2):
        charge = in_flight(stage)
        if number % 2:
            told(stage, charge, event=f"evt_{number}")
            stage.spend(2_500, f"more:{number}")
        else:
            refused_by_the_answer(stage, charge, "insufficient_funds")
        stage.clock.forward(REST)
        wallet.look_after(stage.world, stage.head)
    assert settings(stage).enabled


def test_what_was_refused_does_not_count_for_the_day(stage: Stage) -> None:
    recharges.set_auto(stage.world, CLIENT, Wanted(True, 1_000, 2_500, 2_500))
    stage.spend(4_500)
    refused_by_the_answer(stage, in_flight(stage), "insufficient_funds")
    stage.clock.forward(REST)
    wallet.look_after(stage.world, stage.head)
    assert in_flight(stage)


def test_turning_it_on_again_forgets_why_it_was_off(stage: Stage) -> None:
    stage.spend(4_500)
    refused_by_the_answer(stage, in_flight(stage), "authentication_required")
    recharges.set_auto(stage.world, CLIENT, ON)
    after = settings(stage)
    assert (after.enabled, after.off_reason, after.declines) == (True, None, 0)
    assert after.in_flight


def test_money_that_comes_after_a_refusal_is_credited_all_the_same(stage: Stage) -> None:
    """Stripe says that it was paid, and our own record says how much for whom: it is theirs."""
    stage.spend(4_500)
    charge = in_flight(stage)
    refused_by_the_webhook(stage, charge, "generic_decline")
    told(stage, charge)
    assert stage.balance == 3_000
    refused_by_both(stage, charge, "generic_decline")
    assert (stage.balance, settings(stage).declines) == (3_000, 1)


def test_a_refusal_that_comes_after_the_money_ends_nothing(stage: Stage) -> None:
    class Late(OfflinePayments):
        def charge_saved(self, **asked: Any) -> str:
            told(stage, charge)
            raise Refused("card_declined", "lost_card")

    stage.spend(4_500)
    charge = in_flight(stage)
    recharges.advance(hand_world(stage.tables, now=stage.clock, payments=Late()), charge.id)
    found = recharges_of(stage.world).get(charge.id)
    assert found
    assert (found.status, stage.balance, settings(stage).enabled) == ("succeeded", 3_000, True)


def test_a_refusal_of_a_charge_that_was_given_up_leaves_the_next_one_in_flight(stage: Stage) -> None:
    stage.spend(4_500)
    first = in_flight(stage)
    stage.clock.forward(20 * HOUR)
    recharges.advance(stage.world, first.id)
    recharges.set_auto(stage.world, CLIENT, ON)
    second_ = in_flight(stage)
    assert second_.id != first.id
    refused_by_the_webhook(stage, first, "lost_card")
    assert in_flight(stage) == second_
    assert (settings(stage).enabled, settings(stage).declines) == (True, 0)


# --- when nobody answers -------------------------------------------------------------------------


def test_an_unknown_outcome_is_asked_for_again_under_the_same_key(stage: Stage) -> None:
    stage.spend(4_500)
    charge = in_flight(stage)
    vendor(stage).coming = [ProviderFailed(), ProviderFailed(), None]
    assert recharges.advance(stage.world, charge.id) == NOON + 10_000
    stage.clock.forward(2 * MINUTE)
    assert recharges.advance(stage.world, charge.id) is None  # the tick goes on
    assert in_flight(stage).status == "pending"
    found, _ = recharges.page_of_shard(stage.world, "0", 10, None)
    found += recharges.page_of_shard(stage.world, "1", 10, None)[0]
    assert [key["pk"] for key in found] == [f"recharge#{charge.id}"]
    facts = [{"shard": shard, "kind": "recharge"} for shard in ("0", "1")]
    for each in facts:
        handlers.work(stage.world, each, Spacious(), lambda _: None)
    assert in_flight(stage).status == "sent"
    assert vendor(stage).charged == [(charge.id, "pm_1", 2_500)] * 3
    assert recharges.page_of_shard(stage.world, "0", 10, None)[0] == []
    assert recharges.page_of_shard(stage.world, "1", 10, None)[0] == []


class Spacious:
    """A Lambda context with all the time in the world."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def test_after_twenty_hours_nobody_asks_any_more_for_stripe_forgets_its_keys(stage: Stage, capsys: Any) -> None:
    stage.spend(4_500)
    charge = in_flight(stage)
    stage.clock.forward(20 * HOUR)
    assert recharges.advance(stage.world, charge.id) is None
    assert vendor(stage).charged == []
    after = settings(stage)
    assert (after.enabled, after.off_reason, after.in_flight) == (False, "unknown", None)
    assert "recharge_lost" in capsys.readouterr().out
    assert [kind for kind, _ in notices(stage)] == ["recharge_off"]
    told(stage, charge)
    assert stage.balance == 3_000


def test_where_the_clock_cannot_be_started_the_tick_makes_the_call(stage: Stage) -> None:
    stage.executions.broken = True
    stage.spend(4_500)
    charge = in_flight(stage)
    stage.clock.forward(MINUTE)
    for shard in ("0", "1"):
        handlers.work(stage.world, {"shard": shard, "kind": "recharge"}, Spacious(), lambda _: None)
    assert vendor(stage).charged == [(charge.id, "pm_1", 2_500)]


def test_a_charge_that_nobody_knows_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        recharges.advance(stage.world, "rch_unknown")
    assert handlers.tell(stage.world, {"kind": "recharge", "id": "rch_unknown", "epoch": 0}) == {"done": True}


def test_an_unreachable_bank_of_rows_disturbs_no_spending(stage: Stage) -> None:
    """What begins a recharge may wait a minute; what was spent is spent."""
    tables = stage.tables

    class Unreadable(MemoryTables):
        def __init__(self) -> None:
            super().__init__()
            self.rows = tables.rows

        def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
            if key.get("sk") == "auto-recharge":
                raise Contended("busy")
            return super().get(table, key, consistent=consistent)

    world = replace(stage.world, tables=Unreadable())
    wallet.spend(world, CLIENT, "order", 4_500, "platform:shop", "order:1", "ord_1")
    assert (stage.balance, settings(stage).in_flight) == (500, None)
    wallet.look_after(stage.world, stage.head)
    assert in_flight(stage)


# --- the end of an account -----------------------------------------------------------------------


def test_a_deleted_person_leaves_no_card(stage: Stage) -> None:
    for _ in range(2):
        recharges.forget(stage.world, CLIENT)
    assert settings(stage).card is None
    assert settings(stage).customer is None
    assert stage.head.refill is None
    apply_event(stage.world, setup_event("evt_late", CLIENT, created=1_900_000_999))
    assert settings(stage).card is None


# --- when storage fails --------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(9))
@pytest.mark.parametrize("ending", ["paid", "refused"])
def test_each_write_lost_in_turn_ends_in_the_same_books(at: int, after: bool, ending: str) -> None:
    world = hand_world(LosingTables(at, after=after))
    pay_in(world, CLIENT, 5_000, "topup:1")
    carded(world)
    wallet.spend(world, CLIENT, "order", 4_500, "platform:shop", "order:1", "ord_1")
    for _ in range(2):  # the next minute
        wallet.look_after(world, wallet.head(world, CLIENT))
        name = recharges.settings_of(world, CLIENT).in_flight
        if name:
            break
    assert name
    charge = recharges_of(world).get(name)
    assert charge
    assert isinstance(world.payments, OfflinePayments)
    if ending == "refused":
        world.payments.coming = [Refused("expired_card"), Refused("expired_card")]
    for _ in range(2):
        recharges.advance(world, name)
    if ending == "paid":
        apply_event(world, recharge_event("evt_1", PAID, charge))
    assert wallet.head(world, CLIENT).balance == (3_000 if ending == "paid" else 500)
    after_all = recharges.settings_of(world, CLIENT)
    assert after_all.in_flight is None
    assert after_all.enabled == (ending == "paid")
    assert (wallet.head(world, CLIENT).refill is None) == (ending == "refused")
    assert statement.trial_balance(world).total == {"usd": 0}
