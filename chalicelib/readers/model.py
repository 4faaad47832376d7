"""The rules of a reader's standing, description, rates and presence, and of the invitation that makes one.

    invited → profile → verified ⇄ withdrawn

``profile`` is reached by describing oneself, ``verified`` and ``withdrawn`` by an admin. Identity and the payout
account will stand between ``profile`` and ``verified``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from chalicelib.kernel import text
from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, LinkExpired, ReaderBusy
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND, Millis, rfc3339

Modality = Literal["text", "voice", "video"]
Standing = Literal["invited", "profile", "verified", "withdrawn"]
Presence = Literal["offline", "online", "busy"]
Sort = Literal["name", "rate", "rating"]
PictureType = Literal["image/jpeg", "image/png", "image/webp"]
Missing = Literal["profile", "rates", "verification"]

PICTURE_TYPES: Final[tuple[PictureType, ...]] = get_args(PictureType)
MOST_PICTURE_BYTES: Final = 5 * 1024 * 1024
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)

INVITATION_LIFE: Final[Millis] = 7 * DAY
ONLINE_LIFE: Final[Millis] = 90 * SECOND
"""How long one ``online`` lasts. Apps repeat it every 30 s."""

TOLD_EVERY: Final[Millis] = HOUR
"""At most so often followers are told that a reader came online."""
OFFER_LIFE: Final[Millis] = 2 * MINUTE
WAIT_LIFE: Final[Millis] = HOUR
"""How long somebody stays in a queue without asking again."""
MOST_WAITING: Final = 50

HIGHEST_RATE: Final[Cents] = 100_000
"""Cents a minute."""
RAISE_PERCENT: Final = 20
RAISE_INTERVAL: Final[Millis] = 30 * DAY

NAME_LENGTH: Final = 50
BIOGRAPHY_LENGTH: Final = 4_000
SPECIALTY_LENGTH: Final = 40
MOST_SPECIALTIES: Final = 10
MOST_LANGUAGES: Final = 10
MOST_WORDS: Final = 25
"""By which a reader is found. A card lies below each, and one transaction (100 operations) moves all of them twice."""
WORD_LENGTH: Final = 40
"""Characters; of a longer word its beginning counts."""
SHORTEST_TOLD: Final = 3
"""Characters of a word of the biography; shorter ones say nothing about anybody."""

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
class Waiting:
    """Somebody in a queue, until ``until`` unless they ask again."""

    client: str
    modality: Modality
    until: Millis


@dataclass(frozen=True, slots=True)
class Queue:
    """Who waits for one reader, first come first. ``rev`` counts its writes; 0 where there was none."""

    waiting: tuple[Waiting, ...] = ()
    offered_until: Millis | None = None
    """Until when the first may have the reader, and nobody else; None while nobody is offered them."""
    rev: int = 0

    @property
    def offered_to(self) -> str | None:
        """Who may have the reader now."""
        return self.waiting[0].client if self.offered_until is not None and self.waiting else None

    def position(self, client: str) -> int | None:
        """From 1; None for who does not wait."""
        return next((place for place, each in enumerate(self.waiting, 1) if each.client == client), None)


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader; ``id`` is their user id. ``rev`` counts the writes of everything but presence and queue."""

    id: str
    standing: Standing
    description: Description | None
    prices: Mapping[Modality, Price] = field(default_factory=dict)
    picture: str | None = None
    """The id of the upload that they show."""
    online_until: Millis = 0
    """The moment from which they count as gone, unless they say again that they are here. 0: they left."""
    told_at: Millis = 0
    """When their followers were last told that they came online."""
    queue: Queue = Queue()
    rating_total: int = 0
    rating_count: int = 0
    created_at: Millis = 0
    rev: int = 1

    @property
    def verified(self) -> bool:
        return self.standing == "verified"

    @property
    def slug(self) -> str | None:
        """None before they have described themselves."""
        return self.description.slug if self.description else None

    @property
    def here(self) -> bool:
        """Whether they said that they are online, and did not leave; it may be long ago."""
        return self.online_until > 0

    @property
    def rates(self) -> dict[Modality, Cents]:
        """Cents a minute of what is offered; a modality that is absent is not."""
        return {modality: price.cents for modality, price in self.prices.items() if price.offered}

    @property
    def rating(self) -> float | None:
        """The average of all reviews, 1 to 5, to two decimals; None without a review."""
        return _rating(self.rating_total, self.rating_count)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What there is to do before clients can ask them for a reading, in the order to do it."""
        done: dict[Missing, bool] = {
            "profile": self.description is not None,
            "rates": bool(self.rates),
            "verification": self.verified,
        }
        return tuple(what for what, is_done in done.items() if not is_done)

    def presence(self, now: Millis, busy: bool) -> Presence:
        """``busy``: whether they have an open reading; that shows even when their app fell silent."""
        return presence(self.online_until, now, busy) if self.verified else "offline"


def presence(online_until: Millis, now: Millis, busy: bool) -> Presence:
    """That of a verified reader."""
    if busy:
        return "busy"
    return "online" if now < online_until else "offline"


# --- invitation ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invitation:
    """Known by the SHA-256 of its token; the token itself is shown once and kept nowhere."""

    digest: str
    bound_to: str | None
    """The seal of the one address that may use it, see ``sealed``; None: whoever holds the token."""
    expires_at: Millis
    used_by: str | None = None


def sealed(token: str, email: str) -> str:
    """What tells whether an address is the one, for who holds the token; to anybody else it tells no address."""
    return hashlib.sha256(f"{token}\n{email.casefold()}".encode()).hexdigest()


def check_acceptable(invitation: Invitation, token: str, email: str | None, now: Millis) -> None:
    """Raises AlreadyDone, LinkExpired or Forbidden where who has token and address may not use the invitation now."""
    if invitation.used_by:
        raise AlreadyDone("This invitation was used before.")
    if now >= invitation.expires_at:
        raise LinkExpired("This invitation has expired. Ask for a new one.")
    if invitation.bound_to not in (None, sealed(token, email or "")):
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
    return replace(reader, standing=standing, description=None, prices={}, picture=None)


def awaits_verification(reader: Reader) -> bool:
    """Whether it is an admin's turn: they have said who they are, and nobody has looked at it."""
    return reader.standing == "profile" and reader.description is not None


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


