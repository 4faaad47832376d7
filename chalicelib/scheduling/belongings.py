"""What becomes of bookings, hours and calendars when somebody leaves or is shut out."""

from contextlib import suppress
from dataclasses import replace
from typing import Final, get_args

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, Unavailable
from chalicelib.runtime.retries import undisturbed
from chalicelib.scheduling.calendars import revoke_feed
from chalicelib.scheduling.model.booking import Booking, Outcome
from chalicelib.scheduling.service import advance, bookings_of, cancel, close, load
from chalicelib.scheduling.store import schedule_of
from chalicelib.sessions.model.session import Side, Who

_PAGE: Final = 100
_MOST_PAGES: Final = 1_000
_TRIES: Final = 30
_ROLES: Final[tuple[Who, ...]] = get_args(Who)


def call_off_all(world: World, user: str, *, by_platform: bool = False) -> None:
    """Call off whatever is ahead of somebody who leaves, in both roles: as if they did so themselves, or,
    ``by_platform``, for the whole price.

    What has begun ends with its reading. May be repeated. Raises Unavailable.
    """
    call_off = _call_off if by_platform else cancel
    for who in _ROLES:
        bookings_of(world, who, user, "past", _PAGE, None)  # what ended a moment ago may not be divided yet
        after: str | None = None
        for _ in range(_MOST_PAGES):
            page, after = bookings_of(world, who, user, "upcoming", _PAGE, after)
            for booking in page:
                with suppress(InvalidState):
                    call_off(world, booking.id, user)
            if after is None:
                break


def has_upcoming(world: World, user: str) -> bool:
    """Whether anything is booked ahead, in either role."""
    return any(bookings_of(world, who, user, "upcoming", 1, None)[0] for who in _ROLES)


def _call_off(world: World, booking_id: str, user: str) -> Booking:
    """The platform calls the booking off, for it has shut ``user`` out. One that was opened ends with its reading."""
    del user
    booking = load(world, booking_id)
    for _ in range(_TRIES):
        booking = advance(world, booking)
        if booking.state != "booked":
            return booking
        if done := close(world, booking, Outcome("cancelled_by_platform", booking.price)):
            return done
        booking = load(world, booking_id)
    raise Unavailable("The booking is too busy.")


def forget(world: World, user: str) -> None:
    """Drop the hours and the calendar of somebody whose account has ended. May be repeated."""
    revoke_feed(world, user)
    world.tables.write(*schedule_of(world).forget_availability(user))


def rename(world: World, booking_id: str, who: Who, name: str) -> None:
    """Show ``name`` in place of that side's on a booking. May be repeated. Raises NotFound."""

    def attempt() -> None:
        booking = load(world, booking_id)
        if booking.side(who).name == name:
            return
        side = Side(booking.side(who).user, name)
        wanted = replace(booking, client=side) if who == "client" else replace(booking, reader=side)
        _, operations = schedule_of(world).replace(wanted, was=booking)
        world.tables.write(*operations)

    undisturbed(world.sleep, attempt)
