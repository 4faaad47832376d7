"""Product §9: what Stripe tells of a payment for an order. The money is the platform's; only what was to go back and no
bank took is the buyer's credit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.accounts.model.limits import Wanted
from chalicelib.kernel.errors import SpendingLimitReached
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.wallet import events, limits, order_payments, payments, refunds, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import payment as model
from chalicelib.wallet.model.held_page import HeldPage
from chalicelib.wallet.model.payment import Dispute, Payment, Returned
from tests.support.duo import chain
from tests.support.events import dispute_event, refund_event
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, HandClock, OfflinePayments, hand_world

BUYER, INTENT, PART = "usr_buyer", "pi_1", "ord_1:1"
PAID = Payment(INTENT, BUYER, 2_000, "usd", "order", "ord_1", NOON)


@dataclass
class Till:
    """A buyer who has paid $20 for an order."""

    stripe: OfflinePayments = field(default_factory=OfflinePayments)
    clock: HandClock = field(default_factory=HandClock)
    tables: MemoryTables = field(default_factory=MemoryTables)

    def __post_init__(self) -> None:
        self.world = hand_world(self.tables, now=self.clock, payments=self.stripe)
        payments.credit(self.world, PAID)

    @property
    def payment(self) -> Payment:
        found = payments.payment_rows(self.world).get(INTENT)
        assert found
        return found

    def aside(self, cents: int, part: str = PART) -> None:
        self.world.tables.write(*order_payments.given_back(self.world, self.payment, part, cents))

    def sends(self, cents: int, part: str = PART, at: int = NOON) -> bool:
        return refunds.bring_on(self.world, INTENT, cents, part, at)

    def tells(self, *told: dict[str, Any]) -> None:
        for event in told:
            events.apply_event(self.world, event)

    def journal(self) -> list[tuple[str, int, str]]:
        """The platform's journal of orders; all accounts together are zero."""
        assert set(statement.trial_balance(self.world).total.values()) <= {0}
        rows = self.tables.rows["ledger"].values()
        told = [row for row in rows if row["account"].startswith("platform:orders:")]
        return sorted((row["seq"], row["amount"], row["counter"]) for row in told)

    def credit(self) -> list[tuple[str, int, str]]:
        entries = chain(self.world, wallet.credit_account(BUYER))
        assert {each.reference for each in entries if each.amount} <= {"ord_1"}
        return [(each.kind, each.amount, each.counter) for each in entries]

    def noticed(self) -> list[tuple[str, dict[str, Any]]]:
        return [(row["kind"], row["facts"]) for row in self.tables.rows["notices"].values()]


@pytest.fixture
def till() -> Till:
    return Till()


def hand(cents: int, status: str = "succeeded", kind: str = "refund.created") -> dict[str, Any]:
    """A refund that somebody made at Stripe."""
    return refund_event(kind, "re_hand", INTENT, cents, status)


# --- paid ----------------------------------------------------------------------------------------


def test_what_is_paid_for_an_order_is_the_platforms_and_no_credit(till: Till) -> None:
    assert till.journal() == [("topup:pi_1", 2_000, "stripe:payments")]
    assert (till.credit(), till.payment.refundable(NOON)) == ([], 0)
    assert refunds.payments_of(till.world, BUYER) == []
    assert [each.reference for each in refunds.orders_paid_by(till.world, BUYER, 0)] == ["ord_1"]


def test_it_counts_for_what_a_person_lets_themselves_spend(till: Till) -> None:
    limits.set_limits(till.world, BUYER, Wanted(day=3_000, week=None, month=None, self_excluded_until=None))

    def opens(cents: int) -> None:
        limits.hold_page(till.world, BUYER, HeldPage("ord_2", cents, till.clock.now + DAY), lambda _: False)

    opens(1_000)
    with pytest.raises(SpendingLimitReached):
        opens(1_001)
    till.aside(500)
    opens(1_500)
    till.clock.forward(DAY)
    opens(3_000)


