import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.gateways.agora import build_lease
from infra.local.agora.context import Account
from infra.local.agora.device import ChannelRefused, Device
from infra.local.agora.server import AgoraServer
from infra.local.phone import Api, Phone, Refused, Unreachable
from infra.local.waiting import TookTooLong, until
from infra.local.web import LostAnswer, Request, Response, Server, json_response

PATH = "/v1/sessions/ses_1"
SOON = 30.0
"""Seconds, on the busiest machine."""
APP, CERTIFICATE = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


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
    return {"id": "ses_1", "state": state, "modality": "voice", "next_beat_seconds": 0.05} | more


def media(seconds: float, channel: str = "ses_1-0") -> dict[str, Any]:
    """A lease as the API gives it to a client, with a token that opens the channel for five minutes."""
    now = datetime.now(UTC)
    ends = int((now.timestamp() + 300) * 1000)
    lease = build_lease(APP, CERTIFICATE, channel=channel, uid=1, user="usr_1", expires_at=ends, publisher=True)
    return {
        "app_id": APP,
        "channel": channel,
        "uid": 1,
        "rtc_token": lease.rtc_token,
        "expires_at": (now + timedelta(seconds=seconds)).isoformat(),
    }


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
    until("three beats", lambda: backend.paths().count(f"{PATH}/heartbeat") >= 3, seconds=SOON, every=0.01)
    phone.hang_up()
    asked = len(backend.asked)
    assert backend.paths() == [f"{PATH}/join"] + [f"{PATH}/heartbeat"] * (asked - 1)


def test_a_beat_that_fails_is_followed_by_the_next(backend: Backend) -> None:
    phone = joined(backend, in_turn(LostAnswer(), problem(503, "unavailable"), json_response(200, session("paused"))))
    until("a beat that was answered", lambda: phone.state == "paused", seconds=SOON, every=0.01)
    phone.hang_up()


@pytest.mark.parametrize("stays", [True, False])
def test_only_the_phone_that_stayed_asks_back_in_by_itself(backend: Backend, stays: bool) -> None:
    def answer(request: Request) -> Response:
        if request.path == f"{PATH}/reconnect":
            return json_response(200, {"session": session("reconnecting"), "media": media(60)})
        return json_response(200, session("paused"))

    phone = joined(backend, answer, stays=stays)
    until("three beats", lambda: backend.paths().count(f"{PATH}/heartbeat") >= 3, seconds=SOON, every=0.01)
    phone.hang_up()
    assert (f"{PATH}/reconnect" in backend.paths()) is stays


def test_a_lease_that_ends_soon_is_renewed(backend: Backend) -> None:
    def answer(request: Request) -> Response:
        if request.path == f"{PATH}/token":
            return json_response(200, {"session": session("active"), "media": media(60)})
        return json_response(200, session("active"))

    phone = joined(backend, answer, lease=0.05)
    until("a renewal", lambda: f"{PATH}/token" in backend.paths(), seconds=SOON, every=0.01)
    until("two more beats", lambda: backend.paths().count(f"{PATH}/heartbeat") >= 3, seconds=SOON, every=0.01)
    phone.hang_up()
    assert backend.paths().count(f"{PATH}/token") == 1


def test_a_reading_that_is_over_is_looked_at_once_more_and_beats_stop(backend: Backend) -> None:
    def answer(request: Request) -> Response:
        if request.method == "GET":
            return json_response(200, session("finalized"))
        return problem(409, "invalid_state")

    phone = joined(backend, answer)
    until("the end being seen", lambda: phone.state == "finalized", seconds=SOON, every=0.01)
    assert backend.paths() == [f"{PATH}/join", f"{PATH}/heartbeat", PATH]
    phone.hang_up()


@pytest.fixture
def agora() -> Iterator[AgoraServer]:
    with AgoraServer() as server:
        server.open_account(Account(APP, CERTIFICATE, "customer", "secret"))
        yield server


def talking(backend: Backend, agora: AgoraServer, **more: Any) -> Phone:
    """A phone with a device, joined to a voice reading that pauses when its app leaves; then it has a new channel."""

    def answer(request: Request) -> Response:
        channel, state = ("ses_1-1", "reconnecting") if request.path == f"{PATH}/reconnect" else ("ses_1-0", "active")
        if request.path == f"{PATH}/leave":
            return json_response(200, session("paused"))
        if request.path == f"{PATH}/heartbeat":
            return json_response(200, session("active"))
        return json_response(200, {"session": session(state, **more), "media": media(60, channel)})

    backend.answer = answer
    phone = Phone(Api(backend.url), session=session("waiting", **more), device=Device(agora.url))
    phone.join()
    return phone


def test_with_a_device_it_is_in_the_channel_of_its_lease_until_the_app_is_closed(
    backend: Backend, agora: AgoraServer
) -> None:
    phone = talking(backend, agora)
    assert agora.uids_in("ses_1-0") == {1}
    phone.leave()
    assert agora.uids_in("ses_1-0") == set()
    assert backend.paths()[-1] == f"{PATH}/leave"


def test_a_phone_that_hangs_stays_in_the_channel(backend: Backend, agora: AgoraServer) -> None:
    talking(backend, agora).hang_up()
    assert agora.uids_in("ses_1-0") == {1}


def test_each_lease_takes_it_to_its_channel(backend: Backend, agora: AgoraServer) -> None:
    phone = talking(backend, agora)
    phone.reconnect()
    phone.hang_up()
    assert (agora.uids_in("ses_1-0"), agora.uids_in("ses_1-1")) == (set(), {1})
    assert [lease["channel"] for lease in phone.leases] == ["ses_1-0", "ses_1-1"]


def test_a_lost_network_ends_api_and_channel_alike(backend: Backend, agora: AgoraServer) -> None:
    phone = talking(backend, agora)
    phone.lose_network()
    phone.hang_up()
    assert agora.uids_in("ses_1-0") == set()
    assert [each["payload"].get("reason") for each in agora.notices("ses_1-0")] == [None, 2]
    with pytest.raises(Unreachable):
        phone.api.send("GET", "/v1/me")


def test_in_a_text_reading_it_talks_on_no_channel(backend: Backend, agora: AgoraServer) -> None:
    talking(backend, agora, modality="text").hang_up()
    assert agora.uids_in("ses_1-0") == set()


def test_a_channel_that_refuses_is_told_to_the_person_and_does_not_stop_the_beats(
    backend: Backend, agora: AgoraServer
) -> None:
    agora.open_account(Account(APP, "0" * 32, "customer", "secret"))
    with pytest.raises(ChannelRefused, match="invalid_token"):
        talking(backend, agora)

    def answer(request: Request) -> Response:
        if request.path == f"{PATH}/heartbeat":
            return json_response(200, session("paused"))
        return json_response(200, {"session": session("reconnecting"), "media": media(60)})

    backend.answer = lambda _: json_response(200, {"session": session("waiting"), "media": None})
    phone = Phone(Api(backend.url), stays=True, session=session("waiting"), device=Device(agora.url))
    phone.join()
    backend.answer = answer
    until("asking back in, twice", lambda: backend.paths().count(f"{PATH}/reconnect") >= 2, seconds=SOON, every=0.01)
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
    assert until("an answer", lambda: next(answers), seconds=SOON, every=0) == 0
