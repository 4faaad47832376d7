"""Messages over HTTP: a client and a reader write to each other, replies are unlocked, and each refusal is told."""

from __future__ import annotations

from typing import Any, Final

import pytest
import requests

from infra.local.phone import Answer, Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal

WHY: Final = ("--reason", "an end-to-end test", "--yes")
NOWHERE: Final = "/v1/conversations/cnv_00000000000000000000000000"
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(24)
SECRET: Final = "The tower falls on Tuesday."


class Talk:
    """Two phones and their conversation."""

    def __init__(self, client: Phone, reader: Phone) -> None:
        self.client, self.reader = client, reader
        self.row: Json = client.api.post("/v1/conversations", {"reader": reader.id})
        self.path = f"/v1/conversations/{self.row['id']}"

    def send(self, phone: Phone, text: str = "Are you there?", key: str | None = None, **more: Any) -> Answer:
        return phone.api.send("POST", f"{self.path}/messages", {"text": text, **more}, key=key or new_key())

    def sent(self, phone: Phone, text: str = "Are you there?", **more: Any) -> Json:
        answer = self.send(phone, text, **more)
        assert answer.status == 201, answer.text
        message: Json = answer.json
        return message

    def page(self, phone: Phone, query: str = "") -> Json:
        page: Json = phone.api.get(f"{self.path}/messages{query}")
        return page

    def texts(self, phone: Phone, query: str = "") -> list[str | None]:
        return [each["text"] for each in self.page(phone, query)["items"]]

    def seen(self, phone: Phone) -> Json:
        row: Json = phone.api.get(self.path)
        return row


def unlock(phone: Phone, message: Json, key: str | None = None) -> Answer:
    return phone.api.send("POST", f"/v1/messages/{message['id']}/unlock", key=key or new_key())


@pytest.fixture(scope="module")
def reader(stage: Stage) -> Phone:
    return stage.reader()


@pytest.fixture(scope="module")
def stranger(stage: Stage) -> Phone:
    return stage.client()


@pytest.fixture(scope="module")
def talk(stage: Stage, reader: Phone) -> Talk:
    """One for all who mind nothing that others wrote."""
    talk = Talk(stage.client(500), reader)
    talk.sent(talk.client)
    return talk


def test_two_people_write_to_each_other_and_see_what_is_read(stage: Stage, reader: Phone) -> None:
    client = stage.client()
    talk = Talk(client, reader)
    assert client.api.post("/v1/conversations", {"reader": reader.id}) == talk.row
    assert (talk.row["client"]["id"], talk.row["reader"]["id"]) == (client.id, reader.id)
    assert (talk.row["unread"], talk.row["read_up_to"], talk.row["last_message"]) == (0, None, None)
    assert refusal(talk.send(reader)) == (409, "invalid_state"), "no cold calls"

    upload = client.api.post("/v1/uploads", {"media_type": "image/png", "size": len(PNG)})
    posted = requests.post(upload["url"], data=upload["fields"], files={"file": PNG}, timeout=SOON)
    assert posted.status_code == 204, posted.text
    key = new_key()
    first = talk.send(client, "Look at  this\n\n\n\ncard", key, uploads=[upload["id"]])
    assert first.status == 201
    again = talk.send(client, "Look at  this\n\n\n\ncard", key, uploads=[upload["id"]])
    assert (again.headers["idempotency-replayed"], again.json["id"]) == ("true", first.json["id"])
    assert refusal(talk.send(client, "Another word.", key)) == (422, "idempotency_mismatch")
    (found,) = talk.page(reader)["items"]
    assert (found["text"], found["sender"], found["attachment_count"]) == ("Look at this\n\ncard", client.id, 1)
    (file,) = found["attachments"]
    assert (file["id"], file["media_type"], file["size"]) == (upload["id"], "image/png", len(PNG))
    given = requests.get(file["url"], timeout=SOON)
    assert (given.content, given.headers["content-disposition"].partition(";")[0]) == (PNG, "attachment")

    second = talk.sent(client, "It is the Tower")
    assert (talk.seen(reader)["unread"], talk.seen(client)["unread"]) == (2, 0)
    read = reader.api.post(f"{talk.path}/read", {"up_to": found["id"]})
    assert (read["unread"], talk.seen(client)["read_up_to"]) == (1, found["id"])
    reader.api.post(f"{talk.path}/read", {"up_to": second["id"]})
    assert reader.api.post(f"{talk.path}/read", {"up_to": found["id"]})["unread"] == 0
    assert talk.seen(client)["read_up_to"] == second["id"]
    answer = talk.sent(reader, "THE TOWER it is")
    assert (answer["price"], answer["locked"]) == (None, False)

    page = talk.page(client, "?limit=2")
    assert [each["text"] for each in page["items"]] == ["THE TOWER it is", "It is the Tower"]
    rest = talk.page(client, f"?limit=2&cursor={page['next_cursor']}")
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([found["id"]], None)
    assert talk.texts(client, "?q=the%20tower") == ["THE TOWER it is", "It is the Tower"]
    assert talk.texts(client, "?q=moon") == []
    for query in ("?limit=0", "?q=", "?cursor=abc", f"?q=tower&cursor={page['next_cursor']}"):
        assert refusal(client.api.send("GET", f"{talk.path}/messages{query}")) == (422, "invalid")


