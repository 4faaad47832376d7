"""Bookings as a calendar that other programs subscribe to (RFC 5545): times in UTC, an event's name never changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from chalicelib.kernel.time import SECOND, Millis
from chalicelib.scheduling.model.booking import Booking

if TYPE_CHECKING:
    from icalendar import Event

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_AGAIN: Final = timedelta(hours=1)
"""How often a program is asked to look."""
_TOOK_PLACE: Final = frozenset({"booked", "in_session", "completed", "no_show_client", "no_show_reader"})
"""States in which the time was, or is, kept: any other is shown as cancelled."""


def rendered(user: str, bookings: Iterable[Booking]) -> str:
    """The calendar of ``user``, in the order given."""
    # Here, not above: a cold start that shows no calendar need not pay for it.
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", "-//SoulSeer//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "SoulSeer")
    calendar.add("refresh-interval", _AGAIN, parameters={"value": "DURATION"})
    for booking in bookings:
        other = booking.reader if booking.who(user) == "client" else booking.client
        calendar.add_component(_event(booking, other.name))
    return str(calendar.to_ical().decode())


def _event(booking: Booking, other: str) -> Event:
    from icalendar import Event

    event = Event()
    event.add("uid", f"{booking.id}@soulseer")
    event.add("dtstamp", _moment(booking.at))
    event.add("dtstart", _moment(booking.start))
    event.add("dtend", _moment(booking.end))
    event.add("sequence", booking.epoch + (not booking.is_open))
    # A backslash in a name would be read as the beginning of an escape.
    event.add("summary", f"{booking.modality.capitalize()} reading with {other.replace(chr(92), '/')}")
    event.add("status", "CONFIRMED" if booking.state in _TOOK_PLACE else "CANCELLED")
    return event


def _moment(moment: Millis) -> datetime:
    return datetime.fromtimestamp(moment // SECOND, UTC)
