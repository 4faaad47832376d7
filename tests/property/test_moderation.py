"""Product §8: whoever reports, decides and appeals in whatever order, and wherever functions die in between, a thing is
out of sight if and only if three people reported it since the last decision or a decision says so; each report counts
once, and nobody is told the same twice.

The real services on tables in memory. A judge sees every write that takes effect, in order, and reckons by itself: it
counts report rows and reads verdicts, and never what a case says of its reports.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Final

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Forbidden, InvalidState, NotFound, Unavailable
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.moderation import service as moderation
from chalicelib.moderation import suspension
from chalicelib.moderation.model import Case
from chalicelib.moderation.store import cases
from chalicelib.readers import reviews
from chalicelib.runtime.tables import ConditionFailed, Contended
from tests.property.tables import Change, Crash, FailingTables, SwiftTables
from tests.support.desk import Desk
from tests.support.worlds import HandClock, hand_world

TROUBLE: Final = ("dies", "dies_after", "refused", "unknown", "raced", "raced")
REPORTERS: Final = tuple(f"usr_{number}" for number in range(25))
ADMINS: Final = ("usr_adam", "usr_eve")
ACTIONS: Final = ("hide", "remove", "warn", "suspend", "uphold")
REFUSALS: Final = (AlreadyDone, Forbidden, InvalidState, NotFound)
"""What is a definite answer; any other problem is a bug."""
STEPS: Final = 60
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "60")))


class Judge:
    """Reckons from each committed write how each thing stands, and holds the write itself against that."""

    def __init__(self) -> None:
        self.fresh: Counter[str] = Counter()
        """Reports since the last decision."""
        self.reports: Counter[str] = Counter()
        self.standing: defaultdict[str, Standing] = defaultdict(lambda: "shown")
        self.told: set[tuple[str, str]] = set()
        self.verdicts: Counter[str] = Counter()

    def __call__(self, changes: list[Change]) -> None:
        written: dict[str, Standing] = {}
        for table, before, after in changes:
            if table == "moderation" and after:
                self._judge(before, after)
            elif table == "readers" and after and after["pk"].startswith("review#"):
                item = after["pk"].removeprefix("review#")
                written[item] = after.get("standing", "shown")
            elif table == "notices" and after:
                name = (after["pk"], after["sk"])
                assert name not in self.told, "told once"
                self.told.add(name)
            elif table == "audit":
                assert before is None, "audited once"
        for item, standing in written.items():
            assert standing == self.standing[item], f"{item} is put there by what says so"

    def _judge(self, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        if after["pk"].startswith("reports#"):
            assert before is None, "a report is never changed"
            item = after["item"]
            assert self.standing[item] == "shown", "nobody reports what is out of sight"
            self.reports[item] += 1
            self.fresh[item] += 1
            if self.fresh[item] == 3:
                self.standing[item] = "hidden"
        elif after["sk"] != "where":
            was = before or {"decision": None, "review": None}
            if after["decision"] and not was["decision"]:
                self._decided(after["item"], after["decision"]["verdict"])
            elif after["review"] and not was["review"]:
                self._reviewed(after["item"], after["decision"]["verdict"], after["review"]["verdict"])

    def _decided(self, item: str, verdict: str) -> None:
        self.fresh[item] = 0
        self.verdicts[verdict] += 1
        ways: dict[str, Standing] = {"hide": "hidden", "remove": "removed", "suspend": "removed"}
        self.standing[item] = ways.get(verdict, "shown")

    def _reviewed(self, item: str, decided: str, verdict: str) -> None:
        self.verdicts[f"appeal {verdict}"] += 1
        if verdict == "dismiss" and decided != "warn":
            self.standing[item] = "shown"


class Day:
    """Two things, many people who report them, two admins."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.judge = Judge()
        self.tables = SwiftTables(self.judge)
        self.clock = HandClock()
        self.world = hand_world(self.tables, now=self.clock)
        self.desks = [Desk(self.world, name).opened() for name in ("a", "b")]

    # what happens

    def reports(self) -> None:
        desk, user = self.rng.choice(self.desks), self.rng.choice(REPORTERS)
        reason: Any = self.rng.choice(("spam", "spam", "hate"))
        self.insists(lambda world: moderation.report(world, user, desk.item, reason, ""))

    def decides(self) -> None:
        desk, actor = self.rng.choice(self.desks), self.rng.choice((*ADMINS, self.desks[0].author))
        action: Any = self.rng.choice((*ACTIONS, "dismiss", "dismiss"))
        if not desk.rounds:
            return
        case_id = self.rng.choice(desk.rounds[:2]).id
        if action == "dismiss":
            self.insists(lambda world: moderation.dismiss(world, case_id, actor=actor, reason="x"))
        else:
            self.insists(lambda world: moderation.resolve(world, case_id, action, None, actor=actor, reason="x"))

    def appeals(self) -> None:
        desk = self.rng.choice(self.desks)
        text = self.rng.choice(("It was a joke.", "I am sorry."))
        self.insists(lambda world: moderation.appeal(world, desk.author, desk.item, text))

    def ticks(self) -> None:
        self.clock.forward(self.rng.choice((HOUR, 20 * DAY)))
        for case_id, _ in suspension.page_of_shard(self.world, "0", 100, None)[0]:
            self.called(partial(suspension.look_after, case_id=case_id))

    # how it is done

    def insists(self, act: Callable[[World], object]) -> None:
        """An app asks until it is answered, or is put away and never asks again."""
        for _ in range(4):
            if self.called(act) or self.rng.random() < 0.2:
                return

    def called(self, act: Callable[[World], object], plan: dict[int, str] | None = None) -> bool:
        """A function works on it; it may die anywhere, and others come between. Whether there was an answer."""
        if plan is None:
            places = self.rng.choices(range(6), k=self.rng.choice((0, 1, 2)))
            plan = {place: self.rng.choice(TROUBLE) for place in places}
        tables: Any = FailingTables(self.tables, plan, self.somebody)
        try:
            act(replace(self.world, tables=tables))
        except REFUSALS:
            return True
        except (Crash, Contended, ConditionFailed, Unavailable):
            return False
        return True

    def somebody(self) -> None:
        """Somebody else is faster, and nothing goes wrong for them."""
        desk, user = self.rng.choice(self.desks), self.rng.choice(REPORTERS)
        verdict: Any = self.rng.choice(("remove", "warn"))
        with suppress(*REFUSALS):
            match self.rng.randint(0, 3):
                case 0 if desk.rounds:
                    moderation.dismiss(self.world, desk.rounds[0].id, actor="usr_eve", reason="y")
                case 1 if desk.rounds:
                    moderation.resolve(self.world, desk.rounds[0].id, verdict, None, actor="usr_eve", reason="y")
                case _:
                    moderation.report(self.world, user, desk.item, "spam", "")

    # what must be so

    def holds(self) -> None:
        for desk in self.desks:
            assert desk.standing == self.judge.standing[desk.item]
            assert desk.shown == (desk.standing == "shown")
            found = desk.rounds
            assert sum(case.reports for case in found) == self.judge.reports[desk.item], "exact"
            assert all(case.reports == len(case.reporters) for case in found), "each of another person"
            assert sum(case.state == "pending" for case in found) <= 1
            assert [case.round for case in found] == list(range(len(found), 0, -1))
            self._is_queued(found)

    def _is_queued(self, found: list[Case]) -> None:
        queues = {state: {case.id for case in self._queue(state)} for state in ("pending", "appealed")}
        owing = {case_id for case_id, _ in cases(self.world).owing(100, None)[0]}
        for case in found:
            assert (case.id in owing) == case.owing
            for state, ids in queues.items():
                assert (case.id in ids) == (case.state == state and not case.owing)

    def _queue(self, state: Any) -> list[Case]:
        return moderation.waiting(self.world, state, None, 100, None)[0]


