"""Answering Apple's questions how much of a purchase was used (``CONSUMPTION_REQUEST``), by the minute tick.

A question is stored with its notification, if its person agreed to that; whether they still do is looked at before
each try. An answer that Apple may have got is given again: it says the same.
"""

from dataclasses import asdict, replace
from typing import Any, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.appstore import WHOLE
from chalicelib.kernel.errors import NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.runtime import due
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Absent, Equals, Key, Put
from chalicelib.wallet import coins, purchases
from chalicelib.wallet.model import consumption as model
from chalicelib.wallet.model.consumption import Consumption
from chalicelib.wallet.store import row

_KIND: Final = "consumption"
_ALL: Final = 100
"""Per cent."""


def asked(world: World, id: str, user: str, transaction: str, at: Millis) -> list[Put]:
    """The operation that has Apple's question answered, for the transaction that stores the notification; none where
    the person does not agree that Apple is told.
    """
    if not accounts.agrees(world, user, "consumption"):
        return []
    question = model.asked(id, user, transaction, at, world.now())
    return [Put(world.settings.tables.wallet, _item(world, question), when=(Absent("pk"),))]


def advance(world: World, id: str) -> Millis | None:
    """Give the answer, if it is still wanted and allowed; answer when to look again, None for never.

    Safe to call at any moment, any number of times, at the same time. Raises NotFound.
    """
    item = world.tables.get(world.settings.tables.wallet, row(_KIND, id))
    if item is None:
        raise NotFound("There is no such question.")
    question = Consumption(**{name: item[name] for name in Consumption.__dataclass_fields__})
    if question.look_at is None:
        return None
    decided = _looked_at(world, question)
    changed = _item(world, replace(decided, rev=question.rev + 1))
    if world.wrote(Put(world.settings.tables.wallet, changed, when=(Equals("rev", question.rev),))):
        log.info("consumption", id=id, state=decided.state)
    return decided.look_at


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[tuple[str, Key]], Key | None]:
    """Questions that are to be looked at, with their places in the listing, for the minute tick."""
    name = world.settings.tables.wallet
    keys, following = due.page(world.tables, name, _KIND, shard, world.now(), limit, start)
    return [(key["pk"].partition("#")[2], key) for key in keys], following


def _looked_at(world: World, question: Consumption) -> Consumption:
    if model.is_late(question, world.now()):
        log.error("consumption_too_late", provider="apple", id=question.id)
        return model.over(question, "too_late")
    if not accounts.agrees(world, question.user, "consumption"):
        return model.over(question, "withdrawn")
    purchase = purchases.purchase_of(world, "apple", question.transaction)
    given = purchase is not None and purchase.flips > 0
    try:
        used = coins.consumed(world, question.user, purchase) if purchase and given else 0
        taken = world.appstore.send_consumption(question.transaction, delivered=given, consumed=used * WHOLE // _ALL)
    except (ProviderFailed, Unavailable):
        log.warning("consumption_not_taken", provider="apple", id=question.id)
        return model.put_off(question, world.now())
    return model.over(question, "answered" if taken else "refused")


def _item(world: World, question: Consumption) -> dict[str, Any]:
    waiting = due.waiting(_KIND, question.id, question.look_at, world.settings.tick_shards)
    return {**row(_KIND, question.id), **asdict(question), **waiting}
