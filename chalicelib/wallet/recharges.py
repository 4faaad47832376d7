"""Auto-recharge: a person's saved card, charged in their absence when their credit gets short (product §4).

Wherever credit was spent ``saved_card.begin`` writes down that a charge is wanted. An execution of the clock, or the
minute tick, has ``advance`` make the call, again and again under the same key until its outcome is known. Credit comes
by webhook alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import NotFound, ProviderFailed
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime import metrics, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation
from chalicelib.wallet import limits, payments
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model import recharge as model
from chalicelib.wallet.model.chain import Entry, follow
from chalicelib.wallet.model.payment import Payment
from chalicelib.wallet.model.recharge import AutoRecharge, Card, Recharge, Wanted
from chalicelib.wallet.model.topup import Ignore, is_id
from chalicelib.wallet.recharge_store import recharges_of
from chalicelib.wallet.store import Stored

_TRIES: Final = 40
_AGAIN: Final[Millis] = 10 * SECOND
"""How soon the clock asks again where the outcome is unknown."""
_BY_CLOCK: Final[Millis] = 120 * SECOND
"""For so long; then the minute tick does."""


# --- what the person sets ------------------------------------------------------------------------


def settings_of(world: World, user: str) -> AutoRecharge:
    """The person's saved card, and when it is charged."""
    return recharges_of(world).of(user)


def open_setup(world: World, user: str, setup: str) -> str:
    """The address of a page on which ``user`` saves a card; the same when repeated. ``setup`` derives from the request.

    Raises ProviderFailed, Unavailable.
    """

    def customer_of() -> str:
        was = recharges_of(world).of(user)
        if was.customer:
            return was.customer
        made = world.payments.make_customer(user=user)
        world.tables.write(recharges_of(world).keep(replace(was, customer=made), was))
        return made

    customer = undisturbed(world.sleep, customer_of)
    page = world.payments.open_setup(
        setup=setup, user=user, customer=customer, return_url=world.settings.checkout_return_url
    )
    return page.url


def set_auto(world: World, user: str, wanted: Wanted) -> AutoRecharge:
    """Say when the saved card is charged. Where credit is short already it is charged now.

    Raises Invalid, InvalidState (no card), SpendingLimitReached (excluded), Unavailable.
    """

    def attempt() -> AutoRecharge:
        newest = wallet.charge_due(world, wallet.head(world, user))
        if wanted.enabled:  # asked after the newest entry was read: an exclusion is an entry
            limits.must_not_be_excluded(world, user)
        was = recharges_of(world).of(user)
        decided = model.asked(was, wanted)
        if decided != was:
            world.tables.write(*_kept(world, decided, was, newest))
        return decided

    decided = undisturbed(world.sleep, attempt, tries=_TRIES)
    wallet.look_after(world, wallet.head(world, user))
    return recharges_of(world).of(user) if decided.enabled else decided


def forget(world: World, user: str) -> None:
    """Take the card of a deleted person away. It may be repeated. Raises Unavailable."""

    def attempt() -> None:
        was = recharges_of(world).of(user)
        blank = AutoRecharge(user, rev=was.rev)
        if was != blank:
            newest = wallet.charge_due(world, wallet.head(world, user))
            world.tables.write(*_kept(world, blank, was, newest))

    undisturbed(world.sleep, attempt, tries=_TRIES)


