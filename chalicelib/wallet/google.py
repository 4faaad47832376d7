"""Coins bought in Google Play (product §4): by the app's word, by Google's notifications, and by its list of what was
voided.

None of the three is believed: Google is asked for each purchase, outside of any transaction, and what it says is
learned (``wallet/purchases.py``) in one transaction with what we owe Google and with the notification that told of it.
Only that a purchase was voided is taken as it is told, for a question may not show it. So the coins come once and go
once, in whatever order and however often it is told, and a notification that was lost is made good within a day.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.gateways.play import Refused
from chalicelib.gateways.play_answers import Bought, Notification, Unreadable, is_token
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation
from chalicelib.wallet import purchases
from chalicelib.wallet.google_store import Orders
from chalicelib.wallet.model import google as model
from chalicelib.wallet.model.google import STORE, Look, Order
from chalicelib.wallet.model.purchase import Purchase, Told, must_be_of, user_of
from chalicelib.wallet.store import Events, Stored

if TYPE_CHECKING:
    from chalicelib.accounts import service as accounts
else:
    accounts = on_first_use("chalicelib.accounts.service")

_TRIES: Final = 100
_PATIENCE: Final = 8_000
"""Milliseconds after which no further page of what was voided is asked for now."""
_MOST_PAGES: Final = 20


def buy(world: World, user: str, product: str, token: str) -> Purchase:
    """Give ``user`` the coins of the purchase of ``product`` in Google Play, once, and have it consumed.

    Raises Invalid where there is no such purchase or it is of nothing that we sell, Forbidden where it is another
    person's, InvalidState while it is pending and once it was canceled or given back; ProviderFailed and Unavailable:
    ask again.
    """
    unknown = Invalid(errors=({"field": "purchase_token", "message": "Google knows no such purchase."},))
    if not is_token(token):
        raise unknown
    try:
        bought = world.play.purchase(token)
    except Refused:
        raise unknown from None
    must_be_of(_owner(bought), user)
    if bought.product != product:
        raise Invalid(errors=({"field": "product_id", "message": "Another product was bought."},))
    if bought.state == "canceled":
        undisturbed(world.sleep, lambda: _void(world, token), tries=_TRIES)
    made = undisturbed(world.sleep, lambda: _credit(world, bought, user, token), tries=_TRIES)
    _consume_soon(world, token)
    if not made.kept:
        raise model.gone()
    return made


def told(world: World, notification: Notification) -> None:
    """Apply a notification that Google pushed, once, however often it comes.

    Raises what keeps it from being stored, so that Google pushes it again.
    """
    event, token = f"{STORE}:{notification.id}", notification.token
    rows = Events(world.tables, world.settings.tables.wallet)
    if rows.seen(event):
        return
    effect = _effect(world, notification)

    def attempt() -> str | None:
        if rows.seen(event):
            return None
        return effect(rows.stored(event, notification.kind, world.now()))

    outcome = undisturbed(world.sleep, attempt, tries=_TRIES)
    if outcome is not None:
        log.info("play_notification", event_type=notification.kind, outcome=outcome)
    if token:
        _consume_soon(world, token)


Effect = Callable[[Stored], str]
"""One try to store a notification with its effect; the outcome that was stored."""


def _effect(world: World, notification: Notification) -> Effect:
    """What a notification means. Google is asked here, before anything is written."""
    token = notification.token
    if token is None:
        return lambda stored: _kept(world, stored, "not ours to handle")
    if notification.what == "voided":
        return lambda stored: _void(world, token, stored("voided"))
    try:
        bought = world.play.purchase(token)
    except Refused:
        return lambda stored: _alarming(world, notification, stored, "of no purchase")
    if bought.state == "canceled":
        return lambda stored: _void(world, token, stored("canceled"))
    user = _owner(bought)
    if user is None or not _is_here(world, user):
        # It is not consumed, so Google gives it back; the app of who bought it may still name them.
        return lambda stored: _alarming(world, notification, stored, "of nobody")
    return lambda stored: _credited(world, notification, stored, (bought, user, token))


def _credited(world: World, notification: Notification, stored: Stored, what: tuple[Bought, str, str]) -> str:
    bought, user, token = what
    try:
        _credit(world, bought, user, token, stored("credited"))
    except InvalidState:
        return _kept(world, stored, f"not credited: {bought.state}")
    except (Forbidden, Invalid):
        return _alarming(world, notification, stored, "nothing that we sell")
    return "credited"


def _kept(world: World, stored: Stored, outcome: str) -> str:
    world.tables.write(stored(outcome))
    return outcome


def _alarming(world: World, notification: Notification, stored: Stored, why: str) -> str:
    """Money may have moved that we cannot follow: somebody has to look."""
    log.error("play_notification_unexpected", event_type=notification.kind, outcome=why)
    return _kept(world, stored, why)


# --- what is learned: one try each, in one transaction with what stands beside it ------------------


def _credit(world: World, bought: Bought, user: str, token: str, *beside: Operation) -> Purchase:
    """Learn that it was bought. Raises Forbidden, Invalid, InvalidState; ConditionFailed and Contended: try again."""
    pack = model.check(
        purchases.pack_of(world, bought.product) if bought.product else None,
        bought.state,
        quantity=bought.quantity,
        test=bought.test,
        tests=world.settings.stage != "prod",
    )
    rows, id_ = _rows(world), model.order_id(token)
    was = rows.get(id_)
    now = model.credited(was, token, world.now(), consumed=bought.consumed)
    owed = [] if now == was else [rows.replace(now, was)]
    if rows.look() is None:
        owed.append(rows.keep_look(model.first_look(world.now())))
    said = Told(
        store=STORE,
        id=id_,
        user=user,
        product=pack.id,
        coins=pack.coins * bought.quantity,
        standing=True,
        at=now.at,
        environment="test" if bought.test else "production",
        taken=pack.coins * bought.refunded,
    )
    return purchases.learn(world, said, *owed, *beside)


def _void(world: World, token: str, *beside: Operation) -> str:
    """Learn that it was voided: what was given is taken back, and what was not never is."""
    rows, id_ = _rows(world), model.order_id(token)
    was = rows.get(id_)
    now = model.voided(was, token, world.now())
    operations = [*([] if now == was else [rows.replace(now, was)]), *beside]
    known = purchases.purchase_of(world, STORE, id_)
    if known:
        said = Told(
            store=STORE,
            id=id_,
            user=known.user,
            product=known.product,
            coins=known.coins,
            standing=False,
            at=known.at,
            environment=known.environment,
        )
        purchases.learn(world, said, *operations)
    elif operations:
        world.tables.write(*operations)
    return "voided"


def _owner(bought: Bought) -> str | None:
    """Whom the purchase names; None where it names nobody."""
    try:
        return user_of(bought.account_token) if bought.account_token else None
    except ValueError:
        return None


def _is_here(world: World, user: str) -> bool:
    try:
        return not accounts.person(world, user).deleted
    except NotFound:
        return False


# --- what is owed to Google ------------------------------------------------------------------------


def advance(world: World, order_id: str) -> Millis | None:
    """Consume the purchase if that is owed; answer when to look again, None for never. Raises NotFound.

    Safe to call at any moment, any number of times, at the same time: consuming twice does no harm.
    """
    was = _rows(world).get(order_id)
    if was is None:
        raise NotFound
    if was.look_at is None:
        return None
    now = _brought_on(world, was)
    if now is not None:
        world.wrote(_rows(world).replace(now, was))  # where that failed, the tick looks again
    return now.look_at if now else None


def _brought_on(world: World, was: Order) -> Order | None:
    """The order once Google was asked to consume it; None where it turned out to be voided, which is learned."""
    known = purchases.purchase_of(world, STORE, was.id)
    try:
        if known is None or _consumed(world, known.product, was.token):
            return model.settled(was)
    except _Canceled:
        undisturbed(world.sleep, lambda: _void(world, was.token), tries=_TRIES)
        return None
    except (ProviderFailed, Unavailable):
        log.warning("play_not_answered", id=was.id)
    if world.now() - was.at >= model.OVERDUE:
        log.error("play_purchase_not_consumed", id=was.id)
    return model.later(was, world.now())


class _Canceled(Exception):
    """Google says that the purchase was canceled."""


def _consumed(world: World, product: str, token: str) -> bool:
    """Whether the purchase is consumed now, or is none any more. Raises _Canceled, ProviderFailed, Unavailable."""
    try:
        world.play.consume(product, token)
    except Refused:
        pass  # consumed before, perhaps by a call whose answer was lost; or canceled: its state tells
    else:
        return True
    try:
        bought = world.play.purchase(token)
    except Refused:
        log.error("play_purchase_gone", id=model.order_id(token))
        return True
    if bought.state == "canceled":
        raise _Canceled
    return bought.consumed


def _consume_soon(world: World, token: str) -> None:
    """Consume it now if that is owed; where Google does not answer, the minute tick tries again."""
    order = model.order_id(token)
    if _rows(world).get(order) is not None:
        advance(world, order)


def page_of_shard(
    world: World, kind: str, shard: str, limit: int, start: Key | None
) -> tuple[list[tuple[str, Key]], Key | None]:
    """Orders to be consumed, or the list of what was voided, with their places in the index, for the minute tick."""
    return _rows(world).due(kind, shard, world.now(), limit, start)


def look_through(world: World) -> None:
    """Go through Google's list of what was voided, once a day, as many pages as it answers soon."""
    rows, begun_at = _rows(world), world.now()
    look = rows.look()
    if look is None or look.look_at > begun_at:
        return
    if look.done and begun_at - look.until > model.REACH:
        log.error("play_voided_missed")
    elif begun_at - look.ended >= model.LOOK_OVERDUE:
        log.error("play_voided_not_ended")
    if look.done:
        look = model.begun(look, begun_at)
    for _ in range(_MOST_PAGES):
        look = _one_page(world, look)
        if not world.wrote(rows.keep_look(look)):
            return  # another is at it
        look = model.kept(look)
        if look.done or look.look_at > world.now() or world.now() - begun_at >= _PATIENCE:
            return


