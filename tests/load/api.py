"""The API as API Gateway calls it, in this process, on the stage's DynamoDB: the app of ``app.py``, real tokens.

It reads its settings from the environment and keeps its clients, as a function does; so there is one in a process.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import boto3

from infra.local.agora.context import Account
from infra.local.agora.server import AgoraServer
from infra.local.issuer import AUDIENCE, IssuerServer
from tests.load.stage import Stage
from tests.support.environment import ENVIRONMENT

if TYPE_CHECKING:
    from chalice.app import Chalice

_MACHINE: Final = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 86_400, "End": True}}}
_AGORA: Final = Account("0" * 32, "1" * 32, "id", "secret")
_BEAT_SECONDS: Final = "0.03"
"""So short that the next beat may follow at once, and is written."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the app answered, and what it wrote to its log meanwhile."""

    status: int
    body: dict[str, Any]
    size: int
    """Bytes of the answer's body."""
    logged: int
    """Bytes of the lines."""


class Api:
    """Speaks to the app in API Gateway's events."""

    def __init__(self, app: Chalice, issuer: IssuerServer) -> None:
        self.app = app
        self._issuer = issuer

    def token(self, subject: str) -> str:
        """A valid access token."""
        return self._issuer.issuer.mint(subject, email=f"{subject}@example.com", name="Somebody")

    def __call__(self, method: str, path: str, token: str = "", body: object = None) -> Answered:
        """Have it answered. Raises RuntimeError for a refusal: nothing here asks for what may not be."""
        event = event_for(method, path, token, body)
        written = io.StringIO()
        with redirect_stdout(written):
            answer = self.app(event, Context())
        if answer["statusCode"] >= 400:
            raise RuntimeError(f"{method} {path}: {answer['statusCode']} {answer['body']}")
        size = len(answer["body"].encode())
        return Answered(answer["statusCode"], json.loads(answer["body"]), size, len(written.getvalue().encode()))


class Context:
    """What Lambda hands to a function, as far as anybody looks at it."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 29_000


def event_for(method: str, path: str, token: str = "", body: object = None) -> dict[str, Any]:
    """The event of a REST API (payload format 1.0) with the headers that a phone sends."""
    resource, parameters = _resource(path)
    headers = {"accept": "application/json", "host": "api.example.com", "user-agent": "SoulSeer/1.0 (iPhone)"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if method == "POST":
        headers |= {"content-type": "application/json", "idempotency-key": uuid4().hex}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "requestId": str(uuid4()),
            "path": f"/dev{path}",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _resource(path: str) -> tuple[str, Mapping[str, str]]:
    """The route's template and its values: a session's id is the only part of a path that varies here."""
    session = re.search(r"ses_\w+", path)
    if session is None:
        return path, {}
    return path.replace(session[0], "{session_id}"), {"session_id": session[0]}


@contextmanager
def api(stage: Stage) -> Iterator[Api]:
    """The app on the stage, beside it an issuer, a machine that takes starts, and the local Agora."""
    with TemporaryDirectory(prefix="soulseer-issuer-") as folder:
        issuer, agora = IssuerServer(Path(folder)), AgoraServer()
        agora.open_account(_AGORA)
        issuer.start()
        agora.start()
        try:
            os.environ["AWS_ENDPOINT_URL"] = stage.url
            os.environ.update(_environment(stage, issuer, agora))
            _forget()
            from app import app

            yield Api(app, issuer)
        finally:
            agora.stop()
            issuer.stop()


def _environment(stage: Stage, issuer: IssuerServer, agora: AgoraServer) -> dict[str, str]:
    return ENVIRONMENT | {
        "CLOCK_MACHINE_ARN": _machine(),
        "AUTH_ISSUER": issuer.issuer.iss,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_JWKS_URL": f"{issuer.url}/.well-known/jwks.json",
        "AGORA_API_BASE": agora.url,
        "AGORA_SECRET": _secret(app_id=_AGORA.app_id, app_certificate=_AGORA.app_certificate),
        "AGORA_REST_SECRET": _secret(
            app_id=_AGORA.app_id, customer_id=_AGORA.customer_id, customer_secret=_AGORA.customer_secret
        ),
        "BEAT_SECONDS": _BEAT_SECONDS,
        "RATE_LIMITS": "off",
        **{f"{logical.upper()}_TABLE": physical for logical, physical in stage.names.items()},
    }


def _machine() -> str:
    """A state machine that takes every start and waits: the clock's wakes are not the API's work."""
    client = boto3.client("stepfunctions")
    role = "arn:aws:iam::000000000000:role/bench"
    made = client.create_state_machine(name=f"bench-{uuid4().hex[:8]}", definition=json.dumps(_MACHINE), roleArn=role)
    return str(made["stateMachineArn"])


def _secret(**values: str) -> str:
    """The name of a secret that holds these."""
    made = boto3.client("secretsmanager").create_secret(Name=f"bench-{uuid4().hex}", SecretString=json.dumps(values))
    return str(made["Name"])


def _forget() -> None:
    """What a function keeps while its environment lives, of an environment that was another."""
    from chalicelib.gateways import world
    from chalicelib.runtime.idempotency import powertools_once
    from chalicelib.runtime.identity import verifier

    for kept in (world, powertools_once, verifier):
        kept.cache_clear()
