"""What the rest of the program, a reader and an admin may ask of readers.

Whether a reader is busy is not known here: a context above, which knows the open readings, says so.
"""

import hashlib
import secrets
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, NotFound
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.readers import model
from chalicelib.readers.model import (
    MODALITIES,
    Description,
    Filters,
    Invitation,
    Modality,
    Place,
    Presence,
    Reader,
    Sort,
)
from chalicelib.runtime import audit, cursors
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Put

if TYPE_CHECKING:
    from chalicelib.readers.store import Readers

__all__ = ["MODALITIES", "Busy", "Description", "Filters", "Listing", "Modality", "Presence", "Reader", "Sort"]

Busy = Callable[[Sequence[str]], Container[str]]
"""Which of these readers have an open reading."""

_TOKEN_BYTES: Final = 32
_BUSY_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the directory. ``next_cursor`` asks for the following one; None on the last."""

    items: list[tuple[Reader, Presence]]
    next_cursor: str | None


# --- reading -------------------------------------------------------------------------------------


def reader(world: World, reader_id: str) -> Reader:
    """The reader, verified or not, with their presence; strongly consistent. Raises NotFound."""
    if found := _readers(world).find(reader_id):
        return found
    raise NotFound("There is no such reader.")


def by_slug(world: World, slug_or_id: str) -> Reader:
    """The reader of the public directory with this slug, or this id. Raises NotFound, also for one not verified."""
    found = reader(world, _readers(world).owner(slug_or_id) or slug_or_id)
    if not found.verified:
        raise NotFound("There is no such reader.")
    return found


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

    Looks at no more than ``store.MOST_LISTED`` readers, as the index knows them: a change shows a moment later.
    """
    scope = f"readers:{sort}:{filters.modality}"
    after = _place_of(cursor, scope, sort) if cursor else None
    found = [each for each in _readers(world).verified() if model.matches(each, filters)]
    following = [each for each in found if after is None or model.place(each, sort, filters.modality) > after]
    following.sort(key=lambda each: model.place(each, sort, filters.modality))
    shown = _present(world, following, filters.online, limit + 1, busy)
    if len(shown) <= limit:
        return Listing(shown, None)
    rank, slug = model.place(shown[limit - 1][0], sort, filters.modality)
    return Listing(shown[:limit], cursors.encode({"rank": rank, "slug": slug}, scope))


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
        model.check_acceptable(invitation, person.email, now)
        made = Reader(id=person_id, standing="invited", description=None, created_at=now)
        world.tables.write(
            readers.use_invitation(replace(invitation, used_by=person_id, email=None)),  # it has served
            readers.add(made),
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


def set_presence(world: World, reader_id: str, status: Literal["online", "offline"]) -> Reader:
    """Say that the reader is here for the next 90 s, or gone. Raises Forbidden where they may not go online."""
    present = reader(world, reader_id)
    if status == "offline":
        world.tables.write(_readers(world).gone(reader_id))
        return replace(present, online_until=0)
    model.check_may_go_online(present)
    until = world.now() + model.ONLINE_LIFE
    world.tables.write(_readers(world).here(reader_id, until))
    return replace(present, online_until=until)


# --- an admin's ----------------------------------------------------------------------------------


def invite(world: World, *, email: str | None, actor: str, reason: str) -> tuple[str, Millis]:
    """A new invitation: its token, which is kept nowhere, and when it expires."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    invitation = Invitation(digest, email, expires_at=world.now() + model.INVITATION_LIFE)
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
    """Take a deleted person out of the directory with all they said of themselves, if they were a reader at all."""

    def attempt() -> None:
        was = _readers(world).find(person_id)
        if was is None:
            return
        _replaced(world, model.forgotten(was), was)
        world.tables.write(_readers(world).gone(person_id))

    undisturbed(world.sleep, attempt)


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


def _present(
    world: World, candidates: list[Reader], online: bool | None, most: int, busy: Busy
) -> list[tuple[Reader, Presence]]:
    """The first ``most`` candidates with their presence, of those whose being online is as asked."""
    now = world.now()
    until = _readers(world).online()
    at_once = most if online is None else _BUSY_AT_ONCE
    shown: list[tuple[Reader, Presence]] = []
    for first in range(0, len(candidates), at_once):
        batch = [replace(each, online_until=until.get(each.id, 0)) for each in candidates[first : first + at_once]]
        taken = busy([each.id for each in batch])
        seen = [(each, each.presence(now, each.id in taken)) for each in batch]
        shown += [(each, presence) for each, presence in seen if online in (None, presence == "online")]
        if len(shown) >= most:
            break
    return shown[:most]


def _place_of(cursor: str, scope: str, sort: Sort) -> Place:
    key = cursors.decode(cursor, scope, {"rank": str if sort == "name" else int, "slug": str})
    return key["rank"], key["slug"]
