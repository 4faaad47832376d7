"""``agora_webhook`` hears who is in the channels. Its module is its handler, so imports stay lean."""

from typing import Any

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.runtime import webhooks
from chalicelib.sessions import service

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="agora_webhook")
def agora_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply, and say 200 only when the effect is stored."""
    del context
    return webhooks.answered(event, "agora", "agora-signature-v2", _hear)


def _hear(payload: bytes, signature: str) -> None:
    notice = world().media.verified_notice(payload, signature)
    if notice:
        service.hear(world(), notice)
