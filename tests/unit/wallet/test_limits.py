"""Product §1: what a person lets themselves spend holds wherever money is spent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.accounts.model.limits import Limits, Wanted
from chalicelib.accounts.model.limits import changed as limits_changed
from chalicelib.kernel.errors import InsufficientFunds, SpendingLimitReached
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.sessions import queues, sooner
from chalicelib.sessions.model.commands import finish, heartbeat, join, leave, reconnect, renew
from chalicelib.wallet import ceilings, statement, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import PAID
from chalicelib.wallet.model.chain import NOTHING, genesis
from tests.support.reading import CLIENT, READER, Stage, second
from tests.support.worlds import NOON


def wanted(day: Cents | None = None, week: Cents | None = None, month: Cents | None = None) -> Wanted:
    return Wanted(day, week, month, None)


def limited(stage: Stage, day: Cents | None = None, week: Cents | None = None, month: Cents | None = None) -> Stage:
    sooner.limit_spending(stage.world, CLIENT, wanted(day, week, month))
    return stage


def excluded(stage: Stage, seconds: float = 30 * 86_400) -> Stage:
    until = stage.clock.now + round(seconds * 1000)
    sooner.limit_spending(stage.world, CLIENT, Wanted(None, None, None, until))
    return stage


def ceiling(stage: Stage) -> Cents | None:
    return ceilings.ceiling(stage.world, stage.head, max(stage.clock.now, stage.head.at))


# --- what counts ---------------------------------------------------------------------------------


def test_what_was_spent_runs_along_the_chain_and_is_paid_money_net_of_what_came_back() -> None:
    stage = Stage(credit=5_000)
    stage.spend(1_200)
    wallet.compensate(stage.world, CLIENT, "guarantee", "gua_1", ((PAID, 300, 0),), "ses_0")
    assert [entry.spent for entry in stage.entries()] == [0, 1_200, 900]
    assert statement.verify_chain(stage.world, stage.head.account).broken_at is None


def test_promotional_credit_money_paid_in_and_money_taken_out_by_stripe_do_not_count() -> None:
    stage = Stage(credit=5_000)
    stage.promo(400, until=3_600)
    stage.spend(400)
    stage.top_up(1_000)
    stage.top_up(-2_000)
    assert stage.head.spent == 0
    stage.promo(400, until=3_600, name="pro_2")
    stage.spend(500, "order:2")
    assert stage.head.spent == 100


def test_minutes_count_and_those_that_are_taken_back_do_not() -> None:
    stage = Stage(rate=250, credit=5_000).begun().beats(70)
    stage.at(100).client(heartbeat)
    assert stage.head.spent == 500
    stage.reader(finish)  # 20 seconds of minute 2 go back: 84 cents
    assert stage.head.spent == 416
    assert stage.head.spent == 5_000 - stage.balance


def test_an_earnings_chain_spends_nothing() -> None:
    stage = Stage().begun().beats(10)
    stage.client(finish)
    assert wallet.ledger(stage.world).head(f"earnings:{READER}").spent == 0


# --- windows -------------------------------------------------------------------------------------


def test_without_limits_there_is_no_ceiling_and_nothing_is_read() -> None:
    stage = Stage()
    nowhere = replace(stage.world, tables=None)  # type: ignore[arg-type]  # whoever reads here fails
    assert ceilings.ceiling(nowhere, stage.head, NOON) is None


def test_the_newest_entry_says_whether_there_are_limits() -> None:
    stage = Stage(credit=50_000)
    assert not stage.head.bounded
    limited(stage, week=1_000)
    stage.spend(1)
    assert stage.head.bounded
    limited(stage)
    assert stage.head.bounded  # the limit holds for another day
    stage.clock.now = NOON + DAY
    assert ceiling(stage) is None
    excluded(stage)
    assert stage.head.bounded


def test_who_has_taken_all_limits_back_is_asked_no_more() -> None:
    stage = Stage()
    limited(stage, day=1_000)
    limited(stage)
    stage.clock.now = NOON + DAY
    limited(stage, day=2_000)
    limited(stage)
    stage.clock.now = NOON + 2 * DAY
    sooner.limit_spending(stage.world, CLIENT, Wanted(None, None, None, stage.clock.now + 1))
    stage.clock.now = NOON + 3 * DAY
    limited(stage)
    assert not stage.head.bounded


@pytest.mark.parametrize(("name", "length"), [("day", DAY), ("week", 7 * DAY), ("month", 30 * DAY)])
def test_a_window_rolls_and_what_was_spent_exactly_its_length_ago_is_out_of_it(name: str, length: int) -> None:
    stage = Stage(credit=50_000)
    limited(stage, **{name: 1_000})
    stage.spend(600)
    stage.clock.now = NOON + length - 1
    assert ceiling(stage) == 1_000
    with pytest.raises(SpendingLimitReached):
        stage.spend(401, "order:2")
    stage.spend(400, "order:3")
    stage.clock.now = NOON + length
    assert ceiling(stage) == 1_600
    stage.spend(600, "order:4")


def test_of_several_limits_each_holds() -> None:
    stage = limited(Stage(credit=50_000), day=1_000, week=1_500)
    with pytest.raises(SpendingLimitReached):
        stage.spend(1_001, "order:0")
    stage.spend(1_000)
    stage.clock.now = NOON + DAY
    with pytest.raises(SpendingLimitReached):
        stage.spend(501, "order:2")
    stage.spend(500, "order:3")


@pytest.mark.parametrize("entries", [1, 2, 3, 7, 8, 40])
def test_the_beginning_of_a_window_is_found_in_a_chain_of_any_length(entries: int) -> None:
    stage = limited(Stage(credit=50_000), day=5_000)
    for number in range(entries):
        stage.clock.now = NOON + number * HOUR
        stage.spend(10, f"order:{number}")
    last = stage.clock.now
    for hours in range(60):
        stage.clock.now = last + hours * HOUR
        gone = sum(1 for number in range(entries) if NOON + number * HOUR <= stage.clock.now - DAY)
        assert ceiling(stage) == 5_000 + 10 * gone


def test_an_account_without_an_entry_may_spend_its_limit() -> None:
    stage = Stage(credit=0)
    held = limits_changed(Limits(), wanted(700), NOON)
    assert ceilings.under(stage.world, held, genesis(f"credit:{CLIENT}"), NOON) == 700


# --- other spending ------------------------------------------------------------------------------


def test_beyond_the_limit_is_refused_and_changes_nothing() -> None:
    stage = limited(Stage(credit=5_000), day=1_000)
    before = stage.head
    with pytest.raises(SpendingLimitReached) as refused:
        stage.spend(1_001)
    assert (refused.value.status, refused.value.code) == (402, "spending_limit_reached")
    assert stage.head == before
    stage.spend(1_000)


def test_promotional_credit_is_spent_beside_the_limit() -> None:
    stage = limited(Stage(credit=5_000), day=100)
    stage.promo(400, until=3_600)
    with pytest.raises(SpendingLimitReached):
        stage.spend(501)
    stage.spend(500)


def test_where_the_credit_does_not_cover_what_the_limit_allows_it_is_the_credit_that_is_told() -> None:
    stage = limited(Stage(credit=500), day=1_000)
    with pytest.raises(InsufficientFunds):
        stage.spend(501)


def test_where_neither_covers_it_the_limit_is_told_for_a_top_up_would_not_help() -> None:
    stage = limited(Stage(credit=500), day=1_000)
    with pytest.raises(SpendingLimitReached):
        stage.spend(1_001)


def test_a_repeat_of_what_used_the_limit_up_is_the_same_spending() -> None:
    stage = limited(Stage(credit=5_000), day=1_000)
    assert stage.spend(1_000) == stage.spend(1_000)


def test_what_an_open_meter_holds_counts_against_the_limit_of_other_spending() -> None:
    stage = limited(Stage(rate=250, credit=10_000), day=5_000).begun()  # spent 250, held 1,750
    with pytest.raises(SpendingLimitReached):
        stage.spend(3_001)
    stage.spend(3_000)


def test_a_raise_holds_after_a_day_and_a_lower_limit_at_once() -> None:
    stage = limited(Stage(credit=50_000), day=1_000)
    limited(stage, day=2_000)
    with pytest.raises(SpendingLimitReached):
        stage.spend(1_500)
    limited(stage, day=500)
    with pytest.raises(SpendingLimitReached):
        stage.spend(501)


# --- readings ------------------------------------------------------------------------------------


def test_less_than_a_minute_left_in_the_limit_lets_nobody_ask_or_wait_for_a_reading() -> None:
    stage = limited(Stage(rate=250, credit=10_000), day=249)
    with pytest.raises(SpendingLimitReached):
        stage.asked()
    with pytest.raises(SpendingLimitReached):
        queues.join(stage.world, READER, CLIENT, "text")
    stage = limited(Stage(rate=250, credit=10_000), day=250)
    assert stage.asked().session.state == "created"


def test_a_running_reading_stops_where_the_limit_ends_and_says_so_to_who_comes_back() -> None:
    stage = limited(Stage(rate=250, credit=10_000), day=749).begun().beats(110)
    session = stage.at(184).noticed()
    assert (session.state, session.reason, second(session.paused_at)) == ("paused", "low_balance", 120)
    assert stage.head.spent == 500
    stage.top_up(5_000)
    for act in (stage.client, stage.reader):
        with pytest.raises(SpendingLimitReached):
            act(reconnect)
    assert stage.row().state == "paused"


def test_the_lease_and_the_warning_reckon_with_the_limit() -> None:
    stage = limited(Stage(rate=250, credit=10_000), day=749).begun()
    assert stage.noticed().warned
    lease = stage.leased(CLIENT, renew)
    assert lease
    assert second(lease.expires_at) == 120


def test_promotional_minutes_do_not_use_the_limit_up() -> None:
    stage = Stage(rate=250, credit=10_000)
    stage.promo(600, until=7_200)
    session = limited(stage, day=400).begun().beats(300).noticed()
    # 600 promotional and 400 paid cents are four minutes
    assert (session.reason, second(session.paused_at)) == ("low_balance", 240)
    assert stage.head.spent == 400


def test_a_limit_that_is_lowered_stops_the_running_reading_at_the_next_minute() -> None:
    stage = Stage(rate=250, credit=10_000).begun().beats(70)
    limited(stage, day=100)
    assert stage.row().state == "active"
    session = stage.at(130).noticed()
    assert (session.state, session.reason, second(session.paused_at)) == ("paused", "low_balance", 120)
    assert stage.head.spent == 500
    with pytest.raises(SpendingLimitReached):
        stage.client(reconnect)


def test_a_limit_that_is_lowered_wakes_the_clock_where_the_reading_stops_now() -> None:
    stage = Stage(rate=250, credit=10_000).begun().beats(70)
    limited(stage, day=100)
    assert min(second(at) or 0 for at in list(stage.executions.started.values())[-1:]) == 120


def test_minutes_that_have_begun_are_charged_before_a_lower_limit_holds() -> None:
    stage = Stage(rate=250, credit=10_000).begun().beats(110)
    limited(stage.at(125), day=100)
    assert stage.head.spent == 750
    assert second(stage.at(181).noticed().paused_at) == 180


def test_a_reading_that_was_paused_is_bound_by_the_limit_of_its_return() -> None:
    stage = limited(Stage(rate=250, credit=10_000), day=500).begun().beats(30)
    stage.client(leave)
    stage.spend(250)
    assert stage.at(40).resumed().state == "active"  # thirty paid seconds are left
    session = stage.at(71).noticed()
    assert (session.reason, second(session.paused_at)) == ("low_balance", 70)


def test_the_limit_rolls_on_and_lets_a_paused_reading_go_on() -> None:
    stage = Stage(rate=250, credit=10_000)
    stage.spend(500)
    limited(stage, day=750)
    stage.clock.now = NOON + DAY - 90_000
    stage.begun().beats(DAY // 1_000 - 20)
    session = stage.noticed()
    assert (session.state, session.reason) == ("paused", "low_balance")
    with pytest.raises(SpendingLimitReached):
        stage.client(reconnect)
    stage.clock.now = NOON + DAY
    assert stage.resumed().state == "active"


def test_whoever_brings_the_wallet_up_to_date_charges_no_minute_beyond_the_limit() -> None:
    stage = limited(Stage(rate=250, credit=10_000), day=499).begun()
    stage.at(130)
    assert wallet.charge_due(stage.world, stage.head).spent == 250
    assert statement.balance(stage.world, CLIENT).lasts == 0


def test_a_freeze_after_the_limit_has_ended_the_reading_stands_it_at_that_boundary() -> None:
    stage = limited(Stage(rate=250, credit=10_000), day=499).begun()
    stage.at(70).freeze()
    session = stage.noticed()
    assert (session.reason, second(session.paused_at)) == ("low_balance", 60)


def test_a_limit_set_between_the_request_and_the_start_lets_no_reading_begin() -> None:
    stage = Stage(rate=250, credit=10_000).accepted()
    stage.client(join)
    limited(stage, day=200)
    session = stage.reader(join)
    assert (session.state, session.reason) == ("finalized", "low_balance")
    assert stage.head.spent == 0


# --- self-exclusion ------------------------------------------------------------------------------


def test_who_has_excluded_themselves_can_spend_nothing_not_even_promotional_credit() -> None:
    stage = Stage(credit=5_000)
    stage.promo(400, until=3_600)
    excluded(stage)
    assert ceiling(stage) == NOTHING
    with pytest.raises(SpendingLimitReached):
        stage.spend(1)
    with pytest.raises(SpendingLimitReached):
        stage.asked()
    with pytest.raises(SpendingLimitReached):
        queues.join(stage.world, READER, CLIENT, "text")


def test_who_has_excluded_themselves_pays_nothing_in_and_their_record_stays_as_it_was() -> None:
    stage = excluded(Stage(credit=5_000))
    with pytest.raises(SpendingLimitReached, match="until"):
        topups.open_topup(stage.world, CLIENT, "top_1", 2_000)
    assert stage.world.tables.get("wallet", {"pk": "topup#top_1", "sk": "topup"}) is None


def test_an_exclusion_in_a_reading_stops_it_at_the_next_minute_and_nobody_comes_back() -> None:
    stage = excluded(Stage(rate=250, credit=10_000).begun().beats(30))
    session = stage.at(61).noticed()
    assert (session.state, second(session.paused_at)) == ("paused", 60)
    with pytest.raises(SpendingLimitReached):
        stage.client(reconnect)


def test_an_exclusion_ends_by_itself() -> None:
    stage = excluded(Stage(credit=5_000), seconds=3_600)
    stage.at(3_599.999)
    with pytest.raises(SpendingLimitReached):
        stage.spend(1)
    stage.at(3_600).spend(1)


def test_the_reader_hears_that_it_is_not_theirs_to_top_up() -> None:
    """The reason is the client's, and so is the remedy: none of it shows in the reader's answer but the code."""
    stage = excluded(Stage(rate=250, credit=10_000).begun().beats(30))
    stage.at(61).noticed()
    with pytest.raises(SpendingLimitReached) as refused:
        stage.reader(reconnect)
    assert "until" not in refused.value.detail


def test_setting_the_same_limits_again_posts_nothing() -> None:
    stage = limited(Stage(credit=5_000), day=1_000)
    before = stage.head
    limited(stage, day=1_000)
    assert stage.head == before
