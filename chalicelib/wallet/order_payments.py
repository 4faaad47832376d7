"""What follows from a payment by Stripe for an order: the money is in the platform's journal until the shop moves it.

Every movement has a receipt under the key that any payment's has, so that each stands for one movement at Stripe. A
dispute freezes the person's credit as any other does; what goes back and no bank takes is credited to them, for as long
as nobody else gives it to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import credit_payments
from chalicelib.wallet.model import meter
from chalicelib.wallet.model import payment as model
from chalicelib.wallet.model.chain import Fact, follow
from chalicelib.wallet.model.payment import ORDERS, Payment
from chalicelib.wallet.payments_store import payment_rows
from chalicelib.wallet.service import charge_due, credit_account, ledger

JOURNAL: Final = "orders"
_FREEZING: Final = frozenset({"dispute", "dispute_won"})


def posted(
    world: World, user: str, payment: Payment, due: Mapping[str, Fact], credit: Cents
) -> tuple[Millis, list[Operation]]:
    """The operations that post what is ``due`` of a payment, and what the person's credit gains by it, or gives up;
    their moment. Most of what is told changes nothing there, and need not wait for it.
    """
    book, at = ledger(world), world.now()
    operations: list[Operation] = []
    for key, fact in due.items():
        operations += book.journal_once(JOURNAL, key, fact, USD, at)
    if credit or any(fact.kind in _FREEZING for fact in due.values()):
        newest = charge_due(world, book.head(credit_account(user)))
        if credit:
            kind = "order_credit" if credit > 0 else "order_credit_taken"
            draft = meter.receive(newest, kind, credit, ORDERS, payment.reference)
            newest = follow(newest, draft, max(at, newest.at))
            operations.append(book.put(newest))
        operations += credit_payments.freezes(world, newest, payment, due)
    return at, operations


def given_back(world: World, was: Payment, part: str, amount: Cents) -> list[Operation]:
    """The operations that set aside, to be sent back under the name ``part``, what of ``amount`` cents is left of a
    payment; they fail where more was learned of it since ``was``.
    """
    now, key = model.given_back(was, part, amount), f"refund:{part}"
    rows = payment_rows(world).replace(now, was)
    aside = model.facts(now).get(key)
    return [*rows, *(ledger(world).journal_once(JOURNAL, key, aside, USD, world.now()) if aside else [])]