def test_each_side_lists_its_conversations_the_last_written_in_first(stage: Stage, talk: Talk) -> None:
    other = Talk(stage.client(), talk.reader)
    talk.sent(talk.client)
    page = talk.reader.api.get("/v1/conversations?as=reader&limit=1")
    assert page["items"] == [talk.seen(talk.reader)]
    following = talk.reader.api.get(f"/v1/conversations?as=reader&limit=1&cursor={page['next_cursor']}")
    assert following["items"] == [other.seen(talk.reader)]
    assert [each["id"] for each in talk.client.api.get("/v1/conversations")["items"]] == [talk.row["id"]]
    assert talk.reader.api.get("/v1/conversations")["items"] == []
    assert refusal(talk.client.api.send("GET", "/v1/conversations?as=admin")) == (422, "invalid")


def test_a_paid_reply_says_nothing_before_it_is_unlocked_and_costs_a_dollar_once(stage: Stage, reader: Phone) -> None:
    client = stage.client(500)
    talk = Talk(client, reader)
    talk.sent(client)
    before = int(reader.api.get("/v1/reader/earnings")["balance"]["amount"])
    own = talk.sent(reader, SECRET, price=100)
    assert (own["text"], own["price"]["amount"], own["locked"]) == (SECRET, 100, True)
    page = client.api.send("GET", f"{talk.path}/messages")
    assert SECRET not in page.text
    (locked, _) = page.json["items"]
    assert (locked["text"], locked["attachments"], locked["locked"]) == (None, [], True)
    assert talk.texts(client, "?q=tower") == []
    assert SECRET not in client.api.send("GET", "/v1/conversations").text

    key = new_key()
    opened = unlock(client, own, key)
    assert (opened.status, opened.json["text"], opened.json["locked"]) == (200, SECRET, False)
    assert unlock(client, own, key).json == unlock(client, own).json == opened.json
    assert talk.texts(client)[0] == SECRET
    assert client.credit() == 400
    (entry,) = [
        each for each in client.api.get("/v1/wallet/entries?account=credit")["items"] if each["kind"] == "reply"
    ]
    assert (entry["amount"]["amount"], entry["reference"]) == (-100, own["id"])
    earnings = reader.api.get(f"/v1/reader/earnings?year={own['at'][:4]}")
    assert int(earnings["balance"]["amount"]) == before + 70
    assert earnings["statement"]["replies"]["amount"] >= 70

    (row,) = stage.admin("messages", "show", own["id"])["rows"]
    assert (row["entry"], row["price"], "text" in row) == (entry["id"], 100, False)
    (back,) = stage.admin("messages", "refund", own["id"], *WHY)["rows"]
    assert back["refunded_at"]
    assert (client.credit(), int(reader.api.get("/v1/reader/earnings")["balance"]["amount"])) == (500, before)


