"""What follows from a payment by Stripe for an order: the money is in the platform's journal until the shop moves it.

Every movement has a receipt under the key that any payment's has, so that each stands for one movement at Stripe. A
dispute freezes the person's credit as any other does; what goes back and no bank takes is credited to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import payments
from chalicelib.wallet.model import payment as model
from chalicelib.wallet.model.chain import Fact
from chalicelib.wallet.model.payment import ORDERS, Payment
from chalicelib.wallet.service import charge_due, credit_account, ledger

JOURNAL: Final = "orders"
_ON_CREDIT: Final = frozenset({"dispute", "dispute_won", "order_credit"})
"""What stands on the person's chain too: most of what is told does not, and need not wait for it."""


def posted(world: World, user: str, payment: Payment, due: Mapping[str, Fact]) -> tuple[Millis, list[Operation]]:
    """The operations that post what is ``due`` of a payment, and their moment."""
    book, at = ledger(world), world.now()
    operations: list[Operation] = []
    for key, fact in due.items():
        if fact.counter != ORDERS:
            operations += book.journal_once(JOURNAL, key, fact, USD, at)
    if any(fact.kind in _ON_CREDIT for fact in due.values()):
        newest = charge_due(world, book.head(credit_account(user)))
        own = {key: fact for key, fact in due.items() if fact.counter == ORDERS}
        newest, credited = payments.posted_after(world, newest, payment, own)
        operations += [*credited, *payments.freezes(world, newest, payment, due)]
    return at, operations


def set_aside(world: World, was: Payment, part: str, amount: Cents) -> list[Operation]:
    """The operations that set ``amount`` cents of a payment aside, to be sent back under the name ``part``; they fail
    where more was learned of it since ``was``.
    """
    now, key = model.reserved(was, part, amount), f"refund:{part}"
    rows = payments.payment_rows(world).replace(now, was)
    return [*rows, *ledger(world).journal_once(JOURNAL, key, model.facts(now)[key], USD, world.now())]
