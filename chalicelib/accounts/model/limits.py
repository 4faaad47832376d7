"""How much a person lets themselves spend, and whether at all.

What is stricter acts at once; what is looser waits 24 hours, so that nobody undoes a good resolution in a bad hour.
What holds is a pure function of what is stored and of the moment: nothing has to happen when the wait is over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis

WAIT: Final = DAY
MOST: Final[Cents] = 10_000_000
LONGEST: Final = 5 * 366 * DAY
"""How far ahead a self-exclusion may reach."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A limit in cents, or the end of an exclusion; ``value`` None is none. ``then`` holds from ``changes_at`` on."""

    value: int | None = None
    then: int | None = None
    changes_at: Millis | None = None
    """None where no change is pending."""

    def settled(self, now: Millis) -> Setting:
        """As it is at ``now``: a change whose time has come is made."""
        return self if self.changes_at is None or now < self.changes_at else Setting(self.then)

    def asked(self, wanted: int | None, stricter: bool, now: Millis) -> Setting:
        """After ``wanted`` was asked for, on one that is settled. To ask for what holds takes a pending change back."""
        if stricter or wanted == self.value:
            return Setting(wanted)
        if self.changes_at is not None and wanted == self.then:
            return self  # asking twice does not begin the wait anew
        return Setting(self.value, wanted, now + WAIT)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for: cents, and the moment an exclusion shall end. None is none."""

    day: Cents | None
    week: Cents | None
    month: Cents | None
    self_excluded_until: Millis | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything a person set. Read it through ``at``."""

    day: Setting = Setting()
    week: Setting = Setting()
    month: Setting = Setting()
    self_excluded_until: Setting = Setting()
    rev: int = 0

    @property
    def any(self) -> bool:
        """Whether anything is limited, or will be."""
        settings = (self.day, self.week, self.month, self.self_excluded_until)
        return any(each.value is not None or each.then is not None for each in settings)

    def at(self, now: Millis) -> Limits:
        """As they are at ``now``: pending changes made, an exclusion that is over forgotten."""
        until = self.self_excluded_until.settled(now)
        return replace(
            self,
            day=self.day.settled(now),
            week=self.week.settled(now),
            month=self.month.settled(now),
            self_excluded_until=until if until.value is not None and now < until.value else Setting(),
        )


def changed(was: Limits, wanted: Wanted, now: Millis) -> Limits:
    """The limits after a person asked for others. Raises Invalid."""
    _check(wanted, now)
    held = was.at(now)
    until = wanted.self_excluded_until
    return replace(
        held,
        day=_amount(held.day, wanted.day, now),
        week=_amount(held.week, wanted.week, now),
        month=_amount(held.month, wanted.month, now),
        self_excluded_until=held.self_excluded_until.asked(
            until, until is not None and until > (held.self_excluded_until.value or now), now
        ),
    )


def _amount(held: Setting, wanted: Cents | None, now: Millis) -> Setting:
    return held.asked(wanted, wanted is not None and (held.value is None or wanted < held.value), now)


def _check(wanted: Wanted, now: Millis) -> None:
    amounts = {"day": wanted.day, "week": wanted.week, "month": wanted.month}
    errors = [
        {"field": name, "message": f"between 0 and {MOST} cents, or null"}
        for name, cents in amounts.items()
        if cents is not None and not 0 <= cents <= MOST
    ]
    until = wanted.self_excluded_until
    if until is not None and not now < until <= now + LONGEST:
        errors.append({"field": "self_excluded_until", "message": "a moment to come, within five years, or null"})
    if errors:
        raise Invalid(errors=tuple(errors))
