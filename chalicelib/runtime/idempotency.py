"""``Idempotency-Key``: a retry gets the first answer again instead of doing the thing twice.

    first time                     runs; a 2xx answer is kept a day
    same key, same request         that answer again, ``Idempotency-Replayed: true``
    same key, another request      422 idempotency_mismatch
    same key, first still running  409 idempotency_in_progress
    the first was refused          runs again: a refusal is not kept
    the first was cut short        409 until its time would have been up, then runs again
    the table is out of reach      503: what costs money does not run without its key

The records are Powertools'. This is a courtesy to a client that lost an answer, never the ledger's guarantee: what
runs again finds its own derived ids and changes nothing twice. (A put whose answer is lost on the way meets its
own record when the client of AWS repeats it; that request gets the 409 and the next one after the time-out runs.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.kernel.errors import IdempotencyInProgress, IdempotencyMismatch, Unavailable
from chalicelib.runtime.logs import log

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

KEPT_SECONDS: Final = 24 * 60 * 60
_KEY_PREFIX: Final = "http"


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer as it is kept: the same bytes are sent again."""

    status: int
    body: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """What a key stands for: one person's one request. ``route`` is the method and the path as it was called."""

    caller: str
    route: str
    key: str
    request: str
    """Digest of the body; the same for the same JSON value, however it is spaced."""


class Once(Protocol):
    """Runs a thing once for an intent."""

    def __call__(self, intent: Intent, run: Callable[[], Answer], lambda_context: Any) -> Answer:
        """What ``run`` answers, or what it answered before.

        ``lambda_context`` tells how long this run can last. Raises IdempotencyMismatch, IdempotencyInProgress,
        Unavailable, and whatever ``run`` raises.
        """


def digest(value: object) -> str:
    """SHA-256 of a JSON value, independent of spacing and of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class PowertoolsOnce:
    """``Once`` on Powertools' records in a DynamoDB table with hash key ``id``."""

    def __init__(self, table: str, client: Any) -> None:
        self._records = _records(table, client)

    def __call__(self, intent: Intent, run: Callable[[], Answer], lambda_context: Any) -> Answer:
        """See ``Once``."""
        from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, exceptions, idempotent_function

        config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="request",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=KEPT_SECONDS,
            use_local_cache=False,
            hash_function="sha256",
            lambda_context=lambda_context,
            response_hook=lambda kept, _: {**kept, "replayed": True},
        )

        def kept(*, intent: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - Powertools reads it by its name
            answer = run()
            return {"status": answer.status, "body": answer.body}

        once = idempotent_function(
            kept,
            data_keyword_argument="intent",
            persistence_store=self._records,
            config=config,
            key_prefix=_KEY_PREFIX,
        )
        try:
            stored = once(intent={"key": [intent.caller, intent.route, intent.key], "request": intent.request})
        except exceptions.IdempotencyValidationError:
            raise IdempotencyMismatch from None
        except (exceptions.IdempotencyAlreadyInProgressError, exceptions.IdempotencyInconsistentStateError):
            raise IdempotencyInProgress from None
        except exceptions.IdempotencyPersistenceLayerError as error:
            log.error("idempotency_unavailable", error=type(error.__cause__ or error).__name__)
            raise Unavailable from error
        return Answer(stored["status"], stored["body"], replayed=bool(stored.get("replayed")))


@cache
def powertools_once() -> Once:
    """``Once`` of this function, from its settings."""
    import os

    from chalicelib.kernel.settings import settings_from
    from chalicelib.runtime.aws import client

    return PowertoolsOnce(settings_from(os.environ).tables.idempotency, client("dynamodb"))


def _records(table: str, client: Any) -> DynamoDBPersistenceLayer:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    return DynamoDBPersistenceLayer(table_name=table, boto3_client=client)
