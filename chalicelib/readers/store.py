"""The readers table.

``{reader}`` / ``profile``            the reader
``{reader}`` / ``presence``           until when they are here, and when their followers were last told
``{reader}`` / ``queue``              who waits for them
``card#{facet}`` / ``{reader}``       the card of a verified reader, below each thing that somebody may look for
``slug#{slug}`` / ``slug``            whose slug it is: what makes slugs unique
``invitation#{digest}`` / ``invitation``
``favorites#{client}`` / ``{reader}`` a favorite of the client's
``followers#{reader}`` / ``{client}`` who asked to be told when the reader comes online

Presence has a row of its own because it is written every 30 s: a beat costs one write unit however long the
biography is, and never comes between a reader and the profile being edited.

Cards are what the directory reads: six sparse indexes hold them in the orders of ``model.Order``, each within its
facet. Whatever changes a reader moves their cards in the same transaction. The cards below ``online`` are there while
the presence row says a moment, be it over: who finds it over puts both right, on the condition that it still is so.

The sparse index ``waiting`` lists the readers whom an admin is to verify, by when they were made readers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self, cast

from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.kernel.time import Millis
from chalicelib.readers import model
from chalicelib.readers.model import (
    Card,
    Description,
    Favorite,
    Invitation,
    Modality,
    Order,
    Price,
    Queue,
    Reader,
    Standing,
    Waiting,
)
from chalicelib.runtime.models import Row
from chalicelib.runtime.tables import Absent, Check, Delete, Equals, Item, Key, Operation, Put, Range, Tables, whole

_PROFILE: Final = "profile"
_PRESENCE: Final = "presence"
_QUEUE: Final = "queue"
_VERIFICATION: Final = "verification"
_MOST_PAGES: Final = 1_000


class ReaderRow(Row):
    """A reader as stored, presence aside. ``slug`` to ``languages`` are absent until they describe themselves."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=_PROFILE)
    standing = UnicodeAttribute()
    slug = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    biography = UnicodeAttribute(null=True)
    specialties = ListAttribute[str](default=list)
    languages = ListAttribute[str](default=list)
    picture = UnicodeAttribute(null=True)
    prices = MapAttribute[str, Any](default=dict)  # type: ignore[no-untyped-call]
    rating_total = NumberAttribute()
    rating_count = NumberAttribute()
    created_at = NumberAttribute()
    rev = NumberAttribute()
    waits = UnicodeAttribute(null=True)

    @classmethod
    def of(cls, reader: Reader) -> Self:
        row = cls(
            pk=reader.id,
            standing=reader.standing,
            picture=reader.picture,
            prices={modality: asdict(price) for modality, price in reader.prices.items()},
            rating_total=reader.rating_total,
            rating_count=reader.rating_count,
            created_at=reader.created_at,
            rev=reader.rev,
            waits=_VERIFICATION if model.awaits_verification(reader) else None,
        )
        if reader.description:
            for name, value in asdict(reader.description).items():
                setattr(row, name, list(value) if isinstance(value, tuple) else value)
        return row

    def reader(self, presence: Item, queue: Queue) -> Reader:
        return Reader(
            id=self.pk,
            standing=cast("Standing", self.standing),
            description=self._description(),
            picture=self.picture,
            prices=self._prices(),
            online_until=presence.get("online_until", 0),
            told_at=presence.get("told_at", 0),
            queue=queue,
            rating_total=int(self.rating_total),
            rating_count=int(self.rating_count),
            created_at=int(self.created_at),
            rev=int(self.rev),
        )

    def _prices(self) -> dict[Modality, Price]:
        stored: dict[Modality, Any] = self.prices.as_dict()  # type: ignore[no-untyped-call]
        return {modality: Price(**price) for modality, price in stored.items()}

    def _description(self) -> Description | None:
        if self.slug is None or self.name is None:
            return None
        return Description(
            slug=self.slug,
            name=self.name,
            biography=self.biography or "",
            specialties=tuple(self.specialties),
            languages=tuple(self.languages),
        )


@dataclass(frozen=True, slots=True)
class CardPage:
    """``more`` says that others may follow the last."""

    cards: list[Card]
    more: bool


