"""Stripe's events: each is stored once, with its effect, in one transaction (product §4).

What an event means is decided by the file that knows its thing; here is only which one that is. The content of an
event stays with Stripe: it holds personal data.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.time import SECOND
from chalicelib.runtime import metrics
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.wallet import payments, topups
from chalicelib.wallet.store import Events, Stored

if TYPE_CHECKING:
    from chalicelib.wallet import recharges
else:
    recharges = on_first_use("chalicelib.wallet.recharges")

__all__ = ["Stored", "Told", "applied", "apply_event", "ignored", "of_the_other_mode", "seen_among", "unexpected"]

Told = Callable[[World, Mapping[str, Any], Stored], str]
"""What an event did, stored with it: one try. Raises ConditionFailed or Contended where it is to be tried again."""

_TRIES: Final = 100


def apply_event(world: World, event: Mapping[str, Any], told: Told | None = None) -> None:
    """Apply an event that Stripe signed, once, however often and in whatever order it comes.

    ``told`` is ``applied`` unless given: what knows of more kinds of events. Raises when the effect could not be
    stored, so that Stripe delivers it again.
    """
    rows = Events(world.tables, world.settings.tables.wallet)

    def attempt() -> str | None:
        if rows.seen(event["id"]):
            return None
        return (told or applied)(world, event, rows.stored(event["id"], event["type"], world.now()))

    outcome = undisturbed(world.sleep, attempt, tries=_TRIES)
    if outcome is not None:
        log.info("stripe_event", event_type=event["type"], outcome=outcome)
        metrics.add(WebhookLateness=world.now() - event.get("created", 0) * SECOND)


def seen_among(world: World, events: Sequence[str]) -> set[str]:
    """Which of these events were applied: 100 at most."""
    return Events(world.tables, world.settings.tables.wallet).seen_among(events)


def applied(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event of the platform's did to people's money."""
    if why := _not_for_us(world, event):
        return unexpected(world, event, stored, why)
    match event["type"]:
        case "checkout.session.completed" if event["data"]["object"].get("mode") == "setup":
            return recharges.card_saved(world, event, stored)
        case "payment_intent.succeeded" | "payment_intent.payment_failed":
            return recharges.told(world, event, stored)
        case (
            "checkout.session.completed"
            | "checkout.session.async_payment_succeeded"
            | "checkout.session.async_payment_failed"
            | "checkout.session.expired"
        ):
            return topups.told(world, event, stored)
        case "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated":
            return payments.refund_told(world, event, stored)
        case "charge.refunded":
            return payments.charge_refunded(world, event, stored)
        case (
            "charge.dispute.created"
            | "charge.dispute.updated"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated"
            | "charge.dispute.closed"
        ):
            return payments.dispute_told(world, event, stored)
    return ignored(world, stored)


def ignored(world: World, stored: Stored) -> str:
    """Nothing that we act on: it is stored, and that is all."""
    world.tables.write(stored("not ours to handle"))
    return "not ours to handle"


def unexpected(world: World, event: Mapping[str, Any], stored: Stored, why: str) -> str:
    """Nothing that should have come: it is stored, without effect, and a person is to look."""
    log.error("stripe_event_unexpected", event_type=event["type"], outcome=why)
    world.tables.write(stored(why))
    return why


def of_the_other_mode(world: World, event: Mapping[str, Any]) -> str | None:
    """Why an event is none of ours by its mode; None where it may be."""
    return None if bool(event.get("livemode")) == world.settings.stripe_livemode else "of the other mode"


def _not_for_us(world: World, event: Mapping[str, Any]) -> str | None:
    """Why the event must not move money here; None where it may."""
    if why := of_the_other_mode(world, event):
        return why
    if event.get("account"):
        return "of a connected account"
    return None
