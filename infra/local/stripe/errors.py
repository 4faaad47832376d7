"""Stripe's refusals, in Stripe's envelope: ``{"error": {"type", "code", "message", "param", …}}``."""

from typing import Any

from infra.local.stripe.cards import Failure


class StripeError(Exception):
    """``kept``: it is the outcome of a request that was carried out, so its idempotency key answers with it again.
    What was wrong with the request itself is found before that, and uses up no key.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kept = kept
        named = {"code": code, "message": message, "param": param, "type": kind} | more
        self.error = {name: value for name, value in named.items() if value is not None}
        if code:
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"


def missing(param: str) -> StripeError:
    return StripeError(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def empty(param: str) -> StripeError:
    """As Stripe says where something is made: there is nothing yet that an empty text could take away."""
    return StripeError(
        400,
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset.",
        code="parameter_invalid_empty",
        param=param,
    )


def unknown(param: str) -> StripeError:
    return StripeError(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def invalid(param: str, message: str, code: str | None = None) -> StripeError:
    return StripeError(400, message, code=code, param=param)


def no_such(kind: str, given: str, param: str = "id") -> StripeError:
    return StripeError(404, f"No such {kind}: '{given}'", code="resource_missing", param=param)


def card_error(failure: Failure, **more: Any) -> StripeError:
    """The bank's refusal: an outcome, so its key keeps it. ``more``: the objects that Stripe puts in the error."""
    return StripeError(
        402,
        failure.message,
        kind="card_error",
        code=failure.code,
        decline_code=failure.decline_code,
        kept=True,
        **more,
    )


def lost_account(account: str) -> StripeError:
    """As Stripe says of an account that is not connected, or not any more."""
    return StripeError(
        403,
        f"The provided key does not have access to account '{account}' (or that account does not exist). "
        "Application access may have been revoked.",
        code="account_invalid",
    )
