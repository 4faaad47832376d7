"""The world that a function makes for itself of its environment: nothing stands in for any of it but the addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import boto3
import pytest

from chalicelib import gateways
from chalicelib.gateways import World
from chalicelib.kernel.settings import Settings
from chalicelib.runtime import aws, secrets
from tests.support.aws import is_local

STRIPE_WEBHOOK_SECRET: Final = "whsec_of_this_test"
STRIPE_CONNECT_WEBHOOK_SECRET: Final = "whsec_of_connect_in_this_test"
AGORA_NOTICES_SECRET: Final = "notices_of_this_test"
SECRETS: Final = {
    "stripe": {"api_key": "sk_test_none", "webhook_secret": STRIPE_WEBHOOK_SECRET},
    "stripe_connect": {"webhook_secret": STRIPE_CONNECT_WEBHOOK_SECRET},
    "agora": {"app_id": "0" * 32, "app_certificate": "1" * 32},
    "agora_rest": {"app_id": "0" * 32, "customer_id": "customer", "customer_secret": "secret:of:customer"},
    "agora_notices": {"secret": AGORA_NOTICES_SECRET},
    "apple": {"bundle_id": "test.soulseer"},
    "google": {"package_name": "test.soulseer"},
    "unsubscribe": {"secret": "unsubscribe_of_this_test"},
}


@contextmanager
def product_world(
    patch: pytest.MonkeyPatch, aws_url: str, dynamodb_url: str, table_names: Mapping[str, str], settings: Settings
) -> Iterator[World]:
    """``gateways.world()`` on these tables, with secrets of its own."""
    own = f"soulseer-test/{uuid4().hex}"
    environment = {f"{logical.upper()}_TABLE": physical for logical, physical in table_names.items()} | {
        "STAGE": "dev",
        "CLOCK_MACHINE_ARN": settings.clock_machine_arn,
        "AUTH_ISSUER": settings.auth_issuer,
        "AUTH_AUDIENCE": settings.auth_audience,
        **{f"{name.upper()}_SECRET": f"{own}/{name}" for name in SECRETS},
        "CHECKOUT_RETURN_URL": settings.checkout_return_url,
        "MAIL_FROM": settings.mail_from,
        "UNTOLD_URL": settings.untold_url,
        "DEAD_LETTERS_URL": settings.dead_letters_url,
        "EXPORTS_BUCKET": settings.exports_bucket,
        "PICTURES_BUCKET": settings.pictures_bucket,
        "ATTACHMENTS_BUCKET": settings.attachments_bucket,
        "FILES_BUCKET": settings.files_bucket,
        "DIGESTS_BUCKET": settings.digests_bucket,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws_url,
    }
    if is_local(dynamodb_url):
        environment |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    for variable, value in environment.items():
        patch.setenv(variable, value)
    forget()
    manager = boto3.client("secretsmanager")
    for name, held in SECRETS.items():
        manager.create_secret(Name=f"{own}/{name}", SecretString=json.dumps(held))
    yield gateways.world()
    for name in SECRETS:
        manager.delete_secret(SecretId=f"{own}/{name}", ForceDeleteWithoutRecovery=True)
    forget()


def forget() -> None:
    """As a new environment of the function begins: with nothing kept."""
    gateways.world.cache_clear()
    aws.client.cache_clear()
    secrets._provider.cache_clear()
