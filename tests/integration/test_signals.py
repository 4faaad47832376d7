"""Messages to who watches a stream, over HTTP: the product's own gateway, secrets and all, at the local Agora."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.signals import AgoraSignals
from chalicelib.kernel.errors import Problem, ProviderFailed, Unavailable
from infra.local.agora.context import Account
from infra.local.agora.server import AgoraServer
from infra.local.web import LostAnswer, Request, Response, Server, json_response
from tests.integration.product import SECRETS


@pytest.fixture
def agora(monkeypatch: pytest.MonkeyPatch) -> Iterator[AgoraServer]:
    keys = SECRETS["agora_rest"]
    with AgoraServer() as server:
        server.open_account(Account(keys["app_id"], "1" * 32, keys["customer_id"], keys["customer_secret"]))
        monkeypatch.setenv("AGORA_API_BASE", server.url)
        yield server


@dataclass
class OtherEnd:
    """Agora's end: answers with ``status``; 0 hangs up."""

    status: int = 200
    asked: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        if not self.status:
            raise LostAnswer
        return json_response(self.status, {"result": "success"})


@pytest.fixture
def other_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherEnd]:
    end = OtherEnd()
    with Server("agora", end.answer) as server:
        monkeypatch.setenv("AGORA_API_BASE", server.url)
        yield end


def test_messages_reach_the_channel_in_their_order(agora: AgoraServer, product: World) -> None:
    product.signals.publish("str_1", [{"type": "gifts", "gifts": ["Zoë"]}, {"type": "stream", "news": "ended"}])
    told = [json.loads(each["payload"]) for each in agora.messages("str_1")]
    assert told == [{"type": "gifts", "gifts": ["Zoë"]}, {"type": "stream", "news": "ended"}]
    assert {each["sender"] for each in agora.messages("str_1")} == {"soulseer"}


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(0, Unavailable), (302, ProviderFailed), (401, ProviderFailed), (429, ProviderFailed), (500, ProviderFailed)],
)
def test_after_a_failure_agora_is_left_alone_for_a_moment(
    other_end: OtherEnd, product: World, status: int, refusal: type[Problem]
) -> None:
    other_end.status = status
    with pytest.raises(refusal):
        product.signals.publish("str_1", [{"n": 1}, {"n": 2}])
    other_end.status = 200
    with pytest.raises(Unavailable):
        product.signals.publish("str_2", [{"n": 1}])
    assert len(other_end.asked) == 1
    AgoraSignals(product.settings).publish("str_2", [{"n": 1}])  # another environment has a breaker of its own


def test_a_message_that_is_refused_holds_up_no_other_and_alarms(
    other_end: OtherEnd, product: World, capsys: pytest.CaptureFixture[str]
) -> None:
    other_end.status = 400
    product.signals.publish("str_1", [{"n": 1}, {"n": 2}])
    assert len(other_end.asked) == 2
    assert '"level":"error","event":"signal_refused"' in capsys.readouterr().out