# --- queue ---------------------------------------------------------------------------------------


def in_turn(queue: Queue, now: Millis, *, free: bool) -> Queue:
    """The queue as it is by now. ``free``: whether the reader is here and in no reading.

    An offer that ran out passes the turn on. While the reader is not free nobody is offered them, and nobody loses
    their turn by that.
    """
    passed = free and queue.offered_until is not None and now >= queue.offered_until
    waiting = tuple(each for each in queue.waiting[passed:] if now < each.until)
    same_head = not passed and waiting[:1] == queue.waiting[:1]
    until = queue.offered_until if same_head and queue.offered_until is not None else now + OFFER_LIFE
    return replace(queue, waiting=waiting, offered_until=until if free and waiting else None)


def joined(queue: Queue, client: str, modality: Modality, now: Millis) -> Queue:
    """With the client at its end, or where they already are: asking again keeps the place, and the time at hand.

    Raises ReaderBusy where 50 are waiting.
    """
    asks = Waiting(client, modality, now + WAIT_LIFE)
    place = queue.position(client)
    if place is None:
        if len(queue.waiting) >= MOST_WAITING:
            raise ReaderBusy("Too many are waiting for this reader.")
        return replace(queue, waiting=(*queue.waiting, asks))
    was = queue.waiting[place - 1]
    if was.modality == modality and was.until - now > WAIT_LIFE // 2:  # so that polling writes nothing
        return queue
    return replace(queue, waiting=(*queue.waiting[: place - 1], asks, *queue.waiting[place:]))


def left(queue: Queue, client: str) -> Queue:
    """Without the client; what they were offered is nobody's yet."""
    waiting = tuple(each for each in queue.waiting if each.client != client)
    offered_until = None if queue.offered_to == client else queue.offered_until
    return replace(queue, waiting=waiting, offered_until=offered_until)


@dataclass(frozen=True, slots=True)
class Favorite:
    """A reader whom a client keeps at hand."""

    client: str
    reader: str
    notify_online: bool
    """Whether the client is told when the reader comes online."""


# --- directory -----------------------------------------------------------------------------------
#
# A verified reader has a *card* below each facet: each thing that somebody may look for. A page of the directory walks
# the cards of one facet in the order that was asked for, and looks at each whether it has the rest.


@dataclass(frozen=True, slots=True)
class Card:
    """What a list shows of a reader, and what it can be searched and sorted by."""

    id: str
    slug: str
    name: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    picture: str | None
    rates: Mapping[Modality, Cents]
    rating_total: int
    rating_count: int
    words: tuple[str, ...]

    @property
    def rating(self) -> float | None:
        """The average of all reviews, 1 to 5, to two decimals; None without a review."""
        return _rating(self.rating_total, self.rating_count)


def card(reader: Reader) -> Card:
    """The reader's card. Raises ValueError for one who has not described themselves."""
    said = reader.description
    if said is None:
        raise ValueError(f"{reader.id} is not described")
    return Card(
        id=reader.id,
        slug=said.slug,
        name=said.name,
        specialties=said.specialties,
        languages=said.languages,
        picture=reader.picture,
        rates=reader.rates,
        rating_total=reader.rating_total,
        rating_count=reader.rating_count,
        words=_words(said),
    )


