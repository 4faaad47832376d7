"""Where in a request it is counted, whom it counts for, and what the answer says, through Chalice's own test client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from chalice.app import Blueprint, Chalice
from chalice.test import HTTPResponse

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.runtime import logs
from chalicelib.runtime.endpoint import Request, endpoint, install
from chalicelib.runtime.idempotency import Answer, Intent
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.limiter import Limiter
from chalicelib.runtime.schemas import Schema
from chalicelib.runtime.tables import Contended, Operation
from tests.support.memory import MemoryTables
from tests.support.worlds import HandClock, hand_world


class Report(Schema):
    reason: str


class Done(Schema):
    done: bool = True


class Fragile(MemoryTables):
    """The table of limits can be out of reach, and no other."""

    down = False

    def write(self, *operations: Operation) -> None:
        if self.down and operations[0].table == "limits":
            raise Contended("Throttled")
        super().write(*operations)


class Door:
    """An app with routes that the table of limits names, and one more."""

    def __init__(self) -> None:
        self.tables = Fragile()
        self.world: World = hand_world(self.tables)
        self.ran: list[str] = []
        self.address = "192.0.2.7"
        app = Chalice("counted")
        app.register_blueprint(_routes(self.ran))
        counter = Limiter(self.tables, "limits", self.world.now, lambda seconds: None)
        install(
            app,
            lambda claims, admit: accounts.sign_in(self.world, claims, admit),
            verify=lambda token: Claims(token, None, None),
            once=self._once,
            counter=counter,
        )
        self._app = app

    def __call__(self, method: str, path: str, who: str | None = "ann", body: str = '{"reason": "x"}') -> HTTPResponse:
        """What API Gateway would get for this."""
        headers = {"content-type": "application/json", "idempotency-key": "1", "x-forwarded-for": "198.51.100.1"}
        if who:
            headers["authorization"] = f"Bearer {who}"
        session = {"session_id": "ses_1"} if "ses_1" in path else {}
        resource = path.replace("ses_1", "{session_id}")
        event = {
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueQueryStringParameters": None,
            "pathParameters": session,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": resource,
                "httpMethod": method,
                "requestId": "1",
                "path": path,
                "identity": {"sourceIp": self.address},
            },
            "body": body,
            "isBase64Encoded": False,
        }
        return HTTPResponse.create_from_dict(self._app(event, None))

    def forward(self, millis: int) -> None:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)

    @staticmethod
    def _once(intent: Intent, run: Callable[[], Answer], lambda_context: Any) -> Answer:
        return replace(run(), replayed=True)


def _routes(ran: list[str]) -> Blueprint:
    blueprint = Blueprint("tests.counted")

    @endpoint(blueprint, "POST", "/v1/reports", body=Report, returns=Done)
    def report(request: Request[Report, None]) -> Done:
        """Report."""
        ran.append("report")
        return Done()

    @endpoint(blueprint, "POST", "/v1/wallet/topups", body=Report, returns=Done, idempotent=True)
    def top_up(request: Request[Report, None]) -> Done:
        """Spend."""
        ran.append("top_up")
        return Done()

    @endpoint(blueprint, "POST", "/v1/sessions/{session_id}/heartbeat", returns=None)
    def beat(request: Request[None, None]) -> None:
        """Beat."""

    @endpoint(blueprint, "GET", "/docs", returns=Done, public=True)
    def read(request: Request[None, None]) -> Done:
        """Read."""
        return Done()

    @endpoint(blueprint, "GET", "/v1/me", returns=Done)
    def me(request: Request[None, None]) -> Done:
        """Me."""
        return Done()

    @endpoint(blueprint, "POST", "/v1/wallet/promo", returns=Done, role="admin")
    def promo(request: Request[None, None]) -> Done:
        """For few."""
        return Done()

    _ = (report, top_up, beat, read, me, promo)
    return blueprint


@pytest.fixture
def door() -> Iterator[Door]:
    yield Door()
    logs.unbind()


def refused(answer: HTTPResponse) -> bool:
    if answer.status_code != 429:
        return False
    assert answer.json_body["code"] == "rate_limited"
    return True


def test_an_answer_that_was_counted_says_what_is_left(door: Door) -> None:
    headers = door("POST", "/v1/reports").headers
    assert (headers["RateLimit-Policy"], headers["RateLimit"]) == ('"reports";q=5;w=60', '"reports";r=4;t=12')
    assert "Retry-After" not in headers
    shown = headers["Access-Control-Expose-Headers"]
    assert all(name in shown for name in ("RateLimit", "RateLimit-Policy", "Retry-After"))


def test_a_refusal_says_when_to_come_back_and_then_one_is_taken(door: Door) -> None:
    for _ in range(5):
        assert not refused(door("POST", "/v1/reports"))
    answer = door("POST", "/v1/reports")
    assert refused(answer)
    assert answer.headers["RateLimit"] == '"reports";r=0;t=12'
    assert answer.headers["Retry-After"] == "12"
    door.forward(12_000)
    assert not refused(door("POST", "/v1/reports"))
    assert refused(door("POST", "/v1/reports"))


def test_a_refused_request_does_nothing_and_is_no_oracle(door: Door) -> None:
    for _ in range(5):
        door("POST", "/v1/reports")
    ran = list(door.ran)
    good, bad = door("POST", "/v1/reports"), door("POST", "/v1/reports", body="{")
    assert door.ran == ran
    assert {**good.json_body, "request_id": ""} == {**bad.json_body, "request_id": ""}


def test_bad_bodies_count_and_say_so(door: Door) -> None:
    answer = door("POST", "/v1/reports", body="{")
    assert (answer.status_code, answer.headers["RateLimit"]) == (400, '"reports";r=4;t=12')
    for _ in range(4):
        door("POST", "/v1/reports", body="{}")
    assert refused(door("POST", "/v1/reports"))


def test_replays_count(door: Door) -> None:
    answers = [door("POST", "/v1/wallet/topups") for _ in range(11)]
    assert [refused(each) for each in answers] == [False] * 10 + [True]
    assert "Idempotency-Replayed" in answers[0].headers


def test_one_persons_requests_are_not_anothers(door: Door) -> None:
    for _ in range(6):
        last = door("POST", "/v1/reports")
    assert refused(last)
    assert not refused(door("POST", "/v1/reports", "bob"))


def test_who_may_not_is_told_that_and_is_not_counted(door: Door) -> None:
    for _ in range(20):
        assert door("POST", "/v1/wallet/promo").status_code == 403
    assert door("POST", "/v1/reports", None).status_code == 401


def test_a_beat_is_never_refused(door: Door) -> None:
    for _ in range(200):
        answer = door("POST", "/v1/sessions/ses_1/heartbeat")
    assert answer.status_code == 204
    assert "RateLimit" not in answer.headers


def test_public_reading_counts_by_the_address_that_the_gateway_saw(door: Door) -> None:
    for _ in range(60):
        assert not refused(door("GET", "/docs", None))
    assert refused(door("GET", "/docs", None))
    assert refused(door("GET", "/docs", "ann"))
    door.address = "192.0.2.8"
    assert not refused(door("GET", "/docs", None))


# --- new people ----------------------------------------------------------------------------------


def people(door: Door) -> int:
    return sum(1 for each in door.tables.rows["accounts"].values() if each["sk"] == "profile")


def test_an_address_makes_five_profiles_in_five_minutes_and_who_is_known_is_let_in(door: Door) -> None:
    for number in range(5):
        assert not refused(door("GET", "/v1/me", f"new{number}"))
    answer = door("GET", "/v1/me", "new5")
    assert refused(answer)
    assert answer.headers["Retry-After"] == "60"
    assert "new people" in answer.json_body["detail"]
    assert answer.headers["RateLimit-Policy"] == '"newcomers";q=5;w=300'
    assert people(door) == 5
    assert not refused(door("GET", "/v1/me", "new4"))
    door.address = "192.0.2.8"
    assert not refused(door("GET", "/v1/me", "new5"))


def test_who_is_known_asks_nothing_of_the_limit_of_newcomers(door: Door) -> None:
    door("GET", "/v1/me")
    kept = str(door.tables.rows["limits"])
    for _ in range(10):
        assert not refused(door("GET", "/v1/me"))
    assert str(door.tables.rows["limits"]) == kept


# --- when it cannot be counted -------------------------------------------------------------------


def test_when_requests_cannot_be_counted_they_are_let_through_except_where_money_is_spent(door: Door) -> None:
    door("GET", "/v1/me")
    door.tables.down = True
    answers = [door("POST", "/v1/reports") for _ in range(6)]
    assert {each.status_code for each in answers} == {200}
    assert not any("RateLimit" in each.headers for each in answers)
    assert door("GET", "/docs", None).status_code == 200
    assert door("GET", "/v1/me", "new").status_code == 200
    refusal = door("POST", "/v1/wallet/topups")
    assert (refusal.status_code, refusal.json_body["code"]) == (503, "unavailable")
    assert "top_up" not in door.ran
