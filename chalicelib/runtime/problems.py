"""Refusals as RFC 9457 problem details, and what becomes of every exception that leaves a view.

Problem of the kernel          itself
storage too busy or too slow   503 unavailable, Retry-After
anything else                  500 internal, logged with its type and stack; the answer says neither
"""

from http import HTTPStatus
from typing import Final

from chalicelib.kernel.errors import IdempotencyInProgress, Invalid, Problem, RateLimited, Unauthenticated, Unavailable
from chalicelib.kernel.time import SECOND, ceil_div
from chalicelib.runtime.aws import is_passing_fault
from chalicelib.runtime.logs import log
from chalicelib.runtime.schemas import Schema
from chalicelib.runtime.tables import Contended

MEDIA_TYPE: Final = "application/problem+json"

_MOST_CAUSES: Final = 5
_RETRY_AFTER_SECONDS: Final[dict[type[Problem], int]] = {IdempotencyInProgress: 1, Unavailable: 2}


class Internal(
    Problem,
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    code="internal",
    default="Something went wrong on our side. It was recorded under this request_id.",
):
    """A bug. Nobody raises it: it is what is answered when something else was raised."""


class FieldError(Schema):
    """One field that is not acceptable, and why. Never the value that was sent."""

    field: str
    message: str


class ProblemDetails(Schema):
    """RFC 9457 problem details. ``code`` is for programs and never changes; ``detail`` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] | None = None


def problem_for(error: Exception) -> Problem:
    """The refusal to answer with. A bug is logged here, once."""
    if isinstance(error, Problem):
        return error
    if _is_storage_fault(error):
        log.warning("storage_fault", error=type(error).__name__)
        return Unavailable()
    log.exception("unhandled", error)
    return Internal()


def details(problem: Problem, request_id: str) -> ProblemDetails:
    """The body of the answer."""
    errors = [FieldError(**each) for each in problem.errors] if isinstance(problem, Invalid) else []
    return ProblemDetails(
        type=problem_type(problem.code),
        title=title(problem.code),
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        request_id=request_id,
        errors=errors or None,
    )


def headers(problem: Problem) -> dict[str, str]:
    """The headers of the answer: when to try again, or how to sign in."""
    rendered = {"Content-Type": MEDIA_TYPE}
    for kind, seconds in _RETRY_AFTER_SECONDS.items():
        if isinstance(problem, kind):
            rendered["Retry-After"] = str(seconds)
    if isinstance(problem, RateLimited):
        rendered["Retry-After"] = str(max(1, ceil_div(problem.wait, SECOND)))
    if isinstance(problem, Unauthenticated):
        rendered["WWW-Authenticate"] = "Bearer"
    return rendered


def problem_type(code: str) -> str:
    """The URI that names the kind of problem; it is a name, not an address."""
    return f"urn:soulseer:problem:{code}"


def title(code: str) -> str:
    """``insufficient_funds`` as ``Insufficient funds``: the same words for every occurrence."""
    return code.replace("_", " ").capitalize()


def _is_storage_fault(error: BaseException) -> bool:
    """Whether this, or what it wraps, is a fault of AWS that passes. PynamoDB keeps the original in ``cause``."""
    seen: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if seen is None:
            return False
        if isinstance(seen, Contended) or is_passing_fault(seen):
            return True
        wrapped = getattr(seen, "cause", None)
        seen = wrapped if isinstance(wrapped, BaseException) else seen.__cause__
    return False
