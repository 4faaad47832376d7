"""The proof that nobody can talk unpaid finds what is amiss, one thing at a time."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from chalicelib.gateways.agora import build_lease
from infra.local.agora.context import Account
from infra.local.agora.device import Device
from infra.local.agora.server import AgoraServer
from infra.local.proof import ChannelProof, prove_channels

APP, CERTIFICATE = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
NAMES = ["ses_1-0", "ses_1-1"]


@pytest.fixture
def agora() -> Iterator[AgoraServer]:
    with AgoraServer() as server:
        server.open_account(Account(APP, CERTIFICATE, "customer", "secret"))
        yield server


def lease(channel: str = "ses_1-0", seconds: float = 300) -> dict[str, Any]:
    ends = int((time.time() + seconds) * 1000)
    made = build_lease(APP, CERTIFICATE, channel=channel, uid=1, user="usr_1", expires_at=ends, publisher=True)
    return {"app_id": APP, "channel": channel, "uid": 1, "rtc_token": made.rtc_token}


def close(agora: AgoraServer, channel: str, **rule: Any) -> None:
    body: dict[str, Any] = {
        "appid": APP,
        "cname": channel,
        "time_in_seconds": 60,
        "privileges": ["join_channel"],
    } | rule
    url = f"{agora.url}/dev/v1/kicking-rule"
    assert requests.post(url, json=body, auth=("customer", "secret"), timeout=60).status_code == 200


def test_closed_and_empty_channels_and_dead_tokens_are_the_proof(agora: AgoraServer) -> None:
    close(agora, "ses_1-0")
    close(agora, "ses_1-1")
    leases = [lease(), lease("ses_1-1"), lease("ses_2-0", seconds=-10)]
    assert prove_channels(agora, NAMES, leases) == ChannelProof(2, (), (), 3, 0)


def test_a_channel_that_nobody_closed_is_found(agora: AgoraServer) -> None:
    close(agora, "ses_1-0")
    close(agora, "ses_1-1", uid=1)  # puts out one, and leaves the channel open
    assert prove_channels(agora, NAMES, []).faults == ["ses_1-1 was not closed"]


def test_somebody_who_is_still_in_a_channel_is_found(agora: AgoraServer) -> None:
    close(agora, "ses_1-0")
    Device(agora.url).join(lease("ses_1-1"))
    found = prove_channels(agora, NAMES, [])
    assert (found.unclosed, found.inside) == (("ses_1-1",), ("ses_1-1",))


def test_a_token_that_still_opens_something_is_found_and_lets_nobody_stay(agora: AgoraServer) -> None:
    close(agora, "ses_1-0")
    close(agora, "ses_1-1")
    found = prove_channels(agora, NAMES, [lease("ses_2-0"), lease()])
    assert (found.tokens, found.opening, found.faults) == (2, 1, ["tokens that still open a channel: 1"])
    assert agora.uids_in("ses_2-0") == set()
