"""The local Agora over HTTP: what SoulSeer relies on holds here as Agora's documentation says it does there."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.gateways.agora import Lease, build_lease
from infra.local.agora import notices, tokens
from infra.local.agora.context import Account
from infra.local.agora.device import ChannelRefused, Device
from infra.local.agora.server import AgoraServer
from infra.local.delivery import Retries
from infra.local.waiting import until
from infra.local.web import Request, Response, Server

APP, CERTIFICATE = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
ACCOUNT = Account(APP, CERTIFICATE, "customer", "customer-secret")
SECRET = "notices-secret"
CHANNEL = "ses_1-0"
START = float(int(time.time()))
"""When a clock by hand begins: a token has an end of its own besides, a day after it was made."""
QUICK = Retries(first=0.01, longest=0.05, most=5, timeout=60.0)


@dataclass
class Inbox:
    """A webhook endpoint that verifies what it is sent, and answers as it is told."""

    answers: list[int] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, request: Request) -> Response:
        with self.changed:
            signed = notices.signatures(request.body, SECRET)
            if all(request.headers[name] == value for name, value in signed.items()):
                self.received.append(json.loads(request.body))
                status = self.answers.pop(0) if self.answers else 200
            else:
                self.refused += 1
                status = 400
            self.changed.notify_all()
        return Response(status)

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout=60), self.told()

    def told(self) -> list[tuple[int, int, int | None]]:
        """Type, uid, and why somebody left, by the sequence of each participant."""
        in_order = sorted(self.received, key=lambda notice: notice["payload"]["clientSeq"])
        return [(each["eventType"], each["payload"]["uid"], each["payload"].get("reason")) for each in in_order]


@dataclass
class HandClock:
    """Seconds since the epoch, moved by hand."""

    now: float = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def agora(clock: HandClock) -> Iterator[AgoraServer]:
    """With a clock that stands still: nothing expires, and no second passes, unless a test says so."""
    with AgoraServer(retries=QUICK, clock=clock) as server:
        server.open_account(ACCOUNT)
        yield server


@pytest.fixture
def inbox(agora: AgoraServer) -> Iterator[Inbox]:
    inbox = Inbox()
    with Server("inbox", inbox.answer) as server:
        agora.send_notices_to(f"{server.url}/hook?a=b", SECRET, {"x-extra": "yes"})
        yield inbox


def media(uid: int = 1, channel: str = CHANNEL, ends: float = START + 300, **key: Any) -> dict[str, Any]:
    """A lease as the API gives it to a phone, made by the product's own code."""
    lease = leased(uid, channel, ends, **key)
    return {"app_id": lease.app_id, "channel": lease.channel, "uid": lease.uid, "rtc_token": lease.rtc_token}


def leased(
    uid: int, channel: str, ends: float, app: str = APP, certificate: str = CERTIFICATE, *, publisher: bool = True
) -> Lease:
    return build_lease(
        app, certificate, channel=channel, uid=uid, user="usr_1", expires_at=int(ends * 1000), publisher=publisher
    )


def device(agora: AgoraServer, uid: int = 1, **lease: Any) -> Device:
    """A device in the channel."""
    entered = Device(agora.url)
    entered.join(media(uid, **lease))
    return entered


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(ChannelRefused) as refused:
        act()
    return refused.value.code


def call(agora: AgoraServer, method: str, path: str, body: Any = None) -> Any:
    response = requests.request(method, f"{agora.url}/_local/{path}", json=body, timeout=60)
    response.raise_for_status()
    return response.json()


def kick(agora: AgoraServer, body: Any = None, credentials: str = "customer:customer-secret", **rule: Any) -> Any:
    """The answer to a call of the REST API; ``rule`` is put over one that puts everybody out of the channel."""
    whole = {"appid": APP, "cname": CHANNEL, "time_in_seconds": 60, "privileges": ["join_channel"]} | rule
    return requests.post(
        f"{agora.url}/dev/v1/kicking-rule",
        data=json.dumps(whole) if body is None else body,
        headers={"authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"},
        timeout=60,
    )


