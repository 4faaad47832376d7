"""What the rest of the program, a reader and an admin may ask of readers.

Whether a reader is busy is not known here: a context above, which knows the open readings, says so.
"""

import hashlib
import secrets
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Invalid, NotFound, Unavailable
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.readers import model
from chalicelib.readers.model import (
    MODALITIES,
    Card,
    Description,
    Favorite,
    Filters,
    Invitation,
    Modality,
    Order,
    Presence,
    Queue,
    Reader,
    Sort,
)
from chalicelib.runtime import audit, cursors, outbox
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import MOST_KEYS, Key, Operation, Put

if TYPE_CHECKING:
    from chalicelib.readers.store import Readers

__all__ = ["MODALITIES", "Busy", "Card", "Description", "Filters", "Listing", "Modality", "Presence", "Reader", "Sort"]

Busy = Callable[[Sequence[str]], Container[str]]
"""Which of these readers have an open reading."""

_TOKEN_BYTES: Final = 32
_MOST_LOOKED_AT: Final = 500
"""Cards for one page: so many as would fill it first, then twice as many with each further query."""
_MOST_PAGES: Final = 100
"""Of 50 favorites each, dropped in one call."""
_SWEPT: Final = 5
"""How many silent readers one query puts right."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the directory. ``next_cursor`` asks for the following one; None on the last."""

    items: list[tuple[Card, Presence]]
    next_cursor: str | None


# --- reading -------------------------------------------------------------------------------------


def reader(world: World, reader_id: str) -> Reader:
    """The reader, verified or not, with their presence; strongly consistent. Raises NotFound."""
    if found := _readers(world).find(reader_id):
        return found
    raise NotFound("There is no such reader.")


def name_of(world: World, reader_id: str) -> str | None:
    """What a reader of the directory is called; None for one who is not in it."""
    found = _readers(world).find(reader_id)
    return found.description.name if found and found.verified and found.description else None


def names_of(world: World, reader_ids: Iterable[str]) -> dict[str, str]:
    """What these readers are called, by their ids; only those who are in the directory, a moment ago."""
    ids, found = sorted(set(reader_ids)), dict[str, str]()
    for first in range(0, len(ids), MOST_KEYS):
        cards = _readers(world).cards_of(ids[first : first + MOST_KEYS])
        found |= {reader_id: card.name for reader_id, card in cards.items()}
    return found


def id_of(world: World, slug_or_id: str) -> str:
    """The id of the reader with this slug, in the directory or not; what is no slug is taken for an id."""
    return _readers(world).owner(slug_or_id) or slug_or_id


def by_slug(world: World, slug_or_id: str) -> Reader:
    """The reader of the public directory with this slug, or this id. Raises NotFound, also for one not verified."""
    found = reader(world, _readers(world).owner(slug_or_id) or slug_or_id)
    if not found.verified:
        raise NotFound("There is no such reader.")
    return found


def everybody(world: World) -> Iterator[str]:
    """Everybody who ever was a reader, for the command line: it reads the whole table. Raises Unavailable."""
    return _readers(world).everybody()


def unverified(world: World, limit: int) -> tuple[list[Reader], bool]:
    """Who described themselves and waits for an admin, longest a reader first, 100 at most; and whether there are more.
    A moment ago, and without their presence.
    """
    return _readers(world).unverified(limit)


