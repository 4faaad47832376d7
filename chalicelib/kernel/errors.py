"""Every refusal the API can give. A class without a status and a code cannot be defined.

    Problem
    ├── Malformed                400 malformed
    ├── IdempotencyKeyRequired   400 idempotency_key_required
    ├── Unauthenticated          401 unauthenticated
    ├── InsufficientFunds        402 insufficient_funds
    ├── SpendingLimitReached     402 spending_limit_reached
    ├── Forbidden                403 forbidden
    ├── AccountSuspended         403 account_suspended
    ├── Blocked                  403 blocked
    ├── AgeRequired              403 age_required
    ├── NotFound                 404 not_found
    ├── MethodNotAllowed         405 method_not_allowed
    ├── InvalidState             409 invalid_state
    ├── ReaderBusy               409 reader_busy
    ├── ReaderUnavailable        409 reader_unavailable
    ├── SessionOpen              409 session_open
    ├── SlotTaken                409 slot_taken
    ├── OutOfStock               409 out_of_stock
    ├── AlreadyDone              409 already_done
    ├── IdempotencyInProgress    409 idempotency_in_progress
    ├── GraceExpired             410 grace_expired
    ├── LinkExpired              410 link_expired
    ├── TooLarge                 413 too_large
    ├── Invalid                  422 invalid
    ├── IdempotencyMismatch      422 idempotency_mismatch
    ├── WalletFrozen             423 wallet_frozen
    ├── RateLimited              429 rate_limited
    ├── ProviderFailed           502 provider_failed
    └── Unavailable              503 unavailable

The ``detail`` is for a person and never holds a secret or personal data; ``code`` is for programs.
"""

from http import HTTPStatus
from typing import ClassVar

from chalicelib.kernel.time import SECOND, Millis


class Problem(Exception):
    """A refusal with an HTTP status and a stable code, rendered as RFC 9457 problem details."""

    status: ClassVar[int]
    code: ClassVar[str]
    default: ClassVar[str]

    def __init_subclass__(cls, *, status: HTTPStatus, code: str, default: str) -> None:
        cls.status, cls.code, cls.default = int(status), code, default

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.default
        super().__init__(self.detail)


class Malformed(Problem, status=HTTPStatus.BAD_REQUEST, code="malformed", default="The request is not valid JSON."):
    pass


class IdempotencyKeyRequired(
    Problem,
    status=HTTPStatus.BAD_REQUEST,
    code="idempotency_key_required",
    default="Send an Idempotency-Key header: a fresh random value for each new intent, the same one on a retry.",
):
    pass


class Unauthenticated(
    Problem, status=HTTPStatus.UNAUTHORIZED, code="unauthenticated", default="Send a valid access token."
):
    pass


class InsufficientFunds(
    Problem,
    status=HTTPStatus.PAYMENT_REQUIRED,
    code="insufficient_funds",
    default="The credit does not cover this. Top up and try again.",
):
    pass


class SpendingLimitReached(
    Problem,
    status=HTTPStatus.PAYMENT_REQUIRED,
    code="spending_limit_reached",
    default="This is more than the spending limits allow that were set at /v1/me/limits.",
):
    pass


class Forbidden(Problem, status=HTTPStatus.FORBIDDEN, code="forbidden", default="This is not yours to do."):
    pass


class AccountSuspended(
    Problem, status=HTTPStatus.FORBIDDEN, code="account_suspended", default="This account is suspended."
):
    pass


class Blocked(Problem, status=HTTPStatus.FORBIDDEN, code="blocked", default="One of you has blocked the other."):
    pass


class AgeRequired(Problem, status=HTTPStatus.FORBIDDEN, code="age_required", default="You must be 18 or older."):
    pass


class NotFound(Problem, status=HTTPStatus.NOT_FOUND, code="not_found", default="There is no such thing."):
    pass


class MethodNotAllowed(
    Problem,
    status=HTTPStatus.METHOD_NOT_ALLOWED,
    code="method_not_allowed",
    default="This address does not take that method.",
):
    pass


class InvalidState(
    Problem, status=HTTPStatus.CONFLICT, code="invalid_state", default="That cannot be done in the present state."
):
    pass


class ReaderBusy(Problem, status=HTTPStatus.CONFLICT, code="reader_busy", default="The reader is in another reading."):
    pass


class ReaderUnavailable(
    Problem,
    status=HTTPStatus.CONFLICT,
    code="reader_unavailable",
    default="The reader is offline or does not offer this.",
):
    pass


class SessionOpen(
    Problem, status=HTTPStatus.CONFLICT, code="session_open", default="You have an open reading. End it first."
):
    pass


class SlotTaken(
    Problem, status=HTTPStatus.CONFLICT, code="slot_taken", default="That time is not free. Choose another."
):
    pass


class OutOfStock(Problem, status=HTTPStatus.CONFLICT, code="out_of_stock", default="There are not so many left."):
    pass


class AlreadyDone(
    Problem, status=HTTPStatus.CONFLICT, code="already_done", default="This was done before, differently."
):
    pass


class IdempotencyInProgress(
    Problem,
    status=HTTPStatus.CONFLICT,
    code="idempotency_in_progress",
    default="The first request with this Idempotency-Key is still running. Try again in a moment.",
):
    pass


class GraceExpired(
    Problem, status=HTTPStatus.GONE, code="grace_expired", default="The time to come back is over; the reading ended."
):
    pass


class LinkExpired(Problem, status=HTTPStatus.GONE, code="link_expired", default="This link is no longer valid."):
    pass


class TooLarge(
    Problem, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large", default="The request body is too large."
):
    pass


class Invalid(
    Problem, status=HTTPStatus.UNPROCESSABLE_ENTITY, code="invalid", default="Some fields are not acceptable."
):
    """``errors`` lists ``{"field", "message"}`` for each field at fault."""

    def __init__(self, detail: str | None = None, errors: tuple[dict[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors


class IdempotencyMismatch(
    Problem,
    status=HTTPStatus.UNPROCESSABLE_ENTITY,
    code="idempotency_mismatch",
    default="This Idempotency-Key was used with another body.",
):
    pass


class WalletFrozen(
    Problem, status=HTTPStatus.LOCKED, code="wallet_frozen", default="The wallet is frozen. Contact support."
):
    pass


class RateLimited(
    Problem,
    status=HTTPStatus.TOO_MANY_REQUESTS,
    code="rate_limited",
    default="Too many requests. Wait as long as Retry-After says.",
):
    """``wait`` is how long it lasts, told as ``Retry-After``."""

    def __init__(self, detail: str | None = None, wait: Millis = 10 * SECOND) -> None:
        super().__init__(detail)
        self.wait = wait


class ProviderFailed(
    Problem,
    status=HTTPStatus.BAD_GATEWAY,
    code="provider_failed",
    default="An outside service refused or failed. Nothing was changed.",
):
    pass


class Unavailable(
    Problem,
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="unavailable",
    default="Something we depend on is out of reach. Try again in a moment.",
):
    pass
