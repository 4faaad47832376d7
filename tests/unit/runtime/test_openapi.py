"""The OpenAPI document says what the declarations imply, and is valid OpenAPI 3.1."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from chalice.app import Blueprint, Chalice
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import Field

from chalicelib.kernel.errors import InsufficientFunds, ReaderBusy
from chalicelib.runtime import openapi
from chalicelib.runtime.endpoint import Request, Text, endpoint
from chalicelib.runtime.schemas import ListQuery, Money, PageOf, Schema

ROOT = Path(__file__).parents[3]


class NewReading(Schema):
    reader: str
    modality: Literal["text", "voice"]


class Reading(Schema):
    """A reading."""

    id: str
    rate: Money


class ReadingsQuery(ListQuery):
    state: Annotated[Literal["open", "ended"], Field(description="Only these.")] | None = None


def _app() -> Chalice:
    blueprint = Blueprint("chalicelib.readings.routes")

    @endpoint(
        blueprint,
        "POST",
        "/v1/readings",
        body=NewReading,
        returns=Reading,
        status=201,
        errors=(InsufficientFunds, ReaderBusy),
        role="client",
        idempotent=True,
        tags=("readings",),
    )
    def create_reading(request: Request[NewReading, None]) -> Reading:
        """Ask a reader for a reading.

        The reader is rung.
        """
        raise NotImplementedError

    @endpoint(
        blueprint, "GET", "/v1/readings", query=ReadingsQuery, returns=PageOf[Reading], tags=("readings",), public=True
    )
    def list_readings(request: Request[None, ReadingsQuery]) -> PageOf[Reading]:
        """List readings."""
        raise NotImplementedError

    @endpoint(blueprint, "GET", "/v1/readings/{id}", returns=Reading, media_types=("text/csv",), tags=("readings",))
    def read_reading(request: Request[None, None]) -> Reading | Text:
        """Read one."""
        raise NotImplementedError

    @endpoint(blueprint, "DELETE", "/v1/readings/{id}", returns=None, tags=("readings",))
    def forget_reading(request: Request[None, None]) -> None:
        """Forget one."""

    _ = (create_reading, list_readings, read_reading, forget_reading)
    app = Chalice("tested")
    app.register_blueprint(blueprint)
    return app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(openapi.routes_of(_app().routes))


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [each for part in value.values() for each in references(part)]
        return [each for part in value for each in references(part)] if isinstance(value, list) else []

    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_a_route_says_its_body_its_answer_and_its_words(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/readings"]["post"]
    assert operation["operationId"] == "create_reading"
    assert (operation["summary"], operation["description"]) == ("Ask a reader for a reading.", "The reader is rung.")
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewReading"
    }
    assert operation["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Reading"
    }
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in operation["parameters"]


def _resolved(document: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return place


def test_a_route_lists_every_refusal_by_status_and_code(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/readings"]["post"]["responses"]
    codes = {
        status: list(_resolved(document, answer)["content"]["application/problem+json"]["examples"])
        for status, answer in responses.items()
        if status != "201"
    }
    assert codes == {
        "400": ["idempotency_key_required", "malformed"],
        "401": ["unauthenticated"],
        "402": ["insufficient_funds"],
        "403": ["account_suspended", "forbidden"],
        "409": ["idempotency_in_progress", "reader_busy"],
        "413": ["too_large"],
        "422": ["idempotency_mismatch", "invalid"],
        "429": ["rate_limited"],
        "500": ["internal"],
        "503": ["unavailable"],
    }


def test_query_and_path_parameters_are_listed(document: dict[str, Any]) -> None:
    listed = document["paths"]["/v1/readings"]["get"]["parameters"]
    assert [(each["name"], each["in"], each["required"]) for each in listed] == [
        ("limit", "query", False),
        ("cursor", "query", False),
        ("state", "query", False),
    ]
    (only,) = document["paths"]["/v1/readings/{id}"]["get"]["parameters"]
    assert (only["name"], only["in"], only["required"]) == ("id", "path", True)
    assert "ReadingsQuery" not in document["components"]["schemas"]


def test_a_route_says_whether_it_needs_a_token_and_of_which_role(document: dict[str, Any]) -> None:
    assert document["paths"]["/v1/readings"]["get"]["security"] == [{}, {"bearer": []}]
    assert document["paths"]["/v1/readings"]["post"]["security"] == [{"bearer": ["client"]}]
    assert "security" not in document["paths"]["/v1/readings/{id}"]["get"]
    assert document["security"] == [{"bearer": []}]


def test_bodies_are_closed_and_answers_may_gain_fields(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["NewReading"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Reading"]


def test_other_media_types_and_empty_answers_are_said(document: dict[str, Any]) -> None:
    methods = document["paths"]["/v1/readings/{id}"]
    assert set(methods["get"]["responses"]["200"]["content"]) == {"application/json", "text/csv"}
    assert "content" not in methods["delete"]["responses"]["204"]


def test_every_tag_of_the_api_says_what_its_routes_are_about() -> None:
    told = json.loads((ROOT / "docs" / "openapi.json").read_text())["tags"]
    assert [each["name"] for each in told if not each["description"]] == []


def test_two_routes_of_one_name_are_refused() -> None:
    routes = openapi.routes_of(_app().routes)
    with pytest.raises(ValueError, match="two routes"):
        openapi.document([*routes, *routes])


def test_a_route_without_endpoint_is_refused() -> None:
    app = _app()
    app.route("/sneaky")(dict)
    with pytest.raises(TypeError, match="/sneaky"):
        openapi.routes_of(app.routes)


def test_the_rendered_document_is_stable() -> None:
    assert openapi.rendered(openapi.routes_of(_app().routes)) == openapi.rendered(openapi.routes_of(_app().routes))


def test_a_page_is_the_json_that_the_document_tells() -> None:
    page = PageOf(items=[Money(amount=5), Money(amount=-7, currency="eur")], next_cursor='a"b')
    assert openapi.PageOf[Money].model_validate_json(page.model_dump_json(by_alias=True)).next_cursor == 'a"b'
    assert PageOf[Money](items=[], next_cursor=None).model_dump_json(by_alias=True) == '{"items":[],"next_cursor":null}'
