"""What follows from a payment by Stripe for coins: the money is in the platform's journal, the coins are the person's.

Every movement of money has a receipt under the key that any payment's has, so that each stands for one movement at
Stripe. The coins move in the same transaction, and a dispute freezes the person's credit as any other does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.money import USD
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import credit_payments
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Fact, follow
from chalicelib.wallet.model.payment import PAYMENTS, Payment
from chalicelib.wallet.service import charge_due, credit_account, ledger
from chalicelib.wallet.store import coins_account

_JOURNAL: Final = "coins"
_COUNTER: Final = "store:stripe"


def posted(
    world: World, user: str, payment: Payment, due: Mapping[str, Fact], coins: Mapping[str, int]
) -> tuple[Millis, list[Operation]]:
    """The operations that post what is ``due`` of a payment, and the ``coins`` that each of it moves; their moment.

    Coins that are bought are one entry, and what goes back or comes again is another, all together.
    """
    book = ledger(world)
    newest = book.head(coins_account(user))
    at = max(world.now(), newest.at)
    operations: list[Operation] = []
    for key, fact in due.items():
        operations += book.journal_once(_JOURNAL, key, fact, USD, at)
        if fact.counter == PAYMENTS:
            draft = meter.receive(newest, "coins_bought", coins[key], _COUNTER, payment.reference)
            newest = follow(newest, draft, at)
            operations += [book.put(newest), book.put_receipt(f"coins:stripe:{payment.intent}", newest)]
    moved = sum(count for key, count in coins.items() if due[key].counter != PAYMENTS)
    if moved:
        kind = "coins_given_back" if moved > 0 else "coins_taken_back"
        operations.append(book.put(follow(newest, meter.receive(newest, kind, moved, _COUNTER, payment.reference), at)))
    if any(fact.kind in ("dispute", "dispute_won") for fact in due.values()):
        credit = charge_due(world, book.head(credit_account(user)))
        operations += credit_payments.freezes(world, credit, payment, due)
    return at, operations
