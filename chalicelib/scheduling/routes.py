"""Scheduling over HTTP, and asking for a reading now: that must know of the bookings of both."""

from typing import TYPE_CHECKING, Any, Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    InsufficientFunds,
    Invalid,
    InvalidState,
    NotFound,
    ProviderFailed,
    ReaderBusy,
    ReaderUnavailable,
    SessionOpen,
    SlotTaken,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.live.schemas import StreamView, StreamWithMedia, media_of
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, Text, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import PageOf, millis
from chalicelib.scheduling.schemas import (
    AvailabilityBody,
    AvailabilityView,
    BookingsQuery,
    BookingView,
    CalendarLink,
    NewBooking,
    NewStart,
    OverridesBody,
    OverridesView,
    SlotsQuery,
    SlotsView,
)
from chalicelib.sessions.model.session import Side
from chalicelib.sessions.schemas import NewSession, SessionView, session_view

if TYPE_CHECKING:
    from chalicelib.live import looking
    from chalicelib.scheduling import availability, calendars, feed, service, unbooked
    from chalicelib.scheduling.model.booking import Booking
else:
    looking = on_first_use("chalicelib.live.looking")
    feed = on_first_use("chalicelib.scheduling.feed")
    availability = on_first_use("chalicelib.scheduling.availability")
    calendars = on_first_use("chalicelib.scheduling.calendars")
    service = on_first_use("chalicelib.scheduling.service")
    unbooked = on_first_use("chalicelib.scheduling.unbooked")

blueprint = Blueprint(__name__)

_BOOKING: Final = "/v1/bookings/{booking_id}"
_SUFFIX: Final = ".ics"


# --- availability --------------------------------------------------------------------------------


@endpoint(
    blueprint,
    "GET",
    "/v1/readers/{slug}/slots",
    query=SlotsQuery,
    returns=SlotsView,
    public=True,
    errors=(Invalid, NotFound, ReaderUnavailable),
)
def list_slots(request: Request[None, SlotsQuery]) -> SlotsView:
    """When a reader can be booked: from two hours to 60 days ahead, each slot on a quarter of an hour.

    What is listed is free at this moment; somebody else may be quicker.
    """
    query, minutes = request.query, int(request.query.duration)
    slug, first, until = request.path["slug"], millis(query.from_), millis(query.to)
    found = availability.slots(world(), slug, first, until, minutes, query.modality)
    return SlotsView.of(found, minutes)


@endpoint(blueprint, "GET", "/v1/reader/availability", returns=AvailabilityView, role="reader")
def get_availability(request: Request[None, None]) -> AvailabilityView:
    """One's weekly hours."""
    return AvailabilityView.of(availability.availability_of(world(), request.caller.id))


@endpoint(
    blueprint,
    "PUT",
    "/v1/reader/availability",
    body=AvailabilityBody,
    returns=AvailabilityView,
    role="reader",
    errors=(NotFound,),
)
def put_availability(request: Request[AvailabilityBody, None]) -> AvailabilityView:
    """Say one's weekly hours anew, as the wall clock of a time zone shows them. What is booked stays booked.

    A wall clock time that comes twice when the clocks go back counts twice, one that the spring leaves out never comes.
    """
    body = request.body
    return AvailabilityView.of(
        availability.set_weekly(world(), request.caller.id, body.hours(), body.buffer_minutes, body.zone())
    )


@endpoint(blueprint, "GET", "/v1/reader/availability/overrides", returns=OverridesView, role="reader")
def get_overrides(request: Request[None, None]) -> OverridesView:
    """The days on which one's hours differ."""
    return OverridesView.of(availability.availability_of(world(), request.caller.id))


@endpoint(
    blueprint,
    "PUT",
    "/v1/reader/availability/overrides",
    body=OverridesBody,
    returns=OverridesView,
    role="reader",
    errors=(NotFound,),
)
def put_overrides(request: Request[OverridesBody, None]) -> OverridesView:
    """Say anew all the days on which one's hours differ. A day without hours is off."""
    return OverridesView.of(availability.set_overrides(world(), request.caller.id, request.body.days()))


# --- bookings ------------------------------------------------------------------------------------


@endpoint(
    blueprint,
    "POST",
    "/v1/bookings",
    body=NewBooking,
    returns=BookingView,
    status=201,
    idempotent=True,
    errors=(
        Blocked,
        InsufficientFunds,
        InvalidState,
        NotFound,
        ReaderUnavailable,
        SlotTaken,
        SpendingLimitReached,
        WalletFrozen,
    ),
)
def create_booking(request: Request[NewBooking, None]) -> BookingView:
    """Book a slot. Its whole price is paid at once and kept until the reading is over.

    Called off a day ahead or by the reader, all of it comes back; later, half of it; after the start, nothing.
    """
    caller, body = request.caller, request.body
    made = service.book(
        world(),
        request.derived_id("bok"),
        Side(caller.id, caller.display_name),
        body.reader,
        millis(body.start),
        body.duration_minutes,
        body.modality,
    )
    return _view(request, made)


@endpoint(blueprint, "GET", "/v1/bookings", query=BookingsQuery, returns=PageOf[BookingView])
def list_bookings(request: Request[None, BookingsQuery]) -> PageOf[BookingView]:
    """One's bookings: the client's, or with `as=reader` the reader's."""
    query, user = request.query, request.caller.id
    scope = f"bookings:{query.as_}:{query.when}:{user}"
    after = cursors.decode(query.cursor, scope, {"after": service.PLACE})["after"] if query.cursor else None
    page, following = service.bookings_of(world(), query.as_, user, query.when, query.limit, after)
    return PageOf[BookingView](
        items=[_view(request, each) for each in page],
        next_cursor=cursors.encode({"after": following}, scope) if following else None,
    )


