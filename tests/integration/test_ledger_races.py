"""Money under many hands at once, on a real DynamoDB: in threads, and in processes each with a client of its own."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, InsufficientFunds, WalletFrozen
from chalicelib.runtime.tables import DynamoTables
from chalicelib.sessions import costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Session
from chalicelib.wallet import service as wallet
from chalicelib.wallet import topups
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.topup import TopUp
from chalicelib.wallet.store import Events
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import RATE, Duo, assert_books_balance, assert_whole, chain, refusals
from tests.support.events import checkout_event
from tests.support.faults import after, fault
from tests.support.reading import pay_in
from tests.support.worlds import hand_world


@pytest.fixture
def own() -> str:
    """What makes this test's people and things its own."""
    return uuid4().hex[:10]


@pytest.fixture
def duo(world: World, own: str) -> Duo:
    return Duo(world, own)


@pytest.fixture
def client(own: str) -> str:
    return f"usr_c{own}"


def rich(world: World, client: str, cents: int) -> None:
    pay_in(world, client, cents, f"topup:{client}")


# --- the minute ----------------------------------------------------------------------------------


def tick(world: World, place: int, session: str) -> str:
    """What the clock and every request do."""
    return sessions.advance(world, sessions.load(world, session)).session.state


def tick_stale(world: World, place: int, listed: Session) -> str:
    """What the minute tick does with a row of its listing."""
    return sessions.advance(world, listed, stale=True).session.state


def test_a_minute_that_32_charge_at_once_is_charged_once(duo: Duo, crowd: Crowd) -> None:
    duo.active().talked(60_000)
    assert crowd(32, tick, duo.session) == ["active"] * 32
    assert duo.minutes() == [1, 2]
    assert assert_whole(duo.world, duo.account) == 5_000 - 2 * RATE


def test_minutes_that_are_late_are_each_charged_once_and_in_their_order(duo: Duo, crowd: Crowd) -> None:
    duo.active().talked(5 * 60_000)
    assert crowd(16, tick_stale, duo.row()) == ["active"] * 16
    assert duo.minutes() == [1, 2, 3, 4, 5, 6]
    assert assert_whole(duo.world, duo.account) == 5_000 - 6 * RATE


def test_of_many_charges_only_those_that_are_paid_for_go_through(duo: Duo, crowd: Crowd) -> None:
    duo.active(2 * RATE + 10).talked(5 * 60_000)
    assert crowd(16, tick, duo.session) == ["paused"] * 16
    assert assert_whole(duo.world, duo.account) == 10
    row = duo.row()
    assert (row.reason, row.connected_before, row.pauses) == ("low_balance", 2 * 60_000, 1)


# --- other spending ------------------------------------------------------------------------------


def spend(world: World, place: int, client: str, prices: list[int]) -> int:
    """A purchase of its own for each place."""
    price = prices[place]
    wallet.spend(world, client, "order", price, "platform:shop", f"order:{client}:{place}", f"ord_{place}")
    return price


def spend_the_same(world: World, place: int, client: str) -> Entry:
    return wallet.spend(world, client, "order", 300, "platform:shop", f"order:{client}", "ord_1")


def spend_another(world: World, place: int, client: str) -> Entry:
    """One key, and another amount for each place: somebody's mistake."""
    return wallet.spend(world, client, "order", 300 + place, "platform:shop", f"order:{client}", "ord_1")


def test_64_different_purchases_at_once_never_overdraw_and_each_counts_once(
    world: World, crowd: Crowd, client: str
) -> None:
    prices = [7 + 13 * (place % 9) for place in range(64)]
    credit = sum(prices) * 2 // 3
    rich(world, client, credit)
    outcomes = crowd(64, spend, client, prices)
    refused = refusals(outcomes)
    paid = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert refused == {InsufficientFunds.code: 64 - len(paid)}
    left = assert_whole(world, f"credit:{client}")
    assert left == credit - sum(paid)
    assert left < max(prices), "a purchase was refused though it could be paid"


def test_one_purchase_repeated_by_16_at_once_is_paid_once_and_all_get_its_entry(
    world: World, crowd: Crowd, client: str
) -> None:
    rich(world, client, 1_000)
    outcomes = crowd(16, spend_the_same, client)
    assert refusals(outcomes) == Counter()
    assert len({outcome.hash for outcome in outcomes}) == 1
    assert assert_whole(world, f"credit:{client}") == 700


