"""Files that people send, and whatever else they write, over HTTP: given back as it was, never as a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from chalicelib.kernel.text import document, paragraphs
from infra.local.phone import Answer, Json, Phone
from tests.e2e.stage import SOON, Stage, refusal
from tests.support.corpus import SHORT

GIF = b"GIF89a/*\x00\x00*/=1;alert(document.domain)//<script>alert(1)</script>" + bytes(40)
LONGEST = {"message": 4_000, "post": 10_000}


def form(phone: Phone, content: bytes, media_type: str = "image/gif") -> Json:
    made: Json = phone.api.post("/v1/uploads", {"media_type": media_type, "size": len(content)})
    return made


def posted(made: Json, content: bytes, **fields: str) -> int:
    """The status with which the bucket answers."""
    return requests.post(made["url"], data=made["fields"] | fields, files={"file": content}, timeout=SOON).status_code


def uploaded(phone: Phone, content: bytes, media_type: str = "image/gif") -> str:
    """The id of an upload that the bucket took."""
    made = form(phone, content, media_type)
    assert posted(made, content) == 204
    return str(made["id"])


@pytest.fixture(scope="module")
def writer(stage: Stage) -> Phone:
    return stage.client()


@pytest.fixture(scope="module")
def conversation(stage: Stage, writer: Phone) -> str:
    """The path of the writer's messages to a reader."""
    made = writer.api.post("/v1/conversations", {"reader": stage.reader().id})
    return f"/v1/conversations/{made['id']}/messages"


def sent(phone: Phone, conversation: str, upload: str) -> Answer:
    return phone.api.send("POST", conversation, {"text": "See.", "uploads": [upload]}, key=upload)


def test_a_file_is_sent_and_given_back_to_be_kept_as_what_it_is(writer: Phone, conversation: str) -> None:
    upload = uploaded(writer, GIF)
    message = sent(writer, conversation, upload)
    assert message.status == 201
    (told,) = message.json["attachments"]
    assert (told["id"], told["media_type"], told["size"]) == (upload, "image/gif", len(GIF))
    (listed,) = writer.api.get(f"{conversation}?limit=1")["items"][0]["attachments"]
    given = requests.get(listed["url"], timeout=SOON)
    assert (given.status_code, given.content) == (200, GIF)
    assert given.headers["Content-Type"] == "image/gif"
    assert given.headers["Content-Disposition"] == f'attachment; filename="{upload}.gif"'


def test_the_bucket_takes_no_more_than_was_announced_and_nothing_else(writer: Phone) -> None:
    made = form(writer, GIF)
    assert posted(made, GIF + b"x") >= 400
    assert posted(made, GIF, **{"Content-Type": "text/html"}) >= 400
    assert posted(made, GIF, key="messages/of/somebody") >= 400


def test_what_is_not_what_it_was_said_to_be_or_anothers_or_never_came_is_refused(
    stage: Stage, writer: Phone, conversation: str
) -> None:
    page = uploaded(writer, b"<html><script>alert(1)</script></html>")
    assert refusal(sent(writer, conversation, page)) == (422, "invalid")
    anothers = uploaded(stage.client(), GIF)
    assert refusal(sent(writer, conversation, anothers)) == (404, "not_found")
    assert refusal(sent(writer, conversation, form(writer, GIF)["id"])) == (404, "not_found")


@pytest.mark.parametrize(
    "wanted",
    [
        {"media_type": "image/svg+xml", "size": 10},
        {"media_type": "text/html", "size": 10},
        {"media_type": "image/png", "size": 0},
        {"media_type": "image/png", "size": 10 * 1024 * 1024 + 1},
        {"media_type": "image/png"},
    ],
    ids=str,
)
def test_what_nobody_may_send_has_no_form(stage: Stage, writer: Phone, wanted: Json) -> None:
    assert refusal(writer.api.send("POST", "/v1/uploads", wanted)) == (422, "invalid")
    assert refusal(stage.api().send("POST", "/v1/uploads", wanted)) == (401, "unauthenticated")


def pieces(longest: int) -> Iterator[str]:
    """All of the corpus, in texts of that length at most."""
    piece = ""
    for each in SHORT.values():
        if len(piece) + len(each) + 2 > longest:
            yield piece
            piece = ""
        piece += f"{each}\n\n"
    yield piece


def test_what_people_write_comes_back_as_they_wrote_it(writer: Phone, conversation: str) -> None:
    messages = list(pieces(LONGEST["message"]))
    for piece in messages:
        assert writer.api.post(conversation, {"text": piece})["text"] == paragraphs(piece)
    listed = writer.api.get(f"{conversation}?limit={len(messages)}")["items"]
    assert [each["text"] for each in reversed(listed)] == [paragraphs(piece) for piece in messages]
    for piece in pieces(LONGEST["post"]):
        made = writer.api.post("/v1/threads", {"category": "general", "title": "{{7*7}} =1+1", "text": piece})
        thread = writer.api.get(f"/v1/threads/{made['id']}")
        assert thread["thread"]["title"] == "{{7*7}} =1+1"
        assert thread["items"][0]["text"] == document(piece)
