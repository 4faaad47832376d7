"""The table of scheduling.

``{booking}`` / ``booking``                                a booking; the index ``due`` lists, by shard, the open ones
``cell#{person}`` / epoch seconds                          a quarter of an hour that a booking takes of somebody
``client#{user}`` ``reader#{user}`` / moment # booking     a person's bookings, by when they count as past
``availability#{reader}`` / ``weekly`` ``overrides``       when a reader may be booked
``feed#{digest}`` / ``feed``,  ``feed_of#{user}`` / ``feed``   whose calendar a secret address shows, and the reverse

Two bookings overlap if and only if they share a cell, and a cell can be put once: no lock, and no look before.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime.tables import Absent, Delete, Equals, Key, Operation, Put, Range, Tables
from chalicelib.scheduling.model.availability import Availability, Hours
from chalicelib.scheduling.model.booking import Booking, from_item, to_item
from chalicelib.sessions.model.session import Who

When = Literal["upcoming", "past"]


@dataclass(frozen=True, slots=True)
class Due:
    """A booking that is to be looked at, by its place in the listing."""

    id: str
    key: Key


_DUE_KEY: Final = ("due_shard", "due_at", "pk", "sk")

_PAGE: Final = 1_000
_MOST_PAGES: Final = 20
PLACE: Final = re.compile(r"[0-9]{13}#[A-Za-z0-9_]{1,64}")
"""A place in a person's list."""
_LAST: Final = "9" * 13 + "~"
_CELL_DIGITS: Final = 10
_MOMENT_DIGITS: Final = 13


