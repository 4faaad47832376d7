"""``@endpoint``: the one way a function becomes a route of the API.

    @endpoint(blueprint, "POST", "/v1/sessions", body=NewSession, returns=Session, status=201,
              errors=(InsufficientFunds, ReaderBusy), role="client", idempotent=True)
    def create_session(request: Request[NewSession, None]) -> Session:
        \"\"\"Ask a reader for a reading.\"\"\"
        return render(service.create(world(), request.caller, …))

A request goes through, in this order: who asks (401, 403 suspended, 403 role), how often (429), the path's ids (404),
the query (422), the body (413, 400, 422), the Idempotency-Key (400, 409, 422), and only then the function. Whatever is
raised becomes problem details here, because Chalice's middleware does not see what a view raises. The declaration
stays on the view, where ``openapi`` finds it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

from chalice.app import Blueprint, Chalice, CORSConfig, Response
from chalice.app import Request as ChaliceRequest
from pydantic import BaseModel

from chalicelib.kernel.errors import (
    AccountSuspended,
    Forbidden,
    IdempotencyKeyRequired,
    Malformed,
    MethodNotAllowed,
    Problem,
    RateLimited,
    TooLarge,
    Unauthenticated,
)
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.roles import Role
from chalicelib.runtime import logs, metrics, parsing, problems
from chalicelib.runtime.idempotency import Answer, Intent, Once, digest, powertools_once
from chalicelib.runtime.identity import Caller, SignIn, Verify, bearer, verifier
from chalicelib.runtime.limiter import POLICY, SERVICE, Limiter, limiter, told
from chalicelib.runtime.rates import NEWCOMERS, Rate
from chalicelib.runtime.route import Route
from chalicelib.runtime.schemas import PageOf

B = TypeVar("B")
Q = TypeVar("Q")
R = TypeVar("R")

REQUEST_ID: Final = "X-Request-Id"
REPLAYED: Final = "Idempotency-Replayed"
_JSON: Final = "application/json"
_MANY_NEW: Final = "Too many new people come from this address. Wait as long as Retry-After says."

# No cookies are used, so any origin may call; a token has to be sent on purpose.
_CORS: Final = CORSConfig(
    allow_origin="*",
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
    expose_headers=[REQUEST_ID, REPLAYED, "Retry-After", POLICY, SERVICE, "Content-Disposition", "Link"],
    max_age=600,
)
_EVERY_ANSWER: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is not JSON of a schema: CSV, HTML, a document. ``headers`` are added to the answer's."""

    content: str
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request(Generic[B, Q]):
    """A checked request. ``body`` and ``query`` are None on a route that declares none."""

    body: B
    query: Q
    path: dict[str, str]
    """Values of the path's templates, each an id or a slug by its characters."""
    request_id: str
    route: str
    """The method and the path as it was called: ``POST /v1/sessions/ses_01/tip``."""
    idempotency_key: str
    """Empty on a route that is not idempotent."""
    accept: str
    """The Accept header, or ``*/*``."""
    base_url: Callable[[str | None], str]
    """Where the caller finds the API, ending before ``/v1``; the argument is ``Settings.api_url``."""
    identify: Callable[[], Caller | None]
    """The caller, or None without a token. Raises Unauthenticated for a token that is not valid."""

    @property
    def caller(self) -> Caller:
        """Who asks. Raises Unauthenticated on a public route that was called without a token."""
        caller = self.identify()
        if caller is None:
            raise Unauthenticated
        return caller

    def derived_id(self, prefix: str) -> str:
        """The id of what this request creates: the same whenever this caller repeats this route with this key."""
        if not self.idempotency_key:
            raise RuntimeError(f"{self.route} derives an id and is not idempotent")
        return derived_id(prefix, self.caller.id, self.route, self.idempotency_key)


# None is in it for the routes that answer nothing; a route that declares an answer and gives none is a bug, and 500.
Handler = Callable[[Request[B, Q]], R | Text | None]