# --- channels -----------------------------------------------------------------------------------


def test_a_token_of_the_product_opens_its_channel(agora: AgoraServer) -> None:
    device(agora, 1)
    device(agora, 2)
    assert agora.uids_in(CHANNEL) == {1, 2}
    assert agora.uids_in("ses_1-1") == set()
    (first, _) = call(agora, "GET", f"channels/{CHANNEL}")["data"]
    assert (first["uid"], first["expires_at"]) == (1, START + 300)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"app_id": "f" * 32}, "invalid_app_id"),
        ({"uid": 2}, "invalid_token"),
        ({"channel": "ses_1-1"}, "invalid_token"),
        (media(certificate="0" * 32), "invalid_token"),
        (media(app="f" * 32) | {"app_id": APP}, "invalid_token"),
        (media(ends=START), "token_expired"),
        ({"rtc_token": ""}, "invalid_token"),
        ({"rtc_token": "007" + media()["rtc_token"][3:]}, "invalid_token"),
        ({"rtc_token": media()["rtc_token"][:-40]}, "invalid_token"),
        ({"rtc_token": f"006{APP}!!!!"}, "invalid_token"),
        ({"uid": 0}, "invalid_uid"),
        ({"uid": 2**32}, "invalid_uid"),
        ({"channel": "x" * 65}, "invalid_channel_name"),
    ],
)
def test_any_other_token_opens_nothing(agora: AgoraServer, given: dict[str, Any], code: str) -> None:
    assert refusal(lambda: Device(agora.url).join(media() | given)) == code
    assert call(agora, "GET", "channels")["data"] == []


def test_a_token_to_hear_does_not_broadcast(agora: AgoraServer, inbox: Inbox) -> None:
    hears = media(uid=1_000, publisher=False)
    assert refusal(lambda: Device(agora.url, "broadcaster").join(hears)) == "no_privilege"
    assert refusal(lambda: Device(agora.url, "singer").join(hears)) == "invalid_role"
    Device(agora.url, "broadcaster").join(media())
    viewer = Device(agora.url, "audience")
    viewer.join(hears)
    viewer.leave()
    inbox.wait(lambda: set(inbox.told()) == {(103, 1, None), (105, 1_000, None), (106, 1_000, 1)})


def test_a_token_changed_anywhere_opens_nothing(agora: AgoraServer) -> None:
    raw = base64.b64decode(media()["rtc_token"][35:])
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        forged = media() | {"rtc_token": f"006{APP}{base64.b64encode(changed).decode()}"}
        assert refusal(lambda forged=forged: Device(agora.url).join(forged)) == "invalid_token"  # type: ignore[misc]


def test_a_token_says_when_its_holder_must_be_out() -> None:
    token = tokens.decoded(media(ends=START + 123.9)["rtc_token"])
    assert (token.app_id, token.privileges[tokens.JOIN], set(token.privileges)) == (APP, START + 123, {1, 2, 3, 4})
    short_lived = tokens.Token(APP, b"", 0, 0, b"", 5, {tokens.JOIN: 9})
    assert short_lived.expires_at == 5


def test_without_an_account_nobody_is_let_in() -> None:
    with AgoraServer() as server:
        assert refusal(lambda: device(server)) == "invalid_app_id"
        assert kick(server).status_code == 401


def test_who_leaves_is_out_and_cannot_leave_twice(agora: AgoraServer) -> None:
    phone = device(agora)
    phone.leave()
    assert agora.uids_in(CHANNEL) == set()
    entered = device(agora)
    call(agora, "POST", f"channels/{CHANNEL}/leave", {"device": entered._id})
    again = requests.post(f"{agora.url}/_local/channels/{CHANNEL}/leave", json={"device": entered._id}, timeout=60)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_in_channel")


