"""Shapes of the operations routes."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.operations.model import deletion, export
from chalicelib.operations.model.deletion import Deletion
from chalicelib.operations.model.export import Export
from chalicelib.runtime.schemas import Money, Schema


class Health(Schema):
    """The API answers."""

    status: Literal["ok"]


class FeeSplit(Schema):
    """Of what a reading costs, in per cent; a cent that does not divide goes to the platform."""

    reader_percent: int
    platform_percent: int


class Billing(Schema):
    """When a client pays, and when not."""

    minute_seconds: int
    """Of connected time, both present. Paid before it is served; never more than the credit there is."""
    grace_seconds: int
    """To come back after a pause, free of charge."""
    grace_total_seconds: int
    session_max_seconds: int
    refunded_when: list[str]
    """Reasons of a stop that give back the unused seconds of the minute it cut short."""
    client_debt: Literal[False]
    """The meter stands still when the credit ends; there is never unpaid talk to collect."""


class Caps(Schema):
    """The limits on amounts."""

    topup_least: Money
    topup_most: Money
    rate_raise_percent: int
    """The most a reader may raise a rate at once."""
    rate_raise_days: int
    """The days between two raises of a rate."""


class Guarantee(Schema):
    """A client who is not satisfied may ask for the price of a reading back; people decide."""

    most: Money
    within_hours: int
    once_in_days: int


class Verification(Schema):
    """What has happened before a reader can go online."""

    by_invitation: Literal[True]
    identity_checked: Literal[True]
    approved_by_admin: Literal[True]


class Trust(Schema):
    """The promises, as numbers that the program itself runs on."""

    fee_split: FeeSplit
    billing: Billing
    caps: Caps
    guarantee: Guarantee
    verification: Verification


# --- leaving, and what one takes along -----------------------------------------------------------


class ExportView(Schema):
    """A file of everything that is kept of you. `url` gives it for 15 minutes; ask again for another one."""

    id: str
    status: export.Status
    requested_at: str
    url: str | None
    expires_at: str | None

    @classmethod
    def of(cls, made: Export, now: int, url: str | None) -> Self:
        return cls(
            id=made.id,
            status=made.status(now),
            requested_at=rfc3339(made.requested_at),
            url=url,
            expires_at=rfc3339_or_none(made.expires_at),
        )


class CodeBody(Schema):
    """The code that was mailed."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]


class DeletionView(Schema):
    """How your account ends. `asked`: until `code_expires_at` the mailed code confirms it."""

    status: deletion.State
    requested_at: str
    code_expires_at: str | None
    deletes_at: str | None
    """Until then it can be taken back. While money is owed to you, when it is looked at next."""
    owed: Money | None
    """To you: as long as there is some, the account stays."""

    @classmethod
    def of(cls, going: Deletion) -> Self:
        return cls(
            status=going.state,
            requested_at=rfc3339(going.requested_at),
            code_expires_at=rfc3339(going.code.expires_at) if going.code else None,
            deletes_at=rfc3339_or_none(going.runs_at),
            owed=Money(amount=going.owed) if going.owed else None,
        )
