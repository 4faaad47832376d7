"""The rules of a reader's standing, description, rates and presence, and of the invitation that makes one.

    invited → profile → verified ⇄ withdrawn

``profile`` is reached by describing oneself, ``verified`` and ``withdrawn`` by an admin. Identity and the payout
account will stand between ``profile`` and ``verified``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from chalicelib.kernel import text
from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, LinkExpired
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, SECOND, Millis, rfc3339

Modality = Literal["text", "voice", "video"]
Standing = Literal["invited", "profile", "verified", "withdrawn"]
Presence = Literal["offline", "online", "busy"]
Sort = Literal["name", "rate", "rating"]

MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)

INVITATION_LIFE: Final[Millis] = 7 * DAY
ONLINE_LIFE: Final[Millis] = 90 * SECOND
"""How long one ``online`` lasts. Apps repeat it every 30 s."""

HIGHEST_RATE: Final[Cents] = 100_000
"""Cents a minute."""
RAISE_PERCENT: Final = 20
RAISE_INTERVAL: Final[Millis] = 30 * DAY

NAME_LENGTH: Final = 50
BIOGRAPHY_LENGTH: Final = 4_000
SPECIALTY_LENGTH: Final = 40
MOST_SPECIALTIES: Final = 10
MOST_LANGUAGES: Final = 10

_SLUG: Final = re.compile(r"(?=.{3,40}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Price:
    """What a minute of one modality costs, also while it is not offered: a pause is no way around a raise's limit."""

    cents: Cents
    offered: bool
    raised_at: Millis | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What a reader says of themselves. A reader has one from ``profile`` on."""

    slug: str
    name: str
    biography: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader; ``id`` is their user id. ``rev`` counts the writes of everything but presence."""

    id: str
    standing: Standing
    description: Description | None
    prices: Mapping[Modality, Price] = field(default_factory=dict)
    online_until: Millis = 0
    """The moment from which they count as gone, unless they say again that they are here."""
    rating_total: int = 0
    rating_count: int = 0
    created_at: Millis = 0
    rev: int = 1

    @property
    def verified(self) -> bool:
        return self.standing == "verified"

    @property
    def rates(self) -> dict[Modality, Cents]:
        """Cents a minute of what is offered; a modality that is absent is not."""
        return {modality: price.cents for modality, price in self.prices.items() if price.offered}

    @property
    def rating(self) -> float | None:
        """The average of all reviews, 1 to 5, to two decimals; None without a review."""
        return round(self.rating_total / self.rating_count, 2) if self.rating_count else None

    def presence(self, now: Millis, busy: bool) -> Presence:
        """``busy``: whether they have an open reading; that shows even when their app fell silent."""
        if not self.verified:
            return "offline"
        if busy:
            return "busy"
        return "online" if now < self.online_until else "offline"


# --- invitation ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invitation:
    """Known by the SHA-256 of its token; the token itself is shown once and kept nowhere."""

    digest: str
    email: str | None
    """Only who signs in with this address may use it; None: whoever holds the token."""
    expires_at: Millis
    used_by: str | None = None


def check_acceptable(invitation: Invitation, email: str | None, now: Millis) -> None:
    """Raises AlreadyDone, LinkExpired or Forbidden where who has this address may not use the invitation now."""
    if invitation.used_by:
        raise AlreadyDone("This invitation was used before.")
    if now >= invitation.expires_at:
        raise LinkExpired("This invitation has expired. Ask for a new one.")
    if invitation.email and invitation.email.casefold() != (email or "").casefold():
        raise Forbidden("This invitation is for another e-mail address.")


# --- standing ------------------------------------------------------------------------------------


def verified(reader: Reader) -> Reader:
    """The reader, verified. Raises InvalidState before there is a profile to verify."""
    if reader.standing == "invited":
        raise InvalidState("The reader has no profile yet.")
    return replace(reader, standing="verified")


def withdrawn(reader: Reader) -> Reader:
    """The reader, out of the directory. Raises InvalidState for one who was never verified."""
    if reader.standing not in ("verified", "withdrawn"):
        raise InvalidState("The reader is not verified.")
    return replace(reader, standing="withdrawn")


def forgotten(reader: Reader) -> Reader:
    """The reader of a deleted account: out of the directory, with nothing that tells who it was."""
    standing: Standing = "withdrawn" if reader.verified else reader.standing
    return replace(reader, standing=standing, description=None, prices={})


def check_may_go_online(reader: Reader) -> None:
    """Raises Forbidden: only a verified reader can go online."""
    if not reader.verified:
        raise Forbidden("Only a verified reader can go online.")


# --- description ---------------------------------------------------------------------------------


