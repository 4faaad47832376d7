"""The declaration of a route: what ``@endpoint`` was told. It stays on the view, where ``openapi`` finds it."""

from dataclasses import dataclass
from typing import Any

from chalicelib.kernel.errors import (
    AccountSuspended,
    Forbidden,
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyMismatch,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from chalicelib.runtime import problems
from chalicelib.runtime.rates import Rate, rate_of


@dataclass(frozen=True, slots=True)
class Route:
    """What ``@endpoint`` was told about a route; see there."""

    method: str
    path: str
    name: str
    documentation: str
    tags: tuple[str, ...]
    returns: type[Any] | None
    status: int
    body: type[Any] | None
    query: type[Any] | None
    errors: tuple[type[Problem], ...]
    roles: tuple[str, ...]
    public: bool
    allow_suspended: bool
    idempotent: bool
    media_types: tuple[str, ...]

    @property
    def rate(self) -> Rate | None:
        """What a request to it draws from; None where it is not counted."""
        return rate_of(self.method, self.path, public=self.public)

    def refusals(self) -> list[type[Problem]]:
        """Every refusal the route can give: its own, and those its declaration implies; by status, then code."""
        implied: set[type[Problem]] = {RateLimited, TooLarge, Unavailable, problems.Internal}
        if not self.public:
            implied.add(Unauthenticated)
            if not self.allow_suspended:
                implied.add(AccountSuspended)
        if self.roles:
            implied.add(Forbidden)
        if "{" in self.path:
            implied.add(NotFound)
        if self.body:
            implied |= {Malformed, Invalid}
        if self.query:
            implied.add(Invalid)
        if self.idempotent:
            implied |= {IdempotencyKeyRequired, IdempotencyInProgress, IdempotencyMismatch}
        return sorted(implied | set(self.errors), key=lambda kind: (kind.status, kind.code))