def _words(said: Description) -> tuple[str, ...]:
    """The first words of name, slug, specialties and biography, in this order."""
    told = [each for each in text.words(said.biography) if len(each) >= SHORTEST_TOLD]
    shown = text.words(" ".join((said.name, said.slug, *said.specialties)))
    return tuple(dict.fromkeys(each[:WORD_LENGTH] for each in (*shown, *told)))[:MOST_WORDS]


def facets(card: Card, here: bool) -> frozenset[str]:
    """Below what the card lies. ``here``: whether the reader has said that they are online, and not left."""
    return frozenset(
        (
            "all",
            *(f"modality#{each}" for each in card.rates),
            *(f"specialty#{each}" for each in card.specialties),
            *(f"word#{each}" for each in card.words),
            *(online_facets(card) if here else ()),
        )
    )


def online_facets(card: Card) -> tuple[str, ...]:
    """Below what the card lies only while its reader is here."""
    return "online", *(f"online#{each}" for each in card.specialties)


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
    """Every one of these words, in any case and without accents, among the reader's own."""

    @property
    def words(self) -> tuple[str, ...]:
        """Those of ``q``."""
        return tuple(each[:WORD_LENGTH] for each in text.words(self.q or ""))

    @property
    def of_specialty(self) -> str | None:
        """``specialty`` as a description holds it."""
        return None if self.specialty is None else text.one_line(self.specialty).casefold()


def narrowest(filters: Filters) -> str:
    """The facet below which the fewest cards lie that have what is asked, as far as can be told without counting."""
    specialty = filters.of_specialty
    if filters.words:
        return f"word#{max(filters.words, key=len)}"
    if specialty is not None:
        return f"online#{specialty}" if filters.online else f"specialty#{specialty}"
    if filters.online:
        return "online"
    return f"modality#{filters.modality}" if filters.modality else "all"


def matches(card: Card, filters: Filters) -> bool:
    """Whether the reader has what the filters ask, presence aside."""
    return (
        filters.of_specialty in (None, *card.specialties)
        and (filters.modality is None or filters.modality in card.rates)
        and (filters.max_rate is None or _cheapest(card, filters.modality) <= min(filters.max_rate, HIGHEST_RATE))
        and (filters.min_rating is None or (card.rating or 0) >= filters.min_rating)
        and set(filters.words) <= set(card.words)
    )


Order = Literal["by_name", "by_rating", "by_rate", "by_text_rate", "by_voice_rate", "by_video_rate"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
_RATE_ORDERS: Final[Mapping[Modality, Order]] = {
    "text": "by_text_rate",
    "voice": "by_voice_rate",
    "video": "by_video_rate",
}


def order_of(sort: Sort, modality: Modality | None) -> Order:
    """The order of a list: by name, by the best rating, or by the lowest rate (of ``modality``, or of any)."""
    if sort == "rate":
        return _RATE_ORDERS[modality] if modality else "by_rate"
    return "by_name" if sort == "name" else "by_rating"


def places(card: Card) -> dict[Order, str]:
    """Where the card stands in each order, as text that sorts so; no two cards stand in the same place.

    A modality that is not offered has no place.
    """
    rates = {_RATE_ORDERS[modality]: _rate_rank(cents) for modality, cents in card.rates.items()}
    ranks: dict[Order, str] = {
        "by_name": text.folded(card.name)[:NAME_LENGTH],
        "by_rating": _rating_rank(card.rating or 0),
        "by_rate": _rate_rank(_cheapest(card, None)),
        **rates,
    }
    return {order: f"{rank}{_TIE}{card.slug}" for order, rank in ranks.items()}


def bounds(order: Order, filters: Filters) -> tuple[str, str]:
    """Between which places in the order whoever has the rate or rating that is asked stands."""
    if order == "by_rating" and filters.min_rating is not None:
        return _FIRST, _rating_rank(filters.min_rating) + _LAST
    if order not in ("by_name", "by_rating") and filters.max_rate is not None:
        return _FIRST, _rate_rank(min(filters.max_rate, HIGHEST_RATE)) + _LAST
    return _FIRST, _LAST


_TIE: Final = "\t"
"""Between rank and slug: sorts before every character that a name holds."""
_FIRST: Final = "\t"
_LAST: Final = "\U0010ffff"


def _rate_rank(cents: Cents) -> str:
    return f"{cents:06}"


def _rating_rank(rating: float) -> str:
    """The best first."""
    return f"{500 - round(rating * 100):03}"


def _cheapest(card: Card, modality: Modality | None) -> Cents:
    """Above every rate where there is none."""
    rates = card.rates
    offered = rates.values() if modality is None else [rates[modality]] if modality in rates else []
    return min(offered, default=HIGHEST_RATE + 1)


def _rating(total: int, count: int) -> float | None:
    return round(total / count, 2) if count else None
