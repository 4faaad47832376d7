"""``stripe_webhook``: the Lambda function URL that Stripe calls. Its module is its handler, so imports stay lean."""

import base64
import json
from http import HTTPStatus
from typing import Any, Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import Malformed, Problem, Unauthenticated
from chalicelib.runtime.logs import log
from chalicelib.wallet.topups import apply_event

blueprint = Blueprint(__name__)

_MOST_BYTES: Final = 256 * 1024


@blueprint.lambda_function(name="stripe_webhook")
def stripe_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply once, and say 200 only when the effect is stored; Stripe repeats on anything else."""
    del context
    try:
        payload = _body(event)
    except ValueError:
        return _answer(HTTPStatus.BAD_REQUEST, "body")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        apply_event(world(), world().payments.verified_event(payload, headers.get("stripe-signature", "")))
    except Unauthenticated:
        log.warning("webhook_refused")  # many of these: the secret of the settings is not the one Stripe signs with
        return _answer(HTTPStatus.BAD_REQUEST, "signature")
    except Malformed:
        log.error("webhook_malformed")  # signed, so worth a look; repeating it would not mend it
        return _answer(HTTPStatus.BAD_REQUEST, "event")
    except Problem as problem:
        log.error("webhook_not_applied", code=problem.code)
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "try again")
    except Exception as error:  # noqa: BLE001 - whatever went wrong, Stripe must hear that it is not stored
        log.exception("webhook_not_applied", error)
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "try again")
    return _answer(HTTPStatus.OK, "stored")


def _body(event: dict[str, Any]) -> bytes:
    """The bytes that were signed. Raises ValueError when there are none or too many."""
    text = event.get("body") or ""
    if not text or len(text) > _MOST_BYTES * 4 // 3:
        raise ValueError("no body, or too large a one")
    return base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()


def _answer(status: HTTPStatus, said: str) -> dict[str, Any]:
    return {
        "statusCode": int(status),
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"result": said}),
    }