def listing(
    world: World,
    filters: Filters,
    *,
    sort: Sort = "name",
    limit: int = 20,
    cursor: str | None = None,
    busy: Busy,
) -> Listing:
    """A page of the verified readers that match, in the order of ``sort``. Raises Invalid for a foreign cursor.

    It walks the cards of one facet, as the index knows them: a change shows a moment later. It looks at no more than
    500 of them, so a page may hold fewer than ``limit`` readers, or none, and yet have a ``next_cursor``.
    """
    order = model.order_of(sort, filters.modality)
    scope = f"readers:{order}:{filters}"
    between = model.bounds(order, filters)
    start = _start_of(cursor, scope, between) if cursor else {}
    if len(filters.of_specialty or "") > model.SPECIALTY_LENGTH:
        return Listing([], None)  # nobody has it, and no key is so long
    rows, facet = _readers(world), model.narrowest(filters)
    found: list[tuple[Card, Presence]] = []
    left, looks = _MOST_LOOKED_AT, limit + 1
    while left > 0:
        looks = min(looks, left)
        page = rows.cards(facet, order, between, looks, start)
        matching = [each for each in page.cards if model.matches(each, filters)]
        if filters.online is None:
            matching = matching[: limit + 1 - len(found)]
        seen = with_presence(world, matching, busy)
        found += [(each, presence) for each, presence in seen if filters.online in (None, presence == "online")]
        if len(found) > limit:
            return Listing(found[:limit], cursors.encode(_start(found[limit - 1][0], order), scope))
        if not (page.more and page.cards):
            return Listing(found, None)
        start = _start(page.cards[-1], order)
        left, looks = left - looks, looks * 2
    return Listing(found, cursors.encode(start, scope))


# --- a reader's own ------------------------------------------------------------------------------


def accept_invitation(world: World, person_id: str, token: str) -> Reader:
    """Make the person a reader; the same person may repeat it.

    Raises NotFound (no such invitation), AlreadyDone (another used it), LinkExpired, Forbidden (bound to another
    address), InvalidState (not a client).
    """
    digest = hashlib.sha256(token.encode()).hexdigest()
    readers = _readers(world)

    def attempt() -> Reader:
        # Read before the invitation, so that the same request made twice at once finds there what the other did.
        person = accounts.person(world, person_id)
        invitation = readers.invitation(digest)
        if invitation is None:
            raise NotFound("There is no such invitation.")
        if invitation.used_by == person_id:
            return reader(world, person_id)
        now = world.now()
        model.check_acceptable(invitation, token, person.email, now)
        made = Reader(id=person_id, standing="invited", description=None, created_at=now)
        world.tables.write(
            readers.use_invitation(replace(invitation, used_by=person_id)),
            *readers.add(made),
            *accounts.role_change(world, person, "reader", actor=person_id, reason=f"invitation {digest[:16]}"),
        )
        return made

    return undisturbed(world.sleep, attempt)


def describe(world: World, reader_id: str, wanted: Description) -> Reader:
    """Store what a reader says of themselves. Raises Invalid, or AlreadyDone where the slug is another reader's."""

    def attempt() -> Reader:
        was = reader(world, reader_id)
        decided = model.described(was, wanted)
        if _readers(world).owner(wanted.slug) not in (None, reader_id):
            raise AlreadyDone("Another reader has this slug.")
        return _replaced(world, decided, was)

    return undisturbed(world.sleep, attempt)


def set_rates(world: World, reader_id: str, rates: dict[Modality, Cents]) -> Reader:
    """Store a reader's rates in cents a minute; what is absent is not offered. Raises Invalid, InvalidState.

    A reading that was asked for before keeps its rate.
    """

    def attempt() -> Reader:
        was = reader(world, reader_id)
        return _replaced(world, model.priced(was, rates, world.now()), was)

    return undisturbed(world.sleep, attempt)


def set_picture(world: World, reader_id: str, picture: str | None) -> Reader:
    """Store which upload the reader shows, which ``pictures`` has looked at."""

    def attempt() -> Reader:
        was = reader(world, reader_id)
        return _replaced(world, replace(was, picture=picture), was)

    return undisturbed(world.sleep, attempt)


