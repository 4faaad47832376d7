"""Moderation over HTTP: what people report, admins decide and authors appeal against, with every refusal."""

from __future__ import annotations

from typing import Any, Final

import pytest

from infra.local.phone import Answer, Json, Phone, new_key
from tests.e2e.stage import Stage, refusal

WHY: Final = ("--reason", "an end-to-end test", "--yes")
NOBODY: Final = "00000000000000000000000000"
QUEUE: Final = "/v1/moderation"


@pytest.fixture(scope="module")
def author(stage: Stage) -> Phone:
    return stage.client()


@pytest.fixture(scope="module")
def crowd(stage: Stage) -> list[Phone]:
    """Who report it."""
    return [stage.client() for _ in range(4)]


@pytest.fixture(scope="module")
def eva(stage: Stage) -> Phone:
    """An admin."""
    phone = stage.client()
    stage.admin("people", "make-admin", phone.id, *WHY)
    return phone


def thread(author: Phone) -> tuple[str, str]:
    """A new one, and the post that opens it."""
    wanted = {"category": "general", "title": "Good evening", "text": "Buy my soap."}
    made: Json = author.api.post("/v1/threads", wanted)
    return made["id"], made["post"]


def report(phone: Phone, item: str, **more: Any) -> Answer:
    return phone.api.send("POST", "/v1/reports", {"item": item, "reason": "spam"} | more)


def decide(phone: Phone, case: str, verb: str, **said: Any) -> Answer:
    return phone.api.send("POST", f"{QUEUE}/{case}/{verb}", {"reason": "ticket 7"} | said)


def appeal(phone: Phone, item: str, text: str = "It is a gift.") -> Answer:
    return phone.api.send("POST", "/v1/appeals", {"item": item, "text": text})


def case_of(eva: Phone, item: str, state: str = "pending") -> Json:
    """The case that waits."""
    cursor = ""
    for _ in range(20):
        page = eva.api.get(f"{QUEUE}?state={state}&limit=100{cursor}")
        for case in page["items"]:
            if case["item"] == item:
                found: Json = case
                return found
        cursor = f"&cursor={page['next_cursor']}"
        if page["next_cursor"] is None:
            break
    raise AssertionError("it does not wait")


def notices(stage: Stage, phone: Phone) -> list[str]:
    """The kinds of what moderation has them told."""
    rows = stage.world.tables.query(stage.world.settings.tables.notices, ("pk", phone.id)).items
    return [row["kind"] for row in rows]


def test_three_reports_hide_a_thread_until_an_admin_decides(
    stage: Stage, author: Phone, crowd: list[Phone], eva: Phone
) -> None:
    item, post = thread(author)
    ann, bea, cid, dan = crowd
    first = report(ann, item, text="It is an advertisement.")
    assert (first.status, first.json["item"], first.json["reason"]) == (201, post, "spam")
    assert report(ann, post, text="It is an advertisement.").json == first.json
    assert refusal(report(ann, item)) == (409, "already_done")
    assert refusal(report(author, item)) == (403, "forbidden")
    assert refusal(report(ann, f"pst_{NOBODY}")) == (404, "not_found")
    assert report(bea, item, reason="fraud").status == 201
    assert dan.api.send("GET", f"/v1/threads/{item}").status == 200
    assert report(cid, item).status == 201
    assert refusal(dan.api.send("GET", f"/v1/threads/{item}")) == (404, "not_found")
    assert author.api.get(f"/v1/threads/{item}")["thread"]["standing"] == "hidden"
    assert refusal(report(dan, item)) == (403, "forbidden")

    case = case_of(eva, post)
    assert (case["kind"], case["author"], case["state"]) == ("post", author.id, "pending")
    assert (case["reports"], case["reasons"], case["hidden"]) == (3, {"spam": 2, "fraud": 1}, True)
    detail = eva.api.get(f"{QUEUE}/{case['id']}")
    assert "Buy my soap." in detail["thing"]["text"]
    assert detail["thing"]["standing"] == "hidden"
    assert [each["by"] for each in detail["said"]] == [ann.id, bea.id, cid.id]
    assert detail["said"][0]["text"] == "It is an advertisement."
    assert ann.id not in author.api.send("GET", f"/v1/threads/{item}").text

    dismissed = decide(eva, case["id"], "dismiss")
    assert (dismissed.status, dismissed.json["state"]) == (200, "dismissed")
    assert decide(eva, case["id"], "dismiss").json == dismissed.json
    assert refusal(decide(eva, case["id"], "resolve", action="hide")) == (409, "already_done")
    assert dan.api.get(f"/v1/threads/{item}")["thread"]["standing"] == "shown"
    assert report(dan, item).status == 201
    again = case_of(eva, post)
    assert (again["round"], again["reports"]) == (2, 1)
    assert {"content_hidden", "content_restored"} <= set(notices(stage, author))
    assert "report_decided" in notices(stage, ann)


