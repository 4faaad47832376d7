"""The readers table.

``{reader}`` / ``profile``            the reader; in the index ``listed`` under ``verified`` while they are
``{reader}`` / ``presence``           here until when; in the index ``listed`` under ``online``
``slug#{slug}`` / ``slug``            whose slug it is: what makes slugs unique
``invitation#{digest}`` / ``invitation``

Presence has a row of its own because it is written every 30 s: a beat costs one write unit however long the
biography is, and never comes between a reader and the profile being edited.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final, Self, cast

from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.kernel.time import Millis
from chalicelib.readers.model import Description, Invitation, Modality, Price, Reader, Standing
from chalicelib.runtime.logs import log
from chalicelib.runtime.models import R, Row, page
from chalicelib.runtime.tables import Absent, Delete, Equals, Item, Key, Operation, Put, Range, Tables

MOST_LISTED: Final = 1_000
"""Readers a directory request looks at. Beyond that it needs indexes by cost and rating, and says so in the log."""

_PROFILE: Final = "profile"
_PRESENCE: Final = "presence"
_VERIFIED: Final = "verified"
_ONLINE: Final = "online"
_PAGE: Final = 250
_MOST_ONLINE: Final = 4 * MOST_LISTED
"""A row stays after its reader fell silent, so there are more than are online."""


class Listed(GlobalSecondaryIndex["ReaderRow"]):  # type: ignore[no-untyped-call]  # PynamoDB types this in part
    """Sparse: only a row that says ``listed`` is in it."""

    class Meta:
        index_name = "listed"
        projection = AllProjection()

    listed = UnicodeAttribute(hash_key=True)
    slug = UnicodeAttribute(range_key=True)


class ReaderRow(Row):
    """A reader as stored, presence aside. ``slug`` to ``languages`` are absent until they describe themselves."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=_PROFILE)
    listed = UnicodeAttribute(null=True)
    standing = UnicodeAttribute()
    slug = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    biography = UnicodeAttribute(null=True)
    specialties = ListAttribute[str](default=list)
    languages = ListAttribute[str](default=list)
    prices = MapAttribute[str, Any](default=dict)  # type: ignore[no-untyped-call]
    rating_total = NumberAttribute()
    rating_count = NumberAttribute()
    created_at = NumberAttribute()
    rev = NumberAttribute()
    by_slug = Listed()

    @classmethod
    def of(cls, reader: Reader) -> Self:
        row = cls(
            pk=reader.id,
            listed=_VERIFIED if reader.verified else None,
            standing=reader.standing,
            prices={modality: asdict(price) for modality, price in reader.prices.items()},
            rating_total=reader.rating_total,
            rating_count=reader.rating_count,
            created_at=reader.created_at,
            rev=reader.rev,
        )
        if reader.description:
            for name, value in asdict(reader.description).items():
                setattr(row, name, list(value) if isinstance(value, tuple) else value)
        return row

    def reader(self, online_until: Millis = 0) -> Reader:
        return Reader(
            id=self.pk,
            standing=cast("Standing", self.standing),
            description=self._description(),
            prices=self._prices(),
            online_until=online_until,
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


class PresenceRow(Row):
    """Until when a reader counts as here. ``slug`` repeats the reader: it is the index's sort key."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=_PRESENCE)
    listed = UnicodeAttribute(default=_ONLINE)
    slug = UnicodeAttribute()
    online_until = NumberAttribute()
    by_slug = Listed()


class Readers:
    """Reads readers and their invitations, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def find(self, reader_id: str) -> Reader | None:
        """The reader with their presence: one strongly consistent read."""
        within = Range("sk", _PRESENCE, _PROFILE)
        rows = {item["sk"]: item for item in self._tables.query(self._name, ("pk", reader_id), within=within).items}
        if _PROFILE not in rows:
            return None
        online_until = rows[_PRESENCE]["online_until"] if _PRESENCE in rows else 0
        return ReaderRow.from_item(rows[_PROFILE]).reader(online_until)

    def owner(self, slug: str) -> str | None:
        """The id of the reader whose slug this is, strongly consistent."""
        row = self._tables.get(self._name, _slug_key(slug))
        return str(row["reader"]) if row else None

    def verified(self) -> list[Reader]:
        """The directory, as the index knows it; presence is not filled in."""
        return [row.reader() for row in self._listed(ReaderRow, _VERIFIED, MOST_LISTED)]

    def online(self) -> Mapping[str, Millis]:
        """Until when each reader counts as here, of those who said so and did not leave."""
        return {row.pk: int(row.online_until) for row in self._listed(PresenceRow, _ONLINE, _MOST_ONLINE)}

    def add(self, reader: Reader) -> Put:
        """Adds the reader; fails when they exist."""
        return Put(self._name, ReaderRow.of(reader).item(), when=(Absent("pk"),))

    def replace(self, reader: Reader, was: Reader) -> tuple[Operation, ...]:
        """Changes the reader, and moves the slug; fails when another write came first or the slug is taken."""
        changed = Put(self._name, ReaderRow.of(reader).item(), when=(Equals("rev", was.rev),))
        wanted, held = _slug(reader), _slug(was)
        if wanted == held:
            return (changed,)
        claimed = [Put(self._name, _slug_key(wanted) | {"reader": reader.id}, when=(Absent("pk"),))] if wanted else []
        let_go = [Delete(self._name, _slug_key(held), when=(Equals("reader", reader.id),))] if held else []
        return changed, *claimed, *let_go

    def here(self, reader_id: str, until: Millis) -> Put:
        """Says that the reader is here. Without a condition: the latest word is the true one."""
        return Put(self._name, PresenceRow(pk=reader_id, slug=reader_id, online_until=until).item())

    def gone(self, reader_id: str) -> Delete:
        """Says that the reader is gone. Without a condition, as ``here``."""
        return Delete(self._name, {"pk": reader_id, "sk": _PRESENCE})

    def invitation(self, digest: str) -> Invitation | None:
        """The invitation whose token has this SHA-256, strongly consistent."""
        row = self._tables.get(self._name, _invitation_key(digest))
        if row is None:
            return None
        return Invitation(digest, email=row["email"], expires_at=row["expires_at"], used_by=row["used_by"])

    def add_invitation(self, invitation: Invitation) -> Put:
        """Adds the invitation; fails when there is one with this digest."""
        return Put(self._name, _invitation_row(invitation), when=(Absent("pk"),))

    def use_invitation(self, invitation: Invitation) -> Put:
        """Stores who used it; fails when it was used before."""
        return Put(self._name, _invitation_row(invitation), when=(Equals("state", "open"),))

    def _listed(self, rows: type[R], partition: str, most: int) -> Iterator[R]:
        start: Key | None = None
        for _ in range(most // _PAGE):
            found = page(rows, self._name, index="listed", partition=partition, limit=_PAGE, start=start)
            yield from found.rows
            if found.next_key is None:
                return
            start = found.next_key
        log.warning("directory_cut_short", kind=partition, count=most)


def _slug(reader: Reader) -> str | None:
    return reader.description.slug if reader.description else None


def _slug_key(slug: str) -> Key:
    return {"pk": f"slug#{slug}", "sk": "slug"}


def _invitation_key(digest: str) -> Key:
    return {"pk": f"invitation#{digest}", "sk": "invitation"}


def _invitation_row(invitation: Invitation) -> Item:
    return _invitation_key(invitation.digest) | {
        "email": invitation.email,
        "expires_at": invitation.expires_at,
        "used_by": invitation.used_by,
        "state": "used" if invitation.used_by else "open",
    }
