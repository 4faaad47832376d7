"""However records are told (twice, late, out of order, some never), wherever functions die, whoever comes between, and
though all sums are made anew meanwhile: they are those of the ledger, for everybody and every quarter of an hour.

The real services on tables in memory; what the sums should be is said by another reading of the tables.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, Final

import pytest

from chalicelib.dashboards import building, checking, rollups
from chalicelib.dashboards.folding import fold
from chalicelib.dashboards.model import measures
from chalicelib.dashboards.model.fold import TOTAL, by_quarter
from chalicelib.dashboards.model.news import Chain, News, Source, news_of
from chalicelib.dashboards.store import of_build
from chalicelib.gateways import World
from chalicelib.kernel.time import DAY
from chalicelib.wallet import statement
from tests.property.tables import Change, FailingTables, SwiftTables, trouble
from tests.support.connect import Connect
from tests.support.kinds import Kind, posted_as, summed
from tests.support.sums import expected
from tests.support.town import Town
from tests.support.worlds import HandClock, hand_world

HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "10")))
STEPS: Final = 40
SOURCES: Final[dict[str, Source]] = {"ledger": "ledger", "accounts": "accounts", "readers": "readers"}


class Stopped(Exception):
    """Somebody stopped a command."""


class Streams:
    """What was committed, on its way to the function."""

    def __init__(self) -> None:
        self.told: list[News] = []
        self.waiting: list[News] = []

    def __call__(self, changes: list[Change]) -> None:
        for table, _, row in changes:
            if row and table in SOURCES and (news := news_of(SOURCES[table], row)):
                self.told.append(news)
                self.waiting.append(news)


class Told:
    """A town, and the function that is told of what happens in it."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - a source of examples
        self.streams = Streams()
        self.tables, clock = SwiftTables(self.streams), HandClock()
        self.world: World = hand_world(self.tables, now=clock, payments=Connect(now=clock))
        self.town = Town(self.world, self.rng)

    def told(self, news: list[News]) -> Callable[[World], object]:
        return lambda world: fold(world, news, lambda: DAY)

    def deliver(self) -> None:
        """Some of what waits, in some order, some of it twice, with some of what was told long ago; some is lost."""
        some = self.rng.sample(self.streams.waiting, self.rng.randint(0, len(self.streams.waiting)))
        self.streams.waiting = [each for each in self.streams.waiting if each not in some]
        lost = {each for each in some if isinstance(each, Chain) and self.rng.random() < 0.2}
        some = [each for each in some if each not in lost]
        some += self.rng.choices(self.streams.told, k=self.rng.randint(0, 3))
        self.rng.shuffle(some)
        racing = self.rng.choices(self.streams.told, k=5)

        def somebody() -> None:
            self.told(racing)(self.world)

        FailingTables(self.tables, trouble(self.rng), somebody).call(self.told(some), self.world)
        self.streams.waiting += [each for each in some if self.rng.random() < 0.5]  # it was not heard to be done

    def make_anew(self, looks: int) -> None:
        """All sums, while things happen and records come; it may be stopped, and the next one goes on."""

        def advance(_: int) -> None:
            nonlocal looks
            looks -= 1
            if not looks:
                raise Stopped
            self.town.step()
            self.deliver()

        with suppress(Stopped):
            building.rebuild(self.world, advance, actor="admin", reason="test")

    def end(self) -> None:
        """Whatever is no chain is told at least once, and of each chain a last record comes; sums that are made anew at
        the very end are told only of what happened since they were begun.
        """
        self.tell_from(0)
        build, told = rollups.builds(self.world).now(), len(self.streams.told)
        if build.kept != build.shown or self.rng.random() < 0.5:
            self.make_anew(looks=100)
            self.tell_from(told)

    def tell_from(self, first: int) -> None:
        rest = list(dict.fromkeys(self.streams.told[first:]))
        self.rng.shuffle(rest)
        assert fold(self.world, rest, lambda: DAY) == []


def stored(world: World) -> dict[tuple[str, int, str], int]:
    """The sums of hours that are shown, by whose, quarter and measure, but for where readers stand."""
    rows = [of_build(item) for item in world.tables.scan("rollups").items]
    shown = rollups.builds(world).now().shown
    return {
        (row.place.subject, begins, measure): amount
        for build, row in filter(None, rows)
        if build == shown and row.place.sort != TOTAL and row.sums
        for begins, sums in by_quarter([row]).items()
        for measure, amount in sums.items()
        if not measure.startswith("standing.")
    }


@pytest.mark.parametrize("seed", HISTORIES)
def test_the_sums_are_those_of_the_ledger(seed: int) -> None:
    play = Told(seed)
    for _ in range(STEPS):
        play.town.step()
        if play.rng.random() < 0.5:
            play.deliver()
        if play.rng.random() < 0.1:
            play.make_anew(play.rng.choice((1, 2, 3, 9)))
    play.end()
    right = expected(play.world)
    assert stored(play.world) == right
    ever = Counter[tuple[str, str]]()
    for (subject, _, measure), amount in right.items():
        ever[subject, measure] += amount
    for subject in {subject for subject, _ in ever}:
        total = rollups.totals(play.world, subject)
        own = {measure: amount for measure, amount in total.items() if not measure.startswith("standing.")}
        assert own == {measure: amount for (whose, measure), amount in ever.items() if whose == subject and amount}
    assert checking.check(play.world, 0, lambda _: None) == []
    balances_agree(play.world)


def balances_agree(world: World) -> None:
    """What the sums say of each chain is what the chain says."""
    books = statement.trial_balance(world)
    for (account, _), balance in books.accounts.items():
        kind, _, owner = account.partition(":")
        if kind in ("credit", "coins"):
            sums = Counter(rollups.totals(world, rollups.client(owner)))
            spent = sum(sums[name] for name in (measures.SPENT if kind == "credit" else measures.COINS_SPENT))
            if kind == "coins":
                assert sums["coins.bought"] - sums["coins.returned"] + sums["coins.granted"] - spent == balance
            else:
                card = sum(-row["amount"] for row in orders_at_stripe(world, owner))
                came = sums["topped_up"] + sums["order_credit"] + sums["promo.granted"] + sums["guarantees"]
                went = sums["refunded"] + sums["disputed"] + sums["promo.expired"] + spent - card
                assert came + sums["adjusted"] - went == balance
        elif kind == "earnings":
            sums = Counter(rollups.totals(world, rollups.reader(owner)))
            earned = sum(sums[name] for name in measures.EARNED)
            assert earned - sums["paid_out"] - sums["on_streams"] == balance


def orders_at_stripe(world: World, buyer: str) -> list[Any]:
    """What the journal has of orders that this person paid at Stripe."""
    rows = [row for row in world.tables.scan("ledger").items if row["account"].startswith("platform:orders:")]
    found = []
    for row in rows:
        fact, _, rest = row["seq"].partition(":")
        order = world.tables.get("shop", {"pk": rest.partition(":")[0], "sk": "order"})
        if fact in ("order", "order_refund") and order and order["buyer"] == buyer:
            found.append(row)
    return found


def test_the_histories_post_whatever_can_be_posted() -> None:
    posted = set[Kind | None]()
    for seed in HISTORIES:
        play = Told(seed)
        for _ in range(STEPS):
            play.town.step()
        posted |= {posted_as(row) for row in play.world.tables.scan("ledger").items}
    assert posted - {None} == summed()
