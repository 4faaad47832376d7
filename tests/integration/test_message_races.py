"""Messages and paid replies under many hands at once, on a real DynamoDB, with any write gone wrong."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Blocked, InsufficientFunds, InvalidState, Unavailable
from chalicelib.kernel.time import MINUTE
from chalicelib.messaging import moderated, unlocking
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Wanted
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.tables import ConditionFailed, Contended, DynamoTables, Tables
from chalicelib.wallet import service as wallet
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import assert_whole, refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.pals import Pals
from tests.support.worlds import hand_world, settings

WHY = {"actor": "ops", "reason": "a test"}


@pytest.fixture
def pals(world: World) -> Pals:
    """Ids of their own."""
    return Pals(world, uuid4().hex[:10]).opened(500)


@pytest.fixture
def threads(world: World) -> Crowd:
    """Many at once in this process alone: what many processes come to, the first test says."""
    return Crowd(world, None)


def unlock(world: World, place: int, user: str, names: list[str]) -> str | None:
    return unlocking.unlock(world, user, names[place % len(names)])[1].entry


def test_a_reply_that_32_devices_unlock_at_once_is_paid_for_once(pals: Pals, crowd: Crowd) -> None:
    reply = pals.replies()
    outcomes = crowd(32, unlock, pals.client, [reply.id])
    assert refusals(outcomes) == {}
    (entry,) = set(outcomes)
    assert (pals.stored(reply).entry, pals.row.locked) == (entry, 0)
    assert pals.spent() == [("reply", -100, reply.id)]
    assert pals.earned() == [("reply_earned", 70, reply.id)]
    assert assert_whole(pals.world, wallet.credit_account(pals.client)) == 400
    assert assert_whole(pals.world, earnings_account(pals.reader)) == 70


def test_three_replies_that_are_unlocked_at_once_with_a_dollar_for_two_are_two(world: World, threads: Crowd) -> None:
    pals = Pals(world, uuid4().hex[:10]).opened(250)
    replies = [pals.replies(name) for name in "abc"]
    outcomes = threads(12, unlock, pals.client, [each.id for each in replies])
    assert refusals(outcomes) == {InsufficientFunds.code: 4}
    assert Counter(pals.stored(each).locked for each in replies) == {False: 2, True: 1}
    assert (pals.credit, pals.row.locked, len(pals.earned())) == (50, 1, 2)


def unlock_or_hide(world: World, place: int, user: str, name: str) -> str | None:
    if place % 2:
        return unlocking.unlock(world, user, name)[1].entry
    for _ in range(50):
        operations = moderated.stand(world, name, "hidden")
        try:
            if operations:
                world.tables.write(*operations)
            return None
        except (ConditionFailed, Contended):
            continue
    raise AssertionError("never hidden")


def test_a_reply_that_is_hidden_while_it_is_unlocked_is_paid_for_or_not(pals: Pals, threads: Crowd) -> None:
    reply = pals.replies()
    outcomes = threads(16, unlock_or_hide, pals.client, reply.id)
    assert set(refusals(outcomes)) <= {InvalidState.code}
    row = pals.stored(reply)
    assert row.standing == "hidden"
    assert (pals.spent() == [("reply", -100, reply.id)]) == (row.entry is not None)
    assert pals.row.locked == 0


def write(world: World, place: int, users: list[str], name: str, own: str) -> int:
    """The two in turns; each third message of the reader's has a price."""
    price = 100 if place % 6 == 1 else 0
    sent = messages.send(world, users[place % 2], name, f"msg_{own}{place}", Wanted(f"hi {place}", price=price))
    return sent.number


def test_24_who_write_at_once_are_24_messages_and_every_one_is_counted(pals: Pals, threads: Crowd) -> None:
    pals.writes("client")
    outcomes = threads(24, write, [pals.client, pals.reader], pals.row.id, pals.own)
    refused = refusals(outcomes)
    assert set(refused) <= {InvalidState.code, Unavailable.code}, "a fourth priced one; or too many for one try"
    row, page = pals.row, pals.page("client")
    assert [each.number for each in page] == list(range(row.count, 0, -1))
    assert row.count == 1 + 24 - refused.total()
    assert (row.client.sent, row.reader.sent) == tuple(
        sum(each.by == who for each in page) for who in ("client", "reader")
    )
    assert row.locked == sum(each.on_sale for each in page) == 3
    assert row.unread("client") == row.reader.sent