def test_another_device_of_the_same_uid_takes_the_place_of_the_first(agora: AgoraServer, inbox: Inbox) -> None:
    first = device(agora)
    device(agora)
    inbox.wait(lambda: len(inbox.received) == 3)
    assert inbox.told() == [(107, 1, None), (107, 1, None), (108, 1, 5)]
    assert len(call(agora, "GET", "channels")["data"]) == 1
    first.leave()  # it was put out: nothing happens
    assert agora.uids_in(CHANNEL) == {1}


def test_the_end_of_a_token_puts_its_holder_out_unless_it_is_renewed(
    agora: AgoraServer, inbox: Inbox, clock: HandClock
) -> None:
    device(agora, 1, ends=START + 300)
    renewing = device(agora, 2, ends=START + 300)
    renewing.use(media(2, ends=START + 600))
    clock.now += 300
    device(agora, 3, channel="ses_2-0", ends=START + 600)  # it looks for what is due when something new will be
    inbox.wait(lambda: (108, 1, 0) in inbox.told())
    assert agora.uids_in(CHANNEL) == {2}
    assert len(call(agora, "GET", f"notices?channel={CHANNEL}")["data"]) == 3  # a renewal is not told


def test_a_lease_for_another_channel_takes_the_device_there(agora: AgoraServer) -> None:
    phone = device(agora)
    phone.use(media(channel="ses_1-1"))
    assert (agora.uids_in(CHANNEL), agora.uids_in("ses_1-1")) == (set(), {1})


def test_a_device_that_was_put_out_goes_back_in_with_its_next_lease(agora: AgoraServer) -> None:
    phone = device(agora)
    kick(agora, uid=1, time_in_seconds=0)
    phone.use(media())
    assert agora.uids_in(CHANNEL) == {1}


def test_a_renewal_needs_a_token_that_would_open_the_channel(agora: AgoraServer, clock: HandClock) -> None:
    phone = device(agora)
    assert refusal(lambda: phone.use(media(2) | {"uid": 1})) == "invalid_token"
    clock.now += 400
    assert refusal(lambda: phone.use(media())) == "token_expired"


def test_a_lost_connection_is_known_when_it_timed_out(agora: AgoraServer, inbox: Inbox) -> None:
    device(agora, 1).lose_network()
    assert agora.uids_in(CHANNEL) == set()
    inbox.wait(lambda: inbox.told() == [(107, 1, None), (108, 1, 2)])
    later = device(agora, 2)
    later.lose_network(noticed_after=3600)
    assert agora.uids_in(CHANNEL) == {2}


# --- the REST API -------------------------------------------------------------------------------


def test_a_rule_for_a_channel_puts_everybody_out_and_bars_it_until_it_is_over(
    agora: AgoraServer, inbox: Inbox, clock: HandClock
) -> None:
    device(agora, 1)
    device(agora, 2)
    device(agora, 1, channel="ses_2-0")
    answer = kick(agora)
    assert (answer.status_code, answer.json()) == (200, {"status": "success", "id": 1})
    assert (agora.uids_in(CHANNEL), agora.uids_in("ses_2-0")) == (set(), {1})
    inbox.wait(lambda: {(108, 1, 3), (108, 2, 3)} <= set(inbox.told()))
    assert refusal(lambda: device(agora, 1)) == "banned"
    device(agora, 1, channel="ses_1-1")
    clock.now += 59.9
    assert refusal(lambda: device(agora, 1)) == "banned"
    clock.now += 0.1
    device(agora, 1)
    (rule,) = call(agora, "GET", "rules")["data"]
    assert (rule["channel"], rule["uid"], rule["seconds"], sorted(rule["put_out"])) == (CHANNEL, None, 60, [1, 2])


def test_a_rule_for_a_uid_puts_out_that_one_and_of_no_seconds_bars_nobody(agora: AgoraServer) -> None:
    device(agora, 1)
    device(agora, 2)
    assert kick(agora, uid=1, time_in_seconds=0).status_code == 200
    assert agora.uids_in(CHANNEL) == {2}
    device(agora, 1)
    kick(agora, uid=1)
    assert refusal(lambda: device(agora, 1)) == "banned"


