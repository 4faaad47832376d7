"""Refunds and disputes under many hands at once, on a real DynamoDB, and with any write of theirs gone wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import InsufficientFunds, SessionOpen, Unavailable, WalletFrozen
from chalicelib.runtime.tables import Contended, DynamoTables, Tables
from chalicelib.sessions.model import commands
from chalicelib.wallet import payments, refunds, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.chain import Entry
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import Duo, assert_books_balance, assert_whole, chain, refusals
from tests.support.events import charge_event, dispute_event, outcome, refund_event
from tests.support.faults import WRITES, Send, after, fault, never_answers, never_arrives
from tests.support.reading import pay_in
from tests.support.worlds import OfflinePayments, hand_world, settings


@pytest.fixture
def own() -> str:
    """What makes this test's people and things its own."""
    return uuid4().hex[:10]


@pytest.fixture
def client(world: World, own: str) -> str:
    """With $25 of one payment, ``pi_{client}``."""
    client = f"usr_c{own}"
    pay_in(world, client, 2_500, f"topup:pi_{client}")
    return client


def kinds(world: World, client: str) -> list[str]:
    """What was posted; the chain proves itself, below zero or not."""
    account = f"credit:{client}"
    assert statement.verify_chain(world, account).broken_at is None
    return [entry.kind for entry in chain(world, account)]


# --- refunds -------------------------------------------------------------------------------------


def ask(world: World, place: int, client: str, names: list[str], amount: int | None) -> int:
    return refunds.request(world, client, names[place % len(names)], amount).refund.amount


def buy(world: World, place: int, client: str, amount: int) -> Entry:
    return wallet.spend(world, client, "order", amount, "platform:shop", f"order:{client}:{place}", f"ord_{place}")


def ask_or_buy(world: World, place: int, client: str, amount: int) -> int:
    if place % 2:
        return refunds.request(world, client, f"rfd_{client}{place}", amount).refund.amount
    return -buy(world, place, client, amount).amount


def test_a_refund_that_16_ask_for_at_once_is_one_refund(world: World, crowd: Crowd, client: str) -> None:
    assert crowd(16, ask, client, [f"rfd_{client}"], 1_000) == [1_000] * 16
    assert kinds(world, client) == ["topup", "refund"]
    assert assert_whole(world, f"credit:{client}") == 1_500


def test_16_refunds_at_once_never_give_back_more_than_there_is(world: World, crowd: Crowd, client: str) -> None:
    outcomes = crowd(16, ask, client, [f"rfd_{client}{number}" for number in range(16)], 300)
    assert refusals(outcomes) == {InsufficientFunds.code: 8}
    assert assert_whole(world, f"credit:{client}") == 100
    payment = payments.payment_rows(world).get(f"pi_{client}")
    assert payment
    assert payment.refunded == 2_400


def test_refunds_and_purchases_at_once_never_overdraw(world: World, crowd: Crowd, client: str) -> None:
    outcomes = crowd(16, ask_or_buy, client, 300)
    assert refusals(outcomes) == {InsufficientFunds.code: 8}
    assert assert_whole(world, f"credit:{client}") == 100


def begin_or_ask(world: World, place: int, own: str) -> str:
    duo = Duo(world, own)
    if place % 2:
        return refunds.request(world, duo.client, f"rfd_{own}", None).status
    return duo.does(duo.reader, commands.join).state


def test_a_refund_and_the_beginning_of_a_talk_at_once_are_one_of_the_two(world: World, crowd: Crowd, own: str) -> None:
    duo = Duo(world, own).half_joined(2_500)
    outcomes = crowd(8, begin_or_ask, own)
    credit = assert_whole(world, duo.account)
    if duo.row().state == "active":
        assert credit == 2_250
        assert refusals(outcomes)[SessionOpen.code] == 4
    else:
        assert (credit, duo.row().reason) == (0, "low_balance")


# --- what Stripe tells ---------------------------------------------------------------------------


def deliver(world: World, place: int, events: list[dict[str, Any]]) -> None:
    apply_event(world, events[place % len(events)])


def life_of_a_refund(client: str) -> list[dict[str, Any]]:
    refund, intent = f"re_{client}", f"pi_{client}"
    return [
        refund_event("refund.created", refund, intent, 700, "pending"),
        refund_event("refund.updated", refund, intent, 700, "succeeded"),
        refund_event("refund.failed", refund, intent, 700, "failed"),
    ]


def life_of_a_dispute(client: str, end: str) -> list[dict[str, Any]]:
    dispute, intent = f"dp_{client}", f"pi_{client}"
    return [
        dispute_event("created", dispute, intent, 2_500, "needs_response"),
        dispute_event("funds_withdrawn", dispute, intent, 2_500, "needs_response"),
        dispute_event("closed", dispute, intent, 2_500, end),
    ]


