"""AWS clients, one a service, kept while the function's environment lives.

Bounded: a second to connect, three to read, three attempts in all, so that a request ends with an answer of ours
before API Gateway gives up on it (29 s).
"""

import json
import os
from functools import cache
from typing import Any, Final

_CONNECT_SECONDS: Final = 1
_READ_SECONDS: Final = 3
_ATTEMPTS: Final = 3
_USER_AGENT: Final = "soulseer"

_PASSING_CODES: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_SERVER_ERROR: Final = 500


@cache
def client(
    service: str, attempts: int = _ATTEMPTS, signature: str | None = None, read_seconds: float = _READ_SECONDS
) -> Any:
    """The client of an AWS service by botocore's name for it. Address and region come from the environment.

    ``signature`` names another version of signing than the service's usual one.
    """
    from botocore.config import Config

    return _session().create_client(
        service,
        config=Config(
            connect_timeout=min(_CONNECT_SECONDS, read_seconds),
            read_timeout=read_seconds,
            retries={"mode": "standard", "total_max_attempts": attempts},
            # Two fifths of botocore's own work in a call, for nothing: what is sent was checked where it was made, and
            # AWS looks at it anyway; and the usual long user agent is put together anew each time.
            parameter_validation=False,
            signature_version=signature,
            user_agent=_USER_AGENT,
        ),
    )


def call_again(facts: dict[str, Any]) -> None:
    """Call this very function, asynchronously, with these facts."""
    client("lambda").invoke(
        FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        InvocationType="Event",
        Payload=json.dumps(facts).encode(),
    )


@cache
def _session() -> Any:
    """botocore's, without boto3, whose resources and transfers would be a tenth of a cold start, and are not used."""
    from botocore.session import get_session

    return get_session()


def is_passing_fault(error: BaseException) -> bool:
    """True if AWS was too busy, too slow or out of reach; False for a refusal, which would come again."""
    # Nothing of botocore can have been raised while it is not loaded, and loading it here would slow a cold start.
    if not type(error).__module__.startswith("botocore"):
        return False
    from botocore import exceptions

    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return True
    if not isinstance(error, exceptions.ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response.get("Error", {}).get("Code") in _PASSING_CODES or status >= _SERVER_ERROR