def write_or_read(world: World, place: int, users: list[str], name: str, read: list[str], own: str) -> int:
    if place % 2:
        return messages.read(world, users[1], name, read[place // 2 % len(read)]).unread("reader")
    return messages.send(world, users[0], name, f"msg_{own}w{place}", Wanted("hi")).number


def test_what_is_unread_is_exact_while_others_write(pals: Pals, threads: Crowd) -> None:
    read = [pals.writes("client", name=f"r{number}").id for number in range(4)]
    refusals(threads(16, write_or_read, [pals.client, pals.reader], pals.row.id, read, pals.own))
    row = pals.row
    assert (row.reader.read, row.reader.read_up_to) == (4, read[3])
    assert row.unread("reader") == row.client.sent - 4


def write_or_block(world: World, place: int, users: list[str], name: str, own: str) -> int:
    if place == 7:
        accounts.block(world, users[1], users[0])
        return 0
    return messages.send(world, users[0], name, f"msg_{own}{place}", Wanted("hi")).number


def test_after_a_block_nothing_more_comes(pals: Pals, threads: Crowd) -> None:
    outcomes = threads(16, write_or_block, [pals.client, pals.reader], pals.row.id, pals.own)
    assert set(refusals(outcomes)) <= {Blocked.code, Unavailable.code}
    count = pals.row.count
    assert count == sum(isinstance(each, int) and each > 0 for each in outcomes)
    with pytest.raises(Blocked):
        pals.writes("client", name="late")
    assert pals.row.count == count


def test_lists_of_conversations_are_in_order_and_go_on(pals: Pals) -> None:
    others = [pals.known(name) for name in ("ann", "bea")]
    for other in others:
        messages.open_with(pals.world, other, pals.reader)
        pals.forward(MINUTE)
    pals.writes("client")
    found, start = messages.conversations_of(pals.world, "reader", pals.reader, 2, None)
    more, end = messages.conversations_of(pals.world, "reader", pals.reader, 2, start)
    assert [each.client.user for each in (*found, *more)] == [pals.client, others[1], others[0]]
    assert (end, found[0].unread("reader")) == (None, 1)
    assert messages.names(pals.world, found)[others[1]] == "Bea"


# --- any write of which goes wrong ---------------------------------------------------------------


@pytest.fixture
def fragile(dynamodb_url: str) -> Any:
    """A client of one's own, to put faults into."""
    return dynamodb_client(dynamodb_url)


def insist(act: Any) -> Any:
    """As an app does: the same again while the answer is no answer."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def a_sale(pals: Pals) -> dict[str, Any]:
    """A paid reply that is unlocked, taken out of sight, and given back."""
    reply = insist(pals.replies)
    insist(partial(pals.unlocks, reply))
    insist(partial(pals.stands, reply, "removed"))
    insist(lambda: unlocking.refund(pals.world, reply.id, **WHY))
    row, stored = pals.row, pals.stored(reply)
    return {
        "row": (row.count, row.locked, row.rev),
        "reply": (stored.standing, stored.rev, stored.unlocked_at is not None, stored.refunded_at is not None),
        "spent": [(kind, amount) for kind, amount, _ in pals.spent()],
        "earned": [(kind, amount) for kind, amount, _ in pals.earned()],
        "told": len(pals.told("reader")),
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_a_reply_is_sold_and_given_back_alike_whichever_write_goes_wrong(
    fragile: Any, table_names: dict[str, str], wrong: Send
) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        tables: Tables = DynamoTables(fragile)
        pals = Pals(hand_world(tables, settings=settings(names=table_names)), uuid4().hex[:10]).opened(500)
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return a_sale(pals), made()

    expected, writes = played(at=-1)
    assert expected == {
        "row": (2, 0, 4),
        "reply": ("removed", 4, True, True),
        "spent": [("reply", -100), ("unlock_refund", 100)],
        "earned": [("reply_earned", 70), ("reply_returned", -70)],
        "told": 2,
    }
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