def endpoint(
    blueprint: Blueprint,
    method: str,
    path: str,
    *,
    returns: type[R] | None,
    body: type[B] | None = None,
    query: type[Q] | None = None,
    status: int = 200,
    errors: tuple[type[Problem], ...] = (),
    role: Role | tuple[Role, ...] | None = None,
    public: bool = False,
    allow_suspended: bool = False,
    idempotent: bool = False,
    media_types: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
) -> Callable[[Handler[B, Q, R]], Handler[B, Q, R]]:
    """Make a function the answer to ``method path``; summary and description are its docstring.

    ``role`` None lets every signed-in person in; ``public`` needs no token. ``returns`` None answers 204.
    ``media_types`` are what it may answer as ``Text`` instead. ``errors`` are the refusals of its own: those that
    the declaration implies (401, 403 by role, 404 of a path, 413, 422 …) go without saying.
    """
    if idempotent and public:
        raise ValueError(f"{method} {path}: an Idempotency-Key belongs to a signed-in person")

    def decorate(function: Handler[B, Q, R]) -> Handler[B, Q, R]:
        route = Route(
            method=method,
            path=path,
            name=function.__name__,
            documentation=function.__doc__ or "",
            tags=tags or (function.__module__.split(".")[-2],),
            returns=returns,
            status=status if returns is not None else HTTPStatus.NO_CONTENT.value,
            body=body,
            query=query,
            errors=errors,
            roles=(role,) if isinstance(role, str) else role or (),
            public=public,
            allow_suspended=allow_suspended,
            idempotent=idempotent,
            media_types=media_types,
        )
        # Without content types Chalice lets every body through to us; its own refusal would not be ours.
        blueprint.route(path, methods=[method], cors=_CORS, content_types=[])(View(route, function))
        return function

    return decorate


