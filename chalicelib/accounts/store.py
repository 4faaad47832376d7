"""The accounts table: a partition for each person, ``profile`` in it being the person."""

from datetime import date
from typing import Final, Self, cast

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.accounts.model import Person, Status
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.roles import Role
from chalicelib.runtime.models import Row
from chalicelib.runtime.tables import Absent, Equals, Key, Put, Tables

_PROFILE: Final = "profile"
_MOST_PAGES: Final = 1_000


class PersonRow(Row):
    """A person as stored."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=_PROFILE)
    role = UnicodeAttribute()
    status = UnicodeAttribute()
    display_name = UnicodeAttribute()
    birth_date = UnicodeAttribute(null=True)
    time_zone = UnicodeAttribute()
    locale = UnicodeAttribute()
    email = UnicodeAttribute(null=True)
    created_at = NumberAttribute()
    rev = NumberAttribute()

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(
            pk=person.id,
            role=person.role,
            status=person.status,
            display_name=person.display_name,
            birth_date=person.birth_date and person.birth_date.isoformat(),
            time_zone=person.time_zone,
            locale=person.locale,
            email=person.email,
            created_at=person.created_at,
            rev=person.rev,
        )

    def person(self) -> Person:
        return Person(
            id=self.pk,
            role=cast("Role", self.role),
            status=cast("Status", self.status),
            display_name=self.display_name,
            birth_date=date.fromisoformat(self.birth_date) if self.birth_date else None,
            time_zone=self.time_zone,
            locale=self.locale,
            email=self.email,
            created_at=int(self.created_at),
            rev=int(self.rev),
        )


class People:
    """Reads people, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def find(self, person_id: str) -> Person | None:
        """The person, strongly consistent: a suspension holds from the very next request."""
        item = self._tables.get(self._name, {"pk": person_id, "sk": _PROFILE})
        return PersonRow.from_item(item).person() if item else None

    def having_email(self, email: str) -> list[Person]:
        """Everybody with this address, by reading the whole table: for the command line only.

        Raises Unavailable beyond 1,000 pages (about 1 GB).
        """
        start: Key | None = None
        found: list[Person] = []
        for _ in range(_MOST_PAGES):
            page = self._tables.scan(self._name, start=start)
            found += [
                PersonRow.from_item(item).person()
                for item in page.items
                if item["sk"] == _PROFILE and (item.get("email") or "").casefold() == email.casefold()
            ]
            if page.next_key is None:
                return found
            start = page.next_key
        raise Unavailable("There are too many accounts to look through.")

    def add(self, person: Person) -> Put:
        """Adds a newcomer; fails when the person exists."""
        return Put(self._name, PersonRow.of(person).item(), when=(Absent("pk"),))

    def replace(self, person: Person, was: Person) -> Put:
        """Changes the person; fails when another write came first."""
        return Put(self._name, PersonRow.of(person).item(), when=(Equals("rev", was.rev),))
