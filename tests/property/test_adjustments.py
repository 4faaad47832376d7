"""Whoever gives and takes by hand, in whatever slices: alone nobody does more in any 24 hours than the limit, nor of
anybody's money, and every cent is where the rules say.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import HOUR
from chalicelib.operations.model.adjustment import WINDOW, Adjustment
from chalicelib.wallet import refunds, statement
from chalicelib.wallet import service as wallet
from tests.support.duo import assert_whole
from tests.support.hands import ANN, BEA, Hands
from tests.support.worlds import hand_world

LIMIT = 10_000
PEOPLE = ("ada", "bob")
AMOUNTS = st.one_of(st.integers(1, 4_000), st.integers(-4_000, -1), st.sampled_from([10_000, -10_000, 10_001, 60_000]))
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), st.sampled_from([ANN, BEA]), st.sampled_from(PEOPLE), AMOUNTS),
        st.tuples(st.just("decide"), st.sampled_from([ANN, BEA]), st.booleans(), st.integers(0, 30)),
        st.tuples(st.just("spend"), st.sampled_from(PEOPLE), st.integers(1, 3_000), st.just(0)),
        st.tuples(st.just("pay"), st.sampled_from(PEOPLE), st.integers(1, 3_000), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 20), st.just(0), st.just(0)),
    ),
    max_size=40,
)


class Office:
    """What was done, and what there must be."""

    def __init__(self) -> None:
        self.hands = Hands(hand_world()).known(*PEOPLE)
        self.expected: Counter[str] = Counter()
        self.paid_in: Counter[str] = Counter()
        self.alone: list[tuple[int, str, str, int]] = []
        self.made: list[tuple[Adjustment, str]] = []

    def make(self, number: int, by: str, name: str, amount: int) -> None:
        done = self.hands.makes(amount, name, by=by, ref=f"t{number}")
        self.made.append((done, name))
        if done.state == "posted":
            self.alone.append((self.hands.world.now(), by, name, abs(amount)))
            self.expected[name] += amount

    def decide(self, number: int, by: str, approves: Any, which: int) -> None:
        del number
        if not self.made:
            return
        request, name = self.made[which % len(self.made)]
        done = self.hands.approves(request, by=by) if approves else self.hands.rejects(request, by=by)
        if done.state == "posted" and request.state == "pending":
            assert done.asked_by != done.decided_by
            self.expected[name] += request.amount
        self.made[which % len(self.made)] = (done, name)

    def spend(self, number: int, name: str, cents: int, _: int) -> None:
        key = f"order:{number}"
        wallet.spend(self.hands.world, self.hands.user(name), "order", cents, key, key, key)
        self.expected[name] -= cents

    def pay(self, number: int, name: str, cents: int, _: int) -> None:
        self.hands.paid(cents, name, key=str(number))
        self.expected[name] += cents
        self.paid_in[name] += cents

    def wait(self, number: int, hours: int, *_: int) -> None:
        del number
        self.hands.forward(hours * HOUR)


@given(ACTS)
def test_no_slicing_gets_around_the_limit_and_every_cent_is_where_the_rules_say(acts: list[Any]) -> None:
    office = Office()
    for number, (what, *how) in enumerate(acts):
        with suppress(Problem):
            getattr(office, what)(number, *how)
    for whom in (1, 2):
        for act in office.alone:
            window = [each for each in office.alone if each[whom] == act[whom] and 0 <= each[0] - act[0] < WINDOW]
            assert sum(each[3] for each in window) <= LIMIT
    world = office.hands.world
    for name in PEOPLE:
        user = office.hands.user(name)
        assert assert_whole(world, wallet.credit_account(user)) == office.expected[name]
        newest, refundable = refunds.refundable(world, user)
        assert refundable <= min(office.paid_in[name], newest.buckets.paid)
    books = statement.trial_balance(world)
    assert set(books.total.values()) <= {0}
    assert books.drifted == ()
