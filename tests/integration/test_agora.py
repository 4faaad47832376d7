"""``agora_webhook`` as Lambda calls it, and removals over HTTP: real signatures, secrets and tables; Agora answers as
each test says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.agora import Agora, Notice, notice_of
from chalicelib.kernel.errors import Malformed, Problem, ProviderFailed, Unavailable
from chalicelib.operations.handlers import agora_webhook
from chalicelib.readers import service as readers
from chalicelib.sessions import asking, service
from chalicelib.sessions.model.commands import accept, join
from chalicelib.sessions.model.session import Session, Side
from infra.local.web import LostAnswer, Request, Response, Server, json_response
from tests.integration.product import AGORA_NOTICES_SECRET as SECRET
from tests.support.reading import add_reader, pay_in

SECOND = 1_611_566_412


@dataclass
class OtherEnd:
    """The other end of Agora's REST API: answers with ``status`` and keeps what it was asked; 0 hangs up."""

    status: int = 200
    asked: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        if not self.status:
            raise LostAnswer
        return json_response(self.status, {"status": "success", "id": 1953})


@pytest.fixture(autouse=True)
def agora(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherEnd]:
    other_end = OtherEnd()
    with Server("agora", other_end.answer) as server:
        monkeypatch.setenv("AGORA_API_BASE", server.url)
        yield other_end


# --- removal


def test_everybody_is_put_out_and_barred_for_as_long_as_is_asked(product: World, agora: OtherEnd) -> None:
    product.media.remove("ses_1-0", None, bar=300_000)
    (request,) = agora.asked
    assert (request.method, request.path) == ("POST", "/dev/v1/kicking-rule")
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"customer:secret:of:customer").decode()
    assert json.loads(request.body) == {
        "appid": "0" * 32,
        "cname": "ses_1-0",
        "privileges": ["join_channel"],
        "time_in_seconds": 300,
    }


def test_one_is_put_out_and_may_come_back(product: World, agora: OtherEnd) -> None:
    product.media.remove("ses_1-0", 2)
    rule = json.loads(agora.asked[0].body)
    assert (rule["uid"], rule["time_in_seconds"]) == (2, 0)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(0, Unavailable), (302, ProviderFailed), (401, ProviderFailed), (429, ProviderFailed), (500, ProviderFailed)],
)
def test_after_a_failure_agora_is_left_alone_for_a_while(
    product: World, agora: OtherEnd, status: int, refusal: type[Problem]
) -> None:
    agora.status = status
    with pytest.raises(refusal):
        product.media.remove("ses_1-0", None)
    agora.status = 200
    with pytest.raises(Unavailable):
        product.media.remove("ses_2-0", None)
    assert len(agora.asked) == 1
    Agora(product.settings).remove("ses_2-0", None)  # another environment has a breaker of its own


