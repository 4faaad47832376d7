"""What every route does before and after its function, through Chalice's own test client."""

import base64
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pytest
from chalice.app import Blueprint, Chalice
from chalice.test import Client, HTTPResponse
from pydantic import AfterValidator, Field

from chalicelib.kernel.errors import InsufficientFunds, NotFound, Unauthenticated, WalletFrozen
from chalicelib.runtime.endpoint import Request, Text, endpoint, install
from chalicelib.runtime.idempotency import Answer, Intent
from chalicelib.runtime.identity import Admit, Caller, Claims, Keys, Verifier, Verify
from chalicelib.runtime.limiter import Limiter
from chalicelib.runtime.schemas import ListQuery, Money, Schema
from chalicelib.runtime.tables import Contended
from tests.support.emf import taken
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON

Lines = Callable[[], list[dict[str, Any]]]
SECRETS = ["ada@example.com", "eyJ"]


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("Give an even number.")
    return number


class Purchase(Schema):
    amount: Annotated[int, Field(ge=1, le=1_000)]
    kind: Literal["text", "voice"] = "text"
    even: Annotated[int, AfterValidator(_even)] = 0
    zone: ZoneInfo | None = None
    note: Annotated[str, Field(max_length=10)] | None = None
    share: float = 0.5


class Optional(Schema):
    reason: str | None = None


class Receipt(Schema):
    id: str
    paid: Money
    note: str | None = None


class Seen(Schema):
    caller: str | None
    path: dict[str, str]
    query: dict[str, Any]
    accept: str = ""


class RememberedOnce:
    """``Once`` in memory: what the integration test holds Powertools to."""

    def __init__(self) -> None:
        self.kept: dict[Intent, Answer] = {}

    def __call__(self, intent: Intent, run: Callable[[], Answer], lambda_context: Any) -> Answer:
        assert lambda_context.get_remaining_time_in_millis() > 0
        if intent in self.kept:
            kept = self.kept[intent]
            return Answer(kept.status, kept.body, replayed=True)
        self.kept[intent] = run()
        return self.kept[intent]


def _sign_in(claims: Claims, admit: Admit) -> Caller:
    role = claims.subject.partition("|")[0]
    suspended = claims.subject.endswith("suspended")
    return Caller(f"usr_{claims.subject.partition('|')[2]}", role, "Ada", suspended)  # type: ignore[arg-type]


def _verify(token: str) -> Claims:
    if token == "bad":
        raise Unauthenticated
    return Claims(token, "ada@example.com", "Ada")


def _routes(blueprint: Blueprint, runs: list[str]) -> None:
    @endpoint(blueprint, "POST", "/v1/purchases", body=Purchase, returns=Receipt, status=201, role="client")
    def buy(request: Request[Purchase, None]) -> Receipt:
        """Buy."""
        return Receipt(id="pur_1", paid=Money(amount=request.body.amount))

    @endpoint(blueprint, "POST", "/v1/things/{id}/spend", body=Purchase, returns=Receipt, status=201, idempotent=True)
    def spend(request: Request[Purchase, None]) -> Receipt:
        """Spend."""
        runs.append(request.idempotency_key)
        if request.body.amount == 402:
            raise InsufficientFunds
        return Receipt(id=request.derived_id("pur"), paid=Money(amount=request.body.amount))

    @endpoint(blueprint, "GET", "/v1/things", query=ListQuery, returns=Seen, role=("reader", "admin"))
    def things(request: Request[None, ListQuery]) -> Seen:
        """List."""
        return Seen(caller=request.caller.id, path=request.path, query=request.query.model_dump())

    @endpoint(blueprint, "GET", "/v1/things/{id}", returns=Seen, public=True)
    def thing(request: Request[None, None]) -> Seen:
        """Read."""
        caller = request.identify()
        return Seen(caller=caller.id if caller else None, path=request.path, query={}, accept=request.accept)

    @endpoint(blueprint, "GET", "/v1/mine", returns=Seen, public=True)
    def mine(request: Request[None, None]) -> Seen:
        """Needs a caller after all."""
        return Seen(caller=request.caller.id, path={}, query={})

    @endpoint(blueprint, "POST", "/v1/leave", body=Optional, returns=None, allow_suspended=True)
    def leave(request: Request[Optional, None]) -> None:
        """Leave."""

    @endpoint(blueprint, "GET", "/v1/statement", returns=Text, media_types=("text/csv",))
    def statement(request: Request[None, None]) -> Text:
        """Read."""
        return Text("a,b\n", "text/csv", {"Content-Disposition": "attachment"})

    @endpoint(blueprint, "POST", "/v1/fails/{how}", returns=None)
    def fails(request: Request[None, None]) -> None:
        """Fail."""
        raise {
            "bug": ValueError("ada@example.com sent eyJ"),
            "storage": Contended("ThrottlingException"),
            "missing": NotFound(),
            "frozen": WalletFrozen("Frozen by a dispute."),
        }[request.path["how"]]

    _ = (buy, spend, things, thing, mine, leave, statement, fails)


