"""``stripe_webhook`` and ``stripe_connect_webhook``: the Lambda function URLs that Stripe calls, the one with events of
our own account, the other with those of readers' accounts. And ``sync_catalogue``: what a rule calls once a day, so
that what is sold is what Stripe has. Their module is their handler, so imports stay lean.

The webhooks are here, above payouts and the wallet, because one address hears of all that is ours at Stripe.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from chalice.app import Blueprint, CloudWatchEvent, Cron

from chalicelib.gateways import World, world
from chalicelib.runtime import metrics, webhooks
from chalicelib.runtime.aws import call_again
from chalicelib.runtime.lazy import on_first_use
from chalicelib.shop.events import apply_connect_event, apply_event

if TYPE_CHECKING:  # the webhooks need none of it
    from chalicelib.shop import sync
else:
    sync = on_first_use("chalicelib.shop.sync")

blueprint = Blueprint(__name__)

_SPARE_MILLIS: Final = 60_000
"""What must be left of the function's time to begin with another product: seven calls of Stripe's may be silent."""


@blueprint.lambda_function(name="stripe_webhook")
def stripe_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply once, and say 200 only when the effect is stored."""
    del context
    return webhooks.answered(event, "stripe", "stripe-signature", _apply)


@blueprint.lambda_function(name="stripe_connect_webhook")
def stripe_connect_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The same, with a secret of its own."""
    del context
    return webhooks.answered(event, "stripe_connect", "stripe-signature", _apply_connect)


def _apply(payload: bytes, signature: str) -> None:
    apply_event(world(), world().payments.verified_event(payload, signature))


def _apply_connect(payload: bytes, signature: str) -> None:
    apply_connect_event(world(), world().payments.verified_connect_event(payload, signature))


@blueprint.schedule(Cron(0, 3, "*", "*", "?", "*"), name="sync_catalogue")
@metrics.flushed
def sync_catalogue(event: CloudWatchEvent) -> dict[str, bool]:
    """Bring the catalogue up to date; a call that runs out of time calls again."""
    return synced(world(), event.to_dict(), event.context, call_again)


def synced(
    world: World, facts: dict[str, Any], context: Any, again: Callable[[dict[str, Any]], None]
) -> dict[str, bool]:
    """Begin a sync, or go on with the one that ``facts`` name."""
    run_id = str(facts["run"]) if facts.get("run") else sync.begin(world).id
    run = sync.go_on(world, run_id, lambda: context.get_remaining_time_in_millis() < _SPARE_MILLIS)
    unfinished = run.id == run_id and run.ended_at is None
    if unfinished:
        again(facts | {"run": run_id})  # the rule's event whole: Chalice unpacks it
    return {"done": not unfinished}