def install(
    app: Chalice,
    sign_in: SignIn,
    *,
    verify: Verify | None = None,
    once: Once | None = None,
    counter: Limiter | None = None,
) -> None:
    """Give the app its identity, its limits, its headers, its access log and its fallback for what is no route.

    ``sign_in`` finds or makes the caller of verified claims. ``verify``, ``once`` and ``counter`` are those of the
    settings unless given.
    """

    def around(request: ChaliceRequest, get_response: Callable[[ChaliceRequest], Response]) -> Response:
        started = time.monotonic()
        exchange = _Exchange(request, _request_id(request), sign_in, verify, once, counter)
        logs.unbind()
        logs.bind(request_id=exchange.request_id)
        _exchange.set(exchange)
        response = _ours(get_response(request), exchange.request_id)
        response.headers = {
            **_EVERY_ANSWER,
            **_CORS.get_access_control_headers(),
            REQUEST_ID: exchange.request_id,
            **response.headers,
            **exchange.told,
        }
        logs.log.info(
            "request",
            method=request.method,
            route=request.path,
            status=response.status_code,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
        metrics.flush()
        return response

    app.register_middleware(around, "http")


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request on its way through: what ``install`` hands to the view."""

    request: ChaliceRequest
    request_id: str
    sign_in: SignIn
    verify: Verify | None
    once: Once | None
    counter: Limiter | None
    told: dict[str, str] = field(default_factory=dict)
    """Headers that say what is left of the limit."""


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class View:
    """What Chalice calls for a route."""

    def __init__(self, route: Route, function: Handler[Any, Any, Any]) -> None:
        self.route = route
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self._function = function

    def __call__(self, **path: str) -> Response:
        """Answer the current request; never raises."""
        exchange = _exchange.get()
        try:
            return self._answer(exchange, path)
        except Exception as error:  # noqa: BLE001 - the last stop: whatever it is becomes problem details
            return _refusal(problems.problem_for(error), exchange.request_id)

    def _answer(self, exchange: _Exchange, path: dict[str, str]) -> Response:
        route = self.route
        sent = exchange.request
        identify = cache(lambda: _identified(exchange, allow_suspended=route.allow_suspended))
        if not route.public:
            _authorise(identify(), route)
        if rate := route.rate:
            _count(exchange, rate, identify)
        values = parsing.path_of(path)
        query = parsing.query_of(route.query, _parameters(sent)) if route.query else None
        raw = _raw_body(sent)
        body = parsing.body_of(route.body, raw, sent.headers.get("content-type")) if route.body else None
        request: Request[Any, Any] = Request(
            body=body,
            query=query,
            path=values,
            request_id=exchange.request_id,
            route=f"{route.method} {route.path.format(**values)}",
            idempotency_key=_idempotency_key(sent) if route.idempotent else "",
            accept=sent.headers.get("accept") or "*/*",
            base_url=lambda known: _base_url(known, sent, values),
            identify=identify,
        )
        if not route.idempotent:
            return self._run(request)
        intent = Intent(request.caller.id, request.route, request.idempotency_key, _digest(raw if body else b"", sent))
        once = exchange.once or powertools_once()
        answer = once(intent, lambda: self._run_once(request), sent.lambda_context)
        replayed = {REPLAYED: "true"} if answer.replayed else {}
        if answer.replayed:
            metrics.add(IdempotencyReplays=1)
        return Response(answer.body, {"Content-Type": _JSON, **replayed}, answer.status)

    def _run_once(self, request: Request[Any, Any]) -> Answer:
        response = self._run(request)
        return Answer(response.status_code, response.body)

    def _run(self, request: Request[Any, Any]) -> Response:
        answer = self._function(request)
        if isinstance(answer, Text):
            return Response(answer.content, {"Content-Type": answer.media_type, **answer.headers}, self.route.status)
        if isinstance(answer, BaseModel | PageOf):
            return Response(answer.model_dump_json(by_alias=True), {"Content-Type": _JSON}, self.route.status)
        if self.route.returns is not None:
            raise TypeError(f"{request.route} answered {type(answer).__name__}")
        return Response("", {}, self.route.status)


def _identified(exchange: _Exchange, *, allow_suspended: bool) -> Caller | None:
    header = exchange.request.headers.get("authorization")
    if header is None:
        return None
    verify = exchange.verify or verifier()
    caller = exchange.sign_in(verify(bearer(header)), lambda: _count(exchange, NEWCOMERS))
    logs.bind(caller=caller.id)
    if caller.suspended and not allow_suspended:
        raise AccountSuspended
    return caller


def _count(exchange: _Exchange, rate: Rate, identify: Callable[[], Caller | None] = lambda: None) -> None:
    """Count this request. Raises RateLimited, and Unavailable where it cannot be counted and spends money."""
    counter = exchange.counter or limiter()
    if counter is None:
        return
    caller = identify() if rate.of == "user" else None
    drawn = counter.draw(rate, caller.id if caller else _address(exchange.request))
    if drawn is None:
        return
    exchange.told.update(told(rate.bucket, drawn))
    if drawn.level is None:
        logs.bind(kind=rate.bucket.name)
        raise RateLimited(_MANY_NEW if rate is NEWCOMERS else None, drawn.wait)


def _address(sent: ChaliceRequest) -> str:
    """Where the request comes from, as the gateway saw it. A header says what somebody wrote into it."""
    return str((sent.context.get("identity") or {}).get("sourceIp"))


def _authorise(caller: Caller | None, route: Route) -> None:
    if caller is None:
        raise Unauthenticated
    if route.roles and caller.role not in route.roles:
        raise Forbidden(f"This is for {' and '.join(f'{role}s' for role in route.roles)}.")


def _idempotency_key(sent: ChaliceRequest) -> str:
    key: str = sent.headers.get("idempotency-key") or ""
    if not parsing.is_idempotency_key(key):
        raise IdempotencyKeyRequired
    return key


def _digest(raw: bytes, sent: ChaliceRequest) -> str:
    return digest({"body": parsing.well_formed(raw) if raw.strip() else None, "query": _parameters(sent)})


def _parameters(sent: ChaliceRequest) -> dict[str, list[str]]:
    parameters = sent.query_params
    return {name: parameters.getlist(name) for name in parameters} if parameters else {}


def _raw_body(sent: ChaliceRequest) -> bytes:
    """The body's bytes. Raises TooLarge, on a route without a body too, and Malformed for what is no text."""
    try:
        raw = sent.raw_body
    except ValueError:
        raise Malformed from None
    if len(raw) > parsing.LARGEST_BODY:
        raise TooLarge
    return raw if isinstance(raw, bytes) else raw.encode()


def _request_id(sent: ChaliceRequest) -> str:
    given = sent.context.get("requestId") or getattr(sent.lambda_context, "aws_request_id", None)
    return str(given or uuid.uuid4())


def _base_url(known: str | None, sent: ChaliceRequest, values: dict[str, str]) -> str:
    """The address that is known, or the one that the caller used: the gateway's own has the stage in its path, a
    domain of one's own has not.
    """
    context = sent.context
    if known:
        return known.format(api=context.get("apiId"), stage=context.get("stage"))
    path = str(context.get("path") or sent.path)
    return f"https://{sent.headers.get('host')}{path.removesuffix(sent.path.format(**values))}"


def _refusal(problem: Problem, request_id: str) -> Response:
    logs.bind(code=problem.code)
    metrics.refused(problem.code)
    body = problems.details(problem, request_id).model_dump_json(exclude_none=True)
    return Response(body, {**problems.headers(problem)}, problem.status)


def _ours(response: Response, request_id: str) -> Response:
    """The response, or ours in place of one that Chalice made by itself: no such method, or a fault of its own."""
    made_by_view = response.status_code < HTTPStatus.BAD_REQUEST or (
        response.headers.get("Content-Type") == problems.MEDIA_TYPE
    )
    if made_by_view:
        return response
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal = _refusal(MethodNotAllowed(), request_id)
        refusal.headers["Allow"] = response.headers["Allow"]
        return refusal
    return _refusal(problems.Internal(), request_id)