@pytest.fixture
def runs() -> list[str]:
    return []


@pytest.fixture
def client(runs: list[str]) -> Client:
    return _client(_verify, runs)


def _client(verify: Verify, runs: list[str]) -> Client:
    blueprint = Blueprint("tests.routes")
    _routes(blueprint, runs)
    app = Chalice("tested")
    app.register_blueprint(blueprint)
    counter = Limiter(MemoryTables(), "limits", lambda: NOON, lambda seconds: None)
    install(app, _sign_in, verify=verify, once=RememberedOnce(), counter=counter)
    return Client(app)


def send(
    client: Client,
    method: str,
    path: str,
    body: Any = b"",
    who: str | None = "client|1",
    **headers: str,
) -> HTTPResponse:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if who is not None:
        sent["Authorization"] = f"Bearer {who}"
    raw = body if isinstance(body, bytes | str) else json.dumps(body).encode()
    return client.http.request(method, path, headers=sent, body=raw)  # type: ignore[arg-type]


def code(response: HTTPResponse) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json_body
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert problem["status"] == response.status_code
    assert problem["request_id"] == response.headers["X-Request-Id"]
    return response.status_code, problem["code"]


def fields(response: HTTPResponse) -> list[str]:
    assert code(response) == (422, "invalid")
    return [each["field"] for each in response.json_body["errors"]]


def test_an_answer_is_json_of_its_schema(client: Client) -> None:
    response = send(client, "POST", "/v1/purchases", {"amount": 5})
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    assert response.json_body == {"id": "pur_1", "paid": {"amount": 5, "currency": "usd"}, "note": None}


@pytest.mark.parametrize("path", ["/v1/things/a", "/v1/fails/bug", "/v1/purchases"])
@pytest.mark.parametrize("who", ["client|1", None])
def test_every_answer_has_its_headers(client: Client, path: str, who: str | None) -> None:
    for method in ("GET", "POST"):
        headers = send(client, method, path, who=who).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "Idempotency-Key" in headers["Access-Control-Allow-Headers"]
        assert headers["X-Request-Id"]


def test_an_answer_that_is_text_keeps_its_type_and_headers(client: Client) -> None:
    response = send(client, "GET", "/v1/statement")
    assert (response.body, response.headers["Content-Type"]) == (b"a,b\n", "text/csv")
    assert response.headers["Content-Disposition"] == "attachment"


def test_an_answer_of_nothing_is_204(client: Client) -> None:
    response = send(client, "POST", "/v1/leave")
    assert (response.status_code, response.body) == (204, b"")


def test_without_a_token_only_public_routes_answer(client: Client) -> None:
    assert code(send(client, "POST", "/v1/purchases", {"amount": 5}, who=None)) == (401, "unauthenticated")
    assert send(client, "POST", "/v1/purchases", who=None).headers["WWW-Authenticate"] == "Bearer"
    assert send(client, "GET", "/v1/things/a", who=None).json_body["caller"] is None
    assert code(send(client, "GET", "/v1/mine", who=None)) == (401, "unauthenticated")


def test_a_public_route_knows_who_asks_and_refuses_a_bad_token(client: Client) -> None:
    assert send(client, "GET", "/v1/things/a").json_body["caller"] == "usr_1"
    assert code(send(client, "GET", "/v1/things/a", who="bad")) == (401, "unauthenticated")