class Schedule:
    """Reads what is scheduled, and says which operations would write it."""

    def __init__(self, tables: Tables, name: str, rules: Rules) -> None:
        self._tables = tables
        self._name = name
        self._rules = rules

    # bookings

    def get(self, booking_id: str) -> Booking | None:
        """The booking, strongly consistent."""
        item = self._tables.get(self._name, {"pk": booking_id, "sk": "booking"})
        return from_item(item) if item else None

    def page_of_shard(self, shard: str, until: Millis, limit: int, start: Key | None) -> tuple[list[Due], Key | None]:
        """A page of the open bookings that were to be looked at by ``until``. It may be a moment behind."""
        page = self._tables.query(
            self._name,
            ("due_shard", shard),
            index="due",
            within=Range("due_at", 0, until),
            limit=limit,
            start=start,
        )
        return [Due(str(item["pk"]), {name: item[name] for name in _DUE_KEY}) for item in page.items], page.next_key

    def page_of_person(
        self, who: Who, user: str, when: When, now: Millis, limit: int, after: str | None
    ) -> tuple[list[str], str | None]:
        """A page of ids of a person's bookings: the upcoming ones soonest first, the past ones newest first.

        ``after`` is the place of the last one shown, as answered before.
        """
        low, high = (_moment_key(now + 1), _LAST) if when == "upcoming" else ("0", _moment_key(now + 1))
        # Time moves on between two pages: a place that has left the list is before all that is still in it.
        start = {"pk": f"{who}#{user}", "sk": after} if after and low <= after <= high else None
        page = self._tables.query(
            self._name,
            ("pk", f"{who}#{user}"),
            within=Range("sk", low, high),
            newest_first=when == "past",
            limit=limit,
            start=start,
        )
        places = [str(item["sk"]) for item in page.items]
        return [place.partition("#")[2] for place in places], places[-1] if page.next_key else None

    def create(self, booking: Booking) -> list[Operation]:
        """Adds the booking and takes its cells: first the booking, then what may be taken already."""
        cells = [self._take(cell, booking) for cell in sorted(booking.cells(self._rules))]
        row = Put(self._name, to_item(booking, self._rules), when=(Absent("pk"),))
        return [row, *cells, *(Put(self._name, item) for item in self._listings(booking))]

    def replace(self, booking: Booking, was: Booking) -> tuple[Booking, list[Operation]]:
        """Changes the booking if nobody did since ``was``, with its cells and its places in both people's lists.

        The booking comes first: where it fails, so may all the rest. A booking that is closed takes no cells.
        """
        booking = replace(booking, rev=was.rev + 1)
        operations: list[Operation] = [
            Put(self._name, to_item(booking, self._rules), when=(Equals("rev", was.rev),)),
        ]
        held = was.cells(self._rules) if was.is_open else set()
        wanted = booking.cells(self._rules) if booking.is_open else set()
        operations += [self._take(cell, booking) for cell in sorted(wanted - held)]
        operations += [
            Delete(self._name, _cell_key(*cell), when=(Equals("booking", was.id),)) for cell in sorted(held - wanted)
        ]
        if booking.over_at != was.over_at:
            operations += [Delete(self._name, item) for item in self._listings(was)]
            operations += [Put(self._name, item) for item in self._listings(booking)]
        return booking, operations

    def cells_of(self, person: str, first: Millis, last: Millis) -> dict[Millis, str]:
        """The person's taken cells from ``first`` to ``last``, both included, with whose they are."""
        found: dict[Millis, str] = {}
        within = Range("sk", _cell_name(first), _cell_name(max(first, last)))
        start: Key | None = None
        for _ in range(_MOST_PAGES):
            page = self._tables.query(self._name, ("pk", f"cell#{person}"), within=within, limit=_PAGE, start=start)
            found |= {int(item["sk"]) * SECOND: str(item["booking"]) for item in page.items}
            start = page.next_key
            if start is None:
                return found
        raise Unavailable("Too much is booked to look at in one go.")

    def next_booking(self, person: str, first: Millis, last: Millis) -> str | None:
        """Whose the person's first taken cell from ``first`` to ``last`` is, strongly consistent."""
        within = Range("sk", _cell_name(first), _cell_name(last))
        items = self._tables.query(self._name, ("pk", f"cell#{person}"), within=within, limit=1).items
        return str(items[0]["booking"]) if items else None

    def _take(self, cell: tuple[str, Millis], booking: Booking) -> Put:
        return Put(self._name, _cell_key(*cell) | {"booking": booking.id}, when=(Absent("pk"),))

    def _listings(self, booking: Booking) -> list[Key]:
        place = f"{_moment_key(booking.over_at)}#{booking.id}"
        return [
            {"pk": f"client#{booking.client.user}", "sk": place},
            {"pk": f"reader#{booking.reader.user}", "sk": place},
        ]

    # availability

    def availability(self, reader: str, zone: Callable[[], str]) -> Availability:
        """When the reader may be booked, strongly consistent; ``zone`` tells theirs where none is kept here."""
        page = self._tables.query(self._name, ("pk", f"availability#{reader}"), limit=2)
        rows = {item["sk"]: item for item in page.items}
        said = _weekly_from(rows["weekly"]) if "weekly" in rows else Availability(zone())
        days = rows["overrides"]["days"] if "overrides" in rows else {}
        return replace(said, overrides={date.fromisoformat(day): _hours(days[day]) for day in sorted(days)})

    def put_weekly(self, reader: str, availability: Availability) -> Operation:
        """Says the weekly hours, the zone and the buffer anew."""
        item = {"pk": f"availability#{reader}", "sk": "weekly", "zone": availability.zone}
        weekly = [[list(stretch) for stretch in day] for day in availability.weekly]
        return Put(self._name, item | {"buffer": availability.buffer, "weekly": weekly})

    def put_overrides(self, reader: str, overrides: Mapping[date, Hours]) -> Operation:
        """Says all the exceptions anew."""
        days = {day.isoformat(): [list(stretch) for stretch in hours] for day, hours in overrides.items()}
        return Put(self._name, {"pk": f"availability#{reader}", "sk": "overrides", "days": days})

    def forget_availability(self, reader: str) -> list[Operation]:
        """Removes all that the reader said."""
        return [Delete(self._name, {"pk": f"availability#{reader}", "sk": each}) for each in ("weekly", "overrides")]

    # calendar feeds

    def feed_of(self, user: str) -> str | None:
        """The digest of the secret of the person's calendar address, if there is one."""
        item = self._tables.get(self._name, {"pk": f"feed_of#{user}", "sk": "feed"})
        return str(item["digest"]) if item else None

    def whose_feed(self, digest: str) -> str | None:
        """Whose calendar the secret with this digest shows."""
        item = self._tables.get(self._name, {"pk": f"feed#{digest}", "sk": "feed"})
        return str(item["user"]) if item else None

    def change_feed(self, user: str, old: str | None, new: str | None) -> list[Operation]:
        """One address in place of another, if nobody changed it meanwhile; None is no address."""
        own = {"pk": f"feed_of#{user}", "sk": "feed"}
        as_it_was = Equals("digest", old) if old else Absent("pk")
        operations: list[Operation] = [
            Put(self._name, own | {"digest": new}, when=(as_it_was,)) if new else Delete(self._name, own, (as_it_was,))
        ]
        if new:
            operations.append(Put(self._name, {"pk": f"feed#{new}", "sk": "feed", "user": user}, when=(Absent("pk"),)))
        if old:
            operations.append(Delete(self._name, {"pk": f"feed#{old}", "sk": "feed"}))
        return operations


def schedule_of(world: World) -> Schedule:
    """The table of this world."""
    return Schedule(world.tables, world.settings.tables.scheduling, world.settings.rules)


def _cell_name(moment: Millis) -> str:
    return f"{moment // SECOND:0{_CELL_DIGITS}d}"


def _cell_key(person: str, cell: Millis) -> Key:
    return {"pk": f"cell#{person}", "sk": _cell_name(cell)}


def _moment_key(moment: Millis) -> str:
    return f"{moment:0{_MOMENT_DIGITS}d}"


def _weekly_from(item: Mapping[str, Any]) -> Availability:
    return Availability(item["zone"], item["buffer"], tuple(_hours(day) for day in item["weekly"]))


def _hours(stored: Any) -> Hours:
    return tuple((start, end) for start, end in stored)