def described(reader: Reader, wanted: Description) -> Reader:
    """The reader with this description, cleaned. Raises Invalid naming each field at fault."""
    specialties = _distinct(wanted.specialties, lambda each: text.one_line(each).casefold())
    languages = _distinct(wanted.languages, lambda each: text.language_tag(each) or "")
    cleaned = Description(
        slug=wanted.slug,
        name=text.one_line(wanted.name),
        biography=text.paragraphs(wanted.biography),
        specialties=specialties,
        languages=languages,
    )
    holds = {
        "slug": (_SLUG.fullmatch(wanted.slug), "3 to 40 lower-case letters, digits and single hyphens."),
        "name": (1 <= len(cleaned.name) <= NAME_LENGTH, f"Give a name of 1 to {NAME_LENGTH} visible characters."),
        "biography": (len(cleaned.biography) <= BIOGRAPHY_LENGTH, f"At most {BIOGRAPHY_LENGTH} characters."),
        "specialties": (
            len(specialties) <= MOST_SPECIALTIES and all(1 <= len(each) <= SPECIALTY_LENGTH for each in specialties),
            f"At most {MOST_SPECIALTIES}, of 1 to {SPECIALTY_LENGTH} visible characters each.",
        ),
        "languages": (
            len(languages) <= MOST_LANGUAGES and all(languages),
            f"At most {MOST_LANGUAGES} language tags, such as en or pt-BR.",
        ),
    }
    errors = tuple({"field": name, "message": message} for name, (held, message) in holds.items() if not held)
    if errors:
        raise Invalid(errors=errors)
    standing: Standing = "profile" if reader.standing == "invited" else reader.standing
    return replace(reader, standing=standing, description=cleaned)


def _distinct(written: tuple[str, ...], clean: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean(each) for each in written))


# --- rates ---------------------------------------------------------------------------------------


def priced(reader: Reader, wanted: Mapping[Modality, Cents], now: Millis) -> Reader:
    """The reader with these rates in cents a minute; what is absent is no longer offered.

    Raises Invalid outside 1 to 100,000 cents or, for a verified reader, for a raise of more than 20 %;
    InvalidState for a second raise of the same modality within 30 days.
    """
    errors = tuple(
        {"field": modality, "message": message}
        for modality, cents in wanted.items()
        if (message := _refused(reader, reader.prices.get(modality), cents))
    )
    if errors:
        raise Invalid(errors=errors)
    prices = {modality: replace(price, offered=False) for modality, price in reader.prices.items()}
    for modality, cents in wanted.items():
        prices[modality] = _repriced(reader.prices.get(modality), cents, modality, reader.verified, now)
    return replace(reader, prices=prices)


def _refused(reader: Reader, present: Price | None, cents: Cents) -> str | None:
    if not 1 <= cents <= HIGHEST_RATE:
        return f"From 1 to {HIGHEST_RATE} cents a minute."
    if reader.verified and present and cents * 100 > present.cents * (100 + RAISE_PERCENT):
        return f"A raise is at most {RAISE_PERCENT} %: {present.cents * (100 + RAISE_PERCENT) // 100} cents here."
    return None


def _repriced(present: Price | None, cents: Cents, modality: Modality, is_verified: bool, now: Millis) -> Price:
    """Only the raises of a verified reader count: nobody was promised the prices of before."""
    if present is None:
        return Price(cents, offered=True)
    if cents <= present.cents or not is_verified:
        return replace(present, cents=cents, offered=True)
    again_at = (present.raised_at or 0) + RAISE_INTERVAL
    if now < again_at:
        raise InvalidState(f"The rate for {modality} can be raised again at {rfc3339(again_at)}.")
    return Price(cents, offered=True, raised_at=now)


# --- directory -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader of the directory must be like; None asks nothing."""

    specialty: str | None = None
    modality: Modality | None = None
    max_rate: Cents | None = None
    """For ``modality``, or for any that is offered."""
    min_rating: float | None = None
    online: bool | None = None
    """True: here and free now. False: not."""
    q: str | None = None
    """Every one of these words, in any case, in the name, biography, specialties or slug."""


def matches(reader: Reader, filters: Filters) -> bool:
    """Whether the reader has what the filters ask, presence aside."""
    description = reader.description
    if description is None:
        return False
    words = text.one_line(filters.q or "").casefold().split()
    said = "\n".join((description.name, description.biography, description.slug, *description.specialties)).casefold()
    return (
        (filters.specialty is None or text.one_line(filters.specialty).casefold() in description.specialties)
        and (filters.modality is None or filters.modality in reader.rates)
        and (filters.max_rate is None or _cheapest(reader, filters.modality) <= filters.max_rate)
        and (filters.min_rating is None or (reader.rating or 0) >= filters.min_rating)
        and all(word in said for word in words)
    )


Place = tuple[int | str, str]
"""Where a reader stands in a sorted directory; no two stand in the same place."""


def place(reader: Reader, sort: Sort, modality: Modality | None) -> Place:
    """By name, by the lowest rate (of ``modality``, or of any), or by the best rating."""
    said = reader.description
    if said is None:
        raise ValueError(f"{reader.id} is not described")
    slug = said.slug
    match sort:
        case "name":
            return said.name.casefold(), slug
        case "rate":
            return _cheapest(reader, modality), slug
        case "rating":
            return -round((reader.rating or 0) * 100), slug


def _cheapest(reader: Reader, modality: Modality | None) -> Cents:
    """Above every rate where there is none."""
    rates = reader.rates
    offered = rates.values() if modality is None else [rates[modality]] if modality in rates else []
    return min(offered, default=HIGHEST_RATE + 1)