def test_a_real_token_opens_the_door_and_an_issuer_out_of_reach_is_503(issuer: Any) -> None:
    def client() -> Client:
        return _client(Verifier(issuer.url, issuer.audience, Keys(issuer.jwks_url)), [])

    issuer.status = 500
    assert code(send(client(), "GET", "/v1/mine", who=issuer.token(sub="client|1"))) == (503, "unavailable")
    issuer.status = 200
    assert send(client(), "GET", "/v1/mine", who=issuer.token(sub="client|1")).json_body["caller"] == "usr_1"
    assert code(send(client(), "GET", "/v1/mine", who=issuer.token(exp=1))) == (401, "unauthenticated")


def test_a_role_is_required_exactly(client: Client) -> None:
    assert code(send(client, "POST", "/v1/purchases", {"amount": 5}, who="reader|1")) == (403, "forbidden")
    assert send(client, "GET", "/v1/things", who="reader|1").status_code == 200
    assert send(client, "GET", "/v1/things", who="admin|1").status_code == 200
    assert code(send(client, "GET", "/v1/things", who="client|1")) == (403, "forbidden")


def test_a_suspended_person_is_refused_except_where_the_route_says_otherwise(client: Client) -> None:
    for path in ("/v1/things/a", "/v1/mine", "/v1/statement"):
        assert code(send(client, "GET", path, who="client|suspended")) == (403, "account_suspended")
    assert send(client, "POST", "/v1/leave", who="client|suspended").status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"amount": 5, "share": -Infinity}',
        b'{"amount": 1, "amount": 2}',
        b'{"amount": 5, "note": "\xff"}',
        b'{"amount": 5, "note": "\\ud800"}',
        b'{"amount": 9007199254740992}',
        b'{"amount": ' + b"9" * 5_000 + b"}",
        b'{"amount": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'\xef\xbb\xbf{"amount": 5}',
        '{"amount": 5}'.encode("utf-16"),
        b'{"amount": 5}}',
    ],
)
def test_what_is_not_json_that_everybody_reads_alike_is_malformed(client: Client, body: bytes) -> None:
    assert code(send(client, "POST", "/v1/purchases", body)) == (400, "malformed")


def test_a_lone_surrogate_in_the_event_is_malformed(client: Client) -> None:
    assert code(send(client, "POST", "/v1/purchases", '{"amount": 5, "note": "\ud800"}')) == (400, "malformed")


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"', b"true"])
def test_json_that_is_no_object_is_invalid(client: Client, body: bytes) -> None:
    assert code(send(client, "POST", "/v1/purchases", body)) == (422, "invalid")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("APPLICATION/JSON", 201),
        ("application/merge-patch+json", 201),
        ("text/plain", 400),
        ("application/x-www-form-urlencoded", 400),
        ("application/octet-stream", 400),
    ],
)
def test_a_body_is_sent_as_json(client: Client, content_type: str, status: int) -> None:
    assert send(client, "POST", "/v1/purchases", {"amount": 5}, content_type=content_type).status_code == status


def test_a_body_in_base64_is_read(client: Client) -> None:
    response = _event(client, base64.b64encode(b'{"amount": 5}').decode(), encoded=True)
    assert response["statusCode"] == 201


def test_base64_that_is_none_is_malformed(client: Client) -> None:
    assert _event(client, "é", encoded=True)["statusCode"] == 400


def _event(client: Client, body: str, *, encoded: bool) -> dict[str, Any]:
    class Context:
        aws_request_id = "r1"

    event = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/v1/purchases", "requestId": "gateway-1"},
        "headers": {"Authorization": "Bearer client|1"},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": encoded,
    }
    answer: dict[str, Any] = client._app(event, Context())
    assert answer["headers"]["X-Request-Id"] == "gateway-1"
    return answer


@pytest.mark.parametrize("path", ["/v1/purchases", "/v1/leave", "/v1/fails/missing"])
def test_a_body_beyond_64_kib_is_too_large(client: Client, path: str) -> None:
    assert code(send(client, "POST", path, b" " * (64 * 1024 + 1))) == (413, "too_large")


