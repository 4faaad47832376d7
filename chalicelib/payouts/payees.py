"""Where earnings go: a reader's Express account at Stripe, which a reader opens and Stripe checks (product §10).

What Stripe says of an account is read at Stripe, whoever told that it changed: of two readings at once the one that
began first is not written last, for each is written on the condition that the row is as it was before the reading.
"""

from dataclasses import replace
from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import InvalidState, Problem
from chalicelib.kernel.time import SECOND
from chalicelib.payouts.model import Payee, as_read, forgotten, next_run
from chalicelib.payouts.store import PayoutRows
from chalicelib.runtime import outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import ConditionFailed, Operation

_FRESH: Final = 10 * SECOND
"""How old a reading may be before somebody who waits for another status has it read again."""


def open_account(world: World, reader: str) -> str:
    """The address where ``reader`` tells Stripe who they are; good once, so each call makes a fresh one.

    The account is made the first time. Raises ProviderFailed where Stripe is out of reach, InvalidState where it
    opens no page for this account any more.
    """
    rows = rows_of(world)
    try:
        payee = rows.payee(reader)
        if payee is None:
            now = world.now()
            payee = Payee(reader, world.payments.open_payout_account(reader=reader), due_at=next_run(now))
            try:
                world.tables.write(*rows.add_payee(payee))
            except ConditionFailed:
                payee = rows.payee(reader) or payee  # made by the same request, twice at once
        return world.payments.onboarding_link(payee.account, return_url=world.settings.checkout_return_url)
    except Refused as refused:
        log.error("payout_account_refused", reader=reader, code=refused.code or "refused")
        raise InvalidState("Stripe does not open a page for this account. Contact support.") from refused


def account_of(world: World, reader: str) -> Payee | None:
    """The reader's account; read at Stripe first where it is not ready, so that who comes back from Stripe sees it.

    Where Stripe is out of reach, as it was last read.
    """
    payee = rows_of(world).payee(reader)
    if payee is None or payee.status == "ready" or world.now() - payee.read_at < _FRESH:
        return payee
    try:
        return refresh(world, reader)
    except Problem:
        world.wrote(rows_of(world).keep_payee(replace(payee, read_at=world.now())))  # it is not asked again at once
        return payee


def payee_of(world: World, reader: str) -> Payee | None:
    """The reader's account, as it was last read."""
    return rows_of(world).payee(reader)


def refresh(world: World, reader: str) -> Payee | None:
    """Read the reader's account at Stripe. Raises ProviderFailed, Unavailable."""
    rows = rows_of(world)

    def attempt() -> Payee | None:
        payee = rows.payee(reader)
        if payee is None:
            return None
        seen, operations = reading(world, payee)
        world.tables.write(*operations)
        return seen

    return undisturbed(world.sleep, attempt)


def reading(world: World, payee: Payee) -> tuple[Payee, list[Operation]]:
    """The payee as Stripe knows the account now, and the operations that write it. Raises ProviderFailed."""
    now = world.now()
    try:
        account = world.payments.payout_account(payee.account)
    except Refused as refused:
        log.error("payout_account_gone", reader=payee.reader, code=refused.code or "refused")
        account = None
    seen = as_read(payee, account, now)
    told: list[Operation] = []
    if payee.status == "ready" and seen.status != "ready":
        told = [
            outbox.notice(
                world.settings.tables.notices,
                to=payee.reader,
                kind="payout_account_restricted",
                fact=f"{payee.account}-{payee.rev}",
                at=now,
            )
        ]
    return replace(seen, rev=payee.rev + 1), [rows_of(world).keep_payee(seen), *told]


def forget(world: World, reader: str) -> None:
    """Take the reader out of the daily run, and drop what Stripe wanted of them. May be repeated."""
    rows = rows_of(world)

    def attempt() -> None:
        payee = rows.payee(reader)
        if payee and payee != forgotten(payee):
            world.tables.write(rows.keep_payee(forgotten(payee)))

    undisturbed(world.sleep, attempt)


def rows_of(world: World) -> PayoutRows:
    """The rows of this world's payouts."""
    return PayoutRows(world.tables, world.settings.tables.wallet, world.settings.tick_shards)