HAPPENS: Final[list[tuple[int, Callable[[Day], None]]]] = [
    (12, Day.reports),
    (5, Day.decides),
    (3, Day.appeals),
    (1, Day.ticks),
]
"""What happens, and how often beside the others."""
SEEN: Final[Counter[str]] = Counter()


@pytest.mark.parametrize("seed", HISTORIES)
def test_a_thing_is_out_of_sight_if_three_reported_it_or_a_decision_says_so(seed: int) -> None:
    played = Day(Random(f"moderation {seed}"))  # noqa: S311 - it guards nothing
    for act in played.rng.choices([act for _, act in HAPPENS], [often for often, _ in HAPPENS], k=STEPS):
        act(played)
        played.holds()
    for _ in range(2):
        for case_id, _key in suspension.page_of_shard(played.world, "0", 100, None)[0]:
            suspension.look_after(played.world, case_id)
    played.holds()
    for desk in played.desks:
        assert not any(case.owing for case in desk.rounds)
        assert accounts.person(played.world, desk.author).status in ("active", "suspended")
        assert reviews.review(played.world, desk.item).text == "Spam!", "nothing is deleted"
    SEEN.update(played.judge.verdicts)


def test_the_histories_come_to_every_verdict() -> None:
    """Runs after them; alone it has nothing to say."""
    if SEEN:
        assert SEEN.keys() >= {"hide", "remove", "warn", "suspend", "dismiss", "appeal uphold", "appeal dismiss"}
