import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.phone import Api, Phone, Refused, Unreachable
from infra.local.waiting import TookTooLong, until
from infra.local.web import LostAnswer, Request, Response, Server, json_response

PATH = "/v1/sessions/ses_1"


class Backend:
    """An API that answers as a test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Response] = lambda _: json_response(200, {})
        self._server = Server("backend", self._respond)
        self.url = self._server.url

    def __enter__(self) -> "Backend":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]

    def _respond(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answer(request)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as started:
        yield started


def problem(status: int, code: str) -> Response:
    return json_response(status, {"code": code}, content_type="application/problem+json", retry_after="0.01")


def session(state: str, **more: Any) -> dict[str, Any]:
    return {"id": "ses_1", "state": state, "next_beat_seconds": 0.05} | more


def media(seconds: float) -> dict[str, str]:
    return {"expires_at": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}


def in_turn(*answers: Response | LostAnswer) -> Callable[[Request], Response]:
    left = list(answers)

    def answer(_: Request) -> Response:
        following = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(following, LostAnswer):
            raise following
        return following

    return answer


@pytest.mark.parametrize(
    "first", [problem(503, "unavailable"), problem(429, "rate_limited"), problem(409, "idempotency_in_progress")]
)
def test_an_intent_is_repeated_with_its_key_while_the_answer_is_later(backend: Backend, first: Response) -> None:
    backend.answer = in_turn(first, first, json_response(201, {"id": "top_1"}))
    assert Api(backend.url).post("/v1/wallet/topups", {"amount": 500}) == {"id": "top_1"}
    keys = {request.headers["idempotency-key"] for request in backend.asked}
    assert (len(backend.asked), len(keys)) == (3, 1)


def test_an_intent_whose_answer_was_lost_is_repeated_with_its_key(backend: Backend) -> None:
    backend.answer = in_turn(LostAnswer(), json_response(201, {"id": "top_1"}))
    assert Api(backend.url).post("/v1/wallet/topups", {"amount": 500}) == {"id": "top_1"}
    assert len({request.headers["idempotency-key"] for request in backend.asked}) == 1


def test_two_intents_have_two_keys(backend: Backend) -> None:
    api = Api(backend.url)
    api.post("/v1/wallet/topups", {"amount": 500})
    api.post("/v1/wallet/topups", {"amount": 500})
    assert len({request.headers["idempotency-key"] for request in backend.asked}) == 2


def test_a_refusal_is_not_repeated(backend: Backend) -> None:
    backend.answer = in_turn(problem(402, "insufficient_funds"))
    with pytest.raises(Refused, match="402 insufficient_funds") as refused:
        Api(backend.url).post("/v1/sessions", {})
    assert refused.value.code == "insufficient_funds"
    assert len(backend.asked) == 1


def test_a_request_carries_the_persons_token(backend: Backend) -> None:
    Api(backend.url, "abc").get("/v1/me")
    Api(backend.url).get("/health")
    assert [request.headers.get("authorization") for request in backend.asked] == ["Bearer abc", None]


def test_without_network_nothing_leaves_the_phone(backend: Backend) -> None:
    phone = Phone(Api(backend.url))
    phone.lose_network()
    with pytest.raises(Unreachable):
        phone.api.send("GET", "/v1/me")
    assert backend.asked == []


def joined(backend: Backend, answer: Callable[[Request], Response], *, stays: bool = False, lease: float = 60) -> Phone:
    backend.answer = lambda request: (
        json_response(200, {"session": session("active"), "media": media(lease)})
        if request.path == f"{PATH}/join"
        else answer(request)
    )
    phone = Phone(Api(backend.url), stays=stays, session=session("waiting"))
    phone.join()
    return phone


def test_it_beats_from_joining_until_it_hangs_up(backend: Backend) -> None:
    phone = joined(backend, lambda _: json_response(200, session("active")))
    until("three beats", lambda: backend.paths().count(f"{PATH}/heartbeat") >= 3, seconds=5, every=0.01)
    phone.hang_up()
    asked = len(backend.asked)
    assert backend.paths() == [f"{PATH}/join"] + [f"{PATH}/heartbeat"] * (asked - 1)


def test_a_beat_that_fails_is_followed_by_the_next(backend: Backend) -> None:
    phone = joined(backend, in_turn(LostAnswer(), problem(503, "unavailable"), json_response(200, session("paused"))))
    until("a beat that was answered", lambda: phone.state == "paused", seconds=5, every=0.01)
    phone.hang_up()


@pytest.mark.parametrize("stays", [True, False])
def test_only_the_phone_that_stayed_asks_back_in_by_itself(backend: Backend, stays: bool) -> None:
    def answer(request: Request) -> Response:
        if request.path == f"{PATH}/reconnect":
            return json_response(200, {"session": session("reconnecting"), "media": media(60)})
        return json_response(200, session("paused"))

    phone = joined(backend, answer, stays=stays)
    until("three beats", lambda: backend.paths().count(f"{PATH}/heartbeat") >= 3, seconds=5, every=0.01)
    phone.hang_up()
    assert (f"{PATH}/reconnect" in backend.paths()) is stays


def test_a_lease_that_ends_soon_is_renewed(backend: Backend) -> None:
    def answer(request: Request) -> Response:
        if request.path == f"{PATH}/token":
            return json_response(200, {"session": session("active"), "media": media(60)})
        return json_response(200, session("active"))

    phone = joined(backend, answer, lease=0.05)
    until("a renewal", lambda: f"{PATH}/token" in backend.paths(), seconds=5, every=0.01)
    until("two more beats", lambda: backend.paths().count(f"{PATH}/heartbeat") >= 3, seconds=5, every=0.01)
    phone.hang_up()
    assert backend.paths().count(f"{PATH}/token") == 1


def test_a_reading_that_is_over_is_looked_at_once_more_and_beats_stop(backend: Backend) -> None:
    def answer(request: Request) -> Response:
        if request.method == "GET":
            return json_response(200, session("finalized"))
        return problem(409, "invalid_state")

    phone = joined(backend, answer)
    until("the end being seen", lambda: phone.state == "finalized", seconds=5, every=0.01)
    assert backend.paths() == [f"{PATH}/join", f"{PATH}/heartbeat", PATH]
    phone.hang_up()


def test_a_body_is_json_and_raw_content_goes_as_it_is(backend: Backend) -> None:
    api = Api(backend.url)
    api.send("POST", "/x", {"amount": 1})
    api.send("POST", "/x", content=b"{")
    assert (json.loads(backend.asked[0].body), backend.asked[1].body) == ({"amount": 1}, b"{")


def test_a_wait_ends_with_what_it_waited_for() -> None:
    with pytest.raises(TookTooLong, match="did not see: the moon"):
        until("the moon", lambda: None, seconds=0.02, every=0.01)
    answers = iter([None, False, 0])
    assert until("an answer", lambda: next(answers), seconds=5, every=0) == 0
