"""Limits and saved cards in any history: every decision is the one that a plain sum over the whole chain would make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.limits import Wanted as WantedLimits
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import InsufficientFunds, Invalid, ProviderFailed, SpendingLimitReached
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.wallet import limits, packs, recharges, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.buckets import MOST_LOTS, PAID, Lot
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.recharge import AutoRecharge, Recharge, Wanted
from chalicelib.wallet.recharge_store import recharges_of
from tests.support.events import checkout_event, recharge_event, refund_event, setup_event
from tests.support.memory import MemoryTables
from tests.support.reading import CLIENT, grant, pay_in
from tests.support.worlds import HandClock, OfflinePayments, hand_world

WINDOWS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}


def chain(world: Any) -> list[Entry]:
    newest = wallet.head(world, CLIENT)
    return list(wallet.ledger(world).between(newest.account, 1, newest.seq)) if newest.seq else []


# --- limits --------------------------------------------------------------------------------------


def spent_since(world: Any, moment: int) -> Cents:
    """Paid money that left the credit after ``moment`` for anything but Stripe, less what came back: by adding up."""
    total, paid = 0, 0
    for entry in chain(world):
        if not entry.counter.startswith("stripe:") and entry.at > moment:
            total += paid - entry.buckets.paid
        paid = entry.buckets.paid
    return total


def paid_for_coins_since(world: Any, moment: int) -> Cents:
    """What was paid after ``moment`` for coins and did not go back: by adding up what the platform has of each."""
    rows = [row for row in world.tables.rows["ledger"].values() if row["account"].startswith("platform:coins:")]
    paid = [row for row in rows if row["counter"] == "stripe:payments" and row["at"] > moment]
    back = {row["seq"]: row["amount"] for row in rows if row["counter"] == "stripe:refunds"}
    return sum(row["amount"] + back.get(row["seq"].replace("topup:pi_top_", "refund:re_"), 0) for row in paid)


def room(world: Any) -> Cents | None:
    """How much paid money the limits let the person spend now; None without any, -1 while excluded."""
    held, now = accounts.limits_of(world, CLIENT), world.now()
    if held.self_excluded_until.value is not None:
        return -1
    left = [
        most - spent_since(world, now - length) - paid_for_coins_since(world, now - length)
        for name, length in WINDOWS.items()
        if (most := getattr(held, name).value) is not None
    ]
    return max(0, min(left)) if left else None


amounts = st.one_of(st.none(), st.integers(0, 2_000))
acts = st.one_of(
    st.tuples(st.just("spend"), st.integers(1, 1_500)),
    st.tuples(st.just("give back"), st.integers(1, 400)),
    st.tuples(st.just("pay in"), st.integers(500, 3_000)),
    st.tuples(st.just("promo"), st.integers(1, 800)),
    st.tuples(st.just("wait"), st.sampled_from([MINUTE, HOUR, DAY - 1, DAY, 6 * DAY, 23 * DAY])),
    st.tuples(st.just("coins"), st.sampled_from(["coins_100", "coins_500"])),
    st.tuples(st.just("coins back"), st.integers(0, 9)),
    st.tuples(st.just("limits"), st.tuples(amounts, amounts, amounts, st.sampled_from([None, None, None, HOUR]))),
)


@settings(max_examples=250)
@given(st.lists(acts, max_size=30))
def test_a_spending_goes_through_if_and_only_if_every_limit_and_the_credit_allow_it(history: list[Any]) -> None:
    world = hand_world()
    clock = world.now
    assert isinstance(clock, HandClock)
    pay_in(world, CLIENT, 5_000, "topup:0")
    for number, (act, what) in enumerate(history):
        if act == "spend":
            _spend(world, what, number)
        elif act == "give back" and wallet.head(world, CLIENT).spent >= what:
            wallet.compensate(world, CLIENT, "guarantee", f"gua_{number}", ((PAID, what, 0),), "ses_1")
        elif act == "pay in":
            pay_in(world, CLIENT, what, f"topup:more{number}")
        elif act == "promo" and len(wallet.head(world, CLIENT).buckets.lots) < MOST_LOTS:
            grant(world, CLIENT, Lot(f"pro_{number}", what, world.now() + DAY))
        elif act == "coins":
            _buy_coins(world, what, number)
        elif act == "coins back":
            _give_coins_back(world, what)
        elif act == "wait":
            clock.forward(what)
        elif act == "limits":
            day, week, month, excluded = what
            until = None if excluded is None else world.now() + excluded
            limits.set_limits(world, CLIENT, WantedLimits(day, week, month, until))
        newest = wallet.head(world, CLIENT)
        assert newest.spent == spent_since(world, -1) >= 0
    assert statement.verify_chain(world, f"credit:{CLIENT}").broken_at is None
    assert set(statement.trial_balance(world).total.values()) <= {0}


def _spend(world: Any, cents: Cents, number: int) -> None:
    newest = wallet.charge_due(world, wallet.head(world, CLIENT))
    buckets, left = newest.buckets, room(world)
    promo = buckets.spendable(world.now()) - buckets.paid
    affordable = cents <= buckets.paid + promo
    allowed = left is None or (left >= 0 and cents <= left + promo)
    try:
        wallet.spend(world, CLIENT, "order", cents, "platform:shop", f"order:{number}", f"ord_{number}")
    except SpendingLimitReached:
        assert not allowed
    except InsufficientFunds:
        assert allowed
        assert not affordable
    else:
        assert allowed
        assert affordable


def _buy_coins(world: Any, pack: str, number: int) -> None:
    left, price = room(world), {"coins_100": 149, "coins_500": 699}[pack]
    allowed = left is None or left >= price
    try:
        page = packs.open_checkout(world, CLIENT, f"top_{number}", pack, "web")
    except SpendingLimitReached:
        assert not allowed
    else:
        assert allowed
        apply_event(world, checkout_event(f"evt_{number}", "checkout.session.completed", page))


def _give_coins_back(world: Any, which: int) -> None:
    """A payment for coins, once, in part."""
    paid = sorted(row["intent"] for row in world.tables.rows["wallet"].values() if row.get("source") == "coins")
    if paid:
        intent = paid[which % len(paid)]
        name = intent.replace("pi_top_", "re_")
        apply_event(world, refund_event("refund.created", name, intent, 100, "succeeded"))


# --- saved cards ---------------------------------------------------------------------------------


@dataclass
class Bank(OfflinePayments):
    """Stripe as it is: one answer for a key, whoever asks and however often; its events come in any order."""

    answers: dict[str, Exception | None] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    next_answers: list[str] = field(default_factory=list)
    rows: Callable[[str], Recharge | None] = lambda name: None

    def charge_saved(
        self, *, recharge: str, user: str, customer: str, payment_method: str, amount: int, currency: str
    ) -> str:
        del user, customer, payment_method, amount, currency
        lost = self.next_answers.pop(0) if self.next_answers else "paid"
        if lost == "never arrives":
            raise ProviderFailed
        if recharge not in self.answers:
            charge = self.rows(recharge)
            assert charge
            declined = {"declined": "generic_decline", "asks": "authentication_required"}.get(lost)
            self.answers[recharge] = Refused("card_declined", declined) if declined else None
            kind = "payment_intent." + ("payment_failed" if declined else "succeeded")
            error = {"last_payment_error": {"decline_code": declined}} if declined else {}
            self.events.append(recharge_event(f"evt_{recharge}", kind, charge, **error))
        if lost == "answer lost":
            raise ProviderFailed
        if refusal := self.answers[recharge]:
            raise refusal
        return f"pi_{recharge}"

    @property
    def paid(self) -> int:
        return sum(1 for refusal in self.answers.values() if refusal is None)


card_acts = st.one_of(
    st.tuples(st.just("spend"), st.integers(1, 3_000)),
    st.tuples(st.just("advance"), st.sampled_from(["paid", "declined", "asks", "never arrives", "answer lost"])),
    st.tuples(st.just("tell"), st.integers(0, 20)),
    st.tuples(st.just("wait"), st.sampled_from([MINUTE, HOUR, 12 * HOUR])),
    st.tuples(st.just("set"), st.tuples(st.booleans(), st.integers(0, 2_000), st.integers(500, 2_500))),
)


@settings(max_examples=250)
@given(st.lists(card_acts, max_size=40))
def test_whatever_the_bank_answers_and_whenever_it_tells_each_payment_is_credited_once(history: list[Any]) -> None:
    tables, bank = MemoryTables(), Bank()
    world = hand_world(tables, payments=bank)
    clock = world.now
    assert isinstance(clock, HandClock)
    bank.rows = recharges_of(world).get
    pay_in(world, CLIENT, 3_000, "topup:0")
    recharges.open_setup(world, CLIENT, "set_1")
    apply_event(world, setup_event("evt_setup", CLIENT))
    recharges.set_auto(world, CLIENT, Wanted(True, 1_000, 2_500, 5_000))
    known: set[str] = set()
    for number, (act, what) in enumerate(history):
        held = recharges.settings_of(world, CLIENT)
        if act == "spend":
            try:
                wallet.spend(world, CLIENT, "order", what, "platform:shop", f"order:{number}", f"ord_{number}")
            except InsufficientFunds:
                wallet.look_after(world, wallet.head(world, CLIENT))
        elif act == "advance" and held.in_flight:
            bank.next_answers = [what]
            recharges.advance(world, held.in_flight)
        elif act == "tell" and bank.events:
            apply_event(world, bank.events[what % len(bank.events)])
        elif act == "wait":
            clock.forward(what)
        elif act == "set":
            enabled, threshold, amount = what
            try:
                recharges.set_auto(world, CLIENT, Wanted(enabled, threshold, amount, 5_000))
            except Invalid:
                raise AssertionError from None
        known |= _kept_in_order(world, tables, recharges.settings_of(world, CLIENT))
    for event in [*bank.events, *reversed(bank.events)]:
        apply_event(world, event)
    _kept_in_order(world, tables, recharges.settings_of(world, CLIENT))
    credited = [entry for entry in chain(world) if entry.kind == "recharge"]
    assert len(credited) == bank.paid
    assert {entry.reference for entry in credited} == {name for name, no in bank.answers.items() if no is None}
    assert set(bank.answers) <= known
    assert statement.trial_balance(world).total == {"usd": 0}


def _kept_in_order(world: Any, tables: MemoryTables, kept: AutoRecharge) -> set[str]:
    """The charges there are. One at most is in flight, the day's are capped, the newest entry says what is set."""
    charges = [recharges_of(world).get(pk.partition("#")[2]) for pk, sk in tables.rows["wallet"] if sk == "recharge"]
    open_ = [charge for charge in charges if charge and charge.status in ("pending", "sent")]
    assert [charge.id for charge in open_] == ([kept.in_flight] if kept.in_flight else [])
    last_day = [cents for _, at, cents in kept.recent if at > world.now() - DAY]
    assert sum(last_day) <= 5_000
    newest = wallet.head(world, CLIENT)
    assert newest.refill == (kept.threshold if kept.enabled else None)
    assert newest.balance >= 0
    return {charge.id for charge in charges if charge}
