"""Coins in any history: coins are what was bought, less what was taken back and spent, plus what was given back.

Purchases at stores, their refunds and reversals, purchases by Stripe with refunds and disputes, gifts, tickets and
tickets given back, each told or asked for any number of times, in any order, with reads and writes that are refused,
lost or raced and functions that die. After each, the balance is what a plain sum over what was told says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.gateways import World
from chalicelib.kernel.errors import InsufficientFunds, WalletFrozen
from chalicelib.runtime.retries import undisturbed
from chalicelib.wallet import coins, packs, purchases, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.purchase import Told
from tests.property.tables import Crash, FailingTables, SwiftTables
from tests.support.events import checkout_event, dispute_event, refund_event
from tests.support.worlds import NOON, HandClock, hand_world

OWNERS: Final = ("usr_ann", "usr_bea")
PACKS: Final = {"coins_100": (100, 149), "coins_500": (500, 699)}
TROUBLE: Final = ("dies", "dies_after", "refused", "unknown", "raced")

TELLINGS: Final = (
    (500, 0),  # bought
    (0, 10),  # refunded
    (500, 20),  # and not
    (200, 20),  # in part, of one moment with that
    (350, 30),
    (0, 40),
)
"""How many coins of it stand, and when the store says so."""

EVENTS: Final = ("paid", "part", "part failed", "rest", "withdrawn", "won", "lost")


class Reference:
    """What was told and what was done, and what follows, by adding up."""

    def __init__(self) -> None:
        self.stores: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
        self.stripe: defaultdict[str, set[str]] = defaultdict(set)
        self.moved: defaultdict[str, int] = defaultdict(int)
        """By person: gifts and tickets, less what was given back."""

    def coins(self, owner: str) -> int:
        stores = sum(
            max(told, key=lambda each: (each[1], -each[0]))[0]
            for name, told in self.stores.items()
            if name.startswith(owner)
        )
        return stores + sum(self._left(*each) for each in self._payments(owner)) + self.moved[owner]

    def frozen(self, owner: str) -> bool:
        return any(told & {"withdrawn", "lost"} and "won" not in told for _, told in self._payments(owner))

    def cents(self) -> int:
        return sum(PACKS[pack][1] - self._back(pack, told) for owner in OWNERS for pack, told in self._payments(owner))

    def _payments(self, owner: str) -> list[tuple[str, set[str]]]:
        return [
            (name.partition("/")[2], told)
            for name, told in self.stripe.items()
            if name.startswith(owner) and "paid" in told
        ]

    def _left(self, pack: str, told: set[str]) -> int:
        bought, price = PACKS[pack]
        back = min(price, self._back(pack, told))
        return bought - -(-bought * back // price)

    def _back(self, pack: str, told: set[str]) -> int:
        price = PACKS[pack][1]
        part = 50 if "part" in told and "part failed" not in told else 0
        rest = price - 50 if "rest" in told else 0
        disputed = price if told & {"withdrawn", "lost"} and "won" not in told else 0
        return part + rest + disputed


class History:
    def __init__(self) -> None:
        self.tables = SwiftTables()
        self.world = hand_world(self.tables, now=HandClock())
        self.reference = Reference()
        self.tickets: dict[str, tuple[str, int]] = {}
        self.given_back: set[str] = set()
        self.count = self.raced = 0
        self.pages = {
            f"{owner}/{pack}": packs.open_checkout(self.world, owner, f"top_{owner}_{pack}", pack, "web")
            for owner in OWNERS
            for pack in PACKS
        }
        for owner in OWNERS:
            self.store_tells(owner, 9, 0, {})

    def store_tells(self, owner: str, number: int, telling: int, plan: dict[int, str]) -> None:
        stands, at = TELLINGS[telling]
        name = f"{owner}.{number}"
        taken = 500 - stands if stands else 0
        told = Told("apple", name, owner, "coins_500", 500, stands > 0, NOON + at, "Production", taken)

        def another() -> None:
            """Somebody else was told of the same purchase, at another moment."""
            stands, at = TELLINGS[(telling + 1) % len(TELLINGS)]
            taken = 500 - stands if stands else 0
            purchases.learn(self.world, replace(told, standing=stands > 0, at=NOON + at, taken=taken))
            self.reference.stores[name].add((stands, at))

        self.insist(plan, another, lambda world: undisturbed(world.sleep, lambda: purchases.learn(world, told)))
        self.reference.stores[name].add((stands, at))

    def stripe_tells(self, owner: str, pack: str, event: str, plan: dict[int, str]) -> None:
        name = f"{owner}/{pack}"
        page = self.pages[name]
        intent, price = f"pi_{page.id}", PACKS[pack][1]
        said = {
            "paid": lambda: checkout_event(f"evt_{page.id}", "checkout.session.completed", page),
            "part": lambda: refund_event("refund.created", f"re_{page.id}_1", intent, 50, "pending"),
            "part failed": lambda: refund_event("refund.failed", f"re_{page.id}_1", intent, 50, "failed"),
            "rest": lambda: refund_event("refund.created", f"re_{page.id}_2", intent, price - 50, "succeeded"),
            "withdrawn": lambda: dispute_event("funds_withdrawn", f"dp_{page.id}", intent, price, "needs_response"),
            "won": lambda: dispute_event("closed", f"dp_{page.id}", intent, price, "won"),
            "lost": lambda: dispute_event("closed", f"dp_{page.id}", intent, price, "lost"),
        }[event]()
        self.insist(plan, lambda: self.given_one(owner), lambda world: apply_event(world, said))
        self.reference.stripe[name].add(event)

    def spends(self, owner: str, kind: str, count: int, plan: dict[int, str]) -> None:
        self.count += 1
        name = f"{kind}:{self.count}"
        before, raced = coins.balance(self.world, owner), self.raced
        try:
            self.insist(
                plan,
                lambda: self.given_one(owner),
                lambda world: coins.spend(world, owner, kind, count, name, name),
            )
        except WalletFrozen:
            assert self.reference.frozen(owner)
            return
        except InsufficientFunds:
            assert before < count
            return
        assert not self.reference.frozen(owner)
        assert before + self.raced - raced >= count
        self.reference.moved[owner] -= count
        if kind == "ticket":
            self.tickets[name] = (owner, count)

    def gives_back(self, number: int, plan: dict[int, str]) -> None:
        if not self.tickets:
            return
        name = sorted(self.tickets)[number % len(self.tickets)]
        owner, count = self.tickets[name]
        self.insist(
            plan,
            lambda: self.given_one(owner),
            lambda world: coins.give_back(world, owner, "ticket_back", count, f"back:{name}", name),
        )
        self.reference.moved[owner] += 0 if name in self.given_back else count
        self.given_back.add(name)

    def insist(self, plan: dict[int, str], somebody: Callable[[], None], act: Callable[[World], object]) -> None:
        """Whoever asks or tells does so again where a function died or did not say; storage works by then."""
        with suppress(Crash):
            act(replace(self.world, tables=FailingTables(self.tables, plan, somebody)))
            return
        act(self.world)

    def given_one(self, owner: str) -> None:
        """Somebody gives a coin back in between."""
        self.raced += 1
        coins.give_back(self.world, owner, "ticket_back", 1, f"raced:{self.raced}", "str_1")
        self.reference.moved[owner] += 1

    def holds(self) -> None:
        for owner in OWNERS:
            assert coins.balance(self.world, owner) == self.reference.coins(owner)
            assert (wallet.head(self.world, owner).frozen is not None) == self.reference.frozen(owner)

    def ends(self) -> None:
        books = statement.trial_balance(self.world)
        assert set(books.total.values()) <= {0}
        assert books.drifted == ()
        assert books.sum_of("platform:coins") == self.reference.cents()
        assert books.sum_of("stripe:") == -self.reference.cents()
        spent = -sum(self.reference.moved.values())
        assert books.sum_of(coins.BURNT, "coins") == spent
        for owner in OWNERS:
            for account in (coins.coins_account(owner), wallet.credit_account(owner)):
                assert statement.verify_chain(self.world, account).broken_at is None


owners = st.sampled_from(OWNERS)
plans = st.dictionaries(st.integers(0, 5), st.sampled_from(TROUBLE), max_size=2)
acts = st.one_of(
    st.tuples(st.just("store"), owners, st.integers(0, 1), st.integers(0, len(TELLINGS) - 1), plans),
    st.tuples(st.just("stripe"), owners, st.sampled_from(sorted(PACKS)), st.sampled_from(EVENTS), plans),
    st.tuples(st.just("stripe"), owners, st.sampled_from(sorted(PACKS)), st.just("paid"), plans),
    st.tuples(st.just("spend"), owners, st.sampled_from(["gift", "ticket"]), st.integers(1, 400), plans),
    st.tuples(st.just("give back"), st.integers(0, 9), plans),
)


@settings(max_examples=250)
@given(st.lists(acts, max_size=30))
def test_coins_are_bought_less_taken_back_less_spent_plus_given_back(history: list[Any]) -> None:
    played = History()
    for act, *what in history:
        does: dict[str, Callable[..., None]] = {
            "store": played.store_tells,
            "stripe": played.stripe_tells,
            "spend": played.spends,
            "give back": played.gives_back,
        }
        does[act](*what)
        played.holds()
    played.ends()


@settings(max_examples=100)
@given(
    st.permutations([(pack, event) for pack in sorted(PACKS) for event in EVENTS]),
    st.integers(1, len(TELLINGS)).flatmap(lambda most: st.permutations([*range(most)])),
)
def test_whatever_order_it_is_told_in_the_end_is_the_same(
    by_stripe: list[tuple[str, str]], by_store: list[int]
) -> None:
    played = History()
    for pack, event in by_stripe:
        played.stripe_tells(OWNERS[0], pack, event, {})
    for telling in by_store:
        played.store_tells(OWNERS[0], 0, telling, {})
    played.holds()
    played.ends()
    stands = {1: 500, 2: 0, 3: 500, 4: 200, 5: 350, 6: 0}[len(by_store)]
    # The purchase of the beginning, this one, and of both packs the coins of $0.50 that was not given back.
    assert coins.balance(played.world, OWNERS[0]) == 500 + stands + 33 + 35
