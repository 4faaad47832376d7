"""Coins bought at an app store (product §4): what the store tells is learned, and the posting follows from it.

Whoever verified what the store says calls ``learn``: each purchase gives its coins once, a refund takes them back once,
below zero if need be, and a refund that was reversed gives them back once, in whatever order and however often it is
told.
"""

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.tables import Operation
from chalicelib.wallet.model import meter
from chalicelib.wallet.model import purchase as model
from chalicelib.wallet.model.chain import follow
from chalicelib.wallet.model.packs import Pack, Packs
from chalicelib.wallet.model.purchase import Purchase, Told
from chalicelib.wallet.purchases_store import pack_rows, purchase_rows
from chalicelib.wallet.service import ledger
from chalicelib.wallet.store import coins_account


def learn(world: World, told: Told, *beside: Operation) -> Purchase:
    """Write what was ``told`` of a purchase, the posting that follows and what stands ``beside``, in one transaction.

    One try: raises ConditionFailed or Contended where another writer came between, or what stands beside was written
    before; Forbidden where the purchase is another person's, ValueError for what can be no purchase.
    """
    rows = purchase_rows(world)
    was = rows.get(told.store, told.id)
    now = model.heard(was, told, world.now())
    operations = [*_changes(world, was, now), *beside]
    if operations:
        world.tables.write(*operations)
    return now


def purchase_of(world: World, store: str, purchase: str) -> Purchase | None:
    """What is known of a purchase; None where nothing was told of it."""
    return purchase_rows(world).get(store, purchase)


def pack_of(world: World, product: str) -> Pack | None:
    """The pack that a store's product is, sold any more or not."""
    return packs_of(world).known(product)


def packs_of(world: World) -> Packs:
    """All packs, sold or not."""
    return pack_rows(world).get()


def _changes(world: World, was: Purchase | None, now: Purchase) -> list[Operation]:
    """The purchase's row, the posting that it is due, and who is told of it."""
    if now == was:
        return []
    rows = purchase_rows(world).replace(now, was)
    if now.flips == (was.flips if was else 0):
        return [*rows]
    book, fact = ledger(world), now.fact
    head = book.head(coins_account(now.user))
    draft = meter.receive(head, fact.kind, fact.amount, fact.counter, fact.reference)
    entry = follow(head, draft, max(world.now(), head.at))
    said = _words(world, now, entry.at) if now.flips > 1 else []
    return [*rows, book.put(entry), book.put_receipt(now.key, entry), *said]


def _words(world: World, purchase: Purchase, at: Millis) -> list[Operation]:
    """The audit log's word, and the person's, of what was taken back or given back."""
    tables, fact = world.settings.tables, purchase.fact
    return [
        audit.entry(
            tables.audit,
            subject=purchase.user,
            action=fact.kind,
            actor=purchase.store,
            reason="told by the store",
            at=at,
            detail={"coins": fact.amount, "purchase": purchase.id, "posting": purchase.flips},
        ),
        outbox.notice(
            tables.notices,
            to=purchase.user,
            kind=fact.kind,
            fact=purchase.key,
            at=at,
            facts={"coins": abs(fact.amount)},
        ),
    ]
