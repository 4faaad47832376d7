"""The manners of ``/v1``: keys, form bodies, idempotency, expansion, versions, error envelopes.

Idempotency is Stripe's: a POST that took effect, or that a bank refused, is kept under its ``Idempotency-Key``
and answered again word for word with ``Idempotent-Replayed: true``; another request under the same key is a 400
``idempotency_error``; one that is still running is a 409. A request that was wrong in itself is not kept; one that was
carried out and refused (by a bank, for want of balance, as refunded already) is: it needs a new key to be tried again.
Keys, and what they opened, are apart for each account of ``Stripe-Account``.
"""

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Final

from infra.local.store import Thing, new_id
from infra.local.stripe import balance, charges, checkout, coupons, refunds
from infra.local.stripe.context import API_VERSION, Context, Resource
from infra.local.stripe.control import Fault, Faults
from infra.local.stripe.errors import StripeError, invalid, lost_account
from infra.local.stripe.events import CURRENT_REQUEST
from infra.local.stripe.forms import Params, decoded
from infra.local.web import LostAnswer, Request, Response

_ANSWER: Final = "_answer"
"""The kind under which answers are kept, with what their key was first used for."""
_LONGEST_KEY: Final = 255
_DEEPEST_EXPANSION: Final = 4
_MOST_EXPANSIONS: Final = 20
_FOR_ACCOUNTS: Final = re.compile(r"/v1/(balance|balance_transactions|charges|events|payouts)(/.*)?")
"""What a connected account has of its own here."""
_INCLUDED: Final = {
    (checkout.KIND, "line_items"): checkout.line_items,
    (charges.KIND, "refunds"): refunds.of_charge,
    (coupons.KIND, "applies_to"): coupons.applies_to,
}
"""Properties that are there only when they are asked for."""
_AS_OF_NOW: Final = {
    balance.KIND: balance.as_of_now,
    coupons.KIND: coupons.as_of_now,
    coupons.CODE: coupons.code_as_of_now,
}
"""What depends on the moment at which it is shown."""


