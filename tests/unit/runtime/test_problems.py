"""Which refusal an exception becomes."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from chalicelib.kernel.errors import Invalid, NotFound, RateLimited, Unavailable
from chalicelib.runtime.problems import Internal, details, headers, problem_for
from chalicelib.runtime.tables import Contended

Lines = Callable[[], list[dict[str, Any]]]


def _aws(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutItem")  # type: ignore[typeddict-item]


def _wrapped(error: Exception) -> Exception:
    outer = RuntimeError("wrapped")
    outer.__cause__ = error
    return outer


class _LikePynamoError(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__("Failed to put item")
        self.cause = cause


@pytest.mark.parametrize(
    "error",
    [
        Contended("TransactionConflictException"),
        _aws("ThrottlingException"),
        _aws("ProvisionedThroughputExceededException"),
        _aws("InternalServerError", 500),
        _aws("ServiceUnavailable", 503),
        EndpointConnectionError(endpoint_url="x"),
        ConnectTimeoutError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
        _wrapped(_aws("ThrottlingException")),
        _LikePynamoError(_aws("RequestLimitExceeded")),
    ],
)
def test_a_fault_of_storage_that_passes_is_503(error: Exception) -> None:
    problem = problem_for(error)
    assert isinstance(problem, Unavailable)
    assert "Retry-After" in headers(problem)


@pytest.mark.parametrize(("wait", "told"), [(0, "1"), (1_000, "1"), (1_001, "2"), (3_600_000, "3600")])
def test_what_comes_too_often_is_told_when_to_come_back_and_never_too_soon(wait: int, told: str) -> None:
    assert headers(RateLimited(wait=wait))["Retry-After"] == told


@pytest.mark.parametrize("error", [_aws("AccessDeniedException"), _aws("ValidationException"), KeyError("x")])
def test_what_would_fail_again_is_500_and_logged(error: Exception, lines: Lines) -> None:
    assert isinstance(problem_for(error), Internal)
    assert [line["event"] for line in lines()] == ["unhandled"]


def test_a_refusal_is_itself_and_not_logged_as_a_fault(lines: Lines) -> None:
    problem = NotFound("There is no such session.")
    assert problem_for(problem) is problem
    assert lines() == []


def test_a_chain_of_causes_that_turns_on_itself_ends() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert isinstance(problem_for(first), Internal)


def test_details_have_the_members_of_rfc_9457_and_ours() -> None:
    problem = Invalid(errors=({"field": "amount", "message": "Field required"},))
    assert details(problem, "r1").model_dump(exclude_none=True) == {
        "type": "urn:soulseer:problem:invalid",
        "title": "Invalid",
        "status": 422,
        "detail": "Some fields are not acceptable.",
        "code": "invalid",
        "request_id": "r1",
        "errors": [{"field": "amount", "message": "Field required"}],
    }
