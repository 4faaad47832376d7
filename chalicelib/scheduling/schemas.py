"""What the scheduling endpoints take and give."""

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, ConfigDict, Field

from chalicelib.accounts.model.person import known_zone
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.time import Millis, rfc3339, rfc3339_or_none
from chalicelib.runtime.schemas import Id, ListQuery, Moment, Money, PersonView, Schema
from chalicelib.scheduling.model.availability import (
    MOST_HOURS,
    MOST_OVERRIDES,
    Availability,
    Hours,
    checked_hours,
    local_time,
)
from chalicelib.scheduling.model.booking import Booking, State, refund_of_client
from chalicelib.sessions.model.session import Modality, Reason, Who

if TYPE_CHECKING:
    from chalicelib.scheduling.availability import Slots

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_DAYS: Final[tuple[Day, ...]] = get_args(Day)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_as_a_date(value: object) -> object:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("Write it as 2026-12-31.")


LocalDate = Annotated[date, BeforeValidator(_written_as_a_date), Field(description="A day where the reader lives.")]
Minutes = Annotated[Literal[15, 30, 45, 60], Field(description="How long.")]
LocalTime = Annotated[
    str,
    Field(pattern=r"^(([01][0-9]|2[0-3]):(00|15|30|45)|24:00)$", description="Wall clock, on a quarter of an hour."),
]


class Stretch(Schema):
    """A part of a day, from one time up to another."""

    model_config = ConfigDict(populate_by_name=True)

    from_: LocalTime = Field(alias="from")
    to: LocalTime


class WeeklyHours(Stretch):
    """A part of a day of every week."""

    day: Day


class AvailabilityBody(Schema):
    """The whole week; a day that is absent is off."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"weekly": [{"day": "monday", "from": "09:00", "to": "17:00"}], "buffer_minutes": 15}]
        }
    )

    weekly: Annotated[list[WeeklyHours], Field(max_length=MOST_HOURS * 7)]
    buffer_minutes: Annotated[Literal[0, 15, 30, 45, 60], Field(description="Kept free after each booking.")] = 0
    time_zone: Annotated[
        str | None,
        Field(max_length=64, description="IANA name; the profile's where absent. Kept: hours do not move with travel."),
    ] = None

    def hours(self) -> tuple[Hours, ...]:
        """Seven days, Monday first. Raises Invalid for hours that overlap or run backwards."""
        return tuple(
            checked_hours([_minutes(each) for each in self.weekly if each.day == day], "weekly") for day in _DAYS
        )

    def zone(self) -> str | None:
        """The zone that is asked for. Raises Invalid for none that there is."""
        if self.time_zone is not None and known_zone(self.time_zone) is None:
            message = "Give an IANA time zone, such as America/New_York."
            raise Invalid(errors=({"field": "time_zone", "message": message},))
        return self.time_zone


class AvailabilityView(Schema):
    """When the reader may be booked in an ordinary week."""

    time_zone: str
    buffer_minutes: int
    weekly: list[WeeklyHours]

    @classmethod
    def of(cls, said: Availability) -> Self:
        weekly = [
            WeeklyHours.model_validate({"day": day} | _stretch(start, end))
            for day, hours in zip(_DAYS, said.weekly, strict=True)
            for start, end in hours
        ]
        return cls(time_zone=said.zone, buffer_minutes=said.buffer, weekly=weekly)


class Override(Schema):
    """The hours of one day in place of the weekly ones; none is a day off."""

    date: LocalDate
    hours: Annotated[list[Stretch], Field(max_length=MOST_HOURS)]


class OverridesBody(Schema):
    """All days that differ."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overrides": [{"date": "2026-12-24", "hours": []}]}]})

    overrides: Annotated[list[Override], Field(max_length=MOST_OVERRIDES)]

    def days(self) -> dict[date, Hours]:
        """The hours by day. Raises Invalid for a day that is given twice, or hours that do not fit."""
        days = {
            each.date: checked_hours([_minutes(stretch) for stretch in each.hours], "overrides")
            for each in self.overrides
        }
        if len(days) < len(self.overrides):
            raise Invalid(errors=({"field": "overrides", "message": "A day is given more than once."},))
        return days