@endpoint(blueprint, "GET", _BOOKING, returns=BookingView, errors=(Forbidden, NotFound))
def get_booking(request: Request[None, None]) -> BookingView:
    """One of one's bookings, up to date."""
    return _view(request, service.current(world(), request.path["booking_id"], request.caller.id))


@endpoint(blueprint, "POST", f"{_BOOKING}/cancel", returns=BookingView, errors=(Forbidden, InvalidState, NotFound))
def cancel_booking(request: Request[None, None]) -> BookingView:
    """Call a booking off, before its reading has begun. `refund_if_cancelled` says what the client gets back."""
    return _view(request, service.cancel(world(), request.path["booking_id"], request.caller.id))


@endpoint(blueprint, "POST", f"{_BOOKING}/decline", returns=BookingView, errors=(Forbidden, InvalidState, NotFound))
def decline_booking(request: Request[None, None]) -> BookingView:
    """The reader calls a booking off; the client gets all of it back."""
    return _view(request, service.decline(world(), request.path["booking_id"], request.caller.id))


@endpoint(
    blueprint,
    "POST",
    f"{_BOOKING}/reschedule",
    body=NewStart,
    returns=BookingView,
    errors=(Blocked, Forbidden, InvalidState, NotFound, ReaderUnavailable, SlotTaken),
)
def reschedule_booking(request: Request[NewStart, None]) -> BookingView:
    """The client moves a booking to another free slot, at the same price, until a day before its start."""
    return _view(
        request,
        service.reschedule(world(), request.path["booking_id"], request.caller.id, millis(request.body.start)),
    )


@endpoint(
    blueprint,
    "POST",
    f"{_BOOKING}/start",
    returns=BookingView,
    errors=(Forbidden, InvalidState, NotFound, ReaderBusy, SessionOpen),
)
def start_booking(request: Request[None, None]) -> BookingView:
    """Open the reading of a booking whose time has come, ten minutes before its start; `session` is then its id.

    It opens by itself at that time, too: this is for who comes to the door first.
    """
    return _view(request, service.start(world(), request.path["booking_id"], request.caller.id))


# --- calendar ------------------------------------------------------------------------------------


@endpoint(blueprint, "POST", "/v1/me/calendar", returns=CalendarLink, status=201)
def create_calendar(request: Request[None, None]) -> CalendarLink:
    """A secret address that shows one's bookings to calendar programs. The one before is of no use any more.

    Asked again it is another one. It takes no `Idempotency-Key`: the address is kept nowhere, not even for a replay.
    """
    secret = calendars.new_feed(world(), request.caller.id)
    return CalendarLink(url=f"{request.base_url(world().settings.api_url)}/v1/calendar/{secret}{_SUFFIX}")


@endpoint(blueprint, "DELETE", "/v1/me/calendar", returns=None)
def delete_calendar(request: Request[None, None]) -> None:
    """No address shows one's bookings any more."""
    calendars.revoke_feed(world(), request.caller.id)


@endpoint(
    blueprint,
    "GET",
    "/v1/calendar/{feed_ics}",
    returns=Text,
    public=True,
    media_types=("text/calendar",),
    errors=(NotFound,),
)
def get_calendar(request: Request[None, None]) -> Text:
    """The calendar behind a secret address, which ends in `.ics`: one's bookings in both roles, times in UTC."""
    user, bookings = calendars.feed(world(), request.path["feed_ics"].removesuffix(_SUFFIX))
    return Text(feed.rendered(user, bookings), feed.MEDIA_TYPE)


# --- streams -------------------------------------------------------------------------------------


@endpoint(
    blueprint,
    "POST",
    "/v1/streams/{stream_id}/start",
    returns=StreamWithMedia,
    tags=("live",),
    errors=(Forbidden, InvalidState, NotFound, ProviderFailed, SessionOpen),
)
def start_stream(request: Request[None, None]) -> StreamWithMedia:
    """The host goes live, with a lease to publish.

    Who has not come into the channel two minutes later was never there: the stream ends, and its tickets are given
    back. Until they come nobody can send a gift. Who said `leave` must come into the channel anew, with a device that
    was still in it, too.

    Not while one is in a reading. Repeating it gives another lease.
    """
    user = request.caller.id
    stream, lease = unbooked.go_live(world(), request.path["stream_id"], user)
    return StreamWithMedia(stream=StreamView.of(looking.as_seen_by(world(), stream, user), user), media=media_of(lease))


# --- readings that are not booked ----------------------------------------------------------------


@endpoint(
    blueprint,
    "POST",
    "/v1/sessions",
    body=NewSession,
    returns=SessionView,
    status=201,
    idempotent=True,
    tags=("sessions",),
    errors=(
        Blocked,
        InsufficientFunds,
        NotFound,
        ReaderBusy,
        ReaderUnavailable,
        SessionOpen,
        SpendingLimitReached,
        WalletFrozen,
    ),
)
def create_session(request: Request[NewSession, None]) -> SessionView:
    """Ask a reader for a reading. The rate is fixed now; the reader is rung for three minutes.

    It ends at either side's next booking.
    """
    caller, body = request.caller, request.body
    seen = unbooked.ask(
        world(), Side(caller.id, caller.display_name), request.derived_id("ses"), body.reader, body.modality
    )
    funds = seen.funds if seen.session.is_open else None
    return session_view(seen.session, "client", funds, seen.now, world().settings.rules)


def _view(request: Request[Any, Any], booking: "Booking") -> BookingView:
    return BookingView.of(booking, booking.who(request.caller.id), max(world().now(), booking.at))
