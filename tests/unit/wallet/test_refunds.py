"""Product §4: unused paid credit goes back to the payments that brought it, once, whatever becomes of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.kernel.errors import (
    Forbidden,
    IdempotencyMismatch,
    InsufficientFunds,
    Invalid,
    NotFound,
    SessionOpen,
    WalletFrozen,
)
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis
from chalicelib.operations import handlers
from chalicelib.operations.handlers import KINDS
from chalicelib.wallet import payments, refunds
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import Lot
from chalicelib.wallet.model.payment import MOST_ASKED, MOST_REFUNDS, Payment
from chalicelib.wallet.model.refund import LEAST, look_again, split
from tests.support.events import dispute_event, refund_event
from tests.support.purse import OWNER, Purse
from tests.support.reading import CLIENT, Stage, grant
from tests.support.worlds import HandClock


@pytest.fixture
def purse() -> Purse:
    purse = Purse()
    purse.pays(2_500)
    return purse


def due(purse: Purse) -> list[str]:
    """The refunds that the minute tick would look at now."""
    return [
        found.id
        for shard in range(purse.world.settings.tick_shards)
        for found in KINDS["refund"].page(purse.world, str(shard), 100, None)[0]
    ]


# --- what goes back


def test_all_that_is_unused_goes_back_and_stripe_is_asked_once_a_part(purse: Purse) -> None:
    purse.spends(400)
    made = purse.asks()
    assert (made.refund.amount, made.status, made.parts) == (2_100, "succeeded", ("succeeded",))
    assert purse.balance == 0
    assert [(each["payment_intent"], each["amount"]) for each in purse.stripe.refunds.values()] == [("pi_top_1", 2_100)]
    assert purse.entries()[-1] == ("refund", -2_100, "rfd_1:0")
    assert purse.facts() >= {"refund:rfd_1:0"}
    assert purse.audited() == ["refund_asked"]


def test_a_part_of_it_may_be_asked_for(purse: Purse) -> None:
    assert purse.asks(700).refund.amount == 700
    assert purse.balance == 1_800


def test_the_newest_payment_goes_back_first_and_each_part_is_an_entry_of_its_own(purse: Purse) -> None:
    purse.pays(1_000, "2")
    made = purse.asks(1_500)
    assert made.refund.parts == (("pi_top_2", 1_000), ("pi_top_1", 500))
    assert purse.entries()[-2:] == [("refund", -1_000, "rfd_1:0"), ("refund", -500, "rfd_1:1")]


def test_a_payment_never_gives_back_more_than_it_brought(purse: Purse) -> None:
    purse.pays(1_000, "2")
    purse.asks(1_500)
    assert purse.asks(2_000, "rfd_2").refund.parts == (("pi_top_1", 2_000),)
    with pytest.raises(InsufficientFunds):
        purse.asks(1, "rfd_3")


def test_promotional_credit_never_goes_back(purse: Purse) -> None:
    grant(purse.world, OWNER, Lot("pro_1", 5_000, purse.clock() + DAY))
    assert purse.asks().refund.amount == 2_500
    assert purse.balance == 5_000


def test_ten_payments_at_most_go_back_at_once(purse: Purse) -> None:
    for number in range(2, 12):
        purse.pays(500, str(number))
    assert (len(purse.asks().refund.parts), purse.balance) == (10, 2_500)
    with pytest.raises(InsufficientFunds):
        purse.asks(2_501, "rfd_2")


@pytest.mark.parametrize(("age", "goes"), [(180 - 1 / 86_400, True), (180, False)])
def test_a_payment_of_180_days_is_not_given_back(age: float, goes: bool) -> None:
    purse = Purse()
    purse.pays(2_500)
    purse.clock.now = purse.payment("pi_top_1").at
    purse.days(age)
    if goes:
        assert purse.asks().refund.amount == 2_500
    else:
        with pytest.raises(InsufficientFunds):
            purse.asks()


def test_a_payment_that_was_ever_disputed_is_passed_over(purse: Purse) -> None:
    purse.pays(1_000, "2")
    purse.tell(
        dispute_event("created", "dp_1", "pi_top_2", 1_000, "needs_response"),
        dispute_event("closed", "dp_1", "pi_top_2", 1_000, "won"),
    )
    assert purse.asks().refund.parts == (("pi_top_1", 2_500),)


# --- what does not


@pytest.mark.parametrize("amount", [2_501, 50_000])
def test_more_than_there_is_is_refused_and_nothing_changes(purse: Purse, amount: int) -> None:
    with pytest.raises(InsufficientFunds):
        purse.asks(amount)
    assert (purse.balance, purse.stripe.refunds, purse.audited()) == (2_500, {}, [])


@pytest.mark.parametrize("amount", [1, LEAST - 1])
def test_less_than_a_dollar_is_not_given_back_unless_it_is_all(purse: Purse, amount: int) -> None:
    with pytest.raises(Invalid):
        purse.asks(amount)
    assert (purse.balance, purse.stripe.refunds, purse.audited()) == (2_500, {}, [])
    assert purse.asks(LEAST, "rfd_2").status == "succeeded"
    purse.spends(2_400 - amount)
    assert purse.asks(amount, "rfd_3").status == "succeeded"
    assert purse.balance == 0


def test_an_admin_may_give_back_a_cent(purse: Purse) -> None:
    assert refunds.request(purse.world, OWNER, "rfd_1", 1, actor="ops").status == "succeeded"


def test_what_people_ask_for_leaves_room_for_refunds_that_are_made_at_stripe() -> None:
    purse = Purse()
    purse.pays(10_000)
    for number in range(MOST_ASKED):
        purse.asks(LEAST, f"rfd_{number}")
    with pytest.raises(InsufficientFunds):
        purse.asks(LEAST, "rfd_one_more")
    purse.tell(refund_event("refund.created", "re_1", "pi_top_1", 6_000, "succeeded"))
    assert purse.balance == 0


BROUGHT = Payment("pi_1", OWNER, 2_500)


@pytest.mark.parametrize(
    ("asked", "paid", "most"),
    [(2_501, 3_000, 2_500), (700, 500, 500), (2_600, 500, 500), (700, 0, 0), (700, -5, 0), (None, 0, 0), (None, -5, 0)],
)
def test_who_asks_for_more_than_payments_brought_and_credit_holds_hears_how_much_can_go_back(
    asked: int | None, paid: int, most: int
) -> None:
    with pytest.raises(InsufficientFunds, match=rf"^{most} cents can go back"):
        split([BROUGHT], asked, paid, 0)


def test_all_that_can_go_back_may_be_a_cent() -> None:
    assert split([BROUGHT], None, 1, 0) == ((BROUGHT, 1),)


def test_nothing_is_nothing_to_give_back(purse: Purse) -> None:
    purse.spends(2_500)
    with pytest.raises(InsufficientFunds):
        purse.asks()


def test_credit_that_no_payment_brought_is_not_given_back(purse: Purse) -> None:
    purse.spends(2_500)
    wallet.compensate(purse.world, OWNER, "guarantee", "gua_1", (("paid", 2_500, 0),), "ses_1")
    purse.pays(500, "2")
    assert purse.asks().refund.amount == 3_000, "what was given back is paid credit of the first payment again"


def test_not_during_a_reading() -> None:
    stage = Stage(credit=0)
    payments.credit(stage.world, Payment("pi_1", CLIENT, 2_500, "usd", "topup", "top_1", stage.clock()))
    stage.begun()
    with pytest.raises(SessionOpen):
        refunds.request(stage.world, CLIENT, "rfd_1", None)


def test_not_from_a_frozen_wallet(purse: Purse) -> None:
    wallet.freeze(purse.world, OWNER, "admin")
    with pytest.raises(WalletFrozen):
        purse.asks()


def test_what_was_asked_for_before_a_freeze_goes_to_its_card_all_the_same(purse: Purse) -> None:
    purse.stripe.down = True
    assert purse.asks(1_000).status == "pending"
    wallet.freeze(purse.world, OWNER, "admin")
    purse.stripe.down = False
    assert (purse.ticks().status, purse.balance, purse.frozen) == ("succeeded", 1_500, "admin")


def test_the_same_request_again_is_the_same_refund_and_another_amount_is_refused(purse: Purse) -> None:
    first = purse.asks(1_000)
    assert purse.asks(1_000) == first
    assert purse.balance == 1_500
    with pytest.raises(IdempotencyMismatch):
        purse.asks(1_100)


def test_whose_credit_somebody_else_gives_back_is_told_of_it(purse: Purse) -> None:
    refunds.request(purse.world, OWNER, "rfd_1", 700, actor="admin", reason="because")
    assert (purse.noticed(), purse.audited()) == (["refund"], ["refund_asked"])


def test_a_stripe_that_does_not_answer_is_asked_for_one_part_only(purse: Purse) -> None:
    purse.pays(1_000, "2")
    purse.stripe.down = True
    assert purse.asks().parts == ("pending", "pending")
    assert purse.stripe.asked == 1
    purse.stripe.down = False
    assert purse.ticks().status == "succeeded"


SLOW = 7_900
"""Milliseconds: just short of the eight seconds for which Stripe is waited for."""


def test_a_stripe_that_is_slow_to_answer_is_not_waited_for_ten_times(purse: Purse) -> None:
    for number in range(2, 11):
        purse.pays(500, str(number))
    purse.stripe.takes_time = lambda: purse.clock.forward(SLOW)
    for looked in range(5):
        begun = purse.clock()
        made = purse.ticks() if looked else purse.asks()
        assert purse.clock() - begun <= 2 * SLOW, "there are 29 seconds to answer a request"
        assert (made.parts.count("succeeded"), purse.stripe.asked) == (2 * looked + 2, 2 * looked + 2)
        purse.days(0.1)
    assert (made.status, due(purse)) == ("succeeded", [])
    assert sorted(purse.stripe.refunds) == [f"rfd_1:{number}" for number in range(10)]


def test_the_tick_begins_no_refund_that_it_may_have_no_time_for(purse: Purse) -> None:
    """After a day each part is two calls: what became of it, and once more the part itself."""
    purse.stripe.down = True
    for number in range(6):
        purse.asks(100, f"rfd_{number}")
    purse.days(1).stripe.down = False
    purse.stripe.takes_time = lambda: purse.clock.forward(SLOW)
    calls: list[dict[str, Any]] = [{"shard": str(number)} for number in range(purse.world.settings.tick_shards)]
    for _ in range(20):
        if calls:
            context = Until(purse.clock, purse.clock() + 46_000)
            assert handlers.work(purse.world, calls.pop(), context, calls.append)["failed"] == 0
            assert context.get_remaining_time_in_millis() > 0, "stopped in the middle of something"
    assert (calls, len(purse.stripe.refunds)) == ([], 6)


@dataclass
class Until:
    """The context of a function that is stopped at that moment."""

    clock: HandClock
    end: Millis

    def get_remaining_time_in_millis(self) -> int:
        return self.end - self.clock()


def test_a_refund_is_its_owners_own(purse: Purse) -> None:
    purse.asks()
    assert refunds.refund_of(purse.world, OWNER, "rfd_1").status == "succeeded"
    with pytest.raises(Forbidden):
        refunds.refund_of(purse.world, "usr_other", "rfd_1")
    with pytest.raises(NotFound):
        refunds.refund_of(purse.world, OWNER, "rfd_2")


def test_a_persons_refunds_are_listed_newest_first(purse: Purse) -> None:
    for number in range(3):
        purse.asks(100, f"rfd_{number}")
        purse.days(1)
    page, following = refunds.refunds_of(purse.world, OWNER, 2, None)
    rest, end = refunds.refunds_of(purse.world, OWNER, 2, following)
    assert [each.refund.id for each in (*page, *rest)] == ["rfd_2", "rfd_1", "rfd_0"]
    assert end is None
    assert refunds.refunds_of(purse.world, "usr_other", 2, None) == ([], None)


# --- how it goes on


def test_what_stripe_refuses_is_credit_again_once(purse: Purse) -> None:
    purse.stripe.refusing.add("pi_top_1")
    made = purse.asks()
    assert (made.status, purse.balance) == ("failed", 2_500)
    assert purse.entries()[-2:] == [("refund", -2_500, "rfd_1:0"), ("refund_failed", 2_500, "rfd_1:0")]
    assert purse.ticks().status == "failed"
    assert purse.noticed() == ["refund_failed"]
    purse.stripe.refusing.clear()
    assert purse.asks(refund="rfd_2").status == "succeeded"


def test_where_one_part_is_refused_the_refund_is_partly_done(purse: Purse) -> None:
    purse.pays(1_000, "2")
    purse.stripe.refusing.add("pi_top_2")
    made = purse.asks()
    assert (made.status, made.parts, purse.balance) == ("partly", ("failed", "succeeded"), 1_000)


def test_an_answer_that_is_lost_is_asked_for_again_until_it_is_known(purse: Purse) -> None:
    purse.stripe.loses_answers = True
    assert purse.asks().status == "pending"
    assert (purse.balance, due(purse)) == (0, [])
    purse.clock.forward(MINUTE)
    assert due(purse) == ["rfd_1"]
    purse.ticks()
    purse.stripe.loses_answers = False
    assert purse.ticks().status == "succeeded"
    assert len(purse.stripe.refunds) == 1
    purse.days(1)
    assert due(purse) == []


def test_an_event_may_know_it_before_the_answer_does(purse: Purse) -> None:
    purse.stripe.loses_answers = True
    purse.asks()
    (made,) = purse.stripe.refunds.values()
    event = refund_event("refund.created", made["id"], "pi_top_1", 2_500, "succeeded", metadata=made["metadata"])
    purse.tell(event)
    assert refunds.progress(purse.world, "rfd_1").status == "succeeded"
    assert purse.facts() == {"topup:pi_top_1", "refund:rfd_1:0"}


def test_a_refusal_after_an_event_that_tells_of_it_counts_for_nothing(purse: Purse) -> None:
    purse.stripe.loses_answers = True
    purse.asks()
    (made,) = purse.stripe.refunds.values()
    purse.tell(refund_event("refund.created", made["id"], "pi_top_1", 2_500, "pending", metadata=made["metadata"]))
    purse.stripe.refusing.add("pi_top_1")
    purse.stripe.loses_answers = False
    assert purse.ticks().status == "succeeded"
    assert purse.balance == 0


def test_a_refund_that_takes_its_time_is_pending_until_an_event_says_more(purse: Purse) -> None:
    purse.stripe.status = "pending"
    assert purse.asks().status == "pending"
    metadata = {"refund_part": "rfd_1:0"}
    purse.tell(refund_event("refund.updated", "re_rfd_1_0", "pi_top_1", 2_500, "succeeded", metadata=metadata))
    assert refunds.progress(purse.world, "rfd_1").status == "succeeded"
    purse.tell(refund_event("refund.failed", "re_rfd_1_0", "pi_top_1", 2_500, "failed", metadata=metadata))
    assert refunds.progress(purse.world, "rfd_1").status == "failed"
    assert (purse.balance, purse.noticed()) == (2_500, ["refund_failed"])


def test_a_refund_whose_events_are_lost_is_looked_up_at_stripe(purse: Purse) -> None:
    purse.stripe.status = "pending"
    purse.asks()
    purse.stripe.refunds["rfd_1:0"]["status"] = "succeeded"
    assert purse.days(1).ticks().status == "succeeded"


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 2_499},
        {"metadata": {"refund_part": "rfd_1:1"}},
        {"metadata": {"refund_part": "rfd_9:0"}},
        {"metadata": {"refund_part": 0}},
        {"metadata": None},
    ],
)
def test_a_refund_that_is_not_what_we_reserved_is_somebody_elses(purse: Purse, other: dict[str, Any]) -> None:
    purse.stripe.down = True
    purse.asks()
    said: dict[str, Any] = {"metadata": {"refund_part": "rfd_1:0"}, "amount": 2_500} | other
    amount = int(said.pop("amount"))
    purse.tell(refund_event("refund.created", "re_x", "pi_top_1", amount, "succeeded", **said))
    assert purse.balance == -amount
    assert refunds.progress(purse.world, "rfd_1").status == "pending"


def test_a_second_refund_under_one_name_is_somebody_elses(purse: Purse) -> None:
    purse.asks(1_000)
    metadata = {"refund_part": "rfd_1:0"}
    purse.tell(refund_event("refund.created", "re_again", "pi_top_1", 1_000, "succeeded", metadata=metadata))
    assert purse.balance == 500
    assert purse.facts() >= {"refund:rfd_1:0", "refund:re_again"}


def test_an_answer_that_cannot_be_of_our_payment_alarms_and_holds_up_nothing(
    purse: Purse, capsys: pytest.CaptureFixture[str]
) -> None:
    purse.stripe.status = "pending"
    purse.asks(1_000)
    purse.stripe.refunds["rfd_1:0"]["amount"] = 999
    assert purse.ticks().status == "pending"
    assert purse.balance == 1_500
    assert '"level":"error","event":"refund_unexpected"' in capsys.readouterr().out


def test_when_stripe_may_have_forgotten_the_key_it_is_asked_first_what_became_of_it(purse: Purse) -> None:
    purse.stripe.loses_answers = True
    purse.asks()
    purse.stripe.loses_answers = False
    purse.clock.forward(20 * HOUR)
    made = dict(purse.stripe.refunds)
    purse.stripe.refunds = {"elsewhere": made["rfd_1:0"]}  # the key is forgotten: asking again would make another one
    assert purse.ticks().status == "succeeded"
    assert len(purse.stripe.refunds) == 1


def test_where_stripe_refuses_to_say_what_became_of_it_nothing_is_given_back(purse: Purse) -> None:
    purse.stripe.loses_answers = True
    purse.asks()
    purse.stripe.loses_answers, purse.stripe.lists_nothing = False, True
    purse.clock.forward(20 * HOUR)
    assert (purse.ticks().status, purse.balance) == ("pending", 0)
    purse.stripe.lists_nothing = False
    assert (purse.ticks().status, purse.balance) == ("succeeded", 0)


def test_refunds_of_others_beyond_what_a_payment_keeps_do_not_stop_ours(purse: Purse) -> None:
    purse.stripe.status = "pending"
    purse.asks(1_000)
    for number in range(MOST_REFUNDS):
        name = f"re_{number}"
        purse.stripe.refunds[name] = purse.stripe.made_at_stripe(name, "pi_top_1", 1)
        purse.tell(refund_event("refund.created", name, "pi_top_1", 1, "pending"))
    assert len(purse.payment("pi_top_1").refunds) == MOST_REFUNDS, "one is not kept"
    purse.stripe.refunds["rfd_1:0"]["status"] = "succeeded"
    purse.clock.forward(HOUR)
    assert purse.ticks().status == "succeeded"


def test_what_stripe_never_heard_of_is_sent_however_late(purse: Purse) -> None:
    purse.stripe.down = True
    purse.asks()
    purse.stripe.down = False
    assert purse.days(2).ticks().status == "succeeded"


@pytest.mark.parametrize(
    ("age", "following"),
    [(0, MINUTE), (30_000, MINUTE), (HOUR, HOUR), (DAY + 1, DAY), (60 * DAY - 1, DAY), (60 * DAY, None)],
)
def test_what_is_not_done_is_looked_at_soon_at_first_and_then_daily(age: Millis, following: Millis | None) -> None:
    assert look_again(7, 7 + age) == (None if following is None else 7 + age + following)


def test_after_sixty_days_nobody_looks_any_more(purse: Purse, capsys: pytest.CaptureFixture[str]) -> None:
    purse.stripe.down = True
    purse.asks()
    purse.days(60).ticks()
    assert due(purse) == []
    assert '"level":"error","event":"refund_stuck"' in capsys.readouterr().out


def test_a_dispute_while_a_refund_is_on_its_way_takes_nothing_twice(purse: Purse) -> None:
    purse.stripe.down = True
    purse.asks(1_000)
    purse.tell(dispute_event("created", "dp_1", "pi_top_1", 2_500, "needs_response"))
    assert purse.balance == -1_000
    purse.stripe.down, purse.stripe.refusing = False, {"pi_top_1"}  # charge_disputed
    assert purse.ticks().status == "failed"
    assert purse.balance == 0


def test_the_tick_and_a_clock_bring_a_refund_on(purse: Purse) -> None:
    purse.stripe.down = True
    purse.asks()
    purse.stripe.down = False
    purse.clock.forward(MINUTE)
    assert due(purse) == ["rfd_1"]
    assert KINDS["refund"].called(purse.world, "rfd_1", 0, 0) is None
    assert refunds.progress(purse.world, "rfd_1").status == "succeeded"


def test_a_refund_is_in_progress_until_stripe_has_said_the_last_word(purse: Purse) -> None:
    assert refunds.in_progress(purse.world, 10) == (0, False)
    purse.stripe.status = "pending"
    purse.asks(500)
    purse.asks(600, "rfd_2")
    assert refunds.in_progress(purse.world, 10) == (2, False)
    for each in purse.stripe.refunds.values():
        each["status"] = "succeeded"
    purse.days(1)
    purse.ticks()
    assert refunds.in_progress(purse.world, 10) == (1, False)
