"""A town in which everything happens that posts to the ledger: one act at a time, from a source of chance."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any, Final

from chalicelib.accounts.model.limits import Wanted
from chalicelib.gateways import World
from chalicelib.gateways.stripe import SavedCard
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.messaging import unlocking
from chalicelib.payouts import payees, paying
from chalicelib.payouts import service as payouts
from chalicelib.readers import service as readers
from chalicelib.scheduling import service as scheduling
from chalicelib.sessions import afterwards, settling, sooner
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.store import Sessions
from chalicelib.shop import events, fulfilment
from chalicelib.wallet import coins, packs, promos, purchases, recharges, refunds, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.purchase import Told
from chalicelib.wallet.model.recharge import Wanted as WantedCharges
from chalicelib.wallet.recharge_store import recharges_of
from tests.support.connect import Connect
from tests.support.diary import Diary
from tests.support.duo import Duo
from tests.support.events import checkout_event, dispute_event, recharge_event, refund_event, setup_event
from tests.support.pages import Pages
from tests.support.pals import Pals
from tests.support.people import person
from tests.support.reading import add_reader
from tests.support.show import Show
from tests.support.worlds import HandClock

ADMIN: Final[Any] = {"actor": "admin", "reason": "test"}


class Town:
    """``step`` does one act. What is refused is refused."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world, self.rng = world, rng
        self.number = 0
        self.talked: list[Duo] = []
        self.paid: list[tuple[str, int]] = []
        """PaymentIntents, and how much."""
        self.heard = 0
        self.duo = Duo(world, "d")
        person(world, self.duo.reader)
        person(world, "usr_p")
        self.duo.ready()
        self.pals = Pals(world, "p").opened(5_000)
        self.counter = Pages(world, "c").ready(50_000, 50)
        self.diary = Diary(world, "y").ready()
        payees.open_account(world, self.duo.reader)
        self.stripe.onboarded(f"acct_{self.duo.reader}")
        self.stripe.card = SavedCard("cus_usr_p", "pm_1", "visa", "4242", 4, 2031)
        recharges.open_setup(world, "usr_p", "set_1")
        events.apply_event(world, setup_event("evt_setup", "usr_p"))
        add_reader(world, "usr_j")

    @property
    def stripe(self) -> Connect:
        assert isinstance(self.world.payments, Connect)
        return self.world.payments

    @property
    def clock(self) -> HandClock:
        assert isinstance(self.world.now, HandClock)
        return self.world.now

    def step(self) -> None:
        acts: list[Callable[[], object]] = [
            self.reads, self.reads, self.tips, self.is_not_satisfied, self.is_divided, self.books, self.streams,
            self.is_called_off, self.replies, self.orders, self.orders, self.pays, self.is_recharged, self.is_paid_back,
            self.is_paid_back, self.is_promised, self.has_coins, self.pays_out, self.is_corrected, self.is_careful,
            self.is_judged,
        ]  # fmt: skip
        self.number += 1
        self.clock.forward(self.rng.choice((0, 1, 1_000, 7 * MINUTE, HOUR)))
        with suppress(Problem):
            self.rng.choice(acts)()

    @property
    def name(self) -> str:
        return f"n{self.number}"

    # readings

    def reads(self) -> None:
        """A reading from its beginning to its settlement, with a pause or not, ended by somebody."""
        duo = Duo(self.world, "d", self.number)
        person(self.world, duo.client)
        duo.active(self.rng.choice((600, 5_000)))
        for _ in range(self.rng.randint(0, 3)):
            duo.talked(self.rng.randrange(1, 3 * MINUTE)).noticed()
            if self.rng.random() < 0.3:
                duo.does(self.rng.choice((duo.client, duo.reader)), commands.leave)
                duo.does(duo.client, commands.reconnect)
                duo.does(duo.reader, commands.reconnect)
        duo.does(self.rng.choice((duo.client, duo.reader)), commands.finish)
        duo.forward(1_000)
        duo.noticed()
        self.talked.append(duo)

    def tips(self) -> None:
        duo = self.rng.choice(self.talked or [self.duo])
        afterwards.tip(self.world, duo.session, duo.client, f"tip_{self.number}", self.rng.randint(100, 500))

    def is_not_satisfied(self) -> None:
        duo = self.rng.choice(self.talked or [self.duo])
        asked = afterwards.ask_guarantee(self.world, duo.session, duo.client, "not what I asked")
        afterwards.grant(self.world, asked.id, **ADMIN)

    def is_divided(self) -> None:
        """A reading that does not add up pays nobody, until an admin divides what it took."""
        duo = Duo(self.world, "d", self.number)
        person(self.world, duo.client)
        duo.active().talked(150_000).noticed()
        was = duo.does(duo.client, commands.leave)
        rows = Sessions(self.world.tables, self.world.settings.tables.sessions)
        self.world.tables.write(*rows.replace(replace(was, connected_before=was.connected_before + MINUTE), was)[1])
        duo.does(duo.client, commands.finish)
        earned, refunded = self.rng.choice(((525, 0), (300, 225), (0, 750)))
        settling.settle(self.world, duo.session, earned=earned, refunded=refunded, **ADMIN)

    def books(self) -> None:
        """A booking that is called off, or not kept, or a talk that may end early."""
        diary = self.diary.other(self.number)
        begins = self.clock.now - self.clock.now % (15 * MINUTE) + self.rng.choice((3 * HOUR, 2 * DAY))
        booking = diary.book(begins, self.rng.choice((15, 30)), self.name)
        how = self.rng.random()
        if how < 0.4:
            act = scheduling.cancel if how < 0.25 else scheduling.decline
            act(self.world, booking.id, diary.client if how < 0.25 else diary.reader)
            return
        diary.at(begins - MINUTE)
        opened = scheduling.start(self.world, booking.id, diary.client)
        if how < 0.9 and opened.session:
            for user in (diary.client, diary.reader):
                sessions.perform(self.world, opened.session, user, commands.join)
            self.clock.forward(self.rng.choice((2, 9)) * MINUTE)
            with suppress(Problem):
                sessions.perform(
                    self.world, opened.session, self.rng.choice((diary.client, diary.reader)), commands.finish
                )
        diary.at(begins + HOUR)
        diary.noticed(self.name)

    # streams

    def streams(self) -> None:
        premium = self.rng.random() < 0.5
        show = Show(self.world, self.name).live("premium", 300) if premium else Show(self.world, self.name).live()
        for number in range(self.rng.randint(0, 3)):
            patron = show.patron(f"fan{number}", 2_000)
            with suppress(Problem):
                if premium:
                    show.pays(patron)
                show.gives(patron, self.rng.choice(("rose", "heart")))
        if self.rng.random() < 0.8:  # others are never settled
            show.ends()
            show.noticed()

    def is_called_off(self) -> None:
        """A stream whose host never comes: tickets go back."""
        show = Show(self.world, self.name).scheduled("premium", 300, HOUR)
        for number in range(2):
            show.pays(show.patron(f"fan{number}", 500))
        show.ends()
        show.noticed()

    # messages and the shop

    def replies(self) -> None:
        message = self.pals.replies(self.name)
        self.pals.unlocks(message)
        if self.rng.random() < 0.4:
            unlocking.refund(self.world, message.id, **ADMIN)

    def orders(self) -> None:
        rail = self.rng.choice(("credit", "coins", "stripe"))
        wanted = {"song": 1, "spell": 1} if rail == "coins" else {"deck": 2, "book": 1}
        order = self.counter.orders(wanted, rail, self.name)
        if rail == "stripe":
            paid = self.counter.pays(self.name)
            self.paid.append((f"pi_{paid.id}", paid.total))
        fulfilment.fulfil(self.world, self.counter.order(self.name))
        how = self.rng.random()
        if how < 0.3:
            self.counter.cancels(self.name)
        elif how < 0.8 and rail != "coins":
            self.counter.ships(name=self.name)
        items = {each.id: 1 for each in self.counter.order(self.name).items}
        if self.rng.random() < 0.4:
            self.counter.refunds(items, name=self.name, shipping=how >= 0.3 and rail != "coins")
        self.counter.advances(self.name)
        if rail == "stripe" and self.rng.random() < 0.5:  # the card does not take it
            for part, told in self.stripe.refunds.items():
                if told["payment_intent"] == f"pi_{order.id}":
                    failed = refund_event("refund.failed", told["id"], told["payment_intent"], told["amount"], "failed")
                    failed["data"]["object"]["metadata"] = {"refund_part": part}
                    events.apply_event(self.world, failed)
            if self.rng.random() < 0.5:  # and goes back by hand after all
                by_hand = refund_event("refund.created", f"re_{order.id}", f"pi_{order.id}", order.total, "succeeded")
                events.apply_event(self.world, by_hand)

    # money in and back

    def pays(self) -> None:
        if self.rng.random() < 0.6:
            topup = topups.open_topup(self.world, "usr_p", f"top_{self.number}", self.rng.randint(500, 3_000))
        else:
            topup = packs.open_checkout(self.world, "usr_p", f"top_{self.number}", "coins_500", "web")
        events.apply_event(self.world, checkout_event(f"evt_{self.number}", "checkout.session.completed", topup))
        self.paid.append((f"pi_{topup.id}", topup.amount))

    def is_recharged(self) -> None:
        """Whoever has a saved card charged where credit is short; or does so no more."""
        recharges.set_auto(self.world, "usr_p", WantedCharges(self.rng.random() < 0.8, 10_000, 2_500, 10_000))
        name = recharges.settings_of(self.world, "usr_p").in_flight
        charge = recharges_of(self.world).get(name) if name else None
        if charge:
            recharges.advance(self.world, charge.id)
            events.apply_event(self.world, recharge_event(f"evt_{self.name}", "payment_intent.succeeded", charge))
            self.paid.append((f"pi_{charge.id}", charge.amount))

    def is_paid_back(self) -> None:
        """By us, by Stripe's dashboard, or by the bank; and it may fail, or be won."""
        if not self.paid:
            self.pays()
        how, (intent, amount) = self.rng.random(), self.rng.choice(self.paid)
        if how < 0.2:
            refunds.request(self.world, "usr_p", f"rfd_{self.number}", None)
        elif how < 0.6:
            part = self.rng.randint(1, amount)
            for status in ("succeeded", "failed")[: self.rng.choice((1, 2, 2))]:
                events.apply_event(self.world, refund_event("refund.updated", f"re_{self.name}", intent, part, status))
        else:
            for status in ("needs_response", "won")[: self.rng.choice((1, 2, 2))]:
                kind = "created" if status == "needs_response" else "closed"
                events.apply_event(self.world, dispute_event(kind, f"dp_{self.name}", intent, amount, status))

    def is_promised(self) -> None:
        promos.grant(self.world, "usr_p", self.rng.randint(1, 300), 1, self.name, **ADMIN)
        if self.rng.random() < 0.5:
            self.clock.forward(2 * DAY)
        wallet.charge_due(self.world, wallet.head(self.world, "usr_p"))

    def has_coins(self) -> None:
        how = self.rng.random()
        if how < 0.5:
            coins.grant(self.world, "usr_p", 50, self.name, **ADMIN)
            coins.take(self.world, "usr_p", 20, self.name, **ADMIN)
        else:
            for number, standing in enumerate((True, False, True)[: self.rng.randint(1, 3)]):
                at = self.clock.now + number
                purchases.learn(self.world, Told("apple", self.name, "usr_p", "coins", 100, standing, at, "Production"))

    def pays_out(self) -> None:
        self.clock.forward(4 * DAY)
        for event in self.stripe.events[self.heard :]:
            self.heard += 1
            (events.apply_connect_event if "account" in event else events.apply_event)(self.world, event)
        self.stripe.refuses = self.rng.choice(("", "", "account_closed"))
        payout = paying.pay_out(self.world, self.duo.reader, least=1, **ADMIN | {"reason": self.name})
        if payout and self.rng.random() < 0.6 and payout.id in self.stripe.transfers:
            self.stripe.reverse(payout.id, self.rng.randint(1, payout.amount))

    def is_careful(self) -> None:
        """Whoever set limits; and whoever froze and released what."""
        sooner.limit_spending(self.world, "usr_p", Wanted(self.rng.randint(10_000, 20_000), None, None, None))
        wallet.freeze(self.world, "usr_p", "looked at")
        wallet.unfreeze(self.world, "usr_p", "looked at")

    def is_corrected(self) -> None:
        amount = self.rng.choice((-50, 70))
        wallet.adjust(self.world, "usr_p", amount, f"adjustment:{self.name}", self.name)
        payouts.adjust(self.world, self.duo.reader, amount, f"adjustment:{self.name}:earnings", self.name)

    def is_judged(self) -> None:
        """A reader is taken out of the directory, or let in again."""
        judge = self.rng.choice((readers.withdraw, readers.verify))
        judge(self.world, "usr_j", **ADMIN)
