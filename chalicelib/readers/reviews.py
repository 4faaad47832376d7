"""Reviews of readers, and their place in a reader's rating.

``reviews#{reader}`` / ``{moment}#{id}``   a review that is shown, in the order of its writing
``review#{id}`` / ``review``               where it is; while it is out of sight, the review itself

The rating changes in the transaction that adds a review, takes it out of sight or brings it back, on the condition that
the reader's row is as it was read: the stored average is exact however many write at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Forbidden, NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.standing import Standing, Subject
from chalicelib.kernel.time import Millis
from chalicelib.readers import service as readers
from chalicelib.readers.model import Reader
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Absent, Delete, Equals, Item, Key, Operation, Put, Tables

if TYPE_CHECKING:
    from chalicelib.readers.store import Readers

_TRIES: Final = 100
"""A try that lost means that another review of this reader got on, as in the ledger."""
_MOMENT_DIGITS: Final = 14


@dataclass(frozen=True, slots=True)
class Review:
    """One client's word on one reading. ``author`` is the client's id, for us alone; ``name`` is what is shown."""

    id: str
    reader: str
    session: str
    author: str
    name: str
    rating: int
    """1 to 5."""
    text: str
    at: Millis
    reply: str | None = None
    replied_at: Millis | None = None
    standing: Standing = "shown"
    """One that is hidden or removed is kept, is shown to nobody and counts in no rating."""
    rev: int = 1

    def says(self, other: Review) -> bool:
        """Whether both say the same of the same reading."""
        return (self.session, self.author, self.rating, self.text) == (
            other.session,
            other.author,
            other.rating,
            other.text,
        )


# --- decisions -----------------------------------------------------------------------------------


def rated(reader: Reader, rating: int) -> Reader:
    """The reader with one review more."""
    return _counted(reader, rating, 1)


def unrated(reader: Reader, rating: int) -> Reader:
    """The reader with that review less."""
    return _counted(reader, -rating, -1)


def replied(review: Review, reader: str, text: str, now: Millis) -> Review:
    """The review with its reader's reply; as it was where they said so before.

    Raises Forbidden for anybody else, NotFound while it is out of sight, AlreadyDone for another reply.
    """
    if review.reader != reader:
        raise Forbidden("Only the reader of this review may reply.")
    if review.standing != "shown":
        raise NotFound("There is no such review.")
    if review.reply is None:
        return replace(review, reply=text, replied_at=now, rev=review.rev + 1)
    if review.reply != text:
        raise AlreadyDone("There is a reply already.")
    return review


def _counted(reader: Reader, rating: int, count: int) -> Reader:
    return replace(
        reader,
        rating_total=reader.rating_total + rating,
        rating_count=reader.rating_count + count,
        rev=reader.rev + 1,
    )


# --- use cases -----------------------------------------------------------------------------------


def review_id_of(session: str) -> str:
    """The id of the one review that a reading can have."""
    return derived_id("rev", session)


def review(world: World, review_id: str) -> Review:
    """The review, also one out of sight; strongly consistent. Raises NotFound."""
    if found := _reviews(world).find(review_id):
        return found
    raise NotFound("There is no such review.")


def page(world: World, reader: str, limit: int, start: Key | None) -> tuple[list[Review], Key | None]:
    """A page of a reader's reviews, newest first."""
    return _reviews(world).page(reader, limit, start)


def add(world: World, wanted: Review) -> Review:
    """Add a review, whose id derives from its reading; the same one when repeated.

    Raises AlreadyDone where the reading was reviewed differently, or the review is out of sight; NotFound (no such
    reader).
    """

    def attempt() -> Review:
        if done := _reviews(world).find(wanted.id):
            if done.standing != "shown" or not done.says(wanted):
                raise AlreadyDone("This reading was reviewed before.")
            return done
        was = readers.reader(world, wanted.reader)
        world.tables.write(*_reviews(world).add(wanted), *_readers(world).replace(rated(was, wanted.rating), was))
        return wanted

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def reply(world: World, review_id: str, reader: str, text: str) -> Review:
    """Add the reader's reply, once. Raises NotFound, Forbidden, AlreadyDone."""

    def attempt() -> Review:
        was = review(world, review_id)
        decided = replied(was, reader, text, world.now())
        if decided != was:
            world.tables.write(_reviews(world).replace(decided, was))
        return decided

    return undisturbed(world.sleep, attempt)


def remove(world: World, review_id: str, *, actor: str, reason: str) -> Review:
    """Take a review out of the list and the rating, for cause; audited. A removed one stays as it is."""

    def attempt() -> Review:
        was = review(world, review_id)
        if was.standing == "removed":
            return was
        told = audit.entry(
            world.settings.tables.audit,
            subject=was.id,
            action="review_removed",
            actor=actor,
            reason=reason,
            at=world.now(),
            detail={"reader": was.reader, "session": was.session, "rating": was.rating},
        )
        world.tables.write(*_stand(world, was, "removed"), told)
        return _moved(was, "removed")

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def subject(world: World, review_id: str, seen_by: str | None) -> Subject:
    """The review as a moderator judges it; ``seen_by`` is who reports it, None a moderator.

    Everybody sees a review that is shown. Raises NotFound.
    """
    found = review(world, review_id)
    if seen_by not in (None, found.author) and found.standing != "shown":
        raise NotFound("There is no such review.")
    return Subject(found.id, found.author, found.standing, found.text, (), found.session, found.at)


