"""When a reader may be booked: what they said, and what of it is free."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, ReaderUnavailable, SlotTaken
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis
from chalicelib.readers import service as readers
from chalicelib.scheduling.model import availability as hours
from chalicelib.scheduling.model.availability import Availability, Hours
from chalicelib.scheduling.store import schedule_of
from chalicelib.sessions.model.session import Modality

_LONGEST_SEARCH: Final[Millis] = 31 * DAY


def availability_of(world: World, reader_id: str) -> Availability:
    """When the reader may be booked. Raises NotFound where there is no such person."""
    return schedule_of(world).availability(reader_id, lambda: accounts.person(world, reader_id).time_zone)


def set_weekly(world: World, reader_id: str, weekly: tuple[Hours, ...], buffer: int, zone: str | None) -> Availability:
    """Say the weekly hours anew, in ``zone`` or that of the reader's profile. What is booked stays booked.

    Raises NotFound for who is no reader, Invalid.
    """
    readers.reader(world, reader_id)
    said = Availability(zone or accounts.person(world, reader_id).time_zone, buffer, weekly)
    world.tables.write(schedule_of(world).put_weekly(reader_id, said))
    return availability_of(world, reader_id)


def set_overrides(world: World, reader_id: str, overrides: Mapping[date, Hours]) -> Availability:
    """Say all the days that differ anew. Raises NotFound for who is no reader."""
    readers.reader(world, reader_id)
    world.tables.write(schedule_of(world).put_overrides(reader_id, overrides))
    return availability_of(world, reader_id)


@dataclass(frozen=True, slots=True)
class Slots:
    """Where bookings may start, what each costs, and the zone that the reader lives in."""

    starts: list[Millis]
    price: Cents
    zone: str


def slots(world: World, slug: str, first: Millis, until: Millis, minutes: int, modality: Modality) -> Slots:
    """The free slots of a verified reader from ``first`` and before ``until``, as they are at this moment.

    Raises NotFound, Invalid (more than 31 days, or none), ReaderUnavailable (does not offer ``modality``).
    """
    if not first < until <= first + _LONGEST_SEARCH:
        raise Invalid(errors=({"field": "to", "message": "After `from`, and at most 31 days."},))
    rules = world.settings.rules
    reader = readers.by_slug(world, slug)
    rate = rate_of(reader, modality)
    said = availability_of(world, reader.id)
    soonest, latest = hours.bookable(world.now(), rules)
    first, until = max(first, soonest), min(until, latest + 1)
    taken = schedule_of(world).cells_of(reader.id, first, until + hours.span(minutes + said.buffer, rules))
    return Slots(hours.slots(said, taken, first, until, minutes, rules), rate * minutes, said.zone)


def rate_of(reader: readers.Reader, modality: Modality) -> Cents:
    """What a minute costs. Raises ReaderUnavailable where the reader does not offer it."""
    rate = reader.rates.get(modality)
    if rate is None:
        raise ReaderUnavailable("The reader does not offer this.")
    return rate


def must_fit(world: World, reader_id: str, start: Millis, minutes: int, own: str) -> int:
    """Raise Invalid off the grid, SlotTaken unless the reader is free then, ``own`` booking aside; the buffer."""
    rules = world.settings.rules
    if not hours.on_grid(start, rules):
        raise Invalid(errors=({"field": "start", "message": "A quarter of an hour: 10:00, 10:15, 10:30, 10:45."},))
    soonest, latest = hours.bookable(world.now(), rules)
    if not soonest <= start <= latest:
        raise SlotTaken("That time is too soon or too far ahead. Choose another.")
    said = availability_of(world, reader_id)
    until = start + hours.span(minutes + said.buffer, rules) - rules.quarter
    found = schedule_of(world).cells_of(reader_id, start, until)
    taken = {cell for cell, booking in found.items() if booking != own}
    if not hours.slots(said, taken, start, start + 1, minutes, rules):
        raise SlotTaken
    return said.buffer
