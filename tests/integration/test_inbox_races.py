"""The inbox under many hands at once, on a real DynamoDB, with any write gone wrong."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem, Unavailable
from chalicelib.notifications import inbox
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.service import tell
from chalicelib.notifications.telling import notification_of
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Contended, DynamoTables
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.worlds import NOON, OfflineMail, hand_world, settings


def person(world: World, own: str) -> str:
    return accounts.sign_in(world, Claims(f"auth0|{own}", f"{own}@example.test", "Ada")).id


def notice(to: str, number: int) -> Notice:
    return Notice(to, "refund", {"amount": 100 + number}, str(number), NOON + number)


def lines(world: World, user: str) -> tuple[int, int]:
    """How many there are, and how many are unread: as they are, and as they are counted."""
    found = inbox.listing(world, user, 100, None)
    assert found.unread == sum(not line.read for line, _ in found.items)
    return len(found.items), found.unread


def tell_or_read(world: World, place: int, user: str, told: list[str]) -> None:
    """Each other one tells something new, the others mark all that was there as read."""
    for _ in range(20):
        try:
            if place % 2:
                inbox.read(world, user, told)
            else:
                tell(world, notice(user, 100 + place))
        except Problem:  # too many at once: again, as the queue and an app do
            continue
        return
    raise AssertionError("never told")


def test_while_12_are_told_and_12_read_the_count_stays_exact(world: World, crowd: Crowd) -> None:
    ada = person(world, uuid4().hex)
    before = [notice(ada, number) for number in range(12)]
    for each in before:
        tell(world, each)
    assert lines(world, ada) == (12, 12)
    refusals(crowd(24, tell_or_read, ada, [notification_of(each).id for each in before]))
    assert lines(world, ada) == (24, 12)


def tell_once(world: World, place: int, user: str) -> int:
    del place
    tell(world, notice(user, 1))
    return 1


def test_what_16_tell_at_once_is_told_once(world: World, crowd: Crowd) -> None:
    ada = person(world, uuid4().hex)
    outcomes = crowd(16, tell_once, ada)
    assert set(refusals(outcomes)) <= {Unavailable.code}
    assert 1 in outcomes
    assert lines(world, ada) == (1, 1)


@pytest.mark.parametrize("wrong", [never_arrives, never_answers])
def test_any_write_that_goes_wrong_loses_nothing_and_tells_nothing_twice(
    dynamodb_url: str, table_names: dict[str, str], wrong: Send
) -> None:
    client = dynamodb_client(dynamodb_url, attempts=1)
    world = hand_world(DynamoTables(client), settings=settings(names=table_names))
    assert isinstance(world.mail, OfflineMail)
    at, made = 0, 1
    while at < made:
        ada = person(world, uuid4().hex)
        world.mail.sent.clear()
        with fault(client, wrong, *WRITES, at=at) as count:
            _insist(lambda ada=ada: tell(world, notice(ada, 1)))
            _insist(lambda ada=ada: inbox.read_up_to(world, ada, notification_of(notice(ada, 1)).id))
            made = count()
        assert lines(world, ada) == (1, 0)
        assert len(world.mail.sent) == 1
        at += 1
    assert made >= 3


def _insist(act: Any) -> None:
    for _ in range(5):
        try:
            act()
        except (Contended, Unavailable):
            continue
        return
    raise AssertionError("never answered")
