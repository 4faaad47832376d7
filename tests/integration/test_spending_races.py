"""Limits and saved cards under concurrency, on DynamoDB: nothing is spent beyond a limit, nothing is charged twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.accounts.model.limits import Wanted as WantedLimits
from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused, SavedCard
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import DAY
from chalicelib.sessions import sooner
from chalicelib.sessions.model import commands
from chalicelib.wallet import limits, recharges
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.recharge import Recharge, Wanted
from chalicelib.wallet.recharge_store import recharges_of
from tests.support.crowd import at_once, outcome_of
from tests.support.duo import Duo, assert_whole, refusals
from tests.support.events import recharge_event, setup_event
from tests.support.faults import WRITES, fault, never_answers, never_arrives
from tests.support.reading import pay_in
from tests.support.worlds import HandClock, OfflinePayments, hand_world

PAID = "payment_intent.succeeded"


@pytest.fixture
def user() -> str:
    return f"usr_{uuid4().hex[:10]}"


def limited(world: World, user: str, day: int | None) -> Any:
    return limits.set_limits(world, user, WantedLimits(day, None, None, None))


def spending(world: World, user: str, cents: int, number: int) -> Callable[[], Any]:
    key = f"order:{user}:{number}"
    return partial(wallet.spend, world, user, "order", cents, "platform:shop", key, key)


def test_sixteen_who_spend_at_once_do_not_pass_the_limit_together(world: World, user: str) -> None:
    pay_in(world, user, 10_000, f"topup:{user}")
    limited(world, user, 1_000)
    outcomes = at_once([spending(world, user, 300, number) for number in range(16)])
    assert refusals(outcomes) == {"spending_limit_reached": 13}
    assert wallet.head(world, user).spent == 900
    assert assert_whole(world, wallet.credit_account(user)) == 9_100


def test_a_limit_that_is_lowered_while_many_spend_holds_for_all_that_come_after_it(world: World, user: str) -> None:
    """Whatever was spent beyond the lower limit stands before its entry in the chain."""
    pay_in(world, user, 10_000, f"topup:{user}")
    acts = [spending(world, user, 100, number) for number in range(12)]
    at_once([*acts[:6], partial(limited, world, user, 500), *acts[6:]])
    book = wallet.ledger(world)
    entries = list(book.between(wallet.credit_account(user), 1, wallet.head(world, user).seq))
    (place,) = [entry.seq for entry in entries if entry.kind == "limits_set"]
    at_limit = next(entry.spent for entry in entries if entry.seq == place)
    assert wallet.head(world, user).spent == max(at_limit, 500)
    assert_whole(world, wallet.credit_account(user))


def test_a_limit_that_is_set_while_the_reading_starts_bounds_it(world: World) -> None:
    """Either the meter starts first and the limit binds it, or the limit comes first and the start obeys it."""
    for number in range(4):
        duo = Duo(world, uuid4().hex[:8], 0).half_joined(5_000)
        join = partial(duo.does, duo.reader, commands.join)
        at_once([join, partial(sooner.limit_spending, world, duo.client, WantedLimits(250, None, None, None))])
        head = wallet.head(world, duo.client)
        assert head.meter
        assert head.meter.ceiling == 250, number
        duo.forward(70_000)
        assert duo.noticed().state != "active"
        assert wallet.head(world, duo.client).spent == 250


# --- saved cards ---------------------------------------------------------------------------------


@pytest.fixture
def payments(user: str) -> OfflinePayments:
    found = OfflinePayments()
    found.card = SavedCard(f"cus_{user}", "pm_1", "visa", "4242", 12, 2034)
    return found


@pytest.fixture
def carded(world: World, user: str, payments: OfflinePayments) -> World:
    """``user`` has $50 and a saved card, which is charged below $10."""
    made = hand_world(world.tables, settings=world.settings, payments=payments, now=HandClock())
    pay_in(made, user, 5_000, f"topup:{user}")
    recharges.open_setup(made, user, f"set_{user}")
    apply_event(made, setup_event(f"evt_setup_{user}", user))
    recharges.set_auto(made, user, Wanted(True, 1_000, 2_500, 10_000))
    return made


def charge_in_flight(world: World, user: str) -> Recharge:
    name = recharges.settings_of(world, user).in_flight
    assert name
    found = recharges_of(world).get(name)
    assert found
    return found


def charges(world: World, user: str) -> int:
    return len(recharges.settings_of(world, user).recent)


def test_of_many_who_spend_below_the_threshold_one_begins_a_charge(carded: World, user: str) -> None:
    at_once([spending(carded, user, 450, number) for number in range(11)])
    assert charge_in_flight(carded, user).amount == 2_500
    assert charges(carded, user) == 1


def test_a_charge_that_is_advanced_and_told_of_by_many_at_once_is_credited_once(
    carded: World, user: str, payments: OfflinePayments
) -> None:
    spending(carded, user, 4_500, 0)()
    charge = charge_in_flight(carded, user)
    told = [partial(apply_event, carded, recharge_event(f"evt_{user}{n % 3}", PAID, charge)) for n in range(9)]
    at_once([*told, *(partial(recharges.advance, carded, charge.id) for _ in range(6))])
    assert assert_whole(carded, wallet.credit_account(user)) == 3_000
    assert recharges.settings_of(carded, user).in_flight is None
    assert {name for name, _, _ in payments.charged} <= {charge.id}


def test_a_refusal_that_many_hear_of_at_once_counts_once(carded: World, user: str, payments: OfflinePayments) -> None:
    spending(carded, user, 4_500, 0)()
    charge = charge_in_flight(carded, user)
    payments.coming = [Refused("card_declined", "insufficient_funds")] * 12
    failed = "payment_intent.payment_failed"
    told = [partial(apply_event, carded, recharge_event(f"evt_{user}{n}", failed, charge)) for n in range(6)]
    at_once([*told, *(partial(recharges.advance, carded, charge.id) for _ in range(6))])
    after = recharges.settings_of(carded, user)
    assert (after.declines, after.in_flight, after.enabled) == (1, None, True)


def test_an_exclusion_while_a_charge_begins_leaves_it_off(carded: World, user: str) -> None:
    exclude = partial(limits.set_limits, carded, user, WantedLimits(None, None, None, carded.now() + DAY))
    at_once([exclude, *(spending(carded, user, 1_000, number) for number in range(6))])
    after, head = recharges.settings_of(carded, user), wallet.head(carded, user)
    assert (after.enabled, head.refill) == (False, None)
    assert_whole(carded, wallet.credit_account(user))


def test_of_an_exclusion_and_turning_it_on_at_once_the_exclusion_holds(carded: World, user: str) -> None:
    recharges.set_auto(carded, user, Wanted(enabled=False, threshold=1_000, amount=2_500, daily_cap=10_000))
    on = Wanted(enabled=True, threshold=1_000, amount=2_500, daily_cap=10_000)
    exclude = partial(limits.set_limits, carded, user, WantedLimits(None, None, None, carded.now() + DAY))
    at_once([*([partial(recharges.set_auto, carded, user, on)] * 4), exclude])
    assert (recharges.settings_of(carded, user).enabled, wallet.head(carded, user).refill) == (False, None)


@pytest.mark.parametrize("wrong", [never_arrives, never_answers], ids=["lost request", "lost answer"])
@pytest.mark.parametrize("ending", ["paid", "refused"])
@pytest.mark.parametrize("at", range(7))
def test_each_write_lost_in_turn_ends_in_the_same_books(
    carded: World, user: str, payments: OfflinePayments, dynamodb: Any, wrong: Any, ending: str, at: int
) -> None:
    """Spent, charged, told: whoever was cut short comes again, as a phone, the tick and Stripe do."""
    if ending == "refused":
        payments.coming = [Refused("expired_card")] * 4

    def life() -> None:
        spending(carded, user, 4_500, 0)()
        wallet.look_after(carded, wallet.head(carded, user))
        name = recharges.settings_of(carded, user).in_flight
        if name is None:
            return
        charge = recharges_of(carded).get(name)
        assert charge
        recharges.advance(carded, name)
        if ending == "paid":
            apply_event(carded, recharge_event(f"evt_{user}", PAID, charge))

    with fault(dynamodb, wrong, *WRITES, at=at), suppress(Problem):
        life()
    outcome_of(life)
    after, head = recharges.settings_of(carded, user), wallet.head(carded, user)
    assert assert_whole(carded, wallet.credit_account(user)) == (3_000 if ending == "paid" else 500)
    assert (after.in_flight, after.enabled) == (None, ending == "paid")
    assert (head.refill is None) == (ending == "refused")
    assert len(payments.charged) >= 1
    assert len({name for name, _, _ in payments.charged}) == 1
