"""Readers as the directory shows them, and as they see themselves."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from chalicelib.kernel.time import rfc3339_or_none
from chalicelib.readers.model import (
    Card,
    Description,
    Favorite,
    Filters,
    Missing,
    Modality,
    PictureType,
    Presence,
    Queue,
    Reader,
    Sort,
    Standing,
    card,
)
from chalicelib.runtime.schemas import Id, ListQuery, Schema

Rates = Annotated[
    dict[Modality, int],
    Field(description="Cents a minute; a modality that is absent is not offered.", examples=[{"text": 199}]),
]
PictureUrl = Annotated[
    str | None, Field(description="Shows the picture for an hour, to whoever has it; null without one.")
]


class ReaderCard(Schema):
    """A reader in a list."""

    id: str
    slug: str
    name: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    picture_url: PictureUrl
    verified: bool
    rates: Rates
    rating: Annotated[float | None, Field(description="Average of all reviews, 1 to 5; null without one.")]
    reviews: int
    presence: Presence

    @classmethod
    def of(cls, card: Card, presence: Presence, picture_url: str | None) -> Self:
        return cls(**_shown(card, presence, picture_url))


class ReaderProfile(ReaderCard):
    """A reader on a page of their own."""

    biography: str

    @classmethod
    def about(cls, reader: Reader, presence: Presence, picture_url: str | None) -> Self:
        said = reader.description
        return cls(**_shown(card(reader), presence, picture_url), biography=said.biography if said else "")


class OwnProfile(Schema):
    """What a reader sees of themselves. Before the first `PUT` there is no description."""

    id: str
    state: Standing
    missing: Annotated[
        tuple[Missing, ...], Field(description="What there is to do before clients can ask you for a reading.")
    ]
    verified: bool
    slug: str | None
    name: str | None
    biography: str | None
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    picture_url: PictureUrl
    rates: Rates

    @classmethod
    def of(cls, reader: Reader, picture_url: str | None) -> Self:
        said = reader.description
        return cls(
            id=reader.id,
            state=reader.standing,
            missing=reader.missing,
            verified=reader.verified,
            slug=said.slug if said else None,
            name=said.name if said else None,
            biography=said.biography if said else None,
            specialties=said.specialties if said else (),
            languages=said.languages if said else (),
            picture_url=picture_url,
            rates=reader.rates,
        )


class PictureBody(Schema):
    """What the picture is."""

    media_type: PictureType


class PictureUpload(Schema):
    """Post the file to `url` as a form within 10 minutes: `fields` first, then it as `file`. 5 MB at most."""

    upload: Annotated[str, Field(description="For `PUT /v1/reader/picture`.")]
    url: str
    fields: dict[str, str]


class UploadBody(Schema):
    """What was uploaded."""

    upload: Id


class InvitationToken(Schema):
    """The token of an invitation, as the admin handed it over."""

    token: Annotated[str, Field(min_length=1, max_length=128)]


class ProfileBody(Schema):
    """All that a reader says of themselves, replacing what was said before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"slug": "rosa-reads", "name": "Rosa", "specialties": ["tarot"], "languages": ["en"]}]
        }
    )

    slug: Annotated[
        str, Field(max_length=40, description="3 to 40 lower-case letters, digits and single hyphens; unique.")
    ]
    name: Annotated[str, Field(max_length=200)]
    biography: Annotated[str, Field(max_length=8_000)] = ""
    specialties: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=50)] = ()
    languages: Annotated[
        tuple[Annotated[str, Field(max_length=35)], ...],
        Field(max_length=50, description="Language tags (BCP 47)."),
    ] = ()

    def description(self) -> Description:
        return Description(
            slug=self.slug,
            name=self.name,
            biography=self.biography,
            specialties=self.specialties,
            languages=self.languages,
        )


class RatesBody(Schema):
    """Cents a minute, 1 to 100,000. Absent or null: not offered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": 150, "voice": 250, "video": 300}]})

    text: int | None = None
    voice: int | None = None
    video: int | None = None

    def rates(self) -> dict[Modality, int]:
        asked: dict[Modality, int | None] = {"text": self.text, "voice": self.voice, "video": self.video}
        return {modality: cents for modality, cents in asked.items() if cents is not None}


class PresenceBody(Schema):
    """Repeat `online` every 30 s; 90 s of silence is offline."""

    status: Literal["online", "offline"]


class QueueBody(Schema):
    """How one would like to be read to."""

    modality: Modality


class QueueView(Schema):
    """One's place among those who wait for a reader."""

    position: Annotated[int, Field(description="From 1.")]
    waiting: Annotated[int, Field(description="How many wait, oneself among them.")]
    offered_until: Annotated[
        str | None,
        Field(description="The reader is yours to ask, and nobody else's, until then; null while it is not your turn."),
    ]

    @classmethod
    def of(cls, queue: Queue, client: str) -> Self:
        mine = queue.offered_until if queue.offered_to == client else None
        return cls(
            position=queue.position(client) or 0,
            waiting=len(queue.waiting),
            offered_until=rfc3339_or_none(mine),
        )


class FavoriteBody(Schema):
    """Whether to be told when the reader comes online, at most once an hour."""

    notify_online: bool = False


class FavoriteView(Schema):
    """A reader whom one keeps at hand."""

    reader: ReaderCard
    notify_online: bool

    @classmethod
    def of(cls, favorite: Favorite, shown: ReaderCard) -> Self:
        return cls(reader=shown, notify_online=favorite.notify_online)


class DirectoryQuery(ListQuery):
    """What to look for among the readers."""

    specialty: Annotated[str, Field(max_length=200)] | None = None
    modality: Modality | None = None
    max_rate: Annotated[int, Field(ge=1, description="Cents a minute, of `modality` or of any.")] | None = None
    min_rating: Annotated[float, Field(ge=1, le=5)] | None = None
    online: Annotated[bool, Field(description="true: here and free now.")] | None = None
    q: Annotated[str, Field(max_length=200, description="Words that must all be found.")] | None = None
    sort: Sort = "name"

    def filters(self) -> Filters:
        return Filters(
            specialty=self.specialty,
            modality=self.modality,
            max_rate=self.max_rate,
            min_rating=self.min_rating,
            online=self.online,
            q=self.q,
        )


def _shown(card: Card, presence: Presence, picture_url: str | None) -> dict[str, Any]:
    return {
        "id": card.id,
        "slug": card.slug,
        "name": card.name,
        "specialties": card.specialties,
        "languages": card.languages,
        "picture_url": picture_url,
        "verified": True,
        "rates": card.rates,
        "rating": card.rating,
        "reviews": card.rating_count,
        "presence": presence,
    }
