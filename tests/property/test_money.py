"""Product §4 and architecture §5: whatever happens to payments, and however Stripe tells of it, the ledger ends as
Stripe's own balance does: every movement there is one entry here, and nothing else is.

The services run against the local Stripe through the real library, with answers that get lost, functions that die
before and after a write, and events that come late, doubled and in disorder.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain as joined
from random import Random
from typing import Any, Final

import pytest
import requests
import stripe

from chalicelib.gateways import World
from chalicelib.gateways.stripe import StripePayments
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import DAY, MINUTE, SECOND
from chalicelib.operations.handlers import KINDS
from chalicelib.wallet import bought, coins, packs, refunds, statement, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.topup import TopUp
from infra.local.stripe.server import StripeServer
from tests.property.tables import Crash, FailingTables, SwiftTables
from tests.support.local_stripe import SUCCESS, call, client_of, post_form
from tests.support.worlds import HandClock, hand_world

OWNERS: Final = ("usr_ann", "usr_bea")
NEVER: Final = 1e9
"""Seconds: the local Stripe does nothing by itself."""
UNDECIDED: Final = ("needs_response", "warning_needs_response")
CARDS: Final = (SUCCESS, SUCCESS, "4000000000007726")
"""Of the last, refunds take their time."""
PACKS: Final = ("coins_100", "coins_500", "coins_2500")
FAULTS: Final = ({"status": 500}, {"status": 429}, {"lose_answer": True})
TROUBLE: Final = ("dies", "dies_after", "refused", "unknown", "raced")

STEPS: Final = 40
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "30")))


class Library(StripePayments):
    """The product's own gateway on the real library, which tries nothing twice by itself here."""

    def __init__(self, world: World, local: StripeServer) -> None:
        super().__init__(world.settings)
        self._local = local

    def _client(self) -> Any:
        return client_of(self._local)