def test_what_was_removed_comes_back_by_an_appeal_that_is_granted_once(
    stage: Stage, author: Phone, crowd: list[Phone], eva: Phone
) -> None:
    item, post = thread(author)
    ann, bea, *_ = crowd
    assert refusal(appeal(author, item)) == (404, "not_found")
    assert report(ann, item, reason="hate").status == 201
    case = case_of(eva, post)["id"]
    assert refusal(decide(eva, case, "resolve", action="uphold")) == (409, "invalid_state")
    resolved = decide(eva, case, "resolve", action="remove", rule="hate")
    assert resolved.json["decision"] | {"at": ""} == {
        "action": "remove",
        "by": eva.id,
        "reason": "ticket 7",
        "rule": "hate",
        "at": "",
    }
    assert refusal(bea.api.send("GET", f"/v1/threads/{item}")) == (404, "not_found")
    assert refusal(appeal(bea, item)) == (404, "not_found")
    made = appeal(author, item)
    assert (made.status, made.json["case"], made.json["granted"]) == (201, case, None)
    assert appeal(author, post).json == made.json
    assert refusal(appeal(author, item, "Please.")) == (409, "already_done")
    assert case_of(eva, post, "appealed")["appeal"]["text"] == "It is a gift."
    assert refusal(decide(eva, case, "resolve", action="hide")) == (409, "invalid_state")
    shown = stage.admin("moderation", "show", case)["rows"][0]
    assert (shown["state"], shown["appeal"]["text"]) == ("appealed", "It is a gift.")
    stage.admin("moderation", "dismiss", case, *WHY)
    assert bea.api.get(f"/v1/threads/{item}")["thread"]["standing"] == "shown"
    assert appeal(author, item).json["granted"] is True
    assert {"content_removed", "appeal_decided"} <= set(notices(stage, author))


def test_who_is_suspended_may_appeal_and_nothing_else(stage: Stage, crowd: list[Phone], eva: Phone) -> None:
    ann, reader = crowd[0], stage.reader()
    item, post = thread(reader)
    conversation = ann.api.post("/v1/conversations", {"reader": reader.id})["id"]
    message = reader_message(ann, reader, conversation)
    assert refusal(report_message(reader, message)) == (403, "forbidden")
    assert refusal(report_message(crowd[1], message)) == (403, "forbidden")
    assert refusal(report_message(ann, post)) == (404, "not_found")
    assert refusal(report_message(ann, message, reason="boredom")) == (422, "invalid")
    assert report_message(ann, message).status == 201
    case = case_of(eva, message)
    assert eva.api.get(f"{QUEUE}/{case['id']}")["thing"]["text"] == "Buy my soap."
    assert decide(eva, case["id"], "resolve", action="suspend").status == 200
    assert refusal(reader.api.send("GET", f"/v1/threads/{item}")) == (403, "account_suspended")
    assert refusal(stage.api().send("GET", f"/v1/readers/{reader.id}")) == (404, "not_found")
    assert refusal(report(reader, ann.id)) == (403, "account_suspended")
    assert appeal(reader, message).status == 201
    assert decide(eva, case["id"], "dismiss").json["appeal"]["granted"] is True
    assert reader.api.send("GET", f"/v1/threads/{item}").status == 200
    kinds = notices(stage, reader)
    assert kinds.count("account_suspended") == kinds.count("content_restored") == 1


