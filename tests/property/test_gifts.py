"""Product §6: whatever people buy, are taken back, give and call off, and wherever functions die in between, each coin
and cent is in one place, and a reader has earned of each stream what was given to it, once.

The real services on tables in memory. What an app was not answered it asks again, with the same key.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Final

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem, Unavailable
from chalicelib.kernel.money import coin_value, reader_share
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.live import gifts, tickets
from chalicelib.live import service as streams
from chalicelib.live.model.gift import Gift
from chalicelib.live.model.terms import Visibility
from chalicelib.wallet import coins, purchases, statement
from chalicelib.wallet.model.purchase import Told
from tests.property.tables import FailingTables, SwiftTables, trouble
from tests.support.duo import chain
from tests.support.show import Show
from tests.support.worlds import HandClock, hand_world, settings

CENTS: Final = 97
"""Of 100 coins: something to round."""
PRICES: Final = {"speck": 1, "rose": 100, "lily": 333, "heart": 500}
STEPS: Final = 80
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "40")))


@dataclass(frozen=True)
class OneHost(Show):
    """All streams are of one reader."""

    @property
    def host(self) -> str:
        return "usr_host"


@dataclass
class Asked:
    """A request of an app's: what it asks for, and what it was answered for certain."""

    show: OneHost
    user: str
    kind: str
    id: str
    gift: str = ""
    answer: str | None = None


