"""AWS clients, one a service, kept while the function's environment lives.

Bounded: a second to connect, three to read, three attempts in all, so that a request ends with an answer of ours
before API Gateway gives up on it (29 s).
"""

from functools import cache
from typing import Any, Final

_CONNECT_SECONDS: Final = 1
_READ_SECONDS: Final = 3
_ATTEMPTS: Final = 3

_PASSING_CODES: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_SERVER_ERROR: Final = 500


@cache
def client(service: str, attempts: int = _ATTEMPTS) -> Any:
    """The client of an AWS service by botocore's name for it. Address and region come from the environment."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,  # type: ignore[call-overload]  # the stubs know every name; here it is a variable
        config=Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
        ),
    )


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
