"""On the deployed stack, with the credentials that the functions themselves run with: what each may do, and is refused.

A call that is allowed changes nothing: it meets a condition that cannot hold, or a value that is out of range.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.phone import Json
from tests.e2e.stage import Stage
from tests.support.privileges import BY_FUNCTION, Right

REFUSED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}
)
PROBE: Final = """
import os

def handler(event, context):
    return [os.environ[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")]
"""


@pytest.fixture(scope="module")
def session() -> Any:
    """One for all: it reads what a service can do once."""
    return boto3.Session(region_name="us-east-1")


def credentials_of(stage: Stage, function: str) -> dict[str, str]:
    """This function's own: a function beside it, with its role, hands out what it was given."""
    functions = stage.stack.aws("lambda")
    real = functions.get_function_configuration(FunctionName=f"soulseer-dev-{function}")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("probe.py", PROBE)
    name = f"probe-{function}"
    functions.create_function(
        FunctionName=name,
        Runtime=real["Runtime"],
        Role=real["Role"],
        Handler="probe.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    try:
        key, secret, token = json.loads(functions.invoke(FunctionName=name)["Payload"].read())
    finally:
        functions.delete_function(FunctionName=name)
    return {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}


def call(stage: Stage, clients: Mapping[str, Any], schemas: Mapping[str, Json], right: Right) -> None:
    """What the right is the right to do. Raises ClientError, also where it is allowed."""
    kind, name = re.split("[/:]", right.resource, maxsplit=1)
    operation = right.action.partition(":")[2]
    if kind == "table":
        table, _, index = name.partition("/index/")
        call_table(clients["dynamodb"], operation, key_of(schemas[table], index), f"soulseer-dev-{table}", index)
        return
    service, method, parameters = CALLS[operation]
    places = {
        "name": name,
        "full": f"soulseer-dev-{name}",
        "bucket": f"soulseer-dev-{name}-000000000000",
        "arn": right.arn(),
        "key": right.arn().partition("/")[2],
        "queue": f"{stage.stack.addresses.endpoint_url}/000000000000/soulseer-dev-{name}",
    }
    filled = {key: value.format(**places) if isinstance(value, str) else value for key, value in parameters.items()}
    getattr(clients[service], method)(**filled)


CALLS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "GetSecretValue": ("secretsmanager", "get_secret_value", {"SecretId": "soulseer/dev/{name}"}),
    "PutSecretValue": ("secretsmanager", "put_secret_value", {"SecretId": "soulseer/dev/{name}", "SecretString": "-"}),
    "StartExecution": ("stepfunctions", "start_execution", {"stateMachineArn": "{arn}", "input": "["}),
    "InvokeFunction": ("lambda", "invoke", {"FunctionName": "{full}", "InvocationType": "DryRun"}),
    "UpdateFunctionCode": (
        "lambda",
        "update_function_code",
        {"FunctionName": "{full}", "ZipFile": b"", "DryRun": True},
    ),
    "SendMessage": ("sqs", "send_message", {"QueueUrl": "{queue}", "MessageBody": "-", "DelaySeconds": 100_000}),
    "ReceiveMessage": ("sqs", "receive_message", {"QueueUrl": "{queue}", "VisibilityTimeout": 0}),
    "DeleteMessage": ("sqs", "delete_message", {"QueueUrl": "{queue}", "ReceiptHandle": "-"}),
    "GetQueueAttributes": ("sqs", "get_queue_attributes", {"QueueUrl": "{queue}"}),
    "SetEndpointAttributes": ("sns", "set_endpoint_attributes", {"EndpointArn": "arn:none", "Attributes": {}}),
    "CreatePlatformEndpoint": ("sns", "create_platform_endpoint", {"PlatformApplicationArn": "arn:none", "Token": "-"}),
    "DeleteEndpoint": ("sns", "delete_endpoint", {"EndpointArn": "arn:none"}),
    "Publish": ("sns", "publish", {"TopicArn": "{arn}", "Message": "-"}),
    "GetObject": ("s3", "get_object", {"Bucket": "{bucket}", "Key": "{key}"}),
    "PutObject": ("s3", "put_object", {"Bucket": "{bucket}", "Key": "{key}", "ContentMD5": "none"}),
    "DeleteObject": ("s3", "delete_object", {"Bucket": "{bucket}", "Key": "{key}"}),
    "ListBucket": ("s3", "list_objects_v2", {"Bucket": "{bucket}"}),
    "SendEmail": (
        "sesv2",
        "send_email",
        {"FromEmailAddress": "{name}@soulseer.local", "Destination": {}, "Content": {}},
    ),
}
"""How each action is tried: the service, its method, what it is given."""


def call_table(dynamodb: Any, operation: str, key: dict[str, Any], table: str, index: str) -> None:
    """No row has this key; what would write says that there must be one."""
    first = next(iter(key))
    exists: dict[str, Any] = {"ConditionExpression": "attribute_exists(#k)", "ExpressionAttributeNames": {"#k": first}}
    match operation:
        case "GetItem":
            dynamodb.get_item(TableName=table, Key=key)
        case "BatchGetItem":
            dynamodb.batch_get_item(RequestItems={table: {"Keys": [key]}})
        case "Query":
            dynamodb.query(
                TableName=table,
                **({"IndexName": index} if index else {}),
                KeyConditionExpression="#k = :v",
                ExpressionAttributeNames={"#k": first},
                ExpressionAttributeValues={":v": key[first]},
            )
        case "Scan":
            dynamodb.scan(TableName=table, Limit=1)
        case "PutItem":
            dynamodb.put_item(TableName=table, Item=key, **exists)
        case "UpdateItem":
            dynamodb.update_item(TableName=table, Key=key, **exists)
        case "DeleteItem":
            dynamodb.delete_item(TableName=table, Key=key, **exists)
        case "BatchWriteItem":
            dynamodb.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": key}}]})
        case "ConditionCheckItem":
            dynamodb.transact_write_items(
                TransactItems=[{"ConditionCheck": {"TableName": table, "Key": key, **exists}}]
            )
        case _:
            raise ValueError(f"nobody has said how {operation} is tried")


@pytest.fixture(scope="module")
def schemas(stage: Stage) -> dict[str, Json]:
    """By table, as it is deployed."""
    dynamodb = stage.stack.aws("dynamodb")
    told = (dynamodb.describe_table(TableName=each)["Table"] for each in dynamodb.list_tables()["TableNames"])
    return {each["TableName"].removeprefix("soulseer-dev-"): each for each in told}


def key_of(told: Json, index: str) -> dict[str, Any]:
    """A key that no row has, of the table or the index."""
    schemas = {each["IndexName"]: each["KeySchema"] for each in told.get("GlobalSecondaryIndexes", [])}
    return {each["AttributeName"]: {"S": "nobody"} for each in (schemas[index] if index else told["KeySchema"])}


@pytest.mark.parametrize("function", BY_FUNCTION)
def test_a_function_may_do_what_it_does_and_is_refused_everything_else(
    stage: Stage, session: Any, schemas: dict[str, Json], function: str
) -> None:
    own, endpoint = credentials_of(stage, function), stage.stack.addresses.endpoint_url
    services = {"dynamodb", *(service for service, _, _ in CALLS.values())}
    clients = {name: session.client(name, endpoint_url=endpoint, **own) for name in services}
    told = {}
    # Rights on a stream are not tried: the local AWS asks no policy for one.
    rights = {right: has for right, has in BY_FUNCTION[function].items() if not right.resource.startswith("stream/")}
    for right in rights:
        try:
            call(stage, clients, schemas, right)
            told[str(right)] = True
        except ClientError as refusal:
            told[str(right)] = refusal.response["Error"]["Code"] not in REFUSED
    assert told == {str(right): has for right, has in rights.items()}