def card_saved(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """A page in mode setup was completed: the card is kept for the customer whose page it was. One try.

    Raises ConditionFailed or Contended where another writer came between, ProviderFailed where Stripe does not tell
    the card.
    """
    page = event["data"]["object"]
    metadata, setup = page.get("metadata"), page.get("setup_intent")
    user = metadata.get("user") if isinstance(metadata, Mapping) else None
    was = recharges_of(world).of(user) if is_id(user) else None
    if was is None or was.customer is None or was.customer != page.get("customer") or not is_id(setup):
        return _ignored(world, event, Ignore("no page of ours"), stored)
    saved = world.payments.saved_card(setup)
    if saved is None or saved.customer != was.customer:
        return _ignored(world, event, Ignore("no card was saved"), stored)
    card = Card(
        saved.payment_method, saved.brand, saved.last4, saved.exp_month, saved.exp_year, int(event.get("created") or 0)
    )
    after = model.with_card(was, card)
    keep = [recharges_of(world).keep(after, was)] if after != was else []
    world.tables.write(stored("card saved"), *keep)
    return "card saved"


# --- charging ------------------------------------------------------------------------------------


def advance(world: World, recharge: str) -> Millis | None:
    """Make the call of a charge whose outcome is not known, always under the same key; answer when to ask again, or
    None. It may be called at any moment, any number of times, at the same time. Raises NotFound, Unavailable.
    """
    charge = recharges_of(world).get(recharge)
    if charge is None:
        raise NotFound("There is no such recharge.")
    if charge.status != "pending":
        return None
    if world.now() >= charge.created_at + model.GIVE_UP:
        log.error("recharge_lost", id=charge.id)
        _ended(world, charge.id, model.UNKNOWN)
        return None
    try:
        intent = world.payments.charge_saved(
            recharge=charge.id,
            user=charge.user,
            customer=charge.customer,
            payment_method=charge.payment_method,
            amount=charge.amount,
            currency=charge.currency,
        )
    except Refused as refused:
        # Stripe names what a bank says; what it refuses by itself and has no name for is no card that it could charge.
        _ended(world, charge.id, refused.decline_code or refused.code or "resource_missing")
        return None
    except ProviderFailed:
        log.warning("recharge_unanswered", id=charge.id)
        now = world.now()
        return now + _AGAIN if now < charge.created_at + _BY_CLOCK else None
    world.wrote(recharges_of(world).replace(replace(charge, status="sent", intent=intent), charge))
    return None


def told(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event on a PaymentIntent did to the recharge that it names, stored with it: one try.

    Raises ConditionFailed or Contended where another writer came between.
    """
    intent = event["data"]["object"]
    metadata = intent.get("metadata")
    name = metadata.get("recharge") if isinstance(metadata, Mapping) else None
    if name is None:  # a top-up's is told by its page
        return _ignored(world, event, Ignore("not ours to handle"), stored)
    charge = recharges_of(world).get(name) if is_id(name) else None
    verdict = model.judge(event["type"], intent, charge)
    if charge is None or isinstance(verdict, Ignore):
        return _ignored(world, event, verdict if isinstance(verdict, Ignore) else Ignore("no recharge of ours"), stored)
    if verdict == "refused":
        world.tables.write(stored("refused"), *_refusal(world, charge, model.why_refused(intent)))
        metrics.add(CardsDeclined=1)
        return "refused"
    _credit(world, charge, intent["id"], stored("credited"))
    return "credited"


def _credit(world: World, charge: Recharge, intent: str, *beside: Operation) -> None:
    rows, now = recharges_of(world), world.now()
    was = rows.of(charge.user)
    after = model.paid(was, charge.id)
    keep = [rows.keep(after, was)] if after != was else []
    row = rows.replace(replace(charge, status="succeeded", intent=intent), charge)
    word = _notice(world, charge, "recharge_paid", now, {"amount": charge.amount})
    payment = Payment(intent, charge.user, charge.amount, charge.currency, "recharge", charge.id, now)
    payments.credit(world, payment, row, *keep, word, *beside)


def _ended(world: World, recharge: str, code: str) -> None:
    """The charge brought nothing, for ``code``; done once, whoever hears of it first. Raises Unavailable."""

    def attempt() -> None:
        charge = recharges_of(world).get(recharge)
        if charge and charge.status in ("pending", "sent"):
            world.tables.write(*_refusal(world, charge, code))
            log.info("recharge_refused", id=recharge, code=code)
            metrics.add(CardsDeclined=int(code != model.UNKNOWN))

    undisturbed(world.sleep, attempt, tries=_TRIES)


def _refusal(world: World, charge: Recharge, code: str) -> list[Operation]:
    """The operations that end a charge that was refused; where that turns the recharge off, the person is told."""
    rows, now = recharges_of(world), world.now()
    was = rows.of(charge.user)
    after = model.refused(was, charge.id, code, now)
    failed = replace(charge, status="unknown" if code == model.UNKNOWN else "failed", code=code)
    operations: list[Operation] = [rows.replace(failed, charge)]
    if after != was:
        newest = wallet.charge_due(world, wallet.head(world, charge.user))
        operations += _kept(world, after, was, newest)
    if was.enabled and not after.enabled:
        facts = {"amount": charge.amount, "reason": after.off_reason}
        operations.append(_notice(world, charge, "recharge_off", now, facts))
    return operations


def _kept(world: World, settings: AutoRecharge, was: AutoRecharge, newest: Entry) -> list[Operation]:
    """The operations that keep the settings, with the entry after ``newest`` that says below what the card is charged.

    They fail where anything was posted meanwhile.
    """
    keep = recharges_of(world).keep(settings, was)
    below = settings.threshold if settings.enabled else None
    if newest.refill == below:
        return [keep, wallet.unchanged(world, newest)]
    entry = follow(newest, meter.refill(newest, below, settings.user), max(world.now(), newest.at))
    return [keep, wallet.ledger(world).put(entry)]


def _notice(world: World, charge: Recharge, kind: str, now: Millis, facts: Mapping[str, Any]) -> Operation:
    return outbox.notice(world.settings.tables.notices, to=charge.user, kind=kind, fact=charge.id, at=now, facts=facts)


def _ignored(world: World, event: Mapping[str, Any], verdict: Ignore, stored: Stored) -> str:
    if verdict.alarming:
        log.error("stripe_event_unexpected", event_type=event["type"], outcome=verdict.why)
    world.tables.write(stored(verdict.why))
    return verdict.why


# --- the clocks ----------------------------------------------------------------------------------


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
    """A page of keys of the charges whose outcome should be known by now, for the minute tick."""
    return recharges_of(world).due(shard, world.now(), limit, start)
