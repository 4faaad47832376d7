"""The community over HTTP: one evening of four people, through every endpoint and its refusals."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import pytest
import requests

from infra.local.phone import Answer, Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal

WHY: Final = ("--reason", "an end-to-end test", "--yes")
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(60)
NOBODY: Final = "00000000000000000000000000"


@pytest.fixture(scope="module")
def ann(stage: Stage) -> Phone:
    return stage.client()


@pytest.fixture(scope="module")
def ben(stage: Stage) -> Phone:
    return stage.client()


@pytest.fixture(scope="module")
def rita(stage: Stage) -> Phone:
    return stage.reader()


@pytest.fixture(scope="module")
def eva(stage: Stage) -> Phone:
    phone = stage.client()
    stage.admin("people", "make-admin", phone.id, *WHY)
    return phone


def open_thread(phone: Phone, *, key: str | None = None, **said: Any) -> Answer:
    wanted = {"category": "general", "title": "Good evening", "text": "Hello"} | said
    return phone.api.send("POST", "/v1/threads", wanted, key=key or new_key())


def opened(phone: Phone, **said: Any) -> Json:
    answer = open_thread(phone, **said)
    assert answer.status == 201, answer.text
    thread: Json = answer.json
    return thread


def write(phone: Phone, thread: str, text: str, *, key: str | None = None, **more: Any) -> Answer:
    return phone.api.send("POST", f"/v1/threads/{thread}/posts", {"text": text} | more, key=key or new_key())


def wrote(phone: Phone, thread: str, text: str, **more: Any) -> Json:
    answer = write(phone, thread, text, **more)
    assert answer.status == 201, answer.text
    post: Json = answer.json
    return post


def texts(phone: Phone, thread: str) -> list[str]:
    return [each["text"] for each in phone.api.get(f"/v1/threads/{thread}")["items"]]


def posted(phone: Phone, content: bytes) -> str:
    """The id of a file that was uploaded."""
    form = phone.api.post("/v1/uploads", {"media_type": "image/png", "size": len(content)})
    answer = requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=SOON)
    assert answer.status_code == 204, answer.text
    return str(form["id"])


def test_a_thread_is_opened_answered_edited_and_deleted(stage: Stage, ann: Phone, ben: Phone, eva: Phone) -> None:
    key, names = new_key(), {each.id: each.api.get("/v1/me")["display_name"] for each in (ann, ben)}
    said = {"title": f"Evening {uuid4().hex}", "text": "I **like** it\n\n<script>alert(1)</script>"}
    upload = posted(ann, PNG)
    answer = open_thread(ann, key=key, uploads=[upload], **said)
    thread = answer.json
    assert (answer.status, open_thread(ann, key=key, uploads=[upload], **said).json) == (201, thread)
    assert (thread["title"], thread["posts"], thread["standing"]) == (said["title"], 1, "shown")
    assert thread["author"] == {"id": ann.id, "display_name": names[ann.id]}
    path = f"/v1/threads/{thread['id']}"
    (first,) = ben.api.get(path)["items"]
    assert (first["id"], first["text"]) == (thread["post"], said["text"])
    assert first["html"] == "<p>I <strong>like</strong> it</p>\n<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    (file,) = first["attachments"]
    assert (file["id"], file["media_type"], file["size"]) == (upload, "image/png", len(PNG))
    assert requests.get(file["url"], timeout=SOON).content == PNG

    post = wrote(ben, thread["id"], "Me too")
    reply = wrote(ann, thread["id"], "Good", parent=post["id"])
    assert (post["parent"], reply["parent"]) == (None, post["id"])
    page = ben.api.get(f"{path}?limit=2")
    assert ([each["text"] for each in page["items"]], page["thread"]["posts"]) == ([said["text"], "Me too"], 3)
    rest = ben.api.get(f"{path}?limit=2&cursor={page['next_cursor']}")
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([reply["id"]], None)

    changed = ben.api.call("PATCH", f"/v1/posts/{post['id']}", {"text": "Me, too"})
    assert (changed["text"], changed["edited_at"] is None) == ("Me, too", False)
    for phone in (ben, eva):
        (before,) = phone.api.get(f"/v1/posts/{post['id']}/edits")["items"]
        assert (before["number"], before["text"], before["title"]) == (1, "Me too", None)
    renamed = ann.api.call("PATCH", f"/v1/posts/{thread['post']}", {"title": "A good evening"})
    assert (renamed["text"], ann.api.get(path)["thread"]["title"]) == (said["text"], "A good evening")

    for _ in range(2):
        assert ben.api.send("DELETE", f"/v1/posts/{post['id']}").status == 204
    gone = ann.api.get(path)["items"][1]
    assert (gone["deleted"], gone["text"], gone["html"], gone["author"]) == (True, "", "", None)
    assert ann.api.send("DELETE", f"/v1/posts/{thread['post']}").status == 204
    assert requests.get(file["url"], timeout=SOON).status_code == 404
    closed = ben.api.get(path)["thread"]
    assert (closed["title"], closed["author"], closed["posts"]) == (None, None, 1)
    assert refusal(write(ben, thread["id"], "Still there?")) == (409, "invalid_state")
    assert ann.api.send("DELETE", f"/v1/posts/{reply['id']}").status == 204
    assert refusal(ann.api.send("GET", path)) == (404, "not_found")


def test_categories_say_who_writes_where(ann: Phone, rita: Phone, eva: Phone) -> None:
    def rights(phone: Phone) -> dict[str, tuple[bool, bool]]:
        found = phone.api.get("/v1/categories")["items"]
        return {each["id"]: (each["you_may_open"], each["you_may_answer"]) for each in found}

    assert list(rights(ann)) == ["general", "readings", "spiritual-growth", "ask-a-reader", "announcements"]
    assert (rights(ann)["ask-a-reader"], rights(rita)["ask-a-reader"]) == ((True, False), (True, True))
    assert (rights(ann)["announcements"], rights(eva)["announcements"]) == ((False, True), (True, True))
    assert refusal(open_thread(ann, category="announcements")) == (403, "forbidden")
    news = opened(eva, category="announcements", title=f"News {uuid4().hex}")
    assert wrote(ann, news["id"], "Thank you")["thread"] == news["id"]
    question = opened(ann, category="ask-a-reader", title=f"Question {uuid4().hex}")
    assert refusal(write(ann, question["id"], "Anybody?")) == (403, "forbidden")
    answer = wrote(rita, question["id"], "Yes")
    assert wrote(ann, question["id"], "Thank you", parent=answer["id"])["parent"] == answer["id"]
    path = "/v1/threads?category=ask-a-reader"
    until("the list", lambda: ann.api.get(path)["items"][0]["id"] == question["id"], seconds=SOON)
    first = ann.api.get(f"{path}&limit=1")
    assert [each["title"] for each in first["items"]] == [question["title"]]
    for query in ("", "?category=none", "?category=general&limit=0", "?category=general&cursor=abc"):
        assert refusal(ann.api.send("GET", f"/v1/threads{query}")) == (422, "invalid")


def test_two_who_are_apart_see_nothing_of_each_other(stage: Stage, ann: Phone) -> None:
    cy = stage.client()
    of_ann = opened(ann, category="readings")
    thread = opened(stage.client(), category="readings")
    post = wrote(cy, thread["id"], "A word of Cy's")
    ann.api.post("/v1/me/blocks", {"user": cy.id})
    assert refusal(cy.api.send("GET", f"/v1/threads/{of_ann['id']}")) == (403, "blocked")
    assert refusal(write(cy, of_ann["id"], "Hello?")) == (403, "blocked")
    assert refusal(write(ann, thread["id"], "Hello?", parent=post["id"])) == (403, "blocked")
    assert (texts(ann, thread["id"]), texts(cy, thread["id"])) == (["Hello"], ["Hello", "A word of Cy's"])
    listed = cy.api.get("/v1/threads?category=readings")["items"]
    assert of_ann["id"] not in [each["id"] for each in listed]


def test_what_cannot_be_written_is_refused(stage: Stage, ann: Phone, ben: Phone) -> None:
    word = f"w{uuid4().hex[:12]}x"
    stage.admin("words", "add", word, *WHY)
    thread = opened(ann)
    post = wrote(ann, thread["id"], "An answer")
    reply = wrote(ben, thread["id"], "A reply", parent=post["id"])
    posts, unwelcome = f"/v1/threads/{thread['id']}/posts", f"So {word.upper()}!"
    wanted = {"category": "general", "title": "Good evening", "text": "Hello"}
    nowhere = ("thr_" + NOBODY, "pst_" + NOBODY)
    for answer in (
        open_thread(ann, text=unwelcome),
        open_thread(ann, title=unwelcome),
        open_thread(ann, title="ab"),
        open_thread(ann, text=" "),
        open_thread(ann, category="none"),
        open_thread(ann, uploads=[posted(ann, b"<svg onload=alert(1)>")]),
        write(ann, thread["id"], unwelcome),
        write(ann, thread["id"], "A reply", parent=reply["id"]),
        write(ann, thread["id"], "A reply", parent=nowhere[1]),
        ann.api.send("PATCH", f"/v1/posts/{post['id']}", {"text": unwelcome}),
        ann.api.send("PATCH", f"/v1/posts/{post['id']}", {"title": "An answer has none"}),
    ):
        assert refusal(answer) == (422, "invalid")
        assert word not in answer.text.lower()
    for answer in (
        write(ann, nowhere[0], "Hello?"),
        open_thread(ann, uploads=[posted(ben, PNG)]),
        ann.api.send("GET", f"/v1/threads/{nowhere[0]}"),
        ann.api.send("PATCH", f"/v1/posts/{nowhere[1]}", {"text": "Hello?"}),
        ann.api.send("DELETE", f"/v1/posts/{nowhere[1]}"),
        ann.api.send("GET", f"/v1/posts/{nowhere[1]}/edits"),
    ):
        assert refusal(answer) == (404, "not_found")
    for answer in (
        ben.api.send("PATCH", f"/v1/posts/{post['id']}", {"text": "Mine"}),
        ben.api.send("DELETE", f"/v1/posts/{post['id']}"),
        ben.api.send("GET", f"/v1/posts/{post['id']}/edits"),
    ):
        assert refusal(answer) == (403, "forbidden")
    for path, body in (("/v1/threads", wanted), (posts, {"text": "Hello"})):
        assert refusal(ann.api.send("POST", path, body)) == (400, "idempotency_key_required")
        assert refusal(stage.api().send("POST", path, body, key=new_key())) == (401, "unauthenticated")
    assert refusal(stage.api().send("GET", f"/v1/threads/{thread['id']}")) == (401, "unauthenticated")
    assert texts(ben, thread["id"]) == ["Hello", "An answer", "A reply"]
