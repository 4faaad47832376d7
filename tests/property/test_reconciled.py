"""Whatever crosses the border, in whatever order it is told and wherever a function dies: the books agree with Stripe.

The services run on the local Stripe through the real library. At the end each movement of the balance there has its
posting and each posting its movement, by the product's own reconciliation, which finds nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, Final

import pytest
import requests
import stripe

from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.operations import handlers, reconciliation
from chalicelib.operations.model.reconciliation import is_own
from chalicelib.payouts import payees, paying, service
from chalicelib.runtime.tables import Contended
from chalicelib.shop import events
from chalicelib.wallet import refunds, statement
from tests.support.border import CLIENT, READER, Border, border
from tests.support.local_stripe import call
from tests.support.payee import Crash

HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "12")))
STEPS: Final = 30
FATES: Final = ("crash before", "crash after", "lost before", "lost after")
FAULTS: Final = ({"status": 500}, {"status": 429}, {"lose_answer": True})


class Long:
    """A function with all the time in the world."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 10**9


class History:
    def __init__(self, desk: Border, rng: Random) -> None:
        self.desk, self.rng = desk, rng
        self.intents: list[str] = []
        self.asked = self.earned = 0
        desk.reader_is_ready()
        self.pays()
        self.pays()
        desk.hears()

    def pays(self) -> None:
        if self.rng.random() < 0.3:
            self.intents.append(self.desk.buys(self.rng.choice(["coins_500", "coins_2500"]), hears=False))
        else:
            self.intents.append(self.desk.pays(self.rng.randrange(2_000, 50_000), hears=False))

    def earns(self) -> None:
        cents = self.rng.randrange(500, 6_000)
        self.desk.tables.fates = []  # what others write is not what is tried here
        self.desk.earns(cents)
        self.earned += cents

    def refunds(self) -> None:
        self.asked += 1
        refunds.request(self.desk.world, CLIENT, f"rfd_{self.asked}", self.rng.choice([None, 300, 2_000]))

    def refunds_at_stripe(self) -> None:
        intent = self.rng.choice(self.intents)
        self.desk.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": self.rng.randrange(100, 900)})

    def disputes(self) -> None:
        charge = self.desk.stripe.v1.payment_intents.retrieve(self.rng.choice(self.intents)).latest_charge
        self.desk.lever("disputes", charge=charge)

    def closes(self) -> None:
        open_ones = [each.id for each in self.desk.stripe.v1.disputes.list().data if each.status == "needs_response"]
        if open_ones:
            self.desk.lever(f"disputes/{self.rng.choice(open_ones)}/close", outcome=self.rng.choice(["won", "lost"]))

    def pays_out(self) -> None:
        paying.pay_out(self.desk.world, READER)

    def reverses(self) -> None:
        transfers = [each for each in self.desk.stripe.v1.transfers.list().data if not each.reversed]
        if transfers:
            transfer = self.rng.choice(transfers)
            most = transfer.amount - transfer.amount_reversed
            self.desk.lever(f"transfers/{transfer.id}/reverse", amount=self.rng.randint(1, most))

    def restricts(self) -> None:
        payee = payees.rows_of(self.desk.world).payee(READER)
        assert payee
        what = self.rng.choice(["require", "onboard", "onboard"])
        self.desk.lever(f"accounts/{payee.account}/{what}")
        payees.refresh(self.desk.world, READER)

    def tells(self) -> None:
        """Some of the last events, in any order."""
        told = list(self.desk.stripe.v1.events.list(params={"limit": 100}).data)
        for event in self.rng.sample(told, min(len(told), self.rng.randint(1, 8))):
            events.apply_event(self.desk.world, event.to_dict())

    def waits(self) -> None:
        self.desk.clock.forward(self.rng.choice([MINUTE, HOUR, DAY]))
        self.ticks()

    def ticks(self) -> None:
        for shard in range(self.desk.world.settings.tick_shards):
            handlers.work(self.desk.world, {"shard": str(shard)}, Long, lambda facts: None)

    def trouble(self) -> None:
        if self.rng.random() < 0.5:
            call(self.desk.local, "PUT", "/_local/fault", self.rng.choice(FAULTS) | {"path": "/v1/", "count": 1})
        else:
            self.desk.tables.fates = ["" for _ in range(self.rng.randrange(4))] + [self.rng.choice(FATES)]

    def step(self) -> None:
        acts: tuple[Callable[[], Any], ...] = (
            self.pays,
            self.earns,
            self.earns,
            self.refunds,
            self.refunds_at_stripe,
            self.disputes,
            self.closes,
            self.pays_out,
            self.pays_out,
            self.reverses,
            self.restricts,
            self.tells,
            self.tells,
            self.waits,
            self.trouble,
        )
        with suppress(Crash, Contended, Problem, stripe.StripeError, requests.HTTPError):
            self.rng.choice(acts)()

    def ends(self) -> None:
        """Nothing fails any more, every event comes at last, and the tick goes on."""
        desk = self.desk
        desk.tables.fates = []
        call(desk.local, "DELETE", "/_local/fault")
        for _ in range(2):
            for _ in range(4):
                desk.clock.forward(HOUR)
                self.ticks()
            told = list(desk.stripe.v1.events.list(params={"limit": 100}).auto_paging_iter())
            self.rng.shuffle(told)
            for event in told:
                events.apply_event(desk.world, event.to_dict())


@pytest.mark.parametrize("seed", HISTORIES)
def test_whatever_happens_the_books_agree_with_stripe(seed: int) -> None:
    with border() as desk:
        history = History(desk, Random(seed))  # noqa: S311 - a history, no secret
        for _ in range(STEPS):
            history.step()
        history.ends()
        desk.clock.forward(15 * DAY)
        run = reconciliation.go_on(desk.world, reconciliation.begin(desk.world).id)
        assert reconciliation.differences(desk.world) == []
        assert run.counts["entries"] == run.counts["proven"]
        listed = list(desk.stripe.v1.balance_transactions.list(params={"limit": 100}).auto_paging_iter())
        matches = [row["movement"] for row in desk.tables.rows["wallet"].values() if row["sk"] == "match"]
        assert sorted(matches) == sorted(each.id for each in listed if not is_own(each.type))
        books = statement.trial_balance(desk.world)
        assert set(books.total.values()) == {0}
        assert -books.sum_of("stripe:") == sum(each.amount for each in listed if not is_own(each.type))
        transferred = sum(each.amount - each.amount_reversed for each in desk.stripe.v1.transfers.list().data)
        assert service.earnings_of(desk.world, READER).balance == history.earned - transferred