@pytest.mark.parametrize("status", [400, 404])
def test_a_rule_that_is_refused_holds_up_no_other_and_alarms(
    product: World, agora: OtherEnd, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    agora.status = status
    product.media.remove("ses_1-0", None)
    assert '"level":"error","event":"removal_refused"' in capsys.readouterr().out
    agora.status = 200
    product.media.remove("ses_2-0", None)


# --- the webhook


def body(kind: int = 103, *, product_id: object = 1, **payload: object) -> dict[str, Any]:
    told = {"channelName": "ses_1-0", "uid": 1, "clientSeq": 7, "ts": SECOND, "platform": 1} | payload
    return {
        "noticeId": "2000001428:4330:107",
        "productId": product_id,
        "eventType": kind,
        "notifyMs": SECOND * 1000 + 372,
        "sid": "C866467GVJJ54687",
        "payload": told,
    }


def call(payload: bytes, signature: str | None = None, *, encoded: bool = True) -> tuple[int, str]:
    made = hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()
    event = {
        "headers": {"Agora-Signature-V2": made if signature is None else signature},
        "body": base64.b64encode(payload).decode() if encoded else payload.decode(),
        "isBase64Encoded": encoded,
    }
    answer = agora_webhook(event, None)
    return answer["statusCode"], json.loads(answer["body"])["result"]


def told(notice: dict[str, Any]) -> tuple[int, str]:
    return call(json.dumps(notice).encode())


@pytest.fixture
def waiting(product: World) -> Session:
    """Accepted; the client has joined."""
    own = uuid4().hex[:10]
    add_reader(product, f"usr_r{own}")
    pay_in(product, f"usr_c{own}", 5_000, f"topup:{own}")
    readers.set_presence(product, f"usr_r{own}", "online")
    asking.create(product, Side(f"usr_c{own}", "Cee"), f"ses_{own}", f"usr_r{own}", "voice")
    service.perform(product, f"ses_{own}", f"usr_r{own}", accept)
    return service.perform(product, f"ses_{own}", f"usr_c{own}", join).session


@pytest.mark.parametrize("encoded", [True, False])
def test_a_signed_notice_is_applied(product: World, waiting: Session, encoded: bool) -> None:
    notice = body(107, channelName=waiting.channel, uid=2)
    assert call(json.dumps(notice).encode(), encoded=encoded) == (200, "stored")
    assert service.load(product, waiting.id).state == "active"


def test_a_notice_that_comes_again_is_answered_alike_and_changes_nothing(product: World, waiting: Session) -> None:
    notice = body(107, channelName=waiting.channel, uid=2)
    assert told(notice) == (200, "stored")
    before = service.load(product, waiting.id)
    assert told(notice | {"notifyMs": 1}) == (200, "stored")
    assert service.load(product, waiting.id) == before


def test_agora_hears_200_though_it_is_down_for_removals(product: World, waiting: Session, agora: OtherEnd) -> None:
    agora.status = 500
    told(body(103, channelName=waiting.channel, uid=2))
    assert told(body(104, channelName=waiting.channel, uid=2, clientSeq=8, reason=1)) == (200, "stored")
    session = service.load(product, waiting.id)
    assert (session.state, session.owes_removal) == ("paused", True)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", "\ud800", "A" * 100_000])
def test_a_wrong_signature_is_refused(product: World, waiting: Session, signature: str) -> None:
    payload = json.dumps(body(103, channelName=waiting.channel, uid=2)).encode()
    assert call(payload, signature) == (400, "signature")
    assert service.load(product, waiting.id) == waiting


def test_a_signature_is_of_the_very_bytes(product: World) -> None:
    payload = json.dumps(body()).encode()
    made = hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()
    assert call(payload, made)[0] == 200
    assert call(payload + b" ", made) == (400, "signature")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"body": None},
        {"body": ""},
        {"body": "a" * 400_000},
        {"body": "no base64!", "isBase64Encoded": True},
        {"body": "\ud800"},
    ],
)
def test_a_body_that_cannot_be_read_is_refused(product: World, event: dict[str, Any]) -> None:
    assert agora_webhook(event, None)["statusCode"] == 400


# --- what a notice tells


@pytest.mark.parametrize(("kind", "joined"), [(103, True), (105, True), (107, True), (104, False), (106, False)])
def test_joins_and_leaves_are_read(kind: int, joined: bool) -> None:
    assert notice_of(json.dumps(body(kind)).encode()) == Notice("ses_1-0", 1, 7, SECOND * 1000, joined)


@pytest.mark.parametrize("kind", [10, 101, 102, 111, 112, 0, -1, 10**30, "103", None, [], {}])
def test_other_events_tell_nothing(kind: int) -> None:
    assert notice_of(json.dumps(body(kind)).encode()) is None


def test_the_same_participant_from_another_device_has_not_left() -> None:
    assert notice_of(json.dumps(body(104, reason=5)).encode()) is None
    assert notice_of(json.dumps(body(104, reason=2)).encode()) is not None


def test_another_products_events_tell_nothing() -> None:
    assert notice_of(json.dumps(body(103, product_id=3)).encode()) is None


@pytest.mark.parametrize("channel", ["", "a" * 65, "a b", "ses_1-0\n", "é"])
def test_a_channel_that_we_would_not_name_tells_nothing(channel: str) -> None:
    assert notice_of(json.dumps(body(channelName=channel)).encode()) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_notice_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        notice_of(payload)


@pytest.mark.parametrize("name", ["uid", "clientSeq", "ts", "channelName"])
@pytest.mark.parametrize("value", [None, True, -1, 1.5, [], 2**53], ids=repr)
def test_a_notice_with_a_field_that_agora_would_not_send_is_malformed(name: str, value: object) -> None:
    notice = body()
    notice["payload"][name] = value
    with pytest.raises(Malformed):
        notice_of(json.dumps(notice).encode())