class Readers:
    """Reads readers and their invitations, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def find(self, reader_id: str) -> Reader | None:
        """The reader with their presence and their queue: one strongly consistent read."""
        within = Range("sk", _PRESENCE, _QUEUE)
        rows = {item["sk"]: item for item in self._tables.query(self._name, ("pk", reader_id), within=within).items}
        if _PROFILE not in rows:
            return None
        return ReaderRow.from_item(rows[_PROFILE]).reader(rows.get(_PRESENCE, {}), _queue(rows.get(_QUEUE)))

    def everybody(self) -> Iterator[str]:
        """The ids of all who ever were readers, by reading the whole table: for the command line only.

        Raises Unavailable beyond 1,000 pages (about 1 GB).
        """
        rows = whole(self._tables, self._name, most=_MOST_PAGES)
        return (str(item["pk"]) for item in rows if item["sk"] == _PROFILE)

    def owner(self, slug: str) -> str | None:
        """The id of the reader whose slug this is, strongly consistent."""
        row = self._tables.get(self._name, _slug_key(slug))
        return str(row["reader"]) if row else None

    def add(self, reader: Reader) -> tuple[Operation, ...]:
        """Adds the reader; fails when they exist, or the slug is taken."""
        added = Put(self._name, ReaderRow.of(reader).item(), when=(Absent("pk"),))
        return added, *self._moved_slug(reader, None), *self._moved_cards(reader, None)

    def replace(self, reader: Reader, was: Reader) -> tuple[Operation, ...]:
        """Changes the reader, and moves slug and cards; fails when another write came first or the slug is taken.

        Fails also when the reader came or went meanwhile. One who is no longer verified leaves.
        """
        changed = Put(self._name, ReaderRow.of(reader).item(), when=(Equals("rev", was.rev),))
        gone = (self._presence(was, 0, was.told_at),) if was.here and not reader.verified else ()
        return changed, *self._moved_slug(reader, was), *gone, *self._moved_cards(reader, was)

    def unverified(self, limit: int) -> tuple[list[Reader], bool]:
        """Readers whom an admin is to verify, longest a reader first, without presence and queue; and whether there are
        more. It may be a moment behind.
        """
        page = self._tables.query(self._name, ("waits", _VERIFICATION), index="waiting", limit=limit)
        keys = [_profile_key(item["pk"]) for item in page.items]
        found = self._tables.get_many(self._name, keys) if keys else []
        readers = [ReaderRow.from_item(item).reader({}, Queue()) for item in found if item]
        return [each for each in readers if model.awaits_verification(each)], page.next_key is not None

    # the directory

    def cards(
        self, facet: str, order: Order, between: tuple[str, str], limit: int, start: Mapping[str, str]
    ) -> CardPage:
        """Cards below a facet in that order, from after ``start`` on; as the index knows them, a moment behind.

        ``start`` is the ``reader`` and the ``place`` of a card, or empty.
        """
        pk = _card_key(facet, "")["pk"]
        page = self._tables.query(
            self._name,
            ("pk", pk),
            index=order,
            within=Range(order, *between),
            limit=limit,
            start={"pk": pk, "sk": start["reader"], order: start["place"]} if start else None,
        )
        return CardPage([_card(item) for item in page.items], more=page.next_key is not None)

    def cards_of(self, readers: Sequence[str]) -> dict[str, Card]:
        """The cards of these readers by their ids, of those who are in the directory. At most 100."""
        found = self._tables.get_many(self._name, [_card_key("all", each) for each in readers], consistent=False)
        return {item["sk"]: _card(item) for item in found if item}

    def here(self, readers: Sequence[str]) -> dict[str, Millis]:
        """Until when each of these readers said that they are here, 0 where they left. At most 100."""
        keys = [_presence_key(each) for each in readers]
        found = self._tables.get_many(self._name, keys, consistent=False)
        return {reader: item["online_until"] if item else 0 for reader, item in zip(readers, found, strict=True)}

    # presence

    def come(self, reader: Reader, until: Millis, told_at: Millis) -> tuple[Operation, ...]:
        """Puts the reader online; fails when they changed, came or went meanwhile."""
        card = model.card(reader)
        unchanged = Check(self._name, _profile_key(reader.id), when=(Equals("rev", reader.rev),))
        cards = [self._put_card(card, facet) for facet in model.online_facets(card)]
        return self._presence(reader, until, told_at), unchanged, *cards

    def stay(self, reader: Reader, until: Millis) -> Put:
        """The beat of one who is here; fails when another beat, or their leaving, came first."""
        return self._presence(reader, until, reader.told_at)

    def go(self, reader: Reader) -> tuple[Operation, ...]:
        """Takes one who was here offline; fails when they changed, or said meanwhile that they are here."""
        unchanged = Check(self._name, _profile_key(reader.id), when=(Equals("rev", reader.rev),))
        facets = model.online_facets(model.card(reader))
        cards = [Delete(self._name, _card_key(facet, reader.id)) for facet in facets]
        return self._presence(reader, 0, reader.told_at), unchanged, *cards

    def _presence(self, was: Reader, until: Millis, told_at: Millis) -> Put:
        item = _presence_key(was.id) | {"online_until": until, "told_at": told_at}
        # Whoever never came online has no row; whoever left has one, which says 0.
        never = was.online_until == was.told_at == 0
        return Put(self._name, item, when=(Absent("pk") if never else Equals("online_until", was.online_until),))

    # queue

    def set_queue(self, reader_id: str, queue: Queue, was: Queue) -> Put:
        """Changes who waits for the reader; fails when another write came first."""
        item = _queue_key(reader_id) | {
            "rev": was.rev + 1,
            "waiting": [asdict(each) for each in queue.waiting],
            "offered_until": queue.offered_until,
        }
        return Put(self._name, item, when=_same_queue(was))

    def keep_queue(self, reader_id: str, was: Queue) -> Check:
        """Fails when somebody changed who waits for the reader."""
        return Check(self._name, _queue_key(reader_id), when=_same_queue(was))

    # favorites

    def favorite(self, client: str, reader: str) -> Favorite | None:
        """The client's favorite, strongly consistent."""
        item = self._tables.get(self._name, _favorite_key(client, reader))
        return _favorite(item) if item else None

    def favorites(self, client: str, limit: int, start: Key | None) -> tuple[list[Favorite], Key | None]:
        """A page of the client's favorites, by the readers' ids."""
        pk = _favorite_key(client, "")["pk"]
        page = self._tables.query(self._name, ("pk", pk), limit=limit, start=start)
        return [_favorite(item) for item in page.items], page.next_key

    def followers(self, reader: str, limit: int, start: Key | None) -> tuple[list[str], Key | None]:
        """A page of who asked to be told when the reader comes online."""
        pk = _follower_key(reader, "")["pk"]
        page = self._tables.query(self._name, ("pk", pk), limit=limit, start=start)
        return [item["sk"] for item in page.items], page.next_key

    def keep_favorite(self, favorite: Favorite) -> tuple[Operation, ...]:
        """Keeps it, in place of what was. Without a condition: the latest word is the true one."""
        client, reader = favorite.client, favorite.reader
        kept = Put(self._name, _favorite_key(client, reader) | {"notify_online": favorite.notify_online})
        follower = _follower_key(reader, client)
        return kept, Put(self._name, follower) if favorite.notify_online else Delete(self._name, follower)

    def drop_favorite(self, client: str, reader: str) -> tuple[Operation, ...]:
        """Drops it, if it is there."""
        return (
            Delete(self._name, _favorite_key(client, reader)),
            Delete(self._name, _follower_key(reader, client)),
        )

    # invitations

    def invitation(self, digest: str) -> Invitation | None:
        """The invitation whose token has this SHA-256, strongly consistent."""
        row = self._tables.get(self._name, _invitation_key(digest))
        if row is None:
            return None
        return Invitation(digest, bound_to=row["bound_to"], expires_at=row["expires_at"], used_by=row["used_by"])

    def add_invitation(self, invitation: Invitation) -> Put:
        """Adds the invitation; fails when there is one with this digest."""
        return Put(self._name, _invitation_row(invitation), when=(Absent("pk"),))

    def use_invitation(self, invitation: Invitation) -> Put:
        """Stores who used it; fails when it was used before."""
        return Put(self._name, _invitation_row(invitation), when=(Equals("state", "open"),))

    # what moves with a reader

    def _moved_slug(self, reader: Reader, was: Reader | None) -> list[Operation]:
        wanted, held = reader.slug, was.slug if was else None
        moved: list[Operation] = []
        if wanted and wanted != held:
            moved.append(Put(self._name, _slug_key(wanted) | {"reader": reader.id}, when=(Absent("pk"),)))
        if held and wanted != held:
            moved.append(Delete(self._name, _slug_key(held), when=(Equals("reader", reader.id),)))
        return moved

    def _moved_cards(self, reader: Reader, was: Reader | None) -> tuple[Operation, ...]:
        """From where they were to where they belong. Fails when the reader came or went since ``was``."""
        before, after = _cards(was), _cards(reader)
        if before == after:
            return ()
        lie = model.facets(before, was.here) if before and was else frozenset()
        belong = model.facets(after, was.here if was else False) if after else frozenset()
        present = "online" in lie
        puts = [
            # Of the online cards one is enough to tell that none has gone.
            self._put_card(after, facet, when=(Equals("sk", reader.id),) if present and facet == "online" else ())
            for facet in sorted(belong)
            if after
        ]
        deletes = [Delete(self._name, _card_key(facet, reader.id)) for facet in sorted(lie - belong)]
        absent = Check(self._name, _card_key("online", reader.id), when=(Absent("pk"),))
        return *puts, *deletes, *((absent,) if before and not present else ())

    def _put_card(self, card: Card, facet: str, when: tuple[Equals, ...] = ()) -> Put:
        return Put(self._name, _card_item(card) | _card_key(facet, card.id), when=when)