def test_who_may_not_write_or_read_is_told_why(stage: Stage, talk: Talk, stranger: Phone) -> None:
    client, reader, messages = talk.client, talk.reader, f"{talk.path}/messages"
    body = {"text": "hi there"}
    assert refusal(stage.api().send("POST", messages, body, key=new_key())) == (401, "unauthenticated")
    assert refusal(client.api.send("POST", messages, body)) == (400, "idempotency_key_required")
    assert refusal(client.api.send("POST", messages, content=b"{", key=new_key())) == (400, "malformed")
    for wrong in ({}, {"text": " \u200b"}, {"text": "x" * 4_001}, {"text": 1}, {"text": "hi", "price": 99}):
        assert refusal(client.api.send("POST", messages, wrong, key=new_key())) == (422, "invalid")
    assert refusal(client.api.send("POST", messages, {"text": "hi", "to": "x"}, key=new_key())) == (422, "invalid")
    assert refusal(talk.send(client, price=100)) == (403, "forbidden")
    assert refusal(talk.send(client, uploads=["upl_00000000000000000000000000"])) == (404, "not_found")
    assert refusal(talk.send(stranger)) == (403, "forbidden")
    for path in (talk.path, messages, f"{messages}?q=hi"):
        assert refusal(stranger.api.send("GET", path)) == (403, "forbidden")
        assert refusal(stage.api().send("GET", path)) == (401, "unauthenticated")
    assert refusal(stranger.api.send("POST", f"{talk.path}/read", {"up_to": "msg_x"})) == (403, "forbidden")
    assert refusal(client.api.send("POST", f"{talk.path}/read", {"up_to": "msg_x"})) == (404, "not_found")
    assert refusal(client.api.send("POST", f"{talk.path}/read", {})) == (422, "invalid")
    for path in (NOWHERE, f"{NOWHERE}/messages"):
        assert refusal(client.api.send("GET", path)) == (404, "not_found")
    assert refusal(client.api.send("POST", f"{NOWHERE}/messages", body, key=new_key())) == (404, "not_found")
    for who, status, code in (
        (reader.id, 422, "invalid"),
        (client.id, 404, "not_found"),
        ("", 422, "invalid"),
    ):
        assert refusal(reader.api.send("POST", "/v1/conversations", {"reader": who})) == (status, code)
    assert len(talk.page(client)["items"]) == len(talk.page(reader)["items"])


def test_what_cannot_be_unlocked_is_refused_and_costs_nothing(stage: Stage, reader: Phone, stranger: Phone) -> None:
    client = stage.client()
    talk = Talk(client, reader)
    free = talk.sent(client)
    replies = [talk.sent(reader, f"{SECRET} {number}", price=100) for number in range(3)]
    assert refusal(talk.send(reader, price=100)) == (409, "invalid_state"), "three wait"
    path = f"/v1/messages/{replies[0]['id']}/unlock"
    assert refusal(client.api.send("POST", path)) == (400, "idempotency_key_required")
    assert refusal(stage.api().send("POST", path, key=new_key())) == (401, "unauthenticated")
    for phone in (reader, stranger):
        assert refusal(unlock(phone, replies[0])) == (403, "forbidden")
    assert refusal(unlock(client, free)) == (409, "invalid_state")
    assert refusal(unlock(client, {"id": "msg_00000000000000000000000000"})) == (404, "not_found")
    assert refusal(unlock(client, replies[0])) == (402, "insufficient_funds")
    client.top_up(500)
    until("the credit of the top-up", lambda: client.credit() == 500, seconds=SOON)
    stage.admin("wallet", "freeze", client.id, *WHY)
    assert refusal(unlock(client, replies[0])) == (423, "wallet_frozen")
    stage.admin("wallet", "unfreeze", client.id, *WHY)
    reader.api.post("/v1/me/blocks", {"user": client.id})
    assert refusal(unlock(client, replies[0])) == (403, "blocked")
    for phone in (client, reader):
        assert refusal(talk.send(phone)) == (403, "blocked")
    assert len(talk.page(client)["items"]) == 4, "what is there may be read"
    reader.api.call("DELETE", f"/v1/me/blocks/{client.id}")
    assert client.credit() == 500
    assert unlock(client, replies[0]).status == 200
    client.api.put("/v1/me/limits", {"day": 100, "week": None, "month": None, "self_excluded_until": None})
    assert refusal(unlock(client, replies[1])) == (402, "spending_limit_reached")
    assert talk.texts(client) == [None, None, f"{SECRET} 0", "Are you there?"]
    assert client.credit() == 400
