"""Product §4: what Stripe's events on a payment do to the credit that it paid, once, in whatever order they come."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, Unavailable
from chalicelib.runtime import audit
from chalicelib.wallet import events, payments, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.payment import Payment
from tests.support.events import charge_event, checkout_event, dispute_event, outcome, refund_event, tell
from tests.support.purse import OWNER, Purse
from tests.support.reading import CLIENT, Stage
from tests.support.worlds import hand_world

CREATED, UPDATED, FAILED = "refund.created", "refund.updated", "refund.failed"


@pytest.fixture
def purse() -> Purse:
    purse = Purse()
    purse.pays(2_500)
    return purse


# --- a payment


def test_a_credit_leaves_a_row_of_its_payment_and_a_place_in_the_persons_list(purse: Purse) -> None:
    payment = purse.payment("pi_top_1")
    assert (payment.user, payment.amount, payment.currency) == (OWNER, 2_500, "usd")
    assert (payment.source, payment.reference) == ("topup", "top_1")
    purse.pays(1_000, "2")
    rows = payments.payment_rows(purse.world)
    assert [each.intent for each in rows.newest_of(OWNER, 10, 0)] == ["pi_top_2", "pi_top_1"]
    assert [each.intent for each in rows.newest_of(OWNER, 1, 0)] == ["pi_top_2"]
    assert [each.intent for each in rows.newest_of(OWNER, 10, payment.at + 1)] == ["pi_top_2"]


def test_one_payment_is_credited_once_whatever_it_is_said_to_pay(purse: Purse) -> None:
    again = Payment("pi_top_1", OWNER, 2_500, "usd", "recharge", "rch_1", purse.clock())
    with pytest.raises(AlreadyDone):
        payments.credit(purse.world, again)
    assert purse.facts() == {"topup:pi_top_1"}


def test_an_event_of_the_other_mode_is_stored_and_moves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    purse = Purse()
    purse.pays(2_500)
    event = refund_event(CREATED, "re_1", "pi_top_1", 1_000, "succeeded") | {"livemode": True}
    purse.tell(event)
    assert (purse.balance, outcome(purse.world, event)) == (2_500, "of the other mode")
    assert '"level":"error","event":"stripe_event_unexpected"' in capsys.readouterr().out


def test_in_production_only_real_money_counts() -> None:
    world = hand_world()
    world = replace(world, settings=replace(world.settings, stripe_livemode=True))
    said: dict[str, Any] = {"type": "refund.created", "data": {"object": {}}}
    test, real = said | {"id": "evt_test", "livemode": False}, said | {"id": "evt_real", "livemode": True}
    tell(world, test, real)
    assert outcome(world, test) == "of the other mode"
    assert outcome(world, real) == "a refund of no payment of ours"


def test_an_event_of_a_connected_account_moves_nothing(purse: Purse) -> None:
    event = refund_event(CREATED, "re_1", "pi_top_1", 1_000, "succeeded") | {"account": "acct_1"}
    purse.tell(event)
    assert (purse.balance, outcome(purse.world, event)) == (2_500, "of a connected account")


@pytest.mark.parametrize("kind", ["refund.created", "charge.refunded", "charge.dispute.created"])
@pytest.mark.parametrize(
    "said", [{}, {"payment_intent": None}, {"payment_intent": "", "id": []}, {"payment_intent": "pi_top_1", "id": 7}]
)
def test_an_event_that_names_nothing_we_know_is_stored_and_alarms(
    purse: Purse, kind: str, said: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    purse.tell({"id": "evt_odd", "type": kind, "data": {"object": said}})
    assert purse.balance == 2_500
    assert outcome(purse.world, {"id": "evt_odd"})
    assert '"level":"error","event":"stripe_event_unexpected"' in capsys.readouterr().out


@pytest.mark.parametrize("paid_first", [True, False])
def test_money_of_another_currency_is_never_taken_for_ours(
    paid_first: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    purse = Purse()
    dispute = dispute_event("created", "dp_1", "pi_top_1", 500, "needs_response")
    dispute["data"]["object"]["currency"] = "jpy"
    foreign = (refund_event(CREATED, "re_1", "pi_top_1", 1_000, "succeeded", currency="jpy"), dispute)
    if not paid_first:
        purse.tell(*foreign)
    purse.pays(2_500)
    purse.tell(*foreign)
    assert (purse.balance, purse.frozen, purse.facts()) == (2_500, None, {"topup:pi_top_1"})
    assert [outcome(purse.world, event) for event in foreign] == ["of another currency"] * 2
    assert capsys.readouterr().out.count('"event":"stripe_event_unexpected"') == 2


# --- a refund that somebody made at Stripe


def test_a_refund_made_at_stripe_takes_the_credit_once(purse: Purse) -> None:
    purse.tell(
        refund_event(CREATED, "re_1", "pi_top_1", 1_000, "pending"),
        refund_event(UPDATED, "re_1", "pi_top_1", 1_000, "succeeded"),
        charge_event("pi_top_1", 1_000),
    )
    assert purse.entries() == [("topup", 2_500, "top_1"), ("refund", -1_000, "re_1")]
    assert purse.facts() == {"topup:pi_top_1", "refund:re_1"}
    assert (purse.audited(), purse.noticed()) == (["refund"], ["refund"])


def test_it_may_take_the_credit_below_zero_and_then_nothing_can_be_spent(purse: Purse) -> None:
    purse.spends(2_000)
    purse.tell(refund_event(CREATED, "re_1", "pi_top_1", 2_500, "succeeded"))
    assert (purse.head.buckets.paid, purse.head.buckets.spendable(purse.clock())) == (-2_000, 0)


@pytest.mark.parametrize("ended", ["failed", "canceled"])
@pytest.mark.parametrize(
    "order", [(0, 1), (1, 0), (0, 1, 0, 1), (1, 1, 0)], ids=["in order", "turned", "twice", "failed first"]
)
def test_a_refund_that_fails_comes_back_once_in_whatever_order_it_is_told(
    purse: Purse, ended: str, order: tuple[int, ...]
) -> None:
    told = [
        refund_event(CREATED, "re_1", "pi_top_1", 1_000, "pending"),
        refund_event(FAILED, "re_1", "pi_top_1", 1_000, ended),
    ]
    purse.tell(*(told[place] for place in order))
    assert purse.entries()[1:] == [("refund", -1_000, "re_1"), ("refund_failed", 1_000, "re_1")]
    assert purse.balance == 2_500


def test_a_refund_told_before_its_payment_waits_for_it() -> None:
    purse = Purse()
    event = refund_event(CREATED, "re_1", "pi_top_1", 1_000, "succeeded")
    purse.tell(event)
    assert (purse.facts(), outcome(purse.world, event)) == (set(), "learned")
    purse.pays(2_500)
    assert purse.entries() == [("topup", 2_500, "top_1"), ("refund", -1_000, "re_1")]


@pytest.mark.parametrize("paid_first", [True, False])
def test_a_refund_larger_than_its_payment_takes_nothing_and_alarms_whichever_is_told_first(
    paid_first: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    purse = Purse()
    told = (
        refund_event(CREATED, "re_1", "pi_top_1", 99_999_999, "succeeded"),
        refund_event(CREATED, "re_2", "pi_top_1", 2_500, "succeeded"),
    )
    if not paid_first:
        purse.tell(*told)
    purse.pays(2_500)
    purse.tell(*told, refund_event(FAILED, "re_1", "pi_top_1", 99_999_999, "failed"))
    assert purse.facts() == {"topup:pi_top_1", "refund:re_2"}
    assert purse.balance == 0
    assert '"level":"error"' in capsys.readouterr().out


def test_a_refund_that_waited_and_does_not_fit_its_payment_alarms_when_it_is_credited(
    capsys: pytest.CaptureFixture[str],
) -> None:
    purse = Purse()
    purse.tell(refund_event(CREATED, "re_1", "pi_top_1", 2_501, "succeeded"))
    assert '"level":"error"' not in capsys.readouterr().out
    purse.pays(2_500)
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "stripe_refund_left_out" in line]
    assert '"level":"error"' in said
    assert '"id":"re_1"' in said


@pytest.mark.parametrize("metadata", [{"refund_part": "rfd_1:0"}, {}])
def test_a_refund_that_we_asked_for_is_known_by_stripes_name_of_it_whatever_else_is_told(
    purse: Purse, metadata: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    purse.asks(1_000)
    event = refund_event(UPDATED, "re_rfd_1_0", "pi_top_1", 1_001, "succeeded", metadata=metadata)
    purse.tell(event)
    assert (purse.balance, purse.facts()) == (1_500, {"topup:pi_top_1", "refund:rfd_1:0"})
    assert outcome(purse.world, event) == "of another amount"
    assert '"event":"stripe_event_unexpected"' in capsys.readouterr().out
    purse.tell(refund_event(FAILED, "re_rfd_1_0", "pi_top_1", 1_000, "failed", metadata={}))
    assert purse.facts() == {"topup:pi_top_1", "refund:rfd_1:0", "refund_failed:rfd_1:0"}
    assert purse.balance == 2_500


def test_the_51st_refund_of_a_payment_is_stored_and_alarms(purse: Purse, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(51):
        purse.tell(refund_event(CREATED, f"re_{number}", "pi_top_1", 10, "succeeded"))
    assert purse.balance == 2_500 - 500
    assert "more than a payment can keep" in capsys.readouterr().out


def test_what_waits_for_its_payment_always_fits_into_its_transaction() -> None:
    purse = Purse()
    told = [refund_event(FAILED, f"re_{number}", "pi_top_1", 10, "failed") for number in range(12)]
    purse.tell(*told[:10])
    for event in told[10:]:
        with pytest.raises(Unavailable):
            purse.tell(event)
        assert outcome(purse.world, event) is None, "Stripe is to tell it again"
    purse.pays(2_500)
    assert len(purse.entries()) == 1 + 2 * 10
    purse.tell(*told)
    assert len(purse.entries()) == 1 + 2 * 12


# --- a charge that counts more than we heard


def test_what_a_charge_counts_and_nobody_told_is_asked_for_at_stripe(purse: Purse) -> None:
    purse.stripe.refunds = {
        name: purse.stripe.made_at_stripe(name, "pi_top_1", amount) for name, amount in (("re_1", 700), ("re_2", 300))
    }
    purse.tell(charge_event("pi_top_1", 1_000))
    assert purse.facts() == {"topup:pi_top_1", "refund:re_1", "refund:re_2"}
    assert purse.balance == 1_500
    purse.tell(refund_event(CREATED, "re_2", "pi_top_1", 300, "succeeded"))
    assert purse.balance == 1_500


def test_nothing_is_asked_for_where_all_that_is_counted_was_told(purse: Purse) -> None:
    purse.tell(refund_event(CREATED, "re_1", "pi_top_1", 1_000, "succeeded"), charge_event("pi_top_1", 1_000))
    assert purse.stripe.asked == 0


def test_a_charge_that_stripes_own_list_does_not_explain_is_not_stored_so_that_it_comes_again(purse: Purse) -> None:
    event = charge_event("pi_top_1", 1_000)
    with pytest.raises(Unavailable):
        purse.tell(event)
    assert (purse.balance, outcome(purse.world, event)) == (2_500, None)
    purse.stripe.refunds["re_1"] = purse.stripe.made_at_stripe("re_1", "pi_top_1", 1_000)
    assert purse.tell(event).balance == 1_500


def test_a_charge_of_a_payment_that_stripe_does_not_know_is_stored_and_alarms(
    purse: Purse, capsys: pytest.CaptureFixture[str]
) -> None:
    purse.stripe.lists_nothing = True
    event = charge_event("pi_unheard_of", 1_000)
    purse.tell(event)
    assert outcome(purse.world, event) == "Stripe refuses to list its refunds"
    assert '"level":"error","event":"stripe_event_unexpected"' in capsys.readouterr().out


def test_an_old_count_is_explained_by_what_failed_since(purse: Purse) -> None:
    purse.stripe.status = "failed"
    purse.stripe.refunds["re_1"] = purse.stripe.made_at_stripe("re_1", "pi_top_1", 1_000)
    event = charge_event("pi_top_1", 1_000)
    assert purse.tell(event).balance == 2_500
    assert outcome(purse.world, event) == "counted"


# --- a dispute

OPEN = ("created", "dp_1", "pi_top_1", 2_500, "needs_response")
WITHDRAWN = ("funds_withdrawn", "dp_1", "pi_top_1", 2_500, "needs_response")
WON = ("closed", "dp_1", "pi_top_1", 2_500, "won")
REINSTATED = ("funds_reinstated", "dp_1", "pi_top_1", 2_500, "won")
LOST = ("closed", "dp_1", "pi_top_1", 2_500, "lost")


def test_a_dispute_takes_the_money_once_and_freezes_the_wallet(purse: Purse) -> None:
    purse.spends(500)
    purse.tell(dispute_event(*OPEN), dispute_event(*WITHDRAWN))
    assert purse.entries()[-1] == ("dispute", -2_500, "dp_1")
    assert (purse.balance, purse.frozen) == (-500, "dispute:dp_1")
    assert (purse.audited(), purse.noticed()) == (["dispute"], ["dispute"])


@pytest.mark.parametrize("order", list(permutations([OPEN, WITHDRAWN, WON, REINSTATED])))
def test_a_dispute_that_is_won_gives_it_back_once_in_whatever_order_it_is_told(
    purse: Purse, order: tuple[tuple[str, str, str, int, str], ...]
) -> None:
    for said in order:
        purse.tell(dispute_event(*said), dispute_event(*said))
    assert (purse.balance, purse.frozen) == (2_500, None)
    assert purse.facts() == {"topup:pi_top_1", "dispute:dp_1", "dispute_won:dp_1"}


@pytest.mark.parametrize("order", list(permutations([OPEN, WITHDRAWN, LOST])))
def test_a_dispute_that_is_lost_keeps_the_money_and_the_wallet_frozen(
    purse: Purse, order: tuple[tuple[str, str, str, int, str], ...]
) -> None:
    purse.tell(*(dispute_event(*said) for said in order))
    assert (purse.balance, purse.frozen) == (0, "dispute:dp_1")
    assert purse.payment("pi_top_1").disputes["dp_1"].lost
    assert wallet.unfreeze(purse.world, OWNER, "admin").frozen is None


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review", "warning_closed", "prevented"])
def test_an_inquiry_takes_no_money_and_freezes_nothing(purse: Purse, status: str) -> None:
    for kind in ("created", "updated", "closed"):
        purse.tell(dispute_event(kind, "dp_1", "pi_top_1", 2_500, status))
    assert (purse.balance, purse.frozen, len(purse.entries())) == (2_500, None, 1)


def test_an_inquiry_that_becomes_a_dispute_takes_the_money(purse: Purse) -> None:
    purse.tell(dispute_event("created", "dp_1", "pi_top_1", 2_500, "warning_needs_response"))
    purse.tell(dispute_event(*WITHDRAWN))
    assert (purse.balance, purse.frozen) == (0, "dispute:dp_1")


def by_hand(purse: Purse, amount: int, ref: str = "t1") -> None:
    wallet.adjust(purse.world, OWNER, amount, f"adjustment:{ref}", ref)


def test_who_made_up_for_a_dispute_by_hand_is_told_when_it_is_won(
    purse: Purse, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand(purse, 100, "before")
    purse.tell(dispute_event(*OPEN))
    by_hand(purse, 3_000)
    by_hand(purse, -200, "t2")
    purse.tell(dispute_event(*WON))
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "won_after" in each]
    assert (line["level"], line["id"], line["amount"]) == ("error", "dp_1", 2_500)
    row = audit.newest(purse.world.tables, "audit", OWNER, 1)[0]
    assert (row["action"], row["detail"]["by_hand"]) == ("dispute_won", 2_500)
    told = purse.world.tables.query("notices", ("pk", OWNER)).items
    assert [each["kind"] for each in told if "by_hand" in each["facts"]] == []
    assert "dispute_won" in {each["kind"] for each in told}


def test_what_was_taken_back_by_then_and_what_came_before_the_dispute_alarm_nobody(
    purse: Purse, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand(purse, 900, "before")
    purse.tell(dispute_event(*OPEN))
    by_hand(purse, 500)
    by_hand(purse, -500, "t2")
    purse.tell(dispute_event(*WON))
    assert "won_after" not in capsys.readouterr().out


def test_part_of_a_payment_may_be_disputed(purse: Purse) -> None:
    purse.tell(dispute_event("created", "dp_1", "pi_top_1", 700, "needs_response"))
    assert purse.balance == 1_800


def test_the_freeze_is_lifted_when_the_last_dispute_is_won(purse: Purse) -> None:
    purse.pays(1_000, "2")
    purse.tell(dispute_event(*OPEN), dispute_event("created", "dp_2", "pi_top_2", 1_000, "under_review"))
    assert (purse.frozen, purse.balance) == ("dispute:dp_1,dp_2", 0)
    purse.tell(dispute_event(*WON))
    assert (purse.frozen, purse.balance) == ("dispute:dp_2", 2_500)
    purse.tell(dispute_event("closed", "dp_2", "pi_top_2", 1_000, "won"))
    assert (purse.frozen, purse.balance) == (None, 3_500)


def test_what_an_admin_froze_stays_frozen_when_the_dispute_is_won(purse: Purse) -> None:
    purse.tell(dispute_event(*OPEN))
    wallet.freeze(purse.world, OWNER, "admin")
    purse.tell(dispute_event(*WON))
    assert (purse.frozen, purse.balance) == ("admin", 2_500)


def test_a_dispute_of_a_wallet_that_an_admin_froze_does_not_become_the_reason(purse: Purse) -> None:
    wallet.freeze(purse.world, OWNER, "admin")
    purse.tell(dispute_event(*OPEN), dispute_event(*WON))
    assert (purse.frozen, purse.balance) == ("admin", 2_500)


def test_what_an_admin_released_stays_released_when_the_dispute_is_won(purse: Purse) -> None:
    purse.tell(dispute_event(*OPEN))
    wallet.unfreeze(purse.world, OWNER, "admin")
    purse.tell(dispute_event(*WON))
    assert (purse.frozen, purse.balance) == (None, 2_500)


def test_a_sixth_dispute_leaves_the_freeze_to_an_admin(purse: Purse) -> None:
    for number in range(6):
        purse.tell(dispute_event("created", f"dp_{number}", "pi_top_1", 100, "needs_response"))
    assert purse.frozen == "disputes"
    for number in range(6):
        purse.tell(dispute_event("closed", f"dp_{number}", "pi_top_1", 100, "won"))
    assert (purse.frozen, purse.balance) == ("disputes", 2_500)


def test_a_dispute_during_the_talk_charges_what_is_due_and_stands_the_meter() -> None:
    stage = Stage(credit=500)
    stage.world.tables.write(
        *payments.payment_rows(stage.world).replace(
            Payment("pi_1", CLIENT, 500, "usd", "topup", "top_1", stage.clock()), Payment("pi_1")
        )
    )
    stage.begun().beats(50)
    stage.at(65)
    events.apply_event(stage.world, dispute_event("created", "dp_1", "pi_1", 500, "needs_response"))
    assert stage.balance == -500
    session = stage.at(66).noticed()
    assert (session.state, session.reason, session.connected_before) == ("paused", "frozen", 65_000)
    assert [entry.kind for entry in stage.entries()] == ["topup", "meter_started", "minute", "dispute", "meter_stood"]


def test_a_dispute_that_is_told_when_it_is_won_already_stops_no_talk() -> None:
    stage = Stage(credit=0)
    payments.credit(stage.world, Payment("pi_1", CLIENT, 500, "usd", "topup", "top_1", stage.clock()))
    stage.begun().at(5)
    events.apply_event(stage.world, dispute_event("funds_reinstated", "dp_1", "pi_1", 500, "won"))
    assert stage.noticed().state == "active"
    assert [entry.kind for entry in stage.entries()] == ["topup", "meter_started", "dispute", "dispute_won"]


# --- both


def test_a_dispute_and_a_refund_of_one_payment_take_what_stripe_takes(purse: Purse) -> None:
    purse.tell(
        refund_event(CREATED, "re_1", "pi_top_1", 1_000, "succeeded"),
        dispute_event("created", "dp_1", "pi_top_1", 1_500, "needs_response"),
    )
    assert purse.balance == 0


def test_a_replay_after_months_changes_nothing(purse: Purse) -> None:
    told = [
        refund_event(CREATED, "re_1", "pi_top_1", 1_000, "succeeded"),
        dispute_event("created", "dp_1", "pi_top_1", 1_500, "needs_response"),
        dispute_event("closed", "dp_1", "pi_top_1", 1_500, "won"),
    ]
    purse.tell(*told)
    before = purse.entries()
    purse.days(200).tell(*told, *(event | {"id": f"{event['id']}_again"} for event in told))
    assert purse.entries() == before


def test_events_of_a_payment_are_worth_nothing_without_its_top_up() -> None:
    purse = Purse()
    purse.tell(
        refund_event(CREATED, "re_1", "pi_else", 1_000, "succeeded"),
        dispute_event("created", "dp_1", "pi_else", 1_500, "needs_response"),
    )
    assert purse.tables.rows["ledger"] == {}


def test_no_event_of_a_checkout_is_believed_for_a_payment_that_was_credited_as_another(purse: Purse) -> None:
    other = topups.open_topup(purse.world, "usr_other", "top_9", 2_500)
    event = checkout_event("evt_9", "checkout.session.completed", other, payment_intent="pi_top_1")
    with pytest.raises(AlreadyDone):
        purse.tell(event)
    assert wallet.head(purse.world, "usr_other").balance == 0
