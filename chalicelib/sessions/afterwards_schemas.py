"""What the endpoints of what follows a reading take and give."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field

from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.runtime.schemas import Money, Schema
from chalicelib.sessions.model.afterwards import (
    GUARANTEE_LENGTH,
    NOTE_LENGTH,
    REVIEW_LENGTH,
    TIP_LEAST,
    TIP_MOST,
    Guarantee,
)

if TYPE_CHECKING:
    from chalicelib.readers.reviews import Review
    from chalicelib.sessions.afterwards import Note, Tip


class NewTip(Schema):
    """How much to give the reader."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 500}]})

    amount: Annotated[int, Field(ge=TIP_LEAST, le=TIP_MOST, description="Cents.")]


class TipView(Schema):
    """A tip that was given."""

    id: str
    session: str
    amount: Money
    created_at: str


class NewReview(Schema):
    """What one says of a reading."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rating": 5, "text": "She saw what I could not."}]})

    rating: Annotated[int, Field(ge=1, le=5)]
    text: Annotated[str, Field(max_length=REVIEW_LENGTH)] = ""


class NewReply(Schema):
    """What the reader says to a review."""

    text: Annotated[str, Field(min_length=1, max_length=REVIEW_LENGTH)]


class ReplyView(Schema):
    """The reader's word on a review."""

    text: str
    created_at: str


class ReviewView(Schema):
    """A review as anybody may read it."""

    id: str
    author: str = Field(description="The first word of the client's name.")
    rating: int
    text: str
    created_at: str
    reply: ReplyView | None


class NoteBody(Schema):
    """What to keep; empty deletes the note."""

    text: Annotated[str, Field(max_length=NOTE_LENGTH)]


class NoteView(Schema):
    """One's own note; nobody else reads it. Empty where there is none."""

    text: str
    updated_at: str | None


class NewGuarantee(Schema):
    """Why one was not satisfied."""

    reason: Annotated[str, Field(min_length=1, max_length=GUARANTEE_LENGTH)]


class GuaranteeView(Schema):
    """A satisfaction request, and what people decided on it."""

    id: str
    session: str
    status: Literal["pending", "granted", "refused"]
    amount: Money = Field(description="What is given back when it is granted.")
    created_at: str
    decided_at: str | None


def tip_view(tip: "Tip") -> TipView:
    """The tip."""
    return TipView(id=tip.id, session=tip.session, amount=Money(amount=tip.amount), created_at=rfc3339(tip.at))


def review_view(review: "Review") -> ReviewView:
    """The review without whose it is."""
    reply = review.reply is not None and review.replied_at is not None
    return ReviewView(
        id=review.id,
        author=review.name,
        rating=review.rating,
        text=review.text,
        created_at=rfc3339(review.at),
        reply=ReplyView(text=review.reply or "", created_at=rfc3339(review.replied_at or 0)) if reply else None,
    )


def note_view(note: "Note") -> NoteView:
    """The note."""
    return NoteView(text=note.text, updated_at=rfc3339_or_none(note.at))


def guarantee_view(guarantee: Guarantee) -> GuaranteeView:
    """The request as the client sees it."""
    return GuaranteeView(
        id=guarantee.id,
        session=guarantee.session,
        status=guarantee.status,
        amount=Money(amount=guarantee.amount),
        created_at=rfc3339(guarantee.asked_at),
        decided_at=rfc3339_or_none(guarantee.decided_at),
    )
