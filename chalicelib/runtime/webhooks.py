"""What every webhook on a Lambda function URL shares: the bytes that were signed, and the answer to the vendor.

No gateway reshapes the body there. 200 says that the effect is stored; on anything else the vendor repeats.
"""

import base64
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from chalicelib.kernel.errors import Malformed, Problem, Unauthenticated
from chalicelib.runtime import metrics
from chalicelib.runtime.logs import log

_MOST_BYTES: Final = 256 * 1024

Apply = Callable[[bytes, str], None]
"""Given the payload and its signature: verifies, and stores the effect. Raises Unauthenticated, Malformed, Problem."""


@metrics.flushed
def answered(event: dict[str, Any], provider: str, signature_header: str, apply: Apply) -> dict[str, Any]:
    """Have ``apply`` store what a function URL's ``event`` carries. ``signature_header`` is in lower case."""
    try:
        payload = _body(event)
    except ValueError:
        return _answer(HTTPStatus.BAD_REQUEST, "body")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        apply(payload, headers.get(signature_header, ""))
    except Unauthenticated:
        # Many of these: the secret of the settings is not the one that the vendor signs with.
        log.warning("webhook_refused", provider=provider)
        metrics.add(WebhooksRefused=1)
        return _answer(HTTPStatus.BAD_REQUEST, "signature")
    except Malformed:
        log.error("webhook_malformed", provider=provider)  # signed, so worth a look; repeating it would not mend it
        return _answer(HTTPStatus.BAD_REQUEST, "event")
    except Problem as problem:
        log.error("webhook_not_applied", provider=provider, code=problem.code)
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "try again")
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the vendor must hear that it is not stored
        log.exception("webhook_not_applied", error, provider=provider)
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
