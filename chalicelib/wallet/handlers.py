"""``apple_webhook`` and ``google_webhook``: the Lambda function URLs at which the app stores tell of purchases. Their
module is their handler, so imports stay lean.
"""

from typing import Any

from chalice.app import Blueprint

from chalicelib.runtime import webhooks

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
    raise NotImplementedError


def _apply_google(payload: bytes, authorization: str) -> None:
    raise NotImplementedError