def _one_page(world: World, look: Look) -> Look:
    """The look after one more page, of which everything is learned."""
    try:
        page = world.play.voided(look.since, look.until, look.page)
        if page.unreadable:
            log.error("play_voided_unreadable", count=page.unreadable)
        for token in page.tokens:
            undisturbed(world.sleep, partial(_void, world, token), tries=_TRIES)
        for token in page.parts:
            _look_at_part(world, token)
    except Refused:
        log.warning("play_voided_refused")
        return model.afresh(look, world.now())
    except (ProviderFailed, Unavailable):
        log.warning("play_not_answered")
        return model.put_off(look, world.now())
    look = model.looked_through(look, page.following)
    if model.endless(look):
        log.error("play_voided_endless", count=look.pages)
        return model.afresh(look, world.now())
    return look


def _look_at_part(world: World, token: str) -> None:
    """Learn how many of several were given back. Of a purchase that gave no coins there is nothing to learn; one that
    cannot be read has alarmed, and holds up no other.
    """
    known = purchases.purchase_of(world, STORE, model.order_id(token))
    if known is None:
        return
    with suppress(Refused, Forbidden, Invalid, InvalidState, Unreadable):  # voided whole since, or of no use
        bought = world.play.purchase(token)
        undisturbed(world.sleep, lambda: _credit(world, bought, known.user, token), tries=_TRIES)


def _rows(world: World) -> Orders:
    return Orders(world.tables, world.settings.tables.wallet, world.settings.tick_shards)
