"""What follows a reading, over HTTP: each endpoint with its refusals, and the admin's side of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

import pytest

from infra.local.people import RATE
from infra.local.phone import Answer, Json, Phone
from tests.e2e.stage import Pair, Stage, refusal

CREDIT: Final = 5_000
SHARE: Final = RATE * 70 // 100
NOWHERE: Final = "/v1/sessions/ses_00000000000000000000000000"
WHY: Final = ("--reason", "e2e: afterwards", "--yes")


def settled(stage: Stage) -> Pair:
    """A reading of one minute, ended by its client and settled at once."""
    pair = Pair(stage, stage.client(CREDIT), stage.reader())
    pair.begin()
    pair.hang_up()
    assert pair.client.do("end")["state"] == "finalized"
    return pair


@pytest.fixture(scope="module")
def over(stage: Stage) -> Iterator[Pair]:
    """One for all who change nothing in it, or each something else."""
    pair = settled(stage)
    yield pair
    pair.part()


@pytest.fixture(scope="module")
def never(stage: Stage) -> Iterator[Pair]:
    """A reading that was asked for and cancelled."""
    with stage.pair(1_000) as pair:
        pair.ask()
        pair.client.do("cancel")
        yield pair


@pytest.fixture(scope="module")
def stranger(stage: Stage) -> Phone:
    return stage.client()


def sent(phone: Phone, path: str, body: object = None, *, method: str = "POST", key: bool = True) -> Answer:
    return phone.api.send(method, path, body, key=str(uuid.uuid4()) if key else None)


def path(pair: Pair, what: str) -> str:
    return f"/v1/sessions/{pair.id}/{what}"


def earned(pair: Pair) -> int:
    return int(pair.reader.api.get("/v1/reader/earnings")["balance"]["amount"])


def rating(pair: Pair) -> tuple[float | None, int]:
    shown = pair.client.api.get(f"/v1/readers/{pair.reader.id}")
    return shown["rating"], shown["reviews"]


BODIES: Final[dict[str, Json]] = {
    "tip": {"amount": 100},
    "review": {"rating": 5},
    "guarantee": {"reason": "Not what I was told."},
    "report": {"reason": "other"},
}


# --- what is refused everywhere ------------------------------------------------------------------


@pytest.mark.parametrize("what", BODIES)
def test_a_stranger_is_403_and_no_reading_is_404(over: Pair, stranger: Phone, what: str) -> None:
    assert refusal(sent(stranger, path(over, what), BODIES[what])) == (403, "forbidden")
    assert refusal(sent(stranger, f"{NOWHERE}/{what}", BODIES[what])) == (404, "not_found")


@pytest.mark.parametrize("what", ["tip", "review", "guarantee"])
def test_the_reader_is_403(over: Pair, what: str) -> None:
    assert refusal(sent(over.reader, path(over, what), BODIES[what])) == (403, "forbidden")


@pytest.mark.parametrize("what", ["tip", "review", "guarantee"])
def test_before_it_is_settled_and_where_it_never_began_it_is_409(stage: Stage, never: Pair, what: str) -> None:
    assert refusal(sent(never.client, path(never, what), BODIES[what])) == (409, "invalid_state")


def test_an_open_reading_is_reported_and_noted_but_neither_tipped_nor_reviewed(stage: Stage) -> None:
    with stage.pair(1_000) as pair:
        pair.ask()
        for what in ("tip", "review", "guarantee"):
            assert refusal(sent(pair.client, path(pair, what), BODIES[what])) == (409, "invalid_state")
        assert sent(pair.client, path(pair, "report"), BODIES["report"]).status == 201
        assert sent(pair.client, path(pair, "note"), {"text": "Ask about it."}, method="PUT").status == 200


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("tip", {"amount": 99}),
        ("tip", {"amount": 50_001}),
        ("tip", {"amount": "500"}),
        ("tip", {"amount": 500, "to": "me"}),
        ("review", {"rating": 0}),
        ("review", {"rating": 6}),
        ("review", {"rating": 4.5}),
        ("review", {"text": "No rating."}),
        ("review", {"rating": 5, "text": "x" * 2_001}),
        ("guarantee", {}),
        ("guarantee", {"reason": ""}),
        ("guarantee", {"reason": " \n "}),
        ("guarantee", {"reason": "x" * 2_001}),
        ("report", {"reason": "boredom"}),
        ("report", {"text": "No reason."}),
        ("report", {"reason": "other", "text": "x" * 2_001}),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_does_not_fit_is_422(over: Pair, what: str, body: Json) -> None:
    assert refusal(sent(over.client, path(over, what), body)) == (422, "invalid")


def test_without_a_token_only_the_reviews_are_read(stage: Stage, over: Pair) -> None:
    nobody = Phone(stage.api())
    for what, body in BODIES.items():
        assert refusal(sent(nobody, path(over, what), body)) == (401, "unauthenticated")
    for what in ("note", "guarantee"):
        assert refusal(sent(nobody, path(over, what), method="GET")) == (401, "unauthenticated")
    assert nobody.api.get(f"/v1/readers/{over.reader.id}/reviews")["next_cursor"] is None


# --- tip -----------------------------------------------------------------------------------------


def test_a_tip_moves_at_once_70_percent_to_the_reader(stage: Stage) -> None:
    pair = settled(stage)
    before = pair.receipt()
    key = str(uuid.uuid4())
    first = pair.client.api.send("POST", path(pair, "tip"), {"amount": 333}, key=key)
    assert first.status == 201
    assert (first.json["session"], first.json["amount"]) == (pair.id, {"amount": 333, "currency": "usd"})
    again = pair.client.api.send("POST", path(pair, "tip"), {"amount": 333}, key=key)
    assert (again.status, again.json) == (201, first.json)
    other = pair.client.api.send("POST", path(pair, "tip"), {"amount": 334}, key=key)
    assert refusal(other) == (422, "idempotency_mismatch")
    assert (pair.client.credit(), earned(pair)) == (CREDIT - RATE - 333, SHARE + 233)
    newest = pair.client.api.get("/v1/wallet/entries?limit=1")["items"][0]
    assert (newest["kind"], newest["description"], newest["reference"]) == ("tip", "Tip", pair.id)
    assert pair.receipt() == before
    assert refusal(sent(pair.client, path(pair, "tip"), {"amount": 50_000})) == (402, "insufficient_funds")
    assert (pair.client.credit(), earned(pair)) == (CREDIT - RATE - 333, SHARE + 233)
    pair.part()


def test_a_tip_without_a_key_is_400(over: Pair) -> None:
    answer = sent(over.client, path(over, "tip"), BODIES["tip"], key=False)
    assert refusal(answer) == (400, "idempotency_key_required")


# --- review --------------------------------------------------------------------------------------


def test_a_review_is_public_once_and_its_reader_replies_once(stage: Stage) -> None:
    pair = settled(stage)
    said = {"rating": 4, "text": "A quiet hour.\n\nThank you."}
    review = sent(pair.client, path(pair, "review"), said, key=False)
    assert review.status == 201
    first_word = pair.client.me["display_name"].split()[0]
    assert (review.json["rating"], review.json["text"], review.json["author"]) == (4, said["text"], first_word)
    assert pair.client.id not in review.text
    assert sent(pair.client, path(pair, "review"), said).json == review.json
    assert refusal(sent(pair.client, path(pair, "review"), said | {"rating": 1})) == (409, "already_done")
    assert rating(pair) == (4.0, 1)

    reply = f"/v1/reviews/{review.json['id']}/reply"
    assert refusal(sent(pair.client, reply, {"text": "Me too."})) == (403, "forbidden")
    assert refusal(sent(stage.reader(), reply, {"text": "Not mine."})) == (403, "forbidden")
    assert refusal(sent(pair.reader, reply, {"text": ""})) == (422, "invalid")
    assert refusal(sent(pair.reader, "/v1/reviews/rev_none/reply", {"text": "x"})) == (404, "not_found")
    replied = sent(pair.reader, reply, {"text": "Come again."})
    assert (replied.status, replied.json["reply"]["text"]) == (201, "Come again.")
    assert sent(pair.reader, reply, {"text": "Come again."}).json == replied.json
    assert refusal(sent(pair.reader, reply, {"text": "Or not."})) == (409, "already_done")

    listed = Phone(stage.api()).api.get(f"/v1/readers/{pair.reader.id}/reviews")
    assert listed == {"items": [replied.json], "next_cursor": None}

    stage.admin("reviews", "remove", review.json["id"], *WHY)
    assert pair.client.api.get(f"/v1/readers/{pair.reader.id}/reviews")["items"] == []
    assert rating(pair) == (None, 0)
    assert refusal(sent(pair.client, path(pair, "review"), said)) == (409, "already_done")
    assert refusal(sent(pair.reader, reply, {"text": "Come again."})) == (404, "not_found")
    pair.part()


def test_reviews_come_in_pages_newest_first(stage: Stage) -> None:
    reader = stage.reader()
    ids = []
    for stars in (3, 5):
        pair = Pair(stage, stage.client(500), reader)
        reader.api.put("/v1/reader/presence", {"status": "online"})
        pair.begin()
        pair.hang_up()
        pair.client.do("end")
        ids.append(pair.client.api.post(path(pair, "review"), {"rating": stars})["id"])
        pair.client.api.close()
    one = stage.client().api
    reviews = f"/v1/readers/{reader.id}/reviews"
    first = one.get(f"{reviews}?limit=1")
    second = one.get(f"{reviews}?limit=1&cursor={first['next_cursor']}")
    assert [first["items"][0]["id"], second["items"][0]["id"]] == ids[::-1]
    assert one.get(f"/v1/readers/{reader.id}")["rating"] == 4.0
    other = stage.reader().id
    foreign = one.send("GET", f"/v1/readers/{other}/reviews?cursor={first['next_cursor']}")
    assert refusal(foreign) == (422, "invalid")
    for query in ("limit=0", "limit=101", "cursor=forged", "page=2"):
        assert refusal(one.send("GET", f"{reviews}?{query}")) == (422, "invalid")
    assert refusal(one.send("GET", "/v1/readers/nobody-of-this-name/reviews")) == (404, "not_found")


# --- notes ---------------------------------------------------------------------------------------


def test_a_note_on_a_reading_is_its_clients_alone(over: Pair, stranger: Phone) -> None:
    note = path(over, "note")
    assert over.client.api.get(note) == {"text": "", "updated_at": None}
    kept = over.client.api.put(note, {"text": "The river, again."})
    assert kept["text"] == "The river, again."
    assert over.client.api.get(note) == kept
    for phone in (over.reader, stranger):
        assert refusal(sent(phone, note, method="GET")) == (403, "forbidden")
        assert refusal(sent(phone, note, {"text": "x"}, method="PUT")) == (403, "forbidden")
    assert refusal(sent(over.client, f"{NOWHERE}/note", method="GET")) == (404, "not_found")
    assert refusal(sent(over.client, note, {"text": "x" * 5_001}, method="PUT")) == (422, "invalid")
    assert refusal(sent(over.client, note, {}, method="PUT")) == (422, "invalid")
    assert over.client.api.put(note, {"text": ""}) == {"text": "", "updated_at": None}
    assert over.client.api.get(note) == {"text": "", "updated_at": None}


def test_a_note_on_a_client_is_its_readers_alone(stage: Stage, over: Pair, never: Pair) -> None:
    note = f"/v1/reader/clients/{over.client.id}/note"
    kept = over.reader.api.put(note, {"text": "Prefers the morning."})
    assert over.reader.api.get(note) == kept
    assert refusal(sent(over.client, note, method="GET")) == (403, "forbidden")
    for client in (over.client.id, never.client.id, "usr_00000000000000000000000000"):
        for method, body in (("GET", None), ("PUT", {"text": "x"})):
            answer = sent(never.reader, f"/v1/reader/clients/{client}/note", body, method=method)
            assert refusal(answer) == (403, "forbidden"), "they never talked"
    assert over.reader.api.put(note, {"text": " "}) == {"text": "", "updated_at": None}


# --- satisfaction request ------------------------------------------------------------------------


def pending(stage: Stage, guarantee: str) -> list[Json]:
    rows: list[Json] = stage.admin("guarantees", "list")["rows"]
    return [row for row in rows if row["id"] == guarantee]


def test_a_granted_request_gives_the_client_the_cost_back_from_reader_and_platform(stage: Stage) -> None:
    pair = settled(stage)
    assert refusal(sent(pair.client, path(pair, "guarantee"), method="GET")) == (404, "not_found")
    asked = sent(pair.client, path(pair, "guarantee"), BODIES["guarantee"], key=False)
    assert asked.status == 201
    assert (asked.json["status"], asked.json["amount"]["amount"]) == ("pending", RATE)
    assert sent(pair.client, path(pair, "guarantee"), BODIES["guarantee"]).json == asked.json
    assert refusal(sent(pair.client, path(pair, "guarantee"), {"reason": "Else."})) == (409, "already_done")
    assert refusal(sent(pair.reader, path(pair, "guarantee"), method="GET")) == (403, "forbidden")
    guarantee = asked.json["id"]
    assert [row["amount"] for row in pending(stage, guarantee)] == [RATE]

    shown = stage.admin("guarantees", "grant", guarantee, *WHY[:2])
    assert shown["done"] is False
    assert (pair.client.credit(), earned(pair)) == (CREDIT - RATE, SHARE)
    for _ in range(2):
        stage.admin("guarantees", "grant", guarantee, *WHY)
        assert (pair.client.credit(), earned(pair)) == (CREDIT, 0)
    granted = pair.client.api.get(path(pair, "guarantee"))
    assert granted == asked.json | {"status": "granted", "decided_at": granted["decided_at"]}
    assert pending(stage, guarantee) == []
    assert pair.receipt()["total"]["amount"] == RATE

    pair.reader.api.put("/v1/reader/presence", {"status": "online"})
    pair.begin()
    pair.hang_up()
    pair.client.do("end")
    again = sent(pair.client, path(pair, "guarantee"), BODIES["guarantee"])
    assert refusal(again) == (409, "invalid_state"), "once in 30 days"
    pair.part()


def test_a_refused_request_moves_nothing(stage: Stage) -> None:
    pair = settled(stage)
    guarantee = pair.client.api.post(path(pair, "guarantee"), BODIES["guarantee"])["id"]
    stage.admin("guarantees", "refuse", guarantee, *WHY)
    assert pair.client.api.get(path(pair, "guarantee"))["status"] == "refused"
    assert (pair.client.credit(), earned(pair)) == (CREDIT - RATE, SHARE)
    with pytest.raises(AssertionError, match="already_done"):
        stage.admin("guarantees", "grant", guarantee, *WHY)
    pair.part()


def test_the_promises_are_what_the_rules_say(stage: Stage) -> None:
    promised: Any = Phone(stage.api()).api.get("/v1/meta/trust")["guarantee"]
    assert promised == {"most": {"amount": 2_500, "currency": "usd"}, "within_hours": 72, "once_in_days": 30}


# --- report --------------------------------------------------------------------------------------


def test_each_of_the_two_reports_once_and_moderators_see_it(stage: Stage, over: Pair) -> None:
    report = path(over, "report")
    said = {"reason": "scam", "text": "Asked for money elsewhere."}
    first = sent(over.client, report, said, key=False)
    assert (first.status, first.json["item"], first.json["reason"]) == (201, over.id, "scam")
    assert sent(over.client, report, said).json == first.json
    assert refusal(sent(over.client, report, said | {"reason": "abuse"})) == (409, "already_done")
    second = sent(over.reader, report, {"reason": "abuse"})
    assert second.status == 201
    rows = [row for row in stage.admin("moderation", "list", "--kind", "session")["rows"] if row["item"] == over.id]
    assert [row["author"] for row in rows] == [over.reader.id, over.client.id], "each complains of the other"
    for guessed in (first.json["id"], f"gua_{over.id[4:]}"):
        assert refusal(sent(over.client, f"/v1/sessions/{guessed}", method="GET")) == (404, "not_found")