# --- what goes back ------------------------------------------------------------------------------


def test_a_part_is_set_aside_once_and_sent_under_its_name(till: Till) -> None:
    till.aside(700)
    assert till.sends(700)
    assert till.sends(700)
    assert till.stripe.refunds.keys() == {PART}
    assert till.payment.refunds[PART].status == "succeeded"
    assert till.journal() == [("refund:ord_1:1", -700, "stripe:refunds"), ("topup:pi_1", 2_000, "stripe:payments")]
    assert till.noticed() == []  # the shop says it


def test_what_stripe_refuses_is_the_buyers_credit_at_once(till: Till) -> None:
    till.stripe.refusing = {INTENT}
    till.aside(700)
    assert till.sends(700)
    assert till.credit() == [("order_credit", 700, "platform:orders")]
    assert [amount for _, amount, _ in till.journal()] == [-700, 700, 2_000]
    assert till.noticed() == [("refund_failed", {"amount": 700, "order": "ord_1", "credited": True})]


def test_what_a_bank_did_not_keep_is_the_buyers_credit_once(till: Till) -> None:
    till.aside(700)
    till.sends(700)
    failed = refund_event("refund.failed", "re_ord_1_1", INTENT, 700, "failed", metadata={"refund_part": PART})
    till.tells(failed, failed | {"id": "evt_again"})
    assert till.credit() == [("order_credit", 700, "platform:orders")]
    assert wallet.head(till.world, BUYER).buckets.paid == 700


def test_a_part_that_nobody_answered_for_is_looked_for_before_it_is_sent_again(till: Till) -> None:
    till.aside(700)
    till.stripe.loses_answers = True
    assert not till.sends(700)
    till.stripe.loses_answers = False
    till.clock.forward(20 * HOUR)  # Stripe forgets the key
    till.stripe.refusing = {INTENT}  # and would send it again
    assert till.sends(700)
    assert till.payment.refunds[PART] == Returned(700, "succeeded", "re_ord_1_1")


def test_what_is_given_back_by_hand_is_the_platforms_to_bear(till: Till) -> None:
    till.tells(hand(300))
    assert till.journal()[0] == ("refund:re_hand", -300, "stripe:refunds")
    assert (till.credit(), model.rest_of(till.payment), model.stands(till.payment)) == ([], 1_700, True)
    till.tells(hand(300, "failed", "refund.failed"))
    assert (till.credit(), model.rest_of(till.payment)) == ([], 2_000)
    assert [facts["credited"] for _, facts in till.noticed()] == [False, False]


def test_what_went_back_in_part_by_the_shop_and_in_whole_by_hand_pays_for_nothing(till: Till) -> None:
    till.aside(2_000)
    assert model.stands(till.payment)  # whatever of it cost nothing is still the buyer's
    till.tells(hand(1))
    assert not model.stands(till.payment)
    till.tells(hand(1, "failed", "refund.failed"))
    assert model.stands(till.payment)


# --- disputes ------------------------------------------------------------------------------------


def test_a_dispute_freezes_the_wallet_and_takes_nothing_of_the_credit(till: Till) -> None:
    till.tells(dispute_event("created", "dp_1", INTENT, 2_000, "needs_response"))
    assert wallet.head(till.world, BUYER).frozen == "dispute:dp_1"
    assert ("dispute:dp_1", -2_000, "stripe:disputes") in till.journal()
    assert (wallet.head(till.world, BUYER).balance, model.stands(till.payment), model.rest_of(till.payment)) == (
        0,
        False,
        0,
    )
    assert refunds.may_come_back(till.world, BUYER) == 2_000
    till.tells(dispute_event("closed", "dp_1", INTENT, 2_000, "won"))
    assert (wallet.head(till.world, BUYER).frozen, model.stands(till.payment)) == (None, True)
    assert model.rest_of(till.payment) == 2_000
    assert refunds.may_come_back(till.world, BUYER) == 0