def set_presence(world: World, reader_id: str, status: Literal["online", "offline"]) -> Reader:
    """Say that the reader is here for the next 90 s, or gone. Raises Forbidden where they may not go online.

    To repeat it is one read and one write of a small row; coming and going move the cards that are for who is here.
    """

    def attempt() -> Reader:
        present, now = reader(world, reader_id), world.now()
        if status == "offline":
            return _gone(world, present)
        model.check_may_go_online(present)
        until = now + model.ONLINE_LIFE
        if present.presence(now, busy=False) == "online":
            world.tables.write(_readers(world).stay(present, until))
            return replace(present, online_until=until)
        told = now >= present.told_at + model.TOLD_EVERY
        come = replace(present, online_until=until, told_at=now if told else present.told_at)
        word = [_word_of_coming(world, come)] if told else []
        world.tables.write(*_readers(world).come(present, until, come.told_at), *word)
        return come

    return undisturbed(world.sleep, attempt)


def queue_change(world: World, was: Reader, queue: Queue) -> Operation:
    """The operation that makes this the queue for ``was``; it fails where another write of it came first."""
    return _readers(world).set_queue(was.id, queue, was.queue)


def queue_kept(world: World, was: Reader) -> Operation:
    """The operation that writes nothing, and fails where the queue for ``was`` has changed."""
    return _readers(world).keep_queue(was.id, was.queue)


# --- favorites -----------------------------------------------------------------------------------


def keep_favorite(world: World, client: str, slug_or_id: str, *, notify_online: bool) -> tuple[Favorite, Card]:
    """Keep a reader of the directory at hand, and have the client told, or not, when they come online.

    Raises NotFound.
    """
    kept = by_slug(world, slug_or_id)
    favorite = Favorite(client, kept.id, notify_online)
    world.tables.write(*_readers(world).keep_favorite(favorite))
    return favorite, model.card(kept)


def drop_favorite(world: World, client: str, reader_id: str) -> None:
    """Keep the reader at hand no longer; it may be repeated."""
    rows = _readers(world)
    world.tables.write(*rows.drop_favorite(client, rows.owner(reader_id) or reader_id))


def favorites(
    world: World, client: str, limit: int, start: Key | None
) -> tuple[list[tuple[Favorite, Card]], Key | None]:
    """A page of the client's favorites, of those who are in the directory; ``limit`` is at most 100."""
    kept, following = _readers(world).favorites(client, limit, start)
    cards = _readers(world).cards_of([each.reader for each in kept])
    return [(each, cards[each.reader]) for each in kept if each.reader in cards], following


def favorite_ids(world: World, client: str, limit: int, start: Key | None) -> tuple[list[Favorite], Key | None]:
    """A page of the client's favorites, whether they are in the directory or not."""
    return _readers(world).favorites(client, limit, start)


def followers(world: World, reader_id: str, limit: int, start: Key | None) -> tuple[list[str], Key | None]:
    """A page of the clients who asked to be told when the reader comes online."""
    return _readers(world).followers(reader_id, limit, start)


# --- an admin's ----------------------------------------------------------------------------------


