"""A person as their own app sees them."""

import re
from datetime import date
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field

from chalicelib.accounts.model import Changes, Person, Status
from chalicelib.kernel.roles import Role
from chalicelib.runtime.schemas import Schema

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Me(Schema):
    """One's own profile."""

    id: str
    role: Role
    display_name: str
    birth_date: date | None
    time_zone: Annotated[str, Field(description="IANA name.", examples=["America/New_York"])]
    locale: Annotated[str, Field(description="Language tag (BCP 47).", examples=["en-US"])]
    status: Status

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(
            id=person.id,
            role=person.role,
            display_name=person.display_name,
            birth_date=person.birth_date,
            time_zone=person.time_zone,
            locale=person.locale,
            status=person.status,
        )


def _written_as_a_date(value: object) -> object:
    """Pydantic would take a Unix time in a string for a date; what is set once must be written as one."""
    if not isinstance(value, str):
        return value
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("Write it as 1990-12-31.")


BirthDate = Annotated[date, BeforeValidator(_written_as_a_date), Field(description="Set once; 18 or older.")]


class MeChanges(Schema):
    """What to change. A field that is absent or null stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"display_name": "Clara", "time_zone": "Europe/Vienna"}]})

    display_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    birth_date: BirthDate | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    locale: Annotated[str, Field(max_length=35)] | None = None

    def changes(self) -> Changes:
        return Changes(
            display_name=self.display_name,
            birth_date=self.birth_date,
            time_zone=self.time_zone,
            locale=self.locale,
        )
