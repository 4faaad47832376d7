"""Where the command line works: a deployed stage by AWS credentials, or the local stack.

Either way the settings are read from the ``api`` function, so that the command line and the API cannot disagree
on a table or a rule.
"""

import json
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from chalicelib.gateways import World, world
from chalicelib.runtime.aws import client

ROOT: Final = Path(__file__).resolve().parent.parent.parent
STAGES: Final = ("dev", "staging", "prod")

_LOCAL_STAGE: Final = "dev"
_LOCAL_IDENTITY: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


_STALE: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_NOT_ALLOWED: Final = frozenset({"AccessDenied", "AccessDeniedException"})


class NoStackError(Exception):
    """There is no local stack to work on."""


def connect(stage: str | None, stack_file: Path = ROOT / ".local" / "stack.json") -> World:
    """The world of a stage, or of the running local stack for None. Raises NoStackError and botocore's errors.

    Called once in a process: settings and clients are kept.
    """
    if stage is None:
        stage = _prepare_local(stack_file)
    api: dict[str, Any] = client("lambda").get_function_configuration(FunctionName=f"soulseer-{stage}-api")
    settings = api["Environment"]["Variables"]
    # The function's settings, and the operator's own identity.
    os.environ.update({name: value for name, value in settings.items() if not name.startswith("AWS_")})
    return world()


def operator() -> str:
    """The IAM identity behind the credentials, as the audit log names it.

    On the local stack, where all credentials are alike, whom ``LOCAL_OPERATOR`` names: two people can be played there.
    """
    played = os.environ.get("LOCAL_OPERATOR")
    if played and os.environ.get("AWS_ACCESS_KEY_ID") == _LOCAL_IDENTITY["AWS_ACCESS_KEY_ID"]:
        return f"arn:aws:iam::000000000000:user/{played}"
    return str(client("sts").get_caller_identity()["Arn"])


def advice(failed: Exception) -> str:
    """What to do about AWS's refusal, where its own words do not say."""
    profile = os.environ.get("AWS_PROFILE")
    sign_in = f"aws sso login --profile {profile or 'NAME'}"
    code = asked = ""
    if isinstance(failed, ClientError):
        code, asked = failed.response["Error"]["Code"], failed.operation_name
    if isinstance(failed, NoCredentialsError | PartialCredentialsError):
        return f"There are no AWS credentials. Sign in ({sign_in}), then name the profile: export AWS_PROFILE=NAME"
    if isinstance(failed, ProfileNotFound):
        return f"There is no AWS profile {profile}. `aws configure list-profiles` lists yours; export AWS_PROFILE=NAME"
    if isinstance(failed, NoRegionError):
        return "AWS needs a region: export AWS_REGION=us-east-1, or set it in your profile."
    if isinstance(failed, SSOError | TokenRetrievalError | CredentialRetrievalError) or code in _STALE:
        return f"Your AWS credentials are no longer good. Sign in again: {sign_in}"
    if code in _NOT_ALLOWED:
        return f"AWS does not let you do this with the profile {profile or 'default'}: {failed}"
    if code == "ResourceNotFoundException" and asked == "GetFunctionConfiguration":
        return "There is no such stage in this account and region. `aws sts get-caller-identity` says where you are."
    return str(failed)


def _prepare_local(stack_file: Path) -> str:
    """Point AWS at the local stack, whatever profile is in use: test credentials must not meet a real account."""
    try:
        stack: dict[str, Any] = json.loads(stack_file.read_text(encoding="utf-8"))
        endpoint, dynamodb = str(stack["endpoint_url"]), str(stack["dynamodb_url"])
    except OSError:
        raise NoStackError("No local stack is running: start one with `make serve`.") from None
    except (ValueError, KeyError, TypeError):
        endpoint = dynamodb = ""
    if not urlsplit(endpoint).scheme == urlsplit(dynamodb).scheme == "http":
        raise NoStackError(f"{stack_file} is not what `make serve` writes: start it anew.")
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(_LOCAL_IDENTITY, AWS_ENDPOINT_URL=endpoint, AWS_ENDPOINT_URL_DYNAMODB=dynamodb)
    return str(stack.get("stage", _LOCAL_STAGE))