def invite(world: World, *, email: str | None, actor: str, reason: str) -> tuple[str, Millis]:
    """A new invitation: its token, which is kept nowhere, and when it expires."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    bound_to = model.sealed(token, email) if email else None
    invitation = Invitation(digest, bound_to, expires_at=world.now() + model.INVITATION_LIFE)
    world.tables.write(
        _readers(world).add_invitation(invitation),
        _told(world, f"invitation:{digest[:16]}", "reader_invited", actor, reason, {"bound": email is not None}),
    )
    return token, invitation.expires_at


def verify(world: World, reader_id: str, *, actor: str, reason: str) -> Reader:
    """Let the reader into the directory, also after ``withdraw``. Raises InvalidState before there is a profile."""
    return _administered(world, reader_id, "reader_verified", model.verified, actor, reason)


def withdraw(world: World, reader_id: str, *, actor: str, reason: str) -> Reader:
    """Take the reader out of the directory and offline. Raises InvalidState for one who was never verified."""
    return _administered(world, reader_id, "reader_withdrawn", model.withdrawn, actor, reason)


def forget(world: World, person_id: str) -> None:
    """Take a deleted person out of the directory with all they said of themselves, if they were a reader at all, and
    drop the favorites they kept. May be repeated. Raises Unavailable.
    """

    def attempt() -> None:
        was = _readers(world).find(person_id)
        if was:
            _replaced(world, model.forgotten(was), was)

    undisturbed(world.sleep, attempt)
    for _ in range(_MOST_PAGES):
        kept, _ = _readers(world).favorites(person_id, MOST_KEYS // 2, None)
        if not kept:
            return
        world.tables.write(*(each for one in kept for each in _readers(world).drop_favorite(person_id, one.reader)))
    raise Unavailable("There are more favorites than one call drops.")


def _readers(world: World) -> "Readers":
    from chalicelib.readers.store import Readers  # brings PynamoDB, and a clock, a webhook or a beat reads no reader

    return Readers(world.tables, world.settings.tables.readers)


def _replaced(world: World, decided: Reader, was: Reader) -> Reader:
    if decided == was:
        return was
    changed = replace(decided, rev=was.rev + 1)
    world.tables.write(*_readers(world).replace(changed, was))
    return changed


def _administered(
    world: World, reader_id: str, action: str, decide: Callable[[Reader], Reader], actor: str, reason: str
) -> Reader:
    """Carry out an admin's decision with its audit entry; what already holds is left as it is."""

    def attempt() -> Reader:
        was = reader(world, reader_id)
        decided = decide(was)
        if decided == was:
            return was
        changed = replace(decided, rev=was.rev + 1)
        told = _told(world, reader_id, action, actor, reason, {"before": was.standing, "after": changed.standing})
        world.tables.write(*_readers(world).replace(changed, was), told)
        return changed

    return undisturbed(world.sleep, attempt)


def _told(world: World, subject: str, action: str, actor: str, reason: str, detail: dict[str, str | bool]) -> Put:
    return audit.entry(
        world.settings.tables.audit,
        subject=subject,
        action=action,
        actor=actor,
        reason=reason,
        at=world.now(),
        detail=detail,
    )


def _word_of_coming(world: World, come: Reader) -> Put:
    """For the reader's followers: ``notifications`` hands it on to each."""
    return outbox.notice(
        world.settings.tables.notices,
        to=come.id,
        kind="reader_online",
        fact=str(come.told_at),
        at=come.told_at,
        facts={"at": come.told_at},
    )


def _gone(world: World, present: Reader) -> Reader:
    if present.here:
        world.tables.write(*_readers(world).go(present))
    return replace(present, online_until=0)


def with_presence(world: World, cards: Sequence[Card], busy: Busy) -> list[tuple[Card, Presence]]:
    """The cards with their readers' presence, a moment old. Who is found silent is taken offline."""
    rows, now = _readers(world), world.now()
    until: dict[str, Millis] = {}
    for first in range(0, len(cards), MOST_KEYS):
        until |= rows.here([each.id for each in cards[first : first + MOST_KEYS]])
    _sweep(world, [reader_id for reader_id, moment in until.items() if 0 < moment <= now])
    taken = busy([each.id for each in cards])
    return [(each, model.presence(until[each.id], now, each.id in taken)) for each in cards]


def _sweep(world: World, silent: Sequence[str]) -> None:
    """Put right what says that a reader is here who fell silent, so that no list looks at them again for nothing."""
    for reader_id in silent[:_SWEPT]:
        present = _readers(world).find(reader_id)
        if present and present.here and present.presence(world.now(), busy=False) == "offline":
            world.wrote(*_readers(world).go(present))


def _start(card: Card, order: Order) -> dict[str, str]:
    return {"place": model.places(card)[order], "reader": card.id}


def _start_of(cursor: str, scope: str, between: tuple[str, str]) -> dict[str, str]:
    start = cursors.decode(cursor, scope, {"place": str, "reader": str})
    if not between[0] <= start["place"] <= between[1]:
        raise Invalid(errors=({"field": "cursor", "message": "Not a cursor of this list."},))
    return start
