"""Health, the API's own description, and the promises."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalice.test import Client
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.kernel.settings import Rules
from chalicelib.operations.routes import trust
from chalicelib.runtime import openapi
from chalicelib.runtime.limiter import limiter
from scripts.openapi import main as export
from tests.support.environment import ENVIRONMENT


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    app.every_route()  # Chalice's client looks at once which paths there are
    # A project of its own, so that no stage's settings reach the environment.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "RATE_LIMITS": "off"}.items():
            patch.setenv(name, value)
        limiter.cache_clear()
        yield Client(app, project_dir=str(tmp_path_factory.mktemp("project")))
    limiter.cache_clear()


def test_health_needs_no_token(client: Client) -> None:
    response = client.http.get("/health")
    assert (response.status_code, response.json_body) == (200, {"status": "ok"})


def test_the_served_document_is_valid_and_describes_every_route(client: Client) -> None:
    document = json.loads(client.http.get("/openapi.json").body)
    OpenAPIV31SpecValidator(document).validate()
    assert {(path, method.upper()) for path, methods in document["paths"].items() for method in methods} == {
        (path, method) for path, methods in app.every_route().items() for method in methods
    }


def test_what_is_not_public_refuses_a_stranger(client: Client) -> None:
    for route in openapi.routes_of(app.every_route()):
        if not route.public:
            path = route.path.replace("{", "").replace("}", "")
            assert client.http.request(route.method, path).status_code == 401, f"{route.method} {route.path}"


def test_the_promises_are_the_numbers_the_program_runs_on() -> None:
    promised = trust(Rules())
    assert (promised.fee_split.reader_percent, promised.fee_split.platform_percent) == (70, 30)
    assert (promised.billing.minute_seconds, promised.billing.grace_seconds) == (60, 300)
    assert (promised.caps.topup_least.amount, promised.caps.topup_most.amount) == (500, 50_000)
    assert promised.caps.rate_raise_percent == 20
    assert (promised.guarantee.most.amount, promised.guarantee.within_hours) == (2_500, 72)


def test_the_export_notices_that_a_document_is_out_of_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "openapi.json"
    there, check = ["--out", str(document)], ["--check", "--out", str(document)]
    assert [export(check), export(there), export(check)] == [1, 0, 0]
    document.write_text(document.read_text().replace("SoulSeer", "Other"))
    assert export(check) == 1
    assert "Run: python scripts/openapi.py" in capsys.readouterr().err
