"""The published versions of `api`, and the alias that requests follow."""

from typing import Final

from scripts.deployment.stack import Stack

KEPT: Final = 5
"""Versions that stay beside the one that answers: each keeps its zip at Lambda."""
ALIAS: Final = "live"
_OF_THE_STACK: Final = "APIHandlerVersion"
"""How SAM names the version that a template publishes, with a hash after it."""
_MOST: Final = 1_000


def function(stack: Stack) -> str:
    """The name of `api`."""
    return f"{stack.name}-api"


def live(stack: Stack) -> str:
    """The version that answers requests; empty where there is none yet."""
    from botocore.exceptions import ClientError

    try:
        alias = stack.client("lambda").get_alias(FunctionName=function(stack), Name=ALIAS)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise  # else a release that fails would find no version to go back to
        return ""
    return str(alias["FunctionVersion"])


def answer_by(stack: Stack, version: str) -> None:
    """Have requests answered by that version, from now on and all of them."""
    stack.client("lambda").update_alias(
        FunctionName=function(stack),
        Name=ALIAS,
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": {}},
    )


def strays(stack: Stack, version: str) -> bool:
    """Whether ``version``, which answers, is another than CloudFormation set: a way back was not walked to its end."""
    set_by = [arn for name, arn in stack.resources().items() if name.startswith(_OF_THE_STACK)]
    return bool(version and set_by) and version not in {arn.rpartition(":")[2] for arn in set_by}


def tidy(stack: Stack, most: int = KEPT) -> None:
    """Let go of old versions: CloudFormation keeps each, and all of an account share 75 GB."""
    functions = stack.client("lambda")
    pages = functions.get_paginator("list_versions_by_function")
    listed = pages.paginate(FunctionName=function(stack), PaginationConfig={"MaxItems": _MOST})
    numbers = sorted(int(each["Version"]) for page in listed for each in page["Versions"] if each["Version"].isdigit())
    answers = live(stack)
    for number in [each for each in numbers if str(each) != answers][: -most or None]:
        functions.delete_function(FunctionName=function(stack), Qualifier=str(number))