def test_a_rule_without_a_channel_bars_a_uid_everywhere(agora: AgoraServer) -> None:
    device(agora, 1)
    device(agora, 1, channel="ses_2-0")
    kick(agora, json.dumps({"appid": APP, "uid": 1, "privileges": ["join_channel"]}))
    assert call(agora, "GET", "channels")["data"] == []
    assert refusal(lambda: device(agora, 1, channel="ses_3-0")) == "banned"
    device(agora, 2)


@pytest.mark.parametrize(("told", "kept"), [(0, 0), (1, 10), (10, 10), (75, 75), (100_000, 86_430)])
def test_a_length_is_moved_to_the_nearest_that_agora_takes(agora: AgoraServer, told: int, kept: int) -> None:
    kick(agora, time_in_seconds=told)
    assert call(agora, "GET", "rules")["data"][0]["seconds"] == kept


@pytest.mark.parametrize(
    "rule",
    [
        {"appid": "f" * 32},
        {"appid": None},
        {"cname": 5},
        {"cname": ""},
        {"cname": None},
        {"uid": "1"},
        {"uid": 0},
        {"uid": True},
        {"time_in_seconds": "60"},
        {"time_in_seconds": -1},
        {"time_in_seconds": 1.5},
        {"privileges": []},
        {"privileges": "join_channel"},
        {"privileges": ["sing"]},
        {"ip": "10.0.0.1"},
        {"time": 1},
    ],
)
def test_a_rule_that_agora_would_not_take_is_refused(agora: AgoraServer, rule: dict[str, Any]) -> None:
    device(agora)
    assert kick(agora, **rule).status_code == 400
    assert agora.uids_in(CHANNEL) == {1}


@pytest.mark.parametrize("body", ["", "{", "[]", '{"privileges": ["join_channel"]}'])
def test_a_body_that_is_no_rule_is_refused(agora: AgoraServer, body: str) -> None:
    assert kick(agora, body).status_code == 400


@pytest.mark.parametrize("credentials", ["customer:wrong", "somebody:customer-secret", ":", ""])
def test_only_the_customer_may_call(agora: AgoraServer, credentials: str) -> None:
    device(agora)
    assert kick(agora, credentials=credentials).status_code == 401
    assert agora.uids_in(CHANNEL) == {1}


def test_the_eleventh_call_of_a_second_is_too_many(agora: AgoraServer, clock: HandClock) -> None:
    assert [kick(agora).status_code for _ in range(12)] == [200] * 10 + [429] * 2
    clock.now += 1
    assert kick(agora).status_code == 200


@pytest.mark.parametrize(("how", "status"), [("error", 500), ("refuse", None)])
def test_agora_is_down_until_it_is_back(agora: AgoraServer, how: str, status: int | None) -> None:
    device(agora)
    call(agora, "PUT", "fault", {"how": how})
    for _ in range(2):
        try:
            assert kick(agora).status_code == status
        except requests.ConnectionError:
            assert status is None
    assert agora.uids_in(CHANNEL) == {1}
    call(agora, "DELETE", "fault")
    assert kick(agora).status_code == 200


def test_an_agora_that_hangs_answers_nobody(agora: AgoraServer) -> None:
    call(agora, "PUT", "fault", {"how": "hang"})
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{agora.url}/dev/v1/kicking-rule", data=b"{}", timeout=0.2)
    call(agora, "DELETE", "fault")
    assert call(agora, "GET", "rules")["data"] == []


def test_a_rule_whose_answer_is_lost_has_been_applied(agora: AgoraServer) -> None:
    device(agora)
    call(agora, "PUT", "fault", {"how": "lose_answer", "count": 1})
    with pytest.raises(requests.ConnectionError):
        kick(agora)
    assert agora.uids_in(CHANNEL) == set()
    assert kick(agora).status_code == 200


# --- notices ------------------------------------------------------------------------------------


