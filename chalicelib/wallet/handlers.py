"""``apple_webhook`` and ``google_webhook``: the Lambda function URLs at which the app stores tell of purchases. Their
module is their handler, so imports stay lean.
"""

from typing import TYPE_CHECKING, Any

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.runtime import webhooks
from chalicelib.runtime.lazy import on_first_use

if TYPE_CHECKING:
    from chalicelib.wallet import apple, google
else:
    apple = on_first_use("chalicelib.wallet.apple")
    google = on_first_use("chalicelib.wallet.google")

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="apple_webhook")
def apple_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply once, and say 200 only when the effect is stored. Apple signs the body itself, not a header."""
    del context
    return webhooks.answered(event, "apple", "", _apply_apple)


@blueprint.lambda_function(name="google_webhook")
def google_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply once, and say 200 only when the effect is stored. Pub/Sub shows a token that Google signed."""
    del context
    return webhooks.answered(event, "google", "authorization", _apply_google)


def _apply_apple(payload: bytes, signature: str) -> None:
    del signature  # it is within the body
    apple.hear(world(), world().appstore.verified_notification(payload))


def _apply_google(payload: bytes, authorization: str) -> None:
    google.told(world(), world().play.verified_push(authorization, payload))
