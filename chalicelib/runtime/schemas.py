"""What every request and answer is made of. A body is read strictly: ``"5"`` and ``true`` are not the number 5."""

import json
import os
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.kernel.money import USD, Cents

MOST_ON_A_PAGE = 100


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


class ListQuery(Schema):
    """How much of a list, and from where."""

    limit: Annotated[int, Field(ge=1, le=MOST_ON_A_PAGE, description="Items on a page.")] = 20
    cursor: Annotated[str, Field(max_length=1024, description="`next_cursor` of the page before.")] | None = None


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # Now, not at the first call, as with the world: what pydantic reads for the first shape that it builds.
    Money.model_rebuild()
