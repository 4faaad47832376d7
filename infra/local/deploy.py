"""Deploy the packaged functions and resources to the local AWS, as one deploys to AWS: by a change set.

The zip and the template go to a bucket first, the zip under the hash of its content: a package that did not
change makes an empty change set, and nothing is deployed. Then the secrets get values, once: those that are set
already stay, so that webhooks which wait from an earlier run still verify.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    import boto3

STAGE: Final = "dev"
STACK: Final = f"soulseer-{STAGE}"
BUCKET: Final = f"{STACK}-code"
DEPLOY_SECONDS: Final = 180.0
_NOT_THERE: Final = "does not exist"
_NOTHING_TO_DO: Final = ("didn't contain changes", "No updates are to be performed")
_MOST_PAGES: Final = 20
_OURS: Final = "local_"
"""How a secret of ours begins where the vendor's have no form of their own."""
_ADVICE: Final = "Where the state of an earlier version is in the way, --fresh forgets it."


class DeployFailed(Exception):
    """The stack was not deployed. The message lists what failed, as CloudFormation tells it."""


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
    """Create or update the stack from ``sam.yaml`` and ``deployment.zip`` in ``package``. Raises DeployFailed."""
    began = datetime.now(UTC)
    template_url = _upload(session, endpoint, package)
    cloudformation = session.client("cloudformation", endpoint_url=endpoint)
    if _change(cloudformation, template_url, parameters):
        _wait(cloudformation, began)
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    listed = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return Deployed(outputs, {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed})


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values of the secrets, by the name of each in ``infra/resources.yaml``."""

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


def _upload(session: "boto3.Session", endpoint: str, package: Path) -> str:
    """Put the zip and the template that names it into the bucket. Returns the template's address."""
    from botocore.exceptions import ClientError

    s3 = session.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=BUCKET)
    code = (package / "deployment.zip").read_bytes()
    code_key = f"{hashlib.sha256(code).hexdigest()}.zip"
    try:
        s3.head_object(Bucket=BUCKET, Key=code_key)
    except ClientError:
        s3.put_object(Bucket=BUCKET, Key=code_key, Body=code)
    template = yaml.safe_load((package / "sam.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/{code_key}"
    body = json.dumps(template).encode()
    template_key = f"{hashlib.sha256(body).hexdigest()}.json"
    s3.put_object(Bucket=BUCKET, Key=template_key, Body=body)
    return f"{endpoint}/{BUCKET}/{template_key}"


def _change(cloudformation: Any, template_url: str, parameters: Mapping[str, str]) -> bool:
    """Make and execute a change set. False where there is nothing to change."""
    from botocore.exceptions import ClientError

    name = f"change-{int(time.time() * 1000)}"
    kind: Any = "UPDATE" if _exists(cloudformation) else "CREATE"
    try:
        cloudformation.create_change_set(
            StackName=STACK,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        raise DeployFailed(f"CloudFormation refused the template or its parameters: {error}") from error
    deadline = time.monotonic() + DEPLOY_SECONDS
    while time.monotonic() < deadline:
        made = cloudformation.describe_change_set(StackName=STACK, ChangeSetName=name)
        reason = made.get("StatusReason", "")
        if made["Status"] == "FAILED" and any(text in reason for text in _NOTHING_TO_DO):
            return False
        if made["Status"] == "FAILED":
            raise DeployFailed(f"CloudFormation refused the template: {reason}")
        if made["Status"] == "CREATE_COMPLETE":
            break
        time.sleep(0.1)
    try:
        cloudformation.execute_change_set(StackName=STACK, ChangeSetName=name)
    except ClientError as error:
        raise DeployFailed(f"CloudFormation did not carry out the change: {error}") from error
    return True


def _exists(cloudformation: Any) -> bool:
    """Whether the stack is there to be updated. One whose creation failed cannot be: it is removed."""
    from botocore.exceptions import ClientError

    try:
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        if _NOT_THERE in str(error):
            return False
        raise
    status: str = stack["StackStatus"]
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
        cloudformation.delete_stack(StackName=STACK)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": int(DEPLOY_SECONDS)}
        )
        return False
    return status not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")


def _wait(cloudformation: Any, began: datetime) -> None:
    deadline = time.monotonic() + DEPLOY_SECONDS
    status: str = "unknown"
    while time.monotonic() < deadline:
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        status = stack["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if status.endswith(("FAILED", "ROLLBACK_COMPLETE")):
            raise DeployFailed(f"{STACK} is {status}.\n{_failures(cloudformation, began)}\n{_ADVICE}")
        time.sleep(0.1)
    raise DeployFailed(f"{STACK} is still {status} after {DEPLOY_SECONDS:.0f} s.\n{_failures(cloudformation, began)}")


def _failures(cloudformation: Any, began: datetime) -> str:
    lines: list[str] = []
    pages = cloudformation.get_paginator("describe_stack_events").paginate(
        StackName=STACK, PaginationConfig={"MaxItems": _MOST_PAGES * 100}
    )
    for page in pages:
        lines += [
            f"  {event.get('LogicalResourceId')} ({event.get('ResourceType')}): {event.get('ResourceStatusReason')}"
            for event in page["StackEvents"]
            if event.get("ResourceStatus", "").endswith("FAILED") and event["Timestamp"] >= began
        ]
    return "\n".join(reversed(lines)) or "  (CloudFormation gives no reason)"
