"""``stripe_webhook`` and ``stripe_connect_webhook``: the Lambda function URLs that Stripe calls, the one with events of
our own account, the other with those of readers' accounts. Their module is their handler, so imports stay lean.

They are here, and not in the wallet, because transfers to readers are events of our own account.
"""

from typing import Any

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.payouts.events import apply_connect_event, apply_event
from chalicelib.runtime import webhooks

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