def reader_message(ann: Phone, reader: Phone, conversation: str) -> str:
    """The reader answers what was written to them."""
    path = f"/v1/conversations/{conversation}/messages"
    ann.api.post(path, {"text": "Hello"})
    return str(reader.api.post(path, {"text": "Buy my soap."})["id"])


def report_message(phone: Phone, message: str, **more: Any) -> Answer:
    return phone.api.send("POST", f"/v1/messages/{message}/report", {"reason": "spam"} | more)


def test_what_cannot_be_hidden_is_warned_about(stage: Stage, author: Phone, crowd: list[Phone], eva: Phone) -> None:
    ann = crowd[0]
    assert report(ann, author.id, reason="harassment").status == 201
    case = case_of(eva, author.id)["id"]
    for action in ("hide", "remove"):
        assert refusal(decide(eva, case, "resolve", action=action)) == (409, "invalid_state")
    stage.admin("moderation", "resolve", case, "--action", "warn", *WHY)
    assert "warned" in notices(stage, author)
    assert author.api.get("/v1/me")["status"] == "active"
    assert report(ann, eva.id, reason="other").status == 201
    own = case_of(eva, eva.id)["id"]
    assert refusal(decide(eva, own, "dismiss")) == (403, "forbidden")
    stage.admin("moderation", "dismiss", own, *WHY)


def test_what_does_not_fit_is_refused(stage: Stage, author: Phone, eva: Phone) -> None:
    nowhere = f"{QUEUE}/cas_{NOBODY}"
    for path, method, body in (
        ("/v1/reports", "POST", {"item": author.id, "reason": "spam"}),
        ("/v1/appeals", "POST", {"item": author.id, "text": "x"}),
        (f"/v1/messages/msg_{NOBODY}/report", "POST", {"reason": "spam"}),
        (QUEUE, "GET", None),
        (nowhere, "GET", None),
        (f"{nowhere}/resolve", "POST", {"action": "hide", "reason": "ticket 7"}),
        (f"{nowhere}/dismiss", "POST", {"reason": "ticket 7"}),
    ):
        assert refusal(stage.api().send(method, path, body)) == (401, "unauthenticated")
        if path.startswith(QUEUE):
            assert refusal(author.api.send(method, path, body)) == (403, "forbidden")
            if path != QUEUE:
                assert refusal(eva.api.send(method, path, body)) == (404, "not_found")
    for path, bodies in (
        ("/v1/reports", ({"item": author.id}, {"item": author.id, "reason": "boredom"}, {"reason": "spam"})),
        ("/v1/reports", ({"item": author.id, "reason": "spam", "text": "x" * 2_001},)),
        ("/v1/appeals", ({"item": author.id}, {"item": author.id, "text": " "}, {"item": author.id, "text": ""})),
        (f"{nowhere}/resolve", ({"action": "ban", "reason": "ticket 7"}, {"action": "hide"}, {"reason": "ticket 7"})),
        (f"{nowhere}/dismiss", ({}, {"reason": "x"}, {"reason": "a\nb c"}, {"reason": "x" * 501})),
    ):
        for wrong in bodies:
            assert refusal(eva.api.send("POST", path, wrong, key=new_key())) == (422, "invalid"), wrong
    for query in ("limit=0", "state=resolved", "kind=bok", "cursor=abc"):
        assert refusal(eva.api.send("GET", f"{QUEUE}?{query}")) == (422, "invalid")
