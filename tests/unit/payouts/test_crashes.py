"""The function dies before or after each write, and after each call to Stripe; it is called again; the same end."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from chalicelib.kernel.errors import ProviderFailed, Unavailable
from chalicelib.kernel.time import HOUR
from chalicelib.payouts import payees, paying
from chalicelib.runtime.tables import Contended
from tests.support.duo import assert_books_balance
from tests.support.payee import READER, Crash, Desk

MOST = 12
"""Writes, or calls, of the longest story."""

Story = Callable[[Desk], None]


def pays(desk: Desk) -> None:
    paying.take_turn(desk.world, READER)


def is_refused(desk: Desk) -> None:
    desk.stripe.refuses = "account_invalid"
    paying.take_turn(desk.world, READER)


def is_reversed(desk: Desk) -> None:
    paying.take_turn(desk.world, READER)
    desk.clock.forward(HOUR)
    desk.tick()
    (payout,) = desk.stripe.transfers
    if not desk.stripe.transfers[payout]["amount_reversed"]:
        desk.stripe.reverse(payout, 300)
        desk.stripe.reverse(payout, 200)
    desk.hear()


ENDS: dict[Story, tuple[int, list[str]]] = {
    pays: (0, ["payout"]),
    is_refused: (2_000, ["payout", "payout_returned"]),
    is_reversed: (500, ["payout", "payout_reversed", "payout_reversed"]),
}


def ready() -> Desk:
    desk = Desk().ready().earned(2_000)
    desk.stripe.calls.clear()
    payee = payees.rows_of(desk.world).payee(READER)
    assert payee
    assert payee.due_at is not None
    desk.clock.now = payee.due_at
    return desk


def told_again(desk: Desk, story: Story) -> None:
    """Once more as at first, then whatever the tick does later, and every event again."""
    desk.told = 0
    try:
        story(desk)
    except (Contended, ProviderFailed, Unavailable):
        desk.told = 0
    for _ in range(3):
        desk.clock.forward(HOUR)
        desk.tick()
    desk.told = 0
    desk.hear()


@pytest.mark.parametrize("story", ENDS, ids=lambda story: story.__name__)
@pytest.mark.parametrize("fate", ["crash before", "crash after", "lost before", "lost after"])
@pytest.mark.parametrize("place", range(MOST))
def test_a_write_that_fails_loses_nothing_and_doubles_nothing(story: Story, fate: str, place: int) -> None:
    desk = ready()
    desk.tables.fates = ["" for _ in range(place)] + [fate]
    with suppress(Crash, Contended):
        story(desk)
    desk.tables.fates.clear()
    told_again(desk, story)
    assert_ended_well(desk, story)


@pytest.mark.parametrize("story", [pays, is_reversed], ids=lambda story: story.__name__)
@pytest.mark.parametrize("fate", ["before", "after"])
@pytest.mark.parametrize("place", range(3))
def test_a_call_to_stripe_that_is_not_answered_is_made_again(story: Story, fate: str, place: int) -> None:
    desk = ready()
    desk.stripe.failures = ["" for _ in range(place)] + [fate]
    with suppress(ProviderFailed):
        story(desk)
    desk.stripe.failures.clear()
    told_again(desk, story)
    assert_ended_well(desk, story)


def assert_ended_well(desk: Desk, story: Story) -> None:
    balance, kinds = ENDS[story]
    if story is is_refused:  # told again, it is tried again
        kinds = kinds * (len(desk.kinds()) // 2)
    assert (desk.balance, desk.kinds()) == (balance, kinds)
    assert_books_balance(desk.world)
    states = [row["state"] for row in desk.tables.rows["wallet"].values() if row["sk"] == "payout"]
    assert "reserved" not in states


def test_the_stories_have_no_more_writes_than_are_tried() -> None:
    for story in ENDS:
        desk = ready()
        before = desk.tables.writes
        story(desk)
        assert desk.tables.writes - before <= MOST
