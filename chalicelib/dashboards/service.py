"""What clients, readers and admins see at one look: how things stand, what is next, and what a stretch of days brought.

How things stand is read where it is kept, so a dashboard says what the other endpoints say. What days brought comes
from the sums that ``rollups`` keeps beside the ledger, some seconds behind it. Every list is short, and every read is
by a key or an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.person import known_zone
from chalicelib.dashboards import rollups
from chalicelib.dashboards.model import series
from chalicelib.dashboards.model.series import Day, Span, Sums
from chalicelib.dashboards.store import Rollups
from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, Invalid
from chalicelib.kernel.money import Cents
from chalicelib.kernel.roles import Role
from chalicelib.kernel.time import Millis
from chalicelib.moderation.terms import Waiting
from chalicelib.readers import service as readers
from chalicelib.readers.model import Card, Favorite, Presence, Reader
from chalicelib.runtime.lazy import on_first_use
from chalicelib.wallet import statement
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.statement import Balance

if TYPE_CHECKING:
    from chalicelib.moderation import service as moderation
    from chalicelib.operations import adjustments, reconciliation
    from chalicelib.payouts import paying
    from chalicelib.payouts import service as payouts
    from chalicelib.payouts.model import Earnings
    from chalicelib.scheduling import availability as hours
    from chalicelib.scheduling import service as scheduling
    from chalicelib.scheduling.model.availability import Availability
    from chalicelib.scheduling.model.booking import Booking
    from chalicelib.sessions import afterwards, settling
    from chalicelib.sessions import service as sessions
    from chalicelib.sessions.afterwards import Note
    from chalicelib.sessions.model.session import Session
    from chalicelib.sessions.service import Snapshot
    from chalicelib.wallet import refunds
else:
    # No dashboard needs all of these.
    afterwards = on_first_use("chalicelib.sessions.afterwards")
    payouts = on_first_use("chalicelib.payouts.service")
    hours = on_first_use("chalicelib.scheduling.availability")
    scheduling = on_first_use("chalicelib.scheduling.service")
    sessions = on_first_use("chalicelib.sessions.service")
    moderation = on_first_use("chalicelib.moderation.service")
    adjustments = on_first_use("chalicelib.operations.adjustments")
    reconciliation = on_first_use("chalicelib.operations.reconciliation")
    paying = on_first_use("chalicelib.payouts.paying")
    settling = on_first_use("chalicelib.sessions.settling")
    refunds = on_first_use("chalicelib.wallet.refunds")

SHORT: Final = 5
"""Bookings, readings and notes on a dashboard."""
NEWEST: Final = 10
"""Entries and favorites on one."""
MOST_COUNTED: Final = 100
"""Of what waits for an admin; of refunds, in each shard."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What each of some local days brought, what they and as many before them add up to, and what all time does."""

    span: Span
    days: tuple[Day, ...]
    now: Sums
    before: Sums
    totals: Sums


@dataclass(frozen=True, slots=True)
class ClientDashboard:
    """A client at one look. ``entries`` are the newest of credit and coins together."""

    balance: Balance
    entries: tuple[Entry, ...]
    bookings: tuple[Booking, ...]
    notes: tuple[tuple[Session, Note], ...]
    favorites: tuple[tuple[Favorite, Card, Presence], ...]
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class ReaderDashboard:
    """A reader at one look. ``next_payout`` is when, and how much if nothing else is earned until then."""

    earnings: Earnings
    next_payout: tuple[Millis, Cents] | None
    sessions: tuple[Snapshot, ...]
    bookings: tuple[Booking, ...]
    reader: Reader
    presence: Presence
    availability: Availability
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Waits:
    """How many things wait for somebody, since when the oldest does, and whether there are more than that."""

    count: int
    more: bool
    since: Millis | None


@dataclass(frozen=True, slots=True)
class Books:
    """Whether the books agree. ``differences`` are those that the last reconciliation left open."""

    reconciling: bool
    reconciled_at: Millis | None
    differences: int
    payouts_frozen: str | None
    unsettled: Waits
    """Readings whose settlement does not add up, and that an admin settles by hand."""
    adjustments: Waits
    """By hand, for a second person to approve."""


@dataclass(frozen=True, slots=True)
class PlatformDashboard:
    """The platform at one look. ``unverified`` are the readers who wait longest; ``asked`` is what all pending
    satisfaction requests come to.
    """

    unverified: tuple[Reader, ...]
    onboarding: Waits
    moderation: Mapping[Waiting, Waits]
    refunds: Waits
    guarantees: Waits
    asked: Cents
    books: Books
    numbers: Numbers


def numbers(world: World, subject: str, days: int, zone: str) -> Numbers:
    """What ``rollups`` says of a subject's last days, and ever. Raises Invalid (days or zone), Unavailable."""
    span = series.days_until(world.now(), _checked(days), _zone(zone))

    def read(sums: Rollups) -> Numbers:
        now, before = _summed(sums, subject, span), _summed(sums, subject, series.days_before(span))
        return Numbers(span, now, series.total(now), series.total(before), sums.total(subject).sums)

    return rollups.looked(world, read)