class OverridesView(Schema):
    """All days that differ, in order."""

    time_zone: str
    overrides: list[Override]

    @classmethod
    def of(cls, said: Availability) -> Self:
        overrides = [
            Override.model_validate({"date": day.isoformat(), "hours": [_stretch(*each) for each in hours]})
            for day, hours in sorted(said.overrides.items())
        ]
        return cls(time_zone=said.zone, overrides=overrides)


class SlotsQuery(Schema):
    """Which slots."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Moment = Field(alias="from")
    to: Annotated[Moment, Field(description="At most 31 days after `from`; not included.")]
    duration: Annotated[Literal["15", "30", "45", "60"], Field(description="Minutes.")]
    modality: Modality


class SlotView(Schema):
    """Where a booking may start; `local` is the reader's wall clock."""

    start: str
    local: str


class SlotsView(Schema):
    """The free slots, soonest first; `price` is that of each."""

    time_zone: str
    duration_minutes: int
    price: Money
    slots: list[SlotView]

    @classmethod
    def of(cls, found: "Slots", minutes: int) -> Self:
        views = [
            SlotView(start=rfc3339(start), local=local_time(start, found.zone).isoformat()) for start in found.starts
        ]
        return cls(time_zone=found.zone, duration_minutes=minutes, price=Money(amount=found.price), slots=views)


class NewBooking(Schema):
    """Whom to book, when, for how long, and how."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reader": "a-slug-or-an-id",
                    "start": "2026-12-31T18:30:00Z",
                    "duration_minutes": 30,
                    "modality": "voice",
                }
            ]
        }
    )

    reader: Id
    start: Moment
    duration_minutes: Minutes
    modality: Modality


class NewStart(Schema):
    """Where to move a booking."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"start": "2026-12-31T19:00:00Z"}]})

    start: Moment


class BookingView(Schema):
    """A booking as one of its two people sees it."""

    id: str
    client: PersonView
    reader: PersonView
    modality: Modality
    state: State
    reason: Reason | None = Field(description="What ended its reading.")
    start: str
    end: str
    duration_minutes: int
    price: Money
    refunded: Money
    earned: Money | None = Field(description="The reader's share, for the reader, once it is over.")
    refund_if_cancelled: Money | None = Field(description="What the client gets back who cancels now.")
    session: str | None = Field(description="Its reading, once that is open: joined as any other.")
    created_at: str
    closed_at: str | None

    @classmethod
    def of(cls, booking: Booking, who: Who, now: Millis) -> Self:
        may_cancel = who == "client" and booking.is_open and now < booking.start
        over = booking.closed_at is not None
        return cls(
            id=booking.id,
            client=PersonView(id=booking.client.user, display_name=booking.client.name),
            reader=PersonView(id=booking.reader.user, display_name=booking.reader.name),
            modality=booking.modality,
            state=booking.state,
            reason=booking.reason,
            start=rfc3339(booking.start),
            end=rfc3339(booking.end),
            duration_minutes=booking.minutes,
            price=Money(amount=booking.price),
            refunded=Money(amount=booking.refunded),
            earned=Money(amount=booking.earned) if who == "reader" and over else None,
            refund_if_cancelled=Money(amount=refund_of_client(booking, now)) if may_cancel else None,
            session=booking.session,
            created_at=rfc3339(booking.created_at),
            closed_at=rfc3339_or_none(booking.closed_at),
        )


class BookingsQuery(ListQuery):
    """Which bookings."""

    as_: Who = Field(default="client", alias="as", description="One's side.")
    when: Literal["upcoming", "past"] = Field(
        default="upcoming", description="Soonest first, or what is over, newest first."
    )


class CalendarLink(Schema):
    """A secret address: whoever has it sees the calendar. It is shown once."""

    url: str


def _minutes(stretch: Stretch) -> tuple[int, int]:
    def of(written: str) -> int:
        hour, minute = written.split(":")
        return int(hour) * 60 + int(minute)

    return of(stretch.from_), of(stretch.to)


def _stretch(start: int, end: int) -> dict[str, str]:
    return {name: f"{minute // 60:02d}:{minute % 60:02d}" for name, minute in (("from", start), ("to", end))}
