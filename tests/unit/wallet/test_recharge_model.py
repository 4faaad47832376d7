"""The decisions of auto-recharge and of promotional codes, one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, Invalid, InvalidState, LinkExpired, RateLimited
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.wallet.model import promo
from chalicelib.wallet.model.promo import Code, Tries, guessed, made, may_guess, not_wrong
from chalicelib.wallet.model.recharge import (
    CHARGES_A_DAY,
    UNKNOWN,
    AutoRecharge,
    Card,
    Recharge,
    Wanted,
    asked,
    begun,
    judge,
    off,
    paid,
    refused,
    why_refused,
    with_card,
)
from chalicelib.wallet.model.topup import Ignore
from tests.support.worlds import NOON

CARD = Card("pm_1", "visa", "4242", 12, 2034, 100)
READY = AutoRecharge("usr_1", "cus_1", CARD, True, 1_000, 2_500, 10_000)
ON = Wanted(True, 1_000, 2_500, 10_000)
CHARGE = Recharge("rch_1", "usr_1", 2_500, "usd", "cus_1", "pm_1", NOON)
SUCCEEDED = "payment_intent.succeeded"
FAILED = "payment_intent.payment_failed"
INTENT = {
    "id": "pi_1",
    "amount": 2_500,
    "amount_received": 2_500,
    "currency": "usd",
    "customer": "cus_1",
    "metadata": {"user": "usr_1"},
}


# --- what a person asks for ----------------------------------------------------------------------


def test_what_is_asked_for_is_what_holds() -> None:
    off_ = AutoRecharge("usr_1", "cus_1", CARD, off_reason="declined", declines=3, rest_until=NOON)
    assert asked(off_, Wanted(True, 700, 900, 1_800)) == AutoRecharge(
        "usr_1", "cus_1", CARD, True, 700, 900, 1_800, off_reason=None, declines=0, rest_until=0
    )


def test_asking_for_what_holds_changes_nothing_and_another_amount_forgets_no_refusal() -> None:
    refused_ = replace(READY, declines=2, rest_until=NOON)
    assert asked(refused_, ON) == refused_
    assert asked(refused_, replace(ON, threshold=0)) == replace(refused_, threshold=0)
    off_ = replace(refused_, enabled=False)
    assert asked(off_, replace(ON, enabled=False)) == off_


def test_turning_it_off_oneself_has_no_reason() -> None:
    assert asked(replace(READY, enabled=False, off_reason="declined"), replace(ON, enabled=False)).off_reason is None


def test_each_amount_out_of_bounds_is_named() -> None:
    with pytest.raises(Invalid) as refused_:
        asked(READY, Wanted(True, 50_001, 499, 100_001))
    assert refused_.value.errors == (
        {"field": "threshold", "message": "from 0 to 50000 cents"},
        {"field": "amount", "message": "from 500 to 50000 cents"},
        {"field": "daily_cap", "message": "from 500 to 100000 cents"},
    )


def test_without_a_card_it_is_said_what_is_missing() -> None:
    with pytest.raises(InvalidState, match=r"^Save a card first\.$"):
        asked(AutoRecharge("usr_1"), ON)


def test_a_new_card_begins_without_refusals() -> None:
    newer = replace(CARD, payment_method="pm_2", at=101)
    assert with_card(replace(READY, declines=2, rest_until=NOON), newer) == replace(READY, card=newer)


# --- a charge ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"card": None},
        {"customer": None},
        {"in_flight": "rch_0"},
        {"rest_until": NOON + 1},
        {"daily_cap": 2_499},
        {"recent": tuple((f"rch_{n}", NOON, 1) for n in range(CHARGES_A_DAY))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nothing_is_charged_that_may_not_be(change: dict[str, Any]) -> None:
    assert begun(replace(READY, **change), "rch_1", NOON) is None


def test_a_charge_is_in_flight_and_counts_for_the_day_and_what_is_a_day_old_is_forgotten() -> None:
    old, younger = ("rch_a", NOON - DAY, 9_000), ("rch_b", NOON - DAY + 1, 7_500)
    after, charge = begun(replace(READY, recent=(old, younger)), "rch_1", NOON) or (None, None)
    assert charge == CHARGE
    assert after == replace(READY, in_flight="rch_1", recent=(younger, ("rch_1", NOON, 2_500)))


def test_one_charge_fewer_than_the_most_may_begin() -> None:
    recent = tuple((f"rch_{n}", NOON, 1) for n in range(CHARGES_A_DAY - 1))
    assert begun(replace(READY, recent=recent), "rch_1", NOON)


def test_a_rest_that_is_over_holds_up_nothing() -> None:
    assert begun(replace(READY, rest_until=NOON), "rch_1", NOON)


def test_what_was_paid_is_in_flight_no_more_and_of_another_charge_nothing_changes() -> None:
    flying = replace(READY, in_flight="rch_1", declines=2)
    assert paid(flying, "rch_1") == READY
    assert paid(flying, "rch_2") == flying


def test_a_refusal_takes_its_charge_out_of_the_day_and_no_other() -> None:
    others = (("rch_0", NOON - MINUTE, 2_500),)
    flying = replace(READY, in_flight="rch_1", recent=(*others, ("rch_1", NOON, 2_500)))
    after = refused(flying, "rch_1", "insufficient_funds", NOON)
    assert after == replace(READY, recent=others, declines=1, rest_until=NOON + 5 * MINUTE)


def test_what_nobody_told_of_stays_in_the_day() -> None:
    flying = replace(READY, in_flight="rch_1", recent=(("rch_1", NOON, 2_500),))
    after = refused(flying, "rch_1", UNKNOWN, NOON)
    assert after == replace(flying, in_flight=None, enabled=False, off_reason="unknown")


def test_what_is_off_already_keeps_its_reason() -> None:
    off_ = replace(READY, enabled=False, off_reason="declined")
    assert off(off_, "excluded") == off_


# --- what an event means -------------------------------------------------------------------------


def test_a_payment_that_fits_is_paid() -> None:
    assert judge(SUCCEEDED, INTENT, CHARGE) == "paid"
    assert judge(SUCCEEDED, INTENT, replace(CHARGE, status="sent", intent="pi_1")) == "paid"


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"amount": 2_501},
        {"amount_received": 0},
        {"currency": "eur"},
        {"customer": None},
        {"metadata": None},
        {"metadata": {}},
    ],
    ids=str,
)
def test_a_payment_that_does_not_fit_alarms(change: dict[str, Any]) -> None:
    verdict = judge(SUCCEEDED, INTENT | change, CHARGE)
    assert verdict == Ignore("paid, but not what our record says", alarming=True)


def test_another_intent_than_the_one_that_was_made_alarms() -> None:
    verdict = judge(SUCCEEDED, INTENT, replace(CHARGE, intent="pi_0"))
    assert verdict == Ignore("paid, but not what our record says", alarming=True)


@pytest.mark.parametrize(("kind", "alarming"), [(SUCCEEDED, True), (FAILED, False)])
def test_of_no_recharge_of_ours_only_money_alarms(kind: str, alarming: bool) -> None:
    assert judge(kind, INTENT, None) == Ignore("no recharge of ours", alarming=alarming)


def test_what_is_credited_is_told_of_quietly_and_money_beside_it_is_not() -> None:
    credited = replace(CHARGE, status="succeeded", intent="pi_1")
    assert judge(SUCCEEDED, INTENT, credited) == Ignore("already credited")
    assert judge(SUCCEEDED, INTENT | {"id": "pi_2"}, credited) == Ignore("already credited", alarming=True)


@pytest.mark.parametrize("status", ["pending", "sent", "unknown"])
def test_a_refusal_ends_what_is_open(status: Any) -> None:
    assert judge(FAILED, INTENT, replace(CHARGE, status=status)) == "refused"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "succeeded"}, "already succeeded"),
        ({"status": "failed"}, "already failed"),
        ({"status": "sent", "intent": "pi_0"}, "already sent"),
    ],
)
def test_a_refusal_of_what_is_over_or_of_another_intent_changes_nothing(change: dict[str, Any], why: str) -> None:
    assert judge(FAILED, INTENT, replace(CHARGE, **change)) == Ignore(why)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ({"code": "card_declined", "decline_code": "lost_card"}, "lost_card"),
        ({"code": "expired_card", "decline_code": None}, "expired_card"),
        ({}, "card_declined"),
        ({"code": "not an id"}, "card_declined"),
        ("text", "card_declined"),
        (None, "card_declined"),
    ],
)
def test_the_banks_word_comes_first(error: Any, why: str) -> None:
    assert why_refused({"last_payment_error": error}) == why


# --- promotional codes ---------------------------------------------------------------------------

CODE = Code("WELCOME5", 500, NOON + DAY, 30, 1, 100, NOON)


def test_everything_that_is_wrong_with_a_code_is_named() -> None:
    with pytest.raises(Invalid) as refused_:
        made(Code("low", 0, NOON, 0, 0, 0, NOON))
    assert refused_.value.errors == (
        {"field": "amount", "message": "from 1 to 50000"},
        {"field": "days", "message": "from 1 to 365"},
        {"field": "per_person", "message": "from 1 to 10"},
        {"field": "total", "message": "from 1 to 1000000"},
        {"field": "code", "message": "4 to 32 capital letters, digits and hyphens"},
        {"field": "valid_until", "message": "a moment to come, within two years"},
    )


def test_a_code_that_gives_nothing_says_so_in_words() -> None:
    with pytest.raises(AlreadyDone, match=r"^You have used this code already\.$"):
        promo.redeemed(CODE, 1, NOON)
    with pytest.raises(LinkExpired, match=r"^This code is no longer valid\.$"):
        promo.redeemed(replace(CODE, used=100), 0, NOON)
    with pytest.raises(RateLimited, match=r"^Too many wrong codes\. Try again in an hour\.$") as refused:
        may_guess(Tries(NOON, 10), NOON + 1)
    assert refused.value.wait == HOUR - 1


def test_a_guess_counts_with_the_request_that_made_it() -> None:
    first = guessed(Tries(), "red_1", NOON)
    assert first == Tries(NOON, 1, "red_1")
    second = guessed(first, "red_2", NOON + HOUR - 1)
    assert second == Tries(NOON, 2, "red_2")
    assert guessed(second, "red_3", NOON + HOUR) == Tries(NOON + HOUR, 1, "red_3")


def test_a_guess_that_was_not_wrong_is_counted_no_more_once_and_only_in_its_hour() -> None:
    taken = guessed(Tries(NOON, 3, "red_1"), "red_2", NOON + 1)
    less = not_wrong(taken, taken)
    assert (less.since, less.count) == (NOON, 3)
    assert not_wrong(less, taken) == less
    other = guessed(taken, "red_3", NOON + 2)
    assert not_wrong(other, taken).count == 4
    assert not_wrong(not_wrong(other, taken), other).count == 3
    fresh = Tries(NOON + HOUR, 1, "red_4")
    assert not_wrong(fresh, taken) == fresh
    assert not_wrong(Tries(NOON, 0, "red_5"), taken).count == 0
