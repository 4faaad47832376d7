"""Product §7: whatever a client and a reader write, pay for, block, spend and are given back, whatever moderators take
out of sight, and wherever functions die in between: what a paid reply says is shown to the client after the debit is in
the ledger and never before, and is paid for once.

The real services on tables in memory. What an app was not answered it asks again, with the same key. The client looks
after every single write.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Problem, Unavailable
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.time import SECOND
from chalicelib.messaging import moderated, unlocking
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import MOST_LOCKED, Message, Wanted, Who
from chalicelib.messaging.schemas import conversation_view, message_view
from chalicelib.messaging.store import messages_of
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from chalicelib.wallet.model.chain import Entry
from tests.property.tables import Change, FailingTables, SwiftTables, trouble
from tests.support.duo import chain
from tests.support.pals import Pals
from tests.support.worlds import HandClock, hand_world

STEPS: Final = 60
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "20")))
STANDINGS: Final[tuple[Standing, ...]] = ("shown", "shown", "hidden", "removed")
SECRET: Final = "a secret that costs a dollar"


@dataclass
class Asked:
    """A request of an app's: what it asks for, and what it was answered for certain."""

    does: Callable[[World], object]
    kind: str
    about: str
    answer: str | None = None


class Talk:
    """A client with some money, a reader who sells answers, and moderators."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.clock = HandClock()
        self.tables = SwiftTables(self.watches)
        self.world = hand_world(self.tables, now=self.clock)
        self.asked: list[Asked] = []
        self.answered: list[Message] = []
        self.paid_in = 0
        self.pals: Pals | None = None
        pals = Pals(self.world).opened()
        self.client, self.reader, self.name = pals.client, pals.reader, pals.row.id
        self.pals = pals

    # what the client sees

    def watches(self, changes: list[Change]) -> None:
        """After every write that took effect."""
        if self.pals and any(table in ("messaging", "ledger", "notices") for table, _, _ in changes):
            self.looks()

    def looks(self) -> None:
        """Nothing that is unpaid says anything to the client; the reader reads all of their own."""
        seen = self.view("client", self.page("client"))
        unpaid = [each["text"] for each in seen if each["price"] and not self.debits(each["id"])]
        assert unpaid == [None] * len(unpaid)
        assert not [each for each in self.page("client", SECRET) if each.price and not self.debits(each.id)]
        own = [each for each in self.view("reader", self.page("reader")) if each["sender"] == self.reader]
        assert None not in [each["text"] for each in own]
        assert SECRET not in repr([row for (pk, _), row in self.tables.rows["notices"].items() if pk == self.client])
        names = {self.client: "c", self.reader: "r"}
        row = messages.load(self.world, self.name)
        assert SECRET not in conversation_view(row, self.client, names).model_dump_json()

    def page(self, who: Who, query: str | None = None) -> list[Message]:
        user = self.client if who == "client" else self.reader
        return messages.page(self.world, user, self.name, 100, None, query)[1]

    def view(self, who: Who, page: list[Message]) -> list[dict[str, Any]]:
        return [message_view(each, who, lambda file: file.id).model_dump() for each in page]

    def debits(self, message: str) -> bool:
        """Whether the ledger holds the posting that paid for it."""
        return wallet.posted(self.world, f"unlock:{message}") is not None

    # what people ask for

    def asks_for(self, kind: str, about: str, does: Callable[[World], object]) -> None:
        asked = Asked(does, kind, about)
        self.asked.append(asked)
        self.asks(asked)

    def writes(self) -> None:
        self.says("client", 0, "hello")

    def answers(self) -> None:
        self.says("reader", 0, "hello to you")

    def sells(self) -> None:
        self.says("reader", 100, f"{SECRET} {len(self.asked)}")

    def says(self, who: Who, price: int, text: str) -> None:
        self.clock.forward(self.rng.choice((0, SECOND)))
        user, name = self.client if who == "client" else self.reader, f"msg_{len(self.asked)}"
        send = partial(messages.send, user=user, conversation_id=self.name, message_id=name)
        self.asks_for("send", name, lambda world: send(world, wanted=Wanted(text, price=price)))

    def pays(self) -> None:
        if name := self.some_reply():
            self.asks_for("unlock", name, lambda world: self.unlocked(world, name))

    def unlocked(self, world: World, name: str) -> None:
        self.answered.append(unlocking.unlock(world, self.client, name)[1])

    def is_given_back(self) -> None:
        if name := self.some_reply():
            refund = partial(unlocking.refund, message_id=name, actor="ops", reason="property")
            self.asks_for("refund", name, refund)

    def some_reply(self) -> str | None:
        sold = [each.id for each in self.page("reader") if each.price]
        return self.rng.choice(sold) if sold else None

    def reads(self) -> None:
        if page := self.page("client"):
            who: Who = self.rng.choice(("client", "reader"))
            user, name = self.client if who == "client" else self.reader, self.rng.choice(page).id
            self.called(lambda world: messages.read(world, user, self.name, name))

    # what else happens

    def moderators_decide(self) -> None:
        if page := self.page("reader"):
            name, standing = self.rng.choice(page).id, self.rng.choice(STANDINGS)

            def act(world: World) -> None:
                if operations := moderated.stand(world, name, standing):
                    world.tables.write(*operations)

            self.called(act)

    def blocks(self) -> None:
        one, other = self.rng.sample((self.client, self.reader), 2)
        act = accounts.block if self.rng.random() < 0.3 else accounts.unblock
        self.called(lambda world: act(world, one, other))

    def tops_up(self) -> None:
        assert self.pals
        self.paid_in += 1
        self.pals.pays_in(150, f"t{self.paid_in}")

    def spends(self) -> None:
        name = f"ord_{len(self.asked)}"
        spend = partial(wallet.spend, user=self.client, kind="order", amount=70, counter="platform:shop")
        self.asks_for("order", name, lambda world: spend(world, key=f"order:{name}", reference=name))

    def freezes(self) -> None:
        if self.rng.random() < 0.3:
            self.called(lambda world: wallet.freeze(world, self.client, "property"))
        else:
            self.called(lambda world: wallet.unfreeze(world, self.client, "property"))

    # how it goes

    def asks_again(self) -> None:
        if self.asked:
            self.asks(self.rng.choice(self.asked))

    def asks(self, asked: Asked, plan: dict[int, str] | None = None) -> None:
        def act(world: World) -> None:
            try:
                asked.does(world)
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
        """Somebody else is faster."""
        self.rng.choice(
            (self.writes, self.sells, self.pays, self.pays, self.spends, self.moderators_decide, self.blocks)
        )()

    def comes_to_its_end(self) -> None:
        """Every app asks until it is answered, while nothing stands in the way."""
        for one, other in ((self.client, self.reader), (self.reader, self.client)):
            accounts.unblock(self.world, one, other)
        for asked in self.asked:
            self.asks(asked, {})


HAPPENS: Final[list[tuple[int, Callable[[Talk], None]]]] = [
    (4, Talk.writes),
    (2, Talk.answers),
    (8, Talk.sells),
    (12, Talk.pays),
    (2, Talk.is_given_back),
    (3, Talk.reads),
    (4, Talk.moderators_decide),
    (2, Talk.blocks),
    (4, Talk.tops_up),
    (2, Talk.spends),
    (2, Talk.freezes),
    (6, Talk.asks_again),
]
"""What happens, and how often beside the others."""


@pytest.mark.parametrize("seed", HISTORIES)
def test_nothing_is_read_before_it_is_paid_for_and_nothing_is_paid_for_twice(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = Random(f"messages {seed}")  # noqa: S311 - it guards nothing
    played = Talk(rng)
    played.writes()
    for act in rng.choices([act for _, act in HAPPENS], [often for often, _ in HAPPENS], k=STEPS):
        act(played)
    played.comes_to_its_end()
    assert_as_it_must_be(played)
    assert SECRET not in "".join(capsys.readouterr()), "nor is it in a log"


def assert_as_it_must_be(played: Talk) -> None:
    """Against what was asked and answered."""
    done = {kind: {each.about for each in played.asked if (each.kind, each.answer) == (kind, "done")} for kind in KINDS}
    page = played.page("reader")
    assert {each.id for each in page} == done["send"], "what was answered is there, once"
    assert [each.number for each in page] == list(range(len(page), 0, -1))
    row = messages.load(played.world, played.name)
    assert row.count == len(page)
    assert row.locked == sum(each.on_sale for each in page)
    assert {each.id for each in page if each.unlocked_at} == done["unlock"]
    assert {each.id for each in page if each.refunded_at} == done["refund"]
    assert all(each.unlocked_at for each in played.answered)
    assert_money(played, page, done)


KINDS: Final = ("send", "unlock", "refund", "order")


def assert_money(played: Talk, page: list[Message], done: dict[str, set[str]]) -> None:
    """Each unlocked reply cost a dollar once, brought its reader 70 cents and the platform 30; its row and its entry
    lead to each other; what was given back is where it was.
    """
    sold, back = len(done["unlock"]), len(done["refund"])
    entries = chain(played.world, wallet.credit_account(played.client))
    debits = [each for each in entries if each.kind == "reply"]
    assert Counter(each.reference for each in debits) == Counter(done["unlock"])
    assert {each.id: each.entry for each in page if each.entry} == {each.reference: each.id for each in debits}
    assert all(_at(debits, each) == each.unlocked_at for each in page if each.entry)
    balance = played.paid_in * 150 - 100 * (sold - back) - 70 * len(done["order"])
    assert wallet.head(played.world, played.client).balance == balance
    assert played.pals
    assert sum(amount for _, amount, _ in played.pals.earned()) == 70 * (sold - back)
    books = statement.trial_balance(played.world)
    assert set(books.total.values()) <= {0}
    assert (books.drifted, books.unsettled(), books.sum_of("platform:fees")) == ((), {}, 30 * (sold - back))


def _at(debits: list[Entry], message: Message) -> int:
    return next(each.at for each in debits if each.reference == message.id)


def test_no_more_than_three_paid_replies_ever_wait() -> None:
    """But for those that moderators put back."""
    for seed in range(5):
        rng = Random(f"waiting {seed}")  # noqa: S311 - it guards nothing
        played = Talk(rng)
        played.writes()
        for act in rng.choices((Talk.sells, Talk.sells, Talk.pays, Talk.tops_up, Talk.asks_again), k=STEPS):
            act(played)
            row = messages_of(played.world).conversation(played.name)
            assert row
            assert row.locked == sum(each.on_sale for each in played.page("reader")) <= MOST_LOCKED
