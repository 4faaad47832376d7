"""What a path answers does not depend on what was asked for before, and nobody waits for routes of others."""

import fnmatch
import sys
from types import ModuleType
from typing import Any

import pytest
from chalice.app import Blueprint

from app import app as product
from chalicelib.runtime.parts import App


def part(monkeypatch: pytest.MonkeyPatch, name: str, *routes: tuple[str, str]) -> None:
    """Make a module of these routes, each of which answers its module's name."""
    module: Any = ModuleType(name)
    module.blueprint = Blueprint(name)
    for number, (method, path) in enumerate(routes):
        module.blueprint.route(path, methods=[method], name=f"{name}_{number}")(lambda **_: {"part": name})
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> App:
    part(monkeypatch, "part_of_doors", ("GET", "/v1/doors"), ("POST", "/v1/doors/{door}/open"))
    part(monkeypatch, "part_of_locks", ("POST", "/v1/doors"), ("GET", "/v1/locks"))
    part(monkeypatch, "part_of_bells", ("GET", "/v1/doorsteps"), ("GET", "/v1/doorsteps/{step}"))
    part(monkeypatch, "part_of_mats", ("GET", "/v1/doorsteps/mat"))
    paths = {
        "part_of_doors": ("/v1/doors", "/v1/doors/*"),
        "part_of_locks": ("/v1/doors", "/v1/locks"),
        "part_of_bells": ("/v1/doorsteps*",),
        "part_of_mats": ("/v1/doorsteps/mat",),
    }
    return App("doors", paths)


def answered(app: App, method: str, resource: str) -> dict[str, Any]:
    """The app's answer to API Gateway."""
    event = {
        "requestContext": {"httpMethod": method, "resourcePath": resource},
        "headers": {},
        "pathParameters": {"door": "front"},
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = app(event, None)
    return answer


@pytest.mark.parametrize(
    ("method", "path", "whose"),
    [
        ("GET", "/v1/doors", "part_of_doors"),
        ("POST", "/v1/doors", "part_of_locks"),
        ("POST", "/v1/doors/{door}/open", "part_of_doors"),
        ("GET", "/v1/doorsteps", "part_of_bells"),
        ("GET", "/v1/doorsteps/mat", "part_of_mats"),
    ],
)
def test_the_first_request_to_a_path_is_answered_by_whichever_part_has_it(
    made: App, method: str, path: str, whose: str
) -> None:
    for _ in range(2):
        answer = answered(made, method, path)
        assert (answer["statusCode"], answer["body"]) == (200, f'{{"part":"{whose}"}}')


def test_a_refused_method_tells_of_those_of_every_part(made: App) -> None:
    answer = answered(made, "DELETE", "/v1/doors")
    assert (answer["statusCode"], set(answer["headers"]["Allow"].split(", "))) == (405, {"GET", "POST"})


def test_only_the_parts_of_the_path_are_read(made: App) -> None:
    made.read("/v1/locks")
    assert set(made.routes) == {"/v1/doors", "/v1/locks"}
    made.read("/v1/doorsteps/mat")
    assert set(made.routes) == {"/v1/doors", "/v1/locks", "/v1/doorsteps/mat"}
    made.read("/v1/doorsteps")
    assert set(made.routes) == {"/v1/doors", "/v1/locks", "/v1/doorsteps/mat", "/v1/doorsteps", "/v1/doorsteps/{step}"}


def test_every_route_is_there_once_whatever_was_read_before(made: App) -> None:
    made.read("/v1/locks")
    expected = {
        "/v1/doors": {"GET", "POST"},
        "/v1/doors/{door}/open": {"POST"},
        "/v1/locks": {"GET"},
        "/v1/doorsteps": {"GET"},
        "/v1/doorsteps/{step}": {"GET"},
        "/v1/doorsteps/mat": {"GET"},
    }
    for _ in range(2):
        assert {path: set(methods) for path, methods in made.every_route().items()} == expected


def test_each_route_of_the_product_is_found_by_the_paths_that_its_module_is_said_to_have() -> None:
    routes = product.every_route()
    lost = [
        f"{method} {path} of {entry.view_function.__module__}"
        for path, methods in routes.items()
        for method, entry in methods.items()
        if entry.view_function.__module__ not in product.parts_of(path)
    ]
    assert lost == [], "app.py does not say so"
    idle = [told for paths in product.parts.values() for told in paths if not fnmatch.filter(routes, told)]
    assert idle == [], "no such path is left"
