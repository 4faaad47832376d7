"""What follows from a payment by Stripe for credit: each movement is an entry of the person's chain.

A payment for coins or an order freezes the person's credit as one for credit does, so that stands here too.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.gateways import World
from chalicelib.runtime.tables import Operation
from chalicelib.wallet.model import meter
from chalicelib.wallet.model import payment as model
from chalicelib.wallet.model.chain import Entry, Fact, follow
from chalicelib.wallet.model.payment import Payment
from chalicelib.wallet.store import ledger


def posted(world: World, newest: Entry, payment: Payment, due: Mapping[str, Fact]) -> tuple[Entry, list[Operation]]:
    """The operations that post what is ``due`` of a payment, one entry after another; the newest entry then."""
    book, rules = ledger(world), world.settings.rules
    operations: list[Operation] = []
    for key, fact in due.items():
        now = max(world.now(), newest.at)
        newest = follow(newest, model.draft(newest, fact, payment, now, rules), now)
        operations += [book.put(newest), book.put_receipt(key, newest)]
    return newest, operations


def freezes(world: World, newest: Entry, payment: Payment, due: Mapping[str, Fact]) -> list[Operation]:
    """The entries that freeze the person's credit, whose ``newest`` this is, for a dispute of money that is the
    platform's and has not come back, or release it.
    """
    book, rules = ledger(world), world.settings.rules
    operations: list[Operation] = []
    for fact in due.values():
        now = max(world.now(), newest.at)
        if fact.kind == "dispute_won":
            draft = meter.release(newest, fact.reference)
        elif fact.kind == "dispute" and not payment.disputes[fact.reference].returned:
            draft = meter.freeze_for(newest, fact.reference, now, rules)
        else:
            draft = None
        if draft:
            newest = follow(newest, draft, now)
            operations.append(book.put(newest))
    return operations