class Evening:
    """One reader, stream after stream, and three people with coins."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.tables = SwiftTables()
        self.clock = HandClock()
        own = replace(settings(), cents_per_100_coins=CENTS)
        self.world = hand_world(self.tables, now=self.clock, settings=own)
        self.shows: list[OneHost] = []
        self.asked: list[Asked] = []
        self.sold: dict[str, list[Told]] = {}
        for name, price in PRICES.items():
            gift = Gift(name, name.title(), price, f"{name}_v1")
            gifts.set_gift(self.world, gift, actor="ops", reason="property")
        stage = Show(self.world, "0")
        self.people = [stage.patron(name, 0) for name in ("ann", "bea", "cid")]

    # coins

    def buys(self) -> None:
        user, name = self.rng.choice(self.people), f"txn_{len(self.sold)}"
        count = self.rng.choice((50, 500, 1_200))
        self.sold[name] = [Told("apple", name, user, "coins", count, True, self.clock.now, "Production")]
        self.hears(name)

    def changes_its_mind(self) -> None:
        """The store takes a purchase back, or lets it stand again."""
        if self.sold:
            name = self.rng.choice(sorted(self.sold))
            last = self.sold[name][-1]
            self.clock.forward(1)
            self.sold[name].append(replace(last, standing=not last.standing, at=self.clock.now))
            self.hears(name)

    def hears(self, name: str) -> None:
        """Some of what the store ever told of it, in any order, again and again."""
        for told in self.rng.choices(self.sold[name], k=self.rng.randint(0, 3)):
            self.called(lambda world, told=told: purchases.learn(world, told))  # type: ignore[misc]

    # streams

    def makes(self) -> None:
        show = OneHost(self.world, f"s{len(self.shows)}")
        visibility: Visibility = self.rng.choice(("public", "premium"))
        price = self.rng.choice((1, 299, 300)) if visibility == "premium" else None
        ahead = self.rng.choice((0, 20 * MINUTE))
        with suppress(Problem):
            self.shows.append(show.scheduled(visibility, price, ahead))

    def starts(self) -> None:
        if self.shows:
            self.clock.forward(10 * MINUTE)
            show = self.shows[-1]
            comes = self.rng.random() < 0.8
            with suppress(Problem):
                _ = show.started() if comes else streams.start(self.world, show.stream, show.host)

    def ends(self) -> None:
        if self.shows:
            show = self.shows[-1]
            self.called(lambda world: streams.end(world, show.stream, show.host))

    def ticks(self) -> None:
        self.clock.forward(self.rng.choice((SECOND, MINUTE)))
        for show in self.shows[-3:]:
            self.called(partial(streams.look_after, stream_id=show.stream))

    # what people ask for

    def gives(self) -> None:
        if self.shows:
            self.clock.forward(self.rng.choice((0, 5 * SECOND)))
            name = self.rng.choice(sorted(PRICES))
            asked = Asked(self.shows[-1], self.rng.choice(self.people), "gift", f"gft_{len(self.asked)}", name)
            self.asked.append(asked)
            self.asks(asked)

    def buys_a_ticket(self) -> None:
        if self.shows:
            asked = Asked(self.shows[-1], self.rng.choice(self.people), "ticket", f"tkt_{len(self.asked)}")
            self.asked.append(asked)
            self.asks(asked)

    def asks_again(self) -> None:
        if self.asked:
            self.asks(self.rng.choice(self.asked))

    def asks(self, asked: Asked, plan: dict[int, str] | None = None) -> None:
        def act(world: World) -> None:
            try:
                if asked.kind == "gift":
                    gifts.send(world, asked.user, asked.show.stream, asked.gift, asked.id)
                else:
                    tickets.buy(world, asked.user, asked.show.stream, asked.id)
            except Unavailable:
                raise
            except Problem as problem:
                asked.answer = asked.answer if asked.answer == "done" else problem.code
            else:
                asked.answer = "done"

        self.called(act, plan)

    def called(self, act: Callable[[World], object], plan: dict[int, str] | None = None) -> None:
        """A function works on it; it may die anywhere, and others come between."""
        tables = FailingTables(self.tables, trouble(self.rng) if plan is None else plan, self.somebody)
        tables.call(act, self.world)

    def somebody(self) -> None:
        """Somebody else is faster: ends the stream, gives to it, or looks after it."""
        if not self.shows:
            return
        show, user = self.shows[-1], self.rng.choice(self.people)
        with suppress(Problem):
            match self.rng.randint(0, 3):
                case 0:
                    show.ends()
                case 1:
                    show.noticed()
                case _:
                    asked = Asked(show, user, "gift", f"gft_{len(self.asked)}", "rose")
                    self.asked.append(asked)
                    self.asks(asked, {})

    # in the end

    def comes_to_its_end(self) -> None:
        """Every app asks until it is answered, the store says its last word, and the tick sees to what is left."""
        for told in self.sold.values():
            purchases.learn(self.world, told[-1])
        for show in self.shows:
            show.ends()
        for _ in range(3):
            self.clock.forward(MINUTE)
            for show in self.shows:
                show.noticed()
        for asked in self.asked:
            self.asks(asked, {})


HAPPENS: Final[list[tuple[int, Callable[[Evening], None]]]] = [
    (5, Evening.buys),
    (2, Evening.changes_its_mind),
    (6, Evening.makes),
    (2, Evening.starts),
    (2, Evening.ends),
    (3, Evening.ticks),
    (16, Evening.gives),
    (8, Evening.buys_a_ticket),
    (4, Evening.asks_again),
]
"""What happens, and how often beside the others."""


@pytest.mark.parametrize("seed", HISTORIES)
def test_every_coin_and_every_cent_is_in_one_place(seed: int) -> None:
    rng = Random(f"gifts {seed}")  # noqa: S311 - it guards nothing
    played = Evening(rng)
    for act in rng.choices([act for _, act in HAPPENS], [often for often, _ in HAPPENS], k=STEPS):
        act(played)
    played.comes_to_its_end()
    assert_as_it_must_be(played)


def assert_as_it_must_be(played: Evening) -> None:
    """Against what was asked and answered; nothing of it is taken from the ledger."""
    done = [asked for asked in played.asked if asked.answer == "done"]
    assert {asked.answer for asked in played.asked} <= ANSWERS
    fed = Counter(row["id"] for row in rows(played, "gift#"))
    assert fed == Counter(asked.id for asked in done if asked.kind == "gift"), "what was answered is there, once"
    live = {show.stream: show.row for show in played.shows}
    assert {stream.state for stream in live.values()} <= {"finalized"}
    kept = [asked for asked in done if asked.kind == "gift" or live[asked.show.stream].came]
    assert_coins(played, kept)
    assert_cents(played, kept)


ANSWERS: Final = {
    "done",
    "already_done",
    "forbidden",
    "insufficient_funds",
    "invalid_state",
    "not_found",
    "rate_limited",
}


def price(asked: Asked) -> int:
    """What it cost, in coins."""
    return PRICES[asked.gift] if asked.kind == "gift" else asked.show.row.price or 0


def assert_coins(played: Evening, kept: list[Asked]) -> None:
    """Coins are what was bought and not taken back, less what was spent and not given back."""
    for user in played.people:
        bought = sum(told[-1].coins for told in played.sold.values() if told[-1].user == user and told[-1].standing)
        spent = sum(price(asked) for asked in kept if asked.user == user)
        assert coins.balance(played.world, user) == bought - spent
        for entry in chain(played.world, coins.coins_account(user)):
            assert entry.balance >= 0 or entry.kind not in ("gift", "ticket"), "nothing is spent that is not there"


def assert_cents(played: Evening, kept: list[Asked]) -> None:
    """Each stream brought its reader 70 % of each gift and ticket, in one entry, and the platform the rest."""
    books = statement.trial_balance(played.world)
    assert set(books.total.values()) <= {0}
    assert (books.drifted, books.unsettled()) == ((), {})
    assert all(statement.verify_chain(played.world, account).broken_at is None for account in books.chains)
    values = Counter[str]()
    earned = Counter[str]()
    for asked in kept:
        value = coin_value(price(asked), CENTS)
        values[asked.show.stream] += value
        earned[asked.show.stream] += reader_share(value)
    posted = {} if not played.shows else {stream: amount for _, amount, stream in played.shows[0].earned()}
    assert posted == {stream: amount for stream, amount in earned.items() if amount}
    assert not played.shows or len(posted) == len(played.shows[0].earned())
    assert books.sum_of("platform:fees") == sum(values.values()) - sum(earned.values())
    assert books.sum_of("platform:coins") == -sum(values.values())
    for show in played.shows:
        assert show.left == (0, {True})


def rows(played: Evening, prefix: str) -> list[dict[str, Any]]:
    return [row for (pk, _), row in played.tables.rows["live"].items() if pk.startswith(prefix)]
