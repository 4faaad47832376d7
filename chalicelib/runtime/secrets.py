"""Secrets from Secrets Manager, kept five minutes, so a rotated one is in use within that time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.aws import client
from chalicelib.runtime.logs import log

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

_KEPT_SECONDS: Final = 300


def secret(name: str) -> dict[str, str]:
    """The JSON object held by the secret of that name. Raises Unavailable when it cannot be read."""
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError

    try:
        found: object = _provider().get(name, max_age=_KEPT_SECONDS, transform="json")
    except (GetParameterError, TransformParameterError) as error:
        log.error("secret_unreadable", error=type(error).__name__)
        raise Unavailable from None
    if not isinstance(found, dict):
        log.error("secret_unreadable", error="no object")
        raise Unavailable
    return found


@cache
def _provider() -> SecretsProvider:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    return SecretsProvider(boto3_client=client("secretsmanager"))
