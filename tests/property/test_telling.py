"""Histories of telling: redeliveries, reorderings, two at once, functions that die at any step, answers that are lost,
people who read meanwhile. At the end every notice lies in its inbox once, what is unread is counted exactly, and it was
mailed and pushed: once, but for functions that died with the letter or the push in their hands.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chalicelib.accounts import service as accounts
from chalicelib.gateways.mail import Letter
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.notifications import inbox
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.service import tell
from chalicelib.notifications.store import inbox_of
from chalicelib.notifications.telling import notification_of, oldest
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Contended, Operation
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, HandClock, OfflineMail, OfflinePush, hand_world

PEOPLE: Final = ("ada", "bob")
MOST_WRITES: Final = 6
"""Of one telling: where it can die."""


class Died(BaseException):
    """A function was killed: nothing of it runs on."""


class Tables(MemoryTables):
    """Writes that are lost, before they take effect or after, and functions that die of them."""

    def __init__(self) -> None:
        super().__init__()
        self.until_fault: int | None = None
        self.after = self.dies = self.dead = False

    def write(self, *operations: Operation) -> None:
        if self.dead:
            raise Died
        faulty = self.until_fault == 0
        if self.until_fault is not None:
            self.until_fault = None if faulty else self.until_fault - 1
        if not faulty or self.after:
            super().write(*operations)
        if faulty:
            self.dead = self.dies
            raise Died if self.dies else Contended("lost")


class Post(OfflineMail):
    """Takes letters, while somebody else may tell the same."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Any = None

    def send(self, letter: Letter) -> None:
        super().send(letter)
        if self.meanwhile:
            act, self.meanwhile = self.meanwhile, None
            act()


class Telling(RuleBasedStateMachine):
    """Two people, some notices, whatever comes between."""

    @initialize()
    def begin(self) -> None:
        self.tables, self.post, self.phones, self.clock = Tables(), Post(), OfflinePush(), HandClock()
        self.world = hand_world(self.tables, mail=self.post, push=self.phones, now=self.clock)
        self.ids = [
            accounts.sign_in(self.world, Claims(f"auth0|{each}", f"{each}@example.test", each)).id for each in PEOPLE
        ]
        accounts.add_device(self.world, self.ids[0], "ios", "phone")
        self.notices: list[Notice] = []
        self.died = Counter[str]()
        """By subject, how often a function died while it told of it."""
        self.read: set[str] = set()

    @rule(person=st.sampled_from([0, 1]), kind=st.sampled_from(["promo_granted", "dispute"]), ago=st.integers(0, 3))
    def happen(self, person: int, kind: str, ago: int) -> None:
        number = len(self.notices) + 1
        facts = {"amount": number, "expires_at": NOON}
        self.notices.append(Notice(self.ids[person], kind, facts, str(number), self.clock.now - ago * DAY))

    @precondition(lambda self: self.notices)
    @rule(data=st.data(), fault=st.none() | st.integers(0, MOST_WRITES), after=st.booleans(), dies=st.booleans())
    def deliver(self, data: st.DataObject, fault: int | None, *, after: bool, dies: bool) -> None:
        """One of them, the first time or again, by a function that may fail."""
        notice = data.draw(st.sampled_from(self.notices))
        self.tables.until_fault, self.tables.after, self.tables.dies = fault, after, dies
        self._tell(notice)

    @precondition(lambda self: self.notices)
    @rule(data=st.data())
    def deliver_to_two_at_once(self, data: st.DataObject) -> None:
        """The second comes while the first has just handed its letter over."""
        notice = data.draw(st.sampled_from(self.notices))
        self.post.meanwhile = lambda: self._tell(notice)
        self._tell(notice)
        self.post.meanwhile = None

    @precondition(lambda self: self.notices)
    @rule(data=st.data(), post=st.booleans(), phones=st.booleans())
    def find_them_out_of_reach(self, data: st.DataObject, *, post: bool, phones: bool) -> None:
        notice = data.draw(st.sampled_from(self.notices))
        self.post.down, self.phones.down = post, phones
        self._tell(notice)
        self.post.down = self.phones.down = False

    @precondition(lambda self: self.notices)
    @rule(data=st.data(), up_to=st.booleans(), fault=st.none() | st.integers(0, 2), after=st.booleans())
    def look(self, data: st.DataObject, fault: int | None, *, up_to: bool, after: bool) -> None:
        """Somebody reads some, or all up to one; a write of theirs may be lost."""
        one = data.draw(st.sampled_from(self.notices))
        some = data.draw(st.lists(st.sampled_from(self.notices), max_size=3))
        self.tables.until_fault, self.tables.after, self.tables.dies = fault, after, False
        there = {line.id for line in self._lines(one.to)}
        newest = notification_of(one).id
        if up_to:
            inbox.read_up_to(self.world, one.to, newest)
            self.read |= {each for each in there if each <= newest}
        else:
            ids = [notification_of(each).id for each in (one, *some)]
            inbox.read(self.world, one.to, ids)
            self.read |= there & set(ids)
        self.tables.until_fault = None

    @rule(minutes=st.sampled_from([1, 5, 1_440]))
    def wait(self, minutes: int) -> None:
        self.clock.forward(minutes * MINUTE)

    @invariant()
    def every_count_is_exact(self) -> None:
        for user in self.ids:
            lines = self._lines(user)
            assert len({line.id for line in lines}) == len(lines)
            assert {line.id for line in lines if line.read} == self.read & {line.id for line in lines}
            assert inbox.listing(self.world, user, 1, None).unread == sum(not line.read for line in lines)

    @invariant()
    def nothing_is_sent_twice_but_by_who_died_with_it(self) -> None:
        sent = Counter((letter.to, letter.text) for letter in self.post.sent)
        sent += Counter((token, message.name) for token, message in self.phones.pushed)
        assert sum(count - 1 for count in sent.values()) <= self.died.total()
        if not self.died:
            assert set(sent.values()) <= {1}

    def teardown(self) -> None:
        """However it went, once nothing fails any more everything is told."""
        if not hasattr(self, "tables"):
            return
        for _ in range(2):
            self.clock.forward(MINUTE)
            for notice in self.notices:
                self._tell(notice)
        for user, name in zip(self.ids, PEOPLE, strict=True):
            own = [each for each in self.notices if each.to == user]
            assert {line.id for line in self._lines(user)} == {notification_of(each).id for each in own}
            letters = {letter.text for letter in self.post.sent if letter.to == f"{name}@example.test"}
            assert len(letters) == len(own)
        pushed = {message.name for _, message in self.phones.pushed}
        safe = {notification_of(each).id for each in self.notices if each.to == self.ids[0] and each.kind == "dispute"}
        assert pushed == safe
        self.every_count_is_exact()
        self.nothing_is_sent_twice_but_by_who_died_with_it()

    def _tell(self, notice: Notice) -> None:
        try:
            tell(self.world, notice)
        except (Unavailable, Contended):
            pass
        except Died:
            self.died[notice.fact] += 1
        self.tables.until_fault, self.tables.dead = None, False

    def _lines(self, user: str) -> list[Any]:
        return inbox_of(replace(self.world, tables=self.tables)).page(user, oldest(self.clock.now), 100, None)[0]


Telling.TestCase.settings = settings(max_examples=int(os.environ.get("SOUL_HISTORIES", "30")), stateful_step_count=30)


TestTelling = Telling.TestCase
