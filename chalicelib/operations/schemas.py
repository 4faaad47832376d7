"""Shapes of the operations routes."""

from typing import Literal

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