def test_a_dispute_that_is_lost_leaves_nothing_to_stand_on() -> None:
    lost = model.disputed(PAID, "dp_1", "usd", Dispute(500, lost=True))
    assert (model.stands(lost), model.rest_of(lost)) == (False, 1_500)


def test_of_what_nobody_paid_nothing_stands() -> None:
    unpaid = Payment(INTENT, amount=2_000)
    assert (model.stands(unpaid), model.rest_of(unpaid)) == (False, 0)


@pytest.mark.parametrize("kind", ["refund", "refund_failed", "dispute", "dispute_won"])
def test_the_buyer_is_told_that_it_is_of_an_order(kind: str) -> None:
    told = words(Notice(BUYER, kind, {"amount": 2_000, "order": "ord_1", "credited": True}), "UTC")
    assert told
    assert "order" in told.text
    assert ("credit now" in told.text) == (kind in ("refund_failed", "dispute_won"))


# --- what no card takes --------------------------------------------------------------------------


def test_what_is_credited_and_went_back_by_hand_after_all_is_taken_again(till: Till) -> None:
    till.stripe.refusing = {INTENT}
    till.aside(700)
    till.sends(700)
    till.tells(hand(1_500))  # 500 are left, of which 700 cannot be theirs
    assert till.credit() == [
        ("order_credit", 700, "platform:orders"),
        ("order_credit_taken", -200, "platform:orders"),
    ]


def test_what_was_credited_is_not_sent_a_second_time(till: Till) -> None:
    till.tells(hand(1_000))
    till.stripe.refusing = {INTENT}
    till.aside(700)
    till.sends(700)
    till.aside(1_300, "ord_1:2")  # 1,000 by hand, 700 as credit: 300 are left
    assert till.payment.refunds["ord_1:2"] == Returned(300, "reserved")
    assert till.credit() == [("order_credit", 700, "platform:orders")]


@pytest.mark.parametrize(
    ("given", "refunds", "disputes", "credit"),
    [
        (0, {}, {}, 0),
        (0, {"re_hand": Returned(300, "failed", "re_hand")}, {}, 0),
        (700, {PART: Returned(700, "reserved")}, {}, 0),
        (700, {PART: Returned(700, "failed")}, {}, 700),
        (700, {PART: Returned(700, "failed"), "ord_1:2": Returned(1, "failed")}, {}, 700),
        (700, {PART: Returned(700, "refused"), "re_hand": Returned(1_299, "pending", "re_hand")}, {}, 700),
        (700, {PART: Returned(700, "refused"), "re_hand": Returned(1_301, "pending", "re_hand")}, {}, 699),
        (700, {PART: Returned(700, "refused"), "re_hand": Returned(2_000, "pending", "re_hand")}, {}, 0),
        (700, {PART: Returned(700, "refused")}, {"dp_1": Dispute(2_000)}, 0),
        (700, {PART: Returned(700, "refused")}, {"dp_1": Dispute(1_400)}, 600),
        (700, {PART: Returned(700, "refused")}, {"dp_1": Dispute(2_000, returned=True)}, 700),
        (2_000, {PART: Returned(500, "succeeded"), "re_hand": Returned(1_500, "failed", "re_hand")}, {}, 1_500),
    ],
)
def test_credit_is_what_the_shop_gives_back_and_nobody_has(
    given: int, refunds: dict[str, Returned], disputes: dict[str, Dispute], credit: int
) -> None:
    assert model.credit_of(replace(PAID, given=given, refunds=refunds, disputes=disputes)) == credit


def test_a_payment_remembers_what_the_shop_gives_back(till: Till) -> None:
    till.aside(700)
    till.aside(1_300, "ord_1:2")
    assert (till.payment.given, model.rest_of(till.payment)) == (2_000, 0)