def stand(world: World, review_id: str, standing: Standing) -> list[Operation]:
    """The operations that put the review there, for moderation's transaction; none where it is there already.

    They fail when the review or its reader changed since. Raises NotFound.
    """
    was = review(world, review_id)
    return _stand(world, was, standing) if was.standing != standing else []


def _stand(world: World, was: Review, standing: Standing) -> list[Operation]:
    rows, moved = _reviews(world), _moved(was, standing)
    if "shown" not in (was.standing, standing):
        return [rows.replace(moved, was)]
    reader = readers.reader(world, was.reader)
    if standing == "shown":
        return [*rows.bring_back(moved, was), *_readers(world).replace(rated(reader, was.rating), reader)]
    return [*rows.take_out(moved, was), *_readers(world).replace(unrated(reader, was.rating), reader)]


def _moved(was: Review, standing: Standing) -> Review:
    return replace(was, standing=standing, rev=was.rev + 1)


def forget(world: World, review_id: str, name: str) -> None:
    """Put ``name`` in place of its author's, and no id: the person is gone, the review stays. May be repeated."""

    def attempt() -> None:
        was = _reviews(world).find(review_id)
        if was and (was.author, was.name) != ("", name):
            nameless = replace(was, author="", name=name, rev=was.rev + 1)
            world.tables.write(_reviews(world).replace(nameless, was))

    undisturbed(world.sleep, attempt)


def of_session(world: World, session: str) -> Review | None:
    """The review of a reading, also one out of sight."""
    return _reviews(world).find(review_id_of(session))


# --- rows ----------------------------------------------------------------------------------------


def list_key(reader: str) -> str:
    """The partition of a reader's reviews that are shown."""
    return f"reviews#{reader}"


class Reviews:
    """Reads reviews, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def find(self, review_id: str) -> Review | None:
        """The review, strongly consistent: two reads."""
        place = self._tables.get(self._name, _place_key(review_id))
        if place is None or "rating" in place:
            return _review(place) if place else None
        shown = self._tables.get(self._name, {"pk": list_key(place["reader"]), "sk": place["place"]})
        if shown:
            return _review(shown)
        moved = self._tables.get(self._name, _place_key(review_id))  # taken out between the two reads
        return _review(moved) if moved and "rating" in moved else None

    def page(self, reader: str, limit: int, start: Key | None) -> tuple[list[Review], Key | None]:
        """A page of a reader's reviews, newest first."""
        found = self._tables.query(self._name, ("pk", list_key(reader)), newest_first=True, limit=limit, start=start)
        return [_review(item) for item in found.items], found.next_key

    def add(self, review: Review) -> list[Operation]:
        """Adds the review and its place; fails where its reading has one, shown or not."""
        return [
            Put(self._name, _where(review), when=(Absent("pk"),)),
            Put(self._name, _shown(review), when=(Absent("pk"),)),
        ]

    def replace(self, review: Review, was: Review) -> Put:
        """Changes a review where it is, shown or not; fails when another write came first."""
        kept = _place_key(review.id) | asdict(review)
        item = _shown(review) if was.standing == "shown" else kept
        return Put(self._name, item, when=(Equals("rev", was.rev),))

    def take_out(self, review: Review, was: Review) -> list[Operation]:
        """Takes the review out of the list and keeps it under its id; fails when another write came first."""
        key = {"pk": list_key(was.reader), "sk": _place(was)}
        return [
            Delete(self._name, key, when=(Equals("rev", was.rev),)),
            Put(self._name, _place_key(review.id) | asdict(review), when=(Equals("place", _place(was)),)),
        ]

    def bring_back(self, review: Review, was: Review) -> list[Operation]:
        """Puts the review into the list again; fails when another write came first."""
        return [
            Put(self._name, _shown(review), when=(Absent("pk"),)),
            Put(self._name, _where(review), when=(Equals("rev", was.rev),)),
        ]


def _place(review: Review) -> str:
    """Digits of one length sort as moments do."""
    return f"{review.at:0{_MOMENT_DIGITS}d}#{review.id}"


def _place_key(review_id: str) -> Key:
    return {"pk": f"review#{review_id}", "sk": "review"}


def _where(review: Review) -> Item:
    return _place_key(review.id) | {"reader": review.reader, "place": _place(review)}


def _shown(review: Review) -> Item:
    return {"pk": list_key(review.reader), "sk": _place(review)} | asdict(review)


def _review(item: Item) -> Review:
    return Review(**{name: item[name] for name in Review.__dataclass_fields__ if name in item})


def _reviews(world: World) -> Reviews:
    return Reviews(world.tables, world.settings.tables.readers)


def _readers(world: World) -> Readers:
    from chalicelib.readers.store import Readers  # brings PynamoDB, as in ``service``

    return Readers(world.tables, world.settings.tables.readers)
