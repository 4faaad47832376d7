"""A person as their own app sees them."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field

from chalicelib.accounts.model import Changes, Person, Status
from chalicelib.kernel.roles import Role
from chalicelib.runtime.schemas import Schema


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


class MeChanges(Schema):
    """What to change. A field that is absent or null stays as it is."""

    display_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    birth_date: Annotated[date, Field(description="Set once; 18 or older.")] | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    locale: Annotated[str, Field(max_length=35)] | None = None

    def changes(self) -> Changes:
        return Changes(
            display_name=self.display_name,
            birth_date=self.birth_date,
            time_zone=self.time_zone,
            locale=self.locale,
        )
