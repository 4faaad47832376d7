"""Deploy the packaged functions and resources to the local AWS, by the code that deploys to AWS (scripts/deployment).

Then the secrets get values, once: those that are set already stay, so that webhooks which wait from an earlier run
still verify.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scripts.deployment.failures import DeployFailed
from scripts.deployment.stack import Stack, Wanted
from scripts.deployment.states import STILLBORN
from scripts.deployment.versions import tidy

if TYPE_CHECKING:
    import boto3

STAGE: Final = "dev"
STACK: Final = f"soulseer-{STAGE}"
BUCKET: Final = f"{STACK}-code"
DEPLOY_SECONDS: Final = 180.0
_OURS: Final = "local_"
"""How a secret of ours begins where the vendor's have no form of their own."""
_ADVICE: Final = "Where the state of an earlier version is in the way, --fresh forgets it."


@dataclass(frozen=True, slots=True)
class Deployed:
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    """Physical id of each logical id."""

    def tables(self) -> dict[str, str]:
        """Physical name of each table by its logical name: ``{"ledger": "soulseer-dev-ledger", …}``."""
        suffix = "TableName"
        return {
            name.removesuffix(suffix).lower(): value for name, value in self.outputs.items() if name.endswith(suffix)
        }


def deploy(session: "boto3.Session", endpoint: str, package: Path, parameters: Mapping[str, str]) -> Deployed:
    """Create or update the stack from ``sam.yaml`` and ``deployment.zip`` in ``package``. Raises DeployFailed.

    As ``scripts/deploy.py`` does on AWS, but for what asks somebody: nobody is asked, and what is in the way goes.
    """
    stack = stack_at(session, endpoint)
    stack.client("s3").create_bucket(Bucket=BUCKET)
    if stack.status() in STILLBORN:
        stack.remove()
    try:
        proposal = stack.propose(Wanted(stack.packages.upload(package, parameters), parameters))
        if proposal:
            stack.carry_out(proposal)
            tidy(stack, 0)
    except DeployFailed as failed:
        raise DeployFailed(f"{failed}\n{_ADVICE}") from failed
    return Deployed(stack.outputs(), stack.resources())


def stack_at(session: "boto3.Session", endpoint: str) -> Stack:
    """The stack on a local AWS, where nothing takes long."""
    return Stack(STACK, BUCKET, session, endpoint, seconds=DEPLOY_SECONDS, every=0.1)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values of the secrets, by the name of each in ``infra/template/secrets.yaml``."""

    stripe: dict[str, str]
    stripe_connect: dict[str, str]
    agora: dict[str, str]
    agora_rest: dict[str, str]
    agora_notices: dict[str, str]


def put_secrets(
    session: "boto3.Session", endpoint: str, apple: Mapping[str, Any], google: Mapping[str, Any]
) -> Secrets:
    """Give the secrets local values where they have none of ours yet; those of the app stores are new at each start."""
    client = session.client("secretsmanager", endpoint_url=endpoint)
    for name, value in (("apple", apple), ("google", google)):
        client.put_secret_value(SecretId=f"soulseer/{STAGE}/{name}", SecretString=json.dumps(value))

    def kept(name: str, fresh: dict[str, str], is_ours: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        secret = f"soulseer/{STAGE}/{name}"
        stored: dict[str, str] = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
        if is_ours(stored):
            return stored
        client.put_secret_value(SecretId=secret, SecretString=json.dumps(fresh))
        return fresh

    agora = kept(
        "agora",
        {"app_id": secrets.token_hex(16), "app_certificate": secrets.token_hex(16)},
        lambda stored: set(stored.get("app_id", "0")) != {"0"},
    )
    return Secrets(
        stripe=kept(
            "stripe",
            {"api_key": f"sk_test_{secrets.token_hex(12)}", "webhook_secret": f"whsec_{secrets.token_hex(24)}"},
            lambda stored: stored.get("api_key", "").startswith("sk_test_"),
        ),
        stripe_connect=kept(
            "stripe_connect",
            {"webhook_secret": f"whsec_{secrets.token_hex(24)}"},
            lambda stored: stored.get("webhook_secret", "").startswith("whsec_"),
        ),
        agora=agora,
        agora_rest=kept(
            "agora_rest",
            {
                "app_id": agora["app_id"],
                "customer_id": secrets.token_hex(16),
                "customer_secret": secrets.token_hex(16),
            },
            lambda stored: stored.get("app_id") == agora["app_id"],
        ),
        agora_notices=kept(
            "agora_notices",
            {"secret": f"{_OURS}{secrets.token_hex(8)}"},
            lambda stored: stored.get("secret", "").startswith(_OURS),
        ),
    )


def verify_sender(session: "boto3.Session", endpoint: str, address: str) -> None:
    """Let mail come from ``address``: on AWS its owner clicks a link."""
    client = session.client("sesv2", endpoint_url=endpoint)
    try:
        client.create_email_identity(EmailIdentity=address)
    except client.exceptions.AlreadyExistsException:
        return  # from an earlier run, whose state was kept


def make_push_applications(session: "boto3.Session", endpoint: str) -> dict[str, str]:
    """What CloudFormation has no words for: the apps that are pushed to, as SNS knows them, by template parameter.

    The keys that Apple and Google give out for them are anything here.
    """
    client = session.client("sns", endpoint_url=endpoint)
    made = {
        name: client.create_platform_application(
            Name=STACK, Platform=system, Attributes={"PlatformCredential": "local"}
        )
        for name, system in (("PushIosArn", "APNS"), ("PushAndroidArn", "GCM"))
    }
    return {name: each["PlatformApplicationArn"] for name, each in made.items()}
