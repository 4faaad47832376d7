"""``stripe_webhook``: the Lambda function URL that Stripe calls. Its module is its handler, so imports stay lean."""

from typing import Any

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.runtime import webhooks
from chalicelib.wallet.events import apply_event

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="stripe_webhook")
def stripe_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply once, and say 200 only when the effect is stored."""
    del context
    return webhooks.answered(event, "stripe", "stripe-signature", _apply)


def _apply(payload: bytes, signature: str) -> None:
    apply_event(world(), world().payments.verified_event(payload, signature))
