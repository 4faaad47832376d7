"""Two runs at once, many calls for one payout, one event many times at once: on a real DynamoDB, each cent once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import DAY
from chalicelib.payouts import payees, paying
from chalicelib.payouts.model import Payout
from chalicelib.payouts.service import earnings_account
from chalicelib.shop import events
from chalicelib.wallet import service as wallet
from tests.support.connect import READY, Connect
from tests.support.crowd import Crowd
from tests.support.duo import assert_whole, chain
from tests.support.people import person
from tests.support.worlds import NOON, HandClock

AT_ONCE = 16


class Shared(Connect):
    """Every process has one of its own: what is made is named by what it is for, so all make the same."""

    def payout_account(self, account: str) -> dict[str, Any]:
        return {"id": account} | READY


@pytest.fixture
def reader(world: World) -> str:
    """A reader whose account is ready, and who has earned $20 four days ago."""
    assert isinstance(world.now, HandClock)
    reader = person(world, f"usr_{uuid4().hex[:10]}")
    object.__setattr__(world, "payments", Shared())
    payees.open_account(world, reader)
    payees.refresh(world, reader)
    world.now.now = NOON - 4 * DAY
    _, posting = wallet.earn(world, earnings_account(reader), "reading_earned", 2_000, "session:ses_1", "ses_1")
    world.tables.write(posting)
    world.now.now = NOON
    return reader


def run(world: World, place: int, reader: str) -> Payout | None:
    del place
    object.__setattr__(world, "payments", Shared())
    return paying.pay_out(world, reader)


def kinds(world: World, reader: str) -> list[str]:
    return [entry.kind for entry in chain(world, earnings_account(reader))]


def test_many_runs_at_once_make_one_payout(world: World, crowd: Crowd, reader: str) -> None:
    outcomes = crowd(AT_ONCE, run, reader)
    assert not [each for each in outcomes if isinstance(each, Exception) and not isinstance(each, Problem)]
    assert kinds(world, reader) == ["reading_earned", "payout"]
    assert assert_whole(world, earnings_account(reader)) == 0
    payouts, _ = paying.payouts_of(world, reader, 10, None)
    assert [each.state for each in payouts] == ["paid"]


def reversed_by(world: World, place: int, payout: str) -> None:
    """One of the two events that tell of two reversals."""
    stored = paying.payout_of(world, payout)
    told = [{"id": f"trr_{number}_{payout}", "amount": 300, "created": number} for number in range(1 + place % 2)]
    transfer = {
        "id": stored.transfer,
        "amount": stored.amount,
        "currency": "usd",
        "destination": stored.account,
        "metadata": {"payout": payout},
        "amount_reversed": 300 * len(told),
        "reversals": {"data": told[::-1]},
    }
    event = {"id": f"evt_{place % 4}_{payout}", "type": "transfer.reversed", "data": {"object": transfer}}
    events.apply_event(world, event)


def test_reversals_told_many_times_at_once_come_back_once_each(world: World, crowd: Crowd, reader: str) -> None:
    payout = paying.pay_out(world, reader)
    assert payout
    for _ in range(2):
        crowd(AT_ONCE, reversed_by, payout.id)
    assert kinds(world, reader) == ["reading_earned", "payout", "payout_reversed", "payout_reversed"]
    assert assert_whole(world, earnings_account(reader)) == 600
    assert paying.payout_of(world, payout.id).reversed == 600
