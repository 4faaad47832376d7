"""Gifts, tickets and the end of a stream under many hands at once, on a real DynamoDB, with any write gone wrong."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, InsufficientFunds, InvalidState, Problem, RateLimited, Unavailable
from chalicelib.kernel.time import HOUR, MINUTE
from chalicelib.live import gifts, shards, tickets
from chalicelib.live.gift_store import gift_rows
from chalicelib.live.model.stream import ended
from chalicelib.live.store import streams_of
from chalicelib.runtime.tables import Contended, DynamoTables, Tables
from chalicelib.wallet import coins, statement
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import assert_books_balance, assert_whole, chain, refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.show import Show
from tests.support.worlds import hand_world, settings

BUYERS = 64


@pytest.fixture
def show(world: World) -> Show:
    """Ids of its own."""
    return Show(world, uuid4().hex[:10])


def patrons(show: Show, count: int, coins_each: int) -> list[str]:
    return [show.patron(f"p{number}", coins_each) for number in range(count)]


def shard_entries(show: Show) -> list[Any]:
    return [each for number in range(32) for each in chain(show.world, shards.account(show.stream, number))]


# --- 64 buyers on one stream ---------------------------------------------------------------------


def give_until_over(world: World, place: int, own: str, users: list[str]) -> tuple[list[str], list[str]]:
    """The last one ends the stream; every other sends gift after gift. What was taken, and what was refused."""
    show = Show(world, own)
    if place == len(users):
        for _ in range(40):  # some gifts come first
            if shard_entries_count(show):
                break
        show.ends()
        return [], []
    given, refused = [], []
    for number in range(3):
        name = f"gft_{own}{place}x{number}"
        try:
            gifts.send(world, users[place], show.stream, "rose", name)
        except Problem as problem:
            refused.append(f"{name} {problem.code}")
        else:
            given.append(name)
    return given, refused


def shard_entries_count(show: Show) -> int:
    return sum(head.seq for head in shards.heads(show.world, show.row))


def test_of_64_buyers_while_a_stream_ends_each_gift_is_in_the_settlement_or_took_no_coins(
    show: Show, crowd: Crowd
) -> None:
    users = patrons(show, BUYERS, 300)
    show.live()
    outcomes = crowd(BUYERS + 1, give_until_over, show.own, users)
    refusals(outcomes)  # an exception that is no answer of ours is raised
    given = [name for taken, _ in outcomes for name in taken]
    refused = [each for _, none in outcomes for each in none]
    assert {each.split()[1] for each in refused} <= {InvalidState.code}
    assert show.noticed().state == "finalized"
    assert show.earned() == ([("gift_earned", 70 * len(given), show.stream)] if given else [])
    assert sorted(each.reference for each in shard_entries(show) if each.kind == "gift_earned") == sorted(given)
    assert show.left == (0, {True})
    for place, user in enumerate(users):
        assert assert_whole(show.world, coins.coins_account(user)) == 300 - 100 * len(outcomes[place][0])
    fed, _ = gifts.feed(show.world, show.host, show.stream, 0, 100, None)
    assert {each.id for each in fed} <= set(given)
    assert_books_balance(show.world)


def give_once(world: World, place: int, own: str, users: list[str]) -> str:
    return gifts.send(world, users[place], f"str_{own}", "rose", f"gft_{own}{place}").sent.id


def test_64_gifts_at_once_all_arrive(show: Show, crowd: Crowd) -> None:
    users = patrons(show, BUYERS, 100)
    show.live()
    assert sorted(crowd(BUYERS, give_once, show.own, users)) == sorted(f"gft_{show.own}{n}" for n in range(BUYERS))
    assert show.gathered == 70 * BUYERS
    assert [show.coins(each) for each in users] == [0] * BUYERS
    leaders = gifts.leaders(show.world, show.host, show.stream)
    assert {(each.total, each.count) for each in leaders} == {(100, 1)}
    assert len(leaders) == BUYERS


# --- one sender ----------------------------------------------------------------------------------


def give(world: World, place: int, own: str, user: str, names: list[str]) -> int:
    return gifts.send(world, user, f"str_{own}", "rose", names[place % len(names)]).sent.coins


def test_a_gift_that_16_devices_send_by_one_request_is_one_gift(show: Show, crowd: Crowd) -> None:
    ann = show.patron("ann", 1_000)
    show.live()
    assert crowd(16, give, show.own, ann, [f"gft_{show.own}"]) == [100] * 16
    assert assert_whole(show.world, coins.coins_account(ann)) == 900
    assert show.gathered == 70
    assert gifts.leaders(show.world, ann, show.stream)[0].count == 1


def test_16_gifts_at_once_never_spend_more_coins_than_there_are(show: Show, crowd: Crowd) -> None:
    ann = show.patron("ann", 500)
    show.live()
    outcomes = crowd(16, give, show.own, ann, [f"gft_{show.own}{number}" for number in range(16)])
    assert refusals(outcomes) == {InsufficientFunds.code: 11}
    assert assert_whole(show.world, coins.coins_account(ann)) == 0
    assert show.gathered == 350
    (leader,) = gifts.leaders(show.world, ann, show.stream)
    assert (leader.total, leader.count) == (500, 5)


def test_32_gifts_at_once_are_30_in_a_minute(show: Show, crowd: Crowd) -> None:
    ann = show.patron("ann", 10_000)
    show.live()
    outcomes = crowd(32, give, show.own, ann, [f"gft_{show.own}{number}" for number in range(32)])
    assert refusals(outcomes) == {RateLimited.code: 2}
    assert show.coins(ann) == 7_000
    assert show.gathered == 30 * 70


# --- tickets and the end -------------------------------------------------------------------------


def buy(world: World, place: int, own: str, user: str, names: list[str]) -> str:
    return tickets.buy(world, user, f"str_{own}", names[place % len(names)])[0].id


def test_of_two_requests_for_one_ticket_one_has_it(show: Show, crowd: Crowd) -> None:
    ann = show.patron("ann", 1_000)
    show.scheduled("premium", 300, ahead=HOUR)
    outcomes = crowd(16, buy, show.own, ann, [f"tkt_{show.own}a", f"tkt_{show.own}b"])
    assert refusals(outcomes) == {AlreadyDone.code: 8}
    assert len({each for each in outcomes if isinstance(each, str)}) == 1
    assert show.coins(ann) == 700
    assert show.gathered == 210


def settle(world: World, place: int, own: str) -> str:
    del place
    return Show(world, own).noticed().state


def test_a_stream_that_16_settle_at_once_is_settled_once(show: Show, crowd: Crowd) -> None:
    users = patrons(show, 4, 100)
    show.live()
    crowd(4, give_once, show.own, users)
    over = ended(show.row, show.world.now(), "host_ended", show.world.now())
    _, operations = streams_of(show.world).replace(over, was=show.row)
    show.world.tables.write(*operations)
    outcomes = crowd(16, settle, show.own)
    refusals(outcomes)
    assert show.noticed().state == "finalized"
    assert show.earned() == [("gift_earned", 4 * 70, show.stream)]
    assert len(shard_entries(show)) == 4 + 32


def test_tickets_that_16_give_back_at_once_come_back_once(show: Show, crowd: Crowd) -> None:
    users = patrons(show, 6, 300)
    show.scheduled("premium", 300, ahead=HOUR)
    for number, user in enumerate(users):
        tickets.buy(show.world, user, show.stream, f"tkt_{show.own}{number}")
    over = ended(show.row, show.world.now(), "cancelled", show.world.now())
    _, operations = streams_of(show.world).replace(over, was=show.row)
    show.world.tables.write(*operations)
    refusals(crowd(16, settle, show.own))
    assert show.noticed().state == "finalized"
    assert [assert_whole(show.world, coins.coins_account(each)) for each in users] == [300] * 6
    assert show.earned() == []
    assert_books_balance(show.world)


def buy_or_call_off(world: World, place: int, own: str, users: list[str]) -> str:
    if place == 0:
        return Show(world, own).ends().state
    return tickets.buy(world, users[place - 1], f"str_{own}", f"tkt_{own}{place}")[0].id


def test_a_ticket_bought_while_its_stream_is_called_off_is_refused_or_comes_back(show: Show, crowd: Crowd) -> None:
    users = patrons(show, 15, 300)
    show.scheduled("premium", 300, ahead=HOUR)
    outcomes = crowd(16, buy_or_call_off, show.own, users)
    assert set(refusals(outcomes)) <= {InvalidState.code}
    assert show.noticed().state == "finalized"
    assert {assert_whole(show.world, coins.coins_account(each)) for each in users} == {300}
    assert (show.left, show.earned()) == ((0, {True}), [])
    assert not any(gift_rows(show.world).ticket(show.stream, each) for each in users)
    assert_books_balance(show.world)


# --- any write of which goes wrong ---------------------------------------------------------------


@pytest.fixture
def fragile(dynamodb_url: str) -> Any:
    """A client of one's own, to put faults into."""
    return dynamodb_client(dynamodb_url)


