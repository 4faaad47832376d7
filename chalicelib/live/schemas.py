"""What the endpoints of streams take and give."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import ConfigDict, Field

from chalicelib.gateways.agora import Lease
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.live.model.terms import (
    INVITED_AT_ONCE,
    MOST_COINS,
    TITLE_LENGTH,
    Barred,
    Reason,
    State,
    Visibility,
)
from chalicelib.runtime.schemas import Id, ListQuery, MediaView, Moment, PersonView, Schema

if TYPE_CHECKING:
    from chalicelib.live.looking import Seen
    from chalicelib.live.moderating import Standing

Invited = Annotated[list[Id], Field(max_length=INVITED_AT_ONCE, description="Ids of people.")]


class NewStream(Schema):
    """A stream to come."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Full moon", "visibility": "premium", "price": 250}]}
    )

    title: Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH)]
    visibility: Annotated[Visibility, Field(description="For everybody, who is invited, or who has a ticket.")]
    price: Annotated[int, Field(ge=1, le=MOST_COINS, description="Of a ticket, in coins; premium only.")] | None = None
    starts_at: Annotated[Moment, Field(description="Now, where absent.")] | None = None
    invited: Annotated[Invited, Field(default_factory=list, description="To a private one.")]


class InvitationsBody(Schema):
    """Whom to invite."""

    users: Annotated[Invited, Field(min_length=1)]


class ModeratorBody(Schema):
    """Who is to keep order, or no longer."""

    user: Id
    moderator: bool


class MuteBody(Schema):
    """Who is to write no more, or again."""

    user: Id
    muted: bool


class BanBody(Schema):
    """Who is to be put out, or let in again."""

    user: Id
    banned: bool


class StreamView(Schema):
    """A stream, as one sees it."""

    id: str
    host: PersonView
    title: str
    visibility: Visibility
    price: int | None = Field(description="Of a ticket, in coins.")
    state: State
    reason: Reason | None = Field(description="What ended it.")
    starts_at: str
    started_at: str | None
    ended_at: str | None
    viewers: int
    peak: int
    role: Literal["host", "moderator", "viewer"] | None = Field(description="One's own; null for who is signed out.")
    may_join: bool | None = Field(description="Null in a list.")
    barred: Barred | None = Field(description="Why one may not join.")
    muted: bool | None = Field(description="Whether one may not write; null in a list.")

    @classmethod
    def of(cls, seen: "Seen", user: str | None) -> Self:
        stream, viewer = seen.stream, seen.viewer
        role = "host" if user == stream.host else "moderator" if user in stream.moderators else "viewer"
        return cls(
            id=stream.id,
            host=PersonView(id=stream.host, display_name=stream.host_name),
            title=stream.title,
            visibility=stream.visibility,
            price=stream.price,
            state=stream.state,
            reason=stream.ended_for,
            starts_at=rfc3339(stream.starts_at),
            started_at=rfc3339_or_none(stream.started_at),
            ended_at=rfc3339_or_none(stream.ended_at),
            viewers=seen.viewers,
            peak=seen.peak,
            role=role if user else None,
            may_join=seen.barred is None if seen.asked else None,
            barred=seen.barred,
            muted=viewer is not None and viewer.muted if seen.asked else None,
        )


class StreamWithMedia(Schema):
    """A stream, and a lease on its channel."""

    stream: StreamView
    media: MediaView


class ViewerView(Schema):
    """Somebody before a stream, as who keeps order sees them."""

    user: PersonView
    moderator: bool
    muted: bool
    banned: bool

    @classmethod
    def of(cls, found: "Standing") -> Self:
        return cls(
            user=PersonView(id=found.user, display_name=found.name),
            moderator=found.moderator,
            muted=found.muted,
            banned=found.banned,
        )


class StreamsQuery(ListQuery):
    """Which streams."""

    state: Annotated[
        Literal["live", "upcoming", "past", "invited"],
        Field(description="`past`: one's own. `invited`: the private ones to which one is."),
    ] = "live"
    host: Annotated[Id, Field(description="The id of a reader, whose live or upcoming stream is asked for.")] | None = (
        None
    )


def media_of(lease: Lease) -> MediaView:
    """The lease as a phone needs it."""
    return MediaView(
        app_id=lease.app_id,
        channel=lease.channel,
        uid=lease.uid,
        rtc_token=lease.rtc_token,
        rtm_token=lease.rtm_token,
        expires_at=rfc3339(lease.expires_at),
    )