def test_a_refund_is_told_by_16_at_once_and_counts_once(world: World, crowd: Crowd, client: str) -> None:
    events = life_of_a_refund(client)
    assert crowd(16, deliver, events) == [None] * 16
    assert kinds(world, client) == ["topup", "refund", "refund_failed"]
    assert {outcome(world, event) for event in events} == {"learned"}


@pytest.mark.parametrize(
    ("end", "posted", "frozen"),
    [("won", ["topup", "dispute", "dispute_won"], False), ("lost", ["topup", "dispute"], True)],
)
def test_a_dispute_is_told_by_16_at_once_and_counts_once(
    world: World, crowd: Crowd, client: str, end: str, posted: list[str], frozen: bool
) -> None:
    assert crowd(16, deliver, life_of_a_dispute(client, end)) == [None] * 16
    assert kinds(world, client) == posted
    assert (wallet.head(world, client).frozen is not None) == frozen
    assert_books_balance(world)


def dispute_or_ask(world: World, place: int, client: str, events: list[dict[str, Any]]) -> int:
    if place % 2:
        return refunds.request(world, client, f"rfd_{client}{place}", 100).refund.amount
    apply_event(world, events[place // 2 % len(events)])
    return 0


def test_after_a_dispute_nothing_goes_back_whoever_came_first(world: World, crowd: Crowd, client: str) -> None:
    outcomes = crowd(16, dispute_or_ask, client, life_of_a_dispute(client, "lost"))
    given = sum(outcome for outcome in outcomes if isinstance(outcome, int))
    assert set(refusals(outcomes)) <= {WalletFrozen.code}
    assert kinds(world, client)[-1] == "dispute"
    assert wallet.head(world, client).balance == -given


def test_a_purchase_that_comes_between_is_decided_on_again(world: World, dynamodb_url: str, client: str) -> None:
    mine = dynamodb_client(dynamodb_url)
    elsewhere = hand_world(DynamoTables(mine), settings=world.settings)
    with fault(mine, after(lambda: buy(world, 0, client, 2_000)), "TransactWriteItems"):
        made = refunds.request(elsewhere, client, f"rfd_{client}", None)
    assert made.refund.amount == 500
    assert assert_whole(world, f"credit:{client}") == 0


# --- any write of which goes wrong ---------------------------------------------------------------


@pytest.fixture
def fragile(dynamodb_url: str) -> Any:
    """A client of one's own, to put faults into."""
    return dynamodb_client(dynamodb_url)


def insist(act: Callable[[], Any]) -> Any:
    """As an app does, and Stripe: the same again while the answer is no answer."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def money_back(world: World) -> dict[str, Any]:
    """Two payments, a refund of both of which one part is refused, one made at Stripe, a dispute that is won."""
    client = f"usr_c{uuid4().hex[:8]}"
    stripe = world.payments
    assert isinstance(stripe, OfflinePayments)
    for name, cents in (("a", 1_000), ("b", 2_500)):
        insist(partial(pay_in, world, client, cents, f"topup:pi_{name}{client}"))
        world.now.forward(1_000)  # type: ignore[attr-defined]  # the hand clock
    first = f"pi_a{client}"
    stripe.refusing.add(first)
    insist(lambda: refunds.request(world, client, f"rfd_{client}", 3_000))
    stripe.refunds["dashboard"] = stripe.made_at_stripe(f"re_{client}", first, 300)
    for event in (
        charge_event(first, 300),
        refund_event("refund.failed", f"re_{client}", first, 300, "failed"),
        dispute_event("created", f"dp_{client}", first, 1_000, "needs_response"),
        dispute_event("closed", f"dp_{client}", first, 1_000, "won"),
    ):
        insist(partial(apply_event, world, event))
    insist(lambda: refunds.advance(world, f"rfd_{client}"))
    rows = world.tables.query(world.settings.tables.audit, ("pk", client)).items
    return {
        "posted": [(entry.kind, entry.amount, entry.balance) for entry in chain(world, f"credit:{client}")],
        "refund": refunds.progress(world, f"rfd_{client}").parts,
        "audited": sorted(row["action"] for row in rows),
        "frozen": wallet.head(world, client).frozen,
        "intact": statement.verify_chain(world, f"credit:{client}").broken_at,
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_the_same_money_comes_back_whichever_write_goes_wrong(
    fragile: Any, table_names: dict[str, str], wrong: Send
) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        tables: Tables = DynamoTables(fragile)
        world = hand_world(tables, settings=settings(names=table_names))
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return money_back(world), made()

    expected, writes = played(at=-1)
    assert expected["refund"] == ("succeeded", "failed")
    assert expected["posted"][-1][2] == 1_000
    assert writes >= 9
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
