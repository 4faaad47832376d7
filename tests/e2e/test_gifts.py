"""Gifts and tickets of live streams over HTTP: what they cost, whom they reach, who may not, what the reader has."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import uuid4

import pytest

from chalicelib.kernel.time import DAY, SECOND, rfc3339
from chalicelib.live import service as streams
from chalicelib.wallet import purchases
from chalicelib.wallet.model.purchase import Told
from infra.local.agora.device import Device
from infra.local.phone import Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal

WHY: Final = ("--reason", "an end-to-end test", "--yes")
BORN: Final = "1990-01-01"


def patron(stage: Stage, count: int = 10_000, *, born: str | None = BORN) -> Phone:
    """Somebody of age with so many coins."""
    phone = stage.client()
    if born:
        phone.api.call("PATCH", "/v1/me", {"birth_date": born})
    if count:
        now = stage.world.now()
        purchases.learn(
            stage.world, Told("apple", f"e2e{uuid4().hex}", phone.id, "coins_e2e", count, True, now, "Sandbox")
        )
    return phone


def made(host: Phone, visibility: str = "public", **more: Any) -> str:
    stream: Json = host.api.post("/v1/streams", {"title": "Full moon", "visibility": visibility} | more)
    return str(stream["id"])


def live(stage: Stage, host: Phone, visibility: str = "public", **more: Any) -> str:
    return started(stage, host, made(host, visibility, **more))


def started(stage: Stage, host: Phone, stream: str) -> str:
    """Live, and the product knows that the host has come into the channel."""
    media = host.api.post(f"/v1/streams/{stream}/start")["media"]
    Device(stage.stack.agora.url, "broadcaster").join(media)
    until("the host being there", lambda: streams.load(stage.world, stream).came, seconds=SOON)
    return stream


def give(phone: Phone, stream: str, gift: str = "rose", key: str | None = None) -> Any:
    return phone.api.send("POST", f"/v1/streams/{stream}/gifts", {"gift": gift}, key=key or new_key())


def buy(phone: Phone, stream: str, key: str | None = None) -> Any:
    return phone.api.send("POST", f"/v1/streams/{stream}/ticket", key=key or new_key())


def coins(phone: Phone) -> int:
    return int(phone.api.get("/v1/wallet")["coins"]["amount"])


def earned(host: Phone) -> int:
    return int(host.api.get("/v1/reader/earnings")["balance"]["amount"])


@pytest.fixture(scope="module")
def host(stage: Stage) -> Phone:
    """One reader for the short tests: each of them ends its stream."""
    return stage.reader()


@pytest.fixture(scope="module")
def fan(stage: Stage) -> Phone:
    return patron(stage)


# --- a gift --------------------------------------------------------------------------------------


def test_a_gift_is_seen_by_all_and_earned_when_the_stream_ends(stage: Stage, host: Phone) -> None:
    ann, before = patron(stage, 1_000), earned(host)
    stream = live(stage, host)
    answer = give(ann, stream, "heart")
    assert answer.status == 201
    given = answer.json
    assert (given["gift"], given["coins"], given["animation"]) == ("heart", 500, "heart_v1")
    assert given["balance"] == {"amount": 500, "currency": "coins"}
    (entry,) = [each for each in ann.api.get("/v1/wallet/entries?account=coins")["items"] if each["kind"] == "gift"]
    assert (entry["amount"], entry["reference"]) == ({"amount": -500, "currency": "coins"}, stream)

    name = ann.api.get("/v1/me")["display_name"]
    (sent,) = host.api.get(f"/v1/streams/{stream}/gifts")["items"]
    assert sent == {
        "id": given["id"],
        "gift": "heart",
        "coins": 500,
        "animation": "heart_v1",
        "sender": {"id": ann.id, "display_name": name},
        "at": given["at"],
    }
    until(
        "the leaderboard",
        lambda: (
            host.api.get(f"/v1/streams/{stream}/leaderboard")["items"]
            == [{"sender": sent["sender"], "coins": 500, "gifts": 1}]
        ),
        seconds=SOON,
    )
    told = [{"type": "gifts", "gifts": [sent]}]
    until("the word to who watches", lambda: gifts_told(stage, stream) == told, seconds=SOON)

    assert earned(host) == before
    host.api.post(f"/v1/streams/{stream}/end")
    assert earned(host) == before + 350
    news = [("stream", "started"), ("stream", "ended")]
    until("the word of its end", lambda: news_told(stage, stream) == news, seconds=SOON)
    year = host.api.get(f"/v1/reader/earnings?year={given['at'][:4]}")["statement"]
    assert year["gifts"]["amount"] >= 350
    assert len(ann.api.get(f"/v1/streams/{stream}/gifts")["items"]) == 1, "also when it is over"


def gifts_told(stage: Stage, stream: str) -> list[Json]:
    """What signalling has told of gifts."""
    told = [json.loads(each["payload"]) for each in stage.stack.agora.messages(stream)]
    return [each for each in told if each["type"] == "gifts"]


def news_told(stage: Stage, stream: str) -> list[tuple[str, str]]:
    told = [json.loads(each["payload"]) for each in stage.stack.agora.messages(stream)]
    return [(each["type"], each["news"]) for each in told if each["type"] != "gifts"]


def test_the_same_key_is_the_same_gift_and_another_body_refused(stage: Stage, host: Phone, fan: Phone) -> None:
    stream, key, before = live(stage, host), new_key(), coins(fan)
    try:
        first, again = give(fan, stream, key=key), give(fan, stream, key=key)
        assert (first.status, again.status) == (201, 201)
        assert again.json == first.json
        assert again.headers["idempotency-replayed"] == "true"
        assert refusal(give(fan, stream, "heart", key=key)) == (422, "idempotency_mismatch")
        assert coins(fan) == before - 100
    finally:
        host.api.post(f"/v1/streams/{stream}/end")


def test_what_cannot_be_a_gift_is_refused(stage: Stage, host: Phone, fan: Phone) -> None:
    stream = live(stage, host)
    path, before = f"/v1/streams/{stream}/gifts", coins(fan)
    try:
        assert refusal(fan.api.send("POST", path, {"gift": "rose"})) == (400, "idempotency_key_required")
        assert refusal(stage.api().send("POST", path, {"gift": "rose"}, key=new_key())) == (401, "unauthenticated")
        assert refusal(fan.api.send("POST", path, content=b"{", key=new_key())) == (400, "malformed")
        for body in ({}, {"gift": ""}, {"gift": 1}, {"gift": "rose", "coins": 1}, {"gift": "rose", "message": "hi"}):
            assert refusal(fan.api.send("POST", path, body, key=new_key())) == (422, "invalid")
        assert refusal(give(fan, stream, "moon")) == (404, "not_found")
        assert refusal(give(fan, "str_00000000000000000000000000")) == (404, "not_found")
        assert coins(fan) == before
    finally:
        host.api.post(f"/v1/streams/{stream}/end")


def test_who_may_not_give_is_told_why(stage: Stage, host: Phone) -> None:
    stream = live(stage, host)
    banned, excluded, frozen, blocked = (patron(stage) for _ in range(4))
    try:
        assert refusal(give(host, stream)) == (403, "forbidden")
        assert refusal(give(patron(stage, born=None), stream)) == (403, "age_required")
        assert refusal(give(patron(stage, 99), stream)) == (402, "insufficient_funds")
        host.api.post(f"/v1/streams/{stream}/ban", {"user": banned.id, "banned": True})
        assert refusal(give(banned, stream)) == (403, "forbidden")
        host.api.post("/v1/me/blocks", {"user": blocked.id})
        assert refusal(give(blocked, stream)) == (403, "blocked")
        until_then = rfc3339(stage.world.now() + DAY + SECOND)
        nothing = {"day": None, "week": None, "month": None}
        excluded.api.put("/v1/me/limits", nothing | {"self_excluded_until": until_then})
        assert refusal(give(excluded, stream)) == (402, "spending_limit_reached")
        stage.admin("wallet", "freeze", frozen.id, *WHY)
        assert refusal(give(frozen, stream)) == (423, "wallet_frozen")
        assert [coins(each) for each in (banned, blocked, excluded, frozen)] == [10_000] * 4
        assert host.api.get(f"/v1/streams/{stream}/gifts")["items"] == []
    finally:
        host.api.post(f"/v1/streams/{stream}/end")


def test_only_a_live_stream_is_given_to(stage: Stage, host: Phone, fan: Phone) -> None:
    stream = made(host, starts_at=rfc3339(stage.world.now() + DAY))
    assert refusal(give(fan, stream)) == (409, "invalid_state")
    host.api.post(f"/v1/streams/{stream}/end")
    stream = made(host)
    host.api.post(f"/v1/streams/{stream}/start")
    assert refusal(give(fan, stream)) == (409, "invalid_state"), "its host is not there yet"
    host.api.post(f"/v1/streams/{stream}/end")
    stream = live(stage, host)
    host.api.post(f"/v1/streams/{stream}/end")
    assert refusal(give(fan, stream)) == (409, "invalid_state")


def test_of_a_private_stream_only_who_is_invited_gives_and_sees(stage: Stage, host: Phone, fan: Phone) -> None:
    ann = patron(stage)
    stream = live(stage, host, "private", invited=[ann.id])
    try:
        assert give(ann, stream).status == 201
        assert refusal(give(fan, stream)) == (403, "forbidden")
        for part in ("gifts", "leaderboard"):
            assert refusal(fan.api.send("GET", f"/v1/streams/{stream}/{part}")) == (403, "forbidden")
            assert ann.api.send("GET", f"/v1/streams/{stream}/{part}").status == 200
            assert refusal(stage.api().send("GET", f"/v1/streams/{stream}/{part}")) == (401, "unauthenticated")
    finally:
        host.api.post(f"/v1/streams/{stream}/end")


def test_more_than_thirty_gifts_a_minute_are_too_many(stage: Stage, host: Phone) -> None:
    ann, stream = patron(stage), live(stage, host)
    try:
        answers = [give(ann, stream) for _ in range(31)]
        codes = [refusal(answer) for answer in answers if answer.status != 201]
        assert set(codes) <= {(429, "rate_limited")}
        sent = len(answers) - len(codes)
        assert sent >= 30
        assert codes or float(duration(answers)) >= 60, "or they took longer than a minute"
        assert coins(ann) == 10_000 - 100 * sent
    finally:
        host.api.post(f"/v1/streams/{stream}/end")


def duration(answers: list[Any]) -> float:
    """Seconds between the first gift and the last."""
    from datetime import datetime

    first, last = (datetime.fromisoformat(each.json["at"]) for each in (answers[0], answers[-1]))
    return (last - first).total_seconds()


def test_the_feed_is_paged_and_tells_what_is_new(stage: Stage, host: Phone, fan: Phone) -> None:
    stream = live(stage, host)
    try:
        sent = [give(fan, stream).json for _ in range(3)]
        path = f"/v1/streams/{stream}/gifts"
        page = fan.api.get(f"{path}?limit=2")
        assert [each["id"] for each in page["items"]] == [sent[2]["id"], sent[1]["id"]]
        rest = fan.api.get(f"{path}?limit=2&cursor={page['next_cursor']}")
        assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([sent[0]["id"]], None)
        new = fan.api.get(f"{path}?after={sent[2]['at']}")["items"]
        assert [each["id"] for each in new] == [sent[2]["id"]]
        for query in (
            "limit=0",
            "after=yesterday",
            "cursor=abc",
            f"cursor={page['next_cursor']}&after={sent[0]['at']}",
        ):
            assert refusal(fan.api.send("GET", f"{path}?{query}")) == (422, "invalid")
    finally:
        host.api.post(f"/v1/streams/{stream}/end")


# --- the catalogue -------------------------------------------------------------------------------


def test_the_catalogue_is_for_everybody_and_edited_by_admins(stage: Stage, host: Phone, fan: Phone) -> None:
    shown = stage.api().get("/v1/gifts")["items"]
    assert [(each["id"], each["coins"]) for each in shown][:5] == [
        ("rose", 100),
        ("heart", 500),
        ("star", 1_000),
        ("diamond", 2_500),
        ("crown", 5_000),
    ]
    gift = f"g{uuid4().hex[:12]}"
    stage.admin("gifts", "set", gift, "--name", "Lily", "--coins", "7", *WHY)
    stream = live(stage, host)
    try:
        assert give(fan, stream, gift).json["coins"] == 7
        stage.admin("gifts", "stop", gift, *WHY)
        assert refusal(give(fan, stream, gift)) == (409, "invalid_state")
        assert gift not in [each["id"] for each in fan.api.get("/v1/gifts")["items"]]
        assert fan.api.get(f"/v1/streams/{stream}/gifts")["items"][0]["gift"] == gift
    finally:
        host.api.post(f"/v1/streams/{stream}/end")


# --- tickets -------------------------------------------------------------------------------------


def test_a_ticket_opens_a_premium_stream_and_is_earned_at_its_end(stage: Stage, host: Phone, fan: Phone) -> None:
    ann, before = patron(stage, 1_000), earned(host)
    stream = made(host, "premium", price=300)
    key = new_key()
    answer = buy(ann, stream, key)
    assert answer.status == 201
    ticket = answer.json
    assert (ticket["stream"], ticket["coins"], ticket["balance"]["amount"]) == (stream, 300, 700)
    assert buy(ann, stream, key).json == ticket
    assert refusal(buy(ann, stream)) == (409, "already_done")
    started(stage, host, stream)
    assert ann.api.post(f"/v1/streams/{stream}/join")["media"]["channel"] == stream
    assert refusal(fan.api.send("POST", f"/v1/streams/{stream}/join")) == (403, "forbidden")
    assert refusal(give(fan, stream)) == (403, "forbidden")
    assert give(ann, stream).status == 201
    host.api.post(f"/v1/streams/{stream}/end")
    assert earned(host) == before + 210 + 70
    assert coins(ann) == 600


def test_a_ticket_comes_back_if_the_stream_never_starts(stage: Stage, host: Phone) -> None:
    ann, before = patron(stage, 1_000), earned(host)
    stream = made(host, "premium", price=300, starts_at=rfc3339(stage.world.now() + DAY))
    assert buy(ann, stream).status == 201
    host.api.post(f"/v1/streams/{stream}/end")
    assert (coins(ann), earned(host)) == (1_000, before)
    kinds = [each["kind"] for each in ann.api.get("/v1/wallet/entries?account=coins")["items"]]
    assert kinds[:2] == ["ticket_back", "ticket"]
    assert refusal(buy(ann, stream)) == (409, "invalid_state")


def test_and_if_its_host_never_comes(stage: Stage, host: Phone) -> None:
    ann, before = patron(stage, 1_000), earned(host)
    stream = made(host, "premium", price=300)
    assert buy(ann, stream).status == 201
    host.api.post(f"/v1/streams/{stream}/start")
    host.api.post(f"/v1/streams/{stream}/end")
    assert (coins(ann), earned(host)) == (1_000, before)


def test_what_cannot_be_a_ticket_is_refused(stage: Stage, host: Phone, fan: Phone) -> None:
    stream = made(host, "premium", price=300)
    path = f"/v1/streams/{stream}/ticket"
    try:
        assert refusal(fan.api.send("POST", path)) == (400, "idempotency_key_required")
        assert refusal(stage.api().send("POST", path, key=new_key())) == (401, "unauthenticated")
        assert refusal(buy(host, stream)) == (403, "forbidden")
        assert refusal(buy(patron(stage, born=None), stream)) == (403, "age_required")
        assert refusal(buy(patron(stage, 299), stream)) == (402, "insufficient_funds")
        assert refusal(buy(fan, "str_00000000000000000000000000")) == (404, "not_found")
    finally:
        host.api.post(f"/v1/streams/{stream}/end")
    public = live(stage, host)
    try:
        assert refusal(buy(fan, public)) == (409, "invalid_state")
    finally:
        host.api.post(f"/v1/streams/{public}/end")