class Border:
    """A history of payments. What the vendor refuses is no fault: nobody could have done it."""

    def __init__(self, local: StripeServer) -> None:
        self.local = local
        self.stripe = client_of(local)
        self.tables = SwiftTables()
        self.clock = HandClock()
        world = hand_world(self.tables, now=self.clock)
        self.world = replace(world, payments=Library(world, local))
        self.intents: list[str] = []
        self.asked: list[tuple[str, str, int | None]] = []
        self.count = 0
        self.fault: dict[str, Any] | None = None

    # what happens

    def pays(self, user: str, amount: int, card: str) -> None:
        self._paid(topups.open_topup(self.world, user, f"top_{len(self.intents)}", amount), card)

    def buys(self, user: str, pack: str, card: str) -> None:
        self._paid(packs.open_checkout(self.world, user, f"top_{len(self.intents)}", pack, "web"), card)

    def _paid(self, topup: TopUp, card: str) -> None:
        assert topup.checkout_url
        assert topup.checkout
        post_form(topup.checkout_url, card=card)
        intent = self.stripe.v1.checkout.sessions.retrieve(topup.checkout).payment_intent
        assert isinstance(intent, str)
        self.intents.append(intent)
        self.clock.forward(SECOND)

    def spends(self, user: str, amount: int) -> None:
        self.count += 1
        with suppress(Problem):
            wallet.spend(self.world, user, "order", amount, "platform:shop", f"order:{self.count}", "ord_1")

    def asks(self, user: str, amount: int | None, plan: dict[int, str]) -> None:
        self.count += 1
        self._asks((user, f"rfd_{self.count}", amount), plan)

    def asks_again(self, rng: Random, plan: dict[int, str]) -> None:
        if self.asked:
            self._asks(rng.choice(self.asked), plan)

    def _asks(self, asked: tuple[str, str, int | None], plan: dict[int, str]) -> None:
        self.asked.append(asked)
        self._by_product(plan, lambda world: refunds.request(world, *asked))

    def refunded_at_stripe(self, intent: str, amount: int) -> None:
        with suppress(stripe.StripeError):
            self.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": amount})

    def settles(self, rng: Random, *, succeeds: bool) -> None:
        if made := self._things("refund"):
            outcome = {"outcome": "succeeded" if succeeds else "failed"}
            self._pull(f"refunds/{rng.choice(made)['id']}/settle", outcome)

    def disputes(self, rng: Random, amount: int, *, inquiry: bool) -> None:
        status = "warning_needs_response" if inquiry else "needs_response"
        self._pull("disputes", {"charge": rng.choice(self._things("charge"))["id"], "amount": amount, "status": status})

    def decides(self, rng: Random, *, favourably: bool) -> None:
        opened = [each for each in self._things("dispute") if each["status"] in UNDECIDED]
        if not opened:
            return
        dispute = rng.choice(opened)
        if dispute["status"] == "needs_response":
            self._pull(f"disputes/{dispute['id']}/close", {"outcome": "won" if favourably else "lost"})
        elif favourably:
            self._pull(f"disputes/{dispute['id']}/close", {"outcome": "warning_closed"})
        else:
            self._pull(f"disputes/{dispute['id']}/escalate", {})

    def delivers(self, rng: Random, plan: dict[int, str]) -> None:
        for event in rng.choices(self._things("event"), k=rng.randint(1, 8)):
            self._by_product(plan, partial(apply_event, event=event))

    def ticks(self, plan: dict[int, str]) -> None:
        self.clock.forward(MINUTE)
        for refund in self._due():
            self._by_product(plan, partial(refunds.advance, refund_id=refund))

    def strikes(self, fault: dict[str, Any]) -> None:
        """The next call of the product's meets it, if it asks Stripe anything."""
        self.fault = fault

    # in the end

    def ends(self, rng: Random) -> None:
        """Everything is delivered, in disorder and some of it twice, and everything that waits is looked at."""
        self.fault = None
        for _ in range(3):
            events = self._things("event")
            told = events + rng.choices(events, k=len(events) // 2)
            rng.shuffle(told)
            for event in told:
                self._by_product({}, partial(apply_event, event=event))
            self.clock.forward(DAY)
            for refund in self._due():
                refunds.advance(self.world, refund)

    def at_stripe(self) -> dict[str, int]:
        """Every movement of Stripe's balance, by the key under which it must stand in the ledger."""
        refunded = {each["id"]: each["metadata"].get("refund_part") or each["id"] for each in self._things("refund")}
        intents = {each["id"]: each["payment_intent"] for each in self._things("charge")}
        named: dict[str, Callable[[str], str]] = {
            "charge": lambda source: f"topup:{intents[source]}",
            "refund": lambda source: f"refund:{refunded[source]}",
            "refund_failure": lambda source: f"refund_failed:{refunded[source]}",
            "dispute": lambda source: f"dispute:{source}",
            "dispute_reversal": lambda source: f"dispute_won:{source}",
        }
        moved = self._things("balance_transaction")
        found = {named[each["reporting_category"]](each["source"]): each["amount"] for each in moved}
        assert len(found) == len(moved)
        return found

    def posted(self) -> dict[str, int]:
        """Every entry towards Stripe, by its key; without those that Stripe refused and that were taken back."""
        receipts = {
            pk.removeprefix("receipt:"): row["amount"]
            for (pk, _), row in self.tables.rows["ledger"].items()
            if pk.startswith("receipt:") and row["counter"].startswith("stripe:")
        }
        for row in self.tables.rows["wallet"].values():
            for name, (_, status, made) in row.get("refunds", {}).items():
                if status == "refused":
                    assert made is None
                    assert receipts.pop(f"refund:{name}") == -receipts.pop(f"refund_failed:{name}")
        return receipts

    def _things(self, kind: str) -> list[dict[str, Any]]:
        return list(self.local._context.store.newest(kind, None))

    def _due(self) -> list[str]:
        shards = range(self.world.settings.tick_shards)
        return [each.id for shard in shards for each in KINDS["refund"].page(self.world, str(shard), 100, None)[0]]

    def _pull(self, lever: str, body: dict[str, Any]) -> None:
        """Somebody at Stripe, or at a bank, does that, unless Stripe lets nobody."""
        requests.post(f"{self.local.url}/_local/{lever}", json=body, timeout=60)

    def _by_product(self, plan: dict[int, str], act: Callable[[World], object]) -> None:
        """Something of the product's is called, and may die, and may not reach Stripe."""

        def somebody() -> None:
            self.count += 1
            wallet.compensate(self.world, OWNERS[0], "gift", str(self.count), (("paid", 1, 0),), "gift")

        tables = FailingTables(self.tables, plan, somebody)
        if self.fault:
            call(self.local, "PUT", "/_local/fault", {"path": "/v1/refunds", "count": 1} | self.fault)
        with suppress(Crash, Problem):
            act(replace(self.world, tables=tables))
        if self.fault:
            call(self.local, "DELETE", "/_local/fault")
            self.fault = None


def plan(rng: Random) -> dict[int, str]:
    """What goes wrong in a call, and at which of its reads and writes."""
    return {rng.randrange(12): rng.choice(TROUBLE) for _ in range(rng.choice((0, 0, 1, 2)))}


Act = Callable[[Border, Random], object]

HAPPENS: Final[list[tuple[int, Act]]] = [
    (3, lambda all_, rng: all_.pays(rng.choice(OWNERS), rng.randint(500, 4_000), rng.choice(CARDS))),
    (2, lambda all_, rng: all_.buys(rng.choice(OWNERS), rng.choice(PACKS), rng.choice(CARDS))),
    (2, lambda all_, rng: all_.spends(rng.choice(OWNERS), rng.randint(1, 2_000))),
    (4, lambda all_, rng: all_.asks(rng.choice(OWNERS), rng.choice((None, rng.randint(1, 3_000))), plan(rng))),
    (2, lambda all_, rng: all_.asks_again(rng, plan(rng))),
    (3, lambda all_, rng: all_.refunded_at_stripe(rng.choice(all_.intents), rng.randint(1, 2_000))),
    (3, lambda all_, rng: all_.settles(rng, succeeds=rng.random() < 0.4)),
    (2, lambda all_, rng: all_.disputes(rng, rng.randint(1, 2_500), inquiry=rng.random() < 0.3)),
    (2, lambda all_, rng: all_.decides(rng, favourably=rng.random() < 0.6)),
    (8, lambda all_, rng: all_.delivers(rng, plan(rng))),
    (3, lambda all_, rng: all_.ticks(plan(rng))),
    (3, lambda all_, rng: all_.strikes(rng.choice(FAULTS))),
]
"""What happens, and how often beside the others."""


@pytest.mark.parametrize("seed", HISTORIES)
def test_the_ledger_ends_as_stripes_balance_does(seed: int) -> None:
    rng = Random(f"money {seed}")  # noqa: S311 - it guards nothing
    with StripeServer(settle_seconds=NEVER) as local:
        played = Border(local)
        for owner in OWNERS:
            played.pays(owner, 2_500, SUCCESS)
        for act in rng.choices([act for _, act in HAPPENS], [often for often, _ in HAPPENS], k=STEPS):
            act(played, rng)
        played.ends(rng)
        assert_same(played)


def assert_same(played: Border) -> None:
    """Here and at Stripe the same money moved."""
    assert played.posted() == played.at_stripe()
    books = statement.trial_balance(played.world)
    assert set(books.total.values()) <= {0}
    assert books.drifted == ()
    for owner in OWNERS:
        assert statement.verify_chain(played.world, f"credit:{owner}").broken_at is None
        assert statement.verify_chain(played.world, f"coins:{owner}").broken_at is None
        found, _ = bought.bought_by(played.world, owner, 100, None)
        assert coins.balance(played.world, owner) == sum(each.left for each in found)
        assert all(each.cents > 0 or each.left == 0 for each in found)
    counters = sum(books.sum_of(f"stripe:{name}") for name in ("payments", "refunds", "disputes"))
    assert counters == -sum(played.at_stripe().values())
    # Frozen is who has a dispute that took the money and was not won.
    open_ = [
        each["id"] for each in played._things("dispute") if each["balance_transactions"] and each["status"] != "won"
    ]
    frozen = joined(*(meter.disputes(wallet.head(played.world, owner).frozen) for owner in OWNERS))
    many = "disputes" in {wallet.head(played.world, each).frozen for each in OWNERS}
    assert many or Counter(frozen) == Counter(open_)
    # Nothing is left that somebody should look at, but what Stripe itself has not decided.
    for row in played.tables.rows["wallet"].values():
        if row["sk"] == "refund" and "due_shard" not in row:
            assert refunds.progress(played.world, row["id"]).status != "pending"
