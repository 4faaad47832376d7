"""Product §4: coins by Stripe on the web: credited once, taken back in proportion, in whatever order Stripe tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from chalicelib.accounts.model.limits import Wanted
from chalicelib.gateways.stripe import CheckoutPage
from chalicelib.kernel.errors import (
    Forbidden,
    IdempotencyMismatch,
    InsufficientFunds,
    NotFound,
    ProviderFailed,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.kernel.time import DAY
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import bought, coins, limits, packs, refunds, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import payment as model
from chalicelib.wallet.model.buckets import Lot
from chalicelib.wallet.model.packs import Pack
from chalicelib.wallet.model.payment import Payment
from chalicelib.wallet.model.purchase import Told
from chalicelib.wallet.model.topup import TopUp
from chalicelib.wallet.purchases import learn
from tests.support.events import charge_event, checkout_event, dispute_event, outcome, refund_event
from tests.support.memory import MemoryTables
from tests.support.people import person
from tests.support.purse import OWNER, Purse
from tests.support.reading import CLIENT, Stage, grant
from tests.support.worlds import NOON, OfflinePayments, hand_world

INTENT = "pi_top_c1"
MADE = "refund.created"


@pytest.fixture
def purse() -> Purse:
    """With 500 coins for $6.99."""
    purse = Purse()
    purse.buys()
    return purse


def refunded(name: str, cents: int, status: str = "succeeded") -> dict[str, Any]:
    return refund_event(MADE, name, INTENT, cents, status)


# --- paid ----------------------------------------------------------------------------------------


def test_a_paid_pack_gives_its_coins_and_the_platform_has_the_money(purse: Purse) -> None:
    assert purse.coin_entries() == [("coins_bought", 500, "top_c1")]
    assert purse.journal() == [("topup:pi_top_c1", 699, "stripe:payments")]
    assert purse.facts() == {"topup:pi_top_c1", "coins:stripe:pi_top_c1"}
    assert purse.entries() == []
    topup = topups.topup_of(purse.world, OWNER, "top_c1")
    assert (topup.status, topup.amount, topup.coins, topup.pack) == ("paid", 699, 500, "coins_500")
    receipt = wallet.ledger(purse.world).receipt("topup:pi_top_c1")
    assert receipt
    assert (receipt["amount"], receipt["counter"], receipt["kind"]) == (699, "stripe:payments", "coins")


def test_it_is_credited_once_however_often_stripe_says_so(purse: Purse) -> None:
    topup = topups.topup_of(purse.world, OWNER, "top_c1")
    purse.tell(checkout_event("evt_again", "checkout.session.async_payment_succeeded", topup))
    purse.tell(checkout_event("evt_c1", "checkout.session.completed", topup))
    assert purse.coins == 500


def test_what_was_paid_is_what_the_pack_cost_when_its_page_was_opened() -> None:
    purse = Purse()
    paid = purse.paid()
    packs.keep(purse.world, Pack("coins_500", 500, 1_000), actor="arn:ops", reason="dearer")
    purse.tell(paid)
    assert purse.journal() == [("topup:pi_top_c1", 699, "stripe:payments")]


def test_another_amount_buys_nothing_and_alarms(capsys: pytest.CaptureFixture[str]) -> None:
    purse = Purse()
    event = purse.paid()
    event["data"]["object"]["amount_total"] = 1
    purse.tell(event)
    assert (purse.coins, outcome(purse.world, event)) == (0, "paid, but not what our record says")
    assert '"level":"error"' in capsys.readouterr().out


def test_coins_are_no_credit_and_none_that_could_be_given_back(purse: Purse) -> None:
    assert (purse.balance, purse.payment(INTENT).refundable(NOON)) == (0, 0)
    purse.pays(1_000)
    assert [each.intent for each in refunds.payments_of(purse.world, OWNER)] == ["pi_top_1"]
    with pytest.raises(InsufficientFunds):
        purse.asks(1_001)
    purse.asks(None)
    assert (purse.coins, purse.balance) == (500, 0)
    assert set(purse.stripe.refunds) == {"rfd_1:0"}


# --- refunds -------------------------------------------------------------------------------------


def test_a_refund_takes_its_part_of_the_coins_rounded_up(purse: Purse) -> None:
    purse.tell(refunded("re_1", 100))
    assert purse.coin_entries()[1:] == [("coins_taken_back", -72, "top_c1")]  # 500 · 100 / 699 = 71.5
    assert purse.journal() == [("refund:re_1", -100, "stripe:refunds"), ("topup:pi_top_c1", 699, "stripe:payments")]


@pytest.mark.parametrize("order", [*permutations((1, 233, 465))])
def test_parts_that_are_all_of_the_money_take_all_coins(purse: Purse, order: tuple[int, ...]) -> None:
    for number, cents in enumerate(order):
        purse.tell(refunded(f"re_{number}", cents))
    assert purse.coins == 0
    assert sum(amount for _, amount, _ in purse.journal()) == 0


def test_a_refund_of_all_may_leave_less_than_nothing(purse: Purse) -> None:
    coins.spend(purse.world, OWNER, "gift", 500, "gift:1", "gft_1")
    purse.tell(refunded("re_1", 699))
    assert purse.coins == -500


def test_a_refund_that_failed_gives_them_back(purse: Purse) -> None:
    purse.tell(refunded("re_1", 699, "pending"), refund_event("refund.failed", "re_1", INTENT, 699, "failed"))
    assert [kind for kind, _, _ in purse.coin_entries()] == ["coins_bought", "coins_taken_back", "coins_given_back"]
    assert purse.coins == 500
    assert sum(amount for _, amount, _ in purse.journal()) == 699


def test_a_refund_told_before_the_payment_waits_for_it() -> None:
    purse = Purse()
    paid = purse.paid()
    purse.tell(refunded("re_1", 699))
    assert purse.facts() == set()
    purse.tell(paid)
    assert purse.coin_entries() == [("coins_bought", 500, "top_c1"), ("coins_taken_back", -500, "top_c1")]


def test_what_only_the_charge_tells_is_asked_for_at_stripe(purse: Purse) -> None:
    purse.stripe.refunds["re_1"] = purse.stripe.made_at_stripe("re_1", INTENT, 699)
    purse.tell(charge_event(INTENT, 699))
    assert purse.coins == 0


# --- disputes ------------------------------------------------------------------------------------


def dispute(kind: str, status: str, cents: int = 699) -> dict[str, Any]:
    return dispute_event(kind, "dp_1", INTENT, cents, status)


def test_a_dispute_takes_the_coins_once_and_freezes_the_credit(purse: Purse) -> None:
    purse.pays(1_000)
    purse.tell(dispute("created", "needs_response"), dispute("funds_withdrawn", "needs_response"))
    assert (purse.coins, purse.balance, purse.frozen) == (0, 1_000, "dispute:dp_1")
    assert purse.journal()[0] == ("dispute:dp_1", -699, "stripe:disputes")
    with pytest.raises(WalletFrozen):
        purse.spends(1)


def test_who_made_up_for_disputed_coins_by_hand_is_told_when_it_is_won(
    purse: Purse, capsys: pytest.CaptureFixture[str]
) -> None:
    person(purse.world, OWNER)
    purse.tell(dispute("funds_withdrawn", "needs_response"))
    coins.grant(purse.world, OWNER, 300, "t1", actor="arn:ops", reason="goodwill")
    purse.tell(dispute("closed", "won"))
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "won_after" in each]
    assert (line["user"], line["amount"]) == (OWNER, 300)


def test_a_dispute_that_is_won_gives_them_back_and_releases_the_credit(purse: Purse) -> None:
    purse.tell(dispute("funds_withdrawn", "needs_response"), dispute("closed", "won"))
    assert (purse.coins, purse.frozen) == (500, None)
    assert [kind for kind, _, _ in purse.entries()] == ["freeze", "unfreeze"]


def test_a_dispute_that_is_first_told_as_won_freezes_nothing(purse: Purse) -> None:
    purse.tell(dispute("closed", "won"))
    assert (purse.coins, purse.entries()) == (500, [])
    assert [fact for fact, _, _ in purse.journal()] == ["dispute:dp_1", "dispute_won:dp_1", "topup:pi_top_c1"]


def test_a_dispute_that_is_lost_keeps_the_credit_frozen(purse: Purse) -> None:
    purse.tell(dispute("funds_withdrawn", "needs_response"), dispute("closed", "lost"))
    assert (purse.coins, purse.frozen) == (0, "dispute:dp_1")


def test_what_an_admin_froze_stays_frozen_for_that(purse: Purse) -> None:
    wallet.freeze(purse.world, OWNER, "looked into")
    purse.tell(dispute("funds_withdrawn", "needs_response"))
    assert purse.frozen == "looked into"
    purse.tell(dispute("closed", "won"))
    assert (purse.frozen, purse.coins) == ("looked into", 500)
    assert len(purse.entries()) == 1


def test_of_disputes_on_credit_and_on_coins_the_last_that_is_won_releases(purse: Purse) -> None:
    purse.pays(1_000)
    purse.tell(
        dispute("funds_withdrawn", "needs_response"),
        dispute_event("funds_withdrawn", "dp_2", "pi_top_1", 1_000, "needs_response"),
    )
    assert purse.frozen == "dispute:dp_1,dp_2"
    purse.tell(dispute("closed", "won"))
    assert purse.frozen == "dispute:dp_2"
    purse.tell(dispute_event("closed", "dp_2", "pi_top_1", 1_000, "won"))
    assert purse.frozen is None
    assert (purse.balance, purse.coins) == (1_000, 500)


def test_a_dispute_of_what_was_refunded_takes_no_coin_twice(purse: Purse) -> None:
    purse.tell(refunded("re_1", 400), dispute("funds_withdrawn", "needs_response"))
    assert purse.coins == 0
    assert sum(amount for _, amount, _ in purse.journal()) == -400
    purse.tell(dispute("closed", "won"))
    assert purse.coins == 500 - 287  # 500 · 400 / 699 = 286.1


EVENTS = (
    refunded("re_1", 300),
    refund_event("refund.failed", "re_2", INTENT, 200, "failed"),
    dispute("funds_withdrawn", "needs_response", 399),
    dispute("closed", "won", 399),
)


@pytest.mark.parametrize("order", [*permutations(range(5))])
def test_in_any_order_all_ends_alike(order: tuple[int, ...]) -> None:
    purse = Purse()
    events = (purse.paid(), *EVENTS)
    for number in (*order, *order):
        purse.tell(events[number])
    assert (purse.coins, purse.frozen) == (500 - 215, None)  # 500 · 300 / 699 = 214.6
    assert sum(amount for _, amount, _ in purse.journal()) == 399
    purse.coin_entries()


def test_as_many_as_may_wait_fit_into_the_transaction_that_credits() -> None:
    purse = Purse()
    paid = purse.paid()
    for number in range(model.MOST_AT_ONCE):
        purse.tell(refund_event("refund.failed", f"re_{number}", INTENT, 1, "failed"))
    purse.tell(paid)
    assert (purse.coins, len(purse.journal())) == (500, 21)


def test_as_many_disputes_as_may_wait_fit_too() -> None:
    purse = Purse()
    paid = purse.paid()
    for number in range(model.MOST_AT_ONCE):
        purse.tell(dispute_event("funds_withdrawn", f"dp_{number}", INTENT, 1, "needs_response"))
    purse.tell(paid)
    assert (purse.coins, purse.frozen) == (500 - 8, "disputes")  # 500 · 10 / 699 = 7.2


# --- who is told ---------------------------------------------------------------------------------


def test_the_person_is_told_of_coins_and_the_audit_log_of_both(purse: Purse) -> None:
    purse.tell(
        refunded("re_1", 100),
        refund_event("refund.failed", "re_1", INTENT, 100, "failed"),
        dispute("funds_withdrawn", "needs_response"),
        dispute("closed", "won"),
    )
    assert purse.noticed() == ["dispute", "dispute_won", "refund", "refund_failed"] == purse.audited()
    for row in purse.tables.rows["notices"].values():
        said = words(Notice(OWNER, row["kind"], row["facts"]), "UTC")
        assert said
        assert "coins" in said.text
        assert "credit" not in said.text
    details = [row["detail"] for row in purse.tables.rows["audit"].values() if row["action"] == "refund"]
    assert details == [{"amount": -100, "coins": 72, "payment": INTENT, "of": "re_1"}]


# --- opening the page ----------------------------------------------------------------------------


def opened(purse: Purse, pack: str = "coins_500", where: str = "web", name: str = "top_c2") -> TopUp:
    return packs.open_checkout(purse.world, OWNER, name, pack, where)


def test_the_same_request_again_is_the_same_page_and_another_pack_is_refused() -> None:
    purse = Purse()
    first = opened(purse)
    packs.keep(purse.world, Pack("coins_500", 500, 1_000), actor="arn:ops", reason="dearer")
    assert opened(purse) == first
    with pytest.raises(IdempotencyMismatch):
        opened(purse, "coins_100")
    with pytest.raises(IdempotencyMismatch):
        topups.open_topup(purse.world, OWNER, "top_c2", 1_000)


@pytest.mark.parametrize("where", ["ios", "android", "fridge", ""])
def test_inside_an_app_and_wherever_nobody_knows_it_is_refused(where: str) -> None:
    purse = Purse()
    with pytest.raises(Forbidden, match="web"):
        opened(purse, where=where)
    assert purse.tables.rows["wallet"] == {}


def test_a_pack_that_is_none_or_is_stopped_is_not_sold() -> None:
    purse = Purse()
    packs.stop(purse.world, "coins_100", actor="arn:ops", reason="no more")
    for pack in ("coins_100", "coins_101"):
        with pytest.raises(NotFound):
            opened(purse, pack)


def test_who_has_excluded_themselves_buys_no_coins() -> None:
    purse = Purse()
    limits.set_limits(purse.world, OWNER, Wanted(None, None, None, NOON + DAY))
    with pytest.raises(SpendingLimitReached, match="excluded"):
        opened(purse)


def test_what_the_limits_leave_may_be_paid_and_not_a_cent_more() -> None:
    purse = Purse()
    limits.set_limits(purse.world, OWNER, Wanted(1_597, None, None, None))
    purse.pays(5_000)
    purse.spends(899)
    assert opened(purse, "coins_100").amount == 149
    with pytest.raises(SpendingLimitReached):
        opened(purse, name="top_c3")
    purse.days(1)
    limits.set_limits(purse.world, OWNER, Wanted(699, None, None, None))
    assert opened(purse, name="top_c3").amount == 699


def test_pages_that_are_open_together_count_together_until_they_are_paid_or_over() -> None:
    purse = Purse()
    limits.set_limits(purse.world, OWNER, Wanted(1_400, None, None, None))
    assert opened(purse, name="top_c1").amount == 699
    for _ in range(2):
        assert opened(purse, name="top_c2").amount == 699
    with pytest.raises(SpendingLimitReached, match="Payment pages that you have open count"):
        opened(purse, "coins_100", name="top_c3")
    expired = checkout_event("evt_over", "checkout.session.expired", topups.topup_of(purse.world, OWNER, "top_c1"))
    purse.tell(expired)
    assert opened(purse, "coins_100", name="top_c3").amount == 149
    purse.tell(checkout_event("evt_paid", "checkout.session.completed", topups.topup_of(purse.world, OWNER, "top_c2")))
    with pytest.raises(SpendingLimitReached):
        opened(purse, name="top_c4")
    purse.days(1)
    assert opened(purse, name="top_c4").amount == 699


class OpeningTables(MemoryTables):
    """Another page is opened in the moment before one is written."""

    another: Callable[[], object] | None = None

    def write(self, *operations: Operation) -> None:
        if self.another and operations[0].table == "wallet":
            another, self.another = self.another, None
            another()
        super().write(*operations)


def test_of_two_pages_that_are_opened_at_once_the_second_sees_the_first() -> None:
    tables = OpeningTables()
    purse = Purse(tables=tables)
    limits.set_limits(purse.world, OWNER, Wanted(700, None, None, None))
    tables.another = lambda: opened(purse, name="top_c1")
    with pytest.raises(SpendingLimitReached, match="Payment pages"):
        opened(purse, name="top_c2")
    assert topups.topup_of(purse.world, OWNER, "top_c1").amount == 699
    with pytest.raises(NotFound):
        topups.topup_of(purse.world, OWNER, "top_c2")


def test_what_was_paid_for_coins_counts_for_a_day_a_week_and_a_month() -> None:
    purse = Purse()
    limits.set_limits(purse.world, OWNER, Wanted(1_000, None, 1_400, None))
    purse.buys()
    with pytest.raises(SpendingLimitReached):
        opened(purse)
    purse.pays(5_000)
    with pytest.raises(SpendingLimitReached):
        purse.spends(302)
    purse.spends(301)
    purse.days(1)
    with pytest.raises(SpendingLimitReached):
        purse.spends(401, "order:2")
    purse.spends(400, "order:2")
    purse.days(30)
    purse.spends(1_000, "order:3")


def test_a_purchase_of_coins_leaves_the_window_when_it_is_as_old_as_that() -> None:
    purse = Purse()
    limits.set_limits(purse.world, OWNER, Wanted(699, None, 10_000, None))
    purse.buys()  # a second ago, now
    purse.clock.forward(DAY - 1_001)
    with pytest.raises(SpendingLimitReached):
        opened(purse)
    purse.clock.forward(1)
    assert opened(purse).amount == 699


def test_coins_beyond_a_limit_leave_no_money_and_bar_no_promotional_credit() -> None:
    purse = Purse()
    purse.buys()
    purse.pays(1_000)
    limits.set_limits(purse.world, OWNER, Wanted(698, None, None, None))
    grant(purse.world, OWNER, Lot("pro_1", 300, purse.clock() + DAY))
    with pytest.raises(SpendingLimitReached):
        purse.spends(301)
    assert purse.spends(300).balance == 1_000


def test_what_the_open_meter_holds_is_not_left_for_coins() -> None:
    stage = Stage(rate=250)
    limits.set_limits(stage.world, CLIENT, Wanted(250 + 7 * 250 + 149, None, None, None))
    stage.begun()
    assert packs.open_checkout(stage.world, CLIENT, "top_c1", "coins_100", "web").amount == 149
    limits.set_limits(stage.world, CLIENT, Wanted(250 + 7 * 250 + 148, None, None, None))
    with pytest.raises(SpendingLimitReached):
        packs.open_checkout(stage.world, CLIENT, "top_c2", "coins_100", "web")


def test_a_page_says_what_is_sold_on_it() -> None:
    sold: list[object] = []

    class Reading(OfflinePayments):
        def open_checkout(self, **asked: Any) -> CheckoutPage:
            sold.append(asked["sold"])
            return super().open_checkout(**asked)

    purse = Purse(Reading())
    opened(purse, "coins_1200")
    topups.open_topup(purse.world, OWNER, "top_1", 1_000)
    assert sold == ["1,200 SoulSeer coins", "SoulSeer credit"]


def test_what_went_back_of_coins_counts_no_more() -> None:
    purse = Purse()
    limits.set_limits(purse.world, OWNER, Wanted(1_000, None, None, None))
    purse.buys()
    purse.tell(refunded("re_1", 699))
    assert opened(purse).amount == 699


def test_what_was_bought_in_an_app_counts_at_the_packs_price_while_it_stands() -> None:
    purse = Purse()
    limits.set_limits(purse.world, OWNER, Wanted(1_000, None, None, None))
    told = Told("apple", "2000001", OWNER, "coins_500", 500, standing=True, at=NOON, environment="Production")
    learn(purse.world, told)
    with pytest.raises(SpendingLimitReached):
        opened(purse)
    learn(purse.world, replace(told, at=NOON + 1, taken=283))  # 699 · 217 / 500 = 303.4 are left
    with pytest.raises(SpendingLimitReached):
        opened(purse)
    learn(purse.world, replace(told, at=NOON + 2, taken=285))  # 699 · 215 / 500 = 300.6
    for standing in (True, False):
        learn(purse.world, replace(told, at=NOON + 3, taken=285, standing=standing))
        assert opened(purse, name="top_c4").amount == 699


def test_two_packs_that_were_bought_at_once_in_an_app_count_twice() -> None:
    purse = Purse()
    told = Told("google", "GPA.1", OWNER, "coins_500", 1_000, standing=True, at=NOON, environment="live")
    learn(purse.world, told)
    ((each,), _) = bought.bought_by(purse.world, OWNER, 10, None)
    assert each.cents == 2 * 699


def test_a_page_that_stripe_did_not_open_is_opened_by_the_repeat() -> None:
    class Shut(OfflinePayments):
        shut = True

        def open_checkout(self, **asked: Any) -> CheckoutPage:
            if self.shut:
                raise ProviderFailed
            return super().open_checkout(**asked)

    stripe = Shut()
    purse = Purse(stripe)
    with pytest.raises(ProviderFailed):
        opened(purse)
    stripe.shut = False
    assert opened(purse).checkout_url


# --- what one has bought -------------------------------------------------------------------------


def test_a_persons_purchases_are_listed_newest_first_with_what_is_left(purse: Purse) -> None:
    told = Told("apple", "2000001", OWNER, "coins_100", 100, standing=True, at=NOON, environment="Production")
    learn(purse.world, told)
    purse.tell(refunded("re_1", 100))
    found, following = bought.bought_by(purse.world, OWNER, 10, None)
    assert following is None
    assert [(each.store, each.id, each.coins, each.left, each.cents) for each in found] == [
        ("apple", "2000001", 100, 100, 149),
        ("stripe", INTENT, 500, 428, 599),
    ]
    (first,), following = bought.bought_by(purse.world, OWNER, 1, None)
    (second,), _ = bought.bought_by(purse.world, OWNER, 1, following)
    assert [first, second] == found


# --- crashes -------------------------------------------------------------------------------------


class Crash(BaseException):
    """The function dies."""


class Dying(MemoryTables):
    """The function dies before or after write number ``at``."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self.left, self.after = at, after

    def write(self, *operations: Operation) -> None:
        self.left -= 1
        if self.left == -1 and not self.after:
            raise Crash
        super().write(*operations)
        if self.left == -1:
            raise Crash


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(6))
def test_a_function_that_dies_at_any_write_loses_nothing_and_doubles_nothing(at: int, after: bool) -> None:
    purse = Purse(tables=Dying(at, after=after))

    def insist(event: dict[str, Any]) -> None:
        try:
            purse.tell(event)
        except Crash:
            purse.tell(event)

    try:
        paid = purse.paid()
    except Crash:
        paid = purse.paid()
    for event in (
        paid,
        refunded("re_1", 100),
        dispute("funds_withdrawn", "needs_response", 599),
        dispute("closed", "won", 599),
    ):
        insist(event)
    assert [amount for _, amount, _ in purse.coin_entries()] == [500, -72, -428, 428]
    assert [kind for kind, _, _ in purse.entries()] == ["freeze", "unfreeze"]


# --- the arithmetic ------------------------------------------------------------------------------


def test_old_rows_of_payments_have_no_coins() -> None:
    row = model.to_item(Payment("pi_1", OWNER, 500))
    del row["coins"]
    assert model.from_item(row) == Payment("pi_1", OWNER, 500)


def test_a_top_up_of_before_there_were_coins_is_one_of_credit() -> None:
    world = hand_world()
    topups.open_topup(world, OWNER, "top_1", 1_000)
    assert isinstance(world.tables, MemoryTables)
    (row,) = world.tables.rows["wallet"].values()
    del row["coins"], row["pack"]
    assert topups.topup_of(world, OWNER, "top_1").coins == 0
