"""The local Agora takes messages to a channel as Agora's documentation says, keeps them, and can be down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from infra.local.agora.context import Account
from infra.local.agora.server import AgoraServer

APP = "0123456789abcdef0123456789abcdef"
ACCOUNT = Account(APP, "fedcba9876543210fedcba9876543210", "customer", "customer-secret")
CREDENTIALS = ("customer", "customer-secret")


@pytest.fixture
def agora() -> Iterator[AgoraServer]:
    with AgoraServer(clock=lambda: 1_900_000_000.0) as server:
        server.open_account(ACCOUNT)
        yield server


def send(
    agora: AgoraServer,
    app: str = APP,
    sender: str = "soulseer",
    credentials: tuple[str, str] = CREDENTIALS,
    **changes: Any,
) -> requests.Response:
    body: dict[str, Any] = {
        "channel_name": "str_1",
        "enable_historical_messaging": False,
        "payload": '{"type":"gifts"}',
    } | changes
    url = f"{agora.url}/dev/v2/project/{app}/rtm/users/{sender}/channel_messages"
    return requests.post(url, json=body, auth=credentials, timeout=60)


def test_what_is_sent_to_a_channel_is_kept_in_its_order(agora: AgoraServer) -> None:
    for payload in ("one", "two"):
        answer = send(agora, payload=payload)
        assert (answer.status_code, answer.json()["code"]) == (200, "message_sent")
    send(agora, channel_name="str_2")
    assert [each["payload"] for each in agora.messages("str_1")] == ["one", "two"]
    listed = requests.get(f"{agora.url}/_local/messages", params={"channel": "str_2"}, timeout=60).json()["data"]
    assert [(each["channel"], each["sender"]) for each in listed] == [("str_2", "soulseer")]


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": ""},
        {"payload": "é" * (16 * 1024 + 1)},
        {"payload": {"not": "text"}},
        {"channel_name": ""},
        {"channel_name": "x" * 65},
        {"channel_name": None},
        {"enable_historical_messaging": True},
        {"destination": "usr_1"},
    ],
)
def test_a_message_that_agora_would_not_take_is_refused(agora: AgoraServer, changes: dict[str, Any]) -> None:
    assert send(agora, **changes).status_code == 400
    assert agora.messages("str_1") == []


def test_a_message_of_32_kilobytes_is_taken(agora: AgoraServer) -> None:
    assert send(agora, payload="x" * 32 * 1024).status_code == 200


def test_only_the_customer_of_the_app_may_send(agora: AgoraServer) -> None:
    assert send(agora, credentials=("customer", "wrong")).status_code == 401
    assert send(agora, app="f" * 32).status_code == 404
    assert agora.messages("str_1") == []


def test_more_than_500_a_second_are_too_many(agora: AgoraServer) -> None:
    with requests.Session() as session:
        session.auth = CREDENTIALS
        url = f"{agora.url}/dev/v2/project/{APP}/rtm/users/soulseer/channel_messages"
        answers = [session.post(url, json={"channel_name": "s", "payload": "x"}, timeout=60) for _ in range(501)]
    assert [answer.status_code for answer in answers] == [200] * 500 + [429]


def test_it_can_be_down(agora: AgoraServer) -> None:
    requests.put(f"{agora.url}/_local/fault", json={"how": "error", "count": 1}, timeout=60)
    assert send(agora).status_code == 500
    assert send(agora).status_code == 200
    assert len(agora.messages("str_1")) == 1
