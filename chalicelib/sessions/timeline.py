"""Looking at readings, for the command line: which there are, and all that is known of one.

Of beats and of Agora's notices the last of each side is kept, also beyond the end; tokens that were handed out are
not, but that one was renewed counts as heard.
"""

from itertools import islice
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit
from chalicelib.runtime.tables import Item, Key
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import timeline as model
from chalicelib.sessions.model.session import Session, Who
from chalicelib.sessions.model.timeline import Line
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry

OPEN: Final = ("created", "waiting", "active", "paused", "reconnecting", "ended")
"""States in which time may still change a reading."""

_PAGE: Final = 100
_MOST_PAGES: Final = 20
_MOST_LATER: Final = 1_000
"""Entries after a reading that are looked through for what is of it: tips, and what was given back."""
_SIDES: Final[tuple[Who, ...]] = ("client", "reader")


def open_ones(world: World, state: str | None, limit: int) -> list[Session]:
    """Readings that time may still change, in that state, newest first; of very many, those that the index has first. A
    moment behind.
    """
    if state is not None and state not in OPEN:
        raise Invalid(errors=({"field": "state", "message": f"one of {', '.join(OPEN)}"},))
    found: list[Session] = []
    for shard in range(world.settings.tick_shards):
        start: Key | None = None
        for _ in range(_MOST_PAGES):
            page, start = sessions.page_of_shard(world, str(shard), _PAGE, start)
            found += [each for each in page if each.state != "finalized" and state in (None, each.state)]
            if start is None or len(found) >= limit:
                break
    return _newest(found, limit)


def of_person(world: World, user: str, state: str | None, limit: int) -> list[Session]:
    """A person's readings on either side, newest first, as they are stored; those in that state."""
    found: list[Session] = []
    for who in _SIDES:
        start: Key | None = None
        for _ in range(_MOST_PAGES):
            page, start = sessions.stored_of(world, who, user, _PAGE, start)
            found += [each for each in page if state in (None, each.state)]
            if start is None or len(found) >= limit:
                break
    return _newest(found, limit)


def _newest(found: list[Session], limit: int) -> list[Session]:
    return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:limit]


def timeline(world: World, session_id: str) -> tuple[Session, list[Line]]:
    """The reading as stored, and every line of it, oldest first. Raises NotFound, Unavailable."""
    session = sessions.load(world, session_id)
    tables = world.settings.tables
    told = world.tables.get_many(tables.notices, _notices(session))
    audited = audit.newest(world.tables, tables.audit, session.id, _PAGE)[::-1]
    return session, model.timeline(
        session,
        _credit(world, session),
        _earnings(world, session),
        wallet.journaled(world, "fees", f"reading:{session.id}"),
        [row for row in told if row],
        audited,
    )


def _credit(world: World, session: Session) -> list[Entry]:
    """What the meter wrote, with what came between; after it, what is of the reading."""
    if session.first_seq is None:
        return []
    book, account = wallet.ledger(world), wallet.credit_account(session.client.user)
    newest = book.head(account).seq
    last = session.last_seq or newest
    found = list(book.between(account, session.first_seq, last))
    later = book.between(account, last + 1, newest) if last < newest else iter(())
    return found + [entry for entry in islice(later, _MOST_LATER) if entry.reference == session.id]


def _earnings(world: World, session: Session) -> list[Entry]:
    """What of the reading came to its reader, and went again: looked for from the newest back to its end."""
    if session.ended_at is None:
        return []
    book, account = wallet.ledger(world), payouts.earnings_account(session.reader.user)
    found: list[Entry] = []
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = book.newest_first(account, _PAGE, start)
        found += [entry for entry in page if entry.reference == session.id]
        if start is None or page[-1].at < session.ended_at:
            break
    return found[::-1]


def _notices(session: Session) -> list[Item]:
    kinds = (("reader", "reading_requested"), ("reader", "reading_missed"), ("client", "reading_refunded"))
    people = {"client": session.client.user, "reader": session.reader.user}
    return [{"pk": people[who], "sk": f"{kind}#{session.id}"} for who, kind in kinds]
