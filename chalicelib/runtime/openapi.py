"""The OpenAPI 3.1 document, made of the declarations that ``@endpoint`` leaves on the views.

It is built when it is asked for, never at import, and says for each route what the declaration implies: the
security, the parameters, the answer's schema, and every refusal with its codes.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Final, Generic, get_args, get_origin

from pydantic import BaseModel

from chalicelib.kernel.errors import Invalid, Problem, RateLimited
from chalicelib.runtime import problems
from chalicelib.runtime.parsing import path_pattern
from chalicelib.runtime.route import Route
from chalicelib.runtime.schemas import PageOf as Page
from chalicelib.runtime.schemas import Schema, T

if TYPE_CHECKING:
    from chalice.app import RouteEntry

API_VERSION: Final = "1.0.0"
_SCHEMAS: Final = "#/components/schemas/"
_REFERENCES: Final = re.compile(r'"#/components/schemas/([^"]+)"')
_PATH_NAMES: Final = re.compile(r"\{(\w+)\}")
_DESCRIPTION: Final = """Live readings, paid by the minute, live streams with gifts, messages with paid replies, a
community, and a shop.

Requests carry `Authorization: Bearer …`, an access token of the sign-in service; somebody's first makes their profile.
A `POST` that creates or spends takes an `Idempotency-Key`: sent again with the same one, it does nothing twice.

Times are RFC 3339 in UTC. Money is `{"amount": 1999, "currency": "usd"}`, in minor units. Coins, and what is
priced in them, are whole numbers of coins. Lists take `limit` and `cursor` and answer `{"items": […], "next_cursor":
…}`. Every refusal is `application/problem+json` (RFC 9457) whose `code` is for programs. Every answer carries
`X-Request-Id`; one that was counted says in `RateLimit-Policy` and `RateLimit` how many more are taken, and a 429 in
`Retry-After` when."""
_TAGS: Final = {
    "accounts": "Who somebody is: profile, consents, phones, blocks, what they let themselves spend",
    "community": "Threads, posts and replies",
    "dashboards": "What days brought to a client, a reader, the platform",
    "live": "A reader's stream before many: tickets, gifts, keeping order",
    "messaging": "Conversations of a client with a reader, and replies that are paid for",
    "moderation": "Reporting something, deciding on it, appealing",
    "notifications": "The inbox, and no more mail",
    "operations": "An account as a file, or deleted; how the service is; this document",
    "payouts": "What a reader earned, and paying it out",
    "readers": "The directory, and what a reader says of themselves",
    "scheduling": "Hours, slots, bookings, calendars",
    "sessions": "A reading, from asking for it to its receipt, tip and review",
    "shop": "Products, orders, downloads",
    "wallet": "Credit and coins: buying, statement, giving back",
}
"""What the routes of a context are about."""


def routes_of(table: Mapping[str, Mapping[str, RouteEntry]]) -> list[Route]:
    """The declarations of an app's routes, by path and method. Raises TypeError for a route without ``@endpoint``."""
    found = []
    for path, methods in sorted(table.items()):
        for method, entry in sorted(methods.items()):
            route = getattr(entry.view_function, "route", None)
            if not isinstance(route, Route):
                raise TypeError(f"{method} {path} was not made by @endpoint")
            found.append(route)
    return found


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document. Raises ValueError if two routes' functions have one name, which is their operationId."""
    listed = list(routes)
    schemas, name_of = _schemas(listed)
    queries = {
        route.name: schemas.pop(name_of[(route.query, "validation")], None) or {} for route in listed if route.query
    }
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    refusals: dict[str, Any] = {}
    names: set[str] = set()
    for route in listed:
        if route.name in names:
            raise ValueError(f"two routes are named {route.name}")
        names.add(route.name)
        operation = _operation(route, name_of, queries.get(route.name, {}))
        for status, kinds in _by_status(route).items():
            name = f"{status}-" + "-".join(kind.code for kind in kinds)
            refusals.setdefault(name, _refusal(kinds, _reference(name_of[(problems.ProblemDetails, "serialization")])))
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
        paths[route.path][route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "SoulSeer", "version": API_VERSION, "description": _DESCRIPTION},
        "servers": [{"url": "./", "description": "Where this document was read."}],
        "tags": [
            {"name": tag, "description": _TAGS.get(tag, "")}
            for tag in sorted({tag for route in listed for tag in route.tags})
        ],
        "security": [{"bearer": []}],
        "paths": dict(paths),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": dict(sorted(refusals.items())),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An RS256 access token of the sign-in service.",
                }
            },
            "parameters": {"IdempotencyKey": _IDEMPOTENCY_KEY},
            "headers": _HEADERS,
        },
    }