def test_the_signatures_are_those_of_agoras_own_example() -> None:
    body = (
        b'{"eventMs":1560408533119,"eventType":10,"noticeId":"4eb720f0-8da7-11e9-a43e-53f411c2761f",'
        b'"notifyMs":1560408533119,"payload":{"a":"1","b":2},"productId":1}'
    )
    assert notices.signatures(body, "secret") == {
        "agora-signature": "033c62f40f687675f17f0f41f91a40c71c0f134c",
        "agora-signature-v2": "6d3320c60b11101395b7fc8f9068748808a0aa1bfa064438e39d1bc2c7d74d99",
    }


def test_who_comes_and_goes_is_told_in_agoras_words(agora: AgoraServer, inbox: Inbox, clock: HandClock) -> None:
    phone = device(agora)
    inbox.wait(lambda: len(inbox.received) == 1)
    clock.now += 7.5
    phone.leave()
    inbox.wait(lambda: len(inbox.received) == 2)
    joined, left = inbox.received
    assert (joined["productId"], joined["eventType"], joined["notifyMs"]) == (1, 107, int(START * 1000))
    told = joined["payload"]
    assert (told["channelName"], told["uid"], told["ts"]) == (CHANNEL, 1, START)
    assert (left["eventType"], left["payload"]["reason"], left["payload"]["duration"]) == (108, 1, 7)
    assert (left["payload"]["ts"], left["notifyMs"]) == (START + 7, int(START * 1000) + 7_500)
    assert left["payload"]["clientSeq"] > told["clientSeq"]
    assert left["noticeId"] != joined["noticeId"]


def test_each_participant_has_a_sequence_that_grows_even_within_one_moment(agora: AgoraServer, inbox: Inbox) -> None:
    for _ in range(3):
        device(agora, 1).leave()
    inbox.wait(lambda: len(inbox.received) == 6)
    assert [kind for kind, _, _ in inbox.told()] == [107, 108] * 3
    assert len({each["payload"]["clientSeq"] for each in inbox.received}) == 6


def test_a_notice_is_told_again_until_it_is_answered_by_200() -> None:
    inbox = Inbox(answers=[500, 201, 302, 200])
    with Server("inbox", inbox.answer) as server, AgoraServer(retries=QUICK) as agora:
        agora.open_account(ACCOUNT)
        agora.send_notices_to(server.url, SECRET)
        device(agora, ends=time.time() + 300)
        inbox.wait(lambda: len(inbox.received) == 4)
        assert len({each["noticeId"] for each in inbox.received}) == 1
        (delivery,) = until("the delivery", lambda: delivered(agora, "delivered"), seconds=10)
        assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 201, 302, 200]


def test_a_notice_is_given_up_after_its_last_attempt() -> None:
    inbox = Inbox(answers=[500] * 50)
    with Server("inbox", inbox.answer) as server, AgoraServer(retries=QUICK) as agora:
        agora.open_account(ACCOUNT)
        agora.send_notices_to(server.url, SECRET)
        device(agora, ends=time.time() + 300)
        (delivery,) = until("giving up", lambda: delivered(agora, "failed"), seconds=10)
    assert len(delivery["attempts"]) == QUICK.most


def test_notices_can_be_doubled_and_lost_and_sent_by_hand(agora: AgoraServer, inbox: Inbox) -> None:
    call(agora, "PUT", "notices/way", {"copies": 3})
    phone = device(agora)
    inbox.wait(lambda: len(inbox.received) == 3)
    call(agora, "PUT", "notices/way", {"lost": True})
    phone.leave()
    call(agora, "DELETE", "notices/way")
    joined, left = call(agora, "GET", f"notices?channel={CHANNEL}")["data"]
    assert (len(joined["deliveries"]), left["deliveries"]) == (3, [])
    call(agora, "POST", f"notices/{left['id']}/send", {"copies": 2})
    call(agora, "POST", f"notices/{left['id']}/send", {"secret": "another"})
    inbox.wait(lambda: len(inbox.received) == 5 and inbox.refused > 0)
    assert [each["noticeId"] for each in inbox.received] == [joined["id"]] * 3 + [left["id"]] * 2