def insist(act: Any) -> Any:
    """As an app and the tick do: the same again while the answer is no answer."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def evening(world: World) -> dict[str, Any]:
    """A ticket and two gifts to a stream that is settled, and a ticket to one that is called off."""
    show = Show(world, uuid4().hex[:10])
    ann = insist(partial(show.patron, "ann", 2_000))
    insist(lambda: show.scheduled("premium", 300, ahead=HOUR))
    insist(partial(show.pays, ann))
    show.forward(HOUR)
    insist(show.started)
    insist(partial(show.gives, ann, "heart"))
    insist(partial(show.gives, ann, "rose", "2"))
    insist(show.ends)
    show.forward(MINUTE)
    insist(show.noticed)
    off = Show(world, show.own + "b")
    insist(lambda: off.scheduled("premium", 200, ahead=HOUR))
    insist(partial(off.pays, ann))
    insist(off.ends)
    off.forward(MINUTE)
    insist(off.noticed)
    account = coins.coins_account(ann)
    return {
        "states": (show.row.state, off.row.state),
        "posted": [(entry.kind, entry.amount, entry.balance) for entry in chain(world, account)],
        "earned": [(kind, amount) for kind, amount, _ in [*show.earned(), *off.earned()]],
        "left": (show.left, off.left),
        "fed": [each.coins for each in gifts.feed(world, ann, show.stream, 0, 10, None)[0]],
        "fans": [(each.total, each.count) for each in gifts.leaders(world, ann, show.stream)],
        "intact": statement.verify_chain(world, account).broken_at,
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_the_same_coins_move_whichever_write_goes_wrong(fragile: Any, table_names: dict[str, str], wrong: Send) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        tables: Tables = DynamoTables(fragile)
        world = hand_world(tables, settings=settings(names=table_names))
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return evening(world), made()

    expected, writes = played(at=-1)
    assert expected["states"] == ("finalized", "finalized")
    assert [each[1] for each in expected["posted"]] == [2_000, -300, -500, -100, -200, 200]
    assert expected["earned"] == [("gift_earned", 210 + 350 + 70)]
    assert expected["fans"] == [(600, 2)]
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