def rendered(routes: Iterable[Route]) -> str:
    """The document as it is served and exported: stable, so that a difference is a difference of the API."""
    return json.dumps(document(routes), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class PageOf(Schema, Generic[T]):
    """One page of a list. ``next_cursor`` asks for the following one; null on the last."""

    items: list[T]
    next_cursor: str | None


def _answered(route: Route) -> type[BaseModel] | None:
    """The model of what the route answers as JSON, if it is one; of a page, the one above."""
    returns: Any = route.returns
    if get_origin(returns) is Page:
        page: Any = PageOf
        return page[get_args(returns)[0]]  # type: ignore[no-any-return] # which one, only the route knows
    return returns if isinstance(returns, type) and issubclass(returns, BaseModel) else None


def _schemas(listed: list[Route]) -> tuple[dict[str, Any], dict[tuple[Any, str], str]]:
    """Every model's schema by its name, and the name of each model in each mode."""
    from pydantic.json_schema import JsonSchemaMode, models_json_schema

    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(problems.ProblemDetails, "serialization"): None}
    for route in listed:
        for model in (route.body, route.query):
            if model is not None:
                wanted[(model, "validation")] = None
        if model := _answered(route):
            wanted[(model, "serialization")] = None
    references, definitions = models_json_schema(list(wanted), ref_template=_SCHEMAS + "{model}")
    schemas = dict(definitions.get("$defs", {}))
    name_of: dict[tuple[Any, str], str] = {
        (key[0], key[1]): reference["$ref"].removeprefix(_SCHEMAS) for key, reference in references.items()
    }
    taken_in = _reachable(schemas, [name for (_, mode), name in name_of.items() if mode == "validation"])
    for name in schemas.keys() - taken_in:
        # We refuse fields we do not know; an app must not, or no answer could ever gain one.
        schemas[name].pop("additionalProperties", None)
    return schemas, name_of


def _reachable(schemas: dict[str, Any], names: list[str]) -> set[str]:
    """The names, and every schema that one of theirs refers to."""
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            names += _REFERENCES.findall(json.dumps(schemas[name]))
    return found


def _operation(route: Route, name_of: dict[tuple[Any, str], str], query: dict[str, Any]) -> dict[str, Any]:
    summary, description = _summary(route)
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": summary,
        "tags": list(route.tags),
        "responses": {str(route.status): _answer(route, name_of)},
    }
    if description:
        operation["description"] = description
    if route.public:
        # An empty requirement beside the other: a token is welcome and not needed.
        operation["security"] = [{}, {"bearer": []}]
    elif route.roles:
        # OpenAPI 3.1: the array may list the roles of which one is needed.
        operation["security"] = [{"bearer": [role]} for role in route.roles]
    parameters = _parameters(route, query)
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        needed = any(field.is_required() for field in route.body.model_fields.values())
        operation["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": _reference(name_of[(route.body, "validation")])}},
        }
    return operation


def _parameters(route: Route, query: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{path_pattern(name)}$"},
        }
        for name in _PATH_NAMES.findall(route.path)
    ]
    required = query.get("required", [])
    for name, schema in query.get("properties", {}).items():
        listed.append({"name": name, "in": "query", "required": name in required, "schema": schema})
    if route.idempotent:
        listed.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return listed


def _answer(route: Route, name_of: dict[tuple[Any, str], str]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(route.status).phrase,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
    }
    if route.rate:
        answer["headers"] |= _RATE_HEADERS
    if route.idempotent:
        answer["headers"]["Idempotency-Replayed"] = {"$ref": "#/components/headers/IdempotencyReplayed"}
    content: dict[str, Any] = {}
    if model := _answered(route):
        content["application/json"] = {"schema": _reference(name_of[(model, "serialization")])}
    for media_type in route.media_types:
        content[media_type] = {} if media_type == "application/json" else {"schema": {"type": "string"}}
    if content:
        answer["content"] = content
    return answer


def _by_status(route: Route) -> dict[int, list[type[Problem]]]:
    found: dict[int, list[type[Problem]]] = defaultdict(list)
    for kind in route.refusals():
        found[kind.status].append(kind)
    return found


def _refusal(kinds: list[type[Problem]], details: dict[str, str]) -> dict[str, Any]:
    """The refusals of one status as one answer. Many routes share it, so it stands among the components."""
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if any("Retry-After" in problems.headers(kind()) for kind in kinds):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if RateLimited in kinds:
        headers |= _RATE_HEADERS
    return {
        "description": " ".join(f"`{kind.code}`: {kind.default}" for kind in kinds),
        "headers": headers,
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"allOf": [details, {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}]},
                "examples": {kind.code: {"value": _example(kind)} for kind in kinds},
            }
        },
    }


def _example(kind: type[Problem]) -> dict[str, Any]:
    shown = Invalid(errors=({"field": "amount", "message": "Field required"},))
    problem = shown if kind is Invalid else kind()
    return problems.details(problem, "8f1c2d3e-0000-4000-8000-000000000000").model_dump(exclude_none=True)


def _reference(name: str) -> dict[str, str]:
    return {"$ref": _SCHEMAS + name}


def _summary(route: Route) -> tuple[str, str]:
    summary, _, description = cleandoc(route.documentation).partition("\n")
    return summary, description.strip()


_IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A fresh random value for each new intent, the same one on a retry. Kept 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_RATE_HEADERS: Final = {
    "RateLimit-Policy": {"$ref": "#/components/headers/RateLimitPolicy"},
    "RateLimit": {"$ref": "#/components/headers/RateLimit"},
}
_HEADERS: Final[dict[str, Any]] = {
    "RequestId": {"description": "Names this request in our logs.", "schema": {"type": "string"}},
    "RateLimitPolicy": {
        "description": "The limit that the request draws from: `q` requests at once, and as many in each `w` seconds.",
        "schema": {"type": "string"},
        "example": '"messages";q=10;w=60',
    },
    "RateLimit": {
        "description": "What is left of it: `r` requests, and one more in `t` seconds.",
        "schema": {"type": "string"},
        "example": '"messages";r=9;t=6',
    },
    "RetryAfter": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}},
    "IdempotencyReplayed": {
        "description": "`true` if this is the answer of an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
