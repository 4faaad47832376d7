"""What Stripe tells of payouts: by events of our own account (transfers) and of readers' accounts (all else).

At Stripe a transfer is an event of the account that it leaves. It is taken wherever it comes, for an endpoint may be
set up to get both kinds.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.money import USD
from chalicelib.payouts.model import is_id
from chalicelib.runtime import outbox
from chalicelib.runtime.lazy import on_first_use
from chalicelib.wallet import events
from chalicelib.wallet.events import Stored

if TYPE_CHECKING:  # most events are of payments, and need none of it
    from chalicelib.payouts import payees, paying
else:
    payees = on_first_use("chalicelib.payouts.payees")
    paying = on_first_use("chalicelib.payouts.paying")

_LARGEST: Final = 10**12
"""Cents: what is more is no payout."""
_TRANSFERS: Final = frozenset({"transfer.created", "transfer.updated", "transfer.reversed"})


def told(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event of our own account did, stored with it: one try."""
    if event["type"] not in _TRANSFERS or event.get("account") or events.of_the_other_mode(world, event):
        return events.applied(world, event, stored)
    return paying.told_of_transfer(world, event, stored)


def told_of_readers(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event of a reader's account did, stored with it: one try."""
    if why := events.of_the_other_mode(world, event):
        return events.unexpected(world, event, stored, why)
    account = event.get("account")
    match event["type"]:
        case "account.updated" | "account.application.deauthorized":
            return _account_changed(world, account, stored)
        case "payout.failed":
            return _bank_refused(world, event, account, stored)
    return events.ignored(world, stored)


def _account_changed(world: World, account: object, stored: Stored) -> str:
    """Read the account at Stripe: events come in any order, and two of one second cannot be told apart."""
    rows = payees.rows_of(world)
    reader = rows.owner(account) if is_id(account) else None
    payee = rows.payee(reader) if reader else None
    if payee is None:
        world.tables.write(stored("no account of ours"))
        return "no account of ours"
    seen, operations = payees.reading(world, payee)
    world.tables.write(stored(seen.status), *operations)
    return seen.status


def _bank_refused(world: World, event: Mapping[str, Any], account: object, stored: Stored) -> str:
    """Our ledger does not move: the money lies on the reader's balance at Stripe. The reader hears of it."""
    payout = event["data"]["object"]
    reader = payees.rows_of(world).owner(account) if is_id(account) else None
    name, amount = payout.get("id"), payout.get("amount")
    if reader is None or not is_id(name) or type(amount) is not int or not 0 < amount <= _LARGEST:
        world.tables.write(stored("no account of ours"))
        return "no account of ours"
    told = outbox.notice(
        world.settings.tables.notices,
        to=reader,
        kind="payout_failed",
        fact=name,
        at=world.now(),
        facts={"amount": amount} if payout.get("currency") == USD else {},  # mails speak of dollars
    )
    world.tables.write(stored("told"), told)
    return "told"
