"""Things that people report and a moderator decides on, on tables that others use too: the words of those tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.time import Millis
from chalicelib.moderation import service as moderation
from chalicelib.moderation.model import Case, Report
from chalicelib.moderation.store import cases
from chalicelib.moderation.terms import Action, Rule
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.reviews import Review
from chalicelib.runtime.tables import Contended
from tests.support.people import person
from tests.support.reading import add_reader
from tests.support.worlds import HandClock

ADMIN = "usr_admin"


@dataclass(frozen=True)
class Desk:
    """One review, by an author of its own, of a reader of its own. ``own`` is what makes their ids their own."""

    world: World
    own: str = "1"

    @property
    def reader(self) -> str:
        return f"usr_r{self.own}"

    @property
    def author(self) -> str:
        return f"usr_a{self.own}"

    @property
    def item(self) -> str:
        return f"rev_{self.own}"

    def forward(self, millis: Millis) -> Self:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    def opened(self) -> Self:
        """The author, the reader and the review are there."""
        add_reader(self.world, self.reader)
        person(self.world, self.author)
        made = Review(self.item, self.reader, f"ses_{self.own}", self.author, "Ann", 1, "Spam!", self.world.now())
        reviews.add(self.world, made)
        return self

    # what happens

    def reports(self, *users: str, item: str | None = None, reason: Rule = "spam", text: str = "") -> Report:
        """Each of them; the last one's."""
        made = [moderation.report(self.world, each, item or self.item, reason, text) for each in users]
        return made[-1]

    def resolves(self, action: Action = "remove", *, actor: str = ADMIN, reason: str = "ticket 7") -> Case:
        return moderation.resolve(self.world, self.case.id, action, None, actor=actor, reason=reason)

    def dismisses(self, *, actor: str = ADMIN, reason: str = "ticket 7") -> Case:
        return moderation.dismiss(self.world, self.case.id, actor=actor, reason=reason)

    def appeals(self, text: str = "It was a joke.") -> Case:
        return moderation.appeal(self.world, self.author, self.item, text)[0]

    # what is there

    @property
    def rounds(self) -> list[Case]:
        """Newest first."""
        return cases(self.world).rounds(self.item, self.author, 100)

    @property
    def case(self) -> Case:
        return self.rounds[0]

    @property
    def standing(self) -> Standing:
        return reviews.review(self.world, self.item).standing

    @property
    def shown(self) -> bool:
        """To everybody, and counted in the rating."""
        listed, _ = reviews.page(self.world, self.reader, 10, None)
        counted = readers.reader(self.world, self.reader).rating_count
        assert len(listed) == counted
        return bool(listed)

    @property
    def status(self) -> str:
        return accounts.person(self.world, self.author).status

    def queue(self, state: Any = "pending") -> list[str]:
        """The cases that wait."""
        return [each.id for each in moderation.waiting(self.world, state, None, 100, None)[0]]

    def told(self, user: str) -> list[tuple[str, dict[str, Any]]]:
        """What a person is to be told, in the order of the kinds."""
        rows = self.world.tables.query(self.world.settings.tables.notices, ("pk", user)).items
        return [(row["kind"], row["facts"]) for row in rows]

    def kinds(self, user: str) -> list[str]:
        return [kind for kind, _ in self.told(user)]

    def audited(self, subject: str | None = None) -> list[tuple[str, str, str]]:
        """What was done about the review, by whom and why."""
        rows = self.world.tables.query(self.world.settings.tables.audit, ("pk", subject or self.item)).items
        return [(row["action"], row["actor"], row["reason"]) for row in rows]


def a_case_to_its_end(desk: Desk) -> list[bool]:
    """Three hide it, it is dismissed, a fourth reports it, its author is suspended, appeals, and is let in again.

    Whether it was shown after each of these. Whoever is not answered asks again.
    """
    shown: list[bool] = []

    def insist(act: Callable[[], object]) -> None:
        for _ in range(3):
            try:
                act()
            except (Contended, Unavailable):
                continue
            return
        raise AssertionError("never answered")

    for number in range(1, 4):
        insist(partial(desk.reports, f"usr_{desk.own}{number}"))
    shown.append(desk.shown)
    insist(desk.dismisses)
    shown.append(desk.shown)
    insist(partial(desk.reports, f"usr_{desk.own}4"))
    insist(partial(desk.resolves, "suspend"))
    shown.append(desk.shown)
    insist(desk.appeals)
    insist(desk.dismisses)
    return [*shown, desk.shown]