def test_one_channels_notices_can_go_another_way_than_all_others(agora: AgoraServer, inbox: Inbox) -> None:
    call(agora, "PUT", "notices/way", {"lost": True, "channel": CHANNEL})
    device(agora, 1)
    device(agora, 2, channel="ses_2-0")
    inbox.wait(lambda: inbox.told() == [(107, 2, None)])
    assert [each["deliveries"] for each in call(agora, "GET", f"notices?channel={CHANNEL}")["data"]] == [[]]


def test_a_notice_that_is_delayed_comes_when_its_time_is_there(clock: HandClock) -> None:
    inbox = Inbox()
    with Server("inbox", inbox.answer) as server, AgoraServer(clock=clock) as agora:
        agora.open_account(ACCOUNT)
        agora.send_notices_to(server.url, SECRET)
        call(agora, "PUT", "notices/way", {"delay_seconds": 60})
        late = device(agora, 1)
        call(agora, "DELETE", "notices/way")
        late.leave()
        inbox.wait(lambda: len(inbox.received) == 1)
        assert inbox.told() == [(108, 1, 1)]
        clock.now += 60
        device(agora, 2)  # a new job has the background look again
        inbox.wait(lambda: len(inbox.received) == 3)
        assert inbox.told()[0] == (107, 1, None)


def test_shuffled_notices_overtake_one_another(agora: AgoraServer, clock: HandClock) -> None:
    call(agora, "PUT", "notices/way", {"delay_seconds": 3600, "shuffled": True})
    for _ in range(10):
        device(agora).leave()
    jobs = agora._store._run("SELECT due FROM jobs WHERE kind = 'deliver' ORDER BY id")
    moments = [due for (due,) in jobs]
    assert len(moments) == 20
    assert moments != sorted(moments)
    assert all(clock.now <= due <= clock.now + 3600 for due in moments)


def test_a_notice_of_anything_else_can_be_made(agora: AgoraServer, inbox: Inbox) -> None:
    call(agora, "POST", "notices", {"event_type": 101, "payload": {"channelName": CHANNEL, "ts": 1}})
    inbox.wait(lambda: len(inbox.received) == 1)
    assert (inbox.received[0]["eventType"], inbox.received[0]["payload"]) == (101, {"channelName": CHANNEL, "ts": 1})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "notices/way", {"copies": 0}),
        ("PUT", "notices/way", {"delay_seconds": -1}),
        ("PUT", "fault", {"how": "rain"}),
        ("PUT", "fault", {}),
        ("POST", f"channels/{CHANNEL}/join", {"uid": 1}),
    ],
)
def test_what_cannot_be_meant_is_refused(agora: AgoraServer, method: str, path: str, body: Any) -> None:
    answer = requests.request(method, f"{agora.url}/_local/{path}", json=body, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_a_restart_keeps_who_is_there_who_is_barred_and_what_is_to_be_told(tmp_path: Path) -> None:
    slow = Retries(first=0.2, longest=0.2)
    ends = time.time() + 300
    with AgoraServer(tmp_path, retries=slow) as agora:
        agora.open_account(ACCOUNT)
        agora.send_notices_to("http://127.0.0.1:9/nobody", SECRET)
        stays = device(agora, 1, channel="ses_2-0", ends=ends)
        kick(agora)

    inbox = Inbox()
    with Server("inbox", inbox.answer) as server, AgoraServer(tmp_path, port=agora.port, retries=slow) as agora:
        agora.open_account(ACCOUNT)
        agora.send_notices_to(server.url, SECRET)
        inbox.wait(lambda: inbox.told() == [(107, 1, None)])
        assert refusal(lambda: device(agora, ends=ends)) == "banned"
        stays.close()
        stays.leave()
        inbox.wait(lambda: inbox.told() == [(107, 1, None), (108, 1, 1)])


def delivered(agora: AgoraServer, state: str) -> list[Any] | None:
    found = [each for notice in call(agora, "GET", "notices")["data"] for each in notice["deliveries"]]
    return [each for each in found if each["state"] == state] or None