def test_an_empty_body_will_do_where_every_field_is_optional(client: Client) -> None:
    assert send(client, "POST", "/v1/leave", b"").status_code == 204
    assert send(client, "POST", "/v1/leave", b"{}").status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": "5"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 5.0}, "amount"),
        ({"amount": 5.5}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": 1_001}, "amount"),
        ({"amount": 5, "kind": "video"}, "kind"),
        ({"amount": 5, "even": 3}, "even"),
        ({"amount": 5, "zone": "Nowhere/ada@example.com"}, "zone"),
        ({"amount": 5, "note": "ada@example.com"}, "note"),
        ({"amount": 5, "surprise": "ada@example.com"}, "surprise"),
        ({"amount": 5, "ada@example.com": 1}, "?"),
        ({"amount": 5, "x" * 100: 1}, "?"),
    ],
)
def test_each_field_at_fault_is_named_and_its_value_never_repeated(client: Client, body: Any, field: str) -> None:
    response = send(client, "POST", "/v1/purchases", body)
    assert fields(response) == [field]
    assert not any(each.encode() in response.body for each in [*SECRETS, "Nowhere"])


def test_our_own_validators_speak_in_their_own_words(client: Client) -> None:
    response = send(client, "POST", "/v1/purchases", {"amount": 5, "even": 3})
    assert response.json_body["errors"] == [{"field": "even", "message": "Give an even number."}]


def test_at_most_20_fields_are_listed(client: Client) -> None:
    assert len(fields(send(client, "POST", "/v1/purchases", {f"f{number}": 1 for number in range(500)}))) == 20


def test_query_values_are_read_and_have_defaults(client: Client) -> None:
    assert send(client, "GET", "/v1/things?limit=7", who="reader|1").json_body["query"] == {"limit": 7, "cursor": None}
    assert send(client, "GET", "/v1/things", who="reader|1").json_body["query"]["limit"] == 20


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=" + "9" * 5_000, "limit"),
        ("limit=1&limit=2", "limit"),
        ("surprise=1", "surprise"),
        ("cursor=" + "x" * 2_000, "cursor"),
    ],
)
def test_a_query_value_at_fault_is_named(client: Client, query: str, field: str) -> None:
    assert fields(send(client, "GET", f"/v1/things?{query}", who="reader|1")) == [field]


def test_a_query_where_none_is_declared_is_ignored(client: Client) -> None:
    assert send(client, "GET", "/v1/things/a?utm=1&utm=2").status_code == 200


@pytest.mark.parametrize("value", ["x" * 65, "a.b", "a%20b", "é", "ses_1'--", "%00", "{id}", "a%2Fb", "\ud800"])
def test_a_path_that_names_nothing_of_ours_is_404(client: Client, value: str) -> None:
    assert code(send(client, "GET", f"/v1/things/{value}")) == (404, "not_found")


def test_another_method_is_405_with_the_methods_that_will_do(client: Client) -> None:
    response = send(client, "DELETE", "/v1/purchases")
    assert code(response) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("how", "expected"),
    [("bug", (500, "internal")), ("storage", (503, "unavailable")), ("missing", (404, "not_found"))],
)
def test_whatever_is_raised_becomes_problem_details(client: Client, how: str, expected: tuple[int, str]) -> None:
    response = send(client, "POST", f"/v1/fails/{how}")
    assert code(response) == expected
    assert b"Traceback" not in response.body
    assert b"ValueError" not in response.body
    assert not any(each.encode() in response.body for each in SECRETS)


def test_a_passing_fault_says_when_to_try_again(client: Client) -> None:
    assert int(send(client, "POST", "/v1/fails/storage").headers["Retry-After"]) > 0


def test_a_refusal_keeps_its_own_detail(client: Client) -> None:
    assert send(client, "POST", "/v1/fails/frozen").json_body["detail"] == "Frozen by a dispute."


def test_one_access_line_a_request_without_anything_that_was_sent(client: Client, lines: Lines) -> None:
    send(client, "POST", "/v1/purchases", {"amount": 5, "note": "eyJ"}, user_agent="ada@example.com")
    (line,) = lines()
    line.pop("at")
    assert line.pop("duration_ms") >= 0
    assert line.pop("request_id")
    assert line == {
        "level": "info",
        "event": "request",
        "method": "POST",
        "route": "/v1/purchases",
        "status": 201,
        "caller": "usr_1",
    }


def test_the_access_line_names_the_template_and_the_code_never_the_values(client: Client, lines: Lines) -> None:
    send(client, "GET", "/v1/things/ses_77?cursor=eyJ")
    send(client, "GET", "/v1/things?cursor=eyJ&limit=x", who="reader|1")
    first, second = lines()
    assert first["route"] == "/v1/things/{id}"
    assert (second["status"], second["code"]) == (422, "invalid")
    assert "ses_77" not in json.dumps([first, second])
    assert "eyJ" not in json.dumps([first, second])