def test_one_purchase_that_takes_the_last_cent_is_no_refusal_to_those_who_repeat_it(
    world: World, crowd: Crowd, client: str
) -> None:
    rich(world, client, 300)
    assert refusals(crowd(16, spend_the_same, client)) == Counter()
    assert assert_whole(world, f"credit:{client}") == 0


def test_one_key_with_two_meanings_is_paid_once_and_the_others_are_told(
    world: World, crowd: Crowd, client: str
) -> None:
    rich(world, client, 10_000)
    outcomes = crowd(8, spend_another, client)
    assert refusals(outcomes) == {AlreadyDone.code: 7}
    (entry,) = [outcome for outcome in outcomes if isinstance(outcome, Entry)]
    assert assert_whole(world, f"credit:{client}") == 10_000 + entry.amount


def test_what_a_running_reading_holds_is_out_of_reach_of_any_number_of_purchases(duo: Duo, crowd: Crowd) -> None:
    duo.active(9 * RATE)  # one minute paid, seven held, one free
    outcomes = crowd(16, spend, duo.client, [100] * 16)
    assert refusals(outcomes) == {InsufficientFunds.code: 14}
    assert assert_whole(duo.world, duo.account) == 8 * RATE - 200


# --- a charge, and everything else at once -------------------------------------------------------


def storm(world: World, place: int, session: Session) -> str:
    """Every place does something else to one reading and the wallet that pays it."""
    client, reader = session.client.user, session.reader.user
    match place % 8:
        case 0 | 1:
            return tick(world, place, session.id)
        case 2:
            return sessions.perform(world, session.id, client, commands.leave).session.state
        case 3:
            return sessions.perform(world, session.id, reader, commands.leave).session.state
        case 4:
            return wallet.freeze(world, client, "dispute").kind
        case 5:
            return pay_in(world, client, 500, f"topup:{session.id}:{place}").kind
        case 6:
            return wallet.spend(world, client, "order", 40, "platform:shop", f"order:{session.id}:{place}", "ord").kind
        case _:
            return sessions.perform(world, session.id, client, commands.heartbeat).session.state


