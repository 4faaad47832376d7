"""Whatever happens to payouts, in whatever order it is told: what was earned is in the earnings or at Stripe, once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.payouts import paying, service
from chalicelib.payouts.model import TRANSFERS
from chalicelib.runtime.tables import Contended
from chalicelib.wallet import statement
from tests.support.duo import assert_books_balance
from tests.support.payee import READER, Crash, Desk

FATES: Final = ("crash before", "crash after", "lost before", "lost after")
FAILURES: Final = ("before", "after", "account_invalid", "balance_insufficient")

steps = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), st.integers(1, 4_000)),
        st.tuples(st.just("give back"), st.integers(1, 1_500)),
        st.tuples(st.just("wait"), st.sampled_from([MINUTE, HOUR, DAY, 3 * DAY])),
        st.tuples(st.sampled_from(["run", "tick", "tell"]), st.none()),
        st.tuples(st.just("reverse"), st.integers(1, 2_000)),
        st.tuples(st.sampled_from(["freeze", "unfreeze"]), st.none()),
        st.tuples(st.just("fail at Stripe"), st.sampled_from(FAILURES)),
        st.tuples(st.just("fail to write"), st.tuples(st.integers(0, 3), st.sampled_from(FATES))),
    ),
    max_size=40,
)


class Story:
    def __init__(self, rng: random.Random) -> None:
        self.desk = Desk().ready()
        self.rng = rng
        self.earned = 0

    def play(self, step: tuple[str, Any]) -> None:
        what, value = step
        self.desk.clock.forward(1)
        world = self.desk.world
        acts: dict[str, Callable[[], object]] = {
            "earn": lambda: self.earn(value, "reading_earned"),
            "give back": lambda: self.earn(-value, "guarantee_returned"),
            "wait": lambda: self.wait(value),
            "run": lambda: paying.pay_out(world, READER),
            "tick": self.desk.tick,
            "reverse": lambda: self.reverse(value),
            "tell": lambda: self.desk.tell(self.rng.choice(self.desk.stripe.events)),
            "freeze": lambda: paying.freeze(world, actor="ops", reason="a difference"),
            "unfreeze": lambda: paying.unfreeze(world, actor="ops", reason="explained"),
            "fail at Stripe": lambda: self.desk.stripe.failures.append(value),
            "fail to write": lambda: self.desk.tables.fates.extend(["" for _ in range(value[0])] + [value[1]]),
        }
        with suppress(Crash, Contended, Problem):
            acts[what]()

    def earn(self, cents: int, kind: str) -> None:
        self.desk.tables.fates.clear()
        self.desk.earned(cents, ago=0, kind=kind)
        self.earned += cents

    def wait(self, millis: int) -> None:
        self.desk.clock.forward(millis)
        if millis >= DAY:  # Stripe forgets the keys
            self.desk.stripe.kept.clear()

    def reverse(self, cents: int) -> None:
        transfers = self.desk.stripe.transfers
        payout = self.rng.choice(sorted(transfers)) if transfers else None
        if payout and (left := transfers[payout]["amount"] - transfers[payout]["amount_reversed"]):
            self.desk.stripe.reverse(payout, min(cents, left), telling=self.rng.randint(0, 2))

    def ends(self) -> None:
        """Nothing fails any more; each event comes at last, some twice, in any order, and the tick goes on."""
        desk = self.desk
        desk.tables.fates.clear()
        desk.stripe.failures.clear()
        paying.unfreeze(desk.world, actor="ops", reason="explained")
        for _ in range(3):
            desk.clock.forward(HOUR)
            desk.tick()
        events = desk.stripe.events * 2
        self.rng.shuffle(events)
        for event in events:
            desk.tell(event)


@settings(max_examples=150)
@given(steps, st.randoms(use_true_random=False))
def test_every_cent_is_in_the_earnings_or_at_stripe(story: list[tuple[str, Any]], rng: random.Random) -> None:
    told = Story(rng)
    for step in story:
        told.play(step)
    told.ends()
    desk = told.desk
    assert desk.stripe.doubled == []
    transfers = desk.stripe.transfers.values()
    at_stripe = sum(each["amount"] - each["amount_reversed"] for each in transfers)
    assert desk.balance + at_stripe == told.earned
    assert statement.trial_balance(desk.world).sum_of(TRANSFERS) == at_stripe
    assert_books_balance(desk.world)

    payouts = [row for row in desk.tables.rows["wallet"].values() if row["sk"] == "payout"]
    assert {row["id"] for row in payouts if row["state"] == "paid"} == set(desk.stripe.transfers)
    assert {row["state"] for row in payouts} <= {"paid", "returned"}
    for row in payouts:
        made = desk.stripe.transfers.get(row["id"], {"amount": row["amount"], "amount_reversed": 0})
        assert (row["amount"], row["reversed"]) == (made["amount"], made["amount_reversed"])
    kinds = Counter(desk.kinds())
    assert kinds["payout"] == len(payouts)
    assert kinds["payout_returned"] == sum(row["state"] == "returned" for row in payouts)
    assert kinds["payout_reversed"] == sum(len(each["reversals"]["data"]) for each in transfers)
    assert desk.balance == service.earnings_of(desk.world, READER).balance