def test_a_bug_is_logged_with_its_type_and_stack_and_not_its_message(client: Client, lines: Lines) -> None:
    send(client, "POST", "/v1/fails/bug")
    bug, access = lines()
    assert (bug["event"], bug["error"], bug["request_id"]) == ("unhandled", "ValueError", access["request_id"])
    assert bug["stack"][-1].endswith(" fails")
    assert not any(each in json.dumps(bug) for each in SECRETS)


def test_one_request_leaves_nothing_of_its_caller_for_the_next(client: Client, lines: Lines) -> None:
    send(client, "GET", "/v1/mine", who="client|1")
    send(client, "GET", "/v1/things/a", who=None)
    send(client, "GET", "/v1/mine", who=None)
    assert [line.get("caller") for line in lines()] == ["usr_1", None, None]


@pytest.mark.parametrize("key", [None, "", "x" * 256, "a b", "é", "\x00"])
def test_a_route_that_spends_needs_a_proper_key(client: Client, runs: list[str], key: str | None) -> None:
    headers = {} if key is None else {"Idempotency_Key": key}
    response = send(client, "POST", "/v1/things/a/spend", {"amount": 5}, **headers)
    assert code(response) == (400, "idempotency_key_required")
    assert runs == []


def test_a_key_of_255_visible_characters_will_do(client: Client) -> None:
    assert send(client, "POST", "/v1/things/a/spend", {"amount": 5}, Idempotency_Key="~" * 255).status_code == 201


def test_a_retry_gets_the_first_answer_again(client: Client, runs: list[str]) -> None:
    first = send(client, "POST", "/v1/things/a/spend", {"amount": 5, "kind": "text"}, Idempotency_Key="k")
    again = send(client, "POST", "/v1/things/a/spend", b'{"kind":"text",  "amount":5}', Idempotency_Key="k")
    assert (again.status_code, again.body) == (first.status_code, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert runs == ["k"]


def test_what_is_measured_of_a_request_is_one_line_after_its_own_and_most_have_none(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    def measures() -> dict[str, list[float]]:
        return taken(lambda: capsys.readouterr().out)

    send(client, "POST", "/v1/things/a/spend", {"amount": 5}, Idempotency_Key="k")
    assert "_aws" not in capsys.readouterr().out
    send(client, "POST", "/v1/things/a/spend", {"amount": 5}, Idempotency_Key="k")
    assert measures() == {"IdempotencyReplays": [1]}
    assert code(send(client, "POST", "/v1/fails/frozen")) == (423, "wallet_frozen")
    assert measures() == {"WalletFrozen": [1]}


def test_a_key_belongs_to_one_person_and_one_route_with_its_path(client: Client, runs: list[str]) -> None:
    ids = {
        send(client, "POST", f"/v1/things/{thing}/spend", {"amount": 5}, who=who, Idempotency_Key="k").json_body["id"]
        for thing, who in [("a", "client|1"), ("b", "client|1"), ("a", "client|2")]
    }
    assert len(ids) == 3
    assert len(runs) == 3


def test_a_body_that_is_refused_does_not_use_up_its_key(client: Client, runs: list[str]) -> None:
    assert fields(send(client, "POST", "/v1/things/a/spend", {"amount": "5"}, Idempotency_Key="k")) == ["amount"]
    assert send(client, "POST", "/v1/things/a/spend", {"amount": 5}, Idempotency_Key="k").status_code == 201


def test_an_idempotent_route_cannot_be_public() -> None:
    with pytest.raises(ValueError, match="signed-in"):
        endpoint(Blueprint("x.routes"), "POST", "/v1/x", returns=None, public=True, idempotent=True)


def test_an_id_is_only_derived_where_a_key_is_required(client: Client) -> None:
    request: Request[None, None] = Request(
        body=None,
        query=None,
        path={},
        request_id="r",
        route="POST /x",
        idempotency_key="",
        accept="*/*",
        base_url=lambda known: known or "",
        identify=lambda: Caller("usr_1", "client", "Ada"),
    )
    with pytest.raises(RuntimeError):
        request.derived_id("ses")