@pytest.mark.parametrize("late", [60_000, 61_000, 150_000])
def test_charges_stops_freezes_topups_and_purchases_at_once_lose_and_make_no_cent(
    duo: Duo, crowd: Crowd, late: int
) -> None:
    duo.active(4_000).talked(late)
    outcomes = crowd(32, storm, duo.row())
    assert set(refusals(outcomes)) <= {InsufficientFunds.code, WalletFrozen.code}
    bought = 40 * outcomes.count("order")

    row = duo.noticed()
    assert row.state == "paused"
    assert row.connected_before <= late
    spent = costs.cost(duo.world, row)
    assert [minute.number for minute in spent.minutes] == list(range(1, -(-row.connected_before // 60_000) + 1))
    assert assert_whole(duo.world, duo.account) == 4_000 + 4 * 500 - bought - spent.total
    duo.assert_ends_well()
    assert_books_balance(duo.world)


def freeze(world: World, place: int, client: str) -> str | None:
    return wallet.freeze(world, client, "dispute").frozen


def test_a_wallet_frozen_by_many_at_once_is_frozen_by_one_entry(world: World, crowd: Crowd, client: str) -> None:
    rich(world, client, 500)
    assert crowd(16, freeze, client) == ["dispute"] * 16
    assert [entry.kind for entry in chain(world, f"credit:{client}")] == ["topup", "freeze"]


# --- payments ------------------------------------------------------------------------------------


def deliver(world: World, place: int, events: list[dict[str, Any]]) -> None:
    apply_event(world, events[place % len(events)])


@pytest.fixture
def topup(world: World, own: str, client: str) -> TopUp:
    return topups.open_topup(world, client, f"top_{own}", 2_500)


def both_families(topup: TopUp) -> list[dict[str, Any]]:
    names = ("completed", "async_payment_succeeded")
    return [checkout_event(f"evt_{name}{topup.id}", f"checkout.session.{name}", topup) for name in names]


def stored(world: World, events: list[dict[str, Any]]) -> list[bool]:
    rows = Events(world.tables, world.settings.tables.wallet)
    return [rows.seen(event["id"]) for event in events]


def test_an_event_delivered_16_times_at_once_is_credited_once(
    world: World, crowd: Crowd, topup: TopUp, client: str
) -> None:
    event = checkout_event(f"evt_{topup.id}", "checkout.session.completed", topup)
    assert crowd(16, deliver, [event]) == [None] * 16
    assert assert_whole(world, f"credit:{client}") == 2_500
    assert topups.topup_of(world, client, topup.id).status == "paid"
    assert stored(world, [event]) == [True]


def test_both_event_families_of_one_payment_at_once_are_credited_once(
    world: World, crowd: Crowd, topup: TopUp, client: str
) -> None:
    assert crowd(16, deliver, both_families(topup)) == [None] * 16
    assert assert_whole(world, f"credit:{client}") == 2_500


def test_an_event_whose_payment_another_event_credits_at_that_moment_is_stored_too(
    world: World, dynamodb_url: str, topup: TopUp, client: str
) -> None:
    events = both_families(topup)
    mine = dynamodb_client(dynamodb_url)
    elsewhere = hand_world(DynamoTables(mine), settings=world.settings)
    with fault(mine, after(lambda: apply_event(world, events[1])), "TransactWriteItems"):
        apply_event(elsewhere, events[0])
    assert stored(world, events) == [True, True]
    assert assert_whole(world, f"credit:{client}") == 2_500


def test_a_payment_and_the_expiry_of_its_page_at_once_end_in_credit(
    world: World, crowd: Crowd, topup: TopUp, client: str
) -> None:
    """Money that came is never turned away, whichever of the two was written first."""
    events = [
        checkout_event(f"evt_{name}{topup.id}", f"checkout.session.{name}", topup) for name in ("completed", "expired")
    ]
    assert crowd(8, deliver, events) == [None] * 8
    assert topups.topup_of(world, client, topup.id).status == "paid"
    assert wallet.head(world, client).balance == 2_500
    assert stored(world, events) == [True, True]


def test_topups_of_one_client_paid_at_once_are_all_credited(world: World, crowd: Crowd, own: str, client: str) -> None:
    made = [topups.open_topup(world, client, f"top_{own}{number}", 500 + number) for number in range(16)]
    events = [checkout_event(f"evt_{each.id}", "checkout.session.completed", each) for each in made]
    assert crowd(32, deliver, events) == [None] * 32
    assert assert_whole(world, f"credit:{client}") == sum(each.amount for each in made)


def reopen(world: World, place: int, client: str, topup: str) -> str | None:
    return topups.open_topup(world, client, topup, 1_000).checkout


def test_a_topup_asked_for_by_many_retries_at_once_is_one_topup_with_one_page(
    world: World, crowd: Crowd, own: str, client: str
) -> None:
    pages = crowd(12, reopen, client, f"top_{own}")
    assert refusals(pages) == Counter()
    assert {topups.topup_of(world, client, f"top_{own}").checkout} == set(pages)


# --- settlement ----------------------------------------------------------------------------------


def settle(world: World, place: int, ended: list[Session]) -> str:
    return sessions.advance(world, ended[place % len(ended)]).session.state


def test_a_settlement_by_16_at_once_pays_once(duo: Duo, crowd: Crowd) -> None:
    ended = duo.ended(connected=61_000)
    assert crowd(16, settle, [ended]) == ["finalized"] * 16
    assert [entry.amount for entry in chain(duo.world, f"earnings:{duo.reader}")] == [2 * RATE * 70 // 100]
    duo.assert_ends_well()
    assert_books_balance(duo.world)


def test_settlements_of_many_readings_of_one_reader_at_once_are_all_paid(world: World, crowd: Crowd, own: str) -> None:
    duos = [Duo(world, own, number) for number in range(4)]
    ended = [each.ended(connected=1_000) for each in duos]
    assert crowd(16, settle, ended) == ["finalized"] * 16
    assert [entry.amount for entry in chain(world, f"earnings:{duos[0].reader}")] == [RATE * 70 // 100] * 4
    assert assert_whole(world, f"earnings:{duos[0].reader}") == 4 * (RATE * 70 // 100)
