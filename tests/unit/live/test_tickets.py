"""Product §6: a ticket in coins opens a premium stream, once a person, and comes back if the stream never starts."""

from __future__ import annotations

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import (
    AgeRequired,
    AlreadyDone,
    Blocked,
    Forbidden,
    InsufficientFunds,
    InvalidState,
    WalletFrozen,
)
from chalicelib.kernel.time import HOUR
from chalicelib.live import moderating, shards, watching
from chalicelib.live.gift_store import gift_rows
from chalicelib.wallet import coins
from chalicelib.wallet import service as wallet
from tests.support.duo import chain
from tests.support.show import Show
from tests.support.worlds import hand_world

PRICE = 300


@pytest.fixture
def show() -> Show:
    return Show(hand_world()).scheduled("premium", PRICE, ahead=HOUR)


def test_a_ticket_burns_coins_and_brings_what_a_gift_of_its_price_would(show: Show) -> None:
    ann = show.patron("ann", 1_000)
    ticket, left = show.pays(ann)
    assert (ticket.coins, ticket.fee, left) == (300, 90, 700)
    assert show.gathered == 210
    assert show.books().sum_of("platform:fees") == 90
    entries = [entry for number in range(32) for entry in chain(show.world, shards.account(show.stream, number))]
    assert [(each.kind, each.reference) for each in entries] == [("ticket_earned", ticket.id)]


def test_who_has_one_may_watch(show: Show) -> None:
    ann, bea = show.patron("ann"), show.patron("bea")
    show.pays(ann)
    assert gift_rows(show.world).ticket(show.stream, ann)
    assert not gift_rows(show.world).ticket(show.stream, bea)
    show.forward(HOUR).started()
    watching.join(show.world, show.stream, ann)
    with pytest.raises(Forbidden):
        watching.join(show.world, show.stream, bea)


def test_a_live_stream_sells_tickets_too(show: Show) -> None:
    show.forward(HOUR).started()
    assert show.pays(show.patron("ann"))[1] == 9_700


def test_the_same_request_again_is_the_same_ticket_and_another_is_refused(show: Show) -> None:
    ann = show.patron("ann")
    assert show.pays(ann) == show.pays(ann)
    with pytest.raises(AlreadyDone):
        show.pays(ann, name="2")
    assert show.coins(ann) == 9_700


def test_even_without_coins_for_another_one_the_answer_is_that_there_is_one(show: Show) -> None:
    ann = show.patron("ann", PRICE)
    show.pays(ann)
    with pytest.raises(AlreadyDone):
        show.pays(ann, name="2")


def test_who_may_not_have_one(show: Show) -> None:
    with pytest.raises(Forbidden):
        show.pays(show.host)
    with pytest.raises(AgeRequired):
        show.pays(show.patron("kid", born=None))
    with pytest.raises(InsufficientFunds):
        show.pays(show.patron("poor", PRICE - 1))
    blocked, banned, frozen = show.patron("blocked"), show.patron("banned"), show.patron("frozen")
    accounts.block(show.world, show.host, blocked)
    with pytest.raises(Blocked):
        show.pays(blocked)
    moderating.ban(show.world, show.stream, show.host, banned, banned=True)
    with pytest.raises(Forbidden):
        show.pays(banned)
    wallet.freeze(show.world, frozen, "admin")
    with pytest.raises(WalletFrozen):
        show.pays(frozen)
    assert show.gathered == 0
    assert not any(gift_rows(show.world).ticket(show.stream, each) for each in (blocked, banned, frozen))


def test_a_stream_that_is_not_premium_has_none() -> None:
    show = Show(hand_world()).scheduled()
    ann = show.patron("ann")
    with pytest.raises(InvalidState):
        show.pays(ann)


def test_a_stream_that_is_over_has_none(show: Show) -> None:
    ann = show.patron("ann")
    show.forward(HOUR).started().ends()
    with pytest.raises(InvalidState):
        show.pays(ann)
    assert show.coins(ann) == 10_000


def test_who_bought_one_of_a_stream_that_ended_is_answered_with_it(show: Show) -> None:
    ann = show.patron("ann")
    ticket, _ = show.pays(ann)
    show.forward(HOUR).started().ends()
    assert show.pays(ann)[0] == ticket


def test_after_it_came_back_the_same_request_is_refused(show: Show) -> None:
    ann = show.patron("ann")
    show.pays(ann)
    show.ends()
    assert coins.balance(show.world, ann) == 10_000
    with pytest.raises(InvalidState):
        show.pays(ann)
    assert coins.balance(show.world, ann) == 10_000
