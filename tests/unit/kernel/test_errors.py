"""Every refusal has a status and a code of its own."""

import pytest

from chalicelib.kernel import errors
from chalicelib.kernel.errors import Invalid, Problem

# Product §3 and the API's list of codes.
SAID = {
    "Malformed": (400, "malformed"),
    "IdempotencyKeyRequired": (400, "idempotency_key_required"),
    "Unauthenticated": (401, "unauthenticated"),
    "InsufficientFunds": (402, "insufficient_funds"),
    "Forbidden": (403, "forbidden"),
    "AccountSuspended": (403, "account_suspended"),
    "AgeRequired": (403, "age_required"),
    "NotFound": (404, "not_found"),
    "InvalidState": (409, "invalid_state"),
    "ReaderBusy": (409, "reader_busy"),
    "ReaderUnavailable": (409, "reader_unavailable"),
    "SessionOpen": (409, "session_open"),
    "AlreadyDone": (409, "already_done"),
    "IdempotencyInProgress": (409, "idempotency_in_progress"),
    "GraceExpired": (410, "grace_expired"),
    "LinkExpired": (410, "link_expired"),
    "TooLarge": (413, "too_large"),
    "Invalid": (422, "invalid"),
    "IdempotencyMismatch": (422, "idempotency_mismatch"),
    "WalletFrozen": (423, "wallet_frozen"),
    "RateLimited": (429, "rate_limited"),
    "ProviderFailed": (502, "provider_failed"),
    "Unavailable": (503, "unavailable"),
}


@pytest.mark.parametrize(("name", "said"), SAID.items())
def test_a_refusal_has_its_status_and_code(name: str, said: tuple[int, str]) -> None:
    problem = getattr(errors, name)
    assert (problem.status, problem.code) == said


def test_no_two_refusals_share_a_code() -> None:
    codes = [getattr(errors, name).code for name in SAID]
    assert len(codes) == len(set(codes))


def test_a_refusal_without_status_and_code_cannot_be_defined() -> None:
    with pytest.raises(TypeError):
        type("Nameless", (Problem,), {})


def test_a_refusal_says_something_even_when_told_nothing() -> None:
    for name in SAID:
        assert getattr(errors, name)().detail
    assert Invalid("No.", ({"field": "a", "message": "b"},)).errors == ({"field": "a", "message": "b"},)
