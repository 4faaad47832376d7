"""What an event of Stripe's means for a top-up, in every order."""

from dataclasses import replace
from itertools import permutations
from typing import Any, Final

import pytest

from chalicelib.kernel.errors import Forbidden, Invalid, NotFound
from chalicelib.wallet import topups
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.topup import Close, Credit, Ignore, Status, TopUp, is_id, judge, same
from tests.support.events import checkout_event
from tests.support.reading import CLIENT, Stage
from tests.support.worlds import NOON

TOPUP: Final = TopUp("top_1", CLIENT, 2_500, "usd", "pending", NOON, "cs_1", "https://pay.test/cs_1")
COMPLETED: Final = "checkout.session.completed"
SUCCEEDED: Final = "checkout.session.async_payment_succeeded"
FAILED: Final = "checkout.session.async_payment_failed"
EXPIRED: Final = "checkout.session.expired"


def verdict(
    kind: str, topup: TopUp | None = TOPUP, status: Status = "pending", **other: Any
) -> Credit | Close | Ignore:
    event = checkout_event("evt_1", kind, TOPUP, **other)
    return judge(kind, event["data"]["object"], replace(topup, status=status) if topup else None)


@pytest.mark.parametrize("kind", [COMPLETED, SUCCEEDED])
def test_what_was_paid_is_credited_under_its_payment(kind: str) -> None:
    assert verdict(kind) == Credit("pi_top_1")


def test_what_is_completed_but_not_paid_yet_waits() -> None:
    assert verdict(COMPLETED, payment_status="unpaid") == Ignore("not paid yet")


@pytest.mark.parametrize(("kind", "status"), [(EXPIRED, "expired"), (FAILED, "failed")])
def test_what_will_not_be_paid_is_closed(kind: str, status: Status) -> None:
    assert verdict(kind) == Close(status)


@pytest.mark.parametrize("kind", [EXPIRED, FAILED])
@pytest.mark.parametrize("status", ["paid", "expired", "failed"])
def test_what_is_decided_is_not_closed_again(kind: str, status: Status) -> None:
    assert verdict(kind, status=status) == Ignore(f"already {status}")


@pytest.mark.parametrize("status", ["expired", "failed"])
def test_money_that_comes_after_all_is_credited(status: Status) -> None:
    assert verdict(COMPLETED, status=status) == Credit("pi_top_1")


def test_what_is_paid_is_not_credited_again() -> None:
    paid = replace(TOPUP, payment_intent="pi_top_1")
    assert verdict(SUCCEEDED, paid, status="paid") == Ignore("already paid")


def test_another_payment_for_what_is_paid_alarms() -> None:
    paid = replace(TOPUP, payment_intent="pi_other")
    assert verdict(SUCCEEDED, paid, status="paid") == Ignore("already paid", alarming=True)


@pytest.mark.parametrize(
    "other",
    [
        {"amount_total": 2_501},
        {"amount_total": "2500"},
        {"currency": "eur"},
        {"metadata": {"user": "usr_other"}},
        {"metadata": None},
        {"mode": "subscription"},
        {"client_reference_id": "top_2"},
        {"id": "cs_2"},
        {"payment_intent": None},
        {"payment_intent": {"id": "pi_1"}},
    ],
)
def test_what_is_not_what_our_record_says_is_not_credited_and_alarms(other: dict[str, Any]) -> None:
    assert verdict(COMPLETED, **other) == Ignore("paid, but not what our record says", alarming=True)


@pytest.mark.parametrize(("value", "may_be"), [("pi_1-B", True), ("x" * 255, True), ("x" * 256, False), ("", False)])
def test_an_id_is_of_letters_digits_dashes_and_underscores_and_not_too_long(value: str, may_be: bool) -> None:
    assert is_id(value) is may_be


@pytest.mark.parametrize("value", ["pi 1", "pi_1\n", "pí_1", "pi/1", None, 7, {"id": "pi_1"}])
def test_nothing_else_is_an_id(value: object) -> None:
    assert not is_id(value)


def test_the_same_is_so_much_credit_or_that_pack_whatever_it_costs_by_now() -> None:
    pack = replace(TOPUP, pack="coins_500", coins=500)
    assert same(TOPUP, TOPUP)
    assert not same(TOPUP, replace(TOPUP, amount=2_501))
    assert same(pack, replace(pack, amount=2_501))
    assert not same(pack, replace(pack, pack="coins_100"))
    assert not same(TOPUP, pack)
    assert not same(pack, TOPUP)