class Api:
    """Answers requests under ``/v1``."""

    def __init__(self, context: Context, resources: Sequence[Resource], faults: Faults) -> None:
        self._context = context
        self._resources = [(method, re.compile(f"/v1{pattern}"), act) for method, pattern, act in resources]
        self._faults = faults
        self._running: set[str] = set()
        self._running_lock = Lock()

    def answer(self, request: Request) -> Response:
        headers = {
            "content-type": "application/json",
            "request-id": new_id("req"),
            "stripe-version": request.headers.get("stripe-version", API_VERSION),
        }
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key:
            headers["idempotency-key"] = key
        fault = self._faults.strike(request.path)
        try:
            _check_fault(fault)
            _check_key(request)
            context = self._for_account(request)
            status, body, replayed = self._once(context, key, request, headers["request-id"])
        except StripeError as refusal:
            status, body, replayed = refusal.status, json.dumps({"error": refusal.error}), False
        if fault and not fault.status:
            raise LostAnswer
        if replayed:
            headers["idempotent-replayed"] = "true"
        return Response(status, body.encode(), headers)

    def _for_account(self, request: Request) -> Context:
        """The context of the account that ``Stripe-Account`` names. Raises StripeError."""
        account = request.headers.get("stripe-account", "")
        if not account:
            return self._context
        if self._context.store.get("account", account) is None:
            raise lost_account(account)
        if not _FOR_ACCOUNTS.fullmatch(request.path):
            raise StripeError(400, f"The local Stripe keeps no such thing for a connected account: {request.path}")
        return replace(self._context, account=account)

    def _once(self, context: Context, key: str | None, request: Request, request_id: str) -> tuple[int, str, bool]:
        """Status, body, and whether they are those of an earlier request. Raises StripeError."""
        values = decoded(request.body.decode(errors="replace") if request.method == "POST" else request.query)
        if not key:
            return *self._carried_out(context, request, values, request_id), False
        if len(key) > _LONGEST_KEY:
            raise StripeError(400, f"Idempotency keys are at most {_LONGEST_KEY} characters.", kind="idempotency_error")
        fingerprint = f"{request.path} {hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()}"
        place = f"{_ANSWER} {context.account} {key}" if context.account else f"{_ANSWER} {key}"
        self._begin(place, key)
        try:
            with self._context.store.transaction():
                kept = self._context.store.get(_ANSWER, place)
                if kept:
                    _check_same(kept["request"], fingerprint, key)
                    return kept["status"], kept["body"], True
                status, body = self._carried_out(context, request, values, request_id, key)
                answer = {"request": fingerprint, "status": status, "body": body}
                self._context.store.put({"id": place, "object": _ANSWER} | answer)
                return status, body, False
        finally:
            self._end(place)

    def _carried_out(
        self, context: Context, request: Request, values: dict[str, Any], request_id: str, key: str | None = None
    ) -> tuple[int, str]:
        expansions = values.pop("expand", None) or []
        if not isinstance(expansions, list) or len(expansions) > _MOST_EXPANSIONS:
            raise invalid("expand", "Invalid array: expand")
        token = CURRENT_REQUEST.set({"id": request_id, "idempotency_key": key})
        try:
            with self._context.store.transaction():
                try:
                    thing = self._act(context, request, Params(values))
                except StripeError as refusal:
                    if not refusal.kept:
                        raise
                    # It is an outcome: the failed charge that it may have left behind stays.
                    return refusal.status, json.dumps({"error": refusal.error})
                for path in expansions:
                    thing = self._expanded(thing, str(path).split("."), str(path))
                return 200, json.dumps(thing, indent=2)
        finally:
            CURRENT_REQUEST.reset(token)

    def _act(self, context: Context, request: Request, params: Params) -> Thing:
        for method, pattern, act in self._resources:
            found = pattern.fullmatch(request.path)
            if found and method == request.method:
                return act(context, params, **found.groupdict())
        raise StripeError(
            404,
            f"Unrecognized request URL ({request.method}: {request.path}). The local Stripe has no such resource.",
        )

    def _expanded(self, thing: Any, steps: list[str], path: str) -> Any:
        """The thing with the id at the end of ``steps`` replaced by what it names."""
        if not steps:
            return thing
        if len(steps) > _DEEPEST_EXPANSION + 1:
            raise invalid("expand", f"You cannot expand more than {_DEEPEST_EXPANSION} levels of a property.")
        if isinstance(thing, list):
            return [self._expanded(each, steps, path) for each in thing]
        if thing is None:
            return None
        name, rest = steps[0], steps[1:]
        if include := _INCLUDED.get((thing.get("object"), name)):
            thing = thing | {name: include(self._context, Params({}), thing["id"])}
        if name not in thing:
            raise invalid("expand[0]", f"This property cannot be expanded ({path}).")
        value = thing[name]
        if isinstance(value, str):
            value = self._context.store.any(value)
            if value is None:
                raise invalid("expand[0]", f"This property cannot be expanded ({path}).")
            if as_of_now := _AS_OF_NOW.get(value["object"]):
                value = as_of_now(self._context, value)
        return thing | {name: self._expanded(value, rest, path)}

    def _begin(self, place: str, key: str) -> None:
        with self._running_lock:
            if place in self._running:
                raise StripeError(
                    409,
                    "There is currently another in-progress request using this Idempotency Key "
                    "(that probably means you submitted twice, and the other request is still going through): "
                    f"{key}. Please try again later.",
                    kind="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._running.add(place)

    def _end(self, place: str) -> None:
        with self._running_lock:
            self._running.discard(place)


def _check_fault(fault: Fault | None) -> None:
    if fault and fault.status:
        raise StripeError(fault.status, "An unexpected error occurred.", kind="api_error")


def _check_same(kept: str, fingerprint: str, key: str) -> None:
    if kept == fingerprint:
        return
    first = kept.split(" ")[0]
    same = "endpoint" if first != fingerprint.split(" ")[0] else "parameters"
    raise StripeError(
        400,
        f"Keys for idempotent requests can only be used with the same {same} they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
        kind="idempotency_error",
    )


def _check_key(request: Request) -> None:
    """Any test key opens the account; nothing else does."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            given = base64.b64decode(given).decode().partition(":")[0]
    if not given:
        raise StripeError(401, "You did not provide an API key.")
    if not re.fullmatch(r"sk_test_[A-Za-z0-9_]+", given):
        raise StripeError(401, f"Invalid API Key provided: {given[:8]}{'*' * 8}")
