"""The accounts table: a partition for each person, ``profile`` in it being the person."""

from dataclasses import asdict
from datetime import date
from typing import Final

from chalicelib.accounts.model import Person
from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.tables import Absent, Equals, Item, Key, Put, Tables

_PROFILE: Final = "profile"
_MOST_PAGES: Final = 1_000


class People:
    """Reads people, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def find(self, person_id: str) -> Person | None:
        """The person, strongly consistent: a suspension holds from the very next request."""
        item = self._tables.get(self._name, {"pk": person_id, "sk": _PROFILE})
        return _from_item(item) if item else None

    def having_email(self, email: str) -> list[Person]:
        """Everybody with this address, by reading the whole table: for the command line only.

        Raises Unavailable beyond 1,000 pages (about 1 GB).
        """
        start: Key | None = None
        found: list[Person] = []
        for _ in range(_MOST_PAGES):
            page = self._tables.scan(self._name, start=start)
            found += [
                _from_item(item)
                for item in page.items
                if item["sk"] == _PROFILE and (item.get("email") or "").casefold() == email.casefold()
            ]
            if page.next_key is None:
                return found
            start = page.next_key
        raise Unavailable("There are too many accounts to look through.")

    def add(self, person: Person) -> Put:
        """Adds a newcomer; fails when the person exists."""
        return Put(self._name, _to_item(person), when=(Absent("pk"),))

    def replace(self, person: Person, was: Person) -> Put:
        """Changes the person; fails when another write came first."""
        return Put(self._name, _to_item(person), when=(Equals("rev", was.rev),))


def _to_item(person: Person) -> Item:
    """What a person has not told is left out."""
    told = {name: value for name, value in asdict(person).items() if value is not None}
    born = {"birth_date": person.birth_date.isoformat()} if person.birth_date else {}
    return {"pk": told.pop("id"), "sk": _PROFILE, **told, **born}


def _from_item(item: Item) -> Person:
    born = item.get("birth_date")
    return Person(
        id=item["pk"],
        role=item["role"],
        status=item["status"],
        display_name=item["display_name"],
        birth_date=date.fromisoformat(born) if born else None,
        time_zone=item["time_zone"],
        locale=item["locale"],
        email=item.get("email"),
        created_at=item["created_at"],
        rev=item["rev"],
    )