def test_a_payment_for_nothing_of_ours_alarms() -> None:
    assert verdict(COMPLETED, None) == Ignore("no top-up of ours", alarming=True)
    assert verdict(EXPIRED, None) == Ignore("no top-up of ours")


def test_a_payment_that_comes_before_its_page_was_recorded_is_credited() -> None:
    assert verdict(COMPLETED, replace(TOPUP, checkout=None)) == Credit("pi_top_1")


# --- carried out


@pytest.fixture
def stage() -> Stage:
    return Stage(credit=0)


def opened(stage: Stage, amount: int = 2_500) -> TopUp:
    return topups.open_topup(stage.world, CLIENT, "top_1", amount)


def applied(stage: Stage, topup: TopUp, *kinds: str) -> TopUp:
    for place, kind in enumerate(kinds):
        apply_event(stage.world, checkout_event(f"evt_{place}_{kind}", kind, topup))
    return topups.topup_of(stage.world, CLIENT, "top_1")


@pytest.mark.parametrize("order", list(permutations([COMPLETED, SUCCEEDED, EXPIRED])))
def test_a_payment_is_credited_once_in_whatever_order_its_events_come(stage: Stage, order: tuple[str, ...]) -> None:
    assert applied(stage, opened(stage), *order).status == "paid"
    assert stage.balance == 2_500
    assert [entry.reference for entry in stage.entries()] == ["top_1"]


@pytest.mark.parametrize("kind", [COMPLETED, SUCCEEDED])
def test_either_event_of_a_payment_is_enough(stage: Stage, kind: str) -> None:
    assert applied(stage, opened(stage), kind).status == "paid"
    assert stage.balance == 2_500


def test_an_event_delivered_again_changes_nothing(stage: Stage) -> None:
    topup = opened(stage)
    for _ in range(3):
        apply_event(stage.world, checkout_event("evt_1", COMPLETED, topup))
    assert stage.balance == 2_500


def test_the_money_comes_from_stripe(stage: Stage) -> None:
    applied(stage, opened(stage), COMPLETED)
    assert stage.of("stripe:payments") == -2_500
    assert stage.entries()[0].counter == "stripe:payments"


@pytest.mark.parametrize(("kind", "status"), [(EXPIRED, "expired"), (FAILED, "failed")])
def test_an_unpaid_page_credits_nothing(stage: Stage, kind: str, status: Status) -> None:
    assert applied(stage, opened(stage), kind).status == status
    assert stage.balance == 0


def test_an_event_of_another_kind_is_stored_and_does_nothing(stage: Stage) -> None:
    topup = opened(stage)
    assert applied(stage, topup, "customer.created").status == "pending"
    assert stage.tables.rows["wallet"][("event#evt_0_customer.created", "event")]["outcome"] == "not ours to handle"


def test_a_payment_that_is_not_ours_is_stored_and_alarms(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    topup = opened(stage)
    apply_event(stage.world, checkout_event("evt_1", COMPLETED, topup, amount_total=9_999))
    assert stage.balance == 0
    assert '"level":"error","event":"stripe_event_unexpected"' in capsys.readouterr().out


@pytest.mark.parametrize(("amount", "taken"), [(499, False), (500, True), (50_000, True), (50_001, False)])
def test_a_top_up_is_from_5_to_500_dollars(stage: Stage, amount: int, taken: bool) -> None:
    if taken:
        assert opened(stage, amount).status == "pending"
    else:
        with pytest.raises(Invalid):
            opened(stage, amount)


def test_a_repeat_of_the_request_opens_no_second_page(stage: Stage) -> None:
    first = opened(stage)
    assert first.checkout_url
    assert opened(stage) == first


def test_a_top_up_is_its_owners_own(stage: Stage) -> None:
    opened(stage)
    with pytest.raises(Forbidden):
        topups.topup_of(stage.world, "usr_other", "top_1")
    with pytest.raises(NotFound):
        topups.topup_of(stage.world, CLIENT, "top_2")


def test_a_payment_during_the_talk_first_pays_the_minutes_that_have_begun(stage: Stage) -> None:
    topup = opened(stage)
    stage.top_up(500)
    stage.begun().beats(50)
    stage.at(61)
    applied(stage, topup, COMPLETED)
    assert [entry.kind for entry in stage.entries()] == ["topup", "meter_started", "minute", "topup"]
    assert stage.balance == 2_500
