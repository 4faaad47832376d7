"""The payments of people and what becomes of them, as Stripe tells it (product §4).

What is learned of a payment and the postings that follow from it are written together, on the condition that nobody
learned more meanwhile and that nothing else was posted: whoever loses reads and decides again.
"""

from collections.abc import Callable

from chalicelib.gateways import World
from chalicelib.runtime.tables import Operation
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import follow
from chalicelib.wallet.model.payment import Payment, credited, facts
from chalicelib.wallet.service import charge_due, credit_account, ledger
from chalicelib.wallet.store import PaymentRows


def credit(world: World, paid: Payment, *beside: Operation) -> Payment:
    """Credit ``paid`` once, with all that was told of it before, and write what stands ``beside`` it: one try.

    ``paid`` says who, how much, what for and when. Raises what ``learn`` raises, and AlreadyDone where the
    PaymentIntent was credited as something else.
    """
    return learn(world, paid.intent, lambda was: credited(was, paid), *beside)


def learn(world: World, intent: str, told: Callable[[Payment], Payment], *beside: Operation) -> Payment:
    """Write what was ``told`` of a payment, the postings that follow and what stands ``beside``, in one transaction.

    One try: raises ConditionFailed or Contended where another writer came between, or what is beside was written
    before; the caller reads again.
    """
    rows = payment_rows(world)
    was = rows.get(intent) or Payment(intent)
    now = told(was)
    operations = rows.replace(now, was) if now != was else []
    world.tables.write(*operations, *_postings(world, was, now), *beside)
    return now


def payment_rows(world: World) -> PaymentRows:
    """The rows of this world's payments."""
    return PaymentRows(world.tables, world.settings.tables.wallet)


def _postings(world: World, was: Payment, now: Payment) -> list[Operation]:
    """The operations that post what follows from ``now`` and did not from ``was``, one entry after another."""
    due = {key: fact for key, fact in facts(now).items() if key not in facts(was)}
    if not due or now.user is None:
        return []
    book = ledger(world)
    newest = charge_due(world, book.head(credit_account(now.user)))
    operations: list[Operation] = []
    for key, fact in due.items():
        at = max(world.now(), newest.at)
        newest = follow(newest, meter.receive(newest, fact.kind, fact.amount, fact.counter, fact.reference), at)
        operations += [book.put(newest), book.put_receipt(key, newest)]
    return operations
