"""What a person reads of what they were told, and what of it they have read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, Unavailable
from chalicelib.kernel.ids import moment_of
from chalicelib.notifications.model.notice import NOBODY, Notice
from chalicelib.notifications.model.said import words
from chalicelib.notifications.model.words import Words
from chalicelib.notifications.service import named
from chalicelib.notifications.store import inbox_of
from chalicelib.notifications.telling import PREFIX, Notification, oldest
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import MOST_KEYS, MOST_OPERATIONS

MOST_IDS: Final = 50
"""In one request to mark them."""
_MOST_MARKED: Final = 2_000
"""In one request that names the newest: who has more unread asks again."""
_MOST_PAGES: Final = 200
"""Of 100 notifications each, looked through for them."""
_MOST_FORGOTTEN: Final = 100
"""Transactions, of 100 rows each."""
_SOMETHING: Final = Words("Something happened", "There is news for you in the app.")
"""What is said of what there are no words for any more."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of an inbox, newest first, and how much of the whole is unread; ``following`` starts the next page."""

    items: list[tuple[Notification, Words]]
    following: str | None
    unread: int


def listing(world: World, user: str, limit: int, after: str | None) -> Listing:
    """A page of the person's inbox in words of now: names as they are, moments in their zone."""
    rows, now = inbox_of(world), world.now()
    page, following = rows.page(user, oldest(now), limit, after)
    zone = accounts.person(world, user).time_zone
    known: dict[str, str | None] = {}
    return Listing(
        [(each, _said(world, user, each, zone, known)) for each in page], following, rows.unread(user).count(now)
    )


def _said(world: World, user: str, line: Notification, zone: str, known: dict[str, str | None]) -> Words:
    facts = named(world, line.facts, known) or {**line.facts, "name": NOBODY}
    try:
        said = words(Notice(user, line.kind, facts), zone)
    except (KeyError, TypeError, ValueError):  # facts of an older program
        log.error("notification_without_words", kind=line.kind)
        said = None
    return said or _SOMETHING


def read(world: World, user: str, ids: Sequence[str]) -> int:
    """Mark these as read, 50 at most; what is no notification of theirs, or was read, changes nothing.

    Answers how many are unread then. Raises Unavailable when storage stays contended.
    """
    rows, wanted = inbox_of(world), list(dict.fromkeys(ids))

    def attempt() -> int:
        unread, now = rows.unread(user), world.now()
        seen = [each for each in rows.find(user, wanted) if not each.read and now < each.expires]
        if not seen:
            return unread.count(now)
        left = unread.without(seen, now)
        world.tables.write(*rows.mark_read(user, seen, left, unread))
        return left.count(now)

    return undisturbed(world.sleep, attempt)


def read_up_to(world: World, user: str, newest: str) -> int:
    """Mark ``newest`` and all before it as read, and answer how many are unread then; of more than about 2,000 the
    oldest, and the rest when it is asked again.

    Raises Invalid for what is no id of a notification, Unavailable when storage stays contended.
    """
    try:
        moment_of(PREFIX, newest)
    except ValueError:
        raise Invalid(errors=({"field": "up_to", "message": "Give the id of a notification."},)) from None
    rows, low, marked = inbox_of(world), "", 0
    for _ in range(_MOST_PAGES):
        since = rows.unread(user).since(world.now())
        if since is None or marked >= _MOST_MARKED:
            break
        low = max(low, since)
        page, more = rows.between(user, low, newest, MOST_KEYS)
        fresh = [each.id for each in page if not each.read]
        for first in range(0, len(fresh), MOST_IDS):
            read(world, user, fresh[first : first + MOST_IDS])
        marked += len(fresh)
        if not more:
            break
        low = page[-1].id
    return rows.unread(user).count(world.now())


def forget(world: World, user: str) -> None:
    """Take away what a deleted person was told. It may be repeated, and goes on where it was stopped.

    Raises Unavailable where more is left than goes in one call.
    """
    rows = inbox_of(world)
    for _ in range(_MOST_FORGOTTEN):
        gone = rows.forget(user, MOST_OPERATIONS)
        if not gone:
            return
        world.tables.write(*gone)
    raise Unavailable("Their inbox is not empty yet.")