def _cards(reader: Reader | None) -> Card | None:
    return model.card(reader) if reader and reader.verified else None


def _card_key(facet: str, reader: str) -> Key:
    return {"pk": f"card#{facet}", "sk": reader}


def _card_item(card: Card) -> Item:
    item = asdict(card)
    del item["id"]
    return item | model.places(card)


def _card(item: Item) -> Card:
    return Card(
        id=item["sk"],
        slug=item["slug"],
        name=item["name"],
        specialties=tuple(item["specialties"]),
        languages=tuple(item["languages"]),
        picture=item["picture"],
        rates=item["rates"],
        rating_total=item["rating_total"],
        rating_count=item["rating_count"],
        words=tuple(item["words"]),
    )


def _slug_key(slug: str) -> Key:
    return {"pk": f"slug#{slug}", "sk": "slug"}


def _profile_key(reader: str) -> Key:
    return {"pk": reader, "sk": _PROFILE}


def _presence_key(reader: str) -> Key:
    return {"pk": reader, "sk": _PRESENCE}


def _queue_key(reader: str) -> Key:
    return {"pk": reader, "sk": _QUEUE}


def _queue(item: Item | None) -> Queue:
    if item is None:
        return Queue()
    return Queue(tuple(Waiting(**each) for each in item["waiting"]), item["offered_until"], item["rev"])


def _same_queue(was: Queue) -> tuple[Absent | Equals]:
    return (Equals("rev", was.rev),) if was.rev else (Absent("pk"),)


def _favorite_key(client: str, reader: str) -> Key:
    return {"pk": f"favorites#{client}", "sk": reader}


def _favorite(item: Item) -> Favorite:
    return Favorite(item["pk"].partition("#")[2], item["sk"], item["notify_online"])


def _follower_key(reader: str, client: str) -> Key:
    return {"pk": f"followers#{reader}", "sk": client}


def _invitation_key(digest: str) -> Key:
    return {"pk": f"invitation#{digest}", "sk": "invitation"}


def _invitation_row(invitation: Invitation) -> Item:
    return _invitation_key(invitation.digest) | {
        "bound_to": invitation.bound_to,
        "expires_at": invitation.expires_at,
        "used_by": invitation.used_by,
        "state": "used" if invitation.used_by else "open",
    }
