"""Coins bought in the App Store (product §4): what an app hands in, and what Apple tells of its own accord.

Both are the purchase as Apple signed it at some moment, and both are learned by the purchase (``wallet/purchases.py``):
so it makes no difference which comes first, or whether one of them never comes.
"""

from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.appstore import WHOLE, Notification, Transaction
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, Malformed, NotFound, Unauthenticated
from chalicelib.kernel.time import DAY
from chalicelib.runtime import metrics
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.wallet import consumptions, purchases
from chalicelib.wallet.model.purchase import Purchase, Told, must_be_of, user_of
from chalicelib.wallet.store import Events, Stored

_CONSUMABLE: Final = "Consumable"
_ASKS: Final = "CONSUMPTION_REQUEST"
_TELLS: Final = frozenset({"ONE_TIME_CHARGE", "REFUND", "REFUND_DECLINED", "REFUND_REVERSED", _ASKS})
"""Notifications on a purchase of ours. Whatever they are about, they say how it stands."""
_TRIES: Final = 100
_AHEAD: Final = DAY
"""Clocks differ, but not by more."""


class Unfit(Exception):
    """Signed by Apple, and no purchase of coins of anybody here: why."""


def bought(world: World, user: str, signed: str) -> Purchase:
    """Learn of a purchase that ``user``'s app hands in, as StoreKit gave it; the same answer when repeated.

    Raises Invalid where it is nothing that Apple signed for us, or no pack; Forbidden where it was not bought for this
    account, InvalidState where Apple took it back, ProviderFailed, Unavailable.
    """
    try:
        transaction = world.appstore.verified_transaction(signed)
        _check_moment(world, transaction)
    except (Malformed, Unauthenticated) as refusal:
        raise _invalid(refusal.detail) from refusal
    must_be_of(user_of(transaction.account_token) if transaction.account_token else None, user)
    try:
        told = _told(world, transaction)
    except Unfit as why:
        raise _invalid(f"This is {why}.") from why
    purchase = undisturbed(world.sleep, lambda: purchases.learn(world, told), tries=_TRIES)
    if not purchase.kept:
        raise InvalidState("Apple gave the money for this back.")
    return purchase


def hear(world: World, notification: Notification) -> None:
    """Apply a notification that Apple signed, once, however often and in whatever order it comes.

    Raises Malformed where its purchase is of a time to come, and what keeps the effect from being stored, so that Apple
    sends it again.
    """
    if notification.transaction:
        _check_moment(world, notification.transaction)
    rows = Events(world.tables, world.settings.tables.wallet)
    event = f"apple:{notification.id}"

    def attempt() -> str | None:
        if rows.seen(event):
            return None
        return _applied(world, notification, rows.stored(event, notification.kind, world.now()))

    outcome = undisturbed(world.sleep, attempt, tries=_TRIES)
    if outcome is not None:
        log.info("apple_notification", event_type=notification.kind, outcome=outcome)
        metrics.add(WebhookLateness=world.now() - notification.at)


def _applied(world: World, notification: Notification, stored: Stored) -> str:
    """What a notification did, stored with it: one try."""
    if notification.kind not in _TELLS:
        world.tables.write(stored("not ours to handle"))
        return "not ours to handle"
    try:
        told = _told(world, notification.transaction)
        _check_owner(world, told)
        questions = (
            consumptions.asked(world, notification.id, told.user, told.id, notification.at)
            if notification.kind == _ASKS
            else []
        )
        outcome = "learned, and to be answered" if questions else "learned"
        purchases.learn(world, told, stored(outcome), *questions)
    except (Forbidden, Unfit) as why:
        # Somebody paid Apple for this, and has nothing for it: a person is to look.
        log.error("apple_notification_unexpected", event_type=notification.kind, outcome=str(why))
        world.tables.write(stored(str(why)))
        return str(why)
    return outcome


def _told(world: World, transaction: Transaction | None) -> Told:
    """What it says of a purchase of coins. Raises Unfit."""
    if transaction is None:
        raise Unfit("of no purchase")
    if transaction.type != _CONSUMABLE:
        raise Unfit("no consumable")
    pack = purchases.pack_of(world, transaction.product)
    if pack is None:
        raise Unfit("no pack of coins")
    if transaction.account_token is None:
        raise Unfit("bought for nobody")
    coins = pack.coins * transaction.quantity
    return Told(
        store="apple",
        id=transaction.id,
        user=user_of(transaction.account_token),
        product=pack.id,
        coins=coins,
        standing=transaction.taken_back < WHOLE,
        at=transaction.at,
        environment=transaction.environment,
        taken=coins * transaction.taken_back // WHOLE,
    )


def _check_owner(world: World, told: Told) -> None:
    """Raises Unfit where it is nobody's, or news of who has gone. What was known before they went is learned still."""
    try:
        gone = accounts.person(world, told.user).deleted
    except NotFound:
        raise Unfit("bought for nobody that we know") from None
    if gone and purchases.purchase_of(world, told.store, told.id) is None:
        raise Unfit("bought for somebody who is not here any more")


def _check_moment(world: World, transaction: Transaction) -> None:
    """Raises Malformed for one of a time to come: until then it would be newer than all that Apple tells of it."""
    if transaction.at > world.now() + _AHEAD:
        raise Malformed("Signed, but in a time to come.")


def _invalid(why: str) -> Invalid:
    return Invalid(errors=({"field": "signed_transaction", "message": why},))
