"""The rules of a person's profile: what may be changed, by whom, and what a name may hold."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from chalicelib.kernel import text
from chalicelib.kernel.errors import AgeRequired, AlreadyDone, Invalid, InvalidState
from chalicelib.kernel.roles import Role
from chalicelib.kernel.time import Millis

Status = Literal["active", "suspended", "deleted"]

ADULT: Final = 18
"""Years."""
OLDEST: Final = 120
"""Years. An earlier birth date is a slip of the finger."""
NAME_LENGTH: Final = 50
NEUTRAL_NAME: Final = "New member"
FORGOTTEN_NAME: Final = "Deleted member"

_ROLE_CHANGES: Final = frozenset({("client", "reader"), ("client", "admin"), ("admin", "client")})
"""A reader stays a reader: bookings, earnings and a public page hang on it."""


@dataclass(frozen=True, slots=True)
class Person:
    """One profile. ``rev`` counts its writes; a write is conditional on the one it was decided on."""

    id: str
    role: Role
    status: Status
    display_name: str
    birth_date: date | None
    time_zone: str
    locale: str
    email: str | None
    """As the token gave it. Never shown to another person."""
    created_at: Millis
    rev: int

    @property
    def suspended(self) -> bool:
        return self.status == "suspended"

    @property
    def deleted(self) -> bool:
        return self.status == "deleted"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person asks to change of their own profile; None leaves a field as it is."""

    display_name: str | None = None
    birth_date: date | None = None
    time_zone: str | None = None
    locale: str | None = None


def newcomer(person_id: str, name: str | None, email: str | None, now: Millis) -> Person:
    """The profile of a subject seen for the first time: always a client, whatever the token says."""
    return Person(
        id=person_id,
        role="client",
        status="active",
        display_name=_name_from_token(name),
        birth_date=None,
        time_zone="UTC",
        locale="en",
        email=email,
        created_at=now,
        rev=1,
    )


def changed(person: Person, changes: Changes, today: date) -> Person:
    """The profile after the changes. Raises Invalid, AgeRequired, AlreadyDone (a birth date is set once)."""
    errors: list[dict[str, str]] = []

    def checked(field: str, wanted: str | None, present: str, accepted: str | None, message: str) -> str:
        if wanted is None:
            return present
        if accepted is None:
            errors.append({"field": field, "message": message})
            return present
        return accepted

    display_name = checked(
        "display_name",
        changes.display_name,
        person.display_name,
        _display_name(changes.display_name or ""),
        f"Give a name of 1 to {NAME_LENGTH} visible characters.",
    )
    time_zone = checked(
        "time_zone",
        changes.time_zone,
        person.time_zone,
        known_zone(changes.time_zone or ""),
        "Give an IANA time zone, such as America/New_York.",
    )
    locale = checked(
        "locale",
        changes.locale,
        person.locale,
        text.language_tag(changes.locale or ""),
        "Give a language tag, such as en-US.",
    )
    if errors:
        raise Invalid(errors=tuple(errors))
    birth_date = _birth_date(person.birth_date, changes.birth_date, today)
    return replace(person, display_name=display_name, birth_date=birth_date, time_zone=time_zone, locale=locale)


def with_role(person: Person, role: Role) -> Person:
    """The person in another role. Raises InvalidState where there is no such step."""
    _check_there(person)
    if (person.role, role) not in _ROLE_CHANGES:
        raise InvalidState(f"A {person.role} cannot become a {role}.")
    return replace(person, role=role)


def suspended(person: Person) -> Person:
    """The person, shut out. Raises InvalidState for one who is deleted."""
    _check_there(person)
    return replace(person, status="suspended")


def reinstated(person: Person) -> Person:
    """The person, let in again. Raises InvalidState for one who is deleted."""
    _check_there(person)
    return replace(person, status="active")


def forgotten(person: Person) -> Person:
    """The person without anything that tells who it was; what they did keeps its author's id."""
    return replace(
        person,
        status="deleted",
        display_name=FORGOTTEN_NAME,
        birth_date=None,
        time_zone="UTC",
        locale="en",
        email=None,
    )


def next_rev(decided: Person, was: Person) -> Person:
    """``decided`` as the write that follows ``was``."""
    return replace(decided, rev=was.rev + 1)


def age(born: date, today: date) -> int:
    """Whole years. Who was born on 29 February is a year older on 1 March of a common year."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _check_there(person: Person) -> None:
    if person.deleted:
        raise InvalidState("This account was deleted.")


def _birth_date(known: date | None, wanted: date | None, today: date) -> date | None:
    if wanted is None or wanted == known:
        return known
    if known is not None:
        raise AlreadyDone("The birth date was set before. Contact support to correct it.")
    if wanted >= today or age(wanted, today) > OLDEST:
        raise Invalid(errors=({"field": "birth_date", "message": "Give the day on which you were born."},))
    if age(wanted, today) < ADULT:
        raise AgeRequired
    return wanted


def _display_name(written: str) -> str | None:
    name = text.one_line(written)
    return name if 1 <= len(name) <= NAME_LENGTH else None


def _name_from_token(name: str | None) -> str:
    """Some issuers put the e-mail address into the name; that is nobody else's to see."""
    cleaned = text.one_line(name or "")
    return NEUTRAL_NAME if not cleaned or "@" in cleaned else cleaned[:NAME_LENGTH].rstrip()


def known_zone(name: str) -> str | None:
    """Only names of the form Area/Place, and UTC: the database also holds links and files of this machine."""
    if name != "UTC" and ("/" not in name or name.startswith(("posix/", "right/"))):
        return None
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: America/Argentina is a folder
        return None
    return name
