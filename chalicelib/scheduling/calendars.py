"""The secret address by which other programs read a person's calendar."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final, get_args

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.runtime.retries import undisturbed
from chalicelib.scheduling.model.booking import Booking
from chalicelib.scheduling.store import When, schedule_of
from chalicelib.sessions.model.session import Who

_SECRET_BYTES: Final = 32
_FEED_UPCOMING: Final = 100
_FEED_PAST: Final = 25
_ROLES: Final[tuple[Who, ...]] = get_args(Who)


def new_feed(world: World, user: str) -> str:
    """A new secret for the address of the person's calendar; the one before is of no use any more.

    Only its digest is kept.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    _change_feed(world, user, lambda: _digest(secret))
    return secret


def revoke_feed(world: World, user: str) -> None:
    """No address shows the person's calendar any more."""
    _change_feed(world, user, lambda: None)


def feed(world: World, secret: str) -> tuple[str, list[Booking]]:
    """Whose calendar the secret shows, and their bookings in both roles. Raises NotFound."""
    user = schedule_of(world).whose_feed(_digest(secret))
    if user is None or accounts.is_shut_out(world, user):
        raise NotFound("There is no such calendar.")
    lists: tuple[tuple[When, int], ...] = (("upcoming", _FEED_UPCOMING), ("past", _FEED_PAST))
    found: dict[str, Booking] = {}
    for who in _ROLES:
        for when, limit in lists:
            page, _ = schedule_of(world).page_of_person(who, user, when, world.now(), limit, None)
            found |= {each: booking for each in page if (booking := schedule_of(world).get(each))}
    return user, sorted(found.values(), key=lambda booking: (booking.start, booking.id))


def _change_feed(world: World, user: str, new: Callable[[], str | None]) -> None:
    def attempt() -> None:
        old, wanted = schedule_of(world).feed_of(user), new()
        if old != wanted:
            world.tables.write(*schedule_of(world).change_feed(user, old, wanted))

    undisturbed(world.sleep, attempt)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