def client(world: World, user: str, days: int, zone: str) -> ClientDashboard:
    """What a person sees of themselves as a client. Raises NotFound, Invalid (zone or days), Unavailable."""
    accounts.person(world, user)
    told = numbers(world, rollups.client(user), days, zone)
    kept, _ = readers.favorites(world, user, NEWEST, None)
    seen = readers.with_presence(
        world, [card for _, card in kept], lambda some: sessions.busy_among(world, some, consistent=False)
    )
    return ClientDashboard(
        balance=statement.balance(world, user),
        entries=_newest_entries(world, user),
        bookings=tuple(scheduling.bookings_of(world, "client", user, "upcoming", SHORT, None)[0]),
        notes=tuple(afterwards.newest_notes(world, user, SHORT)),
        favorites=tuple((favorite, card, at) for (favorite, _), (card, at) in zip(kept, seen, strict=True)),
        numbers=told,
    )


def reader(world: World, user: str, days: int, zone: str) -> ReaderDashboard:
    """What a reader sees of themselves. Raises NotFound, Forbidden for who is none, Invalid, Unavailable."""
    _must_be(world, user, "reader")
    told = numbers(world, rollups.reader(user), days, zone)
    found = readers.reader(world, user)
    busy = bool(sessions.busy_among(world, [user], consistent=False))
    return ReaderDashboard(
        earnings=payouts.earnings_of(world, user),
        next_payout=paying.next_payout(world, user),
        sessions=tuple(sessions.sessions_of(world, "reader", user, SHORT, None)[0]),
        bookings=tuple(scheduling.bookings_of(world, "reader", user, "upcoming", SHORT, None)[0]),
        reader=found,
        presence=found.presence(world.now(), busy),
        availability=hours.availability_of(world, user),
        numbers=told,
    )


def admin(world: World, user: str, days: int, zone: str) -> PlatformDashboard:
    """What an admin sees. Raises NotFound, Forbidden for who is none, Invalid, Unavailable."""
    _must_be(world, user, "admin")
    return platform(world, days, zone)


def platform(world: World, days: int, zone: str) -> PlatformDashboard:
    """The platform, for whoever runs it: an admin, or the command line. Raises Invalid, Unavailable."""
    told = numbers(world, rollups.PLATFORM, days, zone)
    unverified, more = readers.unverified(world, MOST_COUNTED)
    pending = afterwards.pending_guarantees(world)
    return PlatformDashboard(
        unverified=tuple(unverified[:SHORT]),
        onboarding=Waits(len(unverified), more, unverified[0].created_at if unverified else None),
        moderation={which: _cases(world, which) for which in ("pending", "appealed")},
        refunds=Waits(*refunds.in_progress(world, MOST_COUNTED), None),
        guarantees=_counted([each.asked_at for each in pending]),
        asked=sum(each.amount for each in pending),
        books=_books(world),
        numbers=told,
    )


def _summed(sums: Rollups, subject: str, span: Span) -> tuple[Day, ...]:
    return series.by_day(rollups.quarters(sums, subject, span.since, span.until), span)


def _checked(days: int) -> int:
    if not 1 <= days <= series.MOST_DAYS:
        raise Invalid(errors=({"field": "days", "message": f"from 1 to {series.MOST_DAYS}"},))
    return days


def _zone(name: str) -> ZoneInfo:
    if known_zone(name) is None:
        message = "Not a time zone; write one as Europe/Berlin, or UTC."
        raise Invalid(errors=({"field": "zone", "message": message},))
    return ZoneInfo(name)


def _must_be(world: World, user: str, role: Role) -> None:
    if accounts.person(world, user).role != role:
        raise Forbidden(f"This is for {role}s.")


def _newest_entries(world: World, user: str) -> tuple[Entry, ...]:
    chains = (statement.account_of(user, kind) for kind in ("credit", "coins"))
    found = [entry for account in chains for entry in statement.page(world, account, NEWEST, None)[0]]
    return tuple(sorted(found, key=lambda entry: (entry.at, entry.seq), reverse=True)[:NEWEST])


def _books(world: World) -> Books:
    run, frozen = reconciliation.last_run(world), paying.why_frozen(world)
    return Books(
        reconciling=run is not None and run.ended_at is None,
        reconciled_at=run.ended_at if run else None,
        differences=run.open if run else 0,
        payouts_frozen=frozen,
        unsettled=_counted([each.ended_at or each.at for each in settling.in_review(world, MOST_COUNTED + 1)]),
        adjustments=_counted(
            [each.asked_at for each in adjustments.adjustments(world, "pending", None, MOST_COUNTED + 1)]
        ),
    )


def _counted(since: Sequence[Millis]) -> Waits:
    """What waits since these moments, of which there is one more than is counted where there are more."""
    return Waits(min(len(since), MOST_COUNTED), len(since) > MOST_COUNTED, min(since, default=None))


def _cases(world: World, which: Waiting) -> Waits:
    found, following = moderation.waiting(world, which, None, MOST_COUNTED, None)
    return Waits(len(found), following is not None, min((each.waiting_since for each in found), default=None))
