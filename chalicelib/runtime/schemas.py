"""What every request and answer is made of. A body is read strictly: ``"5"`` and ``true`` are not the number 5."""

import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import SECOND, Millis

MOST_ON_A_PAGE = 100
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


class Schema(BaseModel):
    """A shape of the API: frozen, with no field that it does not name, and with finite numbers only."""

    # Built on first use: a cold start answers one request, and need not pay for the shapes of all the others.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


T = TypeVar("T", bound=Schema)


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A prefixed id that the API itself gave out, or a slug."""


class Money(Schema):
    """An amount in minor units (cents) of its currency; negative where money goes back or out."""

    amount: Cents
    currency: str = USD


# No slots: ``PageOf[View](…)`` stumbles over them, https://github.com/python/cpython/issues/116669
@dataclass(frozen=True)
class PageOf(Generic[T]):
    """One page of a list. ``next_cursor`` asks for the following one; None on the last.

    It is no model of pydantic's: each kind of page would be one more class for every start to make.
    """

    items: list[T]
    next_cursor: str | None

    def model_dump_json(self, *, by_alias: bool) -> str:
        """The page as JSON, as a ``Schema`` of these fields would give it."""
        items = ",".join(each.model_dump_json(by_alias=by_alias) for each in self.items)
        return f'{{"items":[{items}],"next_cursor":{json.dumps(self.next_cursor)}}}'


class PersonView(Schema):
    """Somebody, as others see them."""

    id: str
    display_name: str


class MediaView(Schema):
    """A lease on a media channel. Renew it before `expires_at`."""

    app_id: str
    channel: str
    uid: int
    rtc_token: str
    rtm_token: str | None = Field(description="Null for who may not write.")
    expires_at: str


def _written_as_a_moment(value: object) -> object:
    """Pydantic would take a number in a string for Unix time, and a time without a zone for one of anywhere."""
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("Write it as 2026-12-31T18:30:00Z.")


Moment = Annotated[datetime, BeforeValidator(_written_as_a_moment), Field(description="RFC 3339, with its offset.")]


def millis(moment: datetime) -> Millis:
    """The moment as the program counts it."""
    return round(moment.timestamp() * SECOND)


class ListQuery(Schema):
    """How much of a list, and from where."""

    limit: Annotated[int, Field(ge=1, le=MOST_ON_A_PAGE, description="Items on a page.")] = 20
    cursor: Annotated[str, Field(max_length=1024, description="`next_cursor` of the page before.")] | None = None


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # Now, not at the first call, as with the world: what pydantic reads for the first shape that it builds.
    Money.model_rebuild()
